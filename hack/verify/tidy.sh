#!/usr/bin/env bash
# clang-tidy with .clang-tidy over the sources of controller/, several at a time.
# usage: hack/verify/tidy.sh [REGEX]   only the sources whose path matches
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=hack/lib/sources.sh
. hack/lib/sources.sh
clang_tidy=$(clang_tool clang-tidy)
hack/build.sh dev gs_pb >/dev/null # configures, and makes the headers that are generated
mapfile -t files < <(our_files 'controller/*.c' | grep -E -- "${1:-.}")
if [ ${#files[@]} -eq 0 ]; then echo "tidy: no source matches $1" >&2 && exit 2; fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# gcc's own flags are unknown to clang: that is no finding.
if ! printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" "$clang_tidy" -p build/dev --quiet --extra-arg=-Wno-unknown-warning-option >"$log" 2>&1; then
  grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed |^Use -header-filter' "$log" || true
  echo "tidy: $(grep -cE ': (error|warning): ' "$log" || true) findings in ${#files[@]} files"
  exit 1
fi
echo "tidy: ${#files[@]} files"
