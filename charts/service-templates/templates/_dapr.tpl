{{- /* The annotations of a pod that the sidecar injector reads. */ -}}
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
{{- with .disableInitEndpoints }}
dapr.io/disable-init-endpoints: {{ . | quote }}
{{- end }}
dapr.io/enable-native-sidecar: {{ .nativeSidecar | quote }}
dapr.io/graceful-shutdown-seconds: {{ .gracefulShutdownSeconds | quote }}
{{- if .blockShutdownDuration }}
dapr.io/block-shutdown-duration: {{ .blockShutdownDuration | quote }}
{{- else if not .nativeSidecar }}
dapr.io/block-shutdown-duration: {{ printf "%ds" (add $.Values.preStopSeconds $.Values.shutdownDelaySeconds (include "service.graceSeconds" $ | int)) | quote }}
{{- end }}
{{- with .apiTokenSecret }}
dapr.io/api-token-secret: {{ . | quote }}
{{- end }}
{{- with include "service.appTokenSecret" $ }}
dapr.io/app-token-secret: {{ . | quote }}
{{- end }}
{{- with .annotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The Secret with the token that the sidecar sends to the service, or nothing. */ -}}
{{- define "service.appTokenSecret" -}}
{{- .Values.dapr.appTokenSecret | default (include (printf "%s.appTokenSecret" .Chart.Name) .) }}
{{- end }}
