#include "base/mem.h"
#include "cli/backtest.h"
#include "cli/policy_file.h"
#include "codec/goroutine_dump.h"

#include <getopt.h>
#include <math.h>

#define MAX_REPLICAS 100000
#define DAY_MS 86400000LL

void gs_backtest_profile_done(gs_backtest_profile *p)
{
    gs_buf_done(&p->raw);
}

void gs_backtest_options_done(gs_backtest_options *o)
{
    for (size_t k = 0; k < o->n_profiles; k++)
        gs_backtest_profile_done(&o->profiles[k]);
    free(o->profiles);
    gs_policy_free(o->policy);
    *o = (gs_backtest_options){0};
}

bool gs_backtest_time(gs_str text, int64_t *ret_ms)
{
    double seconds;
    if (gs_time_parse(text, ret_ms))
        return *ret_ms >= 0;
    if (!gs_str_double(text, &seconds) || !(seconds >= 0 && seconds <= (double)GS_SERIES_MAX_T_MS / 1000))
        return false;
    *ret_ms = llround(seconds * 1000);
    return true;
}

static int bad_profile(const char *text, const char *why, gs_error *err)
{
    return gs_error_set(err, GS_TERMINAL, "--profile \"%.120s\": %s; want T=FILE or T@POD=FILE", text, why);
}

int gs_backtest_profile_read(const char *text, gs_backtest_profile *ret, gs_error *err)
{
    gs_backtest_profile p = {.raw = GS_BUF(0)};
    const char *equals = strchr(text, '=');
    if (!equals || !equals[1])
        return bad_profile(text, "the file is missing", err);
    gs_str when = {text, (size_t)(equals - text)};
    const char *at = memchr(when.p, '@', when.n);
    if (at) {
        gs_str pod = {at + 1, (size_t)(equals - at) - 1};
        when.n = (size_t)(at - text);
        if (!pod.n || !gs_str_copy(p.pod, sizeof p.pod, pod))
            return bad_profile(text, "the pod is not 1 to 253 characters", err);
    }
    if (!gs_backtest_time(when, &p.t_ms))
        return bad_profile(text, "T is neither seconds, 0 or more, nor a date like 2026-01-01T00:00:00Z", err);
    int rc = gs_read_file(equals + 1, GS_MAX_PROFILE_BYTES, &p.raw, err);
    if (rc)
        return rc;
    gs_cleanup(gs_profile_free) gs_profile *profile = NULL;
    rc = gs_dump_decode(gs_buf_str(&p.raw), false, &profile, err);
    if (rc) {
        gs_buf_done(&p.raw);
        return gs_error_wrap(err, GS_TERMINAL, "%s", equals + 1);
    }
    p.kind = profile->kind;
    *ret = p;
    return 0;
}

static int add_profile(gs_backtest_options *o, const char *text, gs_error *err)
{
    gs_backtest_profile p = {0};
    size_t bytes = 0;
    if (o->n_profiles == GS_MAX_BACKTEST_PROFILES)
        return gs_error_set(err, GS_NO_MEMORY, "more than %d --profile", GS_MAX_BACKTEST_PROFILES);
    int rc = gs_backtest_profile_read(text, &p, err);
    if (rc)
        return rc;
    for (size_t k = 0; k < o->n_profiles; k++)
        bytes += o->profiles[k].raw.n;
    if (bytes + p.raw.n > GS_MAX_BACKTEST_PROFILE_BYTES) {
        gs_backtest_profile_done(&p);
        return gs_error_set(err, GS_NO_MEMORY, "--profile: all files together are over %u MB",
                            GS_MAX_BACKTEST_PROFILE_BYTES >> 20);
    }
    o->profiles = gs_grow(o->profiles, &o->cap_profiles, o->n_profiles + 1, sizeof *o->profiles);
    o->profiles[o->n_profiles++] = p;
    return 0;
}

