#include "base/limits.h"
#include "cli/watch.h"
#include "core/detect.h"
#include "core/escalate.h"
#include "core/incident.h"
#include "core/resource.h"

static void usage(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "usage: gostat watch [FLAG…] TARGET…\n"
        "\n"
        "Watches Go processes for goroutine leaks, with no cluster. A TARGET is host:port of a process that serves\n"
        "net/http/pprof, and best /metrics too, on that port: 127.0.0.1:6060, [::1]:6060, shop.example:6060. Where\n"
        "/metrics is a 404, the total line of goroutine?debug=1 is sampled instead, at most once in 30 s. Plain HTTP,\n"
        "but for a policy with spec.endpoint.scheme HTTPS; its fields that name Secrets are refused.\n"
        "NAME=host:port: targets of the same NAME are replicas of one workload, and one leak in many of them is one\n"
        "incident: shop=10.0.0.7:6060 shop=10.0.0.8:6060. A NAME has up to %d of A-Z a-z 0-9 _ . -, neither . nor -\n"
        "first.\n"
        "\n"
        "  -f, --policy FILE     a GostatPolicy as YAML or JSON, \"-\" for stdin: sampling, detection, endpoint paths and\n"
        "                        snapshot.profiles count; selector, ports and s3 do not, and nothing is healed (an\n"
        "                        action that the policy asks for is refused: NoCluster). Left out: the API's defaults\n"
        "      --interval TIME   between two samples of a target: 1 to 300 s, whole seconds; over the policy's (5 s)\n"
        "      --for TIME        end after this time, 1s to 366d: 90, 90s, 15m, 2h; left out: at SIGINT or SIGTERM\n"
        "      --evidence DIR    keep profiles of what leaks: DIR/local/NAME/INCIDENT/TIME-TARGET-goroutine.pb.gz,\n"
        "                        for go tool pprof, and .json with its SHA-256 beside it; without a NAME it is the TARGET;\n"
        "                        DIR is made if missing. As snapshot.profiles says also -goroutineleak, -heap and -cpu;\n"
        "                        -trace.trace for go tool trace; -fulldump.txt for gostat analyze\n"
        "  -o, --output FORM     table: live, the default on a terminal; text: a line for each event, the default\n"
        "                        elsewhere; json: a line of JSON for each event\n"
        "  -h, --help            this text\n",
        GS_WATCH_NAME_MAX);
}

static void json_shape(gs_buf *out)
{
    (void)gs_buf_adds(
        out,
        "\n"
        "-o json prints one object a line:\n"
        "  {\"t\":12.345,             seconds since the start\n"
        "   \"event\":\"incident\",     suspected | graded | incident | resolved | action | refused\n"
        "   \"target\":\"host:port\",   or the NAME, where all its replicas are meant\n"
        "   \"incident\":\"…\",       its name; null for a suspicion\n"
        "   \"grade\":\"Probable\",     Suspected | Probable | Proven: how sure it is that this is a leak; null for a suspicion, of\n"
        "                           which nothing is known yet, and for type Resource, which is none\n"
        "   \"podCount\":1,           processes that show it now; null for a suspicion\n"
        "   \"pattern\":{\"id\":…,\"count\":…,\"state\":…,\"leafFunction\":…,\"entryFunction\":…,\"keyFrames\":[…],\"labels\":{…}},\n"
        "                           as in a GostatIncident; count: goroutines beyond the base; null for a suspicion\n"
        "   \"patterns\":[…],        the first three of the incident, that one included\n"
        "   \"type\":\"GoroutineLeak\", GoroutineLeak | Resource; null for a suspicion\n"
        "   \"reason\":\"…\"}          for people\n");
}

static void formulas(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "\n"
        "How a leak is found (the rules: controller/core/detect.h; what they lead to: core/track.h; their defaults:\n"
        "core/policy.h):\n"
        "  growth     goroutines rose 3 samples in a row, by at least %d in all, and by more than 15 %%/min:\n"
        "             100 * (last - first) / max(first, 1) / minutes; or did so on the whole, over the last 9 to %d\n"
        "  surge      at least 5000 goroutines, and at least 1.30 times the smallest count of the last 300 s\n"
        "  blocked    at least 100 goroutines of a profile blocked at one site, more than in the base profile\n"
        "  site       a site has at least %d more than in the base profile, and twice the root of what it had there\n"
        "  floor      the smallest count of a window rose over 4 windows of 120 s (or 4, 16, 64 times as long)\n"
        "  baseline   over 2000, and over 1.02 times the P90 of the last 30 samples\n"
        "  resources  not a leak, but an incident of its own: CPU over 90 %% of GOMAXPROCS for 180 s; for %d s, over 5000\n"
        "             goroutines, or a heap in use over 512 MiB; until it stays below %d %% of that for as long\n"
        "  A rule that fires is a suspicion only: %d profiles follow, then three in a window as long as a site (innermost\n"
        "  user function and the goroutine's own function) keeps rising. Its smallest count has to rise from window to\n"
        "  window, by more than connections that somebody reads or requests in flight explain. Suspected: over all\n"
        "  windows but one. Probable: over all, and where dumps may be taken the same goroutines are still there; or the\n"
        "  runtime's goroutineleak profile names the site, which takes seconds. Proven: it does so twice, with more.\n"
        "  Resolved when no target has shown it for %d s; a target stops to show it when it has under half of its peak\n"
        "  in two profiles, or is a new process.\n"
        "  GROWTH in the table is the newest count over the oldest of the last %d.\n",
        GS_MIN_RISE, GS_SERIES_RECENT, GS_MIN_RISE, GS_RESOURCE_FOR_MS / 1000, GS_RESOURCE_EASED_PERCENT,
        GS_PROFILES_ON_SUSPICION, GS_RESOLVE_MS / 1000, GS_SERIES_RECENT);
}

static void exit_codes(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "\n"
        "exit codes:\n"
        "  0  no leak was found; incidents of resources do not count\n"
        "  1  a leak was found: an incident was opened, resolved meanwhile or not\n"
        "  2  usage error, invalid policy, evidence that could not be kept, output that could not be written, no target\n"
        "     was ever reached, or none gave a profile\n"
        "Limits: answers of at most %u MB (/metrics), %u MB (profiles, packed) and %u MB (full dumps) within\n"
        "spec.sampling.timeoutSeconds (2 s; profiles and dumps: 10 s at least); at most %u targets.\n",
        GS_MAX_METRICS_BYTES >> 20, GS_MAX_PROFILE_WIRE_BYTES >> 20, GS_MAX_DUMP_BYTES >> 20, (unsigned)GS_MAX_TARGETS);
}

void gs_watch_help(gs_buf *out)
{
    usage(out);
    json_shape(out);
    formulas(out);
    exit_codes(out);
}
