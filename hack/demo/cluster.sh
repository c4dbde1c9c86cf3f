# shellcheck shell=bash
# Sourced by hack/demo.sh: the main job on a real cluster, with the fixed program rolled out at the end.

export GOSTAT_CLUSTER=${GOSTAT_CLUSTER:-demo-$$}
DEMO_LEAF='main.(*orders).publish'
DEMO_LIMIT=60 # seconds from the first leaked goroutine to the patched scale
SINCE=$(now_ms)

k() { "$ROOT/hack/cluster/cluster.sh" kubectl "$@"; }
at() { note "[$(seconds "$SINCE") s] $*"; }

demo_end() {
  local status=$?
  if [ "$status" -ne 0 ]; then
    step_failed
    if [ -f "$DIR/apply.log" ]; then tail -n 5 "$DIR/apply.log" >&2; fi
    k -n gostat-system logs -l app.kubernetes.io/name=gostat --tail=20 >&2 2>/dev/null || true
    k -n shop get pods,gsp,gsi >&2 2>/dev/null || true
  fi
  if [ -n "$DEMO_KEEP" ] && [ "$status" -eq 0 ]; then
    demo_how_to_go_on
    return
  fi
  step 'take everything down'
  "$ROOT/hack/s3/s3.sh" down >"$DIR/down.log" 2>&1 || true
  "$ROOT/hack/cluster/cluster.sh" down >>"$DIR/down.log" 2>&1 || { cat "$DIR/down.log" >&2 && status=1; }
  step_ok
  rm -rf "$DIR"
  exit "$status"
}

demo_how_to_go_on() {
  note 'it is all still running. To look further:'
  note "  export GOSTAT_CLUSTER=$GOSTAT_CLUSTER"
  note "  export KUBECONFIG=$KUBECONFIG"
  note '  hack/cluster/cluster.sh exec build/release/gostat incidents -A'
  note "  hack/cluster/cluster.sh exec build/release/gostat show -n shop $INCIDENT"
  note '  hack/cluster/cluster.sh kubectl -n gostat-system logs -l app.kubernetes.io/name=gostat'
  note 'and to end it:'
  note '  hack/s3/s3.sh down; hack/cluster/cluster.sh down'
}

helm() { "$ROOT/hack/cluster/cluster.sh" exec "$DEMO_HELM" "$@"; }

# As the README has it, in a namespace that enforces the strictest Pod Security Standard; the cluster has no registry, and
# its network is a private one.
demo_install() {
  step 'helm install'
  k create namespace gostat-system >"$DIR/apply.log"
  k label namespace gostat-system pod-security.kubernetes.io/enforce=restricted >>"$DIR/apply.log"
  helm install gostat "$ROOT/charts/gostat" --namespace gostat-system --set image.pullPolicy=Never \
    --set 'destinations.private={10.244.0.0/16}' --wait --timeout 120s >>"$DIR/apply.log"
  step 'helm test'
  helm test gostat --namespace gostat-system >>"$DIR/apply.log"
  step_ok
}

demo_apply() {
  step 'two services, a Secret, a policy'
  {
    k apply -f "$ROOT/hack/demo/shop.yaml"
    k -n shop create secret generic gostat-s3 --from-literal=accessKeyId="$S3_ACCESS_KEY" \
      --from-literal=secretAccessKey="$S3_SECRET_KEY" --from-file=ca.crt="$S3_CA"
    k -n shop label secret gostat-s3 gostat.dev/usable=true
    k -n shop rollout status deployment/payments deployment/catalog --timeout=60s
    sed -e "s|\${S3_ENDPOINT}|$S3_ENDPOINT|" -e "s|\${S3_BUCKET}|$S3_BUCKET|" "$ROOT/hack/demo/policy.yaml" | k apply -f -
  } >>"$DIR/apply.log"
  step_ok
}

field() { k -n shop get "$1" "$2" -o "jsonpath=$3" 2>/dev/null; }
incident() { k -n shop get gsi -o 'jsonpath={.items[?(@.spec.workloadRef.name=="payments")].metadata.name}' 2>/dev/null; }
has_incident() { INCIDENT=$(incident) && [ -n "$INCIDENT" ] && [ -n "$(field gsi "$INCIDENT" '{.status.patterns[0].leafFunction}')" ]; }
is_probable() { [[ "$(field gsi "$INCIDENT" '{.status.grade}')" =~ ^(Probable|Proven)$ ]]; }
is_proven() { [ "$(field gsi "$INCIDENT" '{.status.grade}')" = Proven ]; }
is_scaled() { [ "$(field deployment payments '{.spec.replicas}')" = "$1" ]; }
is_resolved() { [ "$(field gsi "$INCIDENT" '{.status.phase}')" = Resolved ]; }
is_recorded() { [ "$(field gsi "$INCIDENT" '{.status.actions[0].outcome}')" = "$1" ]; }
has_evidence() { field gsi "$INCIDENT" '{.status.evidence[*].kind}' | grep -qw "$1"; }
is_let_go() { [ -z "$(field gsp shop '{.metadata.finalizers}')" ]; }

# The pod starts to leak LEAK_AFTER seconds after its process began.
first_leak_ms() {
  local started
  started=$(k -n shop get pods -l app=payments -o 'jsonpath={.items[*].status.containerStatuses[0].state.running.startedAt}' |
    tr ' ' '\n' | sort | head -n 1)
  echo $((($(date -d "$started" +%s) + 20) * 1000))
}

