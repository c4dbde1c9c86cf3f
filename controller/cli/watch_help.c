#include "base/limits.h"
#include "cli/watch.h"
#include "core/detect.h"
#include "core/escalate.h"
#include "core/incident.h"

static void usage(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "usage: gostat watch [FLAG…] TARGET…\n"
        "\n"
        "Watches Go processes for goroutine leaks, with no cluster. A TARGET is host:port of a process that serves\n"
        "net/http/pprof, and best /metrics too, on that port: 127.0.0.1:6060, [::1]:6060, shop.example:6060. Where\n"
        "/metrics is a 404, the total line of goroutine?debug=1 is sampled instead, at most once in 30 s. Plain HTTP.\n"
        "\n"
        "  -f, --policy FILE     a GostatPolicy as YAML or JSON, \"-\" for stdin: sampling, detection, endpoint paths and\n"
        "                        snapshot.profiles count; selector, ports and s3 do not, and nothing is healed (an\n"
        "                        action that the policy asks for is refused: NoCluster). Left out: the API's defaults\n"
        "      --interval TIME   between two samples of a target: 1 to 300 s, whole seconds; over the policy's (5 s)\n"
        "      --for TIME        end after this time, 1s to 366d: 90, 90s, 15m, 2h; left out: at SIGINT or SIGTERM\n"
        "      --evidence DIR    keep profiles of what leaks: DIR/local/TARGET/INCIDENT/TIME-TARGET-goroutine.pb.gz,\n"
        "                        for go tool pprof, and .json with its SHA-256 beside it; DIR is made if missing\n"
        "  -o, --output FORM     table: live, the default on a terminal; text: a line for each event, the default\n"
        "                        elsewhere; json: a line of JSON for each event\n"
        "  -h, --help            this text\n");
}

static void json_shape(gs_buf *out)
{
    (void)gs_buf_adds(
        out,
        "\n"
        "-o json prints one object a line:\n"
        "  {\"t\":12.345,             seconds since the start\n"
        "   \"event\":\"incident\",     suspected | graded | incident | resolved | action | refused\n"
        "   \"target\":\"host:port\",\n"
        "   \"grade\":\"Probable\",     Suspected | Probable; null for a suspicion, of which nothing is known yet\n"
        "   \"pattern\":{\"id\":…,\"count\":…,\"state\":…,\"leafFunction\":…,\"entryFunction\":…,\"keyFrames\":[…],\"labels\":{…}},\n"
        "                           as in a GostatIncident; count: goroutines beyond the base; null for a suspicion\n"
        "   \"reason\":\"…\"}          for people\n");
}

static void formulas(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "\n"
        "How a leak is found (the rules: controller/core/detect.h; sites: core/growth.h; their defaults: core/policy.h):\n"
        "  growth     goroutines rose 3 samples in a row, by at least %d in all, and by more than 15 %%/min:\n"
        "             100 * (last - first) / max(first, 1) / minutes\n"
        "  surge      at least 5000 goroutines, and at least 1.30 times the smallest count of the last 300 s\n"
        "  blocked    at least 100 goroutines of a profile blocked at one site, more than in the base profile\n"
        "  site       a site has 1.5 times what it had in the base profile, and at least 10 more\n"
        "  A rule that fires is a suspicion only: %d profiles follow, %d s apart. A site (innermost user function and\n"
        "  the goroutine's own function) that rose by at least %d is an incident: Suspected where it grew over two\n"
        "  profiles, Probable over three. Resolved when no target has shown it for %d s; a target stops to show it\n"
        "  when it has under half of its peak in two profiles, or is a new process.\n"
        "  GROWTH in the table is the newest count over the oldest of the last 16.\n",
        GS_MIN_RISE, GS_PROFILES_ON_SUSPICION, GS_PROFILE_GAP_MS / 1000, GS_MIN_RISE, GS_RESOLVE_MS / 1000);
}

static void exit_codes(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "\n"
        "exit codes:\n"
        "  0  no incident was opened\n"
        "  1  a leak was found: an incident was opened, resolved meanwhile or not\n"
        "  2  usage error, invalid policy, evidence that could not be kept, output that could not be written, no target\n"
        "     was ever reached, or none gave a profile\n"
        "Limits: answers of at most %u MB (/metrics) and %u MB (profiles, packed) within spec.sampling.timeoutSeconds\n"
        "(2 s; a profile: 10 s at least); at most %u targets.\n",
        GS_MAX_METRICS_BYTES >> 20, GS_MAX_PROFILE_WIRE_BYTES >> 20, (unsigned)GS_MAX_TARGETS);
}

void gs_watch_help(gs_buf *out)
{
    usage(out);
    json_shape(out);
    formulas(out);
    exit_codes(out);
}
