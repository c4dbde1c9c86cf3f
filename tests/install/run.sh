#!/usr/bin/env bash
# The tests of image and chart, on a real cluster: builds the image of this tree and of the commit before it, and runs
# pytest inside the cluster's network, which installs, upgrades and uninstalls. Arguments go to pytest.
set -euo pipefail
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$TESTS/../.." && pwd)
GOSTAT_CLUSTER=${GOSTAT_CLUSTER:-install}
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"
# shellcheck source=tests/e2e/real.sh
. "$ROOT/tests/e2e/real.sh"

case ${1:-} in
  -h | --help)
    cat <<USAGE
usage: $0 [PYTEST ARGUMENT...]

  GOSTAT_CLUSTER   the cluster's name (default: install); one that is up already is used, and left up
  GOSTAT_E2E_KEEP  1: leave up what this run starts
USAGE
    exit 0
    ;;
esac

# previous DIRECTORY: the tree of the newest commit before HEAD that has a chart; HEAD's own where there is none, as in a
# clone that is cut off.
previous() {
  local commit
  commit=$(git -C "$ROOT" log -1 --format=%H HEAD~1 -- charts/gostat 2>/dev/null || true)
  if [ -n "$commit" ]; then commit=$(git -C "$ROOT" rev-parse HEAD~1); else commit=$(git -C "$ROOT" rev-parse HEAD); fi
  mkdir "$1"
  git -C "$ROOT" archive "$commit" | tar -x -C "$1"
  git -C "$ROOT" log -1 --format='%h %s' "$commit" >"$1/REVISION"
}

real_begin
"$ROOT/hack/deps.sh" build cluster test image
GOSTAT_HELM=$("$ROOT/hack/cluster/tool.sh" helm)
export GOSTAT_HELM GOSTAT_PREVIOUS=$DIR/previous
real_up
previous "$GOSTAT_PREVIOUS"
"$ROOT/hack/image.sh" -o "$DIR/gostat.tar"
# That tree's Dockerfile and sources, built by this one's script.
"$ROOT/hack/image.sh" --tree "$GOSTAT_PREVIOUS" -o "$DIR/previous.tar" gostat.dev/gostat:previous
"$CLUSTER" load "$DIR/gostat.tar" "$DIR/previous.tar" >>"$DIR/cluster.log"
real_pytest "$TESTS" "$@"
