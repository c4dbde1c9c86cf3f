/* Begun actions against a model of the controllers that a Deployment has: run to their end, with the controller killed at
 * every single point, and with everything that others may do in the middle. */
#include "base/clock.h"
#include "core/heal_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define T0 1767225600000
#define SECOND 1000LL
#define TICK 500
#define MAX_PODS 64
#define MAX_QUESTIONS 4000

typedef struct sim_pod {
    gs_pod_facts f;
    int64_t created_ms, gone_ms; /* gone_ms: when a terminating one is gone */
    unsigned evictions;
} sim_pod;

typedef struct sim {
    int64_t now;
    sim_pod pods[MAX_PODS];
    size_t n_pods;
    unsigned seq;
    int replicas, replica_sets;
    bool gone, paused, keda, never_ready, rollout, slow_status;
    char hpa[32];
    int hpa_min, hpa_max, hpa_wish; /* wish: what its metrics ask for */
    int64_t pdb_until;              /* allows no eviction until then */
    char restarted_at[40];
    /* What was done. */
    unsigned scalings, minimums, restarts, marks, evictions;
    int fewest; /* pods that served at once */
    /* Its controller. */
    gs_heal_history h; /* as the API server has it */
    bool wanted, blocked, ended;
    enum gs_outcome outcome;
    char reason[160];
    unsigned questions;
} sim;

static sim_pod *add_pod(sim *s)
{
    assert_true(s->n_pods < MAX_PODS);
    sim_pod *p = &s->pods[s->n_pods++];
    *p = (sim_pod){.created_ms = s->now};
    (void)snprintf(p->f.name, sizeof p->f.name, "shop-%u", s->seq);
    (void)snprintf(p->f.uid, sizeof p->f.uid, "uid-%u", s->seq++);
    return p;
}

static int active(const sim *s)
{
    int n = 0;
    for (size_t k = 0; k < s->n_pods; k++)
        n += !s->pods[k].f.terminating;
    return n;
}

static int serving(const sim *s)
{
    int n = 0;
    for (size_t k = 0; k < s->n_pods; k++)
        n += heal_serves(&s->pods[k].f);
    return n;
}

/* As k8s.io/kubernetes/pkg/controller ranks them: the first difference decides. */
static bool goes_before(const gs_pod_facts *a, const gs_pod_facts *b)
{
    int ca = a->has_cost ? a->cost : 0, cb = b->has_cost ? b->cost : 0;
    if (a->assigned != b->assigned)
        return !a->assigned;
    if (a->running != b->running)
        return !a->running;
    if (a->ready != b->ready)
        return !a->ready;
    if (ca != cb)
        return ca < cb;
    return a->ready_ms > b->ready_ms;
}

static void terminate(sim *s, sim_pod *p)
{
    p->f.terminating = true;
    p->gone_ms = s->now + 3 * SECOND;
}

static void replica_set(sim *s)
{
    while (active(s) < s->replicas)
        (void)add_pod(s);
    while (active(s) > s->replicas) {
        sim_pod *first = NULL;
        for (size_t k = 0; k < s->n_pods; k++)
            if (!s->pods[k].f.terminating && (!first || goes_before(&s->pods[k].f, &first->f)))
                first = &s->pods[k];
        terminate(s, first);
    }
}

static void kubelet(sim *s)
{
    for (size_t k = 0; k < s->n_pods; k++) {
        sim_pod *p = &s->pods[k];
        int64_t age = s->now - p->created_ms;
        if (p->f.terminating && s->now >= p->gone_ms) {
            memmove(p, p + 1, (--s->n_pods - k--) * sizeof *p);
            continue;
        }
        p->f.assigned = p->f.assigned || age >= 1 * SECOND;
        p->f.running = p->f.running || age >= 2 * SECOND;
        if (!p->f.ready && age >= 5 * SECOND && !s->never_ready) {
            p->f.ready = true;
            p->f.ready_ms = s->now;
        }
    }
}

