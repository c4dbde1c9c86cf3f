#!/usr/bin/env bash
# The chart and manifests/: what is generated is up to date; wrong values are refused, each with its path; for each file of
# charts/gostat/ci: helm lint, kubeconform against the server's own schemas, kube-score, and what must be in it.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"
# shellcheck source=hack/lib/common.sh
. hack/lib/common.sh
# shellcheck source=hack/cluster/names.sh
. hack/cluster/names.sh

CHART=charts/gostat
# What is not asked of the pods here, and why.
SCORE=(
  --ignore-container-cpu-limit              # a throttled controller samples late; its share is requested
  --ignore-test container-image-pull-policy # a release's tag stays what it is: a restart must not wait for a registry
)
# VALUE|PATH|WORDS: refused, and how.
WRONG=(
  "rback.pods=true||additional properties 'rback' not allowed"
  "rbac.podz=true|/rbac|additional properties 'podz' not allowed"
  "image.name=x|/image|additional properties 'name' not allowed"
  "controller.extraArgs=x|/controller|additional properties 'extraArgs' not allowed"
  "ceilings.pods=1|/ceilings|additional properties 'pods' not allowed"
  "metrics.insecure=true|/metrics|additional properties 'insecure' not allowed"
  "networkPolicy.egress=x|/networkPolicy|additional properties 'egress' not allowed"
  "affinity.podAfinity.x=1|/affinity|additional properties 'podAfinity' not allowed"
  "tolerations[0].keys=x|/tolerations/0|additional properties 'keys' not allowed"
  "replicas=0|/replicas|minimum"
  "replicas=two|/replicas|got string, want integer"
  "rbac.pods=yes|/rbac/pods|got string, want boolean"
  "rbac.namespaces={Shop}|/rbac/namespaces/0|does not match pattern"
  "rbac.scaleGroups={apps}|/rbac/scaleGroups/0|does not match pattern"
  "rbac.scaleGroups={*}|/rbac/scaleGroups/0|does not match pattern"
  "image.digest=sha256:12|/image/digest|does not match pattern"
  "destinations.s3={https://s3.example.com}|/destinations/s3/0|does not match pattern"
  "destinations.private={10.0.0.1}|/destinations/private/0|does not match pattern"
  's3Prefix={team}/x|/s3Prefix|does not match pattern'
  "ceilings.intervalSeconds=0|/ceilings/intervalSeconds|minimum"
  "controller.leaseDuration=15|/controller/leaseDuration|want string"
  "controller.logFormat=xml|/controller/logFormat|value must be one of"
  "service.port=8081|/service/port|not"
  "rbac.namespaces={shop}||set metrics.secure=false"
  "metrics.secure=false,metrics.certSecret=x||metrics.certSecret: nothing is served with it"
)

failures=0
checks=0
complain() {
  echo "$*"
  failures=$((failures + 1))
}

# check TEXT COMMAND...: its output is shown where it fails.
check() {
  local text=$1 output
  shift
  checks=$((checks + 1))
  output=$("$@" 2>&1) || complain "$text:"$'\n'"$output"
}

render() { "$HELM" template gostat "$CHART" --namespace gostat-system "$@"; }

# refused VALUE PATH WORDS
refused() {
  local output
  checks=$((checks + 1))
  # A comma in braces separates values for Helm, and a brace begins a list.
  if [[ $1 == s3Prefix=* ]]; then set -- "--set-string=${1//[\{\}]/\\&}" "$2" "$3"; else set -- "--set=$1" "$2" "$3"; fi
  if output=$(render "$1" 2>&1); then
    complain "$CHART/values.schema.json: $1 is not refused"
  elif [[ $output != *"$2"* || $output != *"$3"* ]]; then
    complain "$CHART/values.schema.json: $1 must be refused with \"$2\" and \"$3\", not: $output"
  fi
}

# Kept by what they are made of.
schemas() {
  local kubernetes operator key tmp
  kubernetes=$(module kubernetes k8s.io/kubernetes)/api/openapi-spec/swagger.json
  operator=$(module prometheus-operator github.com/prometheus-operator/prometheus-operator)/example/prometheus-operator-crd
  set -- "$kubernetes" "$operator"/monitoring.coreos.com_{servicemonitors,prometheusrules}.yaml
  key=$(cat hack/lib/schemas.py "$@" | sha256sum | cut -c1-16)
  SCHEMAS=${XDG_CACHE_HOME:-$HOME/.cache}/gostat/schemas-$KUBERNETES_VERSION-$key
  if [ -d "$SCHEMAS" ]; then return; fi
  tmp=$(mktemp -d "$SCHEMAS.XXXXXX")
  "$PYTHON" hack/lib/schemas.py "$tmp" "$@"
  mv -T "$tmp" "$SCHEMAS" 2>/dev/null || rm -rf "$tmp" # another check was faster
}

# module TOOL MODULE: the folder of a module that is pinned in hack/cluster/tools.
module() {
  go -C "hack/cluster/tools/$1" mod download "$2"
  go -C "hack/cluster/tools/$1" list -m -f '{{.Dir}}' "$2"
}

valid() { "$KUBECONFORM" -strict -schema-location "$SCHEMAS/{{ .ResourceKind }}{{ .KindSuffix }}.json" "$1"; }

scored() {
  local output
  if ! output=$("$KUBE_SCORE" score --kubernetes-version "v${KUBERNETES_VERSION%.*}" --output-format ci "${SCORE[@]}" "$1"); then
    grep -F '[CRITICAL]' <<<"$output" || echo "$output"
    return 1
  fi
}

generated() {
  hack/update-chart.sh "$DIR/generated"
  diff -ru "$CHART" "$DIR/generated/$CHART" && diff -ru manifests "$DIR/generated/manifests"
}

DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
require_go
PYTHON=$(hack/deps.sh python)
HELM=$(hack/cluster/tool.sh helm)
KUBECONFORM=$(hack/cluster/tool.sh kubeconform)
KUBE_SCORE=$(hack/cluster/tool.sh kube-score)
if [ -z "${GOSTAT_BIN:-}" ]; then hack/build.sh dev >"$DIR/build.log" 2>&1 || { tail -n 20 "$DIR/build.log" && exit 1; }; fi
schemas

check 'not up to date; run hack/update-chart.sh' generated
for wrong in "${WRONG[@]}"; do
  IFS='|' read -r value path words <<<"$wrong"
  refused "$value" "$path" "$words"
done
for values in "$CHART"/ci/*.yaml; do
  name=${values##*/}
  check "$values: helm lint" "$HELM" lint --strict --quiet "$CHART" --values "$values"
  if ! render --values "$values" >"$DIR/$name" 2>"$DIR/error"; then
    complain "$values: $(<"$DIR/error")"
    continue
  fi
  check "$values: kubeconform" valid "$DIR/$name"
  # Who leaves out the NetworkPolicy has chosen to.
  if [ "$name" != least.yaml ]; then check "$values: kube-score" scored "$DIR/$name"; fi
  check "$values" "$PYTHON" -B hack/verify/rendered.py "$values" "$DIR/$name"
done
check "$CHART/ci/everything.yaml" "$PYTHON" -B hack/verify/values.py "$HELM" "$CHART"

if [ "$failures" -gt 0 ]; then
  echo "chart: $failures complaints"
  exit 1
fi
echo "chart: $checks checks"
