/* The ports that the engine asks through: each question waits in a list until its time has come. */
#include "base/mem.h"
#include "engine_world.h"

#include <math.h>

enum call_kind { CALL_SAMPLE, CALL_PROFILE, CALL_PUT, CALL_FACTS, CALL_SCALE_OUT, CALL_UNDO, CALL_RESUME };

/* A question of the engine that is not answered yet. */
typedef struct world_call {
    struct world_call *next;
    enum call_kind kind;
    int64_t due;
    void *arg;
    void *pool;
    fake_pod *pod;
    bool total;
    gs_profile *profile; /* of the moment it was asked for */
    fake_scale *scale;
    gs_heal_history *h;
    int64_t cooldown_s;
    gs_str raw;
    char first, last; /* of raw, as it was when asked */
    int64_t wall_ms;
    void (*on_sample)(void *, const gs_sample *, const gs_error *);
    void (*on_profile)(void *, gs_profile *, gs_buf *, const gs_error *);
    void (*on_put)(void *, const gs_evidence *, const gs_error *);
    void (*on_facts)(void *, const gs_workload_facts *, const gs_error *);
    void (*on_act)(void *, const gs_act_result *);
} world_call;

static fake_pod *pod_of(world *w, const char *host)
{
    for (size_t k = 0; k < w->n_pods; k++)
        if (gs_streq(w->pods[k]->host, host))
            return w->pods[k];
    fail_msg("no pod has the address %s", host);
    return NULL;
}

static void answer(world *w, world_call *c);

static void ask(world *w, world_call call, int64_t takes_ms)
{
    world_call *c = gs_alloc(sizeof *c);
    *c = call;
    if (takes_ms == 0) {
        answer(w, c);
        return;
    }
    c->due = takes_ms == NEVER ? NEVER : w->now + takes_ms;
    c->next = w->calls;
    w->calls = c;
}

static void free_call(world_call *c)
{
    if (c->kind == CALL_SAMPLE)
        c->pod->in_flight--;
    gs_profile_free(c->profile);
    free(c);
}

static void cancel(world *w, const void *pool, const void *arg)
{
    for (world_call **at = &w->calls; *at;) {
        world_call *c = *at;
        if ((pool && c->kind == CALL_SAMPLE && c->pool == pool) || (arg && c->kind == CALL_PROFILE && c->arg == arg)) {
            *at = c->next;
            free_call(c);
        } else {
            at = &c->next;
        }
    }
}

static void *pool_new(void *ctx)
{
    world *w = ctx;
    w->pools++;
    return gs_alloc(1);
}

static void pool_free(void *ctx, void *pool)
{
    world *w = ctx;
    w->pools--;
    cancel(w, pool, NULL);
    free(pool);
}

static void sample(void *ctx, void *pool, const gs_endpoint *ep, bool total,
                   void (*done)(void *arg, const gs_sample *s, const gs_error *err), void *arg)
{
    world *w = ctx;
    fake_pod *p = pod_of(w, ep->host);
    if (total)
        p->totals++;
    else
        p->samples++;
    if (++p->in_flight > p->most_in_flight)
        p->most_in_flight = p->in_flight;
    if (p->last_sample_ms) {
        int64_t gap = w->now - p->last_sample_ms;
        p->min_gap_ms = !p->min_gap_ms || gap < p->min_gap_ms ? gap : p->min_gap_ms;
        p->max_gap_ms = gap > p->max_gap_ms ? gap : p->max_gap_ms;
    } else {
        p->first_sample_ms = w->now;
    }
    p->last_sample_ms = w->now;
    ask(w, (world_call){.kind = CALL_SAMPLE, .arg = arg, .pool = pool, .pod = p, .total = total, .on_sample = done},
        p->mute ? NEVER : w->sample_ms);
}

static void note(fake_times *t, int64_t now)
{
    t->v = gs_grow(t->v, &t->cap, t->n + 1, sizeof *t->v);
    t->v[t->n++] = now;
}