static void run(sim *s, int64_t ms)
{
    for (int64_t end = s->now + ms; s->now < end; s->now += TICK) {
        if (s->gone)
            s->n_pods = 0;
        if (s->hpa[0] && !s->gone)
            s->replicas = s->hpa_min > s->hpa_wish ? s->hpa_min : s->hpa_wish;
        if (!s->gone)
            replica_set(s);
        kubelet(s);
        s->fewest = serving(s) < s->fewest ? serving(s) : s->fewest;
    }
}

static void open_sim(sim *s, int replicas)
{
    *s = (sim){.now = T0, .replicas = replicas, .replica_sets = 1, .wanted = true, .fewest = 1000};
    run(s, 20 * SECOND);
    s->fewest = serving(s);
}

static gs_pending *intend(sim *s, enum gs_action_type type, int from, int to, size_t n_victims)
{
    gs_pending *p = &s->h.pending;
    *p = (gs_pending){.set = true,
                      .recorded = true,
                      .untouched = true,
                      .id = "a1",
                      .incident = "i",
                      .type = type,
                      .from = from,
                      .to = to,
                      .begun_ms = s->now,
                      .step_ms = s->now,
                      .ready_s = 4,
                      .growth = 700,
                      .n_victims = n_victims};
    for (size_t k = 0; k < n_victims; k++) {
        const gs_pod_facts *f = &s->pods[k + 1].f; /* neither the oldest nor the youngest */
        memcpy(p->victims[k].name, f->name, sizeof f->name);
        memcpy(p->victims[k].uid, f->uid, sizeof f->uid);
        p->victims[k].had_cost = f->has_cost;
        p->victims[k].cost = f->cost;
    }
    return p;
}

static gs_workload_facts look(const sim *s, gs_pod_facts pods[MAX_PODS])
{
    gs_workload_facts f = {.gone = s->gone,
                           .scalable = true,
                           .can_replace = true,
                           .can_restart = true,
                           .replicas = s->replicas,
                           .available = serving(s),
                           .paused = s->paused,
                           .rolling = s->rollout || s->slow_status || active(s) < s->replicas,
                           .replica_sets = s->replica_sets,
                           .keda = s->keda,
                           .hpa_min = s->hpa_min,
                           .hpa_max = s->hpa_max,
                           .pods = pods,
                           .n_pods = s->n_pods};
    memcpy(f.autoscaler, s->hpa, sizeof s->hpa);
    memcpy(f.restarted_at, s->restarted_at, sizeof s->restarted_at);
    for (size_t k = 0; k < s->n_pods; k++)
        pods[k] = s->pods[k].f;
    return f;
}

static sim_pod *sim_pod_of(sim *s, const gs_victim *v)
{
    for (size_t k = 0; k < s->n_pods; k++)
        if (gs_streq(s->pods[k].f.uid, v->uid))
            return &s->pods[k];
    return NULL;
}

static void mark(sim *s, const gs_next *n)
{
    sim_pod *p = sim_pod_of(s, n->victim);
    assert_non_null(p);
    p->f.has_cost = n->has_cost;
    p->f.cost = n->has_cost ? n->n : 0;
    s->marks++;
}

static void evict(sim *s, const gs_next *n)
{
    sim_pod *p = sim_pod_of(s, n->victim);
    assert_non_null(p);
    s->blocked = s->now < s->pdb_until;
    if (s->blocked)
        return;
    assert_false(p->f.terminating);
    s->evictions++;
    terminate(s, p);
}

