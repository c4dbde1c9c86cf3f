/* From samples and profiles to incidents. */
#include "engine_world.h"

#define LEAK "shop/payments.(*pool).acquire"

/* The order in which things are told, and how long each takes. 2 goroutines a second, from 12, at interval 5 s; the
 * runtime's leak profile names the site. */
static void a_leak_is_told_in_order(void **state)
{
    (void)state;
    for (int64_t offset = 0; offset < 5000; offset += 500) { /* wherever it begins within the interval */
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        world_run(&w, MINUTE);
        int64_t start = w.now + offset, first = start + 500;
        world_site(p, LEAK, 0, 2, start);
        world_run(&w, MINUTE);
        static const struct {
            enum gs_event event;
            enum gs_grade grade;
        } order[] = {{GS_EVENT_SUSPECTED, GS_GRADE_NONE},
                     {GS_EVENT_GRADED, GS_GRADE_PROBABLE},
                     {GS_EVENT_INCIDENT, GS_GRADE_PROBABLE},
                     {GS_EVENT_ACTION, GS_GRADE_PROBABLE},
                     {GS_EVENT_GRADED, GS_GRADE_PROVEN}};
        assert_int_equal(w.n_lines, GS_LEN(order));
        for (size_t k = 0; k < GS_LEN(order); k++) {
            assert_int_equal(w.lines[k].event, order[k].event);
            assert_int_equal(w.lines[k].grade, order[k].grade);
        }
        assert_string_equal(w.lines[0].target, "shop-1");
        assert_non_null(strstr(w.lines[0].reason, "growth"));
        assert_non_null(strstr(w.lines[1].reason, "SiteGrows, LeakProfile: "));
        assert_non_null(strstr(w.lines[4].reason, "LeakProfileGrows: "));
        for (int k = 1; k <= 4; k += 3)
            assert_non_null(strstr(w.lines[k].reason, " goroutines in chan send at " LEAK));
        /* four samples at least an interval apart, then profiles 5 s apart */
        assert_in_range(w.lines[2].ms - first, 0, 26 * SECOND);
        assert_in_range(w.lines[4].ms - first, 0, 31 * SECOND);
        if (offset == 0 || offset == 4500)
            print_message("leak at +%d ms: Probable after %.1f s, scaled after %.1f s, Proven after %.1f s\n",
                          (int)offset, (double)(w.lines[2].ms - first) / 1000, (double)(w.scaled_at - first) / 1000,
                          (double)(w.lines[4].ms - first) / 1000);
        assert_int_equal(w.begun, 1);
        assert_true(w.stored_at && w.scaled_at && w.stored_at < w.scaled_at);
        assert_true(w.scaled_at - first < 30 * SECOND);
        const gs_incident *i = world_incident(&w, 0);
        assert_string_equal(i->patterns[0].leaf, LEAK);
        assert_int_equal(i->n_patterns, 1);
        assert_true(i->start_ms - WORLD_WALL0 >= start - 5000 && i->start_ms - WORLD_WALL0 <= start + 5000);
        assert_true(i->start_ms <= i->detection_ms && i->detection_ms <= i->localization_ms);
        world_close(&w);
    }
}

/* Goroutines that appear all at once between two looks and stay are daemons or a leak; more of them later are a leak. */
static void a_leak_in_rare_bursts_is_named(void **state)
{
    (void)state;
    for (int reachable = 0; reachable < 2; reachable++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        world_run(&w, 2 * MINUTE);
        fake_site *s = world_site(p, LEAK, 0, 6, w.now);
        s->until_ms = w.now + SECOND;
        s->reachable = reachable;
        world_run(&w, 40 * MINUTE);
        assert_true(world_count(&w, GS_EVENT_SUSPECTED) > 0);
        assert_int_equal(world_incidents(&w), 0);
        s->rate = 12;
        world_run(&w, 20 * MINUTE);
        assert_int_equal(world_incidents(&w), !reachable);
        if (!reachable)
            assert_int_equal(world_incident(&w, 0)->grade, GS_GRADE_PROBABLE);
        world_close(&w);
    }
}

