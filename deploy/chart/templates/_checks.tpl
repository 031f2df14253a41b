{{/* What the schema can't say. Each ends the rendering with what to set. */}}
{{- define "image-watcher.checks" -}}
{{- range $key := list "natsPassword" "natsCredentials" "natsNkey" "natsCertificate" "natsKey" "linkKey" "smtpUrl" "slackUrl" "slackBotToken" "slackSigningSecret" "discordUrl" "telegramToken" "teamsUrl" "webhookSecret" "githubToken" "openAiKey" -}}
{{- if hasKey $.Values.config $key -}}
{{- fail (printf "config.%s would be a secret in a ConfigMap: name its file in config.%sFile, or put its variable into a Secret and name it in existingSecret" $key $key) -}}
{{- end -}}
{{- end -}}
{{- $nats := include "image-watcher.onNats" . -}}
{{- if and (gt (int .Values.replicaCount) 1) (not $nats) -}}
{{- fail (printf "replicaCount is %d, and a queue in a file has one owner: name the servers of NATS in config.queue, or set replicaCount to 1" (int .Values.replicaCount)) -}}
{{- end -}}
{{- if not (regexMatch "^(sqlite$|nats://|tls://)" (.Values.config.queue | default "sqlite" | toString)) -}}
{{- fail (printf "config.queue is %v: leave it out, or name the servers of NATS as nats://host:4222" .Values.config.queue) -}}
{{- end -}}
{{- if and $nats (not (include "image-watcher.hasLinkKey" .)) -}}
{{- fail "config.queue is on NATS, and no replica may sign links with a key of its own: put IMAGE_WATCHER_LINK_KEY into a Secret and name it in existingSecret, or its file in config.linkKeyFile" -}}
{{- end -}}
{{- if and (eq (.Values.strategy.type | default "") "RollingUpdate") (not $nats) -}}
{{- fail "strategy.type is RollingUpdate, and a queue in a file has one owner, so that the new pod would wait for the old one for ever: set strategy.type to Recreate" -}}
{{- end -}}
{{- if and (eq .Values.rbac.scope "cluster") .Values.rbac.namespaces -}}
{{- fail "rbac.namespaces belongs to rbac.scope: namespaced; with rbac.scope: cluster set config.namespaces to watch only some" -}}
{{- end -}}
{{- if and (eq .Values.rbac.scope "namespaced") .Values.config.namespaces -}}
{{- fail "config.namespaces and rbac.scope: namespaced say the same: leave config.namespaces out, and name them in rbac.namespaces" -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- $key := get (dict "PORT" "port" "ADMIN_PORT" "adminPort" "IMAGE_WATCHER_DATA" "data") (.name | toString) -}}
{{- if $key -}}
{{- fail (printf "extraEnv sets %s, which probes, Services and mounts know nothing of: set config.%s" .name $key) -}}
{{- end -}}
{{- end -}}
{{- $admin := include "image-watcher.adminPort" . | int -}}
{{- if or (eq (int .Values.service.port) $admin) (eq (include "image-watcher.publicPort" . | int) $admin) -}}
{{- fail (printf "%d is the private port, with health and metrics: service and config.port need another one, as what is reachable from outside is the public port alone" $admin) -}}
{{- end -}}
{{- range $part := list "ingress" "httpRoute" -}}
{{- $values := index $.Values $part -}}
{{- if $values.enabled -}}
{{- $key := ternary "hosts" "hostnames" (eq $part "ingress") -}}
{{- if not (include "image-watcher.hosts" (list $ (index $values $key)) | fromJsonArray) -}}
{{- fail (printf "%s.enabled needs a host: set config.baseUrl, which links begin with, or %s.%s" $part $part $key) -}}
{{- end -}}
{{- if not $values.routes -}}
{{- fail (printf "%s.routes is empty: name webhooks, approvals or page, or set %s.enabled to false" $part $part) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs: the Gateway that it belongs to" -}}
{{- end -}}
{{- end }}