/* What the answer asks for, as the actuator does it. */
static void carry_out(sim *s, const gs_next *n)
{
    gs_pending *p = &s->h.pending;
    bool writes = n->what != GS_DO_RECORD && n->what != GS_DO_WAIT;
    p->untouched = p->untouched && !writes;
    switch (n->what) {
    case GS_DO_RECORD:
        p->step = n->step;
        p->step_ms = s->now;
        memcpy(p->reason, n->reason, sizeof p->reason);
        break;
    case GS_DO_SET_SCALE:
        assert_string_equal(p->autoscaler, "");
        s->scalings += s->replicas != n->n;
        s->replicas = n->n;
        break;
    case GS_DO_SET_HPA_MIN:
        if (p->step == GS_STEP_RESTORING)
            assert_true(serving(s) >= p->to); /* those that were evicted have successors */
        s->minimums += s->hpa_min != n->n;
        s->hpa_min = n->n;
        break;
    case GS_DO_MARK:
        mark(s, n);
        break;
    case GS_DO_EVICT:
        evict(s, n);
        break;
    case GS_DO_RESTART:
        s->restarts++;
        gs_time_format(p->begun_ms, s->restarted_at);
        break;
    case GS_DO_WAIT:
        assert_true(n->n > 0 && n->n <= GS_STEP_POLL_MS && n->reason[0]);
        s->blocked = false;
        run(s, n->n);
        break;
    case GS_DO_END:
        s->ended = true;
        s->outcome = n->outcome;
        memcpy(s->reason, n->reason, sizeof s->reason);
        gs_heal_conclude(&s->h, n->outcome, 600, s->now);
        break;
    }
}

enum death { LIVES, DIES_BEFORE, DIES_AFTER };

/* One question and its answer. A controller that dies before has done nothing; one that dies after does not know that it
 * did; the next one comes `away_ms` later. */
static void ask(sim *s, enum death death, int64_t away_ms)
{
    gs_pod_facts pods[MAX_PODS];
    gs_workload_facts f = look(s, pods);
    gs_next next;
    memset(&next, 0x5a, sizeof next);
    assert_true(s->questions++ < MAX_QUESTIONS);
    gs_heal_step(&s->h.pending, &f, s->wanted, s->blocked, s->now, &next);
    if (death != DIES_BEFORE)
        carry_out(s, &next);
    if (death != LIVES) {
        s->blocked = false;
        s->h.pending.untouched = false; /* the next one cannot know */
        run(s, away_ms);
    } else if (next.what != GS_DO_WAIT) {
        run(s, TICK); /* a call takes its time */
    }
}

static void to_the_end(sim *s)
{
    while (!s->ended)
        ask(s, LIVES, 0);
    run(s, 30 * SECOND);
}

static bool is_there(sim *s, const gs_victim *v)
{
    return sim_pod_of(s, v) != NULL;
}

static void no_marks(const sim *s, const char *name)
{
    for (size_t k = 0; k < s->n_pods; k++)
        if (s->pods[k].f.has_cost && s->pods[k].f.cost == GS_DELETION_COST)
            fail_msg("%s: %s is still marked", name, s->pods[k].f.name);
}

/* The actions, each on a workload of 4. */

static void scale_out(sim *s)
{
    (void)intend(s, GS_ACTION_SCALE_OUT, 4, 6, 0);
}
static void with_hpa(sim *s)
{
    (void)snprintf(s->hpa, sizeof s->hpa, "hpa");
    s->hpa_min = 2;
    s->hpa_max = 10;
    s->hpa_wish = 4;
}
static void scale_out_hpa(sim *s)
{
    with_hpa(s);
    memcpy(intend(s, GS_ACTION_SCALE_OUT, 2, 5, 0)->autoscaler, "hpa", 4);
}
static void replace_one(sim *s)
{
    (void)intend(s, GS_ACTION_REPLACE, 4, 5, 1);
}
static void replace_three(sim *s)
{
    s->pods[2].f.has_cost = true; /* someone's own, on a pod that leaks and on one that does not */
    s->pods[2].f.cost = 7;
    s->pods[0].f.has_cost = true;
    s->pods[0].f.cost = -5;
    (void)intend(s, GS_ACTION_REPLACE, 4, 7, 3);
}
static void replace_hpa(sim *s)
{
    with_hpa(s);
    memcpy(intend(s, GS_ACTION_REPLACE, 2, 6, 2)->autoscaler, "hpa", 4);
}
static void evict_two(sim *s)
{
    intend(s, GS_ACTION_EVICT, 4, 4, 2)->min_available = 3;
}
static void restart(sim *s)
{
    (void)intend(s, GS_ACTION_RESTART, 4, 4, 0);
}

