{{- define "daca.redis.name" -}}{{ .Release.Name }}-redis{{- end }}

{{- define "daca.model.name" -}}{{ .Release.Name }}-model{{- end }}

{{- /* The templates for labels take (dict "root" $ "part" "redis"). */ -}}
{{- define "daca.selectorLabels" -}}
app.kubernetes.io/name: {{ .part }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- /* These do not have the version of the chart: a new version would restart Redis. */ -}}
{{- define "daca.podLabels" -}}
{{ include "daca.selectorLabels" . }}
app.kubernetes.io/part-of: daca
{{- with .root.Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Of a pod: (dict "part" (what the labels take) "annotations" .podAnnotations). */ -}}
{{- define "daca.podMetadata" -}}
labels:
  {{- include "daca.podLabels" .part | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "daca.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{ include "daca.podLabels" . }}
{{- end }}

{{- define "daca.image" -}}
{{- with .root.Values.global.imageRegistry }}{{ . }}/{{ end -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- /* Prints "yes" if the offline model answers, and nothing otherwise. */ -}}
{{- define "daca.model.offline" -}}
{{- with .Values.chat.model }}
{{- if not (or .apiKey .existingSecret .baseURL) }}yes{{ end }}
{{- end }}
{{- end }}

{{- /*
A name that the chart of a service uses: (dict "root" $ "chart" "chat" "what"
"fullname").
*/ -}}
{{- define "daca.of" -}}
{{ include (printf "service.%s" .what) (dict "Values" (index .root.Values .chart) "Chart" (dict "Name" .chart) "Release" .root.Release) }}
{{- end }}

{{- /* Prints "yes" if the state store or the broker is Redis, and nothing otherwise. */ -}}
{{- define "daca.redis.used" -}}
{{- if not (and .Values.dapr.statestore.type .Values.dapr.pubsub.type) }}yes{{ end }}
{{- end }}

{{- /* Prints "yes" if the chart installs a Redis, and nothing otherwise. */ -}}
{{- define "daca.redis.installed" -}}
{{- if .Values.redis.enabled }}{{ include "daca.redis.used" . }}{{ end }}
{{- end }}

{{- /* The component that delivers a topic: (dict "root" $ "topic" "messages"). */ -}}
{{- define "daca.receiver" -}}
pubsub{{ if .root.Values.dapr.pubsub.perTopic.enabled }}-{{ .topic }}{{ end }}
{{- end }}

{{- define "daca.redis.host" -}}
{{- if .Values.redis.enabled -}}
{{ include "daca.redis.name" . }}:6379
{{- else -}}
{{ .Values.redis.host }}
{{- end }}
{{- end }}

{{- define "daca.redis.secret" -}}
{{ .Values.redis.auth.existingSecret | default (include "daca.redis.name" .) }}
{{- end }}

{{- /* The metadata by which a Component reaches Redis. */ -}}
{{- define "daca.redis.metadata" -}}
- name: redisHost
  value: {{ include "daca.redis.host" . | quote }}
{{- if .Values.redis.auth.enabled }}
- name: redisPassword
  secretKeyRef:
    name: {{ include "daca.redis.secret" . }}
    key: {{ .Values.redis.auth.existingSecretKey }}
{{- else }}
- name: redisPassword
  value: ""
{{- end }}
{{- with .Values.redis.username }}
- name: redisUsername
  value: {{ . | quote }}
{{- end }}
{{- with .Values.redis.database }}
- name: redisDB
  value: {{ . | toString | quote }}
{{- end }}
{{- if .Values.redis.tls }}
- name: enableTLS
  value: "true"
{{- end }}
{{- end }}
