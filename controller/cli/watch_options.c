#include "base/limits.h"
#include "base/mem.h"
#include "cli/policy_file.h"
#include "cli/watch.h"
#include "codec/access.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <unistd.h>

#define MAX_FOR_MS (366LL * 24 * 3600 * 1000)

void gs_watch_options_done(gs_watch_options *o)
{
    free(o->targets);
    gs_policy_free(o->policy);
    *o = (gs_watch_options){0};
}

static int bad_target(const char *text, const char *why, gs_error *err)
{
    return gs_error_set(err, GS_TERMINAL,
                        "TARGET \"%.120s\": %s; want [NAME=]host:port, with an IPv6 address in brackets", text, why);
}

/* Letters, digits, '-', '.' and '_', neither '-' nor '.' first: a host name, and the name of replicas, of which file
 * names are made. */
static bool is_name(gs_str s)
{
    if (s.n == 0 || s.p[0] == '-' || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", s.p[i]) || !s.p[i])
            return false;
    return true;
}

/* host:port, all but what it is a replica of. */
static int parse_address(const char *text, gs_watch_target *ret, gs_error *err)
{
    gs_watch_target t = {0};
    unsigned char address[sizeof(struct in6_addr)];
    uint64_t port;
    const char *colon = strrchr(text, ':');
    bool brackets = text[0] == '[';
    if (strstr(text, "://"))
        return bad_target(text, "it is a URL", err);
    if (strchr(text, '/'))
        return bad_target(text, "it has a path (spec.endpoint of a policy file says which paths are asked)", err);
    if (!colon || (brackets && colon[-1] != ']'))
        return bad_target(text, "the port is missing", err);
    gs_str host = brackets ? (gs_str){text + 1, (size_t)(colon - text) - 2} : (gs_str){text, (size_t)(colon - text)};
    if (!gs_str_copy(t.name, sizeof t.name, gs_str_of(text)) || !gs_str_copy(t.host, sizeof t.host, host))
        return bad_target(text, "it is longer than 200 characters", err);
    if (!gs_str_u64(gs_str_of(colon + 1), &port) || port < 1 || port > 65535)
        return bad_target(text, "the port is not a number from 1 to 65535", err);
    if (brackets && inet_pton(AF_INET6, t.host, address) != 1)
        return bad_target(text, "what is in the brackets is not an IPv6 address", err);
    if (!brackets && memchr(host.p, ':', host.n))
        return bad_target(text, "an IPv6 address needs brackets", err);
    if (!brackets && !is_name(host))
        return bad_target(text, "the host is neither an address nor a host name", err);
    t.port = (int)port;
    *ret = t;
    return 0;
}

int gs_watch_target_parse(const char *text, gs_watch_target *ret, gs_error *err)
{
    gs_watch_target t;
    const char *equals = strchr(text, '=');
    gs_str name = {text, equals ? (size_t)(equals - text) : 0};
    if (equals && (name.n > GS_WATCH_NAME_MAX || !is_name(name)))
        return bad_target(text, "the name before '=' has 1 to 63 of A-Z a-z 0-9 _ . -, neither . nor - first", err);
    int rc = parse_address(equals ? equals + 1 : text, &t, err);
    if (rc)
        return rc;
    (void)gs_str_copy(t.workload, sizeof t.workload, equals ? name : gs_str_of(t.name));
    *ret = t;
    return 0;
}

static int add_target(gs_watch_options *o, const char *text, gs_error *err)
{
    gs_watch_target t;
    int rc = gs_watch_target_parse(text, &t, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < o->n_targets; i++)
        if (gs_streq(o->targets[i].name, t.name))
            return bad_target(text, "it is given twice", err);
    if (o->n_targets == GS_MAX_TARGETS)
        return bad_target(text, "it is one too many", err);
    o->targets = gs_grow(o->targets, &o->cap_targets, o->n_targets + 1, sizeof *o->targets);
    o->targets[o->n_targets++] = t;
    return 0;
}

/* The target's port is both of the endpoint's, so /metrics is asked, whatever the policy says; a 404 is answer enough.
 * Evidence goes to the directory, and what heals needs it there. */
static void adapt(gs_policy *p, bool keeps_evidence)
{
    p->endpoint.has_metrics = true;
    (void)gs_str_copy(p->ns, sizeof p->ns, gs_str_of(GS_WATCH_NS));
    if (!p->name[0])
        (void)gs_str_copy(p->name, sizeof p->name, GS_STR("watch"));
    p->has_s3 = keeps_evidence && p->snapshot_kinds;
}

/* There are no Secrets here; what needs none, https and serverName, is done. */
static int refuse_secrets(const gs_policy *p, const char *path, gs_error *err)
{
    for (int s = 0; s < GS_ACCESS_SECRETS; s++)
        if (gs_access_secret_name(&p->endpoint, s)[0])
            return gs_error_set(
                err, GS_TERMINAL,
                "policy %s: %s: watch has no Secrets to read it from: leave it out, or run gostat controller",
                gs_streq(path, "-") ? "stdin" : path, gs_access_secret_field(&p->endpoint, s));
    return 0;
}

static int parse_seconds(const char *flag, const char *text, int64_t max_ms, const char *range, int64_t *ret_ms,
                         gs_error *err)
{
    int64_t ms;
    if (!gs_str_duration_ms(gs_str_of(text), &ms) || ms < 1000 || ms > max_ms)
        return gs_error_set(err, GS_TERMINAL, "--%s \"%.40s\": want %s", flag, text, range);
    *ret_ms = ms;
    return 0;
}

static int parse_form(const char *text, enum gs_watch_form *ret, gs_error *err)
{
    static const char *const names[] = {[GS_WATCH_TABLE] = "table", [GS_WATCH_TEXT] = "text", [GS_WATCH_JSON] = "json"};
    for (size_t i = 0; i < GS_LEN(names); i++)
        if (gs_streq(text, names[i])) {
            *ret = (enum gs_watch_form)i;
            return 0;
        }
    return gs_error_set(err, GS_TERMINAL, "-o \"%.40s\": want json, table or text", text);
}

/* A table needs a terminal that can be drawn on. */
static enum gs_watch_form fitting(enum gs_watch_form wanted)
{
    const char *term = getenv("TERM");
    bool drawable = isatty(STDOUT_FILENO) && term && term[0] && !gs_streq(term, "dumb");
    return wanted == GS_WATCH_TABLE && !drawable ? GS_WATCH_TEXT : wanted;
}

struct raw_options {
    const char *policy_path;
    int64_t interval_ms; /* 0: the policy's */
};

enum { OPT_HELP = 'h', OPT_FORM = 'o', OPT_POLICY = 'f', OPT_EVIDENCE = 256, OPT_FOR, OPT_INTERVAL };

static int take_option(int c, char **argv, gs_watch_options *o, struct raw_options *raw, gs_error *err)
{
    switch (c) {
    case OPT_HELP:
        o->help = true;
        return 0;
    case OPT_FORM:
        return parse_form(optarg, &o->form, err);
    case OPT_POLICY:
        raw->policy_path = optarg;
        return 0;
    case OPT_EVIDENCE:
        o->evidence_dir = optarg;
        return optarg[0] ? 0 : gs_error_set(err, GS_TERMINAL, "--evidence: the directory's name is empty");
    case OPT_FOR:
        return parse_seconds("for", optarg, MAX_FOR_MS, "1s to 366d: seconds, or a number with s, m, h or d",
                             &o->for_ms, err);
    case OPT_INTERVAL:
        if (parse_seconds("interval", optarg, 300000, "1 to 300 seconds", &raw->interval_ms, err))
            return -(int)GS_TERMINAL;
        return raw->interval_ms % 1000
                   ? gs_error_set(err, GS_TERMINAL, "--interval \"%.40s\": want whole seconds", optarg)
                   : 0;
    case ':':
        return gs_error_set(err, GS_TERMINAL, "flag %s needs a value", argv[optind - 1]);
    default:
        if (optopt == OPT_HELP)
            return gs_error_set(err, GS_TERMINAL, "flag --help takes no value");
        if (optopt)
            return gs_error_set(err, GS_TERMINAL, "no such flag: -%c", optopt);
        return gs_error_set(err, GS_TERMINAL, "no such flag: %s", argv[optind - 1]);
    }
}

static int read_flags(int argc, char **argv, gs_watch_options *o, struct raw_options *raw, gs_error *err)
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, OPT_HELP},
        {"output", required_argument, NULL, OPT_FORM},
        {"policy", required_argument, NULL, OPT_POLICY},
        {"evidence", required_argument, NULL, OPT_EVIDENCE},
        {"for", required_argument, NULL, OPT_FOR},
        {"interval", required_argument, NULL, OPT_INTERVAL},
        {NULL, 0, NULL, 0},
    };
    int c, rc = 0;
    optind = 0; /* begins anew, as glibc has it */
    opterr = 0;
    while (!rc && !o->help && (c = getopt_long(argc, argv, ":ho:f:", longs, NULL)) != -1)
        rc = take_option(c, argv, o, raw, err);
    return rc;
}

