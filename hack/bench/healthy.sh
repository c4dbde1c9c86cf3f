#!/usr/bin/env bash
# Healthy services on the real cluster, lively ones, for long: no incident may be opened. The test is CI's, only longer.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"

usage() {
  cat <<USAGE
usage: $0 [--minutes N]

  --minutes N      how long, 1 to 600 (default: 30)
  GOSTAT_BINARY    the program under test; without it build/release/gostat is built by hack/build.sh

Runs test_healthy_fleet of tests/e2e: 21 pods under a policy with the default windows, 11 under one with windows of 40 s
in all. Exit codes: 0 no incident, 1 an incident, 2 usage error.
USAGE
}

MINUTES=30
while [ $# -gt 0 ]; do
  case $1 in
    --minutes)
      MINUTES=${2:-}
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) usage_error "no argument \"$1\"; see $0 --help" ;;
  esac
  shift || usage_error '--minutes: wants a number'
done
if ! [[ $MINUTES =~ ^[0-9]{1,3}$ ]] || [ "$MINUTES" -lt 1 ] || [ "$MINUTES" -gt 600 ]; then
  usage_error "--minutes: must be 1 to 600, got \"$MINUTES\""
fi
if [ -z "${GOSTAT_BINARY:-}" ]; then
  "$ROOT/hack/build.sh" release >&2
  export GOSTAT_BINARY=$ROOT/build/release/gostat
fi
export GOSTAT_CLUSTER=${GOSTAT_CLUSTER:-healthy-$$} GOSTAT_E2E_HEALTHY_SECONDS=$((10#$MINUTES * 60))
exec "$ROOT/tests/e2e/run.sh" -k test_healthy_fleet
