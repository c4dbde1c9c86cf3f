# shellcheck shell=bash
# Sourced: builds the programs of a pinned Go module (go.mod and go.sum beside each other) into a cache, once.
# The cache is keyed by everything that decides the result, filled by rename, and locked against parallel builds.

# gobuild NAME MODULE_DIR LDFLAGS PACKAGE...: sets GOBUILD_DIR to the directory that holds the programs.
gobuild() {
  local name=$1 module=$2 ldflags=$3 cache key
  shift 3
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/gostat/bin
  key=$({
    cat "$module/go.mod" "$module/go.sum"
    go version
    echo "CGO_ENABLED=0 $ldflags $*"
  } | sha256sum | cut -c1-16)
  GOBUILD_DIR=$cache/$name-$key
  if [ -d "$GOBUILD_DIR" ]; then return; fi
  mkdir -p "$cache"
  (
    flock -n 8 || { note "another build of $name runs; waiting for it" && flock 8; }
    if [ ! -d "$GOBUILD_DIR" ]; then gobuild_run "$name" "$module" "$ldflags" "$@"; fi
  ) 8>"$cache/.$name.lock"
}

gobuild_run() {
  local name=$1 module=$2 ldflags=$3 since packages
  shift 3
  since=$(now_ms)
  GOBUILD_TMP=$(mktemp -d "$GOBUILD_DIR.tmp.XXXXXX")
  GOBUILD_PID=''
  # A background process of a script does not hear ^C: end it here.
  trap 'if [ -n "$GOBUILD_PID" ]; then kill "$GOBUILD_PID" 2>/dev/null || true; fi; rm -rf "$GOBUILD_TMP"' EXIT
  trap 'exit 130' INT TERM
  mkdir "$GOBUILD_TMP/bin"
  export CGO_ENABLED=0 GOFLAGS=-buildvcs=false
  note "building $name: takes minutes the first time, and is kept in $GOBUILD_DIR"

  gobuild_watch "$name: finding modules" '' go -C "$module" list -deps -f '{{.ImportPath}}' "$@"
  packages=$(wc -l <"$GOBUILD_TMP/out")
  gobuild_watch "$name: compiling" "$packages" go -C "$module" build -v -o "$GOBUILD_TMP/bin/" -ldflags "$ldflags" "$@"
  mv -T "$GOBUILD_TMP/bin" "$GOBUILD_DIR"
  note "built $name in $(seconds "$since") s"
}

# gobuild_watch TEXT PACKAGES COMMAND...: runs a go command and shows how far it is: live on a terminal, else every 10 s.
gobuild_watch() {
  local text=$1 packages=$2 since shown line downloads compiled
  shift 2
  since=$(now_ms)
  shown=$since
  "$@" >"$GOBUILD_TMP/out" 2>"$GOBUILD_TMP/err" 8>&- 9>&- &
  GOBUILD_PID=$!
  while kill -0 "$GOBUILD_PID" 2>/dev/null; do
    sleep 0.5
    downloads=$(grep -c '^go: downloading ' "$GOBUILD_TMP/err" || true)
    compiled=$(grep -cv '^go: ' "$GOBUILD_TMP/err" || true)
    line="$text, $(seconds "$since") s"
    if [ "$downloads" -gt 0 ]; then line+=", $downloads modules downloaded"; fi
    if [ -n "$packages" ]; then line+=", $compiled packages compiled of at most $packages"; fi
    if [ -t 2 ]; then
      printf '\r\033[K  %s' "$line" >&2
    elif [ $(($(now_ms) - shown)) -ge 10000 ]; then
      note "$line"
      shown=$(now_ms)
    fi
  done
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
  if ! wait "$GOBUILD_PID"; then
    GOBUILD_PID=''
    tail -n 20 "$GOBUILD_TMP/err" >&2
    die "$text failed"
  fi
  GOBUILD_PID=''
}
