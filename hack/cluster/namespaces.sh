# shellcheck shell=bash
# Sourced: the cluster's network namespace, mount namespace and cgroups.
#
# The mount namespace is what lets two clusters share a machine and leave it clean. The kubelet, containerd, runc and the
# CNI library write to fixed paths (/var/lib/cni, /run/containerd, ...): there, each cluster has a tmpfs of its own. The
# kubelet also sets sysctls of the whole machine: there, it writes to plain files. All of it goes with the namespace.

# Fixed paths that get a tmpfs. Made on the host where missing (empty, and left: a mount in another cluster may need it).
CLUSTER_TMPFS=(/run/netns /run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers /var/log/pods)
# What the kubelet wants of the kernel, see setupKernelTunables in its sources.
CLUSTER_SYSCTLS=(vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000)

namespaces_create() {
  mkdir -p "$DIR/ns" "$SOCKETS" "$DIR/kubelet" "$KUBELET_ROOT" "${CLUSTER_TMPFS[@]}"
  # A namespace is kept alive by a bind mount of it, which the kernel allows on a private mount only.
  mount --bind "$DIR/ns" "$DIR/ns"
  mount --make-private "$DIR/ns"
  touch "$NETNS" "$MNTNS"
  unshare --net="$NETNS" true
  in_netns ip link set lo up
  in_netns ip link add "$BRIDGE" type bridge
  in_netns ip addr add "$NODE_IP/32" dev "$BRIDGE"
  in_netns ip link set "$BRIDGE" up
  in_netns ip route add default dev "$BRIDGE"
  in_netns sysctl -qw net.ipv4.ip_forward=1
  # The quoted text runs inside the new namespace, which hears of the host's mounts but not the other way round.
  # shellcheck disable=SC2016
  unshare --mount="$MNTNS" --propagation slave bash -euo pipefail -c "$(declare -f mounts_setup); mounts_setup \"\$@\"" \
    mounts "$DIR" "$KUBELET_ROOT" "${CLUSTER_TMPFS[@]}" -- "${CLUSTER_SYSCTLS[@]}"
  cgroups_create
  touch "$DIR/ns/ready"
}

# Runs in the new mount namespace. mounts_setup DIR SHORT_KUBELET_ROOT TMPFS... -- SYSCTL=VALUE...
mounts_setup() {
  local dir=$1 short_root=$2 file
  shift 2
  mount --make-rshared /
  while [ "$1" != -- ]; do
    mount -t tmpfs -o mode=0755 gostat "$1"
    shift
  done
  shift
  mkdir -p "$dir/sysctl"
  for sysctl in "$@"; do
    file=$dir/sysctl/${sysctl%%=*}
    mkdir -p "${file%/*}"
    echo "${sysctl##*=}" >"$file"
    mount --bind "$file" "/proc/sys/${sysctl%%=*}"
  done
  if [ "$short_root" != "$dir/kubelet" ]; then mount --bind "$dir/kubelet" "$short_root"; fi
}

# Kubelets that share a cgroup root kill each other's pods, so each has one, in every hierarchy.
cgroups_create() {
  local h
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    for h in cpuset cpu io memory hugetlb pids; do
      echo "+$h" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true # what this kernel has of them
    done
  fi
  while read -r h; do mkdir -p "$h/$CGROUP"; done < <(cgroup_hierarchies)
}

cgroup_hierarchies() {
  local h
  for h in /sys/fs/cgroup /sys/fs/cgroup/*/; do
    if [ "$(stat -fc %T "$h")" != tmpfs ] && mountpoint -q "$h"; then echo "${h%/}"; fi
  done
}

# The cluster's processes: all in its mount namespace (daemons, shims), all in its cgroups (containers).
cluster_pids() {
  {
    if [ "$(stat -fc %T "$MNTNS" 2>/dev/null)" = nsfs ]; then pids_in_namespace mnt "$MNTNS"; fi
    find /sys/fs/cgroup -path "/sys/fs/cgroup*/$CGROUP/*" -name cgroup.procs -exec cat {} + 2>/dev/null
  } | sort -un
}

# pids_in_namespace TYPE FILE
pids_in_namespace() {
  # A process may end meanwhile: then find complains, and is right to go on.
  find /proc/[0-9]*/ns/"$1" -maxdepth 0 -lname "$1:\[$(stat -Lc %i "$2")\]" 2>/dev/null | cut -d/ -f3 || true
}
