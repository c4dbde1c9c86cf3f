#!/usr/bin/env bash
# Builds the test workloads (tests/workloads) as static binaries into a directory, with the goroutineleak profile.
set -euo pipefail
if [ $# -ne 1 ] || [[ $1 == -* ]]; then
  echo "usage: $0 DIR   builds DIR/leaky and DIR/lively" >&2
  exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../tests/workloads"
CGO_ENABLED=0 GOEXPERIMENT=goroutineleakprofile GOFLAGS='' go build -trimpath -buildvcs=false -o "$out/" ./cmd/...
