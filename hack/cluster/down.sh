# shellcheck shell=bash
# Sourced: cluster.sh down. It needs no grace, since nothing of the cluster stays: kill, unmount, remove, and then look.

cluster_down() {
  local since found keep=${1:-}
  since=$(now_ms)
  case $keep in '' | --keep-logs) ;; *) usage_error "usage: cluster.sh down [--keep-logs]" ;; esac
  require_root
  lock_cluster
  refuse_other_state
  echo "cluster \"$CLUSTER\" in $DIR" >&2
  if s3_in_cluster; then GOSTAT_S3=$CLUSTER "$CLUSTER_HOME/../s3/s3.sh" down; fi
  step "ending processes, mounts, cgroups, files"
  find_strangers
  if [ "$keep" = --keep-logs ]; then keep_logs; fi
  down_everything
  step "looking for what is left"
  found=$(left_behind)
  if [ -n "$found" ]; then
    step_failed
    echo "$found" >&2
    die "the above is left of cluster \"$CLUSTER\""
  fi
  step_ok
  echo "cluster \"$CLUSTER\" is down after $(seconds "$since") s: no process, mount, namespace, cgroup or file is left" >&2
}

# The S3 server of the same name lives in this cluster's network and ends with it.
s3_in_cluster() {
  [ -e "$DIR.s3/mode" ] && [ "$(cat "$DIR.s3/mode")" = cluster ]
}

keep_logs() {
  local to=$DIR.log
  rm -rf "$to"
  if [ -d "$DIR/log" ]; then cp -a "$DIR/log" "$to" && note "logs kept in $to"; fi
}

down_everything() {
  local m
  kill_everything
  # Newest first, and with it what was mounted on it.
  while read -r m; do wait_until 5 unmounted "$m" || true; done < <(mounts_left | tac)
  remove_cgroups
  rm -rf --one-file-system "$DIR" "$SHORT"
}

# SIGKILL to the recorded parts (their command line is checked), to all in the cluster's own mount namespace and to all in
# its cgroups, again and again: the kubelet may just have made another.
kill_everything() {
  local part pid pids end
  end=$(($(now_ms) + 20000))
  while :; do
    pids=$({
      for part in "${PARTS[@]}"; do proc_pid "$part" || true; done
      cluster_pids
    } | sort -un)
    if [ -z "$pids" ]; then return; fi
    if [ "$(now_ms)" -ge "$end" ]; then die "these processes do not end: $(tr '\n' ' ' <<<"$pids")"; fi
    while read -r pid; do kill -9 "$pid" 2>/dev/null || true; done <<<"$pids"
    sleep 0.05
  done
}

# A mount is busy until the last process that used it is gone for good. left_behind tells of those that stay.
unmounted() { umount "$1" 2>/dev/null || ! mountpoint -q "$1"; }

remove_cgroups() {
  local h
  while read -r h; do
    # A cgroup is busy until its last process is gone for good. left_behind tells of those that stay.
    wait_until 5 cgroup_removed "$h/$CGROUP" || true
  done < <(cgroup_hierarchies)
}

cgroup_removed() {
  if [ ! -e "$1" ]; then return 0; fi
  find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
  [ ! -e "$1" ]
}

mounts_left() { awk -v a="$DIR/" -v b="$SHORT/" 'index($2, a) == 1 || index($2, b) == 1 {print $2}' /proc/self/mounts; }

# What others run in the cluster's network (a controller, a test): not ours to kill, but named, since it has no network now.
find_strangers() {
  local pid own=" $$ " p=$$
  STRANGERS=()
  if [ "$(stat -fc %T "$NETNS" 2>/dev/null)" != nsfs ]; then return; fi
  while p=$(awk '/^PPid:/ {print $2}' "/proc/$p/status") && [ "$p" -gt 0 ]; do own+="$p "; done
  while read -r pid; do
    if [[ $own != *" $pid "* ]]; then STRANGERS+=("$pid"); fi
  done < <(comm -23 <(pids_in_namespace net "$NETNS" | sort) <(cluster_pids | sort))
}

# Prints a line for each thing that is still there.
left_behind() {
  local pid part h f
  for part in "${PARTS[@]}"; do
    if pid=$(proc_pid "$part"); then echo "process $pid ($part)"; fi
  done
  cluster_pids | sed 's/^/process /'
  for pid in "${STRANGERS[@]}"; do
    if f=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") && [ -n "$f" ]; then
      echo "process $pid, started by someone else in the cluster's network, and not killed: $f"
    fi
  done
  mounts_left | sed 's/^/mount /'
  while read -r h; do
    if [ -e "$h/$CGROUP" ]; then echo "cgroup $h/$CGROUP"; fi
  done < <(cgroup_hierarchies)
  for f in "$DIR" "$SHORT"; do
    if [ -e "$f" ]; then echo "directory $f"; fi
  done
  find /var/log/containers /var/log/pods -lname "$DIR/*" 2>/dev/null | sed 's/^/link /' || true
  find /var/lib/cni -name "*gostat-$CLUSTER-*" 2>/dev/null | sed 's/^/file /' || true
}
