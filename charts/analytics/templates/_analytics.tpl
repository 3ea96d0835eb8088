{{- /* What charts/service-templates looks up by the name of this chart. */ -}}
{{- define "analytics.kind" -}}Deployment{{- end }}

{{- define "analytics.annotations" }}{{ end }}

{{- define "analytics.env" }}{{ end }}

{{- define "analytics.volumeMounts" -}}[]{{- end }}

{{- define "analytics.volumes" -}}[]{{- end }}
