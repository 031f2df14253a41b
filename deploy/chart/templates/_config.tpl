{{- define "image-watcher.publicPort" -}}
{{ .Values.config.port | default 3000 | int }}
{{- end }}

{{- define "image-watcher.adminPort" -}}
{{ .Values.config.adminPort | default 9090 | int }}
{{- end }}

{{- define "image-watcher.data" -}}
{{ .Values.config.data | default "/data" }}
{{- end }}

{{/* The path of config.baseUrl, without a slash at its end. */}}
{{- define "image-watcher.basePath" -}}
{{- with .Values.config.baseUrl -}}
{{ (urlParse .).path | default "" | trimSuffix "/" }}
{{- end -}}
{{- end }}

{{/* Hosts that are reachable from outside, as JSON: those of a list, or the one of config.baseUrl. */}}
{{- define "image-watcher.hosts" -}}
{{- $root := index . 0 -}}
{{- $hosts := index . 1 -}}
{{- if and (not $hosts) $root.Values.config.baseUrl -}}
{{- $hosts = list (regexReplaceAll ":[0-9]+$" (urlParse $root.Values.config.baseUrl).host "") -}}
{{- end -}}
{{ toJson $hosts }}
{{- end }}

{{/* Paths of these routes, as JSON. */}}
{{- define "image-watcher.paths" -}}
{{- $base := include "image-watcher.basePath" (index . 0) -}}
{{- $all := (index . 0).Files.Get "files/routes.yaml" | fromYaml -}}
{{- $paths := list -}}
{{- range $route := index . 1 -}}
{{- range index $all $route -}}
{{- $paths = append $paths (dict "path" (printf "%s%s" (ternary "" $base .root) .path) "exact" .exact) -}}
{{- end -}}
{{- end -}}
{{ toJson $paths }}
{{- end }}

{{/* The namespaces of scope namespaced, as JSON. */}}
{{- define "image-watcher.namespaces" -}}
{{ .Values.rbac.namespaces | default (list .Release.Namespace) | uniq | toJson }}
{{- end }}

{{- define "image-watcher.env" -}}
{{- if eq .Values.rbac.scope "namespaced" }}
- name: IMAGE_WATCHER_NAMESPACES
  value: {{ include "image-watcher.namespaces" . | fromJsonArray | join "," | quote }}
{{- end }}
{{- if .Values.config }}
- name: IMAGE_WATCHER_CONFIG
  value: /etc/image-watcher/config.yaml
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "image-watcher.envFrom" -}}
{{- with .Values.existingSecret }}
- secretRef:
    name: {{ . }}
{{- end }}
{{- with .Values.extraEnvFrom }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "image-watcher.volumeMounts" -}}
- name: data
  mountPath: {{ include "image-watcher.data" . }}
{{- if .Values.config }}
- name: config
  mountPath: /etc/image-watcher
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "image-watcher.configVolume" -}}
{{- if .Values.config }}
- name: config
  configMap:
    name: {{ include "image-watcher.fullname" . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Whether something of the Prometheus Operator is rendered: "yes" or nothing. */}}
{{- define "image-watcher.operator" -}}
{{- $root := index . 0 -}}
{{- $part := index . 1 -}}
{{- $there := $root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1" -}}
{{- if $part.enabled -}}
{{- if or $there (eq $part.renderMode "alwaysRender") -}}
yes
{{- else if eq $part.renderMode "failIfMissing" -}}
{{- fail (printf "%s is enabled, and this cluster has no monitoring.coreos.com/v1: install the Prometheus Operator first, or set renderMode to skipIfMissing" (index . 2)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Whether the queue stands on NATS: "yes" or nothing. */}}
{{- define "image-watcher.onNats" -}}
{{- if regexMatch "^(nats|tls)://" (.Values.config.queue | default "" | toString) -}}
yes
{{- end -}}
{{- end }}

{{/* Whether the key of links may come from a Secret: "yes" or nothing. What stands in one is not known here. */}}
{{- define "image-watcher.hasLinkKey" -}}
{{- $found := or .Values.existingSecret .Values.extraEnvFrom .Values.config.linkKeyFile -}}
{{- range .Values.extraEnv -}}
{{- if has .name (list "IMAGE_WATCHER_LINK_KEY" "IMAGE_WATCHER_LINK_KEY_FILE") -}}
{{- $found = true -}}
{{- end -}}
{{- end -}}
{{- if $found -}}
yes
{{- end -}}
{{- end }}

{{/* How an old pod makes way for a new one: on NATS after it, without it before. */}}
{{- define "image-watcher.strategy" -}}
{{- if .Values.strategy.type -}}
{{ toYaml .Values.strategy }}
{{- else if include "image-watcher.onNats" . -}}
type: RollingUpdate
rollingUpdate:
  maxUnavailable: 0
  maxSurge: 1
{{- else -}}
type: Recreate
{{- end -}}
{{- end }}

{{/* Replicas on different nodes, as far as there are some; what is said of it counts instead. */}}
{{- define "image-watcher.spread" -}}
{{- if .Values.topologySpreadConstraints -}}
{{ toYaml .Values.topologySpreadConstraints }}
{{- else if gt (int .Values.replicaCount) 1 -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "image-watcher.selectorLabels" . | nindent 6 }}
{{- end -}}
{{- end }}

{{/* The claim that is mounted: none where the queue stands on NATS, unless one is named. */}}
{{- define "image-watcher.claim" -}}
{{- if .Values.persistence.enabled -}}
{{- if .Values.persistence.existingClaim -}}
{{ .Values.persistence.existingClaim }}
{{- else if not (include "image-watcher.onNats" .) -}}
{{ include "image-watcher.fullname" . }}
{{- end -}}
{{- end -}}
{{- end }}