static void counts_are_beyond_the_base(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    world_site(p, LEAK, 40, 2, w.now + MINUTE); /* 40 goroutines of that site are healthy */
    world_run(&w, 3 * MINUTE);
    const gs_incident *i = world_incident(&w, 0);
    assert_int_equal(i->n_pods, 1);
    assert_in_range(i->pods[0].leaking, 200, 240);
    assert_int_equal(i->pods[0].goroutines, i->pods[0].leaking + 52);
    assert_int_equal(i->patterns[0].count, i->pods[0].leaking);
    assert_int_equal(gs_incident_leaking(i), i->pods[0].leaking);
    gs_policy_facts f = world_facts(&w, "p");
    assert_int_equal(f.leaking, 1);
    assert_int_equal(f.open_incidents, 1);
    assert_string_equal(f.worst, "1 of 1 pods: " LEAK);
    const gs_target_view *v = world_view(&w, "shop-1");
    assert_int_equal(v->grade, GS_GRADE_PROVEN);
    assert_string_equal(v->leaf, LEAK);
    assert_string_equal(v->look, "tracking");
    world_close(&w);
}

static void a_process_that_restarts_begins_anew(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    world_site(p, LEAK, 0, 2, w.now + 20 * SECOND);
    (void)world_until(&w, GS_EVENT_INCIDENT, MINUTE);
    world_run(&w, MINUTE);
    const gs_incident *i = world_incident(&w, 0);
    assert_int_equal(i->n_pods, 1);
    p->started_ms = w.now;
    p->sites[1].rate = 0; /* and it does not leak this time */
    unsigned profiles = p->profiles;
    world_run(&w, 6 * SECOND);
    assert_int_equal(i->n_pods, 0);
    assert_in_range(p->profiles, profiles + 1, profiles + 2); /* a base of its own, after one that was due perhaps */
    assert_string_equal(world_view(&w, "shop-1")->look, "idle");
    assert_int_equal(world_view(&w, "shop-1")->growth_ratio * 100, 100); /* a new series */
    world_run(&w, MINUTE);
    assert_true(i->resolved);
    assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), 1);
    world_close(&w);
}

/* The start time jumps while a profile of the old process is on its way: it is no base for the new one. */

/* The process restarts while a profile of it is on its way: that is no base for the new one. */
static void a_late_profile_is_not_of_the_new_process(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.profile_ms = 7 * SECOND;
    fake_pod *p = world_usual(&w);
    world_run(&w, 20 * SECOND);
    (void)world_site(p, LEAK, 0, 20, w.now);
    (void)world_until(&w, GS_EVENT_SUSPECTED, MINUTE); /* fetches the first profile */
    p->started_ms = w.now;
    world_run(&w, 3 * MINUTE);
    assert_int_equal(world_incidents(&w), 1);
    const gs_incident *i = world_incident(&w, 0);
    assert_int_equal(i->n_pods, 1);
    assert_true(i->pods[0].goroutines - i->pods[0].leaking < 12 + 150); /* its base is of its first seconds */
    world_close(&w);
}

static void same_leak_in_many_pods_is_one_incident(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_usual(&w);
    for (int k = 2; k <= 30; k++) {
        char name[24];
        (void)snprintf(name, sizeof name, "shop-%d", k);
        fake_pod *p = world_pod(&w, "shop", name);
        (void)world_site(p, "net/http.(*conn).serve", 12, 0, 0);
        (void)world_site(p, LEAK, 0, k, w.now + 30 * SECOND + k * 7 * SECOND);
        world_watch(&w, "p", p);
    }
    world_run(&w, 6 * MINUTE);
    assert_int_equal(world_incidents(&w), 1);
    const gs_incident *i = world_incident(&w, 0);
    assert_int_equal(i->n_pods, 29);
    for (size_t k = 1; k < i->n_pods; k++)
        assert_true(i->pods[k - 1].leaking >= i->pods[k].leaking); /* the worst first */
    assert_int_equal(world_count(&w, GS_EVENT_INCIDENT), 1);
    assert_int_equal(world_count(&w, GS_EVENT_SUSPECTED), 29);
    assert_int_equal(w.begun, 1);
    assert_int_equal(world_facts(&w, "p").leaking, 29);
    world_close(&w);
}

static void sites_that_grow_along_are_one_incident(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    world_site(p, LEAK, 0, 3, w.now + 30 * SECOND);
    world_site(p, "shop/payments.(*pool).watch", 0, 2, w.now + 30 * SECOND);
    world_run(&w, 4 * MINUTE);
    assert_int_equal(world_incidents(&w), 1);
    const gs_incident *i = world_incident(&w, 0);
    assert_int_equal(i->n_patterns, 2);
    assert_string_equal(i->patterns[0].leaf, LEAK);
    assert_int_equal(gs_incident_leaking(i), i->patterns[0].count + i->patterns[1].count);
    world_close(&w);
}

