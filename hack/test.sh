#!/usr/bin/env bash
# Runs the project's tests: everything that CI runs, and CI runs nothing else.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"

STAGES=(lint unit asan fuzz component leakbench e2e heal install rights demo)

usage() {
  cat <<USAGE
usage: $0 [STAGE...]     none named: all of them, in this order

  lint        hack/verify/all.sh: format, clang-tidy, layers, shell, manifests, texts
  unit        unit tests (cmocka) and the fuzz targets' corpora, plain build
  asan        the same under AddressSanitizer and UndefinedBehaviorSanitizer
  fuzz        the corpora with libFuzzer, and a short run of each fuzz target (FUZZ_SECONDS, default 5)
  component   the real binary against a real API server and S3, and real Go programs (pytest)
  leakbench   who is found and who is accused: a sample of hack/bench/leakbench.sh
  e2e         on the real cluster (pytest): detection, evidence, incidents, outages
  heal        on the real cluster (pytest): every action, every reason to refuse, kill -9 at each step
  install     the chart and the image on the real cluster (pytest): upgrade, tenants, leader election, uninstallation
  rights      each right that is granted was used in the stages e2e, heal or install of this run
  demo        hack/demo.sh and hack/demo.sh --local, as the README has them

Installs what is missing (as root), shows each stage's own closing lines, and ends with "N passed, N failed, N skipped"
over all of them. Exit codes: 0 all passed, 1 something failed, 2 usage error.
USAGE
}

PASSED=0
FAILED=0
SKIPPED=0

