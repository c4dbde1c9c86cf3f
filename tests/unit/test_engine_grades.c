/* How sure the engine is, when, and what it asked the pod for. Windows of 2 minutes, 4 of them; samples every 5 s. */
#include "engine_world.h"

#include <math.h>

#define LEAK "shop/payments.(*pool).acquire"
#define WINDOW (2 * MINUTE)
#define LATE (45 * SECOND) /* a gap between profiles after the end of a window */

/* When an incident of the world's only workload had at least this grade; NEVER. */
static int64_t graded(const world *w, enum gs_grade g)
{
    for (size_t k = 0; k < w->n_lines; k++)
        if (w->lines[k].event == GS_EVENT_GRADED && w->lines[k].grade >= g)
            return w->lines[k].ms;
    return NEVER;
}

static size_t asked(const fake_times *t, int64_t until)
{
    size_t n = 0;
    while (n < t->n && t->v[n] <= until)
        n++;
    return n;
}

/* Leaks that the runtime's leak profile does not name. */
static const struct {
    const char *name;
    double rate;
    enum gs_state wait;
    int64_t dump_max;
    double rss, limit; /* MiB; 0: not known */
    double fds, load;  /* beside what is leaked */
    int windows;       /* until Probable */
    size_t dumps;      /* until then */
} leaks[] = {
    {"two a second", 2, GS_STATE_CHAN_RECEIVE, 5000, 0, 0, 0, 0, 4, 2},
    {"sleeping", 2, GS_STATE_SLEEP, 5000, 0, 0, 0, 0, 4, 2},
    {"in IO wait, with as many descriptors as ever", 2, GS_STATE_IO_WAIT, 5000, 0, 0, 100, 0, 4, 2},
    {"one in five seconds", 0.2, GS_STATE_SELECT, 5000, 0, 0, 0, 0, 4, 2},
    {"with as many requests in flight as ever", 2, GS_STATE_SELECT, 5000, 0, 0, 0, 50, 4, 2},
    {"no dumps allowed", 2, GS_STATE_CHAN_RECEIVE, 0, 0, 0, 0, 0, 6, 0},
    {"no dumps of a process as large as this", 2, GS_STATE_CHAN_RECEIVE, 30, 0, 0, 0, 0, 6, 0},
    {"too fast for a second dump at the end", 15, GS_STATE_CHAN_RECEIVE, 5000, 0, 0, 0, 0, 4, 2},
    {"too fast to wait with the first one", 40, GS_STATE_CHAN_RECEIVE, 5000, 0, 0, 0, 0, 4, 2},
    {"too fast for two dumps", 120, GS_STATE_CHAN_RECEIVE, 5000, 0, 0, 0, 0, 6, 1},
    {"too fast for one", 400, GS_STATE_CHAN_RECEIVE, 5000, 0, 0, 0, 0, 6, 0},
    {"memory to spare", 2, GS_STATE_CHAN_RECEIVE, 5000, 300, 1000, 0, 0, 4, 2},
    {"the memory limit is near", 2, GS_STATE_CHAN_RECEIVE, 5000, 900, 1000, 0, 0, 6, 0},
    {"no memory limit", 2, GS_STATE_CHAN_RECEIVE, 5000, 900, 0, 0, 0, 4, 2},
    {"the memory in use is not exposed", 2, GS_STATE_CHAN_RECEIVE, 5000, 0, 1000, 0, 0, 4, 2},
};

