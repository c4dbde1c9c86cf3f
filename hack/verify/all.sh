#!/usr/bin/env bash
# Runs every check of hack/verify/ and reports all failures, not the first. The last line is "N passed, N failed".
# usage: hack/verify/all.sh [NAME...]   only these, e.g. layers format
set -uo pipefail # no -e: a check that fails must not end the others
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

passed=0
failed=()
if [ $# -eq 0 ]; then
  for script in *.sh; do
    if [ "$script" != all.sh ]; then set -- "$@" "${script%.sh}"; fi
  done
fi
for name; do
  if [ ! -x "./$name.sh" ]; then
    echo "== $name: no such check"
    failed+=("$name")
    continue
  fi
  echo "== $name"
  if "./$name.sh"; then
    passed=$((passed + 1))
  else
    failed+=("$name")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then echo "failed: ${failed[*]}"; fi
echo "$passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
