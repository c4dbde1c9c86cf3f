#include "cli/backtest.h"
#include "core/incident.h"

static void usage(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "usage: gostat backtest [-f POLICY] --series FILE.csv [--profile T=FILE]… [FLAG…]\n"
        "       gostat backtest [-f POLICY] --prometheus URL --query QUERY [FLAG…]\n"
        "\n"
        "Plays samples of the past to the engine that `gostat controller` runs, on a clock of its own, and says when it\n"
        "would have suspected, graded and done what: try a policy on last month before it is enforced. Nothing is\n"
        "changed anywhere.\n"
        "\n"
        "  -f, --policy FILE     a GostatPolicy as YAML or JSON, \"-\" for stdin; selector, ports and the store of s3 do not\n"
        "                        count. Left out: the API's defaults. What is done follows spec.mode, as in a cluster:\n"
        "                        set it to DryRun or Enforce to see actions\n"
        "  -o, --output FORM     json (default): the lines of gostat watch -o json, where t is the series' own time;\n"
        "                        text: a line for each event, and a summary\n"
        "      --profile T=FILE  a goroutine profile or dump that pods would have answered from T on, until the next one or\n"
        "                        for spec.sampling.profileIntervalSeconds (300): what began later is not in it. pprof,\n"
        "                        debug=1 or debug=2; a goroutineleak profile answers for that kind. T is a time of the series, or\n"
        "                        a date like 2026-01-01T00:00:00Z. T@POD=FILE: that pod only. At most %d. Without\n"
        "                        profiles no site can be named, and nothing graded above Suspected\n"
        "      --replicas N      of the workload when it begins, for what is done to it on paper (%d)\n"
        "  -h, --help            this text\n",
        GS_MAX_BACKTEST_PROFILES, GS_BACKTEST_REPLICAS);
}

static void sources(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "\n"
        "A series from a file:\n"
        "      --series FILE     CSV (RFC 4180), \"-\" for stdin: a line that names the columns, in any order, then a line\n"
        "                        for each sample, ordered by time. Required: t_seconds (Unix time, or counted from\n"
        "                        anything else), go_goroutines (empty: the pod did not answer). Optional: pod (several\n"
        "                        pods of one workload), process_start_time_seconds, process_open_fds,\n"
        "                        process_resident_memory_bytes, process_cpu_seconds_total,\n"
        "                        go_memstats_heap_inuse_bytes, load (connections, streams or requests in flight)\n"
        "\n"
        "or from a Prometheus server:\n"
        "      --prometheus URL  http(s)://host:9090, with a path before /api/v1 where there is one\n"
        "      --query QUERY     PromQL for go_goroutines of the pods of one workload. Each series is a pod, named by its\n"
        "                        label pod, else instance, else all of its labels\n"
        "      --query-start-time, --query-fds, --query-load QUERY\n"
        "                        the same for process_start_time_seconds (restarts), process_open_fds, and load\n"
        "      --start, --end TIME   a date, or Unix time; left out: the last %d days\n"
        "      --step TIME       between two points, 1 to 300 s; left out: spec.sampling.intervalSeconds, or as much more\n"
        "                        as keeps the range within %u points. A step that is not the server's scrape\n"
        "                        interval changes what rules on successive samples (growth, baseline) see: a shorter one\n"
        "                        repeats samples, a longer one skips some. Longer than the policy's interval, it counts\n"
        "                        as the interval\n"
        "      --ca FILE         CAs to verify the server by, PEM; left out: the system's\n"
        "      --bearer-token-file FILE\n"
        "                        a token to send along; https:// only. Redirects are not followed\n",
        GS_BACKTEST_DAYS, GS_MAX_RANGE_POINTS * GS_MAX_RANGE_REQUESTS);
}

static void rest(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "\n"
        "Samples are taken at the policy's interval: at each of its times a pod answers with its newest sample, and where that is\n"
        "older than %.1f intervals, it does not answer. A pod without a sample for %d s, or %d intervals, is gone.\n"
        "\n"
        "exit codes:\n"
        "  0  nothing: no incident would have been opened (a mere suspicion is no finding)\n"
        "  1  found: an incident would have been opened, resolved later or not\n"
        "  2  usage error, invalid policy, series or profile, no answer from the server, output that could not be written\n"
        "\n"
        "examples:\n"
        "  gostat backtest -f policy.yaml --series shop.csv --profile 600=before.pb.gz --profile 900=after.pb.gz -o text\n"
        "  gostat backtest -f policy.yaml -o text --prometheus http://127.0.0.1:9090 \\\n"
        "    --query 'go_goroutines{namespace=\"shop\",pod=~\"payments-.*\"}' \\\n"
        "    --query-start-time 'process_start_time_seconds{namespace=\"shop\",pod=~\"payments-.*\"}'\n"
        "Limits: %d days, %u pods, %u lines, %u bytes a line.\n",
        GS_BACKTEST_STALE, GS_BACKTEST_GONE_MS / 1000, GS_BACKTEST_GONE, GS_MAX_SERIES_DAYS, GS_MAX_SERIES_PODS,
        GS_MAX_SERIES_LINES, GS_MAX_CSV_LINE);
}

void gs_backtest_help(gs_buf *out)
{
    usage(out);
    sources(out);
    rest(out);
}
