#!/usr/bin/env bash
# Who may include whom: the rule of the design, checked on every #include of controller/. Also keeps each foreign
# library behind the one folder that wraps it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

declare -A MAY=(
  [base]=''
  [wire]='base'
  [core]='base'
  [codec]='wire core base'
  [io]='base'
  [kube]='wire io base'
  [edge]='io codec wire core base'
  [engine]='core io base'
  [workload]='kube codec wire core io base'
  [operator]='workload engine kube edge codec wire core io base'
  [cli]='workload engine kube edge codec wire core io base'
  [main]='operator cli'
)

# HEADER_PREFIX FOLDER...: the only folders where such a header may be included.
FOREIGN=(
  'event2/ io'
  'event.h io'
  'curl/ io'
  'jansson.h wire'
  'yaml.h wire'
  'zlib.h wire'
  'openssl/ssl.h io'
  'openssl/err.h io wire'
  'openssl/bn.h io wire' # what a TLS server's key costs
  'openssl/core_names.h io wire'
  'openssl/x509v3.h io wire'
  'openssl/ wire'
  'pb.h wire'
  'pb_ wire'
  'profile.pb.h codec' # generated: the field numbers of a message
)

failures=0
complain() {
  echo "$*"
  failures=$((failures + 1))
}

# check FILE LINE FOLDER HEADER, of an #include "HEADER"
check_own() {
  local file=$1 line=$2 from=$3 to=${4%%/*}
  if [[ $4 != */* ]]; then
    complain "$file:$line: \"$4\": name it from controller/ on, as \"folder/$4\""
  elif [ -z "${MAY[$to]+known}" ]; then
    complain "$file:$line: \"$4\": no such folder in the design"
  elif [ "$to" != "$from" ] && [[ " ${MAY[$from]} " != *" $to "* ]]; then
    complain "$file:$line: $from/ may not include \"$4\"; it may include: ${MAY[$from]:-nothing}"
  elif [ "$to" != "$from" ] && [[ $4 == *_internal.h ]]; then
    complain "$file:$line: \"$4\" is for the files of $to/ only"
  elif [ ! -f "controller/$4" ]; then
    complain "$file:$line: \"$4\" does not exist"
  fi
}

# The same for <HEADER>, and for "HEADER" that belongs to a library: true where it is one.
check_foreign() {
  local file=$1 line=$2 from=$3 header=$4 rule prefix home
  for rule in "${FOREIGN[@]}"; do
    read -r prefix home <<<"$rule"
    if [[ $header != "$prefix"* ]]; then continue; fi
    if [[ " $home " != *" $from "* ]]; then complain "$file:$line: <$header> may be included in $home only"; fi
    return 0
  done
  return 1
}

checked=0
while IFS=: read -r file line include; do
  folder=${file#controller/}
  if [[ $folder == */* ]]; then folder=${folder%%/*}; else folder=main; fi
  checked=$((checked + 1))
  if [ -z "${MAY[$folder]+known}" ]; then
    complain "$file: controller/$folder is not in the design"
  elif [[ $include =~ \"([^\"]+)\" ]]; then
    check_foreign "$file" "$line" "$folder" "${BASH_REMATCH[1]}" || check_own "$file" "$line" "$folder" "${BASH_REMATCH[1]}"
  elif [[ $include =~ \<([^>]+)\> ]]; then
    check_foreign "$file" "$line" "$folder" "${BASH_REMATCH[1]}" || true
  else
    complain "$file:$line: an #include that names no file: $include"
  fi
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.[ch]' controller)

if [ "$checked" -eq 0 ]; then complain 'no #include was found: is this the right directory?'; fi
if [ "$failures" -gt 0 ]; then
  echo "layers: $failures of $checked includes break the design"
  exit 1
fi
echo "layers: $checked includes follow the design"