static void fetch(void *ctx, const gs_endpoint *ep, enum gs_profile_kind kind,
                  void (*done)(void *arg, gs_profile *p, gs_buf *raw, const gs_error *err), void *arg)
{
    world *w = ctx;
    fake_pod *p = pod_of(w, ep->host);
    p->profiles += kind == GS_PROFILE_GOROUTINE;
    if (kind == GS_PROFILE_LEAK)
        note(&p->leaks, w->now);
    if (kind == GS_PROFILE_DUMP)
        note(&p->dumps, w->now);
    for (const world_call *c = w->calls; c; c = c->next)
        if (c->kind == CALL_PROFILE && c->arg == arg)
            world_violate(w, "two profiles of one pod under way");
    ask(w,
        (world_call){.kind = CALL_PROFILE,
                     .arg = arg,
                     .pod = p,
                     .profile = world_pod_profile(p, kind, w->now),
                     .on_profile = done},
        p->mute ? NEVER : w->profile_ms);
}

static void forget(void *ctx, void *arg)
{
    cancel(ctx, NULL, arg);
}

static bool wanted(void *ctx, const gs_policy *p, enum gs_profile_kind kind)
{
    return p->snapshot_goroutine && kind == GS_PROFILE_GOROUTINE && !((const world *)ctx)->no_evidence_wanted;
}

static void put(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                uint64_t goroutines, gs_str raw, int64_t wall_ms,
                void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    world *w = ctx;
    if (w->puts < GS_LEN(w->put_at))
        w->put_at[w->puts] = w->now;
    w->puts++;
    if (!i->name[0] || !pod[0] || !p->name[0] || !goroutines || !raw.n || kind != GS_PROFILE_GOROUTINE)
        world_violate(w, "evidence without a name, a pod, a policy or bytes");
    ask(w,
        (world_call){.kind = CALL_PUT,
                     .arg = arg,
                     .raw = raw,
                     .first = raw.p[0],
                     .last = raw.p[raw.n - 1],
                     .wall_ms = wall_ms,
                     .on_put = done},
        w->store == STORE_HANGS ? NEVER : w->put_ms);
}

fake_scale *world_scale(world *w, const char *workload)
{
    for (size_t k = 0; k < w->n_scales; k++)
        if (gs_streq(w->scales[k].workload.name, workload))
            return &w->scales[k];
    assert_true(w->n_scales < GS_LEN(w->scales));
    fake_scale *s = &w->scales[w->n_scales++];
    *s = (fake_scale){.workload = world_workload(workload), .replicas = 3};
    return s;
}

static void facts(void *ctx, const gs_workload_ref *ref,
                  void (*done)(void *arg, const gs_workload_facts *f, const gs_error *err), void *arg)
{
    world *w = ctx;
    w->facts_calls++;
    ask(w, (world_call){.kind = CALL_FACTS, .arg = arg, .scale = world_scale(w, ref->name), .on_facts = done},
        w->act_ms);
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
                    .cooldown_s = p->cooldown_s,
                    .on_act = done};
    (void)snprintf(c.scale->policy, sizeof c.scale->policy, "%.63s", p->name);
    for (const world_call *o = w->calls; o; o = o->next)
        if (o->kind >= CALL_FACTS && o->scale == c.scale)
            world_violate(w, "two calls of the actuator under way for one workload");
    return c;
}

static void scale_out(void *ctx, const gs_policy *p, gs_heal_history *h,
                      void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    world *w = ctx;
    w->scale_outs++;
    if (!w->stored_at && !w->no_evidence_wanted && p->has_s3)
        world_violate(w, "scale_out before any evidence was stored");
    if (p->mode != GS_MODE_ENFORCE)
        world_violate(w, "scale_out in a mode that is not Enforce");
    if (!h->pending.set || !h->pending.id[0] || !h->pending.incident[0])
        world_violate(w, "scale_out without an intent");
    bool dies = w->act == ACT_DIES_INTENT || w->act == ACT_DIES_SCALED || w->act == ACT_DIES_BEFORE;
    world_call c = act_call(w, CALL_SCALE_OUT, p, h, done, arg);
    if (w->act == ACT_DIES_INTENT || w->act == ACT_DIES_SCALED)
        record(c.scale, h);
    if (w->act == ACT_DIES_SCALED)
        c.scale->replicas = h->pending.to;
    if (dies)
        w->dead = true;
    ask(w, c, dies ? NEVER : w->act_ms);
}

static void undo(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                 void *arg)
{
    world *w = ctx;
    w->undos++;
    ask(w, act_call(w, CALL_UNDO, p, h, done, arg), w->act_ms);
}

static void resume(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                   void *arg)
{
    world *w = ctx;
    w->resumes++;
    ask(w, act_call(w, CALL_RESUME, p, h, done, arg), w->act_ms);
}

