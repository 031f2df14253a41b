{{/* The rights in each watched namespace, or in all. deploy/namespace and deploy/cluster have the same. */}}
{{- define "image-watcher.rules" -}}
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch, patch]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, patch]
# How the run after an update ended.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list]
# Argo Rollouts; without it the cluster has no such objects, and the rule means nothing.
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* Rights in all of the cluster that few need, by the value that grants each. deploy/nodes and the like have the same. */}}
{{- define "image-watcher.optIn" -}}
nodes:
  apiGroups: [""]
  resources: [nodes]
  verbs: [list]
identity:
  apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
readNamespaces:
  apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, watch]
tokenReviews:
  apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
{{- end }}

{{/* What the Lease is called, by the names of the buckets: src/cluster/lease has the same. */}}
{{- define "image-watcher.lease" -}}
{{- $buckets := .Values.config.natsBucket | default "image-watcher" | toString -}}
{{- range .Values.extraEnv -}}
{{- if and (eq .name "IMAGE_WATCHER_NATS_BUCKET") .value -}}
{{- $buckets = .value | toString -}}
{{- end -}}
{{- end -}}
{{- if eq $buckets "image-watcher" -}}
image-watcher
{{- else if regexMatch "^[a-z0-9-]*[a-z0-9]$" $buckets -}}
image-watcher-{{ $buckets }}
{{- else -}}
image-watcher-{{ $buckets | lower | replace "_" "-" }}-{{ sha256sum $buckets | trunc 8 }}
{{- end -}}
{{- end }}

{{/* Who of several replicas does what one has to do alone. deploy/replicas has the same. */}}
{{- define "image-watcher.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ prepend .Values.rbac.leases (include "image-watcher.lease" .) | uniq | join ", " }}]
  verbs: [get, update]
{{- end }}

{{/* A binding: the root, its kind, its metadata's name and namespace, the role's kind and name. */}}
{{- define "image-watcher.binding" -}}
{{- $root := index . 0 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ index . 1 }}
metadata:
  {{- include "image-watcher.metadata" (list $root (index . 2) (index . 3) dict dict) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ index . 4 }}
  name: {{ index . 2 }}
subjects:
  - kind: ServiceAccount
    name: {{ include "image-watcher.serviceAccountName" $root }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}
