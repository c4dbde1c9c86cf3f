/* The actuator: a workload's scale and pods, and what is recorded of them where a restart finds it. It does what
 * core/heal_step says, as the operator's does, but all that needs no waiting at once. */
#include "base/mem.h"
#include "engine_world_calls.h"

fake_scale *world_scale(world *w, const char *workload)
{
    for (size_t k = 0; k < w->n_scales; k++)
        if (gs_streq(w->scales[k].workload.name, workload))
            return &w->scales[k];
    assert_true(w->n_scales < GS_LEN(w->scales));
    fake_scale *s = &w->scales[w->n_scales++];
    *s = (fake_scale){.workload = world_workload(workload), .replicas = 3, .hpa_min = 2, .hpa_max = 6};
    return s;
}

/* Its watched pods, and nameless ones up to its replicas. All are Ready, but those that were added where none gets it. */
static gs_workload_facts facts_of(const world *w, const fake_scale *s)
{
    gs_workload_facts f = {.gone = s->gone,
                           .scalable = !s->not_scalable,
                           .can_replace = !s->not_replaceable,
                           .can_restart = true,
                           .replicas = s->replicas,
                           .rolling = s->rolling,
                           .replica_sets = 1,
                           .keda = s->keda,
                           .hpa_min = s->hpa_min,
                           .hpa_max = s->hpa_max};
    size_t cap = 0;
    (void)snprintf(f.autoscaler, sizeof f.autoscaler, "%s", s->autoscaler);
    for (size_t k = 0; k < w->n_pods + (size_t)s->replicas && f.n_pods < (size_t)s->replicas; k++) {
        const fake_pod *p = k < w->n_pods ? w->pods[k] : NULL;
        if (p && (p->removed || !gs_streq(p->workload.name, s->workload.name)))
            continue;
        f.pods = gs_grow(f.pods, &cap, f.n_pods + 1, sizeof *f.pods);
        gs_pod_facts *to = &f.pods[f.n_pods++];
        bool ready = s->replicas - (int)f.n_pods >= s->never_ready;
        *to = (gs_pod_facts){.assigned = true, .running = true, .ready = ready, .ready_ms = ready ? 1 : 0};
        (void)snprintf(to->name, sizeof to->name, "%s%.0zu", p ? p->name : "filler-", p ? (size_t)0 : k);
        (void)snprintf(to->uid, sizeof to->uid, "uid-%.40s", to->name);
        if (p) {
            to->has_cost = p->has_cost;
            to->cost = p->cost;
        }
        f.available += ready;
    }
    return f;
}

static fake_pod *victim_of(world *w, const gs_victim *v)
{
    for (size_t k = 0; k < w->n_pods; k++)
        if (gs_streq(w->pods[k]->uid, v->uid))
            return w->pods[k];
    fail_msg("no pod %s", v->name);
    return NULL;
}

/* The marked ones go first. */
static void set_scale(world *w, fake_scale *s, int n)
{
    int fewer = s->replicas - n;
    for (size_t k = 0; k < w->n_pods && fewer > 0; k++) {
        fake_pod *p = w->pods[k];
        if (!gs_streq(p->workload.name, s->workload.name) || p->removed || p->cost != GS_DELETION_COST)
            continue;
        p->removed = true;
        fewer--;
    }
    s->replicas = n;
    if (!w->scaled_at)
        w->scaled_at = w->now;
}

static void record(fake_scale *s, const gs_heal_history *h)
{
    s->record = *h;
    s->recorded = true;
}

static world_call act_call(world *w, enum call_kind kind, const gs_policy *p, gs_heal_history *h,
                           void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    world_call c = {.kind = kind,
                    .arg = arg,
                    .scale = world_scale(w, h->workload.name),
                    .h = h,
                    .cooldown_s = p->limits.cooldown_s,
                    .wanted = p->mode == GS_MODE_ENFORCE && !p->suspend && !p->deleting,
                    .on_act = done};
    (void)snprintf(c.scale->policy, sizeof c.scale->policy, "%.63s", p->name);
    for (const world_call *o = w->calls; o; o = o->next)
        if (o->kind >= CALL_FACTS && o->scale == c.scale)
            world_violate(w, "two calls of the actuator under way for one workload");
    return c;
}