static const struct {
    const char *name;
    void (*begin)(sim *);
    int replicas;     /* in the end */
    int hpa_min;      /* in the end; 0: there is none */
    int fewest;       /* that serve meanwhile */
    unsigned victims; /* that are gone in the end */
    unsigned scalings, minimums, evictions, restarts;
} actions[] = {
    {"ScaleOut", scale_out, 6, 0, 4, 0, .scalings = 1},
    {"ScaleOut with an HPA", scale_out_hpa, 5, 5, 4, 0, .minimums = 1},
    {"Replace", replace_one, 4, 0, 4, 1, .scalings = 2},
    {"Replace three", replace_three, 4, 0, 4, 3, .scalings = 2},
    {"Replace with an HPA", replace_hpa, 4, 2, 4, 2, .minimums = 2, .evictions = 2},
    {"Evict", evict_two, 4, 0, 3, 2, .evictions = 2},
    {"Restart", restart, 4, 0, 4, 0, .restarts = 1},
};

static void is_done(sim *s, size_t a, const gs_pending *intent, const char *name)
{
    if (s->outcome != GS_OUTCOME_SUCCEEDED || s->reason[0])
        fail_msg("%s: %s: %s", name, gs_outcome_name(s->outcome), s->reason);
    if (s->replicas != actions[a].replicas || s->hpa_min != actions[a].hpa_min)
        fail_msg("%s: %d replicas, minimum %d", name, s->replicas, s->hpa_min);
    if (s->fewest < actions[a].fewest)
        fail_msg("%s: only %d pods served", name, s->fewest);
    if (s->scalings != actions[a].scalings || s->minimums != actions[a].minimums ||
        s->evictions != actions[a].evictions || s->restarts != actions[a].restarts)
        fail_msg("%s: %u scalings, %u minimums, %u evictions, %u restarts", name, s->scalings, s->minimums,
                 s->evictions, s->restarts);
    for (size_t k = 0; k < intent->n_victims; k++)
        assert_false(is_there(s, &intent->victims[k]));
    for (unsigned k = 0; k < 4 - actions[a].victims; k++) /* of the first four only they are gone */
        assert_true(s->pods[k].created_ms == T0);
    no_marks(s, name);
    assert_int_equal(serving(s), s->replicas);
    assert_false(s->h.pending.set);
    assert_int_equal(s->h.n_times, 1);
    assert_int_equal(s->h.added_replicas, intent->type == GS_ACTION_SCALE_OUT ? intent->to - intent->from : 0);
}

static void test_to_the_end(void **state)
{
    (void)state;
    for (size_t a = 0; a < GS_LEN(actions); a++) {
        sim s;
        open_sim(&s, 4);
        actions[a].begin(&s);
        gs_pending intent = s.h.pending;
        to_the_end(&s);
        is_done(&s, a, &intent, actions[a].name);
        if (a == 3)
            assert_true(s.pods[0].f.has_cost && s.pods[0].f.cost == -5);
        if (intent.type != GS_ACTION_SCALE_OUT)
            continue;
        assert_int_equal(s.h.growth, 700);
        assert_int_equal(s.h.scaled_to, intent.to);
        assert_string_equal(s.h.autoscaler, intent.autoscaler);
        assert_string_equal(s.h.incident, "i");
        assert_in_range(s.now - s.h.scaled_ms, 30 * SECOND, 31 * SECOND);
    }
}

