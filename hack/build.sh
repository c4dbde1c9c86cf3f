#!/usr/bin/env bash
# Builds one preset of CMakePresets.json: build/PRESET/gostat. Installs what the build needs where it is missing.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"

usage() {
  cat <<USAGE
usage: $0 [PRESET [TARGET...]]

  PRESET   dev (default), asan, fuzz or release: see CMakePresets.json
  TARGET   what to build; left out: gostat. "all" builds the unit tests and fuzz targets too

Leaves build/PRESET/gostat. Where a tool or library is missing, hack/deps.sh build is run first (as root).
Exit codes: 0 built, 1 failed, 2 usage error.
USAGE
}

# What is not there of what CMakeLists.txt asks for.
missing() {
  local preset=$1 c p
  for c in cmake ninja pkg-config; do command -v "$c" >/dev/null || echo "$c"; done
  c=gcc
  if [ "$preset" = fuzz ]; then c=clang; fi
  command -v "$c" >/dev/null || echo "$c"
  command -v nanopb_generator >/dev/null || command -v nanopb_generator.py >/dev/null || echo nanopb_generator
  if command -v pkg-config >/dev/null; then
    for p in libcurl jansson yaml-0.1 libcrypto libevent_core zlib cmocka; do
      pkg-config --exists "$p" || echo "$p (library)"
    done
  fi
}

main() {
  local preset=${1:-dev} lacks groups=(build)
  case $preset in
    -h | --help)
      usage
      return
      ;;
    dev | asan | fuzz | release) ;;
    *) usage_error "no such preset: $preset; want dev, asan, fuzz or release" ;;
  esac
  if [ $# -gt 0 ]; then shift; fi
  if [ $# -eq 0 ]; then set -- gostat; fi
  if [ "$preset" = fuzz ]; then groups+=(lint); fi # clang is in there
  cd "$ROOT"
  lacks=$(missing "$preset")
  if [ -n "$lacks" ]; then
    note "missing for the build: ${lacks//$'\n'/, }"
    "$ROOT/hack/deps.sh" "${groups[@]}"
    lacks=$(missing "$preset")
    if [ -n "$lacks" ]; then die "still missing after hack/deps.sh ${groups[*]}: ${lacks//$'\n'/, }"; fi
  fi
  mkdir -p build
  exec 9>"build/.$preset.lock"
  flock -n 9 || { note "another build of $preset runs; waiting for it" && flock 9; }
  if ! cmake --preset "$preset" >"build/.$preset.configure.log" 2>&1 9>&-; then
    cat "build/.$preset.configure.log" >&2
    die "cannot configure preset $preset"
  fi
  cmake --build "build/$preset" -j "$(nproc)" --target "$@" 9>&-
}

main "$@"
