/* The flags of `gostat controller` and `gostat undo`: one table, from which they are read and from which --help is written. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/quantity.h"
#include "core/policy.h"
#include "operator/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define HELP_COLUMN 32
#define VALUES_MAX 256
#define SECOND 1000
#define HOUR (3600 * SECOND)
#define DAY (24LL * HOUR)

enum kind {
    STRING, /* const char * */
    BOOL,   /* bool; alone it means true */
    SWITCH, /* bool; takes no value */
    TIME,   /* int64_t, milliseconds, min..max */
    NUMBER, /* int64_t, min..max */
    BYTES,  /* int64_t, min..max, a quantity of Kubernetes */
    VALUES  /* op_values; repeatable */
};

typedef struct flag {
    const char *name;
    enum kind kind;
    size_t at;         /* in op_options */
    const char *value; /* what --help calls it where the kind does not say */
    const char *help;  /* its lines, without indent */
    int64_t min, max;
    const char *(*wrong)(const char *arg); /* why a string is no value for it; NULL: it is one */
    char letter;                           /* beside the name, which may be "" */
    enum { CONTROLLER, BOTH, UNDO } of;    /* whose flag it is */
} flag;

static const char *const names[] = {[OP_CONTROLLER] = "controller", [OP_UNDO] = "undo"};

/* An unknown namespace is waited for, an impossible one would be for ever. */
static const char *wrong_namespace(const char *s)
{
    size_t n = strlen(s);
    if (!n)
        return "must not be empty; leave it out to watch all";
    bool ok = n < GS_NAMESPACE_LEN && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && s[0] != '-' &&
              s[n - 1] != '-';
    return ok ? NULL : "must be a namespace's name: lower-case letters, digits and '-'";
}

static const char *wrong_cluster(const char *s)
{
    return strlen(s) <= 253 ? NULL : "must have at most 253 bytes";
}

static const char *wrong_format(const char *s)
{
    return gs_streq(s, "text") || gs_streq(s, "json") ? NULL : "must be text or json";
}

#define AT(field) offsetof(op_options, field)

