{{- /*
The sibling charts share this file and most others, byte for byte (a test holds
that). In the umbrella chart a definition exists once, whichever chart it comes
from, so what differs is looked up by the chart's name: "chat.env", "chat.kind"
and so on are in _chat.tpl.
*/ -}}

{{- define "service.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "service.fullname" -}}
{{- $name := include "service.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "service.selectorLabels" -}}
app.kubernetes.io/name: {{ include "service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "service.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "service.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: daca
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with merge (dict) .Values.commonLabels (default dict (.Values.global).commonLabels) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "service.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "service.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "service.image" -}}
{{- with (.Values.global).imageRegistry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* A value as an environment variable has it: Helm reads every number as a
float, and would print 1048576 as 1.048576e+06. */ -}}
{{- define "service.text" -}}
{{- if kindIs "float64" . }}{{ int64 . | quote }}{{ else }}{{ . | toString | quote }}{{ end }}
{{- end }}

{{- /* What the sidecar injector reads. */ -}}
{{- define "service.daprAnnotations" -}}
{{- with .Values.dapr -}}
dapr.io/enabled: "true"
dapr.io/app-id: {{ .appId | quote }}
dapr.io/app-port: {{ $.Values.containerPort | quote }}
dapr.io/app-protocol: http
{{- with .config }}
dapr.io/config: {{ . | quote }}
{{- end }}
dapr.io/log-level: {{ .logLevel | quote }}
dapr.io/log-as-json: {{ .logAsJson | quote }}
dapr.io/enable-api-logging: {{ .apiLogging | quote }}
dapr.io/enable-metrics: {{ .metrics.enabled | quote }}
dapr.io/metrics-port: {{ .metrics.port | quote }}
{{- with .image }}
dapr.io/sidecar-image: {{ . | quote }}
{{- end }}
{{- with .resources.requests.cpu }}
dapr.io/sidecar-cpu-request: {{ . | quote }}
{{- end }}
{{- with .resources.requests.memory }}
dapr.io/sidecar-memory-request: {{ . | quote }}
{{- end }}
{{- with .resources.limits.cpu }}
dapr.io/sidecar-cpu-limit: {{ . | quote }}
{{- end }}
{{- with .resources.limits.memory }}
dapr.io/sidecar-memory-limit: {{ . | quote }}
{{- end }}
{{- with .seccompProfileType }}
dapr.io/sidecar-seccomp-profile-type: {{ . | quote }}
{{- end }}
dapr.io/disable-builtin-k8s-secret-store: {{ .disableBuiltinSecretStore | quote }}
{{- if gt (int .appMaxConcurrency) 0 }}
dapr.io/app-max-concurrency: {{ .appMaxConcurrency | quote }}
{{- end }}
{{- with .disableInitEndpoints }}
dapr.io/disable-init-endpoints: {{ . | quote }}
{{- end }}
{{- if .appHealthCheck.enabled }}
dapr.io/enable-app-health-check: "true"
dapr.io/app-health-check-path: {{ .appHealthCheck.path | quote }}
dapr.io/app-health-probe-interval: {{ .appHealthCheck.intervalSeconds | quote }}
dapr.io/app-health-probe-timeout: {{ .appHealthCheck.timeoutMilliseconds | int64 | quote }}
dapr.io/app-health-threshold: {{ .appHealthCheck.threshold | quote }}
{{- end }}
dapr.io/enable-native-sidecar: {{ .nativeSidecar | quote }}
dapr.io/graceful-shutdown-seconds: {{ .gracefulShutdownSeconds | quote }}
{{- if .blockShutdownDuration }}
dapr.io/block-shutdown-duration: {{ .blockShutdownDuration | quote }}
{{- else if not .nativeSidecar }}
dapr.io/block-shutdown-duration: {{ printf "%ds" (add $.Values.preStopSeconds $.Values.shutdownDelaySeconds $.Values.shutdownGraceSeconds) | quote }}
{{- end }}
{{- with .apiTokenSecret }}
dapr.io/api-token-secret: {{ . | quote }}
{{- end }}
{{- with .appTokenSecret }}
dapr.io/app-token-secret: {{ . | quote }}
{{- end }}
{{- with .annotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
