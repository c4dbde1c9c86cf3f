/* The world of a backtest: profiles from files, a store that always confirms, a scale on paper. Every answer comes within
 * the call. */
#include "base/mem.h"
#include "cli/backtest.h"
#include "codec/goroutine_dump.h"
#include "codec/snapshot.h"
#include "wire/digest.h"

#include <stdio.h>

/* Profiles. */

/* Every goroutine is in a full dump, so it answers for a profile, too. */
static bool answers_for(enum gs_profile_kind given, enum gs_profile_kind asked)
{
    return given == asked || (given == GS_PROFILE_DUMP && asked == GS_PROFILE_GOROUTINE);
}

/* The newest that the pod would have answered; NULL: none. *ret_offered: at some time there is one. One that is older
 * than the policy would let a regular profile become is no answer: what began since is not in it, and it would acquit a
 * pod that leaks. */
static const gs_backtest_profile *newest(const gs_backtest_world *w, const char *pod, enum gs_profile_kind kind,
                                         bool *ret_offered)
{
    const gs_backtest_profile *best = NULL;
    int64_t now = w->now_ms(w->ctx);
    *ret_offered = false;
    for (size_t k = 0; k < w->n_profiles; k++) {
        const gs_backtest_profile *p = &w->profiles[k];
        if (!answers_for(p->kind, kind) || (p->pod[0] && !gs_streq(p->pod, pod)))
            continue;
        *ret_offered = true;
        if (p->t_ms <= now && now - p->t_ms <= w->profile_age_ms && (!best || p->t_ms >= best->t_ms))
            best = p;
    }
    return best;
}

static void fetch(void *ctx, const gs_endpoint *e, enum gs_profile_kind kind,
                  void (*done)(void *arg, gs_profile *p, gs_buf *raw, const gs_error *err), void *arg)
{
    const gs_backtest_world *w = ctx;
    gs_cleanup(gs_buf_done) gs_buf raw = GS_BUF(GS_MAX_PROFILE_BYTES);
    gs_profile *profile = NULL;
    gs_error err = {0};
    bool offered;
    const gs_backtest_profile *p = newest(w, w->pod_name(w->ctx, e->host), kind, &offered);
    if (!p)
        (void)gs_error_set(&err, offered || kind == GS_PROFILE_GOROUTINE ? GS_TRANSIENT : GS_NOT_FOUND,
                           "no --profile of this time");
    else if (gs_dump_decode(gs_buf_str(&p->raw), kind == GS_PROFILE_DUMP, &profile, &err) == 0)
        (void)gs_buf_add(&raw, p->raw.p, p->raw.n);
    if (profile)
        profile->kind = kind;
    done(arg, profile, &raw, &err);
}

static void forget(void *ctx, void *arg)
{
    (void)ctx; /* nothing is ever under way */
    (void)arg;
}

/* Evidence. */

static bool wanted(void *ctx, const gs_policy *p, enum gs_profile_kind kind)
{
    (void)ctx;
    return p->has_s3 && gs_snapshot_wanted(p, kind);
}

static void put(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                uint64_t goroutines, gs_str raw, int64_t wall_ms,
                void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    const gs_error none = {0};
    gs_evidence e = {.bytes = raw.n, .time_ms = wall_ms};
    (void)ctx;
    (void)p;
    (void)i;
    (void)goroutines;
    (void)gs_str_copy(e.kind, sizeof e.kind, gs_str_of(gs_profile_kind_name(kind)));
    (void)gs_str_copy(e.pod, sizeof e.pod, gs_str_of(pod));
    gs_sha256_hex(raw, e.sha256);
    (void)snprintf(e.key, sizeof e.key, "sha256:%s", e.sha256);
    done(arg, &e, &none);
}

/* There is no pod to take it from. */
static void take(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, const gs_endpoint *e,
                 enum gs_profile_kind kind, int seconds, int64_t wall_ms,
                 void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    const gs_evidence none = {.time_ms = wall_ms};
    gs_error err;
    (void)ctx;
    (void)p;
    (void)i;
    (void)e;
    (void)seconds;
    (void)gs_error_set(&err, GS_NOT_FOUND, "there is no %s profile of %s", gs_profile_kind_name(kind), pod);
    done(arg, &none, &err);
}

/* The scale. */

/* A Deployment whose replicas are all Ready; its pods are those that the series shows now. */
static gs_workload_facts facts_now(const gs_backtest_world *w)
{
    gs_workload_facts f = {.scalable = true,
                           .can_replace = true,
                           .can_restart = true,
                           .replicas = w->replicas,
                           .available = w->replicas,
                           .replica_sets = 1};
    size_t cap = 0;
    const char *name;
    for (size_t k = 0; (name = w->pod_at(w->ctx, k)); k++) {
        if (!name[0])
            continue;
        f.pods = gs_grow(f.pods, &cap, f.n_pods + 1, sizeof *f.pods);
        gs_pod_facts *pod = &f.pods[f.n_pods++];
        *pod = (gs_pod_facts){.assigned = true, .running = true, .ready = true};
        (void)gs_str_copy(pod->name, sizeof pod->name, gs_str_of(name));
    }
    return f;
}

static void facts(void *ctx, const gs_workload_ref *ref,
                  void (*done)(void *arg, const gs_workload_facts *f, const gs_error *err), void *arg)
{
    gs_cleanup(gs_workload_facts_done) gs_workload_facts f = facts_now(ctx);
    const gs_error none = {0};
    (void)ref;
    done(arg, &f, &none);
}

/* Done at once, and it changes nothing of what was: whether it would have helped nobody knows, so nobody judges it. */
static void advance(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                    void *arg)
{
    gs_backtest_world *w = ctx;
    const gs_act_result result = {.outcome = GS_OUTCOME_SUCCEEDED};
    if (h->pending.type == GS_ACTION_SCALE_OUT)
        w->replicas = h->pending.to;
    gs_heal_conclude(h, result.outcome, p->limits.cooldown_s, gs_wall(&w->clock));
    h->judged = true;
    done(arg, &result);
}

static void undo(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                 void *arg)
{
    gs_backtest_world *w = ctx;
    const gs_act_result result = {.outcome = GS_OUTCOME_UNDONE};
    gs_cleanup(gs_workload_facts_done) gs_workload_facts f = facts_now(w);
    int to = gs_heal_undo(h, &f);
    (void)p;
    if (to >= 0)
        w->replicas = to;
    h->added_replicas = h->scaled_to = 0;
    h->incident[0] = 0;
    done(arg, &result);
}

static void record(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                   void *arg)
{
    const gs_act_result result = {.outcome = GS_OUTCOME_SUCCEEDED};
    (void)ctx;
    (void)p;
    (void)h;
    done(arg, &result);
}

void gs_backtest_ports(gs_backtest_world *w, gs_ports *ports, gs_actuator *actuator)
{
    ports->profiles = (gs_profile_source){.fetch = fetch, .forget = forget, .ctx = w};
    ports->evidence = (gs_evidence_store){.wanted = wanted, .put = put, .take = take, .forget = forget, .ctx = w};
    *actuator = (gs_actuator){.facts = facts, .advance = advance, .undo = undo, .record = record, .ctx = w};
    ports->actuator = actuator;
}
