#!/usr/bin/env bash
# Builds the image of the Dockerfile, and the base that it begins from, with no registry.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"

usage() {
  cat <<USAGE
usage: $0 [-o FILE.tar] [--tree DIR] [--twice] [NAME[:TAG]]     default: gostat.dev/gostat:<version of CMakeLists.txt>

  -o FILE.tar   a docker-archive of it (default: build/image/gostat.tar)
  --tree DIR    of the Dockerfile and the sources there (default: this tree)
  --twice       builds it two times from nothing but the base, and compares the digests

debian:bookworm-slim is made by debootstrap from the mirror that apt uses here, once. An image of the same sources is not
built again, unless --twice says so; ~/.cache/gostat/images has both. Revision and time in the image are those of the last
commit that changed what it is made of. Prints its name, digest and size. Exit codes: 0 built, 1 failed, 2 usage error.
USAGE
}

MAX_BYTES=30000000 # of the archive, which is not compressed
KEEP=4             # images in the cache
BASE=docker.io/library/debian:bookworm-slim

bud() { buildah --root "$STORE/root" --runroot "$STORE/run" --storage-driver overlay "$@"; }

# The base: what debootstrap's smallest variant makes, without what differs from one making to the next.
base() {
  local dir mirror
  if bud inspect --type image "$BASE" >/dev/null 2>&1; then return; fi
  step "debian:bookworm-slim"
  # shellcheck disable=SC2016 # apt's own variables
  mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(CREATED_BY)' | awk '$2 == "bookworm" && $3 == "Packages" { print $1; exit }')
  if [ -z "$mirror" ]; then die "apt has no source for Debian bookworm: see apt-get indextargets"; fi
  dir=$(mktemp -d "$STORE/base.XXXXXX")
  if ! debootstrap --variant=minbase bookworm "$dir" "$mirror" >"$STORE/base.log" 2>&1; then
    tail -n 20 "$STORE/base.log" >&2
    rm -rf "$dir"
    die "debootstrap failed"
  fi
  rm -rf "$dir"/var/cache/apt/archives/*.deb "$dir"/var/log/*
  container=$(bud from scratch)
  bud add -q "$container" "$dir" / >/dev/null
  bud commit -q "$container" "$BASE" >/dev/null
  bud rm "$container" >/dev/null
  rm -rf "$dir"
  step_ok
}

# What the image is made of: what .dockerignore lets through.
sources() {
  echo Dockerfile
  sed -n 's/^!//p' "$TREE/.dockerignore"
}

# Sets REVISION and SOURCE_DATE_EPOCH, which go into the image, and VERSION.
identify() {
  local files commit=''
  mapfile -t files < <(sources)
  VERSION=$(sed -n 's/^project(gostat VERSION \([0-9.]*\).*/\1/p' "$TREE/CMakeLists.txt")
  if [ -e "$TREE/.git" ]; then commit=$(git -C "$TREE" log -1 --format='%H %ct' -- "${files[@]}"); fi
  REVISION=${commit%% *}
  export SOURCE_DATE_EPOCH=${commit##* }
  : "${REVISION:=unknown}" "${SOURCE_DATE_EPOCH:=0}"
  if [ -n "$commit" ] && [ -n "$(git -C "$TREE" status --porcelain -- "${files[@]}")" ]; then REVISION+=-modified; fi
}

# key NAME: of all that decides what the archive holds.
key() {
  local files
  mapfile -t files < <(sources)
  {
    echo "$1 $VERSION $REVISION $SOURCE_DATE_EPOCH"
    bud inspect --type image --format '{{.FromImageID}}' "$BASE"
    (cd "$TREE" && find "${files[@]}" -type f -print0 | sort -z | xargs -0 sha256sum)
    (cd "$TREE" && find "${files[@]}" -type f -perm /111 | sort)
  } | sha256sum | cut -c1-16
}

# build NAME: prints the image's id.
build() {
  bud bud --isolation chroot --pull-never --layers=false --timestamp "$SOURCE_DATE_EPOCH" --format oci --identity-label=false \
    --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" --build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION" \
    --iidfile "$STORE/id" -t "$1" -f "$TREE/Dockerfile" "$TREE" >"$STORE/build.log" 2>&1 || {
    tail -n 40 "$STORE/build.log" >&2
    return 1
  }
  sed 's/^sha256://' "$STORE/id"
}

# make NAME: the image as an archive in CACHED, and its id beside it.
make() {
  local id again=''
  step "image"
  id=$(build "$1")
  if [ -n "$TWICE" ]; then
    step "the same image again"
    again=$(build "$1")
    if [ "$id" != "$again" ]; then die "two builds differ: $id and $again"; fi
  fi
  step "archive"
  rm -f "$CACHED.tmp"
  skopeo copy -q "containers-storage:[overlay@$STORE/root+$STORE/run]$1" "docker-archive:$CACHED.tmp:$1"
  echo "$id" >"$CACHED.id"
  mv "$CACHED.tmp" "$CACHED.tar"
  step_ok
  bud rmi --prune --force >/dev/null
}

# Only the newest are kept; each has two files.
trim() {
  find "$STORE/built" -type f -printf '%T@ %p\n' | sort -rn | tail -n +$((2 * KEEP + 1)) | cut -d' ' -f2- | xargs -r rm -f
}

main() {
  local out=$ROOT/build/image/gostat.tar name='' bytes
  TREE=$ROOT TWICE=''
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help)
        usage
        return
        ;;
      -o | --tree)
        if [ $# -lt 2 ]; then usage_error "$1 wants a path"; fi
        if [ "$1" = -o ]; then out=$2; else TREE=$(realpath "$2"); fi
        shift
        ;;
      --twice) TWICE=yes ;;
      -*) usage_error "no such flag: $1; see $0 --help" ;;
      *) name=$1 ;;
    esac
    shift
  done
  if [ ! -f "$TREE/Dockerfile" ]; then usage_error "no Dockerfile in $TREE"; fi
  require_root
  "$ROOT/hack/deps.sh" image
  identify
  name=${name:-gostat.dev/gostat:$VERSION}
  STORE=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/gostat/images
  mkdir -p "$STORE/built" "$(dirname "$out")"
  exec 9>"$STORE/.lock"
  flock -n 9 || { note "another build of an image runs; waiting for it" && flock 9; }
  base
  CACHED=$STORE/built/$(key "$name")
  if [ -n "$TWICE" ] || [ ! -e "$CACHED.tar" ]; then make "$name"; fi
  touch "$CACHED.tar" "$CACHED.id"
  trim
  cp "$CACHED.tar" "$out"
  bytes=$(stat -c %s "$out")
  if [ "$bytes" -gt "$MAX_BYTES" ]; then die "$name has $bytes bytes, more than $MAX_BYTES"; fi
  echo "$name sha256:$(<"$CACHED.id") $bytes bytes"
}

main "$@"