static void reachable_leaks_wait_for_the_windows(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(leaks); k++) {
        world w;
        world_open(&w);
        gs_policy *policy = world_policy("p");
        policy->full_dump_max = leaks[k].dump_max;
        policy->detection.resources.enabled = false;
        (void)world_set(&w, policy);
        fake_pod *p = world_pod(&w, "shop", "shop-1");
        world_site(p, "main.idle", 12, 0, 0)->state = GS_STATE_SELECT;
        fake_site *s = world_site(p, LEAK, 5, leaks[k].rate, w.now + MINUTE);
        s->reachable = true;
        s->state = leaks[k].wait;
        p->rss = leaks[k].rss * 1048576;
        p->memory_limit = (uint64_t)(leaks[k].limit * 1048576);
        p->fds = leaks[k].fds;
        p->load = leaks[k].load;
        world_watch(&w, "p", p);
        const world_line *first = world_until(&w, GS_EVENT_SUSPECTED, 10 * MINUTE);
        int64_t from = first->ms;
        world_run(&w, 10 * WINDOW);
        int64_t suspected = graded(&w, GS_GRADE_SUSPECTED), probable = graded(&w, GS_GRADE_PROBABLE);
        if (suspected < from + 3 * WINDOW || suspected > from + 3 * WINDOW + LATE ||
            probable < from + leaks[k].windows * WINDOW || probable > from + leaks[k].windows * WINDOW + LATE ||
            asked(&p->dumps, probable) != leaks[k].dumps)
            fail_msg("%s: Suspected after %.1f s, Probable after %.1f s, %zu dumps", leaks[k].name,
                     (double)(suspected - from) / 1000, (double)(probable - from) / 1000, asked(&p->dumps, probable));
        const gs_incident *i = world_incident(&w, 0);
        assert_int_equal(world_incidents(&w), 1);
        assert_int_equal(i->grade, GS_GRADE_PROBABLE); /* for ever: nothing proves it */
        assert_int_equal(i->reasons,
                         GS_REASON_SITE | GS_REASON_FLOOR | (leaks[k].windows == 4 ? GS_REASON_IDS : GS_REASON_COUNTS));
        assert_string_equal(i->patterns[0].leaf, LEAK);
        /* who created them is told by any dump that was taken */
        if (!gs_streq(i->patterns[0].created_by, leaks[k].dumps > 0 ? "shop/payments.New" : ""))
            fail_msg("%s: created by \"%s\"", leaks[k].name, i->patterns[0].created_by);
        assert_true(leaks[k].dumps > 0 || p->dumps.n == 0);
        world_close(&w);
    }
}

/* Nobody is told of load; a suspicion is internal. */
static const struct {
    const char *name;
    enum gs_state wait;
    double rate, until_s; /* 0: for ever */
    double fds, io, load; /* for each goroutine; the process has 50 of each before. Negative: not exposed */
    bool turnover;
    int64_t silent_min; /* no incident until then */
    enum gs_grade most; /* in three hours */
} loads[] = {
    {"connections that are read", GS_STATE_SELECT, 1, 0, 1, 1, -1, false, 48, GS_GRADE_PROBABLE},
    {"their readers", GS_STATE_IO_WAIT, 1, 0, 1, 0, -1, false, 48, GS_GRADE_PROBABLE},
    {"requests in flight", GS_STATE_CHAN_RECEIVE, 1, 0, -1, 0, 1, false, 48, GS_GRADE_PROBABLE},
    {"in IO wait, which may be connections", GS_STATE_IO_WAIT, 1, 0, -1, 0, -1, false, 48, GS_GRADE_PROBABLE},
    {"connections that come for half an hour", GS_STATE_SELECT, 1, 1800, 1, 1, -1, false, 180, GS_GRADE_NONE},
    {"a ramp that ends in the third window", GS_STATE_CHAN_RECEIVE, 1, 300, -1, 0, -1, false, 180, GS_GRADE_NONE},
    {"a ramp that ends in the fourth window", GS_STATE_CHAN_RECEIVE, 1, 460, -1, 0, -1, false, 6, GS_GRADE_SUSPECTED},
    {"a queue that is worked off", GS_STATE_CHAN_RECEIVE, 1, 0, -1, 0, -1, true, 12, GS_GRADE_SUSPECTED},
};

static void load_is_no_leak(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(loads); k++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        fake_site *s = world_site(p, LEAK, 5, loads[k].rate, w.now);
        s->reachable = true;
        s->state = loads[k].wait;
        s->until_ms = loads[k].until_s > 0 ? w.now + (int64_t)(loads[k].until_s * 1000) : 0;
        s->turnover = loads[k].turnover;
        p->fds = loads[k].fds < 0 ? 0 : 50;
        p->fds_per_leak = loads[k].fds;
        p->io_per_leak = loads[k].io;
        p->load = loads[k].load < 0 ? 0 : 50;
        p->load_per_leak = loads[k].load;
        int64_t from = w.now;
        world_run(&w, 180 * MINUTE);
        int64_t told = graded(&w, GS_GRADE_SUSPECTED);
        enum gs_grade most = GS_GRADE_NONE;
        for (enum gs_grade g = GS_GRADE_SUSPECTED; g <= GS_GRADE_PROVEN; g++)
            most = graded(&w, g) < NEVER ? g : most;
        if (told < from + loads[k].silent_min * MINUTE || most != loads[k].most)
            fail_msg("%s: told after %.1f min, at most %s", loads[k].name, (double)(told - from) / MINUTE,
                     gs_grade_name(most));
        assert_true(world_count(&w, GS_EVENT_SUSPECTED) > 0);
        assert_true(most >= GS_GRADE_PROBABLE || w.begun == 0);
        world_close(&w);
    }
}

/* What a pod is asked for. */