static int read_step(const char *text, int64_t *ret, gs_error *err)
{
    int64_t ms;
    if (!gs_str_duration_ms(gs_str_of(text), &ms) || ms < 1000 || ms > 300000 || ms % 1000)
        return gs_error_set(err, GS_TERMINAL, "--step \"%.40s\": want whole seconds from 1 to 300: 15, 15s, 1m", text);
    *ret = ms;
    return 0;
}

static int read_time(const char *flag, const char *text, int64_t *ret, gs_error *err)
{
    if (!gs_backtest_time(gs_str_of(text), ret) || *ret == 0)
        return gs_error_set(err, GS_TERMINAL, "--%s \"%.40s\": want a date like 2026-01-01T00:00:00Z, or Unix time",
                            flag, text);
    return 0;
}

static int read_replicas(const char *text, int *ret, gs_error *err)
{
    uint64_t v;
    if (!gs_str_u64(gs_str_of(text), &v) || v > MAX_REPLICAS)
        return gs_error_set(err, GS_TERMINAL, "--replicas \"%.40s\": want a number from 0 to %d", text, MAX_REPLICAS);
    *ret = (int)v;
    return 0;
}

static int read_form(const char *text, bool *ret_json, gs_error *err)
{
    if (!gs_streq(text, "json") && !gs_streq(text, "text"))
        return gs_error_set(err, GS_TERMINAL, "-o \"%.40s\": want json or text", text);
    *ret_json = gs_streq(text, "json");
    return 0;
}

enum {
    OPT_HELP = 'h',
    OPT_FORM = 'o',
    OPT_POLICY = 'f',
    OPT_SERIES = 256,
    OPT_PROFILE,
    OPT_REPLICAS,
    OPT_PROMETHEUS,
    OPT_CA,
    OPT_TOKEN,
    OPT_START,
    OPT_END,
    OPT_STEP,
    OPT_QUERY, /* the last one: a query is OPT_QUERY + enum gs_backtest_query */
};

struct raw_options {
    const char *policy_path;
};

static int take_option(int c, char **argv, gs_backtest_options *o, struct raw_options *raw, gs_error *err)
{
    switch (c) {
    case OPT_HELP:
        o->help = true;
        return 0;
    case OPT_FORM:
        return read_form(optarg, &o->json, err);
    case OPT_POLICY:
        raw->policy_path = optarg;
        return 0;
    case OPT_SERIES:
        o->series = optarg;
        return 0;
    case OPT_PROFILE:
        return add_profile(o, optarg, err);
    case OPT_REPLICAS:
        return read_replicas(optarg, &o->replicas, err);
    case OPT_PROMETHEUS:
        o->prometheus = optarg;
        return 0;
    case OPT_CA:
        o->ca_file = optarg;
        return 0;
    case OPT_TOKEN:
        o->token_file = optarg;
        return 0;
    case OPT_START:
        return read_time("start", optarg, &o->start_ms, err);
    case OPT_END:
        return read_time("end", optarg, &o->end_ms, err);
    case OPT_STEP:
        return read_step(optarg, &o->step_ms, err);
    case ':':
        return gs_error_set(err, GS_TERMINAL, "flag %s needs a value", argv[optind - 1]);
    case '?':
        if (optopt == OPT_HELP)
            return gs_error_set(err, GS_TERMINAL, "flag --help takes no value");
        if (optopt > 0 && optopt < OPT_SERIES)
            return gs_error_set(err, GS_TERMINAL, "no such flag: -%c", optopt);
        return gs_error_set(err, GS_TERMINAL, "no such flag: %s", argv[optind - 1]);
    default:
        o->queries[c - OPT_QUERY] = optarg;
        return *optarg ? 0 : gs_error_set(err, GS_TERMINAL, "an empty query");
    }
}

