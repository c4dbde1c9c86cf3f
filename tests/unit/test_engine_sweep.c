/* Who is sampled when, and what becomes of targets and policies that go while the engine waits for their answers. */
#include "engine_world.h"

#include "base/rng.h"

static void a_thousand_targets_are_spread(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_set(&w, world_policy("p"));
    enum { N = 1000 };
    for (int k = 0; k < N; k++) {
        char name[32];
        (void)snprintf(name, sizeof name, "shop-%d", k);
        fake_pod *p = world_pod(&w, "shop", name);
        (void)world_site(p, "main.idle", 5, 0, 0);
        world_watch(&w, "p", p);
        if (k % 100 == 99)
            world_run(&w, 77); /* they come over most of a second */
    }
    world_run(&w, 10 * SECOND);
    assert_int_equal(world_stats(&w).groups, 16);
    assert_int_equal(world_stats(&w).targets, N);
    for (int k = 0; k < N; k++) { /* from now on */
        w.pods[k]->samples = 0;
        w.pods[k]->min_gap_ms = w.pods[k]->max_gap_ms = 0;
    }
    int64_t from = w.now;
    world_run(&w, 60 * SECOND);
    unsigned in_slot[16] = {0};
    for (int k = 0; k < N; k++) {
        assert_int_equal(w.pods[k]->samples, 12);
        assert_int_equal(w.pods[k]->min_gap_ms, 5000);
        assert_int_equal(w.pods[k]->max_gap_ms, 5000);
        in_slot[(w.pods[k]->last_sample_ms - from) % 5000 * 16 / 5000]++;
    }
    for (int k = 0; k < 16; k++)
        assert_in_range(in_slot[k], 1, GS_MAX_GROUP);
    assert_int_equal(world_facts(&w, "p").sampled, N);
    world_close(&w);
}

/* Many small policies do not all fire at once. */
static void policies_are_spread(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    enum { N = 200 };
    for (int k = 0; k < N; k++) {
        char name[32];
        (void)snprintf(name, sizeof name, "p%d", k);
        (void)world_set(&w, world_policy(name));
        fake_pod *p = world_pod(&w, name, name);
        (void)world_site(p, "main.idle", 5, 0, 0);
        world_watch(&w, name, p);
    }
    world_run(&w, 20 * SECOND);
    unsigned in_slot[20] = {0};
    for (int k = 0; k < N; k++)
        in_slot[w.pods[k]->last_sample_ms % 5000 * 20 / 5000]++;
    for (int k = 0; k < 20; k++)
        assert_in_range(in_slot[k], 5, 20);
    world_close(&w);
}

static void a_pod_without_metrics_is_sampled_by_its_total(void **state)
{
    (void)state;
    static const int intervals[] = {1, 5, 7, 12, 20, 30, 31, 45, 300};
    for (size_t k = 0; k < GS_LEN(intervals); k++) {
        world w;
        world_open(&w);
        gs_policy *p = world_policy("p");
        p->interval_s = intervals[k];
        (void)world_set(&w, p);
        fake_pod *pod = world_pod(&w, "shop", "shop-1");
        (void)world_site(pod, "main.idle", 5, 0, 0);
        pod->no_metrics = true;
        world_watch(&w, "p", pod);
        world_run(&w, 2000 * SECOND);
        assert_int_equal(pod->samples, 1); /* it answered 404 */
        pod->min_gap_ms = pod->max_gap_ms = 0;
        world_run(&w, 2000 * SECOND);
        int64_t expected = (30 + intervals[k] - 1) / intervals[k] * intervals[k] * SECOND;
        if (pod->min_gap_ms != expected || pod->max_gap_ms != expected)
            fail_msg("interval %d s: %ld to %ld ms apart, expected %ld", intervals[k], (long)pod->min_gap_ms,
                     (long)pod->max_gap_ms, (long)expected);
        assert_int_equal(world_facts(&w, "p").unreachable, 0);
        assert_int_equal(world_facts(&w, "p").sampled, 1);
        world_close(&w);
    }
}