static void a_leak_profile_that_is_not_offered_is_asked_for_once(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    p->no_leaks = true;
    fake_site *s = world_site(p, LEAK, 5, 2, w.now);
    world_run(&w, 30 * MINUTE);
    assert_int_equal(p->leaks.n, 1);
    assert_int_equal(world_stats(&w).profile_errors, 0); /* not having it is no error */
    assert_int_equal(world_incident(&w, 0)->grade, GS_GRADE_PROBABLE);
    s->from_ms = p->started_ms = w.now; /* a new process, of another Go release perhaps */
    world_run(&w, 10 * MINUTE);
    assert_int_equal(p->leaks.n, 2);
    p->no_leaks = false; /* and one that has it */
    s->from_ms = p->started_ms = w.now;
    world_run(&w, 10 * MINUTE);
    assert_int_equal(world_incident(&w, 0)->grade, GS_GRADE_PROVEN);
    world_close(&w);
}

static void never_asks_for_leak_profiles(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    gs_policy *policy = world_policy("p");
    policy->detection.leak_profile = false;
    fake_pod *p = world_usual(&w);
    (void)world_set(&w, policy);
    (void)world_site(p, LEAK, 5, 2, w.now);
    world_run(&w, 60 * MINUTE);
    assert_int_equal(p->leaks.n, 0);
    assert_int_equal(world_incident(&w, 0)->grade, GS_GRADE_PROBABLE);
    world_close(&w);
}

/* Never more than `burst` at once, and then one in `period_ms`. */
static void assert_rate(const char *name, const fake_times *t, size_t burst, int64_t period_ms)
{
    for (size_t a = 0; a < t->n; a++)
        for (size_t b = a; b < t->n; b++)
            if (b - a + 1 > burst + (size_t)((t->v[b] - t->v[a]) / period_ms))
                fail_msg("%s: %zu within %.1f s", name, b - a + 1, (double)(t->v[b] - t->v[a]) / 1000);
}

static double lively(int64_t now)
{
    int64_t s = now / 1000 % 97;
    return s < 60 ? (double)s * 3 : 0;
}

/* What costs the pod is rare, however lively it is and whatever is suspected. */
static void costly_requests_are_limited(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double leak;
        bool lively, reachable, restarts;
    } cases[] = {{"lively", 0, true, false, false},
                 {"leaking", 2, false, true, false},
                 {"leaking and lively", 0.5, true, true, false},
                 {"leaking, named", 2, true, false, false},
                 {"restarting", 2, true, true, true}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        world_open(&w);
        gs_policy *policy = world_policy("p");
        policy->detection.surge.goroutines = 10; /* suspects at every rise */
        policy->detection.surge.percent = 1;
        fake_pod *p = world_usual(&w);
        (void)world_set(&w, policy);
        fake_site *busy = world_site(p, "shop/web.(*handler).serve", 10, 0, 0);
        busy->lively = cases[k].lively ? lively : NULL;
        busy->state = GS_STATE_SELECT;
        fake_site *s = world_site(p, LEAK, 0, cases[k].leak, w.now);
        s->reachable = cases[k].reachable;
        for (int hour = 0; hour < 6; hour++) {
            world_run(&w, 60 * MINUTE);
            if (cases[k].restarts)
                p->started_ms = w.now;
        }
        assert_rate(cases[k].name, &p->leaks, 3, WINDOW / 2);
        assert_rate(cases[k].name, &p->dumps, 2, WINDOW * 5 / 2);
        print_message("  %s, in 6 hours: %u profiles, %zu leak profiles, %zu dumps\n", cases[k].name, p->profiles,
                      p->leaks.n, p->dumps.n);
        world_close(&w);
    }
}

/* Many pods. */

