# shellcheck shell=bash
# Sourced by hack/demo.sh: gostat watch on two real programs. One leaks a goroutine for each order from its fourth
# second on, which the runtime's leak profile proves; the other starts hundreds at once, again and again, and is healthy.

DEMO_SECONDS=30
DEMO_LEAF='main.(*orders).publish'
DEMO_PIDS=()

demo_end() {
  local status=$? pid
  if [ "$status" -ne 0 ]; then step_failed; fi
  if [ -n "$DEMO_KEEP" ] && [ "$status" -eq 0 ]; then
    note "still running: ${DEMO_PIDS[*]}; to look further and to end them:"
    note "  $GOSTAT watch --interval 1 $LEAKY $LIVELY"
    note "  kill ${DEMO_PIDS[*]}"
    return
  fi
  for pid in "${DEMO_PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${DEMO_PIDS[@]}"; do wait "$pid" 2>/dev/null || true; done
}

# demo_start NAME COMMAND...: in the background, on a free port of loopback; sets DEMO_ADDRESS.
demo_start() {
  local name=$1
  shift
  ADDR=127.0.0.1:0 "$@" >"$DIR/$name.log" 2>&1 </dev/null &
  DEMO_PIDS+=($!)
  wait_until 10 grep -q '^listening on ' "$DIR/$name.log" || die "$name did not start: $(cat "$DIR/$name.log")"
  DEMO_ADDRESS=$(sed -n 's/^listening on //p' "$DIR/$name.log")
}

# demo_event EVENT TARGET: the first such line of the watch, empty where there is none.
demo_event() {
  awk -v event="$1" -v target="$2" '$2 == "s" && $3 == event && $4 == target { print; exit }' "$DIR/watch.log"
}

# demo_check_evidence FILE: its metadata says what it is, and go tool pprof reads it.
demo_check_evidence() {
  local sum
  sum=$(sha256sum <"$1" | cut -d' ' -f1)
  grep -q "\"sha256\":\"$sum\"" "${1%.pb.gz}.json" || die "the SHA-256 of $1 is not the one in its metadata"
  note "go tool pprof -top -cum ${1##*/}  (SHA-256 ${sum:0:12}..., as its metadata says)"
  go tool pprof -top -cum -nodecount=8 "$1" 2>/dev/null | tee "$DIR/top.log"
  grep -qF "$DEMO_LEAF" "$DIR/top.log" || die "go tool pprof does not show $DEMO_LEAF in $1"
}

demo_judge() {
  local named proven accused
  named=$(demo_event incident "$LEAKY")
  proven=$(grep -F " $LEAKY  Proven " "$DIR/watch.log" || true)
  accused=$(demo_event incident "$LIVELY")
  if [ -z "$named" ]; then die "the leak was not found within $DEMO_SECONDS s"; fi
  [[ $named == *" at $DEMO_LEAF" ]] || die "the incident does not name $DEMO_LEAF: $named"
  if [ -n "$accused" ]; then die "the healthy program was accused: $accused"; fi
  if [ -z "$proven" ]; then die "the leak was not graded Proven within $DEMO_SECONDS s"; fi
  # shellcheck disable=SC2086 # split into words on purpose
  set -- $named
  note "named $DEMO_LEAF after $1 s"
  # shellcheck disable=SC2086
  set -- $proven
  note "proved it by the runtime's leak profile after $1 s; the healthy program was not accused"
}

demo_run() {
  local status=0 kind evidence
  GOSTAT=$ROOT/build/dev/gostat
  DIR=$(mktemp -d "${TMPDIR:-/tmp}/gostat-demo.XXXXXX")
  trap demo_end EXIT
  trap 'exit 130' INT TERM
  require_go

  step 'build gostat'
  "$ROOT/hack/build.sh" dev >"$DIR/build.log" 2>&1 || { cat "$DIR/build.log" >&2 && die 'the build failed'; }
  step 'build the two Go programs'
  "$ROOT/hack/workloads.sh" "$DIR/bin"

  step 'start a leaking and a healthy program'
  demo_start leaky env LEAK=channel LEAK_AFTER=4 "$DIR/bin/leaky"
  LEAKY=$DEMO_ADDRESS
  demo_start lively env LIVELY=burst "$DIR/bin/lively"
  LIVELY=$DEMO_ADDRESS
  step_ok
  note "leaking: $LEAKY   healthy: $LIVELY"
  note "gostat watch --interval 1 --for $DEMO_SECONDS --evidence $DIR/evidence $LEAKY $LIVELY"
  "$GOSTAT" watch -o text --interval 1 --for "$DEMO_SECONDS" --evidence "$DIR/evidence" "$LEAKY" "$LIVELY" |
    tee "$DIR/watch.log" || status=$?
  if [ "$status" -ne 1 ]; then die "gostat watch ended with $status; 1 means that a leak was found"; fi

  for kind in goroutine goroutineleak; do
    evidence=$(find "$DIR/evidence" -name "*-$kind.pb.gz" | sort | tail -n 1)
    if [ -z "$evidence" ]; then die "no $kind profile was kept"; fi
    demo_check_evidence "$evidence"
  done
  demo_judge
  note "evidence: $DIR/evidence"
}
