#!/usr/bin/env bash
# The end-to-end tests, on a real cluster with a real S3 server: starts both, runs pytest inside the cluster's network,
# takes down what it started. Arguments go to pytest; the exit code is pytest's.
set -euo pipefail
E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$E2E/../.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"
# shellcheck source=tests/e2e/real.sh
. "$E2E/real.sh"

case ${1:-} in
  -h | --help)
    cat <<USAGE
usage: $0 [PYTEST ARGUMENT...]

  GOSTAT_CLUSTER   the cluster's name (default: e2e); one that is up already is used, and left up
  GOSTAT_E2E_KEEP  1: leave up what this run starts
  GOSTAT_BINARY    the program under test (default: build/dev/gostat; built first unless this is set)
USAGE
    exit 0
    ;;
esac

real_begin
"$ROOT/hack/deps.sh" build cluster test
if [ -z "${GOSTAT_BINARY:-}" ]; then
  step 'build gostat'
  "$ROOT/hack/build.sh" dev >"$DIR/build.log" 2>&1 || { cat "$DIR/build.log" >&2 && die 'the build failed'; }
fi
# A copy: a build beside the tests must not change what is under test.
cp "${GOSTAT_BINARY:-$ROOT/build/dev/gostat}" "$DIR/gostat"
real_up
step 'kubectl apply -k tests/rights'
"$CLUSTER" kubectl apply -k "$ROOT/tests/rights" >>"$DIR/cluster.log"
"$CLUSTER" kubectl wait --for=condition=Established crd/gostatpolicies.gostat.dev crd/gostatincidents.gostat.dev \
  >>"$DIR/cluster.log"
"$CLUSTER" serviceaccount-kubeconfig gostat-system gostat "$DIR/gostat.kubeconfig"
step_ok
real_pytest "$E2E" "$@"