static int read_flags(int argc, char **argv, gs_backtest_options *o, struct raw_options *raw, gs_error *err)
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, OPT_HELP},
        {"output", required_argument, NULL, OPT_FORM},
        {"policy", required_argument, NULL, OPT_POLICY},
        {"series", required_argument, NULL, OPT_SERIES},
        {"profile", required_argument, NULL, OPT_PROFILE},
        {"replicas", required_argument, NULL, OPT_REPLICAS},
        {"prometheus", required_argument, NULL, OPT_PROMETHEUS},
        {"ca", required_argument, NULL, OPT_CA},
        {"bearer-token-file", required_argument, NULL, OPT_TOKEN},
        {"start", required_argument, NULL, OPT_START},
        {"end", required_argument, NULL, OPT_END},
        {"step", required_argument, NULL, OPT_STEP},
        {"query", required_argument, NULL, OPT_QUERY + GS_QUERY_GOROUTINES},
        {"query-start-time", required_argument, NULL, OPT_QUERY + GS_QUERY_START_TIME},
        {"query-fds", required_argument, NULL, OPT_QUERY + GS_QUERY_FDS},
        {"query-load", required_argument, NULL, OPT_QUERY + GS_QUERY_LOAD},
        {NULL, 0, NULL, 0},
    };
    int c, rc = 0;
    optind = 0; /* begins anew, as glibc has it */
    opterr = 0;
    while (!rc && !o->help && (c = getopt_long(argc, argv, ":ho:f:", longs, NULL)) != -1)
        rc = take_option(c, argv, o, raw, err);
    if (!rc && !o->help && optind < argc)
        rc = gs_error_set(err, GS_TERMINAL, "no argument is taken: %.100s", argv[optind]);
    return rc;
}

/* What belongs to the one kind of source is refused with the other. */
static int check_source(const gs_backtest_options *o, gs_error *err)
{
    bool asks = o->ca_file || o->token_file || o->start_ms || o->end_ms || o->step_ms;
    for (size_t k = 0; k < GS_BACKTEST_QUERIES; k++)
        asks |= o->queries[k] != NULL;
    if (!o->series && !o->prometheus)
        return gs_error_set(err, GS_TERMINAL, "--series FILE or --prometheus URL is missing");
    if (o->series && o->prometheus)
        return gs_error_set(err, GS_TERMINAL, "--series and --prometheus: want one of them");
    if (o->series && asks)
        return gs_error_set(err, GS_TERMINAL,
                            "--query…, --start, --end, --step, --ca and --bearer-token-file go with "
                            "--prometheus only");
    if (o->prometheus && !o->queries[GS_QUERY_GOROUTINES])
        return gs_error_set(err, GS_TERMINAL, "--query is missing: go_goroutines of the pods of one workload");
    return 0;
}

static int complete(gs_backtest_options *o, const struct raw_options *raw, int64_t now_ms, gs_error *err)
{
    int rc = check_source(o, err);
    if (!rc && raw->policy_path && gs_streq(raw->policy_path, "-") && gs_streq(o->series, "-"))
        rc = gs_error_set(err, GS_TERMINAL, "-f - and --series -: stdin is one of them");
    if (!rc && raw->policy_path)
        rc = gs_policy_file_read(raw->policy_path, &o->policy, err);
    if (rc)
        return rc;
    if (!o->policy)
        o->policy = gs_policy_new();
    if (!o->end_ms)
        o->end_ms = now_ms / 1000 * 1000;
    if (!o->start_ms)
        o->start_ms = o->end_ms > GS_BACKTEST_DAYS * DAY_MS ? o->end_ms - GS_BACKTEST_DAYS * DAY_MS : 0;
    return 0;
}

int gs_backtest_options_parse(int argc, char **argv, int64_t now_ms, gs_backtest_options *ret, gs_error *err)
{
    gs_cleanup(gs_backtest_options_done) gs_backtest_options o = {.json = true, .replicas = GS_BACKTEST_REPLICAS};
    struct raw_options raw = {0};
    int rc = read_flags(argc, argv, &o, &raw, err);
    if (!rc && !o.help)
        rc = complete(&o, &raw, now_ms, err);
    if (rc)
        return rc;
    *ret = o;
    o = (gs_backtest_options){0};
    return 0;
}
