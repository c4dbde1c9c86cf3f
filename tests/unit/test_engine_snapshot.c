/* What is taken of an open incident beside the profiles that are looked into, and that nothing is healed before it is
 * there. */
#include "engine_world.h"

#define LEAK "shop/pay"
#define ALL (1U << GS_PROFILE_GOROUTINE | 1U << GS_PROFILE_HEAP | 1U << GS_PROFILE_CPU | 1U << GS_PROFILE_TRACE)
#define CPU_S 30
#define TRACE_S 5

static gs_policy *policy_of(unsigned kinds)
{
    gs_policy *p = world_policy("p");
    p->snapshot_kinds = kinds;
    p->cpu_s = CPU_S;
    p->trace_s = TRACE_S;
    return p;
}

/* "shop-1" leaks; runs until its incident is there. */
static fake_pod *leaking_in(world *w, unsigned kinds, enum gs_state state)
{
    fake_pod *p = world_usual(w);
    (void)world_set(w, policy_of(kinds));
    world_site(p, LEAK, 0, 2, w->now)->state = state;
    (void)world_until(w, GS_EVENT_INCIDENT, MINUTE);
    return p;
}

static fake_pod *leaking(world *w, unsigned kinds)
{
    return leaking_in(w, kinds, GS_STATE_CHAN_SEND);
}

static const gs_condition *stored_condition(const world *w)
{
    gs_incident *i = world_incident(w, 0);
    return gs_condition_slot(i->conditions, GS_LEN(i->conditions), "EvidenceStored");
}

static size_t pieces(const gs_incident *i, enum gs_profile_kind kind)
{
    size_t n = 0;
    for (size_t k = 0; k < i->n_evidence; k++)
        n += gs_streq(i->evidence[k].kind, gs_profile_kind_name(kind));
    return n;
}

static void one_after_the_other_and_then_healed(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    const fake_pod *p = leaking(&w, ALL);
    int64_t opened = world_line_at(&w, GS_EVENT_INCIDENT, 0)->ms;
    world_run(&w, 30 * SECOND);
    assert_int_equal(p->takes[GS_PROFILE_HEAP].n, 1);
    assert_int_equal(p->takes[GS_PROFILE_TRACE].n, 1);
    assert_int_equal(p->takes[GS_PROFILE_CPU].n, 1);
    assert_int_equal(p->takes[GS_PROFILE_GOROUTINE].n, 0); /* the engine has one */
    assert_in_range(p->takes[GS_PROFILE_HEAP].v[0] - opened, 0, 2 * SECOND);
    assert_true(p->takes[GS_PROFILE_TRACE].v[0] >= p->takes[GS_PROFILE_HEAP].v[0] + w.take_ms);
    assert_true(p->takes[GS_PROFILE_CPU].v[0] >= p->takes[GS_PROFILE_TRACE].v[0] + w.take_ms + TRACE_S * SECOND);
    assert_int_equal(w.facts_calls, 0); /* the CPU profile is not there yet */
    world_run(&w, 15 * SECOND);
    assert_true(w.facts_calls > 0);
    world_run(&w, 30 * MINUTE);
    assert_int_equal(w.takes, 3);
    const gs_incident *i = world_incident(&w, 0);
    for (enum gs_profile_kind k = GS_PROFILE_HEAP; k <= GS_PROFILE_TRACE; k++)
        assert_int_equal(pieces(i, k), 1);
    assert_true(pieces(i, GS_PROFILE_GOROUTINE) >= 1);
    assert_string_equal(stored_condition(&w)->status, "True");
    world_close(&w);
}

