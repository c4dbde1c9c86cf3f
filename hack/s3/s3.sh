#!/usr/bin/env bash
# A real S3 server (versitygw) over TLS, with keys and a directory of its own for each run. It checks signatures strictly.
set -euo pipefail
S3_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=hack/lib/common.sh
. "$S3_HOME/../lib/common.sh"
# shellcheck source=hack/lib/proc.sh
. "$S3_HOME/../lib/proc.sh"
# shellcheck source=hack/lib/gobuild.sh
. "$S3_HOME/../lib/gobuild.sh"
# shellcheck source=hack/lib/pki.sh
. "$S3_HOME/../lib/pki.sh"

BUCKET=gostat
REGION=us-east-1
CLUSTER_PORT=7070

usage() {
  cat <<'EOF'
usage: s3.sh [--local] COMMAND
  up        start it and create the bucket; starts it again where it died
  down      end it, and remove its data
  stop      end it, and keep its data, keys and port: an outage
  start     the end of that outage
  env       export lines for a shell: S3_ENDPOINT S3_ACCESS_KEY S3_SECRET_KEY S3_REGION S3_BUCKET S3_CA S3_ROOT S3_ACCESS_LOG

It runs inside the network of cluster $GOSTAT_CLUSTER (default: gostat), on the node's address; with --local on a free
port of the host's loopback. $GOSTAT_S3 names the instance (default: the cluster's name), so that several run side by side.
EOF
}

# Everything below hangs on the mode and the name.
s3_names() {
  # shellcheck source=hack/cluster/names.sh
  . "$S3_HOME/../cluster/names.sh"
  local cluster_dir=$DIR name=${GOSTAT_S3:-$CLUSTER}
  valid_name GOSTAT_S3 "$name"
  DIR=${cluster_dir%/*}/$name.$([ "$MODE" = local ] && echo s3-local || echo s3)
  HOST=127.0.0.1
  S3_NETNS=()
  if [ "$MODE" = cluster ]; then
    HOST=$NODE_IP
    S3_NETNS=(nsenter --net="$NETNS" --)
    CLUSTER_UP=''
    if [ "$(stat -fc %T "$NETNS" 2>/dev/null)" = nsfs ]; then CLUSTER_UP=yes; fi
  fi
}

s3_up() {
  local since
  since=$(now_ms)
  require_s3
  lock_s3
  step "program"
  gobuild versitygw "$S3_HOME/../cluster/tools/versitygw" "-s -w" github.com/versity/versitygw/cmd/versitygw
  if [ ! -e "$DIR/mode" ]; then
    step "keys and certificates"
    s3_create
  fi
  step "server"
  s3_start
  step "bucket"
  s3_bucket
  step_ok
  echo "S3 server \"$(basename "$DIR")\" is up after $(seconds "$since") s at https://$HOST:$(cat "$DIR/port")" >&2
}

require_s3() {
  require_go
  require_commands cluster curl openssl nsenter
  if [ "$MODE" = cluster ]; then
    require_root
    if [ -z "$CLUSTER_UP" ]; then
      die "cluster \"$CLUSTER\" is not up; run hack/cluster/cluster.sh up, or use s3.sh --local"
    fi
  fi
}

lock_s3() {
  mkdir -p "${DIR%/*}"
  exec 9>"${DIR%/*}/.${DIR##*/}.lock"
  flock 9
}

s3_create() {
  rm -rf "$DIR"
  mkdir -p "$DIR"/{root,meta,pki,log}
  chmod 700 "$DIR"
  (
    cd "$DIR/pki" || exit 1
    pki_ca "gostat-s3-ca"
    pki_cert s3 /CN=gostat-s3 serverAuth "IP:$HOST,DNS:localhost"
  )
  echo "AK$(openssl rand -hex 9 | tr a-f A-F)" >"$DIR/access-key"
  openssl rand -hex 20 >"$DIR/secret-key"
  if [ "$MODE" = cluster ]; then echo $CLUSTER_PORT >"$DIR/port"; fi
  echo "$MODE" >"$DIR/mode"
}

