# shellcheck shell=bash
# Sourced: cluster.sh up. Each step does nothing where its work is done already, so that up can be repeated: it starts
# again what died.

KUBE_COMMANDS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

cluster_up() {
  local since
  since=$(now_ms)
  require_root
  require_go
  require_commands cluster containerd ctr runc ip iptables nft conntrack nsenter unshare openssl curl gcc sysctl
  if [ ! -x /usr/lib/cni/ptp ]; then die "no CNI plugins in /usr/lib/cni; run hack/deps.sh cluster"; fi
  lock_cluster
  echo "cluster \"$CLUSTER\" in $DIR" >&2
  claim_name
  step "programs"
  build_programs
  if [ -e "$DIR" ] && ! namespaces_up; then
    step "clearing what an unfinished up or a reboot left"
    down_everything
    claim_name
  fi
  mkdir -p "$DIR/bin"
  chmod 700 "$DIR"
  ln -sfn "$KUBE_CACHE" "$KUBE_BIN"
  ln -sfn "$ETCD_CACHE" "$ETCD_BIN"
  step "namespaces"
  if ! namespaces_up; then namespaces_create; fi
  step "certificates"
  certificates_create
  step "configuration"
  config_create
  start_parts
  step_ok
  echo "cluster \"$CLUSTER\" is up after $(seconds "$since") s" >&2
}

# The cgroup and the socket directory hang on the name alone, so only one state directory may use it.
claim_name() {
  refuse_other_state
  mkdir -p "$SHORT"
  echo "$DIR" >"$SHORT/state"
}

refuse_other_state() {
  local other
  if [ ! -e "$SHORT/state" ]; then return; fi
  read -r other <"$SHORT/state"
  if [ "$other" != "$DIR" ] && [ -e "$other/ns" ]; then
    die "cluster \"$CLUSTER\" has its state in $other: set GOSTAT_STATE=${other%/*}, or another GOSTAT_CLUSTER"
  fi
}

build_programs() {
  local version=k8s.io/component-base/version c packages=()
  for c in "${KUBE_COMMANDS[@]}"; do packages+=("k8s.io/kubernetes/cmd/$c"); done
  # Without its version kubectl and Helm cannot read what the server says it is.
  gobuild kubernetes "$CLUSTER_HOME/tools/kubernetes" "-s -w -X $version.gitVersion=v$KUBERNETES_VERSION \
-X $version.gitMajor=$(cut -d. -f1 <<<"$KUBERNETES_VERSION") -X $version.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")" \
    "${packages[@]}"
  KUBE_CACHE=$GOBUILD_DIR
  gobuild etcd "$CLUSTER_HOME/tools/etcd" "-s -w" go.etcd.io/etcd/server/v3
  ETCD_CACHE=$GOBUILD_DIR
}

start_parts() {
  # What has a wait of its own is started first, and waited for later.
  step "etcd, containerd"
  proc_pid containerd >/dev/null || start_containerd
  part_up etcd
  part_up containerd
  step "kube-apiserver"
  proc_pid apiserver >/dev/null || start_apiserver
  pause_image
  part_up apiserver
  step "kube-controller-manager, kube-scheduler, kubelet, kube-proxy"
  local p
  for p in controller-manager scheduler kubelet kube-proxy; do
    proc_pid $p >/dev/null || "start_${p//-/_}"
  done
  for p in controller-manager scheduler kubelet kube-proxy; do part_up $p; done
  step "node"
  proc_wait kubelet 120 node_ready
  # Until then every pod of that namespace is refused.
  step "service account \"default\""
  proc_wait controller-manager 60 kubectl_admin get serviceaccount default
}

node_ready() {
  kubectl_admin wait --for=condition=Ready "node/$NODE_NAME" --timeout=1s
}

# The process that holds each pod's namespaces.
pause_image() {
  if ctr_cluster images ls -q | grep -qxF "$PAUSE_IMAGE"; then return; fi
  local t
  t=$(mktemp -d "$DIR/pause.XXXXXX")
  gcc -static -Os -o "$t/pause" "$CLUSTER_HOME/pause.c"
  image_archive "$PAUSE_IMAGE" "$t/pause.tar" "$t/pause"
  image_load "$t/pause.tar" >/dev/null
  rm -rf "$t"
}
