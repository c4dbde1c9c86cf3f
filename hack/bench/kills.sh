#!/usr/bin/env bash
# The controller killed with -9 at each step of each action and in the middle of an upload, five times each, on the real
# cluster. Ends with a table: how often the next controller brought it to its one effect, and within which time.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

case ${1:-} in
  -h | --help)
    cat <<USAGE
usage: $0 [TIMES]     each of the kills of tests/e2e/test_3_kills.py and test_heal_3_kills.py so often (default: 5)

One run after the other: together they would be more pods than a node of two processors starts in time. A run that fails
does not end the others; the exit code is that of the last one that did. GOSTAT_BINARY: as for tests/e2e/run.sh.
USAGE
    exit 0
    ;;
esac

times=${1:-5}
if ! [[ $times =~ ^[1-9][0-9]{0,2}$ ]]; then
  echo "$0: TIMES: must be 1 to 999, got \"$times\"" >&2
  exit 2
fi
status=0
DIR=$(mktemp -d "${TMPDIR:-/tmp}/gostat-kills.XXXXXX")
trap 'rm -rf "$DIR"' EXIT
for ((n = 1; n <= times; n++)); do
  echo "== $n of $times"
  GOSTAT_CLUSTER="kills-$$" "$ROOT/tests/e2e/run.sh" --color=no \
    -k 'test_killed_after or test_heal_killed or upload or multipart' 2>&1 | tee "$DIR/$n.log" || status=$?
done

echo "== all of them"
cat "$DIR"/*.log | awk -v times="$times" '
  /^(FAILED|ERROR) / { failed[$2]++ }
  /^[A-Z][A-Za-z]* killed .*: Succeeded [0-9.]+ s later/ {
    name = substr($0, 1, index($0, ": Succeeded") - 1)
    s = substr($0, length(name) + length(": Succeeded ") + 1) + 0
    if (!(name in n) || s < least[name]) least[name] = s
    if (!(name in n) || s > most[name]) most[name] = s
    n[name]++
  }
  END {
    for (name in n) printf "%-44s %d of %d, %5.1f to %5.1f s\n", name, n[name], times, least[name], most[name] | "sort"
    close("sort")
    for (name in failed) printf "FAILED %d times: %s\n", failed[name], name
  }'
exit "$status"