demo_find() {
  local leak scaled
  at 'payments has two pods; 20 s after their start they begin to leak 4 goroutines a second'
  wait_until 90 has_incident || die 'no incident for payments'
  at "incident $INCIDENT: $(field gsi "$INCIDENT" '{.status.patterns[0].leafFunction}')"
  wait_until 60 is_probable || die 'the incident was not graded Probable'
  at "graded $(field gsi "$INCIDENT" '{.status.grade}'), $(field gsi "$INCIDENT" '{.status.patterns[0].count}') goroutines in $(field gsi "$INCIDENT" '{.status.patterns[0].state}'): the runtime's leak profile names them"
  wait_until 60 is_scaled 3 || die 'the Deployment was not scaled'
  scaled=$(now_ms)
  leak=$(first_leak_ms)
  at "payments: 2 -> 3 replicas, $(((scaled - leak) / 1000)) s after the first leaked goroutine"
  if [ $((scaled - leak)) -gt $((DEMO_LIMIT * 1000)) ]; then die "more than $DEMO_LIMIT s"; fi
  wait_until 20 is_recorded Succeeded || die 'the outcome was not recorded'
  wait_until 30 is_proven || die 'the incident was not graded Proven'
  at "graded Proven: $(field gsi "$INCIDENT" '{.status.gradeReasons}')"
  [ "$(field gsi "$INCIDENT" '{.status.patterns[0].leafFunction}')" = "$DEMO_LEAF" ] || die "the incident does not name $DEMO_LEAF"
  k -n shop get deployment payments --show-managed-fields -o json |
    grep -q '"manager": "gostat"' || die 'gostat is not in the managedFields of the Deployment'
  at 'managedFields of payments name gostat; what people see:'
  k -n shop get gsp,gsi
  "$ROOT/hack/cluster/cluster.sh" exec "$ROOT/build/release/gostat" show -n shop "$INCIDENT"
}

# demo_evidence KIND: the first snapshot of this kind, from S3.
demo_evidence() {
  local key sum file first="{.status.evidence[?(@.kind==\"$1\")]"
  wait_until 20 has_evidence "$1" || die "no evidence of kind $1"
  key=$(field gsi "$INCIDENT" "$first.key}" | cut -d' ' -f1)
  sum=$(field gsi "$INCIDENT" "$first.sha256}" | cut -d' ' -f1)
  file=$DIR/$1.pb.gz
  "$ROOT/hack/cluster/cluster.sh" exec curl -sSf --cacert "$S3_CA" --aws-sigv4 "aws:amz:$S3_REGION:s3" \
    -H "x-amz-content-sha256: UNSIGNED-PAYLOAD" --user "$S3_ACCESS_KEY:$S3_SECRET_KEY" -o "$file" "$S3_ENDPOINT/$S3_BUCKET/$key"
  [ "$(sha256sum <"$file" | cut -d' ' -f1)" = "$sum" ] || die 'the object in S3 is not the one that the incident names'
  at "S3 has $key, SHA-256 as in the incident"
  go tool pprof -top -cum -nodecount=6 "$file" 2>/dev/null | tee "$DIR/top.log"
  grep -qF "$DEMO_LEAF" "$DIR/top.log" || die "go tool pprof does not show $DEMO_LEAF"
}

demo_fix() {
  at 'rolling out the fixed program'
  k -n shop set env deployment/payments LEAK=off >>"$DIR/apply.log"
  wait_until 180 is_resolved || die 'the incident was not resolved'
  at "resolved: $(field gsi "$INCIDENT" '{.status.conditions[?(@.type=="Resolved")].message}')"
  wait_until 30 is_scaled 2 || die 'the added replica was not taken back'
  at 'payments: 3 -> 2 replicas'
  wait_until 20 is_recorded Undone || die 'the action was not recorded as Undone'
  wait_until 20 is_let_go || die 'the finalizer is still on the policy'
  k -n shop get deployment,gsp,gsi
  k -n shop get events --field-selector involvedObject.kind=GostatIncident \
    -o custom-columns=TYPE:.type,REASON:.reason,OBJECT:.involvedObject.name,NOTE:.message
  if k -n shop get gsi -o 'jsonpath={.items[*].spec.workloadRef.name}' | grep -q catalog; then
    die 'the healthy service was accused'
  fi
  at 'the healthy service beside it was not accused'
}

demo_run() {
  require_root
  require_go
  DIR=$(mktemp -d "${TMPDIR:-/tmp}/gostat-demo.XXXXXX")
  trap demo_end EXIT
  trap 'exit 130' INT TERM
  "$ROOT/hack/deps.sh" build cluster image
  step 'build gostat'
  "$ROOT/hack/build.sh" release >"$DIR/build.log" 2>&1 || { cat "$DIR/build.log" >&2 && die 'the build failed'; }
  step 'build the two Go programs'
  "$ROOT/hack/workloads.sh" "$DIR/bin" >>"$DIR/build.log" 2>&1 || { cat "$DIR/build.log" >&2 && die 'the build failed'; }
  step_ok
  "$ROOT/hack/cluster/cluster.sh" up
  "$ROOT/hack/s3/s3.sh" up
  eval "$("$ROOT/hack/cluster/cluster.sh" env)"
  eval "$("$ROOT/hack/s3/s3.sh" env)"
  step 'images'
  "$ROOT/hack/cluster/image.sh" leaky:demo "$DIR/bin/leaky" >>"$DIR/build.log"
  "$ROOT/hack/cluster/image.sh" lively:demo "$DIR/bin/lively" >>"$DIR/build.log"
  "$ROOT/hack/image.sh" -o "$DIR/gostat.tar" >>"$DIR/build.log"
  "$ROOT/hack/cluster/cluster.sh" load "$DIR/gostat.tar" >>"$DIR/build.log"
  DEMO_HELM=$("$ROOT/hack/cluster/tool.sh" helm)
  demo_install
  demo_apply
  demo_find
  demo_evidence Goroutine
  demo_evidence GoroutineLeak
  demo_fix
  at 'done'
}