static void test_killed_at_every_point(void **state)
{
    (void)state;
    static const int64_t away[] = {0, 1 * SECOND, 90 * SECOND};
    for (size_t a = 0; a < GS_LEN(actions); a++)
        for (enum death death = DIES_BEFORE; death <= DIES_AFTER; death++)
            for (size_t w = 0; w < GS_LEN(away); w++)
                for (unsigned at = 0;; at++) {
                    sim s;
                    char name[80];
                    open_sim(&s, 4);
                    actions[a].begin(&s);
                    gs_pending intent = s.h.pending;
                    while (!s.ended && s.questions < at)
                        ask(&s, LIVES, 0);
                    if (s.ended)
                        break;
                    ask(&s, death, away[w]);
                    (void)snprintf(name, sizeof name, "%s, %s question %u, %lld ms", actions[a].name,
                                   death == DIES_BEFORE ? "before" : "after", at, (long long)away[w]);
                    to_the_end(&s);
                    is_done(&s, a, &intent, name);
                }
}

/* And at all points one after the other. */
static void test_killed_all_the_time(void **state)
{
    (void)state;
    for (size_t a = 0; a < GS_LEN(actions); a++) {
        sim s;
        open_sim(&s, 4);
        actions[a].begin(&s);
        gs_pending intent = s.h.pending;
        for (unsigned k = 0; !s.ended; k++) {
            ask(&s, DIES_BEFORE, k % 3 * SECOND);
            ask(&s, DIES_AFTER, k % 2 * SECOND);
        }
        run(&s, 30 * SECOND);
        is_done(&s, a, &intent, actions[a].name);
    }
}

/* What others do in the middle. */

static void policy_off(sim *s)
{
    s->wanted = false;
}
static void scales_up(sim *s)
{
    if (s->hpa[0])
        s->hpa_min = 9;
    else
        s->replicas = 9;
}
static void rolls(sim *s)
{
    s->replica_sets = 2;
    s->rollout = true;
}
static void pauses(sim *s)
{
    s->paused = true;
}
static void workload_goes(sim *s)
{
    s->gone = true;
}
static void victim_goes(sim *s)
{
    sim_pod *p = s->h.pending.n_victims ? sim_pod_of(s, &s->h.pending.victims[0]) : NULL;
    if (p)
        terminate(s, p);
}
static void hpa_comes(sim *s)
{
    if (!s->hpa[0]) {
        with_hpa(s);
        s->hpa_wish = s->replicas;
    }
}
static void keda_comes(sim *s)
{
    hpa_comes(s);
    s->keda = true;
}
static void hpa_goes(sim *s)
{
    s->hpa[0] = 0;
}
static void no_more_ready(sim *s)
{
    s->never_ready = true;
}

static const struct {
    const char *name;
    void (*happen)(sim *);
    const char *reason; /* how that of a failure begins */
    bool foreign;       /* the numbers are someone else's now */
} others[] = {
    {"policy off", policy_off, "PolicyChanged: ", false},     {"someone scales", scales_up, "ScaleChanged: ", true},
    {"rollout", rolls, "RolloutUnfinished: ", false},         {"pause", pauses, "RolloutPaused: ", false},
    {"workload goes", workload_goes, "WorkloadGone: ", true}, {"a victim goes", victim_goes, "NoLeakingPods: ", false},
    {"an HPA comes", hpa_comes, "Autoscaler: ", true},        {"KEDA comes", keda_comes, "Autoscaler: ", true},
    {"the HPA goes", hpa_goes, "Autoscaler: ", true},         {"nobody gets Ready", no_more_ready, "NotReady: ", false},
};

