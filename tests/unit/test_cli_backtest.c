/* The past played to the real engine: its clock, its pods, its profiles, its scale on paper; and the command line. */
#include "base/mem.h"
#include "cli/backtest.h"
#include "edge/prometheus.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define UNIX0 1767225600000LL /* 2026-01-01 */

struct line {
    enum gs_event event;
    int64_t t_ms;
    bool dated;
    enum gs_grade grade;
    char target[64], reason[200], leaf[64];
};

struct heard {
    struct line v[400];
    size_t n;
};

static void on_event(void *ctx, const gs_watch_event *e)
{
    struct heard *h = ctx;
    assert_true(h->n < GS_LEN(h->v));
    struct line *l = &h->v[h->n++];
    *l = (struct line){.event = e->event, .t_ms = e->t_ms, .dated = e->dated};
    l->grade = e->incident ? e->incident->grade : GS_GRADE_NONE;
    (void)snprintf(l->target, sizeof l->target, "%s", e->target);
    (void)snprintf(l->reason, sizeof l->reason, "%s", e->reason);
    if (e->incident && e->incident->n_patterns)
        (void)snprintf(l->leaf, sizeof l->leaf, "%s", e->incident->patterns[0].leaf);
}

/* The first line of this kind, with this in its reason. */
static const struct line *find(const struct heard *h, enum gs_event e, const char *reason)
{
    for (size_t k = 0; k < h->n; k++)
        if (h->v[k].event == e && strstr(h->v[k].reason, reason))
            return &h->v[k];
    return NULL;
}

static gs_series_row row_at(int64_t t_ms, const char *pod, double goroutines)
{
    return (gs_series_row){.t_ms = t_ms,
                           .pod = gs_str_of(pod),
                           .sample = {.goroutines = goroutines,
                                      .start_time_s = NAN,
                                      .heap_inuse = NAN,
                                      .cpu_s = NAN,
                                      .open_fds = NAN,
                                      .rss = NAN,
                                      .load = NAN}};
}

static void put(gs_replay *r, int64_t t_ms, const char *pod, double goroutines)
{
    gs_error err = {0};
    const gs_series_row row = row_at(t_ms, pod, goroutines);
    if (gs_replay_row(r, &row, &err))
        fail_msg("%s", err.msg);
}

/* Leaks 20 goroutines a minute after the first 5 minutes. */
static double leaking(int64_t t_ms)
{
    return 20 + (t_ms > 300000 ? (double)((t_ms - 300000) / 3000) : 0);
}

static void floor_alone(void **state)
{
    static struct heard h;
    (void)state;
    h.n = 0;
    gs_cleanup(gs_replay_free) gs_replay *r = gs_replay_new(gs_policy_new(), NULL, 0, 3, on_event, &h);
    assert_null(gs_replay_engine(r));
    for (int64_t t = 0; t <= 1800000; t += 5000)
        put(r, UNIX0 + t, "", leaking(t));
    gs_replay_end(r);
    gs_replay_stats s;
    gs_engine_stats stats;
    gs_replay_get_stats(r, &s);
    gs_engine_get_stats(gs_replay_engine(r), &stats);
    assert_int_equal(s.rows, 361);
    assert_int_equal(s.pods, 1);
    assert_int_equal(s.last_ms - s.first_ms, 1800000);
    assert_int_equal(s.apart_ms, 5000);
    assert_int_equal(stats.samples, 361); /* each row once */
    assert_int_equal(stats.sample_errors, 0);
    const struct line *l = find(&h, GS_EVENT_SUSPECTED, "floor");
    assert_non_null(l);
    assert_true(l->dated && l->t_ms > UNIX0 + 300000 && l->t_ms < UNIX0 + 1500000);
    assert_string_equal(l->target, "backtest");
}

