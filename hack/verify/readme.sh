#!/usr/bin/env bash
# The documents say what is true: every ```sh line is a command that CI runs or that is run here, links lead to files,
# and the README lists every metric of the controller, every reason of a condition and of a refusal.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=hack/lib/sources.sh
. hack/lib/sources.sh

# What CI runs: .ci/run is hack/test.sh, whose stages demo and e2e run the others.
CI_RUNS=('hack/test.sh' 'hack/demo.sh' 'hack/demo.sh --local' 'hack/build.sh release')

failures=0
commands=0
complain() {
  echo "$*"
  failures=$((failures + 1))
}

# sh_lines FILE: "LINE:COMMAND" of its ```sh blocks.
sh_lines() {
  awk '/^```/ { inside = (!inside && $0 == "```sh"); fence = !fence; next }
       inside && NF { print FNR ":" $0 }
       END { exit fence }' "$1"
}

is_run_by_ci() {
  local c
  for c in "${CI_RUNS[@]}"; do
    if [ "$1" = "$c" ]; then return 0; fi
  done
  return 1
}

# check_command WHERE COMMAND
check_command() {
  local output words
  commands=$((commands + 1))
  if is_run_by_ci "$2"; then
    if [ ! -x "${2%% *}" ]; then complain "$1: ${2%% *} is not an executable file"; fi
  elif [[ $2 =~ ^build/(dev|release)/gostat\ [-a-z0-9\ ]+$ ]]; then
    read -ra words <<<"$2"
    if ! output=$(hack/build.sh "${BASH_REMATCH[1]}" 2>&1 && "${words[@]}" 2>&1 </dev/null); then
      complain "$1: \"$2\" fails: $output"
    fi
  else
    complain "$1: \"$2\" is nothing that CI runs; make it one, or call the block \`\`\`console"
  fi
}

# check_links FILE: relative ones, from the file's own folder.
check_links() {
  local target
  while read -r target; do
    if [ ! -e "$(dirname "$1")/${target%%#*}" ]; then complain "$1: the link to $target leads nowhere"; fi
  done < <(grep -oE '\]\([^)#:][^):]*\)' "$1" | sed 's/^](//; s/)$//' || true)
}

# check_named WHAT REGEX SOURCE: README.md names each "quoted" word of the source that matches.
check_named() {
  local word found=0
  while read -r word; do
    found=$((found + 1))
    grep -qwF -- "$word" README.md || complain "README.md does not name $1 $word of $3"
  done < <(grep -oE "\"$2\"" "$3" | tr -d '"' | sort -u)
  if [ "$found" -eq 0 ]; then complain "$3: no $1 was found"; fi
}

while read -r file; do
  lines=$(sh_lines "$file") || complain "$file: a code block is not closed"
  while IFS=: read -r number command; do
    if [ -n "$command" ]; then check_command "$file:$number" "$command"; fi
  done <<<"$lines"
  check_links "$file"
done < <(our_files '*.md')
if [ "$commands" -eq 0 ]; then complain "README.md has no command in a \`\`\`sh block"; fi
grep -qF hack/test.sh .ci/run || complain '.ci/run does not run hack/test.sh'
check_named metric 'gostat_[a-z_]+' <(cat controller/operator/metrics*.c)
check_named refusal '[A-Z][A-Za-z]+' <(grep '\[GS_REFUSAL_' controller/core/heal_words.c)
check_named reason '[A-Z][A-Za-z]+' controller/operator/policy_status.c
check_named reason 'Secret[A-Z][A-Za-z]+' controller/operator/secrets.c

if [ "$failures" -gt 0 ]; then
  echo "readme: $failures complaints"
  exit 1
fi
echo "readme: $commands commands, $(our_files '*.md' | wc -l) documents"