static int complete(gs_watch_options *o, const struct raw_options *raw, gs_error *err)
{
    int rc = 0;
    if (o->n_targets == 0)
        return gs_error_set(err, GS_TERMINAL, "a TARGET (host:port) is missing");
    if (raw->policy_path) {
        rc = gs_policy_file_read(raw->policy_path, &o->policy, err);
        rc = rc ? rc : refuse_secrets(o->policy, raw->policy_path, err);
    } else {
        o->policy = gs_policy_new();
    }
    if (rc)
        return rc;
    adapt(o->policy, o->evidence_dir != NULL);
    if (raw->interval_ms)
        o->policy->interval_s = (int)(raw->interval_ms / 1000);
    if (o->policy->timeout_s > o->policy->interval_s)
        o->policy->timeout_s = o->policy->interval_s;
    if (o->policy->detection.surge.enabled && o->policy->detection.surge.window_s < o->policy->interval_s)
        return gs_error_set(err, GS_TERMINAL, "--interval %d is longer than spec.detection.surge.windowSeconds, %d",
                            o->policy->interval_s, o->policy->detection.surge.window_s);
    o->form = fitting(o->form);
    return 0;
}

int gs_watch_options_parse(int argc, char **argv, gs_watch_options *ret, gs_error *err)
{
    gs_cleanup(gs_watch_options_done) gs_watch_options o = {0};
    struct raw_options raw = {0};
    int rc = read_flags(argc, argv, &o, &raw, err);
    for (int i = optind; !rc && !o.help && i < argc; i++)
        rc = add_target(&o, argv[i], err);
    if (!rc && !o.help)
        rc = complete(&o, &raw, err);
    if (rc)
        return rc;
    *ret = o;
    o = (gs_watch_options){0};
    return 0;
}