static void facts(void *ctx, const gs_workload_ref *ref,
                  void (*done)(void *arg, const gs_workload_facts *f, const gs_error *err), void *arg)
{
    world *w = ctx;
    w->facts_calls++;
    world_ask(w, (world_call){.kind = CALL_FACTS, .arg = arg, .scale = world_scale(w, ref->name), .on_facts = done},
              w->act_ms);
}

static void begin(world *w, const gs_policy *p, const gs_heal_history *h)
{
    w->begun++;
    if (!w->stored_at && !w->no_evidence_wanted && p->has_s3)
        world_violate(w, "an action was begun before any evidence was stored");
    if (p->mode != GS_MODE_ENFORCE)
        world_violate(w, "an action was begun in a mode that is not Enforce");
    if (!h->pending.set || !h->pending.id[0] || !h->pending.incident[0])
        world_violate(w, "an action was begun without an intent");
}

static void advance(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                    void *arg)
{
    world *w = ctx;
    if (h->pending.recorded)
        w->resumes++;
    else
        begin(w, p, h);
    bool dies = w->act == ACT_DIES_INTENT || w->act == ACT_DIES_SCALED || w->act == ACT_DIES_BEFORE;
    world_call c = act_call(w, CALL_ADVANCE, p, h, done, arg);
    if (w->act == ACT_DIES_INTENT || w->act == ACT_DIES_SCALED) {
        h->pending.recorded = true;
        record(c.scale, h);
    }
    if (w->act == ACT_DIES_SCALED)
        c.scale->replicas = h->pending.to;
    if (dies)
        w->dead = true;
    world_ask(w, c, dies ? NEVER : w->act_ms);
}

static void undo(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                 void *arg)
{
    world *w = ctx;
    w->undos++;
    world_ask(w, act_call(w, CALL_UNDO, p, h, done, arg), w->act_ms);
}

static void record_it(void *ctx, const gs_policy *p, gs_heal_history *h,
                      void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    world *w = ctx;
    w->records++;
    world_ask(w, act_call(w, CALL_RECORD, p, h, done, arg), w->act_ms);
}

void world_actuator(world *w)
{
    w->actuator = (gs_actuator){.facts = facts, .advance = advance, .undo = undo, .record = record_it, .ctx = w};
    w->ports.actuator = &w->actuator;
}

/* The answers. */

static void away(gs_act_result *r, enum gs_outcome outcome)
{
    r->outcome = outcome;
    (void)snprintf(r->reason, sizeof r->reason, "the API server is away");
}

static void end(world *w, const world_call *c, enum gs_outcome outcome, const char *reason, gs_act_result *r)
{
    gs_heal_conclude(c->h, outcome, c->cooldown_s, gs_wall(&w->ports.clock));
    record(c->scale, c->h);
    r->outcome = outcome;
    (void)snprintf(r->reason, sizeof r->reason, "%s", reason);
}

/* Carries out one answer; false: it has to wait, or is done. */
static bool carry_out(world *w, const world_call *c, const gs_next *n, gs_act_result *r)
{
    gs_pending *p = &c->h->pending;
    switch (n->what) {
    case GS_DO_RECORD:
        p->step = n->step;
        p->step_ms = gs_wall(&w->ports.clock);
        memcpy(p->reason, n->reason, sizeof p->reason);
        record(c->scale, c->h);
        break;
    case GS_DO_SET_SCALE:
        set_scale(w, c->scale, n->n);
        break;
    case GS_DO_SET_HPA_MIN:
        c->scale->hpa_min = n->n;
        if (c->scale->replicas < n->n)
            set_scale(w, c->scale, n->n);
        break;
    case GS_DO_MARK:
        victim_of(w, n->victim)->has_cost = n->has_cost;
        victim_of(w, n->victim)->cost = n->n;
        break;
    case GS_DO_EVICT:
        if (!c->scale->blocked)
            victim_of(w, n->victim)->removed = true;
        else
            r->outcome = GS_OUTCOME_PENDING; /* 429 */
        break;
    case GS_DO_RESTART:
        w->restarts++;
        end(w, c, GS_OUTCOME_SUCCEEDED, "", r);
        return false;
    case GS_DO_WAIT:
        r->outcome = GS_OUTCOME_PENDING;
        r->retry_ms = n->n;
        (void)snprintf(r->reason, sizeof r->reason, "%s", n->reason);
        return false;
    case GS_DO_END:
        end(w, c, n->outcome, n->reason, r);
        return false;
    }
    return true;
}

