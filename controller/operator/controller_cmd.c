/* The flags of `gostat controller`. */
#include "base/log.h"
#include "base/mem.h"
#include "operator/op.h"
#include "operator/operator.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "Usage: gostat controller [FLAGS]\n"
    "\n"
    "Watches the pods that GostatPolicies select, opens a GostatIncident for each goroutine leak, keeps its evidence in\n"
    "S3, and heals within the limits that the policy's owner wrote down.\n"
    "\n"
    "  --kubeconfig FILE         how to reach the API server (default: $KUBECONFIG, the pod's service account,\n"
    "                            ~/.kube/config: the first that is there)\n"
    "  --namespace NAME          watch this namespace only; repeatable (default: all)\n"
    "  --leader-elect[=BOOL]     act only while holding the Lease (default: true)\n"
    "  --lease-namespace NAME    where the Lease is (default: the kubeconfig's or the pod's namespace;\n"
    "                            gostat-system where that is \"default\")\n"
    "  --lease-name NAME         (default: gostat)\n"
    "  --lease-duration TIME     others take over after this (default: 15s; whole seconds)\n"
    "  --renew-deadline TIME     a leader that could not renew for so long stops and exits with 1 (default: 10s)\n"
    "  --retry-period TIME       between tries to get or renew the Lease (default: 2s)\n"
    "  --metrics-address ADDR    host:port for /metrics, \"\" for none (default: 127.0.0.1:8080)\n"
    "  --health-address ADDR     host:port for /healthz and /readyz, \"\" for none (default: 127.0.0.1:8081)\n"
    "  --incident-retention TIME delete resolved incidents after this, 1m..3650d (default: 30d)\n"
    "  --audit-log FILE          append each decision as one line of JSON, a hash chain for each policy; - for stdout\n"
    "                            (default: none; see gostat audit)\n"
    "  --cluster-name NAME       what notifications call this cluster (default: none)\n"
    "  --log-format text|json    (default: text)\n"
    "  -v                        log what is looked at too\n"
    "  -h, --help                this text\n"
    "\n"
    "TIME is a number with ms, s, m, h or d. Exit codes: 0 stopped by SIGTERM or SIGINT; 1 the Lease was lost, or a\n"
    "fault; 2 wrong flags or configuration.\n";

enum {
    OPT_KUBECONFIG = 256,
    OPT_NAMESPACE,
    OPT_ELECT,
    OPT_LEASE_NS,
    OPT_LEASE_NAME,
    OPT_LEASE,
    OPT_RENEW,
    OPT_RETRY,
    OPT_METRICS,
    OPT_HEALTH,
    OPT_RETENTION,
    OPT_AUDIT,
    OPT_CLUSTER,
    OPT_LOG
};

static int usage(const char *why, const char *what)
{
    (void)fprintf(stderr, "gostat controller: %s%s (see gostat controller --help)\n", why, what);
    return 2;
}

static int parse_time(const char *flag, const char *s, int64_t min, int64_t max, int64_t *ret)
{
    int64_t v;
    if (gs_str_duration_ms(gs_str_of(s), &v) && v >= min && v <= max) {
        *ret = v;
        return 0;
    }
    (void)fprintf(stderr, "gostat controller: %s: must be %g s..%lld s written as 30s, 5m, 2h or 30d, got \"%s\"\n",
                  flag, (double)min / 1000, (long long)max / 1000, s);
    return 2;
}

/* A namespace's name, as the API server takes it: an unknown one is waited for, an impossible one would be for ever. */
static bool is_namespace(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n < GS_NAMESPACE_LEN && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && s[0] != '-' &&
           s[n - 1] != '-';
}

static int parse_bool(const char *flag, const char *s, bool *ret)
{
    if (s && !gs_streq(s, "true") && !gs_streq(s, "false")) {
        (void)fprintf(stderr, "gostat controller: %s: must be true or false, got \"%s\"\n", flag, s);
        return 2;
    }
    *ret = !s || gs_streq(s, "true");
    return 0;
}

typedef struct parsed {
    op_options o;
    const char *namespaces[256];
    bool json, verbose, help;
} parsed;