static const flag flags[] = {
    {"kubeconfig", STRING, AT(kubeconfig), "FILE", .of = BOTH,
     .help = "how to reach the API server (default: $KUBECONFIG, the pod's service account,\n"
             "~/.kube/config: the first that is there)"},
    {"context", STRING, AT(context), "NAME", .of = BOTH, .help = "of the kubeconfig (default: its current one)"},
    {"namespace", VALUES, AT(namespaces), "NAME", .wrong = wrong_namespace, .of = BOTH,
     .help = "look into this namespace only; repeatable (default: all)"},
    {"leader-elect", BOOL, AT(leader_elect), .help = "act only while holding the Lease (default: true)"},
    {"lease-namespace", STRING, AT(lease_ns), "NAME", .of = BOTH,
     .help = "where the Lease is (default: the kubeconfig's or the pod's namespace;\n"
             "gostat-system where that is \"default\")"},
    {"lease-name", STRING, AT(lease_name), "NAME", .of = BOTH, .help = "(default: gostat)"},
    {"lease-duration", TIME, AT(lease_ms), .min = SECOND, .max = HOUR, .of = BOTH,
     .help = "others take over after this (default: 15s; whole seconds)"},
    {"timeout", TIME, AT(timeout_ms), .min = SECOND, .max = HOUR, .of = UNDO,
     .help = "give up after this, 1s..1h (default: 4m)"},
    {"renew-deadline", TIME, AT(renew_ms), .min = SECOND, .max = HOUR,
     .help = "a leader that could not renew for so long stops and exits with 1 (default: 10s)"},
    {"retry-period", TIME, AT(retry_ms), .min = SECOND / 10, .max = HOUR,
     .help = "between tries to get or renew the Lease (default: 2s)"},
    {"metrics-address", STRING, AT(metrics_address), "ADDR",
     .help = "host:port for /metrics, \"\" for none (default: 127.0.0.1:8080)"},
    {"metrics-secure", BOOL, AT(metrics_secure),
     .help = "/metrics by https, for bearer tokens that may get it (TokenReview and\n"
             "SubjectAccessReview of the API server) (default: false)"},
    {"metrics-cert-dir", STRING, AT(metrics_cert_dir), "DIR",
     .help = "tls.crt and tls.key of --metrics-secure, looked at every 10 s (default: none; a\n"
             "self-signed certificate is made at each start)"},
    {"health-address", STRING, AT(health_address), "ADDR",
     .help = "host:port for /healthz and /readyz, \"\" for none (default: 127.0.0.1:8081)"},
    {"incident-retention", TIME, AT(retention_ms), .min = 60 * SECOND, .max = 3650 * DAY,
     .help = "delete resolved incidents after this, 1m..3650d (default: 30d)"},
    {"audit-log", STRING, AT(audit_log), "FILE",
     .help = "append each decision as one line of JSON, a hash chain for each policy; - for stdout\n"
             "(default: none; see gostat audit)"},
    {"cluster-name", STRING, AT(cluster), "NAME", .wrong = wrong_cluster, .of = BOTH,
     .help = "what notifications call this cluster (default: none)"},
    {"allow-s3", VALUES, AT(allow_s3), "PATTERN", .of = BOTH,
     .help = "S3 endpoints that policies may name: host or host:port, *.example.com for its\n"
             "subdomains; repeatable (default: any public address)"},
    {"allow-webhook", VALUES, AT(allow_webhook), "PATTERN",
     .help = "the same for notifications to webhooks, WeCom and Slack"},
    {"allow-alertmanager", VALUES, AT(allow_alertmanager), "PATTERN", .help = "the same for Alertmanagers"},
    {"allow-private", VALUES, AT(allow_private), "CIDR", .of = BOTH,
     .help = "private addresses that all of these may have, within 10.0.0.0/8, 172.16.0.0/12,\n"
             "192.168.0.0/16, 100.64.0.0/10, fc00::/7 and loopback; repeatable (default: none).\n"
             "Link-local addresses, metadata services and the API server are never connected to"},
    {"s3-prefix", STRING, AT(s3_prefix), "TEMPLATE", .of = BOTH,
     .help = "put before the prefix of each policy, with {namespace} and {cluster} for those. With\n"
             "{namespace} no policy reads, writes or deletes in another namespace's part of a\n"
             "bucket; without, all keys still hold the namespace after the policy's prefix, but\n"
             "one policy's prefix may lie within another's (default: \"\")"},
    {"max-pods-per-policy", NUMBER, AT(max_pods), .min = 1, .max = GS_MAX_TARGETS,
     .help = "of more, as many of each workload as there is room for are sampled (default: no limit)"},
    {"min-interval", TIME, AT(min_interval_ms), .min = SECOND, .max = 300 * SECOND,
     .help = "between two samples of a pod, 1s..300s, whole seconds (default: no limit)"},
    {"max-profile-bytes", BYTES, AT(max_profile_bytes), .min = 1024, .max = GS_MAX_TRACE_BYTES,
     .help = "larger profiles are not taken, 1Ki..256Mi (default: no limit but those of each kind)"},
    {"max-profile-seconds", TIME, AT(max_profile_ms), .min = SECOND, .max = 600 * SECOND,
     .help = "of CPU profiles and traces, 1s..600s, whole seconds (default: no limit)"},
    {"max-namespace-actions", NUMBER, AT(max_namespace_actions), .min = 1, .max = 10000,
     .help = "in any hour, over all policies of a namespace (default: no limit)"},
    {"allow-host-network", BOOL, AT(allow_host_network),
     .help = "sample pods on the host's network, of policies with spec.allowHostNetwork\n"
             "(default: false)"},
    {"log-format", STRING, AT(log_format), "text|json", .of = BOTH, .wrong = wrong_format, .help = "(default: text)"},
    {"", SWITCH, AT(verbose), .letter = 'v', .of = BOTH, .help = "log what is looked at too"},
    {"help", SWITCH, AT(help), .letter = 'h', .of = BOTH, .help = "this text"},
};

static bool has(enum op_command command, const flag *f)
{
    return f->of == BOTH || (f->of == UNDO) == (command == OP_UNDO);
}

static int refuse(const op_options *o, const flag *f, const char *why, const char *got)
{
    const char *name = names[o->command];
    (void)fprintf(stderr, "gostat %s: --%s: %s%s%s (see gostat %s --help)\n", name, f->name, why, *got ? ", got " : "",
                  got, name);
    return 2;
}

