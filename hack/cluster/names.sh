# shellcheck shell=bash
# shellcheck disable=SC2034 # read by the files that source this one
# Sourced: the cluster's name, and all that hangs on it. Two clusters share nothing below but the program cache.

CLUSTER=${GOSTAT_CLUSTER:-gostat}
valid_name GOSTAT_CLUSTER "$CLUSTER"

DIR=$(state_base)/$CLUSTER
SHORT=/run/gostat/$CLUSTER # short paths for sockets, which may have 107 characters only
SOCKETS=$DIR/sock
KUBELET_ROOT=$DIR/kubelet
if [ ${#DIR} -gt 60 ]; then
  SOCKETS=$SHORT/sock
  KUBELET_ROOT=$SHORT/kubelet # a bind mount of $DIR/kubelet: the kubelet has sockets below its root too
fi
CONTAINERD_SOCK=$SOCKETS/containerd.sock

CGROUP=gostat-$CLUSTER
NODE_NAME=node1
BRIDGE=gostat0
# The same in every cluster: each has a network namespace of its own.
NODE_IP=10.244.0.1
POD_CIDR=10.244.0.0/16
SERVICE_CIDR=10.96.0.0/16
SERVICE_IP=10.96.0.1
APISERVER=https://$NODE_IP:6443

NETNS=$DIR/ns/net
MNTNS=$DIR/ns/mnt
AUDIT_LOG=$DIR/log/audit.log
ADMIN_KUBECONFIG=$DIR/admin.kubeconfig
PAUSE_IMAGE=docker.io/gostat/pause:1

KUBERNETES_VERSION=1.37.2
KUBE_BIN=$DIR/bin/kubernetes # links into the program cache
ETCD_BIN=$DIR/bin/etcd

in_netns() { nsenter --net="$NETNS" -- "$@"; }
in_cluster() { nsenter --net="$NETNS" --mount="$MNTNS" -- "$@"; }
kubectl_admin() { in_netns "$KUBE_BIN/kubectl" --kubeconfig "$ADMIN_KUBECONFIG" "$@"; }
ctr_cluster() { in_cluster ctr --address "$CONTAINERD_SOCK" --namespace k8s.io "$@"; }

# The namespaces exist and were set up to the end.
namespaces_up() {
  [ -e "$DIR/ns/ready" ] && [ "$(stat -fc %T "$NETNS" 2>/dev/null)" = nsfs ] &&
    [ "$(stat -fc %T "$MNTNS" 2>/dev/null)" = nsfs ]
}

require_up() {
  if ! namespaces_up; then die "cluster \"$CLUSTER\" is not up; run hack/cluster/cluster.sh up"; fi
}

# One up or down of this name at a time, whatever its state directory.
lock_cluster() {
  mkdir -p /run/gostat
  exec 9>"/run/gostat/.$CLUSTER.lock"
  flock -n 9 || { note "another up or down of cluster \"$CLUSTER\" runs; waiting for it" && flock 9; }
}
