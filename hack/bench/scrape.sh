#!/usr/bin/env bash
# What one sample costs the scraping process in CPU time: gostat, and Prometheus where it is installed, on the same targets.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=hack/lib/common.sh
. "$ROOT/hack/lib/common.sh"

TARGETS=1000 INTERVAL=5 WARMUP=12 SECONDS_=30 PORT=19100 GZIP='' BUILD=$ROOT/build/release PROMETHEUS=prometheus

usage() {
  cat <<USAGE
usage: $0 [--targets N] [--interval S] [--seconds S] [--port P] [--gzip] [--build DIR] [--no-prometheus]

  --targets   addresses from 127.1.0.1 on that answer a /metrics page of 30 KB, kept alive (default $TARGETS)
  --interval  seconds from sample to sample of one target (default $INTERVAL)
  --seconds   how long each is measured, after $WARMUP s (default $SECONDS_)
  --port      the targets' port (default $PORT)
  --gzip      the targets answer gzip to those who accept it: Prometheus does, gostat does not
  --build     where scrape_driver is; left out, it is built there by hack/build.sh (default build/release)

Prints a line for each scraper. Prometheus drops all series but two. CPU is user and system time of the process.
Exit codes: 0 measured, 1 failed, 2 usage error.
USAGE
}

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --gzip) GZIP=gzip ;;
    --no-prometheus) PROMETHEUS='' ;;
    --targets | --interval | --seconds | --port | --build)
      if [ $# -lt 2 ]; then usage_error "$1 needs a value"; fi
      case $1 in
        --targets) TARGETS=$2 ;;
        --interval) INTERVAL=$2 ;;
        --seconds) SECONDS_=$2 ;;
        --port) PORT=$2 ;;
        --build) BUILD=$2 ;;
      esac
      shift
      ;;
    *) usage_error "no option \"$1\"; see $0 --help" ;;
  esac
  shift
done
for n in "$TARGETS" "$INTERVAL" "$SECONDS_" "$PORT"; do
  [[ $n =~ ^[1-9][0-9]{0,4}$ ]] || usage_error "\"$n\": want a number from 1 to 99999"
done

DIR=$(mktemp -d)
PROMETHEUS_PID=''
cleanup() {
  if [ -n "$PROMETHEUS_PID" ]; then kill "$PROMETHEUS_PID" 2>/dev/null || true; fi
  if [ -n "${TARGET_PID:-}" ]; then kill "$TARGET_PID" 2>/dev/null || true; fi
  wait
  rm -rf "$DIR"
}
trap cleanup EXIT

# A page like those of client_golang: what gostat looks for stands among histograms.
make_page() {
  local i
  echo '# HELP go_goroutines Number of goroutines that currently exist.'
  echo '# TYPE go_goroutines gauge'
  echo 'go_goroutines 1234'
  echo '# TYPE go_memstats_heap_inuse_bytes gauge'
  echo 'go_memstats_heap_inuse_bytes 1.2345678e+07'
  echo '# TYPE http_request_duration_seconds histogram'
  for ((i = 0; i < 330; i++)); do
    echo "http_request_duration_seconds_bucket{code=\"200\",handler=\"/api/v1/orders/$((i / 11))\",le=\"$((i % 11)).5\"} $((i * 7919))"
  done
  echo '# TYPE process_cpu_seconds_total counter'
  echo 'process_cpu_seconds_total 123.45'
  echo '# TYPE process_open_fds gauge'
  echo 'process_open_fds 42'
  echo '# TYPE process_start_time_seconds gauge'
  echo 'process_start_time_seconds 1.76e+09'
}

answered() {
  local n
  echo >&"${TARGET[1]}"
  read -r -u "${TARGET[0]}" n
  echo "$n"
}

# User and system time of a process in ticks. Its name, in parentheses, has no space.
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }

prometheus_config() {
  local i
  cat <<YAML
global: {scrape_interval: ${INTERVAL}s, scrape_timeout: 2s}
scrape_configs:
- job_name: bench
  metric_relabel_configs:
  - {source_labels: [__name__], regex: go_goroutines|process_start_time_seconds, action: keep}
  static_configs:
  - targets:
YAML
  for ((i = 1; i <= TARGETS; i++)); do echo "    - 127.1.$((i / 256)).$((i % 256)):$PORT"; done
}

measure_prometheus() {
  local n ticks0 us
  prometheus_config >"$DIR/prometheus.yml"
  prometheus --config.file="$DIR/prometheus.yml" --storage.tsdb.path="$DIR/tsdb" --log.level=error \
    --web.listen-address="127.0.0.1:$((PORT + 1))" >"$DIR/prometheus.log" 2>&1 &
  PROMETHEUS_PID=$!
  sleep "$WARMUP"
  kill -0 "$PROMETHEUS_PID" 2>/dev/null || die "prometheus ended: $(tail -3 "$DIR/prometheus.log")"
  n=$(answered)
  ticks0=$(ticks "$PROMETHEUS_PID")
  sleep "$SECONDS_"
  n=$(($(answered) - n))
  us=$((($(ticks "$PROMETHEUS_PID") - ticks0) * 1000000 / $(getconf CLK_TCK)))
  if [ "$n" -lt 1 ]; then die "prometheus scraped nothing: $(tail -3 "$DIR/prometheus.log")"; fi
  echo "prometheus: samples=$n cpu_us_per_sample=$((us / n))" \
    "$(awk '/^RssAnon/ {a = $2} /^VmRSS/ {r = $2} END {print "rss_anon_kb=" a, "rss_kb=" r}' "/proc/$PROMETHEUS_PID/status")"
}

main() {
  if [ ! -x "$BUILD/scrape_driver" ] || [ "$BUILD" = "$ROOT/build/release" ]; then
    if [ "$BUILD" != "$ROOT/build/release" ]; then die "$BUILD/scrape_driver does not exist; build it, or leave out --build"; fi
    "$ROOT/hack/build.sh" release scrape_driver >&2
  fi
  make_page >"$DIR/page"
  local bytes
  bytes=$(stat -c %s "$DIR/page")
  if [ -n "$GZIP" ]; then
    gzip -9 <"$DIR/page" >"$DIR/page.gz"
  fi
  gcc -O2 -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror "$ROOT/hack/bench/target.c" -o "$DIR/target"
  ulimit -n "$(ulimit -Hn)"
  coproc TARGET { exec "$DIR/target" "$TARGETS" "$PORT" "$DIR/page" ${GZIP:+"$DIR/page.gz"}; }
  local ready=''
  read -r -u "${TARGET[0]}" ready || true
  if [ "$ready" != ready ]; then die "the targets did not start; is port $PORT in use?"; fi
  echo "$TARGETS targets every $INTERVAL s, pages of $bytes bytes${GZIP:+, $(stat -c %s "$DIR/page.gz") in gzip}"
  printf 'gostat:     '
  "$BUILD/scrape_driver" --targets "$TARGETS" --port "$PORT" --interval-ms $((INTERVAL * 1000)) --warmup-s $WARMUP \
    --seconds "$SECONDS_"
  if [ -z "$PROMETHEUS" ]; then return; fi
  if command -v prometheus >/dev/null; then
    measure_prometheus
  else
    note "prometheus is not installed: not measured"
  fi
}

main