/* The leak is found there too, and a corrected path of the policy is tried. */
static void a_pod_without_metrics_leaks(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    p->no_metrics = true;
    (void)world_site(p, "shop/pay", 0, 1, w.now + MINUTE);
    (void)world_until(&w, GS_EVENT_INCIDENT, 5 * MINUTE);
    gs_policy *q = world_policy("p");
    (void)snprintf(q->endpoint.metrics_path, sizeof q->endpoint.metrics_path, "/internal/metrics");
    p->no_metrics = false;
    unsigned before = p->samples;
    (void)world_set(&w, q);
    world_run(&w, MINUTE);
    assert_int_equal(p->samples - before, 12);
    world_close(&w);
}

static void pods_that_do_not_answer_cost_one_request(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_set(&w, world_policy("p"));
    for (int k = 0; k < 60; k++) {
        char name[32];
        (void)snprintf(name, sizeof name, "shop-%d", k);
        fake_pod *p = world_pod(&w, "shop", name);
        (void)world_site(p, "main.idle", 5, 0, 0);
        p->mute = k % 3 == 0;
        p->down = k % 3 == 1;
        world_watch(&w, "p", p);
    }
    world_run(&w, 10 * MINUTE - 1);
    for (int k = 0; k < 60; k++) {
        const fake_pod *p = w.pods[k];
        assert_int_equal(p->samples, p->mute ? 1 : 120);
        assert_int_equal(p->most_in_flight, 1);
        assert_true(!p->mute || p->profiles == 1);
        if (!p->mute)
            assert_int_equal(p->max_gap_ms, 5000); /* the others keep their schedule */
    }
    gs_policy_facts f = world_facts(&w, "p");
    assert_int_equal(f.targets, 60);
    assert_int_equal(f.sampled, 20);
    assert_int_equal(f.unreachable, 20); /* those without any answer yet are neither; the source has a time limit */
    assert_non_null(strstr(f.unreachable_example, "refused"));
    assert_int_equal(world_stats(&w).sample_skips, 20 * 119);
    for (int k = 0; k < 60; k++)
        w.pods[k]->down = false;
    world_run(&w, 6 * SECOND);
    assert_int_equal(world_facts(&w, "p").unreachable, 0);
    assert_int_equal(world_facts(&w, "p").sampled, 40);
    world_close(&w);
}

/* One failure is not yet unreachable, where it was reached before. */
static void two_failures_are_unreachable(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    world_run(&w, 20 * SECOND);
    p->down = true;
    world_run(&w, 5 * SECOND);
    assert_int_equal(world_facts(&w, "p").unreachable, 0);
    unsigned tells = w.policy_tells;
    world_run(&w, 5 * SECOND);
    assert_int_equal(world_facts(&w, "p").unreachable, 1);
    assert_true(w.policy_tells > tells);
    tells = w.policy_tells;
    world_run(&w, MINUTE);
    assert_true(w.policy_tells - tells <= 3); /* told when it changes, not with each failure */
    world_close(&w);
}

/* Drops the target this long after it was watched, with slow answers: in the middle of its sample, its profile, its
 * evidence or its action. */
static void targets_leave_at_any_moment(void **state)
{
    (void)state;
    for (int64_t after = 0; after < 45 * SECOND; after += 730) {
        for (int how = 0; how < 5; how++) {
            world w;
            world_open(&w);
            w.sample_ms = 1900;
            w.profile_ms = 3100;
            w.put_ms = 2100;
            w.act_ms = 1700;
            fake_pod *p = world_usual(&w);
            (void)world_site(p, "shop/pay", 0, 5, w.now);
            world_run(&w, after);
            if (how == 0) {
                world_drop(&w, p, GS_LEAVE_GONE);
            } else if (how == 1) {
                world_drop(&w, p, GS_LEAVE_UNWATCHED);
            } else if (how == 2) {
                gs_engine_remove_policy(w.e, "default", "p");
                assert_null(gs_engine_policy(w.e, "default", "p"));
            } else if (how == 3) { /* another pod of the same name */
                (void)snprintf(p->uid, sizeof p->uid, "uid-of-another");
                world_watch(&w, "p", p);
            } else { /* and back again */
                world_drop(&w, p, GS_LEAVE_UNWATCHED);
                world_watch(&w, "p", p);
            }
            if (how < 3) {
                unsigned asked = p->samples + p->profiles;
                world_run(&w, 2 * MINUTE);
                assert_int_equal(p->samples + p->profiles, asked);
                assert_int_equal(world_stats(&w).targets, 0);
            }
            if (how == 0 && world_incidents(&w))
                assert_true(world_incident(&w, 0)->resolved);
            if ((how == 1 || how == 2) && world_incidents(&w))
                assert_false(world_incident(&w, 0)->resolved); /* nobody watches: nobody may judge */
            if (how == 2) {                                    /* the policy comes back */
                (void)world_set(&w, world_policy("p"));
                world_watch(&w, "p", p);
            }
            world_run(&w, 2 * MINUTE);
            if (how >= 2)
                assert_int_equal(world_incidents(&w), 1);
            world_close(&w);
        }
    }
}

