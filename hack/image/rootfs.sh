#!/bin/bash
# Runs in the build stage of the Dockerfile. Makes the root of the final image: the program, the libraries that the loader
# finds for it, certificate authorities, time zones, and an SPDX list of the packages that these are from.
set -euo pipefail
if [ $# -ne 4 ]; then
  echo "usage: rootfs.sh PROGRAM ROOT VERSION SOURCE_DATE_EPOCH" >&2
  exit 2
fi
PROGRAM=$1 ROOT=$2 VERSION=$3 EPOCH=$4
ZONES=/usr/share/zoneinfo

# copy FILE: to the same place below ROOT, links followed.
copy() { install -D -m "$(stat -Lc %a "$1")" "$1" "$ROOT$1"; }

install -D -m 0755 "$PROGRAM" "$ROOT/usr/bin/gostat"
strip "$ROOT/usr/bin/gostat"
mkdir -p "$ROOT/tmp" "$ROOT/etc"
chmod 1777 "$ROOT/tmp"
# Where each library really is, and by which name it is looked for. /lib is a link to /usr/lib, in the image too.
for link in lib lib64; do if [ -L "/$link" ]; then ln -s "usr/$link" "$ROOT/$link"; fi; done
libraries=$(ldd "$PROGRAM" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p')
for library in $libraries; do
  to=/usr/${library#/usr/}
  to=${to/#\/usr\/\//\/usr/}
  install -D -m 0755 "$library" "$ROOT$to"
done
copy /etc/ssl/certs/ca-certificates.crt
# Names and links as tzdata has them; right/ and posix/ are copies that nobody asks for.
mkdir -p "$ROOT$ZONES"
tar -C "$ZONES" --exclude=./right --exclude=./posix --exclude=./localtime -cf - . | tar -C "$ROOT$ZONES" -xf -
printf 'gostat:x:65532:65532:gostat:/:/sbin/nologin\n' >"$ROOT/etc/passwd"
printf 'gostat:x:65532:\n' >"$ROOT/etc/group"
copy /usr/share/common-licenses/Apache-2.0

# One package for gostat, one for each Debian package that a file above is from.
packages() {
  local f
  for f in $libraries /etc/ssl/certs/ca-certificates.crt "$ZONES/UTC"; do
    f=$(dpkg-query -S "$f" 2>/dev/null || dpkg-query -S "/usr$f" 2>/dev/null || dpkg-query -S "$(readlink -f "$f")" 2>/dev/null || echo "ca-certificates: $f")
    echo "${f%%:*}"
  done | sort -u
}

{
  created=$(date -u -d "@$EPOCH" +%Y-%m-%dT%H:%M:%SZ)
  printf '{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"gostat-%s",' "$VERSION"
  printf '"documentNamespace":"https://gostat.dev/spdx/gostat-%s-%s",' "$VERSION" "$(sha256sum <"$ROOT/usr/bin/gostat" | cut -c1-16)"
  printf '"creationInfo":{"created":"%s","creators":["Tool: gostat-rootfs"]},"packages":[' "$created"
  printf '{"SPDXID":"SPDXRef-gostat","name":"gostat","versionInfo":"%s","downloadLocation":"NOASSERTION","filesAnalyzed":false,' "$VERSION"
  printf '"licenseConcluded":"Apache-2.0","licenseDeclared":"Apache-2.0","copyrightText":"NOASSERTION"}'
  for p in $(packages); do
    version=$(dpkg-query -W -f '${Version}' "$p")
    architecture=$(dpkg-query -W -f '${Architecture}' "$p")
    printf ',{"SPDXID":"SPDXRef-%s","name":"%s","versionInfo":"%s","downloadLocation":"NOASSERTION","filesAnalyzed":false,' \
      "${p//[^A-Za-z0-9.-]/-}" "$p" "$version"
    printf '"licenseConcluded":"NOASSERTION","licenseDeclared":"NOASSERTION","copyrightText":"NOASSERTION",'
    printf '"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/%s@%s?arch=%s&distro=bookworm"}]}' \
      "$p" "$version" "$architecture"
  done
  printf '],"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-gostat"}'
  for p in $(packages); do
    printf ',{"spdxElementId":"SPDXRef-gostat","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-%s"}' "${p//[^A-Za-z0-9.-]/-}"
  done
  printf ']}\n'
} >"$ROOT/gostat.spdx.json"
find "$ROOT" -exec touch -h -d "@$EPOCH" {} +