static void a_trace_is_for_what_is_blocked(void **state)
{
    (void)state;
    static const struct {
        enum gs_state state;
        size_t traces;
    } cases[] = {{GS_STATE_SLEEP, 0}, {GS_STATE_IO_WAIT, 0}, {GS_STATE_SELECT, 1}, {GS_STATE_SEMACQUIRE, 1}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        world_open(&w);
        const fake_pod *p = leaking_in(&w, ALL, cases[k].state);
        world_run(&w, 2 * MINUTE);
        assert_int_equal(p->takes[GS_PROFILE_TRACE].n, cases[k].traces);
        assert_int_equal(p->takes[GS_PROFILE_CPU].n, 1);
        assert_true(w.facts_calls > 0);
        world_close(&w);
    }
}

/* A pod that says no holds nothing up for long. */
static void what_cannot_be_had_is_given_up(void **state)
{
    (void)state;
    static const struct {
        enum gs_kind error;
        size_t tries;
        int64_t gap_ms;
    } cases[] = {{GS_NOT_FOUND, 1, 0}, {GS_TERMINAL, 1, 0}, {GS_TRANSIENT, 2, 10 * SECOND}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        (void)world_set(&w, policy_of(ALL & ~(1U << GS_PROFILE_TRACE)));
        (void)world_site(p, LEAK, 0, 2, w.now);
        p->no_take[GS_PROFILE_HEAP] = cases[k].error;
        (void)world_until(&w, GS_EVENT_INCIDENT, MINUTE);
        world_run(&w, 2 * MINUTE);
        const fake_times *heap = &p->takes[GS_PROFILE_HEAP];
        assert_int_equal(heap->n, cases[k].tries);
        if (heap->n > 1)
            assert_in_range(heap->v[1] - heap->v[0], cases[k].gap_ms, cases[k].gap_ms + CPU_S * SECOND + 2 * SECOND);
        assert_int_equal(p->takes[GS_PROFILE_CPU].n, 1);
        assert_int_equal(pieces(world_incident(&w, 0), GS_PROFILE_HEAP), 0);
        assert_true(w.facts_calls > 0);
        assert_string_equal(stored_condition(&w)->status, "True");
        world_run(&w, 30 * MINUTE);
        assert_int_equal(heap->n, cases[k].tries);
        world_close(&w);
    }
}

static void it_is_told_what_cannot_be_had(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    (void)world_set(&w, policy_of(1U << GS_PROFILE_GOROUTINE | 1U << GS_PROFILE_HEAP));
    (void)world_site(p, LEAK, 0, 2, w.now);
    p->no_take[GS_PROFILE_HEAP] = GS_NOT_FOUND;
    (void)world_until(&w, GS_EVENT_GRADED, MINUTE);
    for (int k = 0; k < 100 && !gs_streq(stored_condition(&w)->reason, "Incomplete"); k++)
        world_run(&w, 100);
    assert_string_equal(stored_condition(&w)->status, "True");
    assert_string_equal(stored_condition(&w)->message, "Heap of shop-1 cannot be had: GET it: not now");
    world_close(&w);
}

/* Someone else profiles the CPU: that is no profile of ours, and it is tried again once it may be over. */
static void a_busy_cpu_is_tried_again(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    (void)world_set(&w, policy_of(ALL));
    (void)world_site(p, LEAK, 0, 2, w.now);
    p->no_take[GS_PROFILE_CPU] = GS_TRANSIENT;
    (void)world_until(&w, GS_EVENT_INCIDENT, MINUTE);
    world_run(&w, 20 * SECOND);
    assert_int_equal(p->takes[GS_PROFILE_CPU].n, 1);
    assert_int_equal(w.facts_calls, 0);
    p->no_take[GS_PROFILE_CPU] = GS_OK;
    world_run(&w, 2 * MINUTE);
    assert_int_equal(p->takes[GS_PROFILE_CPU].n, 2);
    assert_true(p->takes[GS_PROFILE_CPU].v[1] - p->takes[GS_PROFILE_CPU].v[0] >= CPU_S * SECOND);
    assert_int_equal(pieces(world_incident(&w, 0), GS_PROFILE_CPU), 1);
    assert_true(w.facts_calls > 0);
    world_close(&w);
}

