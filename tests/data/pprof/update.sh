#!/usr/bin/env bash
# Makes the profiles of this folder anew. They hold the paths of where they were built: always /tmp/shop.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rm -rf /tmp/shop && mkdir -p /tmp/shop && trap 'rm -rf /tmp/shop' EXIT
cp -r "$here/source/." /tmp/shop
cd /tmp/shop
export CGO_ENABLED=0 GOEXPERIMENT=goroutineleakprofile
mkdir plain trimmed
go build -o shop-plain .
go build -trimpath -o shop-trimmed .
GODEBUG=tracebacklabels=1 ./shop-plain plain
./shop-trimmed trimmed
cp plain/goroutine.pb.gz "$here/plain.pb.gz"
cp trimmed/goroutine.pb.gz "$here/trimpath.pb.gz"
cp plain/goroutineleak.pb.gz "$here/leakprofile.pb.gz"
cp plain/mutex.pb.gz "$here/mutex.pb.gz"
cp plain/threadcreate.pb.gz "$here/threadcreate.pb.gz"
for form in debug1 debug2; do gzip -9n <"plain/goroutine.$form.txt" >"$here/plain.$form.txt.gz"; done
gzip -9n <plain/goroutineleak.debug1.txt >"$here/leakprofile.debug1.txt.gz"
