{{- /* What charts/service-templates looks up by the name of this chart. */ -}}
{{- define "analytics.kind" -}}Deployment{{- end }}

{{- define "analytics.annotations" }}{{ end }}

{{- define "analytics.env" -}}
{{- with include "analytics.adminTokenSecret" . -}}
- name: ADMIN_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: token
{{- end }}
{{- end }}

{{- define "analytics.appTokenSecret" -}}
{{- if .Values.tokens.enabled }}{{ include "service.fullname" . }}-app-token{{ end }}
{{- end }}

{{- /* The Secret with the token of the operators, or nothing. */ -}}
{{- define "analytics.adminTokenSecret" -}}
{{- if .Values.tokens.adminSecret }}{{ .Values.tokens.adminSecret }}
{{- else if .Values.tokens.enabled }}{{ include "service.fullname" . }}-admin-token{{ end }}
{{- end }}

{{- define "analytics.volumeMounts" -}}[]{{- end }}

{{- define "analytics.volumes" -}}[]{{- end }}

{{- define "analytics.workload" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "service.fullname" . }}
  labels:
    {{- include "service.labels" . | nindent 4 }}
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicaCount }}
  {{- end }}
  minReadySeconds: {{ .Values.minReadySeconds }}
  strategy:
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "service.selectorLabels" . | nindent 6 }}
  template:
    {{- include "service.podTemplate" . | nindent 4 }}
{{- end }}

{{- define "analytics.graceSeconds" }}10{{ end }}