static void a_policy_is_replaced(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    for (int k = 0; k < 200; k++) {
        char name[32];
        (void)snprintf(name, sizeof name, "more-%d", k);
        fake_pod *q = world_pod(&w, "shop", name);
        (void)world_site(q, "main.idle", 5, 0, 0);
        world_watch(&w, "p", q);
    }
    world_run(&w, MINUTE);
    gs_policy *next = world_policy("p");
    next->interval_s = 20;
    next->profile_interval_s = 30;
    w.sample_ms = 7000;
    world_run(&w, 3 * SECOND); /* samples are under way */
    (void)world_set(&w, next);
    world_run(&w, 45 * SECOND);
    for (size_t k = 0; k < w.n_pods; k++)
        w.pods[k]->min_gap_ms = w.pods[k]->max_gap_ms = 0;
    uint64_t profiles = world_stats(&w).profiles;
    world_run(&w, 5 * MINUTE);
    for (size_t k = 0; k < w.n_pods; k++) {
        assert_int_equal(w.pods[k]->min_gap_ms, 20000);
        assert_int_equal(w.pods[k]->max_gap_ms, 20000);
    }
    assert_int_equal(world_stats(&w).profiles - profiles, 10); /* one pod of the workload in turn */
    assert_string_equal(world_view(&w, "shop-1")->look, "idle");
    (void)p;
    world_close(&w);
}

/* A workload's pods go over from one policy to another, one by one; the old policy goes in the middle, or the new one. */
static void a_workload_changes_hands(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        world w;
        world_open(&w);
        (void)world_set(&w, world_policy("p"));
        (void)world_set(&w, world_policy("q"));
        fake_pod *a = world_pod(&w, "shop", "shop-1"), *b = world_pod(&w, "shop", "shop-2");
        (void)world_site(a, "shop/pay", 5, 3, w.now);
        (void)world_site(b, "shop/pay", 5, 3, w.now);
        world_watch(&w, "p", a);
        world_watch(&w, "p", b);
        world_run(&w, 17 * SECOND);
        world_watch(&w, "q", a); /* b follows, later */
        world_run(&w, SECOND);
        gs_engine_remove_policy(w.e, "default", which ? "q" : "p");
        world_run(&w, 3 * MINUTE);
        assert_int_equal(world_stats(&w).targets, 1);
        assert_int_equal(world_incidents(&w), 1);
        assert_string_equal(world_incident(&w, 0)->policy_name, which ? "p" : "q");
        assert_int_equal(w.begun, 1);
        world_close(&w);
    }
}

/* A pod that vanished while its policy was suspended keeps no incident open for ever. */
static void gone_while_nobody_looked(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        bool told = how == 1, alone = how == 2;
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w), *q = world_pod(&w, "shop", "shop-2");
        (void)world_site(p, "shop/pay", 0, 3, w.now);
        (void)world_site(q, "main.idle", 5, 0, 0);
        world_watch(&w, "p", q);
        (void)world_until(&w, GS_EVENT_INCIDENT, MINUTE);
        gs_policy *s = world_policy("p");
        s->suspend = true;
        (void)world_set(&w, s);
        world_drop(&w, p, GS_LEAVE_UNWATCHED);
        world_drop(&w, q, GS_LEAVE_UNWATCHED);
        world_run(&w, 10 * MINUTE);
        assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), 0);
        if (told)
            world_drop(&w, p, GS_LEAVE_GONE);
        world_run(&w, MINUTE);
        assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), 0);
        assert_int_equal(world_incident(&w, 0)->n_pods, !told);
        (void)world_set(&w, world_policy("p"));
        if (!alone) /* else the workload has no pods any more */
            world_watch(&w, "p", q);
        world_run(&w, 40 * SECOND);
        assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), 1);
        world_close(&w);
    }
}