/* The answers. */

static void answer_sample(world *w, const world_call *c)
{
    const fake_pod *p = c->pod;
    gs_error err = {0};
    gs_sample s = {.goroutines = (double)world_pod_total(p, w->now),
                   .start_time_s = NAN,
                   .heap_inuse = NAN,
                   .cpu_s = NAN,
                   .open_fds = p->fds > 0 ? p->fds + p->fds_per_leak * world_pod_leaked(p, w->now) : NAN,
                   .rss = p->rss > 0 ? p->rss : NAN,
                   .load = p->load > 0 ? p->load + p->load_per_leak * world_pod_leaked(p, w->now) : NAN};
    if (p->down)
        (void)gs_error_set(&err, GS_TRANSIENT, "connect to %s: refused", p->host);
    else if (!c->total && p->no_metrics)
        (void)gs_error_set(&err, GS_NOT_FOUND, "/metrics: 404");
    if (!c->total && !p->hides_start)
        s.start_time_s = (double)(p->started_ms + WORLD_WALL0) / 1000;
    if (p->odd_sample && !c->total)
        s = *p->odd_sample;
    c->on_sample(c->arg, &s, &err);
}

static void answer_profile(world *w, world_call *c)
{
    gs_error err = {0};
    gs_buf raw = GS_BUF(GS_MAX_PROFILE_WIRE_BYTES);
    bool not_offered = c->pod->no_leaks && c->profile->kind == GS_PROFILE_LEAK;
    if (c->pod->down || c->pod->no_profiles || not_offered) {
        (void)gs_error_set(&err, not_offered ? GS_NOT_FOUND : GS_TRANSIENT, "goroutine?debug=0 of %s: refused",
                           c->pod->host);
        c->on_profile(c->arg, NULL, &raw, &err);
        return;
    }
    char *p = gs_buf_reserve(&raw, w->raw_bytes);
    memset(p, 'x', w->raw_bytes);
    raw.n = w->raw_bytes;
    c->on_profile(c->arg, gs_take(c->profile), &raw, &err);
    gs_buf_done(&raw);
}

static void answer_put(world *w, const world_call *c)
{
    gs_error err = {0};
    gs_evidence e = {.kind = "Goroutine", .key = "prod/shop/dump", .bytes = c->raw.n, .time_ms = c->wall_ms};
    if (c->raw.p[0] != c->first || c->raw.p[c->raw.n - 1] != c->last)
        world_violate(w, "the bytes of a dump changed while it was being stored");
    if (w->store == STORE_FAILS)
        (void)gs_error_set(&err, GS_TRANSIENT, "put: 503 SlowDown");
    else if (w->store == STORE_LIES)
        e.time_ms -= 3600 * SECOND;
    else if (!w->stored_at)
        w->stored_at = w->now;
    c->on_put(c->arg, &e, &err);
}

static void succeed(world *w, const world_call *c)
{
    gs_heal_history *h = c->h;
    c->scale->replicas = h->pending.to;
    h->added_replicas = h->pending.to - h->pending.from;
    h->scaled_to = h->pending.to;
    memcpy(h->incident, h->pending.incident, sizeof h->incident);
    gs_history_add_time(h, gs_wall(&w->ports.clock), c->cooldown_s);
    h->pending = (gs_pending){0};
    record(c->scale, h);
    if (!w->scaled_at)
        w->scaled_at = w->now;
}

static gs_workload_facts facts_of(const fake_scale *s)
{
    gs_workload_facts f = {.scalable = !s->not_scalable, .gone = s->gone, .replicas = s->replicas};
    (void)snprintf(f.autoscaler, sizeof f.autoscaler, "%s", s->autoscaler);
    return f;
}

static void answer_scale_out(world *w, const world_call *c)
{
    gs_act_result r = {.outcome = GS_OUTCOME_SUCCEEDED};
    if (w->act == ACT_FAILS || w->act == ACT_REFUSED) {
        r.outcome = w->act == ACT_FAILS ? GS_OUTCOME_FAILED : GS_OUTCOME_REFUSED;
        (void)snprintf(r.reason, sizeof r.reason, "the API server said no");
        c->h->pending = (gs_pending){0};
        if (w->act == ACT_FAILS)
            record(c->scale, c->h);
    } else if (w->act == ACT_UNKNOWN) {
        c->scale->replicas = c->h->pending.to;
        record(c->scale, c->h);
        r.outcome = GS_OUTCOME_PENDING;
    } else {
        succeed(w, c);
    }
    c->on_act(c->arg, &r);
}

