# shellcheck shell=bash
# Sourced by the scripts of hack/: messages, steps that show their time, waiting. All of it goes to stderr, so that
# a command's stdout stays what it promises (an address, export lines, ...).

STEP=''
STEP_SINCE=0
trap step_failed EXIT # a script that replaces this trap calls it in its own

die() {
  step_failed
  echo "${0##*/}: $*" >&2
  exit 1
}

usage_error() {
  echo "${0##*/}: $*" >&2
  exit 2
}

note() { echo "  $*" >&2; }

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# seconds SINCE_MS: the time since then, as "1.2".
seconds() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# step TEXT: ends the step before, with its time, and begins this one. A script that ends within a step shows it as FAILED.
step() {
  step_ok
  STEP=$1
  STEP_SINCE=$(now_ms)
  if [ -t 2 ]; then printf '  %-56s ...\r' "$STEP" >&2; fi
}

step_ok() {
  if [ -n "$STEP" ]; then printf '  %-56s %6s s\n' "$STEP" "$(seconds "$STEP_SINCE")" >&2; fi
  STEP=''
}

step_failed() {
  if [ -n "$STEP" ]; then printf '  %-56s FAILED after %s s\n' "$STEP" "$(seconds "$STEP_SINCE")" >&2; fi
  STEP=''
}

# wait_until SECONDS COMMAND...: runs COMMAND every 0.1 s until it succeeds; 1 when the time is over.
wait_until() {
  local end=$(($(now_ms) + $1 * 1000))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ "$(now_ms)" -ge "$end" ]; then return 1; fi
    sleep 0.1
  done
}

# valid_name VARIABLE VALUE: a name that is safe in paths, cgroups, interface names and host names.
valid_name() {
  [[ $2 =~ ^[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?$ ]] ||
    usage_error "$1=\"$2\": want 1 to 20 of a-z, 0-9 and -, and no - at either end"
}

# valid_path VARIABLE PATH: the path goes into JSON, TOML and command lines as it is.
valid_path() {
  [[ $2 =~ ^/[-A-Za-z0-9._/+@]*$ ]] ||
    usage_error "$1=\"$2\": want an absolute path of letters, digits and . _ - + @ only"
}

# Every running thing of hack/ keeps its state below this directory.
state_base() {
  local base=${GOSTAT_STATE:-${HOME:?HOME is not set; set it, or GOSTAT_STATE}/.local/state/gostat}
  valid_path GOSTAT_STATE "$base"
  realpath -ms -- "$base"
}

require_root() {
  if [ "$(id -u)" -ne 0 ]; then die "must run as root: it makes namespaces, cgroups and mounts"; fi
}

# require_commands DEPS_GROUP COMMAND...
require_commands() {
  local group=$1 missing=() c
  shift
  for c in "$@"; do
    if ! command -v "$c" >/dev/null; then missing+=("$c"); fi
  done
  if [ ${#missing[@]} -gt 0 ]; then die "not installed: ${missing[*]}; run hack/deps.sh $group"; fi
}

# require_go: Debian 12 has Go 1.19 only, so Go is a prerequisite and never installed from here.
require_go() {
  local v
  if ! command -v go >/dev/null; then die "go is not on PATH; install Go 1.26 or later (https://go.dev/dl/)"; fi
  v=$(GOTOOLCHAIN=local go env GOVERSION)
  [[ $v =~ ^go1\.([0-9]+) ]] || die "cannot read the version of $(command -v go): \"$v\""
  if [ "${BASH_REMATCH[1]}" -lt 26 ]; then
    die "$(command -v go) is $v; install Go 1.26 or later (https://go.dev/dl/) and put it first on PATH"
  fi
}
