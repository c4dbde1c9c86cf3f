/* Nothing is healed before its evidence is stored. */
#include "engine_world.h"

#define LEAK "shop/pay"

static gs_incident *leaking(world *w)
{
    fake_pod *p = world_usual(w);
    (void)world_site(p, LEAK, 0, 2, w->now);
    (void)world_until(w, GS_EVENT_INCIDENT, MINUTE);
    return world_incident(w, 0);
}

static const gs_condition *stored_condition(gs_incident *i)
{
    return gs_condition_slot(i->conditions, GS_LEN(i->conditions), "EvidenceStored");
}

static void a_store_that_is_away_for_ten_minutes(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.store = STORE_FAILS;
    gs_incident *i = leaking(&w);
    world_run(&w, 10 * MINUTE);
    assert_int_equal(w.begun, 0);
    assert_int_equal(w.facts_calls, 0); /* it is not even asked whether it could be done */
    assert_string_equal(stored_condition(i)->status, "False");
    assert_string_equal(stored_condition(i)->reason, "StoreFailing");
    assert_string_equal(stored_condition(i)->message, "put: 503 SlowDown");
    gs_policy_facts f = world_facts(&w, "p");
    assert_true(f.evidence_failing);
    assert_string_equal(f.evidence_error, "put: 503 SlowDown");
    /* two dumps, of both grades: each retried with growing gaps of at most 30 s */
    gs_engine_stats s = world_stats(&w);
    assert_in_range(w.puts, 40, 100);
    assert_int_equal(s.evidence_errors, w.puts);
    assert_true(w.put_at[1] - w.put_at[0] >= 400 && w.put_at[1] - w.put_at[0] <= 2000);
    assert_int_equal(s.pending_evidence_bytes, 2 * w.raw_bytes);
    w.store = STORE_OK;
    world_run(&w, MINUTE);
    assert_int_equal(w.begun, 1);
    assert_true(w.stored_at < w.scaled_at);
    assert_string_equal(stored_condition(i)->status, "True");
    assert_string_equal(stored_condition(i)->message, "prod/shop/dump");
    assert_false(world_facts(&w, "p").evidence_failing);
    assert_int_equal(world_stats(&w).pending_evidence_bytes, 0);
    world_run(&w, 20 * MINUTE);
    assert_int_equal(w.begun, 1);
    assert_int_equal(world_count(&w, GS_EVENT_ACTION), 1);
    world_close(&w);
}

static void gaps_grow_to_thirty_seconds(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.store = STORE_FAILS;
    fake_pod *p = world_usual(&w);
    fake_site *s = world_site(p, LEAK, 0, 2, w.now);
    (void)world_until(&w, GS_EVENT_GRADED, MINUTE);
    s->until_ms = w.now; /* so that there is one dump only */
    world_run(&w, 10 * MINUTE);
    assert_true(w.puts > 20);
    for (unsigned k = 1; k < 20; k++) {
        int64_t gap = w.put_at[k] - w.put_at[k - 1] - w.put_ms;
        assert_in_range(gap, 400, 30000);
        if (k > 7)
            assert_true(gap >= 15000);
    }
    world_close(&w);
}

static void a_store_that_hangs_or_lies_heals_nothing(void **state)
{
    (void)state;
    static const enum store_mode modes[] = {STORE_HANGS, STORE_LIES};
    for (size_t k = 0; k < GS_LEN(modes); k++) {
        world w;
        world_open(&w);
        w.store = modes[k];
        gs_incident *i = leaking(&w);
        world_run(&w, 30 * MINUTE);
        assert_int_equal(w.begun, 0);
        assert_int_equal(w.facts_calls, 0);
        assert_false(gs_incident_has_evidence(i));
        assert_in_range(world_stats(&w).pending_evidence_bytes, 0, 2 * w.raw_bytes);
        world_close(&w);
    }
}

/* An answer within the call, in the middle of the profile that brought the dump. */
static void a_store_that_answers_at_once(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.sample_ms = w.profile_ms = w.put_ms = w.act_ms = 0;
    (void)leaking(&w);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(w.begun, 1);
    assert_true(w.stored_at <= w.scaled_at);
    world_close(&w);
}