/* Whether the first one has stopped or goes on, and in the same pod or in another. */

static void a_second_leak_later_is_a_second_incident(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        bool first_stops = variant & 1, other_pod = variant & 2;
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w), *q = world_pod(&w, "shop", "shop-2");
        (void)world_site(q, "net/http.(*conn).serve", 12, 0, 0);
        world_watch(&w, "p", q);
        int64_t t0 = w.now + 30 * SECOND;
        fake_site *first = world_site(p, LEAK, 0, 3, t0);
        first->until_ms = first_stops ? t0 + 2 * MINUTE : 0;
        (void)world_site(other_pod ? q : p, "shop/orders.(*feed).poll", 0, 4, t0 + 5 * MINUTE);
        world_run(&w, 5 * MINUTE);
        assert_int_equal(world_incidents(&w), 1);
        world_run(&w, 5 * MINUTE);
        if (world_incidents(&w) != 2)
            fail_msg("first stops %d, other pod %d: %zu incidents", first_stops, other_pod, world_incidents(&w));
        const gs_incident *i = world_incident(&w, 0), *j = world_incident(&w, 1);
        assert_string_equal(i->patterns[0].leaf, LEAK);
        assert_string_equal(j->patterns[0].leaf, "shop/orders.(*feed).poll");
        assert_int_equal(i->n_patterns, 1);
        assert_int_equal(j->n_patterns, 1);
        assert_int_equal(j->grade, GS_GRADE_PROVEN);
        assert_true(gs_incident_has_evidence(j));
        assert_int_equal(world_count(&w, GS_EVENT_INCIDENT), 2);
        world_close(&w);
    }
}

/* Which of several that grow names the leak. */

static void user_code_names_the_leak(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    world_site(p, "github.com/lib/pq.(*conn).watch", 0, 3, w.now + 30 * SECOND)->library = true;
    world_site(p, LEAK, 0, 2, w.now + 30 * SECOND);
    world_run(&w, 2 * MINUTE);
    assert_string_equal(world_incident(&w, 0)->patterns[0].leaf, LEAK);
    world_close(&w);
}

/* Requests come and go in waves, which profiles a few seconds apart see rising. What is no higher than it was just
 * before is no leak; a wave as long as the memory of the samples may deceive once, and what was done is taken back. */

/* A leak below a wave is found all the same, once it has outgrown it. */

/* More sites than are remembered: one that falls off the list has not shrunk to 0, so its return is no growth. */

/* 200 blocked at one site between two regular profiles: too slow for growth, and P0 once it grows. */

/* A site that is no blocked one (IO wait) and grows is an incident all the same. */

static void nothing_but_no_pprof(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_set(&w, world_policy("p"));
    fake_pod *p = world_pod(&w, "shop", "shop-1");
    (void)world_site(p, LEAK, 10, 2, w.now);
    gs_target_spec t = {.ns = "default", .name = p->name, .uid = p->uid, .host = p->host, .metrics_port = 8080};
    gs_engine_set_target(w.e, "p", &p->workload, &t);
    world_run(&w, 10 * MINUTE);
    assert_int_equal(p->profiles, 0);
    assert_true(world_count(&w, GS_EVENT_SUSPECTED) >= 1);
    assert_int_equal(world_incidents(&w), 0);
    world_close(&w);
}

static void profiles_that_fail_hold_the_suspicion(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    world_run(&w, 20 * SECOND);
    (void)world_site(p, LEAK, 0, 2, w.now);
    p->no_profiles = true;
    unsigned before = p->profiles;
    world_run(&w, 5 * MINUTE);
    assert_in_range(p->profiles - before, 6, 20); /* three tries for each suspicion, a minute's rest between */
    assert_int_equal(world_incidents(&w), 0);
    assert_true(world_stats(&w).profile_errors >= 6);
    p->no_profiles = false;
    world_run(&w, 3 * MINUTE);
    assert_int_equal(world_incidents(&w), 1);
    world_close(&w);
}

static void count_sites(void *ctx, const gs_site_view *v)
{
    size_t *n = ctx;
    n[0]++;
    n[1] += gs_streq(v->leaf, LEAK);
    n[2] += gs_streq(v->leaf, LEAK) && v->blocked_seconds > 0;
}

/* Site metrics are bounded, and a leak that comes late is among them. */

