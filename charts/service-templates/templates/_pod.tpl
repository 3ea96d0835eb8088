{{- define "service.podTemplate" -}}
metadata:
  labels:
    {{- include "service.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .Chart.Name }}
    {{- if .Values.dapr.enabled }}
    {{- include "service.daprAnnotations" . | nindent 4 }}
    {{- end }}
    {{- with include (printf "%s.annotations" .Chart.Name) . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with (.suite).resources }}
    checksum/dapr-resources: {{ . }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "service.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
  enableServiceLinks: false
  {{- with concat (default list (.Values.global).imagePullSecrets) .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  # Longer than the stop can take: the pause, the grace, and the sidecar's own.
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds | default (add .Values.preStopSeconds .Values.shutdownDelaySeconds (include "service.graceSeconds" . | int) 15) }}
  {{- if and .Values.dapr.enabled (.suite).waitFor }}
  initContainers:
    # A sidecar ends when it cannot reach its components. The injector puts it behind
    # this container, or beside the service.
    - name: wait
      image: {{ include "service.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [check{{ range .suite.waitFor }}, "tcp://{{ . }}"{{ end }}]
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
  {{- end }}
  containers:
    - name: {{ .Chart.Name }}
      image: {{ include "service.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      ports:
        - name: http
          containerPort: {{ .Values.containerPort }}
          protocol: TCP
      env:
        - name: PORT
          value: {{ .Values.containerPort | quote }}
        - name: SHUTDOWN_DELAY
          value: {{ printf "%ds" (int .Values.shutdownDelaySeconds) }}
        - name: SHUTDOWN_GRACE
          value: {{ printf "%ds" (include "service.graceSeconds" . | int) }}
        {{- with include "service.goMemLimit" .Values.resources }}
        - name: GOMEMLIMIT
          value: {{ . }}
        {{- end }}
        {{- with include "service.goMaxProcs" .Values.resources }}
        - name: GOMAXPROCS
          value: {{ . | quote }}
        {{- end }}
        {{- with include (printf "%s.env" .Chart.Name) . }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- range $name, $value := .Values.config }}
        - name: {{ $name }}
          value: {{ include "service.text" $value }}
        {{- end }}
        {{- if .Values.dapr.apiTokenSecret }}
        - name: DAPR_API_TOKEN
          valueFrom:
            secretKeyRef:
              name: {{ .Values.dapr.apiTokenSecret }}
              key: token
        {{- end }}
        {{- with include "service.appTokenSecret" . }}
        - name: APP_API_TOKEN
          valueFrom:
            secretKeyRef:
              name: {{ . }}
              key: token
        {{- end }}
        {{- with .Values.extraEnvs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.startupProbe }}
      startupProbe:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.livenessProbe }}
      livenessProbe:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.readinessProbe }}
      readinessProbe:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .Values.preStopSeconds }}
      lifecycle:
        # Serve on until nobody sends requests here any more.
        preStop:
          sleep:
            seconds: {{ .Values.preStopSeconds }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      {{- $mounts := concat (include (printf "%s.volumeMounts" .Chart.Name) . | fromYamlArray) .Values.extraVolumeMounts }}
      {{- with $mounts }}
      volumeMounts:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- $volumes := concat (include (printf "%s.volumes" .Chart.Name) . | fromYamlArray) .Values.extraVolumes }}
  {{- with $volumes }}
  volumes:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "service.scheduling" .Values }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{- toYaml . | nindent 6 }}
      {{- if not .labelSelector }}
      labelSelector:
        matchLabels:
          {{- include "service.selectorLabels" $ | nindent 10 }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
{{- end }}

{{- /*
Prints a value for an environment variable. Helm reads every number as a float,
and would print 1048576 as 1.048576e+06.
*/ -}}
{{- define "service.text" -}}
{{- if kindIs "float64" . }}{{ int64 . | quote }}{{ else }}{{ . | toString | quote }}{{ end }}
{{- end }}

{{- /*
Prints how much memory the Go runtime should stay below: nine tenths of the memory
limit in the resources of a container, or nothing if there is none.
*/ -}}
{{- define "service.goMemLimit" -}}
{{- $limit := dig "limits" "memory" "" . }}
{{- $text := ternary (printf "%.0f" $limit) (toString $limit) (kindIs "float64" $limit) }}
{{- $number := regexFind "^[0-9.]+" $text }}
{{- $units := dict "Ki" 1 "Mi" 1024 "Gi" 1048576 "Ti" 1073741824 "k" 0.9765625 "M" 976.5625 "G" 976562.5 "T" 976562500 "" 0.0009765625 }}
{{- $unit := trimPrefix $number $text }}
{{- if and $number (hasKey $units $unit) }}
{{- printf "%dKiB" (mulf 0.9 (float64 $number) (index $units $unit) | floor | int64) }}
{{- end }}
{{- end }}

{{- /* The whole cores of a CPU limit above one. Otherwise nothing: a service uses one. */ -}}
{{- define "service.goMaxProcs" -}}
{{- $limit := dig "limits" "cpu" "" . | toString }}
{{- $cores := trimSuffix "m" $limit | float64 }}
{{- if hasSuffix "m" $limit }}
{{- $cores = divf $cores 1000 }}
{{- end }}
{{- if gt $cores 1.0 }}
{{- ceil $cores }}
{{- end }}
{{- end }}

{{- /* Where a pod may run, by the values nodeSelector, affinity and tolerations. */ -}}
{{- define "service.scheduling" -}}
{{- $chosen := list }}
{{- range $name := list "nodeSelector" "affinity" "tolerations" }}
{{- with index $ $name }}
{{- $chosen = append $chosen (printf "%s:\n%s" $name (toYaml . | indent 2)) }}
{{- end }}
{{- end }}
{{- join "\n" $chosen }}
{{- end }}

{{- /* How long requests in flight have to end at a stop. */ -}}
{{- define "service.graceSeconds" -}}
{{- .Values.shutdownGraceSeconds | default (include (printf "%s.graceSeconds" .Chart.Name) .) }}
{{- end }}

{{- /* The whole seconds of a duration as Go writes it, such as 1m30s, rounded up. */ -}}
{{- define "service.seconds" -}}
{{- $total := 0.0 }}
{{- $units := dict "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001 }}
{{- range regexFindAll "[0-9.]+(ms|[hms])" . -1 }}
{{- $total = addf $total (mulf (regexFind "[0-9.]+" . | float64) (get $units (regexFind "[a-z]+" .))) }}
{{- end }}
{{- ceil $total | int }}
{{- end }}
