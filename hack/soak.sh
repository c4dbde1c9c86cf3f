#!/usr/bin/env bash
# A soak: gostat controller for minutes on a real API server and S3, while pods, Deployments and policies come and go.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"

usage() {
  cat <<USAGE
usage: $0 [--minutes N]

  --minutes N   how long, 3 to 50 (default: 10)

Runs two controllers beside each other, each on a namespace of its own: the release build, whose memory and CPU are
printed every 10 s, and the build under AddressSanitizer and LeakSanitizer. Needs no cluster: etcd and kube-apiserver
on loopback, and plain processes on 127.x.y.z that stand for pods.
Exit codes: 0 RssAnon at the end is at most 5 % above minute 2, leaks were found and healed, within 150 s after the last
one all are resolved and taken back, and the sanitizers are silent; 1 anything else; 2 usage error.
USAGE
}

soak_end() {
  local status=$?
  if [ "$status" -ne 0 ]; then
    step_failed
    note "logs: $DIR"
  fi
  "$ROOT/hack/s3/s3.sh" --local down >"$DIR/s3-down.log" 2>&1 || true
  if [ "$status" -eq 0 ]; then rm -rf "$DIR"; fi
}

main() {
  local minutes=10
  while [ $# -gt 0 ]; do
    case $1 in
      --minutes)
        minutes=${2:-}
        shift
        ;;
      -h | --help)
        usage
        return
        ;;
      *) usage_error "no argument \"$1\"; see $0 --help" ;;
    esac
    shift || usage_error "--minutes: wants a number"
  done
  if ! [[ $minutes =~ ^[0-9]+$ ]] || [ "$minutes" -lt 3 ] || [ "$minutes" -gt 50 ]; then
    usage_error "--minutes: must be 3 to 50, got \"$minutes\""
  fi
  require_go
  require_commands cluster curl openssl python3
  DIR=$(mktemp -d "${TMPDIR:-/tmp}/gostat-soak.XXXXXX")
  export GOSTAT_S3=soak-$$
  trap soak_end EXIT
  trap 'exit 130' INT TERM
  step 'build gostat: release and asan'
  for preset in release asan; do
    "$ROOT/hack/build.sh" "$preset" >"$DIR/build.log" 2>&1 || { cat "$DIR/build.log" >&2 && die 'the build failed'; }
    cp "$ROOT/build/$preset/gostat" "$DIR/gostat-$preset" # a build meanwhile does not change what runs
  done
  step 'programs: API server, Go workloads'
  "$ROOT/hack/cluster/programs.sh" "$DIR/programs" >"$DIR/programs.log"
  "$ROOT/hack/workloads.sh" "$DIR/workloads"
  step_ok
  "$ROOT/hack/s3/s3.sh" --local up
  eval "$("$ROOT/hack/s3/s3.sh" --local env)"
  python3 "$ROOT/hack/soak.py" --minutes "$minutes" --dir "$DIR"
}

main "$@"