static void answer_resume(world *w, const world_call *c)
{
    gs_act_result r = {.outcome = GS_OUTCOME_SUCCEEDED};
    gs_workload_facts f = facts_of(c->scale);
    if (w->act == ACT_REFUSED || w->act == ACT_UNKNOWN) {
        r.outcome = w->act == ACT_REFUSED ? GS_OUTCOME_REFUSED : GS_OUTCOME_PENDING;
        (void)snprintf(r.reason, sizeof r.reason, "the API server is away");
    } else if (gs_heal_resume(c->h, &f) == GS_RESUME_GIVE_UP) {
        r.outcome = GS_OUTCOME_FAILED;
        (void)snprintf(r.reason, sizeof r.reason, "someone else changed the scale");
        c->h->pending = (gs_pending){0};
        record(c->scale, c->h);
    } else {
        succeed(w, c);
    }
    c->on_act(c->arg, &r);
}

static void answer_undo(world *w, const world_call *c)
{
    gs_act_result r = {.outcome = GS_OUTCOME_UNDONE};
    gs_workload_facts f = facts_of(c->scale);
    if (w->act == ACT_REFUSED || w->act == ACT_UNKNOWN) {
        r.outcome = w->act == ACT_REFUSED ? GS_OUTCOME_REFUSED : GS_OUTCOME_PENDING;
        (void)snprintf(r.reason, sizeof r.reason, "the API server is away");
        c->on_act(c->arg, &r);
        return;
    }
    int to = gs_heal_undo(c->h, &f);
    if (to >= 0) {
        c->scale->replicas = to;
    } else {
        r.outcome = GS_OUTCOME_SUCCEEDED;
        (void)snprintf(r.reason, sizeof r.reason, "NotUndone: someone else set the scale to %d", f.replicas);
    }
    c->h->added_replicas = c->h->scaled_to = 0;
    c->h->incident[0] = 0;
    record(c->scale, c->h);
    c->on_act(c->arg, &r);
}

static void answer(world *w, world_call *c)
{
    switch (c->kind) {
    case CALL_SAMPLE:
        answer_sample(w, c);
        break;
    case CALL_PROFILE:
        answer_profile(w, c);
        break;
    case CALL_PUT:
        answer_put(w, c);
        break;
    case CALL_FACTS: {
        gs_error err = {0};
        gs_workload_facts f = facts_of(c->scale);
        if (w->facts_fail)
            (void)gs_error_set(&err, GS_TRANSIENT, "get the scale: connection refused");
        c->on_facts(c->arg, &f, &err);
        break;
    }
    case CALL_SCALE_OUT:
        answer_scale_out(w, c);
        break;
    case CALL_UNDO:
        answer_undo(w, c);
        break;
    case CALL_RESUME:
        answer_resume(w, c);
        break;
    }
    free_call(c);
}

static world_call **first_call(world *w)
{
    world_call **at = &w->calls;
    for (world_call **o = &w->calls; *o; o = &(*o)->next)
        if ((*o)->due < (*at)->due)
            at = o;
    return at;
}

int64_t world_next_call(world *w)
{
    const world_call *c = *first_call(w);
    return c ? c->due : NEVER;
}

void world_answer_next(world *w)
{
    world_call **at = first_call(w), *c = *at;
    *at = c->next;
    answer(w, c);
}

void world_end_calls(world *w, bool all)
{
    for (world_call **at = &w->calls; *at;) {
        world_call *c = *at;
        if (!all && (c->kind == CALL_SAMPLE || c->kind == CALL_PROFILE)) {
            at = &c->next;
        } else {
            *at = c->next;
            free_call(c);
        }
    }
}

void world_ports(world *w)
{
    w->actuator = (gs_actuator){.facts = facts, .scale_out = scale_out, .undo = undo, .resume = resume, .ctx = w};
    w->ports.samples = (gs_sample_source){.pool_new = pool_new, .pool_free = pool_free, .sample = sample, .ctx = w};
    w->ports.profiles = (gs_profile_source){.fetch = fetch, .forget = forget, .ctx = w};
    w->ports.evidence = (gs_evidence_store){.wanted = wanted, .put = put, .ctx = w};
    w->ports.actuator = &w->actuator;
}
