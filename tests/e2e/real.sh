# shellcheck shell=bash
# Sourced by the run.sh of tests/e2e and tests/install: the real cluster, the S3 server and the test programs.

export GOSTAT_CLUSTER=${GOSTAT_CLUSTER:-e2e}
CLUSTER=$ROOT/hack/cluster/cluster.sh
S3=$ROOT/hack/s3/s3.sh

# real_begin: a directory of its own in DIR; what real_up starts ends with the script.
real_begin() {
  require_root
  DIR=$(mktemp -d "${TMPDIR:-/tmp}/gostat-e2e.XXXXXX")
  export GOSTAT_E2E_DIR=$DIR
  CLUSTER_OURS='' S3_OURS=''
  trap real_end EXIT
  trap 'exit 130' INT TERM
}

real_end() {
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

# real_up: starts what is not up, and loads the images of the test programs.
real_up() {
  local program
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
  step_ok
}

# real_pytest DIRECTORY ARGUMENT...: inside the cluster's network.
real_pytest() {
  local cluster_env s3_env python
  cluster_env=$("$CLUSTER" env)
  s3_env=$("$S3" env)
  eval "$cluster_env"
  eval "$s3_env"
  python=$("$ROOT/hack/deps.sh" python)
  "$CLUSTER" exec "$python" -B -m pytest -p no:cacheprovider --color=auto -rA --tb=short -q "$@"
}
