{{- /*
The Deployment or StatefulSet of a service, which its chart defines.

In the suite, charts/daca renders it, since a chart does not see the values of the
chart that it is part of. It adds .suite, with what the pods of the service depend
on:

  resources  checksum of the Dapr resources: a change of them replaces the pods,
             whose sidecars do not read them again
  waitFor    addresses (host:port) without which the sidecar cannot start
  analytics  its Service with the port, and the Secret with the operators' token
*/ -}}
{{- define "service.workload" -}}
{{- if not (regexMatch "(^|/)daca/charts/" .Template.BasePath) -}}
{{ include (printf "%s.workload" .Chart.Name) . }}
{{- end }}
{{- end }}
