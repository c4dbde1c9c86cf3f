#!/usr/bin/env bash
# A real one-node Kubernetes in a network namespace of its own; see README.md beside this file.
set -euo pipefail
CLUSTER_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=hack/lib/common.sh
. "$CLUSTER_HOME/../lib/common.sh"
# shellcheck source=hack/lib/proc.sh
. "$CLUSTER_HOME/../lib/proc.sh"
# shellcheck source=hack/lib/gobuild.sh
. "$CLUSTER_HOME/../lib/gobuild.sh"
# shellcheck source=hack/lib/pki.sh
. "$CLUSTER_HOME/../lib/pki.sh"
# shellcheck source=hack/cluster/names.sh
. "$CLUSTER_HOME/names.sh"
# shellcheck source=hack/cluster/namespaces.sh
. "$CLUSTER_HOME/namespaces.sh"
# shellcheck source=hack/cluster/config.sh
. "$CLUSTER_HOME/config.sh"
# shellcheck source=hack/cluster/parts.sh
. "$CLUSTER_HOME/parts.sh"
# shellcheck source=hack/cluster/images.sh
. "$CLUSTER_HOME/images.sh"
# shellcheck source=hack/cluster/up.sh
. "$CLUSTER_HOME/up.sh"
# shellcheck source=hack/cluster/down.sh
. "$CLUSTER_HOME/down.sh"

usage() {
  cat <<'EOF'
usage: cluster.sh COMMAND      the cluster's name is $GOSTAT_CLUSTER (default: gostat)
  up                           build what is missing, start, wait until the node is ready; starts again what died
  down [--keep-logs]           end it all, and check that nothing is left
  status                       each part, its pid and health; exit 0 all healthy, 1 not all, 3 not up
  env                          export lines for a shell: eval "$(cluster.sh env)"
  kubectl ARG...               kubectl as administrator
  exec COMMAND...              run COMMAND in the cluster's network
  load IMAGE.tar...            import a docker-archive or OCI archive
  apiserver stop|start         the kube-apiserver only (stop --kill: with SIGKILL)
  serviceaccount-kubeconfig NAMESPACE NAME FILE [DURATION]
                               FILE: a kubeconfig with the rights of that service account; its token is in FILE.token
                               (DURATION: 24h; at least 10m)
EOF
}

cluster_status() {
  local part pid health rc=0
  require_root
  if ! namespaces_up; then
    echo "cluster \"$CLUSTER\" is not up"
    return 3
  fi
  printf '%-20s %8s  %s\n' PART PID HEALTH
  for part in "${PARTS[@]}"; do
    pid=$(proc_pid "$part") || pid=-
    if [ "$pid" = - ]; then health='not running'; elif part_healthy "$part"; then health=healthy; else health=unhealthy; fi
    if [ "$health" != healthy ]; then rc=1; fi
    printf '%-20s %8s  %s\n' "$part" "$pid" "$health"
  done
  return $rc
}

cluster_env() {
  local v
  require_up
  local -A vars=([KUBECONFIG]=$ADMIN_KUBECONFIG [GOSTAT_CLUSTER]=$CLUSTER [GOSTAT_CLUSTER_DIR]=$DIR [GOSTAT_NETNS]=$NETNS
    [GOSTAT_AUDIT_LOG]=$AUDIT_LOG [GOSTAT_APISERVER]=$APISERVER [GOSTAT_CA]=$DIR/pki/ca.crt [GOSTAT_KUBECTL]=$KUBE_BIN/kubectl
    [NODE_IP]=$NODE_IP [NODE_NAME]=$NODE_NAME)
  for v in "${!vars[@]}"; do printf 'export %s=%q\n' "$v" "${vars[$v]}"; done | sort
}

cluster_apiserver() {
  require_root
  require_up
  case "$*" in
    stop) proc_stop apiserver 3 ;; # it closes its port at once, and would wait a minute for its watchers
    'stop --kill') proc_stop apiserver 0 ;;
    start)
      step "kube-apiserver"
      part_up apiserver
      step_ok
      ;;
    *) usage_error "usage: cluster.sh apiserver stop [--kill] | start" ;;
  esac
}

cluster_load() {
  local f
  require_root
  require_up
  if [ $# -eq 0 ]; then usage_error "usage: cluster.sh load IMAGE.tar..."; fi
  for f in "$@"; do
    if [ ! -f "$f" ]; then die "no such file: $f"; fi
    image_load "$(realpath "$f")"
  done
}

cluster_serviceaccount_kubeconfig() {
  local file token
  require_root
  require_up
  if [ $# -lt 3 ] || [ $# -gt 4 ]; then
    usage_error "usage: cluster.sh serviceaccount-kubeconfig NAMESPACE NAME FILE [DURATION]"
  fi
  file=$(realpath -m "$3")
  valid_path FILE "$file"
  token=$(kubectl_admin -n "$1" create token "$2" --duration "${4:-24h}")
  # By rename: a process that re-reads its token must never see half of one.
  (umask 077 && printf '%s' "$token" >"$file.token.new")
  mv "$file.token.new" "$file.token"
  kubeconfig "$file" "{\"tokenFile\": \"$file.token\"}"
}

main() {
  local command=${1:-help}
  if [ $# -gt 0 ]; then shift; fi
  case $command in
    up) cluster_up ;;
    down) cluster_down "$@" ;;
    status) cluster_status ;;
    env) cluster_env ;;
    kubectl)
      require_up
      exec nsenter --net="$NETNS" -- "$KUBE_BIN/kubectl" --kubeconfig "$ADMIN_KUBECONFIG" "$@"
      ;;
    exec)
      require_up
      exec nsenter --net="$NETNS" -- "$@"
      ;;
    load) cluster_load "$@" ;;
    apiserver) cluster_apiserver "$@" ;;
    serviceaccount-kubeconfig) cluster_serviceaccount_kubeconfig "$@" ;;
    help | -h | --help) usage ;;
    *) usage_error "no command \"$command\"; see cluster.sh --help" ;;
  esac
}

main "$@"