/* Pods, policies and incidents come and go at random, answers are slow, calls fail; nothing may be used after its end. */
static void churn(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        gs_rng rng = {.state = seed};
        world w;
        world_open(&w);
        w.sample_ms = 1500;
        w.profile_ms = 900;
        w.put_ms = 2500;
        w.act_ms = seed % 2 ? 2000 : 0;
        static const char *const policies[] = {"p", "q"};
        for (int k = 0; k < 40; k++) {
            char name[32], workload[32];
            (void)snprintf(name, sizeof name, "pod-%d", k);
            (void)snprintf(workload, sizeof workload, "w%d", k % 5);
            fake_pod *p = world_pod(&w, workload, name);
            (void)world_site(p, "main.idle", 5, 0, 0);
            world_site(p, k % 2 ? "shop/pay" : "shop/order", 0, k % 4, w.now + k * SECOND)->reachable = k % 3 == 0;
            p->no_leaks = k % 5 == 0;
        }
        for (int step = 0; step < 1500; step++) {
            fake_pod *p = w.pods[gs_rng_below(&rng, w.n_pods)];
            const char *policy = policies[gs_rng_below(&rng, 2)];
            switch (gs_rng_below(&rng, 14)) {
            case 0:
                world_drop(&w, p, GS_LEAVE_GONE);
                (void)snprintf(p->uid, sizeof p->uid, "uid-%d", step);
                break;
            case 1:
                world_drop(&w, p, GS_LEAVE_UNWATCHED);
                break;
            case 2: {
                gs_policy *n = world_policy(policy);
                n->mode = gs_rng_below(&rng, 4) ? GS_MODE_ENFORCE : GS_MODE_DRY_RUN;
                n->interval_s = 1 + (int)gs_rng_below(&rng, 5);
                n->limits.cooldown_s = 60;
                n->detection.floor.window_s = 5 + (int)gs_rng_below(&rng, 60);
                n->detection.floor.windows = 2 + (int)gs_rng_below(&rng, 4);
                n->detection.leak_profile = gs_rng_below(&rng, 4);
                n->full_dump_max = gs_rng_below(&rng, 3) ? 5000 : 0;
                n->suspend = !gs_rng_below(&rng, 8);
                (void)world_set(&w, n);
                break;
            }
            case 3:
                if (!gs_rng_below(&rng, 8))
                    gs_engine_remove_policy(w.e, "default", policy);
                break;
            case 4:
                p->started_ms = w.now;
                break;
            case 5:
                w.store = gs_rng_below(&rng, 3) ? STORE_OK : STORE_FAILS;
                break;
            case 6:
                w.act = (enum act_mode)gs_rng_below(&rng, ACT_UNKNOWN + 1);
                w.facts_fail = !gs_rng_below(&rng, 5);
                break;
            case 7:
                p->freed_ms = p->freed_ms ? 0 : w.now;
                break;
            case 8: {
                const gs_incident *i = world_incident(&w, gs_rng_below(&rng, 8));
                if (i && (i->resolved || !gs_rng_below(&rng, 4)))
                    gs_engine_forget_incident(w.e, "default", i->name);
                break;
            }
            case 9:
                p->down = gs_rng_below(&rng, 2);
                break;
            case 10:
                if (!gs_rng_below(&rng, 10))
                    (void)gs_engine_undo_all(w.e, "default", policy);
                break;
            default:
                world_watch(&w, policy, p);
            }
            world_run(&w, (int64_t)gs_rng_below(&rng, 4000));
        }
        assert_true(world_stats(&w).profiles > 50);
        w.violations[0] = 0; /* forgotten incidents are acted on again: only memory is looked at here */
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_targets_are_spread),
        cmocka_unit_test(policies_are_spread),
        cmocka_unit_test(a_pod_without_metrics_is_sampled_by_its_total),
        cmocka_unit_test(a_pod_without_metrics_leaks),
        cmocka_unit_test(pods_that_do_not_answer_cost_one_request),
        cmocka_unit_test(two_failures_are_unreachable),
        cmocka_unit_test(targets_leave_at_any_moment),
        cmocka_unit_test(a_policy_is_replaced),
        cmocka_unit_test(a_workload_changes_hands),
        cmocka_unit_test(gone_while_nobody_looked),
        cmocka_unit_test(churn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