/* While what was put waits, no pod is asked in vain; what is taken is retried as long as it takes. */
static void a_store_that_is_away(void **state)
{
    (void)state;
    static const enum store_mode modes[] = {STORE_FAILS, STORE_TAKES_FAIL};
    for (size_t k = 0; k < GS_LEN(modes); k++) {
        world w;
        world_open(&w);
        w.store = modes[k];
        const fake_pod *p = leaking(&w, ALL);
        world_run(&w, 20 * MINUTE);
        const fake_times *heap = &p->takes[GS_PROFILE_HEAP];
        assert_int_equal(w.facts_calls, 0);
        assert_int_equal(w.takes, heap->n);
        if (modes[k] == STORE_FAILS)
            assert_int_equal(heap->n, 0);
        else
            assert_in_range(heap->n, 20, 60); /* one a minute, and often at first */
        for (size_t t = 1; t < heap->n; t++)
            assert_in_range(heap->v[t] - heap->v[t - 1], 2 * SECOND, 62 * SECOND);
        assert_true(world_facts(&w, "p").evidence_failing);
        assert_string_equal(stored_condition(&w)->reason, "StoreFailing");
        w.store = STORE_OK;
        world_run(&w, 3 * MINUTE);
        assert_int_equal(p->takes[GS_PROFILE_CPU].n, 1);
        assert_int_equal(pieces(world_incident(&w, 0), GS_PROFILE_HEAP), 1);
        assert_false(world_facts(&w, "p").evidence_failing);
        assert_true(w.facts_calls > 0);
        world_close(&w);
    }
}

/* The same leak comes back within the hour, and in a new process of the controller. */
static void one_cpu_profile_an_hour(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        world w;
        world_open(&w);
        fake_pod *p = leaking(&w, ALL);
        world_run(&w, MINUTE);
        p->freed_ms = w.now;
        (void)world_until(&w, GS_EVENT_RESOLVED, 30 * MINUTE);
        if (restarts)
            world_restart(&w);
        for (int again = 1; again < 6; again++) {
            p->freed_ms = 0;
            p->n_sites = 1;
            (void)world_site(p, LEAK, 0, 2, w.now);
            (void)world_until(&w, GS_EVENT_INCIDENT, 10 * MINUTE);
            world_run(&w, MINUTE);
            const fake_times *cpu = &p->takes[GS_PROFILE_CPU];
            for (size_t k = 1; k < cpu->n; k++)
                assert_true(cpu->v[k] - cpu->v[k - 1] >= 60 * MINUTE);
            assert_int_equal(p->takes[GS_PROFILE_HEAP].n, again + 1); /* of each occurrence */
            p->freed_ms = w.now;
            (void)world_until(&w, GS_EVENT_RESOLVED, 30 * MINUTE);
            world_run(&w, 25 * MINUTE);
        }
        assert_in_range(p->takes[GS_PROFILE_CPU].n, 2, 3);
        world_close(&w);
    }
}

/* What is stored already is in the incident; what was under way is begun anew. */
static void after_a_restart(void **state)
{
    (void)state;
    static const int64_t after_ms[] = {10 * SECOND, 2 * MINUTE};
    for (size_t k = 0; k < GS_LEN(after_ms); k++) {
        world w;
        world_open(&w);
        const fake_pod *p = leaking(&w, ALL);
        world_run(&w, after_ms[k]);
        world_restart(&w);
        world_run(&w, 5 * MINUTE);
        assert_int_equal(p->takes[GS_PROFILE_HEAP].n, 1);
        assert_int_equal(p->takes[GS_PROFILE_TRACE].n, 1);
        assert_int_equal(p->takes[GS_PROFILE_CPU].n, k == 0 ? 2 : 1);
        assert_int_equal(pieces(world_incident(&w, 0), GS_PROFILE_CPU), 1);
        assert_true(w.facts_calls > 0);
        world_close(&w);
    }
}