static void late_rows(void **state)
{
    static struct heard h;
    gs_engine_stats stats;
    (void)state;
    h.n = 0;
    gs_cleanup(gs_replay_free) gs_replay *r = gs_replay_new(gs_policy_new(), NULL, 0, 3, on_event, &h);
    for (int64_t k = 0; k < 400; k++)
        put(r, k * 5000 + (k * 7919) % 400, "", (double)(100 + k)); /* up to 0.4 s late, as real samples are */
    gs_replay_end(r);
    gs_engine_get_stats(gs_replay_engine(r), &stats);
    assert_in_range(stats.samples, 399, 400);
    assert_int_equal(stats.sample_errors, 0);
    const struct line *l = find(&h, GS_EVENT_SUSPECTED, "floor");
    assert_non_null(l);
    assert_false(l->dated);
}

struct view {
    size_t n, unreachable;
};

static void count_views(void *ctx, const gs_target_view *v)
{
    struct view *c = ctx;
    c->n++;
    c->unreachable += v->unreachable;
}

static void pods_come_and_go(void **state)
{
    static struct heard h;
    gs_engine_stats stats;
    struct view c = {0};
    (void)state;
    h.n = 0;
    gs_cleanup(gs_replay_free) gs_replay *r = gs_replay_new(gs_policy_new(), NULL, 0, 3, on_event, &h);
    for (int64_t t = 0; t <= 600000; t += 5000) {
        put(r, t, "a", 10);
        if (t < 120000)
            put(r, t, "b", 10); /* gone for over 300 s at the end */
        if (t < 500000)
            put(r, t, "c", 10); /* does not answer any more */
        if (t >= 400000)
            put(r, t, "d", t == 500000 ? NAN : 10);
    }
    gs_replay_end(r);
    gs_engine_each_target(gs_replay_engine(r), count_views, &c);
    gs_engine_get_stats(gs_replay_engine(r), &stats);
    assert_int_equal(c.n, 3);
    assert_int_equal(c.unreachable, 1);
    assert_true(stats.sample_errors > 20);
    gs_replay_stats s;
    gs_replay_get_stats(r, &s);
    assert_int_equal(s.pods, 4);
}

/* The longest interval is as long as what makes a pod of a shorter one gone. */
static void long_interval(void **state)
{
    static struct heard h;
    gs_engine_stats stats;
    gs_replay_stats s;
    gs_policy *p = gs_policy_new();
    (void)state;
    h.n = 0;
    p->interval_s = 300;
    gs_cleanup(gs_replay_free) gs_replay *r = gs_replay_new(p, NULL, 0, 3, on_event, &h);
    for (int64_t k = 0; k < 20; k++)
        put(r, k * 300000, "a", 10);
    gs_replay_end(r);
    gs_engine_get_stats(gs_replay_engine(r), &stats);
    gs_replay_get_stats(r, &s);
    assert_int_equal(stats.samples, 20);
    assert_int_equal(stats.sample_errors, 0);
    assert_int_equal(s.apart_ms, 300000);
}

static void bad_rows(void **state)
{
    static struct heard h;
    gs_error err = {0};
    (void)state;
    h.n = 0;
    gs_cleanup(gs_replay_free) gs_replay *r = gs_replay_new(gs_policy_new(), NULL, 0, 3, on_event, &h);
    gs_series_row row = row_at(1000, "a", NAN);
    assert_int_equal(gs_replay_row(r, &row, &err), 0);
    gs_replay_end(r);
    assert_null(gs_replay_engine(r)); /* there was nothing to begin with */
    put(r, 5000, "a", 1);
    put(r, 5000, "b", 1);
    row = row_at(5000, "a", 1);
    assert_int_equal(gs_replay_row(r, &row, &err), -(int)GS_TERMINAL);
    assert_non_null(strstr(err.msg, "pod \"a\" has a second sample of the same time"));
    row = row_at(5001 + GS_MAX_SERIES_DAYS * 86400000LL, "a", 1);
    assert_int_equal(gs_replay_row(r, &row, &err), -(int)GS_NO_MEMORY);
    assert_non_null(strstr(err.msg, "over 400 days after the first sample"));
}

