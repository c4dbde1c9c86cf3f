#!/usr/bin/env bash
# The end-to-end tests, on a real cluster with a real S3 server: starts both, runs pytest inside the cluster's network,
# takes down what it started. Arguments go to pytest; the exit code is pytest's.
set -euo pipefail
E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$E2E/../.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"
export GOSTAT_CLUSTER=${GOSTAT_CLUSTER:-e2e}
CLUSTER=$ROOT/hack/cluster/cluster.sh
S3=$ROOT/hack/s3/s3.sh

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

take_down() {
  local status=$?
  step_failed
  if [ -z "${GOSTAT_E2E_KEEP:-}" ]; then
    if [ -n "$S3_OURS" ]; then "$S3" down >>"$DIR/cluster.log" 2>&1 || status=1; fi
    if [ -n "$CLUSTER_OURS" ] && ! "$CLUSTER" down >>"$DIR/cluster.log" 2>&1; then
      tail -n 20 "$DIR/cluster.log" >&2
      status=1
    fi
  fi
  rm -rf "$DIR"
  exit "$status"
}

require_root
DIR=$(mktemp -d "${TMPDIR:-/tmp}/gostat-e2e.XXXXXX")
CLUSTER_OURS='' S3_OURS=''
trap take_down EXIT
trap 'exit 130' INT TERM

"$ROOT/hack/deps.sh" build cluster test
if [ -z "${GOSTAT_BINARY:-}" ]; then
  step 'build gostat'
  "$ROOT/hack/build.sh" dev >"$DIR/build.log" 2>&1 || { cat "$DIR/build.log" >&2 && die 'the build failed'; }
fi
# A copy: a build beside the tests must not change what is under test.
cp "${GOSTAT_BINARY:-$ROOT/build/dev/gostat}" "$DIR/gostat"
step_ok

if ! "$CLUSTER" status >"$DIR/cluster.log" 2>&1; then
  if ! grep -q PID "$DIR/cluster.log"; then CLUSTER_OURS=1; fi
  "$CLUSTER" up
fi
if ! "$S3" env >/dev/null 2>&1; then S3_OURS=1; fi
"$S3" up
step 'test programs and their images'
"$ROOT/hack/workloads.sh" "$DIR/bin" >>"$DIR/cluster.log" 2>&1
for program in leaky lively; do
  "$ROOT/hack/cluster/image.sh" "$program:e2e" "$DIR/bin/$program" >>"$DIR/cluster.log" 2>&1
done
step 'kubectl apply -k manifests/'
"$CLUSTER" kubectl apply -k "$ROOT/manifests" >>"$DIR/cluster.log"
"$CLUSTER" kubectl wait --for=condition=Established crd/gostatpolicies.gostat.dev crd/gostatincidents.gostat.dev \
  >>"$DIR/cluster.log"
"$CLUSTER" serviceaccount-kubeconfig gostat-system gostat "$DIR/gostat.kubeconfig"
step_ok

cluster_env=$("$CLUSTER" env)
s3_env=$("$S3" env)
eval "$cluster_env"
eval "$s3_env"
python=$("$ROOT/hack/deps.sh" python)
export GOSTAT_E2E_DIR=$DIR
"$CLUSTER" exec "$python" -B -m pytest -p no:cacheprovider --color=auto -rA --tb=short -q "$E2E" "$@"
