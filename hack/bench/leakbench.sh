#!/usr/bin/env bash
# The leak benchmark in full: which leaks are found and which healthy services accused, and how fast. See tests/leakbench.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"

SEEDS=1,2,3 OUTPUT=$ROOT/build/leakbench.json GOSTAT=''

usage() {
  cat <<USAGE
usage: $0 [--seeds N,N,...] [--gostat FILE] [-o FILE] [RUN_OPTION...]

  --seeds    one run of everything for each; the worst of them counts (default $SEEDS)
  --gostat   the binary; left out, build/release/gostat is built by hack/build.sh
  -o         results as JSON (default build/leakbench.json)

Other options go to tests/leakbench/run.py; see its --help. Takes some 13 minutes for each seed, and up to 10 for the
timing at the default windows; the machine should have nothing else to do. Ends with the bars of the project.
Exit codes: 0 all bars met, 1 one was missed, 2 usage error.
USAGE
}

REST=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --seeds | --gostat | -o)
      if [ $# -lt 2 ]; then usage_error "$1 needs a value"; fi
      case $1 in
        --seeds) SEEDS=$2 ;;
        --gostat) GOSTAT=$2 ;;
        -o) OUTPUT=$2 ;;
      esac
      shift
      ;;
    *) REST+=("$1") ;;
  esac
  shift
done

require_go
if [ -z "$GOSTAT" ]; then
  "$ROOT/hack/build.sh" release >&2
  GOSTAT=$ROOT/build/release/gostat
fi
mkdir -p "$(dirname "$OUTPUT")"
exec python3 "$ROOT/tests/leakbench/run.py" --gostat "$GOSTAT" --seeds "$SEEDS" --parts detection,fleet,timing \
  -o "$OUTPUT" ${REST[@]+"${REST[@]}"}
