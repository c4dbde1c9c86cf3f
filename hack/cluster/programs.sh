#!/usr/bin/env bash
# Builds the cluster's programs and the S3 server, or finds them in the cache, and links them into one directory, for
# tests that start single parts. Prints the directory.
set -euo pipefail
CLUSTER_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=hack/lib/common.sh
. "$CLUSTER_HOME/../lib/common.sh"
if [ $# -ne 1 ]; then usage_error "usage: programs.sh DIR"; fi
# shellcheck source=hack/lib/gobuild.sh
. "$CLUSTER_HOME/../lib/gobuild.sh"
# shellcheck source=hack/cluster/names.sh
. "$CLUSTER_HOME/names.sh"
# shellcheck source=hack/cluster/up.sh
. "$CLUSTER_HOME/up.sh"

require_go
build_programs
gobuild versitygw "$CLUSTER_HOME/tools/versitygw" "-s -w" github.com/versity/versitygw/cmd/versitygw
mkdir -p "$1"
ln -sfn "$KUBE_CACHE"/* "$ETCD_CACHE"/* "$GOBUILD_DIR"/* "$1/"
if [ -e "$1/server" ] && [ ! -e "$1/etcd" ]; then ln -sfn server "$1/etcd"; fi
realpath "$1"