/* Whatever happens, and whenever: it ends, with the reason or done; no marks, and its own replicas are taken back. */
static void ends_cleanly(sim *s, size_t a, size_t o, const gs_pending *intent, int found)
{
    char name[80];
    (void)snprintf(name, sizeof name, "%s, %s", actions[a].name, others[o].name);
    no_marks(s, name);
    assert_false(s->h.pending.set);
    const char *reason = a == 5 && o == 9 ? "Blocked: " : others[o].reason; /* Evict: the first victim's successor */
    if (s->outcome == GS_OUTCOME_FAILED && strncmp(s->reason, reason, strlen(reason)) != 0)
        fail_msg("%s: failed with \"%s\"", name, s->reason);
    if (s->outcome == GS_OUTCOME_FAILED && s->h.added_replicas)
        fail_msg("%s: failed, and something was added", name);
    if (!others[o].foreign && s->outcome == GS_OUTCOME_FAILED && (s->hpa[0] ? s->hpa_min != 2 : s->replicas != 4))
        fail_msg("%s: %d replicas, minimum %d, from %d", name, s->replicas, s->hpa_min, intent->from);
    if (o == 1 && found >= 0 && (s->hpa[0] ? s->hpa_min : s->replicas) != found)
        fail_msg("%s: someone else's number was changed from %d", name, found);
    if ((o == 0 || o == 3) && s->fewest < actions[a].fewest)
        fail_msg("%s: only %d pods served", name, s->fewest);
}

static void test_others(void **state)
{
    (void)state;
    for (size_t a = 0; a < GS_LEN(actions); a++)
        for (size_t o = 0; o < GS_LEN(others); o++)
            for (unsigned at = 0, failed = 0;; at++) {
                sim s;
                open_sim(&s, 4);
                actions[a].begin(&s);
                gs_pending intent = s.h.pending;
                while (!s.ended && s.questions < at)
                    ask(&s, LIVES, 0);
                if (s.ended) {
                    assert_true(at > 0);
                    break;
                }
                others[o].happen(&s);
                int found = o == 1 ? 9 : -1;
                to_the_end(&s);
                failed += s.outcome == GS_OUTCOME_FAILED;
                ends_cleanly(&s, a, o, &intent, found);
                if (at == 0 && (o == 0 || (o == 1 && a < 5)) && !failed) /* the others do not touch the scale */
                    fail_msg("%s began in spite of: %s", actions[a].name, others[o].name);
            }
}

/* Someone sets just what the action wants before it does: that is not its own, and is not taken back later. A controller
 * that comes after a restart cannot tell. */
static void test_scaled_there(void **state)
{
    (void)state;
    for (size_t a = 0; a < 5; a++)
        for (int restart = 0; restart < 2; restart++) {
            sim s;
            open_sim(&s, 4);
            actions[a].begin(&s);
            int to = s.h.pending.to;
            if (restart)
                ask(&s, DIES_BEFORE, 0);
            *(s.hpa[0] ? &s.hpa_min : &s.replicas) = to;
            to_the_end(&s);
            if (s.outcome != (restart ? GS_OUTCOME_SUCCEEDED : GS_OUTCOME_FAILED))
                fail_msg("%s, restart %d: %s %s", actions[a].name, restart, gs_outcome_name(s.outcome), s.reason);
            if (restart)
                continue;
            assert_memory_equal(s.reason, "ScaleChanged: ", 14);
            assert_int_equal(s.hpa[0] ? s.hpa_min : s.replicas, to);
            assert_int_equal(s.h.added_replicas, 0);
            assert_int_equal(s.scalings + s.minimums, 0);
        }
}

/* Someone takes the surge back by hand: theirs stands, and is not set again. */
static void test_scaled_back(void **state)
{
    (void)state;
    sim s;
    open_sim(&s, 4);
    actions[2].begin(&s);
    while (s.h.pending.step != GS_STEP_SURGED)
        ask(&s, LIVES, 0);
    s.replicas = s.h.pending.from;
    to_the_end(&s);
    assert_int_equal(s.outcome, GS_OUTCOME_FAILED);
    assert_memory_equal(s.reason, "ScaleChanged: ", 14);
    assert_int_equal(s.replicas, 4);
    assert_int_equal(s.scalings, 1);
    no_marks(&s, "scaled back");
}