static void pending_bytes_have_a_cap(void **state)
{
    (void)state;
    static const struct {
        int policies;
        size_t most;
    } t[] = {{1, GS_MAX_PENDING_EVIDENCE_BYTES / 4}, {6, GS_MAX_PENDING_EVIDENCE_BYTES}};
    for (size_t i = 0; i < GS_LEN(t); i++) {
        world w;
        world_open(&w);
        w.store = STORE_FAILS;
        w.raw_bytes = 5u << 20;
        for (int k = 0; k < 12; k++) {
            char name[32], policy[32];
            (void)snprintf(name, sizeof name, "w%d", k);
            (void)snprintf(policy, sizeof policy, "p%d", k % t[i].policies);
            if (k < t[i].policies)
                (void)world_set(&w, world_policy(policy));
            fake_pod *p = world_pod(&w, name, name);
            (void)world_site(p, LEAK, 5, 2, w.now + k * 10 * SECOND);
            world_watch(&w, policy, p);
        }
        world_run(&w, 5 * MINUTE);
        assert_int_equal(world_incidents(&w), 12);
        assert_true(w.most_pending <= t[i].most);
        assert_true(w.most_pending >= t[i].most - w.raw_bytes);
        assert_true(world_stats(&w).evidence_dropped > 0);
        assert_int_equal(w.begun, 0);
        w.store = STORE_OK; /* those that found no room get theirs with their next profiles */
        world_run(&w, 3 * MINUTE);
        assert_int_equal(w.begun, 12);
        for (size_t k = 0; k < 12; k++)
            assert_true(gs_incident_has_evidence(world_incident(&w, k)));
        assert_int_equal(world_stats(&w).pending_evidence_bytes, 0);
        world_close(&w);
    }
}

/* One incident is forgotten (or its whole workload goes) while dumps wait and while one is being stored. */
static void forgetting_drops_its_own_dumps_only(void **state)
{
    (void)state;
    for (int hangs = 0; hangs < 2; hangs++) {
        world w;
        world_open(&w);
        w.store = STORE_FAILS;
        w.put_ms = 5000;
        fake_pod *p = world_usual(&w);
        fake_pod *q = world_pod(&w, "shop", "shop-2");
        (void)world_site(q, "main.idle", 5, 0, 0);
        world_watch(&w, "p", q);
        (void)world_site(p, LEAK, 0, 2, w.now);
        (void)world_site(q, "shop/order", 0, 2, w.now + 4 * MINUTE);
        world_run(&w, 6 * MINUTE + (hangs ? 0 : 2500));
        assert_int_equal(world_incidents(&w), 2);
        assert_int_equal(world_stats(&w).pending_evidence_bytes, 4 * w.raw_bytes);
        gs_engine_forget_incident(w.e, "default", world_incident(&w, 0)->name);
        world_run(&w, 6 * SECOND);
        assert_int_equal(world_incidents(&w), 1);
        w.store = STORE_OK;
        world_run(&w, 2 * SECOND);
        assert_true(world_stats(&w).pending_evidence_bytes >= 2 * w.raw_bytes); /* the other one's are still there */
        world_drop(&w, p, GS_LEAVE_UNWATCHED);
        world_run(&w, MINUTE);
        assert_true(gs_incident_has_evidence(world_incident(&w, 0)));
        assert_int_equal(world_stats(&w).pending_evidence_bytes, 0);
        world_close(&w);
    }
}

/* The policy is changed to want no evidence while a dump waits: it waits no longer, and nothing is failing. */
static void evidence_is_not_wanted_any_more(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.store = STORE_FAILS;
    (void)leaking(&w);
    world_run(&w, MINUTE);
    assert_true(world_facts(&w, "p").evidence_failing);
    gs_policy *p = world_policy("p");
    p->has_s3 = false;
    p->snapshot_kinds = 0;
    (void)world_set(&w, p);
    unsigned puts = w.puts;
    w.stored_at = w.now; /* none is needed now */
    world_run(&w, 5 * MINUTE);
    assert_int_equal(w.puts, puts);
    assert_int_equal(world_stats(&w).pending_evidence_bytes, 0);
    assert_false(world_facts(&w, "p").evidence_failing);
    assert_int_equal(w.begun, 1);
    world_close(&w);
}

static void no_policy_no_store(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.store = STORE_FAILS;
    (void)leaking(&w);
    gs_engine_remove_policy(w.e, "default", "p");
    world_run(&w, SECOND);
    unsigned puts = w.puts;
    world_run(&w, 5 * MINUTE);
    assert_int_equal(w.puts, puts);
    w.store = STORE_OK;
    (void)world_set(&w, world_policy("p"));
    world_watch(&w, "p", w.pods[0]);
    world_run(&w, 2 * MINUTE);
    assert_true(gs_incident_has_evidence(world_incident(&w, 0)));
    assert_int_equal(w.begun, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_is_away_for_ten_minutes),
        cmocka_unit_test(gaps_grow_to_thirty_seconds),
        cmocka_unit_test(a_store_that_hangs_or_lies_heals_nothing),
        cmocka_unit_test(a_store_that_answers_at_once),
        cmocka_unit_test(pending_bytes_have_a_cap),
        cmocka_unit_test(forgetting_drops_its_own_dumps_only),
        cmocka_unit_test(evidence_is_not_wanted_any_more),
        cmocka_unit_test(no_policy_no_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
