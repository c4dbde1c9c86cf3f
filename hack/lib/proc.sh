# shellcheck shell=bash
# Sourced: daemons known by name. DIR (set by the caller) is their state directory: DIR/run/NAME.pid, DIR/log/NAME.log.
# A pid is only ever signalled after its command line was seen to name a path below DIR, so a stale pid file, or a
# number that the kernel gave to someone else meanwhile, harms nobody.

proc_mine() {
  [ -n "$1" ] && { tr '\0' '\n' <"/proc/$1/cmdline"; } 2>/dev/null | grep -qF -- "${DIR:?}/"
}

# proc_gone PID: it has let go of its files and ports. A process that ends has no command line any more, but has those
# until its last thread is through; a zombie of one thread is only a line in a table.
proc_gone() {
  local state
  state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 0
  [ -z "$state" ] || { [ "$state" = Z ] && [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -le 1 ]; }
}

# proc_pid NAME: prints the pid if it lives and is ours, else fails.
proc_pid() {
  local pid=''
  if [ -r "$DIR/run/$1.pid" ]; then read -r pid <"$DIR/run/$1.pid" || true; fi
  proc_mine "$pid" && echo "$pid"
}

# proc_start NAME COMMAND...: detached, its output to its log. COMMAND names a path below DIR. The lock descriptors of
# the caller (8 and 9) are closed, or the daemon would hold the locks for ever.
proc_start() {
  local name=$1
  shift
  mkdir -p "$DIR/run" "$DIR/log"
  setsid "$@" >>"$DIR/log/$name.log" 2>&1 </dev/null 8>&- 9>&- &
  echo $! >"$DIR/run/$name.pid"
}

# proc_wait NAME SECONDS COMMAND...: waits until COMMAND succeeds; dies with the end of the log when the process ends
# first or the time is over.
proc_wait() {
  local name=$1 end=$(($(now_ms) + $2 * 1000)) pid
  shift 2
  read -r pid <"$DIR/run/$name.pid"
  until "$@" >/dev/null 2>&1; do
    if ! kill -0 "$pid" 2>/dev/null; then proc_die "$name" "ended during its start"; fi
    if [ "$(now_ms)" -ge "$end" ]; then proc_die "$name" "is not ready in time"; fi
    sleep 0.1
  done
}

proc_die() {
  step_failed
  echo "--- the last lines of $DIR/log/$1.log:" >&2
  tail -n 20 "$DIR/log/$1.log" >&2
  die "$1 $2 (log: $DIR/log/$1.log)"
}

# proc_stop NAME [SECONDS]: SIGTERM, and SIGKILL when it still lives after SECONDS (10; 0: SIGKILL at once).
proc_stop() {
  local pid seconds=${2:-10}
  if pid=$(proc_pid "$1"); then
    if [ "$seconds" -gt 0 ]; then kill "$pid" 2>/dev/null || true; fi
    if ! wait_until "$seconds" proc_gone "$pid" && proc_mine "$pid"; then kill -9 "$pid" 2>/dev/null || true; fi
    wait_until 5 proc_gone "$pid" || die "$1 (pid $pid) does not end"
  fi
  rm -f "$DIR/run/$1.pid"
}