static void a_hundred_pods_with_the_same_leak(void **state)
{
    (void)state;
    enum { N = 100 };
    for (int reachable = 0; reachable < 2; reachable++) {
        world w;
        world_open(&w);
        (void)world_set(&w, world_policy("p"));
        int64_t t0 = w.now;
        for (int k = 0; k < N; k++) {
            char name[24];
            (void)snprintf(name, sizeof name, "shop-%02d", k);
            fake_pod *p = world_pod(&w, "shop", name);
            (void)world_site(p, "main.idle", 12, 0, 0);
            world_site(p, LEAK, 0, 0.5 + 0.02 * k, t0 + k * SECOND)->reachable = reachable;
            p->revision = "6c7d9dc87b";
            world_watch(&w, "p", p);
        }
        world_run(&w, 20 * MINUTE);
        const gs_incident *i = world_incident(&w, 0);
        assert_int_equal(world_incidents(&w), 1);
        assert_int_equal(world_count(&w, GS_EVENT_INCIDENT), 1);
        assert_int_equal(world_count(&w, GS_EVENT_GRADED), 2);
        assert_int_equal(world_count(&w, GS_EVENT_ACTION), 1);
        assert_int_equal(i->grade, reachable ? GS_GRADE_PROBABLE : GS_GRADE_PROVEN);
        assert_int_equal(i->n_pods, N);
        uint64_t sum = 0;
        for (int k = 0; k < N; k++) {
            sum += i->pods[k].leaking;
            assert_true(k == 0 || i->pods[k - 1].leaking >= i->pods[k].leaking);
        }
        assert_int_equal(i->patterns[0].count, sum);
        assert_int_equal(gs_incident_leaking(i), sum);
        /* the worst ones are listed first, and are those that a status with room for a few lists */
        for (int k = 0; k < GS_MAX_INCIDENT_PODS; k++)
            assert_true(strcmp(i->pods[k].name, "shop-70") > 0);
        assert_string_equal(i->revision, "6c7d9dc87b");
        assert_string_equal(world_facts(&w, "p").worst, "100 of 100 pods: " LEAK);
        world_close(&w);
    }
}

static void the_revision_that_leaks_is_named(void **state)
{
    (void)state;
    for (int reachable = 0; reachable < 2; reachable++) {
        world w;
        world_open(&w);
        (void)world_set(&w, world_policy("p"));
        fake_pod *pods[6];
        for (int k = 0; k < 6; k++) {
            char name[24];
            (void)snprintf(name, sizeof name, "shop-%d", k);
            fake_pod *p = pods[k] = world_pod(&w, "shop", name);
            p->revision = k < 3 ? "old" : "new";
            (void)world_site(p, "main.idle", 12, 0, 0);
            fake_site *s = world_site(p, LEAK, 20, k < 3 ? 0 : 1, w.now);
            s->reachable = reachable;
            s->wave = 12; /* the code that leaks is used in both */
            s->period_ms = 50 * SECOND;
            world_watch(&w, "p", p);
        }
        (void)world_until(&w, GS_EVENT_INCIDENT, 8 * MINUTE);
        const gs_incident *i = world_incident(&w, 0);
        for (int k = 0; k < 30; k++) {
            world_run(&w, 30 * SECOND);
            assert_string_equal(i->revision, "new");
        }
        assert_int_equal(i->n_pods, 3);
        assert_int_equal(i->grade, reachable ? GS_GRADE_PROBABLE : GS_GRADE_PROVEN);
        world_restart(&w);
        world_run(&w, MINUTE);
        i = world_incident(&w, 0);
        assert_string_equal(i->revision, "new");
        for (int k = 0; k < 3; k++) {
            pods[k]->sites[1].rate = 1;
            pods[k]->sites[1].from_ms = w.now;
        }
        world_run(&w, 15 * MINUTE);
        assert_int_equal(world_incidents(&w), 1);
        assert_int_equal(i->n_pods, 6);
        assert_string_equal(i->revision, "");
        for (int k = 0; k < 3; k++)
            world_drop(&w, pods[k], GS_LEAVE_GONE);
        assert_string_equal(i->revision, "new");
        world_close(&w);
    }
}

/* A floor that rises, and no profile to be had: the numbers are all that can be told. */
static void numbers_alone_are_suspected(void **state)
{
    (void)state;
    enum { POD_GONE, FALLS_BACK, PROFILE_COMES, ENDINGS };
    for (int how = 0; how < ENDINGS; how++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        gs_policy *policy = world_policy("p");
        policy->detection.resources.enabled = false;
        (void)world_set(&w, policy);
        p->no_profiles = true;
        p->no_take[GS_PROFILE_GOROUTINE] = GS_TRANSIENT;
        fake_site *s = world_site(p, LEAK, 20, 2, w.now);
        (void)world_until(&w, GS_EVENT_INCIDENT, 20 * MINUTE);
        world_run(&w, 60 * MINUTE);
        assert_int_equal(world_incidents(&w), 1);
        const gs_incident *i = world_incident(&w, 0);
        assert_int_equal(i->grade, GS_GRADE_SUSPECTED);
        assert_int_equal(i->reasons, GS_REASON_FLOOR);
        assert_string_equal(i->patterns[0].leaf, "unknown");
        assert_in_range(i->pods[0].leaking, 60 * 60 * 2, 90 * 60 * 2);
        assert_int_equal(i->n_evidence, 0);
        assert_int_equal(w.begun, 0);
        if (how == POD_GONE)
            world_drop(&w, p, GS_LEAVE_GONE);
        else if (how == FALLS_BACK)
            p->freed_ms = w.now;
        else
            p->no_profiles = false;
        if (how == PROFILE_COMES) { /* now it has a name */
            world_run(&w, 5 * MINUTE);
            assert_int_equal(world_incidents(&w), 2);
            assert_string_equal(world_incident(&w, 1)->patterns[0].leaf, LEAK);
            assert_int_equal(world_incident(&w, 1)->grade, GS_GRADE_PROVEN);
            assert_true(i->resolved);
            s->rate = 0;
        } else {
            (void)world_until(&w, GS_EVENT_RESOLVED, 3 * MINUTE);
            assert_true(i->resolved);
        }
        world_run(&w, 30 * MINUTE);
        assert_int_equal(world_count(&w, GS_EVENT_INCIDENT), how == PROFILE_COMES ? 2 : 1);
        world_close(&w);
    }
}

