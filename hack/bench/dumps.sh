#!/usr/bin/env bash
# What it costs to read goroutine dumps and profiles: gostat beside panicparse and google/pprof, all built and run here.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"

GOROUTINES=100000 STACKS=5000 RUNS=5 BUILD=$ROOT/build/release
MIN_SPEED=60 MAX_RSS_KB=16384 MAX_PROFILE_PERCENT=50 # the bars

usage() {
  cat <<USAGE
usage: $0 [--goroutines N] [--stacks N] [--runs N] [--build DIR]

  --goroutines  how many the program has whose dump and profile are read (default $GOROUTINES)
  --stacks      at how many different stacks (default $STACKS)
  --runs        the cheapest of so many runs counts (default $RUNS; panicparse runs once)
  --build       where gostat and decode_driver are; left out, they are built there by hack/build.sh (default build/release)

Prints a table. CPU is user and system time. The bars, for which see issue 4:
  a debug=2 dump, which Go cuts at 64 MiB: at least $MIN_SPEED times panicparse's bytes per CPU second, whole processes,
  in less than $((MAX_RSS_KB / 1024)) MiB of memory; a debug=0 profile: at most $MAX_PROFILE_PERCENT % of google/pprof's CPU time for one parse.
Exit codes: 0 all bars met, 1 a bar missed or a run failed, 2 usage error.
USAGE
}

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --goroutines | --stacks | --runs | --build)
      if [ $# -lt 2 ]; then usage_error "$1 needs a value"; fi
      case $1 in
        --goroutines) GOROUTINES=$2 ;;
        --stacks) STACKS=$2 ;;
        --runs) RUNS=$2 ;;
        --build) BUILD=$2 ;;
      esac
      shift
      ;;
    *) usage_error "no option \"$1\"; see $0 --help" ;;
  esac
  shift
done
for n in "$GOROUTINES" "$STACKS" "$RUNS"; do
  [[ $n =~ ^[1-9][0-9]{0,6}$ ]] || usage_error "\"$n\": want a number from 1 to 9999999"
done

DIR=$(mktemp -d)
cleanup() {
  step_failed
  rm -rf "$DIR"
}
trap cleanup EXIT

MISSED=0
# row WHAT WHO CPU_US RSS_KB RATE BAR: one line of the table; BAR is empty, "met" or "MISSED ...".
row() { printf '%-26s %-28s %10s %8s %12s  %s\n' "$@"; }

# bar CONDITION TEXT: prints whether the bar is met, and remembers it.
bar() {
  if [ "$1" -ne 0 ]; then BAR="met: $2"; else BAR="MISSED: $2" MISSED=1; fi
}

ms() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }

measure_dump() {
  local bytes ours rss theirs theirs_rss speed
  bytes=$(stat -c %s "$DIR/goroutine.txt")
  read -r theirs theirs_rss < <("$DIR/usage" 1 "$DIR/panicparse" "$DIR/goroutine.txt")
  read -r ours rss < <("$DIR/usage" "$RUNS" "$BUILD/gostat" analyze -o json "$DIR/goroutine.txt")
  row "debug=2, $((bytes >> 20)) MiB" panicparse "$(ms "$theirs")" "$theirs_rss" "$((bytes / theirs)) MB/s" ''
  speed=$((theirs / ours))
  bar $((speed >= MIN_SPEED)) "$speed times panicparse, at least $MIN_SPEED"
  row '' 'gostat analyze -o json' "$(ms "$ours")" "$rss" "$((bytes / ours)) MB/s" "$BAR"
  bar $((rss < MAX_RSS_KB)) "$rss KB resident, less than $MAX_RSS_KB"
  row '' '' '' '' '' "$BAR"
}

measure_profile() {
  local ours rss theirs theirs_rss ours_parse theirs_parse _
  read -r theirs theirs_rss < <("$DIR/usage" "$RUNS" "$DIR/pprof" "$DIR/goroutine.pb.gz" 1)
  read -r ours rss < <("$DIR/usage" "$RUNS" "$BUILD/gostat" analyze -o json "$DIR/goroutine.pb.gz")
  theirs_parse=$(cheapest "$DIR/pprof")
  ours_parse=$(cheapest "$BUILD/decode_driver")
  row "debug=0, $STACKS stacks" 'google/pprof, process' "$(ms "$theirs")" "$theirs_rss" '' ''
  row '' 'gostat analyze -o json' "$(ms "$ours")" "$rss" '' ''
  row '' 'google/pprof, one parse' "$(ms "$theirs_parse")" '' '' ''
  bar $((ours_parse * 100 <= theirs_parse * MAX_PROFILE_PERCENT)) \
    "$((ours_parse * 100 / theirs_parse)) % of google/pprof, at most $MAX_PROFILE_PERCENT %"
  row '' 'gostat, one decoding' "$(ms "$ours_parse")" '' '' "$BAR"
}

# cheapest PROGRAM: the CPU time of one parse, which is the last number that it prints, in the cheapest of the runs.
cheapest() {
  local i
  for ((i = 0; i < RUNS; i++)); do "$1" "$DIR/goroutine.pb.gz" 100; done | awk '!n++ || $NF < best {best = $NF} END {print best}'
}

main() {
  if [ "$BUILD" = "$ROOT/build/release" ]; then
    "$ROOT/hack/build.sh" release gostat decode_driver >&2
  elif [ ! -x "$BUILD/gostat" ] || [ ! -x "$BUILD/decode_driver" ]; then
    die "$BUILD/gostat or $BUILD/decode_driver does not exist; build them, or leave out --build"
  fi
  require_go
  step 'the programs that make and read the input'
  CGO_ENABLED=0 go build -C "$ROOT/hack/bench/dumps" -buildvcs=false -o "$DIR/" ./make ./panicparse ./pprof
  gcc -O2 -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror "$ROOT/hack/bench/dumps/usage.c" -o "$DIR/usage"
  step "$GOROUTINES goroutines at $STACKS stacks: their dump and profile"
  "$DIR/make" -goroutines "$GOROUTINES" -stacks "$STACKS" "$DIR"
  step_ok
  row input who 'CPU ms' 'RSS KB' rate bar
  measure_dump
  measure_profile
  return "$MISSED"
}

main
