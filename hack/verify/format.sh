#!/usr/bin/env bash
# All C is formatted by .clang-format; hack/update-format.sh writes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=hack/lib/sources.sh
. hack/lib/sources.sh
clang_format=$(clang_tool clang-format)
mapfile -t files < <(c_files)

bad=()
for file in "${files[@]}"; do
  "$clang_format" --dry-run --Werror "$file" 2>/dev/null || bad+=("$file")
done
if [ ${#bad[@]} -gt 0 ]; then
  printf '%s\n' "${bad[@]}"
  echo "format: ${#bad[@]} of ${#files[@]} files are not formatted; run hack/update-format.sh [FILE...]"
  exit 1
fi
echo "format: ${#files[@]} files"