/* The same, and the controller that takes it back is killed at every point of doing so. */
static void test_abort_killed(void **state)
{
    (void)state;
    for (size_t a = 2; a < 5; a++) /* Replace */
        for (unsigned begun = 1; begun < 12; begun++)
            for (unsigned at = 0; at < 8; at++)
                for (enum death death = DIES_BEFORE; death <= DIES_AFTER; death++) {
                    sim s;
                    open_sim(&s, 4);
                    actions[a].begin(&s);
                    gs_pending intent = s.h.pending;
                    while (!s.ended && s.questions < begun)
                        ask(&s, LIVES, 0);
                    s.wanted = false;
                    for (unsigned k = 0; !s.ended && k < at; k++)
                        ask(&s, LIVES, 0);
                    if (!s.ended)
                        ask(&s, death, 3 * SECOND);
                    to_the_end(&s);
                    ends_cleanly(&s, a, 0, &intent, -1);
                    assert_true(s.scalings + s.minimums <= 2);
                }
}

/* An intent that a controller finds hours later: windows and leaks have changed, nothing is begun. */
static void test_stale(void **state)
{
    (void)state;
    for (size_t a = 0; a < GS_LEN(actions); a++) {
        sim s;
        open_sim(&s, 4);
        actions[a].begin(&s);
        s.now += 9 * 3600 * SECOND;
        to_the_end(&s);
        assert_int_equal(s.outcome, GS_OUTCOME_FAILED);
        assert_memory_equal(s.reason, "Stale: ", 7);
        assert_int_equal(s.scalings + s.minimums + s.evictions + s.restarts, 0);
    }
}

static void test_budget_blocks(void **state)
{
    (void)state;
    for (int hpa = 0; hpa < 2; hpa++) {
        sim s;
        gs_pod_facts pods[MAX_PODS];
        gs_next next;
        open_sim(&s, 4);
        if (hpa)
            replace_hpa(&s);
        else
            evict_two(&s);
        gs_pending intent = s.h.pending;
        s.pdb_until = s.now + 300 * SECOND;
        while (!s.blocked)
            ask(&s, LIVES, 0);
        gs_workload_facts f = look(&s, pods);
        gs_heal_step(&s.h.pending, &f, true, true, s.now, &next);
        assert_int_equal(next.what, GS_DO_WAIT);
        assert_non_null(strstr(next.reason, "PodDisruptionBudget"));
        to_the_end(&s);
        is_done(&s, hpa ? 4 : 5, &intent, "after the budget let go");
    }
    sim s; /* one that never does */
    open_sim(&s, 4);
    evict_two(&s);
    s.pdb_until = INT64_MAX;
    to_the_end(&s);
    assert_int_equal(s.outcome, GS_OUTCOME_FAILED);
    assert_non_null(strstr(s.reason, "Blocked: a PodDisruptionBudget"));
    assert_int_equal(s.evictions, 0);
    open_sim(&s, 4);
    replace_hpa(&s);
    s.pdb_until = INT64_MAX;
    to_the_end(&s);
    assert_int_equal(s.outcome, GS_OUTCOME_FAILED);
    assert_int_equal(s.hpa_min, 2);
}

/* The scale went down and took another pod than the marked one: said so, no retry. */
static void test_wrong_pod(void **state)
{
    (void)state;
    sim s;
    open_sim(&s, 4);
    replace_one(&s);
    gs_victim victim = s.h.pending.victims[0];
    while (s.h.pending.step != GS_STEP_REMOVING)
        ask(&s, LIVES, 0);
    s.pods[3].f.ready = false; /* in the moment between the list and the call */
    s.pods[3].created_ms = INT64_MAX / 2;
    s.replicas = 4;
    run(&s, TICK);
    to_the_end(&s);
    assert_int_equal(s.outcome, GS_OUTCOME_FAILED);
    assert_non_null(strstr(s.reason, "WrongPod: "));
    assert_true(is_there(&s, &victim));
    no_marks(&s, "wrong pod");
    assert_int_equal(s.replicas, 4);
    assert_int_equal(s.h.n_times, 1);
    assert_true(s.h.last_failed);
}