/* The worst pod goes in the middle: the next one is asked, and healing waits for what that one says. */
static void a_pod_that_goes(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    fake_pod *q = world_pod(&w, "shop", "shop-2");
    (void)world_set(&w, policy_of(ALL));
    (void)world_site(p, LEAK, 0, 4, w.now);
    (void)world_site(q, "main.idle", 5, 0, 0);
    (void)world_site(q, LEAK, 0, 2, w.now);
    world_watch(&w, "p", q);
    (void)world_until(&w, GS_EVENT_INCIDENT, MINUTE);
    for (int k = 0; k < 600 && !p->takes[GS_PROFILE_CPU].n; k++)
        world_run(&w, 100);
    assert_int_equal(world_incident(&w, 0)->n_pods, 2);
    p->down = true;
    world_drop(&w, p, GS_LEAVE_GONE);
    world_run(&w, 3 * MINUTE);
    assert_int_equal(q->takes[GS_PROFILE_CPU].n, 1);
    assert_int_equal(q->takes[GS_PROFILE_GOROUTINE].n, 1); /* it may be removed next, and was not looked at */
    assert_int_equal(q->takes[GS_PROFILE_HEAP].n, 0);
    assert_true(w.facts_calls > 0);
    world_close(&w);
}

static void forgotten_with_its_incident(void **state)
{
    (void)state;
    for (int hangs = 0; hangs < 2; hangs++) {
        world w;
        world_open(&w);
        (void)leaking(&w, ALL);
        world_run(&w, 10 * SECOND);
        assert_int_equal(w.takes, 3);
        gs_incident *i = world_incident(&w, 0);
        if (hangs)
            world_run(&w, 2 * MINUTE);
        gs_engine_forget_incident(w.e, "default", i->name);
        assert_int_equal(w.forgotten_takes, hangs ? 0 : 1);
        world_run(&w, SECOND);
        world_close(&w);
    }
}

/* The engine looks into no profile for it, so one is taken. */
static void a_resource_incident(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    const fake_pod *p = world_usual(&w);
    gs_policy *rules = policy_of(ALL);
    rules->detection.resources.enabled = true;
    rules->detection.resources.goroutines = 10; /* it has 12 */
    (void)world_set(&w, rules);
    (void)world_until(&w, GS_EVENT_INCIDENT, 3 * MINUTE);
    assert_int_equal(world_incident(&w, 0)->type, GS_INCIDENT_RESOURCE);
    world_run(&w, 2 * MINUTE);
    assert_int_equal(p->takes[GS_PROFILE_GOROUTINE].n, 1);
    assert_int_equal(p->takes[GS_PROFILE_HEAP].n, 1);
    assert_int_equal(p->takes[GS_PROFILE_CPU].n, 1);
    assert_int_equal(w.takes, 3);
    world_close(&w);
}

/* Each has its own evidence, but the pod is asked for one thing at a time, and has one CPU profile in the hour. */
static void two_incidents_of_one_pod(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    gs_policy *rules = policy_of(ALL);
    rules->detection.resources.enabled = true;
    rules->detection.resources.goroutines = 10; /* it has 12 */
    (void)world_set(&w, rules);
    (void)world_until(&w, GS_EVENT_INCIDENT, 3 * MINUTE);
    (void)world_site(p, LEAK, 0, 2, w.now);
    (void)world_until(&w, GS_EVENT_INCIDENT, 3 * MINUTE);
    assert_int_equal(world_incidents(&w), 2);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(p->takes[GS_PROFILE_HEAP].n, 2);
    assert_int_equal(p->takes[GS_PROFILE_CPU].n, 1);
    for (size_t k = 0; k < 2; k++)
        assert_int_equal(pieces(world_incident(&w, k), GS_PROFILE_HEAP), 1);
    assert_true(w.facts_calls > 0);
    world_close(&w);
}