static void sites_shown_are_bounded(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_set(&w, world_policy("p"));
    for (int k = 0; k < 80; k++) {
        char workload[24], name[32];
        (void)snprintf(workload, sizeof workload, "w%d", k % 16);
        (void)snprintf(name, sizeof name, "w%d-%d", k % 16, k / 16);
        fake_pod *p = world_pod(&w, workload, name);
        for (int s = 0; s < WORLD_SITES - 1; s++) {
            static char leaves[WORLD_SITES][24];
            (void)snprintf(leaves[s], sizeof leaves[s], "app.f%d", s);
            (void)world_site(p, leaves[s], 30 + s, 0, 0);
        }
        (void)world_site(p, LEAK, 0, 3, w.now + MINUTE);
        world_watch(&w, "p", p);
    }
    world_run(&w, 4 * MINUTE);
    size_t n[3] = {0};
    gs_engine_each_site(w.e, count_sites, n);
    assert_int_equal(n[0], 16 * 16);
    assert_int_equal(n[1], 16);
    assert_int_equal(n[2], 16);
    world_close(&w);
    world_open(&w);
    (void)world_set(&w, world_policy("p"));
    for (int k = 0; k < 100; k++) {
        char name[24];
        (void)snprintf(name, sizeof name, "x%d", k);
        fake_pod *p = world_pod(&w, name, name);
        p->many_sites = 40;
        world_watch(&w, "p", p);
    }
    world_run(&w, 20 * SECOND);
    memset(n, 0, sizeof n);
    gs_engine_each_site(w.e, count_sites, n);
    assert_int_equal(n[0], GS_MAX_SITE_SERIES);
    world_close(&w);
}

/* A site that attaches later is counted beyond the base of each pod, also of those that were listed before. */
static void each_pod_has_its_own_base(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w), *q = world_pod(&w, "shop", "shop-2");
    world_watch(&w, "p", q);
    int64_t t0 = w.now + 20 * SECOND;
    (void)world_site(p, LEAK, 0, 4, t0);
    (void)world_site(q, LEAK, 0, 4, t0);
    (void)world_site(p, "shop/payments.(*pool).watch", 50, 2, t0 + 50 * SECOND);
    (void)world_site(q, "shop/payments.(*pool).watch", 50, 0, 0);
    world_run(&w, 3 * MINUTE);
    const gs_incident *i = world_incident(&w, 0);
    assert_int_equal(world_incidents(&w), 1);
    assert_int_equal(i->n_patterns, 2);
    assert_int_equal(i->n_pods, 2);
    for (size_t k = 0; k < 2; k++)
        if (gs_streq(i->pods[k].name, "shop-2"))
            assert_int_equal(i->pods[k].per_pattern[1], 0);
        else
            assert_in_range(i->pods[k].per_pattern[1], 150, 230);
    world_close(&w);
}

/* One profile in which it has shrunk is not enough: the next one may show it again. */
static void a_dip_does_not_drop_a_pod(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    (void)world_site(p, LEAK, 0, 2, w.now);
    world_run(&w, 3 * MINUTE);
    const gs_incident *i = world_incident(&w, 0);
    unsigned seen = p->profiles;
    while (p->profiles == seen)
        world_run(&w, 100);
    p->freed_ms = w.now;
    world_run(&w, 16 * SECOND);
    p->freed_ms = 0;
    assert_int_equal(p->profiles, seen + 2);
    assert_int_equal(i->n_pods, 1);
    assert_int_equal(i->pods[0].leaking, 0);
    world_run(&w, 2 * MINUTE);
    assert_int_equal(i->n_pods, 1);
    assert_true(i->pods[0].leaking > 300);
    assert_int_equal(i->occurrences, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_is_told_in_order),
        cmocka_unit_test(a_leak_in_rare_bursts_is_named),
        cmocka_unit_test(counts_are_beyond_the_base),
        cmocka_unit_test(a_process_that_restarts_begins_anew),
        cmocka_unit_test(a_late_profile_is_not_of_the_new_process),
        cmocka_unit_test(same_leak_in_many_pods_is_one_incident),
        cmocka_unit_test(sites_that_grow_along_are_one_incident),
        cmocka_unit_test(a_second_leak_later_is_a_second_incident),
        cmocka_unit_test(user_code_names_the_leak),
        cmocka_unit_test(nothing_but_no_pprof),
        cmocka_unit_test(profiles_that_fail_hold_the_suspicion),
        cmocka_unit_test(sites_shown_are_bounded),
        cmocka_unit_test(each_pod_has_its_own_base),
        cmocka_unit_test(a_dip_does_not_drop_a_pod),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
