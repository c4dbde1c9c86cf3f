#!/usr/bin/env bash
# Every script parses, passes shellcheck, and sets the options that keep errors from passing unseen.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=hack/lib/sources.sh
. hack/lib/sources.sh
command -v shellcheck >/dev/null || { echo 'shellcheck is not installed; run hack/deps.sh lint' >&2 && exit 1; }
mapfile -t files < <(shell_files | sort -u)

failures=0
for file in "${files[@]}"; do
  bash -n "$file" || failures=$((failures + 1))
  # What is sourced says so in its first line, and has the options of its caller.
  # One command needs no options.
  if head -n 1 "$file" | grep -q '^#!' && [ "$(grep -cvE '^(#|$)' "$file")" -gt 1 ] && ! grep -qE '^set -e?uo pipefail( |$)' "$file"; then
    echo "$file: has no 'set -euo pipefail' (without -e where it goes on after a failure)"
    failures=$((failures + 1))
  fi
  if head -n 1 "$file" | grep -q '^#!' && [ ! -x "$file" ]; then
    echo "$file: is a script, but not executable"
    failures=$((failures + 1))
  fi
done
# SC2129: several lines that append to one log read as well as a block.
shellcheck --external-sources --exclude=SC2129 "${files[@]}" || failures=$((failures + 1))
if [ "$failures" -gt 0 ]; then
  echo "shell: $failures complaints about ${#files[@]} scripts"
  exit 1
fi
echo "shell: ${#files[@]} scripts"
