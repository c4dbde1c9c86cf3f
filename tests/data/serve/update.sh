#!/usr/bin/env bash
# Makes the profiles of this folder anew. They hold the paths of where they were built: always /tmp/serve.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rm -rf /tmp/serve && mkdir -p /tmp/serve/out && trap 'rm -rf /tmp/serve' EXIT
cp -r "$here/source/." /tmp/serve
cd /tmp/serve
CGO_ENABLED=0 go build -o serve .
./serve out
cp out/goroutine.pb.gz "$here/debug0.pb.gz"
for form in debug1 debug2; do gzip -9n <"out/goroutine.$form.txt" >"$here/$form.txt.gz"; done
