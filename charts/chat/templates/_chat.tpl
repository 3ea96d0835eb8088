{{- /*
What charts/service-templates looks up by the name of this chart.

Chat is a StatefulSet, because each replica has a spool of its own: a bbolt file,
which only one process can open, with the events of answered messages that are not
published yet. A replica that comes back under its name finds its volume, and
publishes them.
*/ -}}
{{- define "chat.kind" -}}StatefulSet{{- end }}

{{- define "chat.secretName" -}}
{{- .Values.model.existingSecret | default (printf "%s-model" (include "service.fullname" .)) }}
{{- end }}

{{- /* The Secret with the MCP servers, or nothing. */ -}}
{{- define "chat.mcpSecretName" -}}
{{- if .Values.mcp.existingSecret }}{{ .Values.mcp.existingSecret }}
{{- else if .Values.mcp.servers }}{{ include "service.fullname" . }}-mcp{{ end }}
{{- end }}

{{- /* The checksums restart the pods when what is in their Secrets changes. */ -}}
{{- define "chat.annotations" -}}
{{- with .Values.model.apiKey -}}
checksum/model-key: {{ sha256sum . }}
{{ end }}
{{- with .Values.mcp.servers -}}
checksum/mcp-servers: {{ toJson . | sha256sum }}
{{- end }}
{{- end }}

{{- define "chat.env" -}}
{{- $model := .Values.model -}}
{{- $given := or $model.apiKey $model.existingSecret $model.baseURL -}}
- name: ANALYTICS_APP_ID
  value: {{ .Values.analyticsAppId | quote }}
- name: SPOOL_PATH
  value: {{ .Values.spool.path | quote }}
# The page shows the commands that reach the services.
- name: CLUSTER_NAMESPACE
  value: {{ .Release.Namespace | quote }}
- name: CLUSTER_CHAT
  value: "{{ include "service.fullname" . }}:{{ .Values.service.port }}"
{{- with (.suite).analytics }}
- name: CLUSTER_ANALYTICS
  value: {{ .service | quote }}
{{- with .adminSecret }}
- name: CLUSTER_ADMIN_SECRET
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- if or $model.apiKey $model.existingSecret }}
- name: {{ ternary "GEMINI_API_KEY" "OPENAI_API_KEY" (eq $model.provider "gemini") }}
  valueFrom:
    secretKeyRef:
      name: {{ include "chat.secretName" . }}
      key: {{ $model.existingSecretKey }}
{{- end }}
{{- if $model.baseURL }}
{{- if eq $model.provider "gemini" }}
{{- fail "model.baseURL and model.provider=gemini exclude each other: with Gemini's OpenAI-compatible URL, leave the provider at openai" }}
{{- end }}
- name: OPENAI_BASE_URL
  value: {{ tpl $model.baseURL . | quote }}
{{- else if and (not $given) $model.offlineURL }}
- name: OPENAI_BASE_URL
  value: {{ tpl $model.offlineURL . | quote }}
{{- else if not $given }}
{{- fail "chat needs a model: give model.existingSecret (or model.apiKey) for OpenAI, with model.provider=gemini for Gemini, or model.baseURL for another server of OpenAI's protocol" }}
{{- end }}
{{- if $model.name }}
- name: OPENAI_MODEL
  value: {{ $model.name | quote }}
{{- else if not $given }}
- name: OPENAI_MODEL
  value: offline
{{- end }}
{{- with .Values.v1.existingSecret }}
- name: V1_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.v1.existingSecretKey }}
{{- end }}
{{- with include "chat.mcpSecretName" . }}
- name: MCP_CONFIG
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.mcp.existingSecretKey }}
{{- end }}
{{- end }}

{{- /* As long as the longest answer takes, see longestAnswer in services/chat/config.go. */ -}}
{{- define "chat.graceSeconds" -}}
{{- $config := .Values.config | default dict }}
{{- $sum := 4 }}
{{- $sum = add $sum (include "service.seconds" ($config.CHAT_TIMEOUT | default "120s")) }}
{{- $sum = add $sum (include "service.seconds" ($config.ANALYTICS_TIMEOUT | default "2s")) }}
{{- add $sum (mul 2 (include "service.seconds" ($config.PUBLISH_BUDGET | default "2s"))) }}
{{- end }}

{{- define "chat.appTokenSecret" }}{{ end }}

{{- define "chat.volumeMounts" -}}
- name: spool
  mountPath: {{ dir .Values.spool.path }}
{{- end }}

{{- define "chat.volumes" -}}
{{- if not .Values.spool.persistence.enabled -}}
- name: spool
  emptyDir: {}
{{- end }}
{{- end }}

{{- define "chat.workload" -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "service.fullname" . }}
  labels:
    {{- include "service.labels" . | nindent 4 }}
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicaCount }}
  {{- end }}
  serviceName: {{ include "service.fullname" . }}
  podManagementPolicy: Parallel
  minReadySeconds: {{ .Values.minReadySeconds }}
  selector:
    matchLabels:
      {{- include "service.selectorLabels" . | nindent 6 }}
  template:
    {{- include "service.podTemplate" . | nindent 4 }}
  {{- if .Values.spool.persistence.enabled }}
  # Kept when replicas go: there may be events in it.
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: Retain
    whenScaled: Retain
  volumeClaimTemplates:
    - metadata:
        name: spool
        labels:
          {{- include "service.selectorLabels" . | nindent 10 }}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .Values.spool.persistence.storageClassName }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources:
          requests:
            storage: {{ .Values.spool.persistence.size }}
  {{- end }}
{{- end }}
