#!/usr/bin/env bash
# Builds the test peers (real control plane, registries, token server, mail catcher, HTTP proxy, NATS) from the pinned Go
# modules beside this script, into a cache outside the clone, and prints the folder that holds them. With `gitea` it
# builds Gitea too, with `nats` nothing but the NATS server, with `chart` Helm and kustomize, with `owners` all who write workloads beside us (Helm, kubectl, kustomize)
# and the controller of Argo Rollouts: each takes minutes of its own.
#
# The cache key is the modules' lock files, so a second run only prints. KUBEBUILDER_ASSETS, if set, is
# where kube-apiserver, etcd and friends are taken from when they are there; what is missing is built.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v go >/dev/null || { echo "go is missing: install Go 1.26 or newer (https://go.dev/dl)" >&2; exit 1; }

key=$(cat "$here/go.mod" "$here/go.sum" | sha256sum | cut -c1-16)
cache="${IMAGE_WATCHER_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/image-watcher-test}"
bin="$cache/peers-$key"
mkdir -p "$bin"
exec 9>"$cache/lock"
flock 9 # two runs side by side build once

peer() { # name, package
  local name=$1 package=$2
  [ -x "$bin/$name" ] && return
  if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$KUBEBUILDER_ASSETS/$name" ]; then
    ln -sf "$KUBEBUILDER_ASSETS/$name" "$bin/$name"
    return
  fi
  echo "building $name (once; some minutes for the control plane)" >&2
  (cd "$here" && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$bin/.$name" "$package")
  mv "$bin/.$name" "$bin/$name"
}

# A program of our own: its name in the cache follows its source, so that a change is built and nothing else is.
own() { # name
  local built="$1-$(cat "$here/$1"/*.go | sha256sum | cut -c1-16)"
  peer "$built" "./$1"
  ln -sfn "$built" "$bin/$1"
}

# The name in the cache of a peer with a module of its own: it follows that folder.
named() { # name, folder
  echo "$1-$(find "$here/$2" -type f | sort | xargs cat | sha256sum | cut -c1-16)"
}

# A peer with a module of its own, whose versions are not those of the others.
apart() { # name, folder, package
  local name=$1 folder=$2 package=$3 built
  built=$(named "$name" "$folder")
  if [ ! -x "$cache/apart/$built" ]; then
    echo "building $name (once)" >&2
    mkdir -p "$cache/apart"
    (cd "$here/$folder" && go build -trimpath -ldflags='-s -w' ${tags:+-tags "$tags"} -o "$cache/apart/.$built" "$package")
    mv "$cache/apart/.$built" "$cache/apart/$built"
  fi
  ln -sfn "$cache/apart/$built" "$bin/$name"
}

CGO_ENABLED=0 apart nats-server nats-server github.com/nats-io/nats-server/v2
if [ "${1:-}" = nats ]; then
  echo "$bin"
  exit
fi
peer etcd go.etcd.io/etcd/server/v3
peer registry github.com/distribution/distribution/v3/cmd/registry
peer mailpit github.com/axllent/mailpit
peer kwok sigs.k8s.io/kwok/cmd/kwok
peer kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
peer kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
peer kube-scheduler k8s.io/kubernetes/cmd/kube-scheduler
own proxy
CGO_ENABLED=0 apart registry-2 distribution-2 .
CGO_ENABLED=0 apart token-server distribution-2 github.com/docker/distribution/contrib/token-server
CGO_ENABLED=0 apart go-containerregistry go-containerregistry .
CGO_ENABLED=0 apart openid openid .
# Gitea takes minutes and a gigabyte of build cache: where it was built once it stays, else it is built where it is wanted.
if [ "${1:-}" = gitea ] || [ -x "$cache/apart/$(named gitea gitea)" ]; then
  CGO_ENABLED=1 tags="sqlite sqlite_unlock_notify" apart gitea gitea code.gitea.io/gitea
  # Its pages and words are read from its module.
  ln -sfn "$(cd "$here/gitea" && go list -m -f '{{.Dir}}' code.gitea.io/gitea)" "$bin/gitea-files"
fi
owner() { # name, folder, package, and what asks for it beside owners
  if [ "${owners:-}" = yes ] || [ "${wanted:-}" = "${4:-no}" ] || [ -x "$cache/apart/$(named "$1" "$2")" ]; then
    CGO_ENABLED=0 apart "$1" "$2" "$3"
  fi
}
wanted=${1:-}
[ "$wanted" = owners ] && owners=yes
owner helm-4 helm-4 helm.sh/helm/v4/cmd/helm chart
owner kubectl helm-4 ./kubectl chart
owner helm-3 helm-3 helm.sh/helm/v3/cmd/helm chart
owner kustomize kustomize sigs.k8s.io/kustomize/kustomize/v5 chart
owner argo-rollouts argo-rollouts github.com/argoproj/argo-rollouts/cmd/rollouts-controller
if [ -x "$bin/argo-rollouts" ]; then
  # Its definitions are read from its module.
  ln -sfn "$(cd "$here/argo-rollouts" && go list -m -f '{{.Dir}}' github.com/argoproj/argo-rollouts)" "$bin/argo-rollouts-files"
fi
echo "$bin"
