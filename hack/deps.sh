#!/usr/bin/env bash
# Installs what is needed on a Debian 12, by group; nothing happens where all is there.
set -euo pipefail
HACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=hack/lib/common.sh
. "$HACK/lib/common.sh"

BUILD=(gcc libc6-dev cmake ninja-build pkg-config libcurl4-openssl-dev libjansson-dev libyaml-dev libssl-dev libcmocka-dev
  libevent-dev zlib1g-dev libnanopb-dev nanopb protobuf-compiler openssl tzdata)
LINT=(clang clang-format clang-tidy libclang-rt-14-dev shellcheck jq)
CLUSTER=(containerd runc containernetworking-plugins iproute2 iptables nftables conntrack util-linux openssl
  procps curl ca-certificates gcc libc6-dev)
TEST=(prometheus prometheus-alertmanager zsh fish) # and promtool, amtool
IMAGE=(buildah skopeo debootstrap)
GROUPS_ALL=(build lint cluster test image)

usage() {
  cat <<'EOF'
usage: deps.sh [GROUP...]     build, lint, cluster, test, image; none named: all
       deps.sh python         prints the python3 that has tests/requirements.txt (made by deps.sh test)

Not installed from here: Go 1.26 or later (Debian 12 has 1.19 only), and python3 on PATH for the group test.
EOF
}

main() {
  local group packages=() python=''
  case ${1:-} in
    -h | --help | help)
      usage
      return
      ;;
    python)
      venv_python
      return
      ;;
  esac
  if [ $# -eq 0 ]; then set -- "${GROUPS_ALL[@]}"; fi
  for group in "$@"; do
    case $group in
      build) packages+=("${BUILD[@]}") ;;
      lint) packages+=("${LINT[@]}") ;;
      cluster) packages+=("${CLUSTER[@]}") ;;
      image) packages+=("${IMAGE[@]}") ;;
      test)
        packages+=("${TEST[@]}")
        python=yes
        ;;
      *) usage_error "no group \"$group\"; see deps.sh --help" ;;
    esac
  done
  require_go
  if [ -n "$python" ]; then python_packages; fi
  install_missing "${packages[@]}"
  if [ -n "$python" ]; then venv_create; fi
}

# Adds Debian's python3-venv to packages where the python3 on PATH is Debian's own, which lacks it.
python_packages() {
  if ! command -v python3 >/dev/null; then
    packages+=(python3 python3-venv)
  elif ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    packages+=(python3-venv)
  fi
}

install_missing() {
  local p installed missing=()
  command -v dpkg-query >/dev/null || die "this is no Debian: install by hand what stands in its place: $*"
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' || true)
  for p in "$@"; do
    if ! grep -qxF "$p" <<<"$installed" && [[ " ${missing[*]} " != *" $p "* ]]; then missing+=("$p"); fi
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  if [ "$(id -u)" -ne 0 ]; then die "must run as root to install: ${missing[*]}"; fi
  echo "installing ${#missing[@]} packages: ${missing[*]}" >&2
  step "package lists"
  apt_quiet update
  step "packages"
  no_services
  apt_quiet install -y --no-install-recommends "${missing[@]}"
  step_ok
  # They would start at the next boot else. Only those that this run has brought.
  for p in prometheus prometheus-alertmanager containerd; do
    if [[ " ${missing[*]} " == *" $p "* ]] && [ -d /run/systemd/system ]; then systemctl disable -q "$p"; fi
  done
}

# Only the programs are wanted, not the services: tests start prometheus, the cluster containerd.
no_services() {
  if [ -e /usr/sbin/policy-rc.d ]; then return; fi
  trap 'step_failed; rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
}

# apt_quiet ARG...: a line every 5 s with the last thing that apt did, and all of it when it fails.
apt_quiet() {
  local log shown=0 pid line
  log=$(mktemp)
  DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    shown=$((shown + 1))
    if [ $((shown % 25)) -eq 0 ]; then
      line=$(grep -E '^(Get:|Unpacking|Setting up)' "$log" | tail -n 1 || true)
      note "${line:0:100}"
    fi
  done
  if ! wait "$pid"; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    die "apt-get $1 failed"
  fi
  rm -f "$log"
}

# The environment hangs on the requirements and on the interpreter: a change of either makes a new one.
venv_dir() {
  local key
  key=$({
    cat "$HACK/../tests/requirements.txt"
    python3 -c 'import sys; print(sys.version, sys.base_prefix)'
  } | sha256sum | cut -c1-16)
  echo "${XDG_CACHE_HOME:-$HOME/.cache}/gostat/venv/$key"
}

venv_create() {
  local dir
  dir=$(venv_dir)
  if [ -e "$dir/done" ]; then return; fi
  mkdir -p "${dir%/*}"
  exec 9>"${dir%/*}/.lock"
  flock 9
  if [ -e "$dir/done" ]; then return; fi
  step "python packages"
  rm -rf "$dir"
  python3 -m venv "$dir"
  "$dir/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$HACK/../tests/requirements.txt"
  "$dir/bin/pip" check --quiet || die "the pins of tests/requirements.txt do not fit together"
  touch "$dir/done"
  step_ok
}

venv_python() {
  local dir
  dir=$(venv_dir)
  if [ ! -e "$dir/done" ]; then die "no python environment; run hack/deps.sh test"; fi
  echo "$dir/bin/python"
}

main "$@"