/* A policy that heals as soon as it may, with windows that pass quickly. */
static gs_policy *healing_policy(enum gs_mode mode)
{
    gs_policy *p = gs_policy_new();
    (void)snprintf(p->name, sizeof p->name, "shop");
    p->mode = mode;
    p->has_s3 = true;
    p->min_grade = GS_GRADE_SUSPECTED;
    p->detection.floor.window_s = 30;
    p->detection.floor.windows = 2;
    p->actions[0] = (gs_action_spec){.type = GS_ACTION_SCALE_OUT,
                                     .scale_out = {.step = 1, .max_replicas = 10, .hold_s = 600, .max_hold_s = 7200}};
    p->n_actions = 1;
    return p;
}

/* goroutine?debug=1 of a program that waits in acquire. */
static gs_backtest_profile profile_at(int64_t t_ms, int waiting)
{
    gs_backtest_profile p = {.t_ms = t_ms, .raw = GS_BUF(10000)};
    (void)gs_buf_addf(&p.raw, "goroutine profile: total %d\n", waiting + 10);
    if (waiting)
        (void)gs_buf_addf(&p.raw,
                          "%d @ 0x43e5ee 0x4067c8 0x6f3a12 0x472e01\n"
                          "#\t0x6f3a11\tmain.(*pool).acquire+0x31\t/src/shop/pool.go:37\n\n",
                          waiting);
    (void)gs_buf_adds(&p.raw, "10 @ 0x43e5ee 0x40aaaa 0x6f4b12 0x472e01\n"
                              "#\t0x6f4b11\tmain.(*server).loop+0x31\t/src/shop/server.go:12\n");
    return p;
}

struct leak {
    gs_backtest_profile profiles[100];
    size_t n;
};

static int waiting_at(int64_t t_ms, int64_t freed_ms)
{
    return t_ms < 120000 || t_ms >= freed_ms ? 0 : (int)((t_ms - 120000) / 2000);
}

static void play_leak(gs_replay *r, struct leak *l, int64_t freed_ms)
{
    (void)l;
    for (int64_t t = 0; t <= 1200000; t += 5000)
        put(r, t, "shop-1", 10 + waiting_at(t, freed_ms));
    gs_replay_end(r);
}

static void make_leak(struct leak *l, int64_t freed_ms)
{
    l->n = 0;
    for (int64_t t = 0; t <= 1200000 && l->n < GS_LEN(l->profiles); t += 15000)
        l->profiles[l->n++] = profile_at(t, waiting_at(t, freed_ms));
}

static void free_leak(struct leak *l)
{
    for (size_t k = 0; k < l->n; k++)
        gs_backtest_profile_done(&l->profiles[k]);
}

static void heals_on_paper(void **state)
{
    static struct heard h;
    static struct leak l;
    (void)state;
    h.n = 0;
    make_leak(&l, 800000);
    gs_cleanup(gs_replay_free) gs_replay *r =
        gs_replay_new(healing_policy(GS_MODE_ENFORCE), l.profiles, l.n, 5, on_event, &h);
    play_leak(r, &l, 800000);
    const struct line *opened = find(&h, GS_EVENT_INCIDENT, "main.(*pool).acquire");
    const struct line *acted = find(&h, GS_EVENT_ACTION, "ScaleOut 5 -> 6: Succeeded");
    const struct line *resolved = find(&h, GS_EVENT_RESOLVED, "");
    const struct line *undone = find(&h, GS_EVENT_ACTION, "Undone");
    if (!opened || !acted || !resolved || !undone)
        for (size_t k = 0; k < h.n; k++)
            print_message("%lld %s %s\n", (long long)h.v[k].t_ms, gs_engine_event_name(h.v[k].event), h.v[k].reason);
    assert_true(opened && acted && resolved && undone);
    assert_true(opened->t_ms > 120000 && opened->t_ms <= acted->t_ms && acted->t_ms < 800000);
    assert_true(resolved->t_ms >= 800000 && undone->t_ms >= resolved->t_ms);
    assert_string_equal(opened->target, "shop-1");
    assert_string_equal(acted->target, "shop");
    gs_engine_stats stats;
    gs_engine_get_stats(gs_replay_engine(r), &stats);
    assert_true(stats.evidence_stored > 0);
    free_leak(&l);
}

