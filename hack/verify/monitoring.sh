#!/usr/bin/env bash
# Alerts and dashboard say what is true: rules pass promtool and its tests, each alert has a test and a runbook in the
# README, and every metric that they name is one that the controller exposes (tests/data/metrics.names, which a component
# test compares with a real answer).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

RULES=charts/gostat/files/rules.prometheus.yaml
DASHBOARD=charts/gostat/files/dashboard.json
TESTS=tests/prometheus/rules_test.yaml
NAMES=tests/data/metrics.names
PREFIXES='gostat|controller_runtime|workqueue|rest_client|leader_election|process|go'

failures=0
complain() {
  echo "$*"
  failures=$((failures + 1))
}

# kebab NAME: GostatNoLeader becomes gostat-no-leader.
kebab() { sed -E 's/([a-z0-9])([A-Z])/\1-\2/g' <<<"$1" | tr '[:upper:]' '[:lower:]'; }

# expressions: each query of the rules and of the dashboard, as "FILE:LINE:TEXT".
expressions() {
  awk '/^ *expr: / { inside = 1 } inside { print FILENAME ":" FNR ":" $0 } /^ *(for|labels): / { inside = 0 }' "$RULES"
  grep -nE '^ *"(expr|query|definition)": ' "$DASHBOARD" | sed "s|^|$DASHBOARD:|"
}

# check_dashboard: what Grafana would take in silence, and show as an empty or a hidden panel.
check_dashboard() {
  local finding
  if ! jq -e 'type == "object" and (.panels | type == "array" and length > 0) and (.uid | length <= 40) and
      (.title | length > 0) and (.schemaVersion | type == "number")' "$DASHBOARD" >/dev/null; then
    complain "$DASHBOARD:1: is no dashboard"
    return
  fi
  # shellcheck disable=SC2016 # $p is jq's, ${datasource} Grafana's
  while IFS= read -r finding; do
    complain "$DASHBOARD:1: $finding"
  done < <(jq -r '
    def right: .gridPos.x + .gridPos.w; def bottom: .gridPos.y + .gridPos.h;
    .panels as $p | ([$p[].id] | group_by(.)[] | select(length > 1) | "the panel id \(.[0]) is there twice"),
    ($p[] | select(.title == null or .title == "") | "panel \(.id) has no title"),
    ($p[] | select(right > 24) | "panel \(.title) is too wide"),
    ($p[] | select(.type != "row") | select((.targets | length) == 0 or .description == null) |
      "panel \(.title) lacks a query or a description"),
    ($p[] | .title as $t | .targets[]? | select(.datasource.uid != "${datasource}") | "panel \($t) asks another data source"),
    ($p[] as $a | $p[] as $b | select($a.id < $b.id) |
      select($a.gridPos.x < ($b | right) and $b.gridPos.x < ($a | right) and $a.gridPos.y < ($b | bottom) and
        $b.gridPos.y < ($a | bottom)) | "panels \($a.title) and \($b.title) overlap")' "$DASHBOARD")
}

# The dashboard's queries as if they were rules: promtool says whether they are PromQL.
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
jq '{groups: [{name: "dashboard", rules: [.panels[].targets[]?.expr | gsub("[$]__rate_interval"; "5m")] | to_entries |
  map({record: "panel:query", labels: {n: "\(.key)"}, expr: .value})}]}' "$DASHBOARD" >"$SCRATCH/queries.json" || true
output=$(promtool check rules "$SCRATCH/queries.json" 2>&1) || complain "$DASHBOARD:1: $output"

output=$(promtool check rules "$RULES" 2>&1) || complain "$RULES:1: $output"
output=$(promtool test rules "$TESTS" 2>&1) || complain "$TESTS:1: $output"
LC_ALL=C sort -uc "$NAMES" || complain "$NAMES:1: must be sorted, each name once"

alerts=0
while IFS=: read -r line alert; do
  alerts=$((alerts + 1))
  anchor=runbook-$(kebab "$alert")
  grep -qE "alertname(: |=\")$alert\b" "$TESTS" || complain "$RULES:$line: $alert has no test in $TESTS"
  grep -qF "runbook: \"README.md#$anchor\"" "$RULES" || complain "$RULES:$line: $alert has no annotation runbook: \"README.md#$anchor\""
  grep -qxF "### Runbook: ${anchor#runbook-}" README.md || complain "README.md:1: there is no section \"### Runbook: ${anchor#runbook-}\" for $alert"
done < <(sed -nE 's/^ *- alert: //;T;=;p' "$RULES" | paste -d: - -)
if [ "$alerts" -eq 0 ]; then complain "$RULES:1: no alert was found"; fi

check_dashboard
metrics=0
while IFS=: read -r file line text; do
  while read -r name; do
    metrics=$((metrics + 1))
    grep -qxF "$name" "$NAMES" || complain "$file:$line: the controller exposes no $name"
  done < <(grep -oE "\b($PREFIXES)_[a-z0-9_]+" <<<"$text" || true)
done < <(expressions)
if [ "$metrics" -eq 0 ]; then complain "$RULES:1: no metric was found"; fi

if [ "$failures" -gt 0 ]; then
  echo "monitoring: $failures complaints"
  exit 1
fi
echo "monitoring: $alerts alerts, $metrics uses of metrics in rules and dashboard"