static void go_on(world *w, const world_call *c, gs_act_result *r)
{
    gs_next n;
    do {
        bool blocked = r->outcome == GS_OUTCOME_PENDING;
        gs_workload_facts f = facts_of(w, c->scale);
        gs_heal_step(&c->h->pending, &f, c->wanted, blocked, gs_wall(&w->ports.clock), &n);
        gs_workload_facts_done(&f);
    } while (carry_out(w, c, &n, r));
}

static void answer_advance(world *w, const world_call *c)
{
    gs_act_result r = {.outcome = GS_OUTCOME_SUCCEEDED};
    gs_pending *p = &c->h->pending;
    if (w->act == ACT_REFUSED) {
        away(&r, GS_OUTCOME_REFUSED);
    } else if (w->act == ACT_UNKNOWN) {
        away(&r, GS_OUTCOME_PENDING);
        p->recorded = true;
        c->scale->replicas = p->to;
        record(c->scale, c->h);
    } else if (w->act == ACT_FAILS) {
        end(w, c, GS_OUTCOME_FAILED, "the API server said no", &r);
    } else {
        p->recorded = true;
        record(c->scale, c->h);
        go_on(w, c, &r);
    }
    c->on_act(c->arg, &r);
}

static void answer_undo(world *w, const world_call *c)
{
    gs_act_result r = {.outcome = GS_OUTCOME_UNDONE};
    if (w->act == ACT_REFUSED || w->act == ACT_UNKNOWN) {
        away(&r, w->act == ACT_REFUSED ? GS_OUTCOME_REFUSED : GS_OUTCOME_PENDING);
        c->on_act(c->arg, &r);
        return;
    }
    gs_workload_facts f = facts_of(w, c->scale);
    int to = gs_heal_undo(c->h, &f);
    gs_workload_facts_done(&f);
    if (to >= 0 && c->h->autoscaler[0]) {
        c->scale->hpa_min = to;
    } else if (to >= 0) {
        set_scale(w, c->scale, to);
    } else {
        r.outcome = GS_OUTCOME_SUCCEEDED;
        (void)snprintf(r.reason, sizeof r.reason, "NotUndone: someone else set the scale to %d", c->scale->replicas);
    }
    c->h->added_replicas = c->h->scaled_to = 0;
    c->h->incident[0] = 0;
    record(c->scale, c->h);
    c->on_act(c->arg, &r);
}

static void answer_record(world *w, const world_call *c)
{
    gs_act_result r = {.outcome = GS_OUTCOME_SUCCEEDED};
    if (w->act == ACT_REFUSED || w->act == ACT_UNKNOWN)
        away(&r, w->act == ACT_REFUSED ? GS_OUTCOME_REFUSED : GS_OUTCOME_PENDING);
    else
        record(c->scale, c->h);
    c->on_act(c->arg, &r);
}

static void answer_facts(world *w, const world_call *c)
{
    gs_error err = {0};
    gs_workload_facts f = facts_of(w, c->scale);
    if (w->facts_fail)
        (void)gs_error_set(&err, GS_TRANSIENT, "get the scale: connection refused");
    c->on_facts(c->arg, &f, &err);
    gs_workload_facts_done(&f);
}

void world_answer_act(world *w, const world_call *c)
{
    if (c->kind == CALL_FACTS)
        answer_facts(w, c);
    else if (c->kind == CALL_ADVANCE)
        answer_advance(w, c);
    else if (c->kind == CALL_UNDO)
        answer_undo(w, c);
    else
        answer_record(w, c);
}
