# shellcheck shell=bash
# Sourced from the root of the repository: which files are ours, and the tools of clang 14, the version whose opinion
# counts (others format differently).

# Tracked and new files, but no ignored and no deleted ones.
our_files() {
  git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r f; do
    if [ -f "$f" ]; then echo "$f"; fi
  done
}

c_files() { our_files 'controller/*.[ch]' 'tests/*.[ch]' 'hack/*.[ch]'; }

# Scripts by name or by their first line.
shell_files() {
  our_files '*.sh'
  our_files ':!*.*' | while read -r f; do
    if head -n 1 "$f" | grep -qE '^#!.*\b(ba)?sh\b'; then echo "$f"; fi
  done
  our_files '.ci/run'
}

# clang_tool NAME: prints how the tool is called here.
clang_tool() {
  local name=$1 candidate
  for candidate in "$name-14" "$name"; do
    if command -v "$candidate" >/dev/null && "$candidate" --version | grep -q 'version 14\.'; then
      echo "$candidate"
      return
    fi
  done
  echo "${0##*/}: $name 14 is not installed; run hack/deps.sh lint" >&2
  return 1
}