static void modes(void **state)
{
    static const struct {
        const char *name;
        enum gs_mode mode;
        int replicas;
        enum gs_event event;
        const char *reason; /* NULL: nothing is done, and nothing refused */
    } cases[] = {
        {"dry run", GS_MODE_DRY_RUN, 5, GS_EVENT_ACTION, "ScaleOut 5 -> 6: would be done under Enforce"},
        {"observe", GS_MODE_OBSERVE, 5, GS_EVENT_ACTION, NULL},
        {"at the maximum", GS_MODE_ENFORCE, 10, GS_EVENT_REFUSED, "MaxReplicas"},
        {"scaled to zero", GS_MODE_ENFORCE, 0, GS_EVENT_REFUSED, "ScaledToZero"},
    };
    static struct heard h;
    static struct leak l;
    (void)state;
    make_leak(&l, INT64_MAX);
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        h.n = 0;
        gs_cleanup(gs_replay_free) gs_replay *r =
            gs_replay_new(healing_policy(cases[k].mode), l.profiles, l.n, cases[k].replicas, on_event, &h);
        play_leak(r, &l, INT64_MAX);
        bool told = find(&h, GS_EVENT_ACTION, "") || find(&h, GS_EVENT_REFUSED, "");
        if (!find(&h, GS_EVENT_INCIDENT, "acquire") || told != (cases[k].reason != NULL) ||
            (cases[k].reason && !find(&h, cases[k].event, cases[k].reason)))
            fail_msg("%s", cases[k].name);
    }
    free_leak(&l);
}

/* One profile from before the leak does not acquit what leaks later. */
static void old_profile(void **state)
{
    static struct heard h;
    (void)state;
    h.n = 0;
    gs_backtest_profile p = profile_at(0, 0);
    gs_cleanup(gs_replay_free) gs_replay *r = gs_replay_new(gs_policy_new(), &p, 1, 3, on_event, &h);
    for (int64_t t = 0; t <= 3600000; t += 5000)
        put(r, t, "", leaking(t));
    gs_replay_end(r);
    assert_non_null(find(&h, GS_EVENT_INCIDENT, "FloorRises"));
    gs_backtest_profile_done(&p);
}

static void times(void **state)
{
    static const struct {
        const char *input;
        int64_t ms; /* -1: refused */
    } cases[] = {{"0", 0},          {"12.5", 12500}, {"1767225600", UNIX0}, {"2026-01-01T00:00:00Z", UNIX0},
                 {"-1", -1},        {"", -1},        {"now", -1},           {"1969-12-31T23:59:59Z", -1},
                 {"2026-01-01", -1}};
    (void)state;
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        int64_t ms = -1;
        bool ok = gs_backtest_time(gs_str_of(cases[k].input), &ms);
        if (ok != (cases[k].ms >= 0) || (ok && ms != cases[k].ms))
            fail_msg("%s: %lld", cases[k].input, (long long)ms);
    }
}

#define PROFILE GS_TEST_DATA "/pprof/plain.pb.gz"
#define MAX_ARGS 16

static int parse(const char *line, gs_backtest_options *ret, gs_error *err)
{
    static char text[2000];
    char *argv[MAX_ARGS + 1] = {(char[]){"backtest"}}, *save = NULL;
    int argc = 1;
    (void)snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok_r(text, " ", &save); word && argc < MAX_ARGS; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    return gs_backtest_options_parse(argc, argv, UNIX0 + 500, ret, err);
}