/* The bytes that the engine has looked into, once in an occurrence. */
static void a_dump_is_kept(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    const fake_pod *p = leaking(&w, 1U << GS_PROFILE_GOROUTINE | 1U << GS_PROFILE_DUMP);
    world_run(&w, 30 * MINUTE);
    assert_true(p->dumps.n >= 2);
    assert_int_equal(pieces(world_incident(&w, 0), GS_PROFILE_DUMP), 1);
    assert_int_equal(w.takes, 0);
    assert_int_equal(world_stats(&w).pending_evidence_bytes, 0);
    world_close(&w);
}

/* Nothing of what is wanted can be had: then nothing is healed. Where the leak comes back it is tried again. */
static void no_evidence_at_all(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    (void)world_set(&w, policy_of(1U << GS_PROFILE_HEAP));
    (void)world_site(p, LEAK, 0, 2, w.now);
    p->no_take[GS_PROFILE_HEAP] = GS_NOT_FOUND;
    (void)world_until(&w, GS_EVENT_GRADED, MINUTE);
    world_run(&w, 10 * MINUTE);
    assert_int_equal(w.takes, 1);
    assert_int_equal(w.facts_calls, 0);
    assert_string_equal(stored_condition(&w)->status, "False");
    p->freed_ms = w.now;
    (void)world_until(&w, GS_EVENT_RESOLVED, 30 * MINUTE);
    p->no_take[GS_PROFILE_HEAP] = GS_OK;
    p->freed_ms = 0;
    p->n_sites = 1;
    (void)world_site(p, LEAK, 0, 2, w.now);
    (void)world_until(&w, GS_EVENT_INCIDENT, 10 * MINUTE);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(w.takes, 2);
    assert_true(w.facts_calls > 0);
    world_close(&w);
}

static void answers_within_the_call(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.sample_ms = w.profile_ms = w.put_ms = w.take_ms = w.act_ms = 0;
    const fake_pod *p = leaking(&w, ALL);
    world_run(&w, 2 * MINUTE);
    assert_int_equal(p->takes[GS_PROFILE_CPU].n, 1);
    assert_int_equal(w.takes, 3);
    assert_true(w.facts_calls > 0);
    world_close(&w);
}

/* Not by a suspended policy, not without a store. */
static void nobody_asks_for_it(void **state)
{
    (void)state;
    for (int suspended = 0; suspended < 2; suspended++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        (void)world_set(&w, policy_of(ALL));
        w.no_evidence_wanted = !suspended;
        w.store = STORE_TAKES_FAIL;
        (void)world_site(p, LEAK, 0, 2, w.now);
        (void)world_until(&w, GS_EVENT_GRADED, MINUTE);
        unsigned before = w.takes;
        if (suspended) {
            gs_policy *s = policy_of(ALL);
            s->suspend = true;
            (void)world_set(&w, s);
        }
        world_run(&w, 5 * MINUTE);
        assert_int_equal(w.takes, before);
        assert_int_equal(w.takes > 0, suspended);
        assert_true((w.facts_calls > 0) == !suspended); /* nothing is wanted: nothing is waited for */
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_the_other_and_then_healed),
        cmocka_unit_test(a_trace_is_for_what_is_blocked),
        cmocka_unit_test(what_cannot_be_had_is_given_up),
        cmocka_unit_test(it_is_told_what_cannot_be_had),
        cmocka_unit_test(a_busy_cpu_is_tried_again),
        cmocka_unit_test(a_store_that_is_away),
        cmocka_unit_test(one_cpu_profile_an_hour),
        cmocka_unit_test(after_a_restart),
        cmocka_unit_test(a_pod_that_goes),
        cmocka_unit_test(forgotten_with_its_incident),
        cmocka_unit_test(a_resource_incident),
        cmocka_unit_test(two_incidents_of_one_pod),
        cmocka_unit_test(a_dump_is_kept),
        cmocka_unit_test(no_evidence_at_all),
        cmocka_unit_test(answers_within_the_call),
        cmocka_unit_test(nobody_asks_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
