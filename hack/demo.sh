#!/usr/bin/env bash
# Shows gostat at its main job, on real parts. The two demos are hack/demo/cluster.sh and hack/demo/local.sh: each is
# sourced from here and defines demo_run.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"

usage() {
  cat <<USAGE
usage: $0 [--local] [--keep]

  (no flag)  on a real Kubernetes cluster, which it starts: from a leaking Deployment to an incident that names the
             function, evidence in S3 and a patched scale; needs root
  --local    gostat watch on a leaking and a healthy program, no cluster: under a minute after the build
  --keep     leave running what was started, and say how to look further and how to end it

Exit codes: 0 the leak was found as it should be, 1 it was not, 2 usage error.
USAGE
}

PART=cluster
export DEMO_KEEP=''
for arg; do
  case $arg in
    --local) PART=local ;;
    --keep) DEMO_KEEP=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) usage_error "no such flag: $arg; see $0 --help" ;;
  esac
done

# shellcheck source=/dev/null
. "$ROOT/hack/demo/$PART.sh"
demo_run
