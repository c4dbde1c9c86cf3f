#!/usr/bin/env bash
# usage: hack/update-format.sh [FILE...]   formats the named C files; none named: all. hack/verify/format.sh checks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib/sources.sh
. hack/lib/sources.sh
clang_format=$(clang_tool clang-format)
if [ $# -eq 0 ]; then
  mapfile -t files < <(c_files)
  set -- "${files[@]}"
fi
"$clang_format" -i "$@"
