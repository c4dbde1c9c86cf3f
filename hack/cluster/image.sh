#!/usr/bin/env bash
# Makes an image of static programs and loads it into the cluster. Prints the image's full name.
set -euo pipefail
CLUSTER_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=hack/lib/common.sh
. "$CLUSTER_HOME/../lib/common.sh"
if [ $# -lt 2 ]; then usage_error "usage: image.sh NAME[:TAG] BINARY...   the first is the entrypoint; all land in /"; fi
# shellcheck source=hack/cluster/names.sh
. "$CLUSTER_HOME/names.sh"
# shellcheck source=hack/cluster/images.sh
. "$CLUSTER_HOME/images.sh"

require_root
require_up
name=$(image_reference "$1")
shift
for b in "$@"; do
  if [ ! -f "$b" ]; then die "no such file: $b"; fi
  # A scratch image has no dynamic loader: the container would fail with "no such file or directory".
  if head -c 4096 "$b" | grep -qaF /ld-linux; then die "$b is not linked statically; build it with CGO_ENABLED=0 or -static"; fi
done
archive=$(mktemp --suffix=.tar)
trap 'rm -f "$archive"' EXIT
image_archive "$name" "$archive" "$@"
image_load "$archive"