static int take_time(const op_options *o, const flag *f, const char *s, int64_t *ret)
{
    int64_t v;
    if (gs_str_duration_ms(gs_str_of(s), &v) && v >= f->min && v <= f->max) {
        *ret = v;
        return 0;
    }
    (void)fprintf(stderr, "gostat %s: --%s: must be %g s..%lld s written as 30s, 5m, 2h or 30d, got \"%s\"\n",
                  names[o->command], f->name, (double)f->min / 1000, (long long)f->max / 1000, s);
    return 2;
}

static int take_number(const op_options *o, const flag *f, const char *s, int64_t *ret)
{
    uint64_t v;
    bool bytes = f->kind == BYTES;
    if ((bytes ? gs_quantity(gs_str_of(s), &v) : gs_str_u64(gs_str_of(s), &v)) && v >= (uint64_t)f->min &&
        v <= (uint64_t)f->max) {
        *ret = (int64_t)v;
        return 0;
    }
    (void)fprintf(stderr, "gostat %s: --%s: must be %lld..%lld%s, got \"%s\"\n", names[o->command], f->name,
                  (long long)f->min, (long long)f->max, bytes ? " bytes, written as 33554432 or 32Mi" : "", s);
    return 2;
}

static int take_bool(const op_options *o, const flag *f, const char *s, bool *ret)
{
    if (s && !gs_streq(s, "true") && !gs_streq(s, "false")) {
        (void)fprintf(stderr, "gostat %s: --%s: must be true or false, got \"%s\"\n", names[o->command], f->name, s);
        return 2;
    }
    *ret = !s || gs_streq(s, "true");
    return 0;
}

static int take_value(const op_options *o, const flag *f, const char *arg, op_values *ret)
{
    for (size_t k = 0; k < ret->n; k++) /* two watches of one namespace would take each other's pods for gone */
        if (gs_streq(ret->v[k], arg))
            return 0;
    if (ret->n == VALUES_MAX)
        return refuse(o, f, "at most 256 of them", "");
    ret->v = gs_grow(ret->v, &ret->cap, ret->n + 1, sizeof *ret->v);
    ret->v[ret->n++] = arg;
    return 0;
}

static int take(op_options *o, const flag *f, const char *arg)
{
    void *to = (char *)o + f->at;
    const char *why = f->wrong ? f->wrong(arg) : NULL;
    if (why)
        return refuse(o, f, why, arg);
    switch (f->kind) {
    case STRING:
        *(const char **)to = arg;
        return 0;
    case SWITCH:
        *(bool *)to = true;
        return 0;
    case BOOL:
        return take_bool(o, f, arg, to);
    case TIME:
        return take_time(o, f, arg, to);
    case NUMBER:
    case BYTES:
        return take_number(o, f, arg, to);
    case VALUES:
        return take_value(o, f, arg, to);
    }
    return 2;
}

/* What getopt_long is told: the n-th flag has the value 256 + n, or its letter. */
static int index_of(int opt)
{
    for (size_t k = 0; k < GS_LEN(flags); k++)
        if (opt == 256 + (int)k || (flags[k].letter && opt == flags[k].letter))
            return (int)k;
    return -1; /* getopt_long has said why */
}

static int parse(int argc, char **argv, op_options *o)
{
    struct option options[GS_LEN(flags) + 1] = {0};
    size_t n = 0;
    for (size_t k = 0; k < GS_LEN(flags); k++) {
        const flag *f = &flags[k];
        if (*f->name && has(o->command, f))
            options[n++] = (struct option){f->name,
                                           f->kind == SWITCH ? no_argument
                                           : f->kind == BOOL ? optional_argument
                                                             : required_argument,
                                           NULL, 256 + (int)k};
    }
    optind = 1;
    for (int opt; !o->help && (opt = getopt_long(argc, argv, "hv", options, NULL)) != -1;) {
        int k = index_of(opt);
        int rc = k < 0 ? 2 : take(o, &flags[k], optarg);
        if (rc)
            return rc;
    }
    if (o->help || optind == argc)
        return 0;
    (void)fprintf(stderr, "gostat %s: unexpected argument %s (see gostat %s --help)\n", names[o->command], argv[optind],
                  names[o->command]);
    return 2;
}

