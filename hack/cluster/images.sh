# shellcheck shell=bash
# Sourced: container images with no registry and no build tool.

# image_archive NAME OUT.tar BINARY...: a docker-archive of an image that holds static programs at / and nothing else. The
# first is the entrypoint, the user is 65532. The same programs make the same image, byte for byte.
image_archive() {
  local name=$1 out=$2 t entry b layer config
  local tar=(tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar)
  shift 2
  entry=$(basename "$1")
  t=$(mktemp -d)
  mkdir "$t/root"
  for b in "$@"; do
    if [ -e "$t/root/$(basename "$b")" ]; then die "two files are named $(basename "$b")"; fi
    install -m 0755 "$b" "$t/root/"
  done
  "${tar[@]}" -C "$t/root" -cf "$t/layer.tar" .
  layer=$(sha256sum <"$t/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"%s","os":"linux","config":{"User":"65532:65532","Entrypoint":["/%s"],"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(image_architecture)" "$entry" "$layer" >"$t/config.json"
  config=$(sha256sum <"$t/config.json" | cut -d' ' -f1)
  mv "$t/config.json" "$t/$config.json"
  printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$config" "$name" >"$t/manifest.json"
  "${tar[@]}" -C "$t" -cf "$out" manifest.json "$config.json" layer.tar
  rm -rf "$t"
}

image_architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

# image_reference NAME: the full name, as the kubelet makes it of a short one in a pod: host, path, tag.
image_reference() {
  local name=$1
  [[ $name =~ ^[a-z0-9][a-z0-9._/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]*)?$ ]] ||
    die "\"$name\" is no image name; want for example gostat-leaky:dev"
  if [[ $name != *:* ]]; then name+=:dev; fi # not latest: the kubelet would ask a registry for it
  case $name in
    */*/*) ;;
    */*) name=docker.io/$name ;;
    *) name=docker.io/library/$name ;;
  esac
  echo "$name"
}

# image_load FILE.tar: into the cluster's containerd; prints the names of its images once the kubelet can use them.
image_load() {
  local out name names
  if ! out=$(ctr_cluster images import "$1" 2>&1); then die "cannot import $1: $out"; fi
  names=$(sed -n 's/^unpacking \([^ ]*\) (.*/\1/p' <<<"$out")
  if [ -z "$names" ]; then die "$1 holds no image for this machine: $out"; fi
  # containerd's own list leads its Kubernetes side by some milliseconds.
  while read -r name; do
    wait_until 10 image_known "$name" || die "containerd does not offer $name to the kubelet: $out"
    echo "$name"
  done <<<"$names"
}

image_known() { ctr_cluster images ls "name==$1" | grep -q 'io.cri-containerd.image=managed'; }