static int take(parsed *p, int opt, const char *arg)
{
    op_options *o = &p->o;
    const int64_t day = 86400000;
    switch (opt) {
    case OPT_KUBECONFIG:
        o->kubeconfig = arg;
        return 0;
    case OPT_NAMESPACE:
        if (o->n_namespaces == GS_LEN(p->namespaces))
            return usage("--namespace: at most 256 of them; leave it out to watch all", "");
        if (!arg[0])
            return usage("--namespace: must not be empty; leave it out to watch all", "");
        if (!is_namespace(arg))
            return usage("--namespace: must be a namespace's name: lower-case letters, digits and '-', got ", arg);
        for (size_t k = 0; k < o->n_namespaces; k++)
            if (gs_streq(p->namespaces[k],
                         arg)) /* two watches of one namespace would take each other's pods for gone */
                return 0;
        p->namespaces[o->n_namespaces++] = arg;
        return 0;
    case OPT_ELECT:
        return parse_bool("--leader-elect", arg, &o->leader_elect);
    case OPT_LEASE_NS:
        o->lease_ns = arg;
        return 0;
    case OPT_LEASE_NAME:
        o->lease_name = arg;
        return 0;
    case OPT_LEASE:
        return parse_time("--lease-duration", arg, 1000, 3600000, &o->lease_ms);
    case OPT_RENEW:
        return parse_time("--renew-deadline", arg, 1000, 3600000, &o->renew_ms);
    case OPT_RETRY:
        return parse_time("--retry-period", arg, 100, 3600000, &o->retry_ms);
    case OPT_METRICS:
        o->metrics_address = arg;
        return 0;
    case OPT_HEALTH:
        o->health_address = arg;
        return 0;
    case OPT_RETENTION:
        return parse_time("--incident-retention", arg, 60000, 3650 * day, &o->retention_ms);
    case OPT_AUDIT:
        o->audit_log = arg;
        return 0;
    case OPT_CLUSTER:
        o->cluster = arg;
        return strlen(arg) <= 253 ? 0 : usage("--cluster-name: must have at most 253 bytes, got ", arg);
    case OPT_LOG:
        p->json = gs_streq(arg, "json");
        return p->json || gs_streq(arg, "text") ? 0 : usage("--log-format: must be text or json, got ", arg);
    case 'v':
        p->verbose = true;
        return 0;
    case 'h':
        p->help = true;
        return 0;
    default:
        return 2; /* getopt has said why */
    }
}

static int parse(int argc, char **argv, parsed *p)
{
    static const struct option options[] = {{"kubeconfig", required_argument, NULL, OPT_KUBECONFIG},
                                            {"namespace", required_argument, NULL, OPT_NAMESPACE},
                                            {"leader-elect", optional_argument, NULL, OPT_ELECT},
                                            {"lease-namespace", required_argument, NULL, OPT_LEASE_NS},
                                            {"lease-name", required_argument, NULL, OPT_LEASE_NAME},
                                            {"lease-duration", required_argument, NULL, OPT_LEASE},
                                            {"renew-deadline", required_argument, NULL, OPT_RENEW},
                                            {"retry-period", required_argument, NULL, OPT_RETRY},
                                            {"metrics-address", required_argument, NULL, OPT_METRICS},
                                            {"health-address", required_argument, NULL, OPT_HEALTH},
                                            {"incident-retention", required_argument, NULL, OPT_RETENTION},
                                            {"audit-log", required_argument, NULL, OPT_AUDIT},
                                            {"cluster-name", required_argument, NULL, OPT_CLUSTER},
                                            {"log-format", required_argument, NULL, OPT_LOG},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    optind = 1;
    for (int opt; (opt = getopt_long(argc, argv, "hv", options, NULL)) != -1;) {
        int rc = take(p, opt, optarg);
        if (rc)
            return rc;
    }
    if (!p->help && optind < argc)
        return usage("unexpected argument ", argv[optind]);
    return 0;
}

int gs_cmd_controller(int argc, char **argv)
{
    parsed p = {.o = {.leader_elect = true,
                      .lease_name = "gostat",
                      .lease_ms = 15000,
                      .renew_ms = 10000,
                      .retry_ms = 2000,
                      .metrics_address = "127.0.0.1:8080",
                      .health_address = "127.0.0.1:8081",
                      .retention_ms = 30 * 86400000LL,
                      .audit_log = "",
                      .cluster = ""}};
    int rc = parse(argc, argv, &p);
    if (rc)
        return rc;
    if (p.help) {
        (void)fputs(help, stdout);
        return 0;
    }
    p.o.namespaces = p.namespaces;
    gs_log_setup(p.verbose ? GS_LOG_DEBUG : GS_LOG_INFO, p.json);
    gs_error err = {0};
    rc = op_run(&p.o, &err);
    if (rc < 0) {
        gs_log_error("cannot start", "error", err.msg);
        return err.kind == GS_TRANSIENT ? 1 : 2;
    }
    return rc;
}