/* A pod that is not Ready when the marks are set: it would be the one that goes. */
static void test_waits_for_others(void **state)
{
    (void)state;
    for (int recovers = 0; recovers < 2; recovers++) {
        sim s;
        open_sim(&s, 4);
        replace_one(&s);
        gs_pending intent = s.h.pending;
        while (s.h.pending.step != GS_STEP_REMOVING)
            ask(&s, LIVES, 0);
        s.never_ready = true;
        s.pods[0].f.ready = false;
        for (int k = 0; k < 20; k++)
            ask(&s, LIVES, 0);
        assert_int_equal(s.replicas, 5);
        s.never_ready = !recovers;
        to_the_end(&s);
        assert_int_equal(s.outcome, recovers ? GS_OUTCOME_SUCCEEDED : GS_OUTCOME_FAILED);
        assert_int_equal(is_there(&s, &intent.victims[0]), !recovers);
        no_marks(&s, "waits");
        assert_int_equal(s.replicas, 4);
    }
}

/* Someone else uses the lowest cost. */
static void test_rival(void **state)
{
    (void)state;
    sim s;
    open_sim(&s, 4);
    s.pods[0].f.has_cost = true;
    s.pods[0].f.cost = INT32_MIN;
    replace_one(&s);
    to_the_end(&s);
    assert_int_equal(s.outcome, GS_OUTCOME_FAILED);
    assert_non_null(strstr(s.reason, "DeletionCost: shop-0"));
    assert_int_equal(s.scalings, 0);
    assert_true(s.pods[0].f.cost == INT32_MIN);
    no_marks(&s, "rival");
}

/* The scale is not taken down on what the Deployment's status does not tell yet. */
static void test_waits_for_status(void **state)
{
    (void)state;
    sim s;
    open_sim(&s, 4);
    replace_one(&s);
    gs_pending intent = s.h.pending;
    while (s.h.pending.step != GS_STEP_MARKING)
        ask(&s, LIVES, 0);
    s.slow_status = true;
    for (int k = 0; k < 30; k++)
        ask(&s, LIVES, 0);
    assert_int_equal(s.replicas, 5);
    s.slow_status = false;
    to_the_end(&s);
    is_done(&s, 2, &intent, "slow status");
}

/* A pod that had our cost before us keeps it. */
static void test_own_lowest(void **state)
{
    (void)state;
    sim s;
    open_sim(&s, 4);
    s.pods[1].f.has_cost = true;
    s.pods[1].f.cost = GS_DELETION_COST;
    replace_one(&s);
    while (s.h.pending.step != GS_STEP_MARKING)
        ask(&s, LIVES, 0);
    s.wanted = false;
    while (!s.ended)
        ask(&s, LIVES, 0);
    assert_int_equal(s.outcome, GS_OUTCOME_FAILED);
    assert_int_equal(s.replicas, 4);
    assert_int_equal(s.marks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_the_end),          cmocka_unit_test(test_killed_at_every_point),
        cmocka_unit_test(test_killed_all_the_time), cmocka_unit_test(test_others),
        cmocka_unit_test(test_scaled_back),         cmocka_unit_test(test_scaled_there),
        cmocka_unit_test(test_abort_killed),        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_budget_blocks),       cmocka_unit_test(test_wrong_pod),
        cmocka_unit_test(test_waits_for_others),    cmocka_unit_test(test_rival),
        cmocka_unit_test(test_waits_for_status),    cmocka_unit_test(test_own_lowest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