# Starts it unless it lives. A local one takes a port below the kernel's own range for outgoing connections, once.
s3_start() {
  local try
  if proc_pid versitygw >/dev/null; then return; fi
  if [ -e "$DIR/port" ]; then
    s3_run "$(cat "$DIR/port")"
    proc_wait versitygw 30 s3_answers
    return
  fi
  for try in 1 2 3 4 5 6 7 8 9 10; do
    echo $((20000 + RANDOM % 12000)) >"$DIR/port"
    s3_run "$(cat "$DIR/port")"
    if s3_settled; then return; fi
    note "port $(cat "$DIR/port") is taken, attempt $try"
    rm -f "$DIR/port"
  done
  proc_die versitygw "found no free port"
}

# metadata goes beside the objects (--sidecar), since not every file system keeps extended attributes.
s3_run() {
  ROOT_ACCESS_KEY=$(cat "$DIR/access-key") ROOT_SECRET_KEY=$(cat "$DIR/secret-key") \
    proc_start versitygw "${S3_NETNS[@]}" "$GOBUILD_DIR/versitygw" --quiet --keep-alive --port "$HOST:$1" --region $REGION \
    --health /healthz --cert "$DIR/pki/s3.crt" --key "$DIR/pki/s3.key" --access-log "$DIR/log/access.log" \
    posix --sidecar "$DIR/meta" "$DIR/root"
}

# The one that runs answers, or it has ended: with the port taken, another server might answer in its place.
s3_settled() {
  local pid
  read -r pid <"$DIR/run/versitygw.pid"
  wait_until 30 eval "! kill -0 $pid || s3_answers" || proc_die versitygw "is not ready in time"
  kill -0 "$pid" 2>/dev/null
}

s3_curl() { "${S3_NETNS[@]}" curl -sS --noproxy '*' -m 10 --cacert "$DIR/pki/ca.crt" "$@"; }

s3_answers() { s3_curl -f "https://$HOST:$(cat "$DIR/port")/healthz"; }

s3_bucket() {
  local empty status config
  empty=$(printf '' | sha256sum | cut -d' ' -f1)
  # The keys go through a file descriptor: every user of the machine can read a command line.
  config="user = \"$(cat "$DIR/access-key"):$(cat "$DIR/secret-key")\""
  status=$(s3_curl -K <(echo "$config") --aws-sigv4 "aws:amz:$REGION:s3" -H "x-amz-content-sha256: $empty" -X PUT \
    -o "$DIR/log/bucket.xml" -w '%{http_code}' "https://$HOST:$(cat "$DIR/port")/$BUCKET")
  case $status in
    200 | 409) ;; # 409: it is there, and ours
    *) die "cannot create bucket \"$BUCKET\": HTTP $status: $(cat "$DIR/log/bucket.xml")" ;;
  esac
}

require_created() {
  if [ ! -e "$DIR/mode" ]; then die "no S3 server \"$(basename "$DIR")\"; run hack/s3/s3.sh$LOCAL_FLAG up"; fi
}

s3_env() {
  require_created
  local endpoint
  endpoint=https://$HOST:$(cat "$DIR/port")
  printf 'export %s=%q\n' S3_ENDPOINT "$endpoint" S3_ACCESS_KEY "$(cat "$DIR/access-key")" \
    S3_SECRET_KEY "$(cat "$DIR/secret-key")" S3_REGION "$REGION" S3_BUCKET "$BUCKET" S3_CA "$DIR/pki/ca.crt" \
    S3_ROOT "$DIR/root" S3_ACCESS_LOG "$DIR/log/access.log"
}

s3_down() {
  lock_s3
  proc_stop versitygw
  rm -rf "$DIR"
  echo "S3 server \"$(basename "$DIR")\" is down, and its data removed" >&2
}

main() {
  MODE=cluster
  LOCAL_FLAG=''
  if [ "${1:-}" = --local ]; then
    MODE=local
    LOCAL_FLAG=' --local'
    shift
  fi
  if [ $# -ne 1 ]; then
    usage >&2
    exit 2
  fi
  s3_names
  case $1 in
    up) s3_up ;;
    down) s3_down ;;
    env) s3_env ;;
    stop)
      require_created
      proc_stop versitygw 3
      ;;
    start)
      require_created
      s3_up
      ;;
    help | -h | --help) usage ;;
    *) usage_error "no command \"$1\"; see s3.sh --help" ;;
  esac
}

main "$@"
