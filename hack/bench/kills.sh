#!/usr/bin/env bash
# The controller killed with -9 at each step of each action, five times each, on the real cluster.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

case ${1:-} in
  -h | --help)
    cat <<USAGE
usage: $0 [TIMES]     each of the kills of tests/e2e/test_heal_3_kills.py so often (default: 5)

One run after the other: together they would be more pods than a node of two processors starts in time.
USAGE
    exit 0
    ;;
esac

times=${1:-5}
for ((n = 1; n <= times; n++)); do
  echo "== $n of $times"
  GOSTAT_CLUSTER="kills-$$" "$ROOT/tests/e2e/run.sh" -m heal -k test_heal_killed
done
