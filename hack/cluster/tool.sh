#!/usr/bin/env bash
# Builds a tool for charts and manifests, or finds it in the cache. Prints its path.
set -euo pipefail
CLUSTER_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=hack/lib/common.sh
. "$CLUSTER_HOME/../lib/common.sh"
# shellcheck source=hack/lib/gobuild.sh
. "$CLUSTER_HOME/../lib/gobuild.sh"

declare -A PACKAGES=([helm]=helm.sh/helm/v4/cmd/helm [kubeconform]=github.com/yannh/kubeconform/cmd/kubeconform
  [kube-score]=github.com/zegl/kube-score/cmd/kube-score [helm-docs]=github.com/norwoodj/helm-docs/cmd/helm-docs)

if [ $# -ne 1 ] || [ -z "${PACKAGES[$1]:-}" ]; then usage_error "usage: tool.sh helm|helm-docs|kubeconform|kube-score"; fi
require_go
gobuild "$1" "$CLUSTER_HOME/tools/$1" "-s -w" "${PACKAGES[$1]}"
echo "$GOBUILD_DIR/$1"
