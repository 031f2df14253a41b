{{/* A map that was set to null is not there any more. Where it only switches something on it is as if it were empty; the others
are needed, and rendering ends with what to do. Each template begins with this, as Helm renders them in an order of its own. */}}
{{- define "image-watcher.whole" -}}
{{- range $key := list "image" "serviceAccount" "rbac" "service" "persistence" -}}
{{- if not (kindIs "map" (index $.Values $key)) -}}
{{- fail (printf "%s is null: leave it out to have what values.yaml says, or set single keys of it" $key) -}}
{{- end -}}
{{- end -}}
{{- if not .Values.rbac.scope -}}
{{- fail "rbac.scope is null: leave it out, or set it to cluster or namespaced" -}}
{{- end -}}
{{- range $key := list "strategy" "podDisruptionBudget" "networkPolicy" "ingress" "httpRoute" "metrics" "config" -}}
{{- $_ := set $.Values $key (index $.Values $key | default dict) -}}
{{- end -}}
{{- range $key := list "service" "serviceMonitor" "podMonitor" "prometheusRule" "grafanaDashboard" -}}
{{- $_ := set $.Values.metrics $key (index $.Values.metrics $key | default dict) -}}
{{- end -}}
{{- end }}
