#!/usr/bin/env bash
# What must not be in the repository, and what must be: no addresses of package registries or mirrors, no paths of one
# machine, nothing put off to later; a README.md in each folder of controller/, a LICENSE.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=hack/lib/sources.sh
. hack/lib/sources.sh

failures=0
complain() {
  printf '%s\n' "$*"
  failures=$((failures + 1))
}

# The patterns are written so that this file does not match itself.
# forbid WHAT REGEX [PATHSPEC...]
forbid() {
  local what=$1 regex=$2 found files
  shift 2
  mapfile -t files < <(our_files "$@")
  if [ ${#files[@]} -eq 0 ]; then return; fi
  found=$(grep -nIE "$regex" "${files[@]}" /dev/null || true)
  if [ -n "$found" ]; then complain "$what:"$'\n'"$found"; fi
}

forbid 'the address of a package registry or mirror' \
  '(proxy[.]golang[.]org|goproxy[.](io|cn)|pypi[.](org|python)|registry[.]npmjs|deb[.]debian[.]org|index[-]url|GOPROXY=http[s:])'
forbid 'a path of one machine' '(^|[^A-Za-z0-9_.])(/work[/]|/tmp[/]clu)'
forbid 'put off to later' '\b(TOD[O]|FIXM[E]|XX[X])\b' ':!*.sum'
forbid 'white space at the end of a line' '[[:blank:]]+$' '*.c' '*.h' '*.sh' '*.py' '*.md' '*.yaml' '*.txt' ':!tests/data' \
  ':!tests/fuzz/corpus'
forbid 'a tab in C, Python or YAML' $'\t' '*.c' '*.h' '*.py' '*.yaml' ':!tests/data' ':!tests/fuzz/corpus'

for file in LICENSE README.md CHANGELOG.md; do
  if [ ! -s "$file" ]; then complain "$file is missing"; fi
done
if [ -s LICENSE ] && ! grep -q 'Apache License' LICENSE; then complain 'LICENSE is not the Apache License'; fi
for folder in controller/*/; do
  if [ ! -s "${folder}README.md" ]; then
    complain "${folder}README.md is missing"
  elif [ "$(wc -l <"${folder}README.md")" -gt 60 ]; then
    complain "${folder}README.md is longer than a page (60 lines)"
  fi
done

if [ "$failures" -gt 0 ]; then
  echo "text: $failures complaints"
  exit 1
fi
echo "text: $(our_files | wc -l) files"