int op_options_parse(enum op_command command, int argc, char **argv, op_options *o)
{
    *o = (op_options){.command = command,
                      .timeout_ms = 240 * SECOND,
                      .leader_elect = true,
                      .lease_name = "gostat",
                      .lease_ms = 15 * SECOND,
                      .renew_ms = 10 * SECOND,
                      .retry_ms = 2 * SECOND,
                      .metrics_address = "127.0.0.1:8080",
                      .metrics_cert_dir = "",
                      .health_address = "127.0.0.1:8081",
                      .retention_ms = 30 * DAY,
                      .audit_log = "",
                      .cluster = "",
                      .s3_prefix = "",
                      .log_format = "text"};
    int rc = parse(argc, argv, o);
    if (command == OP_UNDO) { /* nobody asks it anything, and it renews like a leader of that duration */
        o->metrics_address = o->health_address = "";
        o->retention_ms = INT64_MAX; /* incidents are not its business */
        o->renew_ms = o->lease_ms * 2 / 3;
        o->retry_ms = o->lease_ms / 8;
    }
    return rc;
}

void op_options_done(op_options *o)
{
    for (size_t k = 0; k < GS_LEN(flags); k++)
        if (flags[k].kind == VALUES)
            free(((op_values *)(void *)((char *)o + flags[k].at))->v);
    *o = (op_options){0};
}

static void print_flag(const flag *f)
{
    static const char *const values[] = {[BOOL] = "[=BOOL]", [TIME] = " TIME", [NUMBER] = " N", [BYTES] = " BYTES"};
    const char *value = f->kind < GS_LEN(values) && values[f->kind] ? values[f->kind] : "";
    char letter[] = {'-', f->letter, '\0'};
    int column = printf("  %s%s%s%s%s%s%s", f->letter ? letter : "", f->letter && *f->name ? ", " : "",
                        *f->name ? "--" : "", f->name, value, f->value ? " " : "", f->value ? f->value : "");
    for (const char *line = f->help, *end;; line = end + 1, column = 0) {
        end = strchrnul(line, '\n');
        (void)printf("%*s%.*s\n", column < HELP_COLUMN ? HELP_COLUMN - column : 1, "", (int)(end - line), line);
        if (!*end)
            return;
    }
}

static const char *const about[] = {
    [OP_CONTROLLER] =
        "Watches the pods that GostatPolicies select, opens a GostatIncident for each goroutine leak, keeps its evidence in\n"
        "S3, and heals within the limits that the policy's owner wrote down.\n",
    [OP_UNDO] =
        "Takes back what healing changed and has not taken back yet: replicas that were added, minima of\n"
        "HorizontalPodAutoscalers that were raised, marks on pods, finalizers of policies; as if each policy were deleted.\n"
        "Policies and incidents stay. It is what the chart runs before it is uninstalled. The audit log goes on in the S3 of\n"
        "policies: give the controller's --allow-s3, --allow-private, --s3-prefix and --cluster-name here, too.\n"
        "\n"
        "It takes the Lease from the controller that leads, which stops, and waits for one lease duration before it does\n"
        "anything, so that never two act. At the end the Lease stays with \"gostat-undo\" for 10 minutes, so that no controller\n"
        "begins anew before it is removed; kubectl patch lease NAME --type=merge -p '{\"spec\":null}' lets one lead again.\n",
};

static const char *const endings[] = {
    [OP_CONTROLLER] =
        "0 stopped by SIGTERM or SIGINT; 1 the Lease was lost, or a\n"
        "fault; 2 wrong flags or kubeconfig; 3 credentials refused or expired; 4 the CRDs are not installed; 5 a right is\n"
        "missing.\n",
    [OP_UNDO] =
        "0 nothing is left to be undone; 1 something is, and is\n"
        "named, or a fault: controllers may lead again then; 2 wrong flags or kubeconfig; 3 credentials refused or expired;\n"
        "5 a right is missing.\n",
};

void op_options_help(enum op_command command)
{
    (void)printf("Usage: gostat %s [FLAGS]\n\n%s\n", names[command], about[command]);
    for (size_t k = 0; k < GS_LEN(flags); k++)
        if (has(command, &flags[k]))
            print_flag(&flags[k]);
    (void)printf("\nTIME is a number with ms, s, m, h or d. Exit codes: %s", endings[command]);
}
