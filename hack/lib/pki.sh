# shellcheck shell=bash
# Sourced: a certificate authority of one run's own, in the current directory. EC keys, since RSA takes seconds to make.

PKI_KEY=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

# pki_ca COMMON_NAME: ca.crt, ca.key
pki_ca() {
  pki_quiet openssl req -x509 "${PKI_KEY[@]}" -keyout ca.key -out ca.crt -days 365 -subj "/CN=$1" \
    -addext keyUsage=critical,keyCertSign,cRLSign
}

# pki_cert NAME SUBJECT USAGES [SUBJECT_ALT_NAMES]: NAME.crt, NAME.key, signed by the CA here.
pki_cert() {
  local ext="basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=$3"
  if [ -n "${4:-}" ]; then ext+="
subjectAltName=$4"; fi
  pki_quiet openssl req "${PKI_KEY[@]}" -keyout "$1.key" -out "$1.csr" -subj "$2"
  pki_quiet openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -out "$1.crt" -days 365 \
    -extfile <(echo "$ext")
  rm -f "$1.csr"
}

# openssl chats on stderr even when all is well.
pki_quiet() {
  local out
  out=$("$@" 2>&1) || die "$*: $out"
}