static void bad_options(void **state)
{
    static const struct {
        const char *input, *expected;
    } cases[] = {
        {"", "--series FILE or --prometheus URL is missing"},
        {"--series a --prometheus b", "want one of them"},
        {"--series a --query b", "go with --prometheus only"},
        {"--series a --step 5", "go with --prometheus only"},
        {"--prometheus http://a", "--query is missing"},
        {"--series", "flag --series needs a value"},
        {"--serie a", NULL}, /* getopt completes what is unambiguous, as in watch */
        {"--sources a", "no such flag: --sources"},
        {"-z", "no such flag: -z"},
        {"--help=1", "flag --help takes no value"},
        {"--series a b", "no argument is taken: b"},
        {"--series a -o html", "-o \"html\": want json or text"},
        {"--series a --replicas -1", "--replicas \"-1\": want a number from 0 to 100000"},
        {"--prometheus a --query b --step 0", "--step \"0\": want whole seconds from 1 to 300"},
        {"--prometheus a --query b --step 301", "--step \"301\""},
        {"--prometheus a --query b --start soon", "--start \"soon\": want a date"},
        {"--series a --profile 5", "the file is missing"},
        {"--series a --profile 5=", "the file is missing"},
        {"--series a --profile x=" PROFILE, "T is neither seconds, 0 or more, nor a date"},
        {"--series a --profile 5@=" PROFILE, "the pod is not 1 to 253 characters"},
        {"--series a --profile 5=/nonexistent", "open /nonexistent: No such file"},
        {"--series - -f -", "stdin is one of them"},
        {"--series a -f /nonexistent", "open /nonexistent: No such file"},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_backtest_options_done) gs_backtest_options o = {0};
        gs_error err = {0};
        int rc = parse(cases[k].input, &o, &err);
        if ((rc != 0) != (cases[k].expected != NULL) || (rc && !strstr(err.msg, cases[k].expected)))
            fail_msg("%s: %s", cases[k].input, err.msg);
    }
}

static void good_options(void **state)
{
    gs_error err = {0};
    (void)state;
    {
        gs_cleanup(gs_backtest_options_done) gs_backtest_options o = {0};
        if (parse("--series a.csv --profile 5=" PROFILE " --profile 7.5@shop-1=" PROFILE " --replicas 0 -o text", &o,
                  &err))
            fail_msg("%s", err.msg);
        assert_string_equal(o.series, "a.csv");
        assert_true(!o.json && o.replicas == 0 && o.n_profiles == 2);
        assert_true(o.profiles[0].t_ms == 5000 && !o.profiles[0].pod[0] && o.profiles[0].raw.n > 100);
        assert_int_equal(o.profiles[1].t_ms, 7500);
        assert_string_equal(o.profiles[1].pod, "shop-1");
        assert_int_equal(o.policy->interval_s, 5);
    }
    gs_cleanup(gs_backtest_options_done) gs_backtest_options o = {0};
    assert_int_equal(parse("--prometheus http://a --query q --query-load l", &o, &err), 0);
    assert_true(o.json && o.replicas == GS_BACKTEST_REPLICAS);
    assert_string_equal(o.queries[GS_QUERY_LOAD], "l");
    assert_null(o.queries[GS_QUERY_FDS]);
    assert_true(o.end_ms == UNIX0 && o.start_ms == UNIX0 - 30 * 86400000LL && o.step_ms == 0);
}