/* Blocked for as long as it was seen, by depth: Medium at the surface of the code, High in its depth. */
static void score_and_severity(void **state)
{
    (void)state;
    static const struct {
        double depth;
        enum gs_state wait;
        double score;
        enum gs_severity severity;
    } cases[] = {{0.1, GS_STATE_CHAN_SEND, 0.04 + 0.35 + 0.25, GS_SEVERITY_MEDIUM},
                 {0.5, GS_STATE_CHAN_SEND, 0.2 + 0.35 + 0.25, GS_SEVERITY_HIGH},
                 {0.5, GS_STATE_SLEEP, 0.2 + 0.07 + 0.25, GS_SEVERITY_MEDIUM},
                 {0, GS_STATE_SLEEP, 0.07 + 0.25, GS_SEVERITY_LOW}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        gs_policy *policy = world_policy("p");
        policy->detection.blocked.enabled = false; /* that is P0 */
        (void)world_set(&w, policy);
        fake_site *s = world_site(p, LEAK, 0, 1, w.now);
        s->depth = cases[k].depth;
        s->state = cases[k].wait;
        world_run(&w, 10 * MINUTE);
        const gs_incident *i = world_incident(&w, 0);
        if (fabs(i->score - cases[k].score) > 0.01 || i->severity != cases[k].severity)
            fail_msg("depth %.1f, %s: %.3f, %s", cases[k].depth, gs_state_name(cases[k].wait), i->score,
                     gs_severity_name(i->severity));
        assert_true(fabs(i->patterns[0].score - i->score) < 0.001);
        world_close(&w);
    }
}

/* When it began, as the incident says, and when it did. Seconds. */
static void the_onset_is_near_the_truth(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double rate, wave, period_s, healthy_s;
        bool reachable;
        double within_s;
    } cases[] = {
        {"a young process", 2, 0, 0, 20, false, 5},
        {"after an hour", 2, 0, 0, 3600, false, 5},
        {"fast", 20, 0, 0, 3600, false, 5},
        {"slow", 0.2, 0, 0, 3600, false, 10},
        {"under a wave", 2, 20, 35, 3600, false, 25},
        {"known by its windows", 1, 0, 0, 3600, true, 10},
        {"by its windows, under a wave", 1, 20, 50, 3600, true, 60},
        {"slow, by its windows", 0.1, 0, 0, 3600, true, 310},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        fake_site *busy = world_site(p, "shop/web.(*handler).serve", 20, 0, 0);
        busy->wave = cases[k].wave;
        busy->period_ms = (int64_t)(cases[k].period_s * 1000);
        world_run(&w, (int64_t)(cases[k].healthy_s * 1000));
        int64_t from = w.now;
        world_site(p, LEAK, 0, cases[k].rate, from)->reachable = cases[k].reachable;
        (void)world_until(&w, GS_EVENT_INCIDENT, 20 * MINUTE);
        double off = (double)(world_incident(&w, 0)->start_ms - WORLD_WALL0 - from) / 1000;
        if (fabs(off) > cases[k].within_s)
            fail_msg("%s: off by %.1f s", cases[k].name, off);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reachable_leaks_wait_for_the_windows),
        cmocka_unit_test(load_is_no_leak),
        cmocka_unit_test(a_leak_profile_that_is_not_offered_is_asked_for_once),
        cmocka_unit_test(never_asks_for_leak_profiles),
        cmocka_unit_test(costly_requests_are_limited),
        cmocka_unit_test(a_hundred_pods_with_the_same_leak),
        cmocka_unit_test(the_revision_that_leaks_is_named),
        cmocka_unit_test(numbers_alone_are_suspected),
        cmocka_unit_test(score_and_severity),
        cmocka_unit_test(the_onset_is_near_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
