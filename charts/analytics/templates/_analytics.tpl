{{- define "analytics.kind" -}}Deployment{{- end }}

{{- define "analytics.annotations" }}{{ end }}

{{- define "analytics.env" }}{{ end }}

{{- define "analytics.volumeMounts" -}}[]{{- end }}

{{- define "analytics.volumes" -}}[]{{- end }}