/* The step: the policy's interval, or as much more as the range needs. */
static void plans(void **state)
{
    static const struct {
        const char *name, *input;
        int interval_s;           /* the policy's */
        int step_s, new_interval; /* step 0: refused */
        const char *expected;     /* in the notes, or the error */
    } cases[] = {
        {"a month at the interval", "", 5, 5, 5, "2025-12-02T00:00:00Z to 2026-01-01T00:00:00Z, a point every 5 s\n"},
        {"a month at 1 s", "", 1, 3, 3, "the step is longer than spec.sampling.intervalSeconds, 1"},
        {"a finer step", "--step 1 --start 2025-12-31T00:00:00Z", 5, 1, 5, "a point every 1 s\n"},
        {"a longer step", "--step 60", 5, 60, 60, "it counts as the interval"},
        {"too many points", "--step 1", 5, 0, 0, "--step 1 gives over 1100000 points; take 3 or more"},
        {"a year", "--start 2025-01-01T00:00:00Z", 5, 29, 29, "a point every 29 s"},
        {"two years", "--start 2024-01-01T00:00:00Z", 5, 0, 0, "over 400 days"},
        {"longer than the floor", "--step 200", 5, 0, 0, "longer than spec.detection.floor.windowSeconds, 120"},
        {"backwards", "--start 2026-02-01T00:00:00Z", 5, 0, 0, "--start is not before --end"},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_backtest_options_done) gs_backtest_options o = {0};
        gs_cleanup(gs_buf_done) gs_buf notes = GS_BUF(10000);
        gs_error err = {0};
        gs_autofree char *line = gs_sprintf("--prometheus http://a --query q %s", cases[k].input);
        assert_int_equal(parse(line, &o, &err), 0);
        o.policy->interval_s = cases[k].interval_s;
        int rc = gs_backtest_range_plan(&o, &notes, &err);
        const char *said = rc ? err.msg : notes.p;
        if ((rc == 0) != (cases[k].step_s > 0) || !strstr(said, cases[k].expected) ||
            (!rc && (o.step_ms != cases[k].step_s * 1000LL || o.policy->interval_s != cases[k].new_interval)))
            fail_msg("%s: %s", cases[k].name, said);
    }
}

static void servers(void **state)
{
    static const struct {
        const char *url, *token, *expected; /* NULL: good */
    } cases[] = {
        {"http://127.0.0.1:9090/", NULL, NULL},
        {"https://mimir.example/prometheus", "abc.DEF-1", NULL},
        {"127.0.0.1:9090", NULL, "is no URL of a server"},
        {"ftp://a", NULL, "is no URL of a server"},
        {"http://", NULL, "is no URL of a server"},
        {"http://:9090", NULL, "is no URL of a server"},
        {"http://u:p@a", NULL, "credentials"},
        {"http://a/?x", NULL, "a query"},
        {"http://a b", NULL, "a space"},
        {"http://a", "abc", "needs a URL with https://"},
        {"https://a", "", "the bearer token is empty"},
        {"https://a", "a\r\nX: y", "a character that is not ASCII"},
    };
    (void)state;
    gs_cleanup(gs_loop_free) gs_loop *loop = NULL;
    assert_int_equal(gs_loop_new(&loop, NULL), 0);
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_prometheus_free) gs_prometheus *p = NULL;
        gs_error err = {0};
        const gs_prometheus_options o = {.url = cases[k].url, .bearer_token = cases[k].token};
        int rc = gs_prometheus_new(loop, &o, &p, &err);
        if ((rc == 0) != (cases[k].expected == NULL) || (rc && !strstr(err.msg, cases[k].expected)))
            fail_msg("%s: %s", cases[k].url, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floor_alone), cmocka_unit_test(late_rows),     cmocka_unit_test(pods_come_and_go),
        cmocka_unit_test(bad_rows),    cmocka_unit_test(long_interval), cmocka_unit_test(heals_on_paper),
        cmocka_unit_test(modes),       cmocka_unit_test(old_profile),   cmocka_unit_test(times),
        cmocka_unit_test(bad_options), cmocka_unit_test(good_options),  cmocka_unit_test(plans),
        cmocka_unit_test(servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