# tally WHAT STATUS PASSED FAILED SKIPPED: a runner that failed without counting a failure counts as one.
tally() {
  local failed=$4
  if [ "$2" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
  if [ "$2" -eq 0 ] && [ $(($3 + $4)) -eq 0 ]; then
    echo "$1 ran no test" >&2
    failed=1
  fi
  PASSED=$((PASSED + $3))
  FAILED=$((FAILED + failed))
  SKIPPED=$((SKIPPED + $5))
}

# number WORD LINE: the number before WORD in LINE, else 0.
number() {
  if [[ $2 =~ ([0-9]+)\ $1 ]]; then echo "${BASH_REMATCH[1]}"; else echo 0; fi
}

# run_logged NAME COMMAND...: shows and keeps its output; sets STATUS and LOG.
run_logged() {
  LOG=$DIR/$1.log
  shift
  STATUS=0
  "$@" 2>&1 | tee "$LOG" || STATUS=$?
}

# counted NAME COMMAND...: a runner whose last such line is "N passed, N failed[, N skipped]", as pytest's and ours.
counted() {
  local name=$1 line
  run_logged "$@"
  line=$(grep -E '[0-9]+ (passed|failed|skipped|error)' "$LOG" | tail -n 1 || true)
  tally "$name" "$STATUS" "$(number passed "$line")" \
    $(($(number failed "$line") + $(number error "$line"))) "$(number skipped "$line")"
}

# ctested PRESET: builds everything of a preset and runs its tests.
ctested() {
  local line total failed
  if ! "$ROOT/hack/build.sh" "$1" all >"$DIR/$1.build.log" 2>&1; then
    grep -E 'error|FAILED|undefined' "$DIR/$1.build.log" | head -n 30 >&2
    tally "build of $1" 1 0 1 0
    return
  fi
  run_logged "ctest-$1" ctest --preset "$1" -j "$(nproc)"
  line=$(grep -E 'tests passed, [0-9]+ tests failed out of [0-9]+' "$LOG" | tail -n 1 || true)
  total=0 failed=0
  if [[ $line =~ ,\ ([0-9]+)\ tests\ failed\ out\ of\ ([0-9]+) ]]; then
    failed=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
  fi
  tally "ctest $1" "$STATUS" $((total - failed)) "$failed" 0
}

stage_lint() {
  "$ROOT/hack/deps.sh" build lint test cluster
  "$ROOT/hack/build.sh" dev >"$DIR/dev.build.log" 2>&1 || true # clang-tidy reads its compile_commands.json
  counted lint "$ROOT/hack/verify/all.sh"
}

stage_unit() { ctested dev; }
stage_asan() { ctested asan; }

stage_fuzz() {
  local target name seconds=${FUZZ_SECONDS:-5} passed=0 failed=0
  ctested fuzz
  for target in "$ROOT"/build/fuzz/tests/fuzz/fuzz_*; do
    if [ ! -f "$target" ] || [ ! -x "$target" ]; then continue; fi
    name=${target##*/fuzz_}
    mkdir -p "$DIR/fuzz/$name"
    # The same inputs in each run: what is new is looked for with FUZZ_SECONDS and FUZZ_SEED=0 (another one each time).
    if "$target" -seed="${FUZZ_SEED:-1}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$DIR/fuzz/$name-" \
      "$DIR/fuzz/$name" "$ROOT/tests/fuzz/corpus/$name" >"$DIR/fuzz/$name.log" 2>&1; then
      passed=$((passed + 1))
      echo "fuzz $name: $(grep -c . "$DIR/fuzz/$name.log" || true) lines of log, $(sed -n 's/^Done \([0-9]*\) runs.*/\1 runs/p' "$DIR/fuzz/$name.log")"
    else
      failed=$((failed + 1))
      tail -n 40 "$DIR/fuzz/$name.log" >&2
    fi
  done
  echo "$passed passed, $failed failed"
  tally fuzz 0 "$passed" "$failed" 0
}

# What component and e2e tests run on: programs that are built once, and Python.
prepare_real() {
  "$ROOT/hack/deps.sh" build lint cluster test
  PYTHON=$("$ROOT/hack/deps.sh" python)
  "$ROOT/hack/build.sh" dev >"$DIR/dev.build.log" 2>&1
  "$ROOT/hack/workloads.sh" "$DIR/workloads" >"$DIR/workloads.log" 2>&1
  export GOSTAT_BIN=$ROOT/build/dev/gostat GOSTAT_WORKLOADS=$DIR/workloads
}

stage_component() {
  prepare_real
  "$ROOT/hack/build.sh" dev all >"$DIR/dev.build.log" 2>&1
  GOSTAT_BIN_DIR=$("$ROOT/hack/cluster/programs.sh" "$DIR/programs")
  export GOSTAT_BIN_DIR
  # They mostly wait, so three files at a time; a file's tests share its servers.
  counted component "$PYTHON" -m pytest -q -rfE --durations=5 -p no:cacheprovider -n 3 --dist loadfile "$ROOT/tests/component"
}

stage_leakbench() {
  "$ROOT/hack/deps.sh" build test
  "$ROOT/hack/build.sh" release >"$DIR/release.build.log" 2>&1
  run_logged leakbench python3 "$ROOT/tests/leakbench/run.py" --gostat "$ROOT/build/release/gostat" --sample
  tally leakbench "$STATUS" "$(grep -c '^ *met ' "$LOG" || true)" "$(grep -c '^ *MISSED ' "$LOG" || true)" 0
}

# on_cluster NAME PYTEST-MARKER
on_cluster() {
  prepare_real
  "$ROOT/hack/build.sh" release >"$DIR/release.build.log" 2>&1
  counted "$1" env GOSTAT_BINARY="$ROOT/build/release/gostat" GOSTAT_CLUSTER="$1-$$" "$ROOT/tests/e2e/run.sh" -m "$2"
}

stage_e2e() { on_cluster e2e 'not heal'; }
stage_heal() { on_cluster heal heal; }

stage_install() {
  prepare_real
  counted install env GOSTAT_CLUSTER="install-$$" "$ROOT/tests/install/run.sh"
}

stage_rights() {
  PYTHON=$("$ROOT/hack/deps.sh" python)
  counted rights "$PYTHON" "$ROOT/tests/e2e/test_rights.py" "$GOSTAT_RIGHTS"
}

stage_demo() {
  local which
  for which in '' --local; do
    # shellcheck disable=SC2086 # an empty flag is no argument
    run_logged "demo$which" "$ROOT/hack/demo.sh" $which
    tally "demo $which" "$STATUS" $((STATUS == 0)) $((STATUS != 0)) 0
  done
}

main() {
  local stage s known
  case ${1:-} in
    -h | --help)
      usage
      return
      ;;
  esac
  if [ $# -eq 0 ]; then set -- "${STAGES[@]}"; fi
  for stage; do
    known=''
    for s in "${STAGES[@]}"; do if [ "$s" = "$stage" ]; then known=yes; fi; done
    if [ -z "$known" ]; then usage_error "no stage \"$stage\"; see $0 --help"; fi
  done
  cd "$ROOT"
  DIR=$(mktemp -d "${TMPDIR:-/tmp}/gostat-test.XXXXXX")
  trap 'rm -rf "$DIR"' EXIT
  export GOSTAT_RIGHTS=$DIR/rights # each stage on a cluster leaves there which rights it used
  mkdir "$GOSTAT_RIGHTS"
  local began
  for stage; do
    began=$(now_ms)
    echo "== $stage"
    "stage_$stage"
    echo "== $stage: $(seconds "$began") s"
  done
  echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
  if [ -n "${CI:-}" ] && [ "$SKIPPED" -ne 0 ]; then
    echo "a skipped test is a failure in CI" >&2
    return 1
  fi
  [ "$FAILED" -eq 0 ]
}

main "$@"
