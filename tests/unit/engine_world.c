#include "engine_world.h"

#include "base/mem.h"

#include <inttypes.h>
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

static void violate(world *w, const char *what)
{
    if (!w->violations[0])
        (void)snprintf(w->violations, sizeof w->violations, "at %" PRId64 " ms: %s", w->now, what);
}

static int64_t world_mono(void *ctx)
{
    return ((world *)ctx)->now;
}

static int64_t world_wall(void *ctx)
{
    const world *w = ctx;
    return w->now + WORLD_WALL0 + w->wall_skew_ms;
}

static void arm(void *ctx, int64_t at)
{
    ((world *)ctx)->armed = at;
}

/* ---- pods ---- */

static uint64_t site_count(const fake_pod *p, const fake_site *s, int64_t now)
{
    double n = s->base;
    int64_t from = s->from_ms > p->started_ms ? s->from_ms : p->started_ms;
    int64_t until = s->until_ms && s->until_ms < now ? s->until_ms : now;
    if (s->rate > 0 && until > from && (!p->freed_ms || now < p->freed_ms))
        n += floor(s->rate * (double)(until - from) / 1000);
    if (s->period_ms)
        n += s->wave * (1 - cos(2 * M_PI * (double)(now % s->period_ms) / (double)s->period_ms)) / 2;
    return n > 0 ? (uint64_t)n : 0;
}

static uint64_t small_count(size_t k, int64_t now)
{
    return 1 + gs_hash(&k, sizeof k, (uint64_t)now) % 3;
}

static uint64_t pod_total(const fake_pod *p, int64_t now)
{
    uint64_t n = 0;
    for (size_t k = 0; k < p->n_sites; k++)
        n += site_count(p, &p->sites[k], now);
    for (size_t k = 0; k < p->many_sites; k++)
        n += small_count(k, now);
    return n;
}

static void add_site(gs_profile *g, const char *leaf, uint64_t count, enum gs_state state, bool user)
{
    if (!count)
        return;
    gs_site *s = &g->sites[g->n++];
    (void)snprintf(s->id, sizeof s->id, "p%010" PRIx64, gs_hash(leaf, strlen(leaf), 0) & 0xffffffffff);
    s->count = count;
    s->state = state;
    s->user = user;
    s->leaf = gs_arena_str(&g->arena, gs_str_of(leaf));
    s->entry = gs_arena_str(&g->arena, GS_STR("main.serve.func1"));
    const char **frames = gs_arena_alloc(&g->arena, sizeof *frames);
    frames[0] = s->leaf;
    s->key_frames = frames;
    s->n_key_frames = 1;
    gs_label *label = gs_arena_alloc(&g->arena, sizeof *label);
    *label = (gs_label){gs_arena_str(&g->arena, GS_STR("route")), gs_arena_str(&g->arena, GS_STR("/pay"))};
    s->labels = label;
    s->n_labels = 1;
    g->total += count;
}

static int largest_first(const void *a, const void *b)
{
    const gs_site *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->id, y->id);
}

static gs_profile *pod_profile(const fake_pod *p, int64_t now)
{
    gs_profile *g = gs_alloc(sizeof *g);
    g->sites = gs_arena_alloc(&g->arena, (p->n_sites + p->many_sites + 1) * sizeof *g->sites);
    for (size_t k = 0; k < p->n_sites; k++)
        add_site(g, p->sites[k].leaf, site_count(p, &p->sites[k], now), p->sites[k].state, !p->sites[k].library);
    for (size_t k = 0; k < p->many_sites; k++) {
        char leaf[32];
        (void)snprintf(leaf, sizeof leaf, "small.f%zu", k);
        add_site(g, leaf, small_count(k, now), GS_STATE_SELECT, true);
    }
    qsort(g->sites, g->n, sizeof *g->sites, largest_first);
    return g;
}

static fake_pod *pod_of(world *w, const char *host)
{
    for (size_t k = 0; k < w->n_pods; k++)
        if (gs_streq(w->pods[k]->host, host))
            return w->pods[k];
    fail_msg("no pod has the address %s", host);
    return NULL;
}

/* ---- calls ---- */

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

static void cancel(world *w, void *pool, const void *arg, bool all)
{
    for (world_call **at = &w->calls; *at;) {
        world_call *c = *at;
        if (all || (pool && c->kind == CALL_SAMPLE && c->pool == pool) ||
            (arg && c->kind == CALL_PROFILE && c->arg == arg)) {
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
    cancel(w, pool, NULL, false);
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

static void fetch(void *ctx, const gs_endpoint *ep,
                  void (*done)(void *arg, gs_profile *p, gs_buf *raw, const gs_error *err), void *arg)
{
    world *w = ctx;
    fake_pod *p = pod_of(w, ep->host);
    p->profiles++;
    for (const world_call *c = w->calls; c; c = c->next)
        if (c->kind == CALL_PROFILE && c->arg == arg)
            violate(w, "two profiles of one pod under way");
    ask(w,
        (world_call){.kind = CALL_PROFILE, .arg = arg, .pod = p, .profile = pod_profile(p, w->now), .on_profile = done},
        p->mute ? NEVER : w->profile_ms);
}

static void forget(void *ctx, void *arg)
{
    cancel(ctx, NULL, arg, false);
}

static bool wanted(void *ctx, const gs_policy *p)
{
    return p->snapshot_goroutine && !((const world *)ctx)->no_evidence_wanted;
}

static void put(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, uint64_t goroutines, gs_str raw,
                int64_t wall_ms, void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    world *w = ctx;
    if (w->puts < GS_LEN(w->put_at))
        w->put_at[w->puts] = w->now;
    w->puts++;
    if (!i->name[0] || !pod[0] || !p->name[0] || !goroutines || !raw.n)
        violate(w, "evidence without a name, a pod, a policy or bytes");
    ask(w,
        (world_call){.kind = CALL_PUT, .arg = arg, .raw = raw, .first = raw.p[0], .last = raw.p[raw.n - 1],
                     .wall_ms = wall_ms, .on_put = done},
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
    ask(w, (world_call){.kind = CALL_FACTS, .arg = arg, .scale = world_scale(w, ref->name), .on_facts = done}, w->act_ms);
}

static void record(fake_scale *s, const gs_heal_history *h)
{
    s->record = *h;
    s->recorded = true;
}

static world_call act_call(world *w, enum call_kind kind, const gs_policy *p, gs_heal_history *h,
                           void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    world_call c = {.kind = kind, .arg = arg, .scale = world_scale(w, h->workload.name), .h = h,
                    .cooldown_s = p->cooldown_s, .on_act = done};
    (void)snprintf(c.scale->policy, sizeof c.scale->policy, "%.63s", p->name);
    for (const world_call *o = w->calls; o; o = o->next)
        if (o->kind >= CALL_FACTS && o->scale == c.scale)
            violate(w, "two calls of the actuator under way for one workload");
    return c;
}

static void scale_out(void *ctx, const gs_policy *p, gs_heal_history *h,
                      void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    world *w = ctx;
    w->scale_outs++;
    if (!w->stored_at && !w->no_evidence_wanted && p->has_s3)
        violate(w, "scale_out before any evidence was stored");
    if (p->mode != GS_MODE_ENFORCE)
        violate(w, "scale_out in a mode that is not Enforce");
    if (!h->pending.set || !h->pending.id[0] || !h->pending.incident[0])
        violate(w, "scale_out without an intent");
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

static void undo(void *ctx, const gs_policy *p, gs_heal_history *h,
                 void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    world *w = ctx;
    w->undos++;
    ask(w, act_call(w, CALL_UNDO, p, h, done, arg), w->act_ms);
}

static void resume(void *ctx, const gs_policy *p, gs_heal_history *h,
                   void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    world *w = ctx;
    w->resumes++;
    ask(w, act_call(w, CALL_RESUME, p, h, done, arg), w->act_ms);
}

/* ---- answers ---- */

static void answer_sample(world *w, const world_call *c)
{
    const fake_pod *p = c->pod;
    gs_error err = {0};
    gs_sample s = {.goroutines = (double)pod_total(p, w->now), .start_time_s = NAN, .heap_inuse = NAN, .cpu_s = NAN,
                   .open_fds = NAN};
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
    if (c->pod->down || c->pod->no_profiles) {
        (void)gs_error_set(&err, GS_TRANSIENT, "goroutine?debug=0 of %s: refused", c->pod->host);
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
        violate(w, "the bytes of a dump changed while it was being stored");
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
    gs_history_add_time(h, world_wall(w), c->cooldown_s);
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

/* ---- the recorder ---- */

static void on_event(void *ctx, enum gs_event e, const gs_workload_ref *ref, const char *target, const gs_incident *i,
                     const char *reason)
{
    world *w = ctx;
    w->lines = gs_grow(w->lines, &w->cap_lines, w->n_lines + 1, sizeof *w->lines);
    world_line *l = &w->lines[w->n_lines++];
    *l = (world_line){.ms = w->now, .event = e, .grade = i ? i->grade : GS_GRADE_NONE};
    (void)snprintf(l->workload, sizeof l->workload, "%.63s", ref->name);
    (void)snprintf(l->target, sizeof l->target, "%.63s", target ? target : "");
    (void)snprintf(l->incident, sizeof l->incident, "%.63s", i ? i->name : "");
    (void)snprintf(l->reason, sizeof l->reason, "%.199s", reason);
    if (e != GS_EVENT_SUSPECTED && (!i || !i->name[0]))
        violate(w, "an event of an incident without a name");
}

static gs_incident *copy_of(const gs_incident *i)
{
    gs_incident *c = gs_alloc(sizeof *c);
    *c = *i;
    c->n_patterns = 0;
    memset(c->patterns, 0, sizeof c->patterns);
    for (; c->n_patterns < i->n_patterns; c->n_patterns++) {
        const gs_pattern *from = &i->patterns[c->n_patterns];
        gs_pattern *to = &c->patterns[c->n_patterns];
        memcpy(to->id, from->id, sizeof to->id);
        to->count = from->count;
        to->state = from->state;
        to->leaf = gs_strdup(from->leaf);
        to->entry = gs_strdup(from->entry);
    }
    c->pods = NULL;
    c->n_pods = c->cap_pods = 0;
    for (size_t k = 0; k < i->n_pods; k++) { /* as much of it as the status has */
        c->pods = gs_grow(c->pods, &c->cap_pods, k + 1, sizeof *c->pods);
        c->pods[c->n_pods] = (gs_incident_pod){.goroutines = i->pods[k].goroutines, .leaking = i->pods[k].leaking,
                                               .peak = i->pods[k].leaking};
        memcpy(c->pods[c->n_pods++].name, i->pods[k].name, sizeof c->pods->name);
    }
    c->last_shown_ms = 0;
    return c;
}

static void on_incident(void *ctx, gs_incident *i, bool urgent)
{
    world *w = ctx;
    (void)urgent;
    w->incident_tells++;
    if (!i->name[0])
        (void)snprintf(i->name, sizeof i->name, "%.40s-%s", i->workload.name, i->pattern_id + 1);
    if (w->lose_incidents)
        return;
    size_t k = 0;
    while (k < w->n_stored && !gs_streq(w->stored[k]->name, i->name))
        k++;
    assert_true(k < GS_LEN(w->stored));
    if (k == w->n_stored)
        w->n_stored++;
    else
        gs_incident_free(w->stored[k]);
    w->stored[k] = copy_of(i);
}

static void on_policy(void *ctx, const gs_policy *p)
{
    world *w = ctx;
    gs_policy_facts f;
    w->policy_tells++;
    gs_engine_policy_facts(w->e, p, &f); /* as the operator does, in the middle of anything */
}

/* ---- the world ---- */

static void start(world *w)
{
    w->actuator = (gs_actuator){.facts = facts, .scale_out = scale_out, .undo = undo, .resume = resume, .ctx = w};
    w->ports = (gs_ports){
        .clock = {.mono_ms = world_mono, .wall_ms = world_wall, .ctx = w},
        .arm = arm,
        .arm_ctx = w,
        .seed = 42,
        .samples = {.pool_new = pool_new, .pool_free = pool_free, .sample = sample, .ctx = w},
        .profiles = {.fetch = fetch, .forget = forget, .ctx = w},
        .evidence = {.wanted = wanted, .put = put, .ctx = w},
        .actuator = &w->actuator,
        .recorder = {.event = on_event, .incident = on_incident, .policy = on_policy, .ctx = w},
    };
    w->armed = -1;
    w->e = gs_engine_new(&w->ports);
}

void world_open(world *w)
{
    *w = (world){.now = 1000000, .sample_ms = 3, .profile_ms = 40, .put_ms = 70, .act_ms = 30, .raw_bytes = 1000};
    start(w);
    gs_engine_synced(w->e);
}

void world_free_engine(world *w)
{
    for (world_call **at = &w->calls; *at;) { /* evidence and actuator end what is under way; see ports.h */
        world_call *c = *at;
        if (c->kind == CALL_SAMPLE || c->kind == CALL_PROFILE) {
            at = &c->next;
        } else {
            *at = c->next;
            free_call(c);
        }
    }
    gs_engine_free(w->e);
    w->e = NULL;
    if (w->calls || w->pools)
        violate(w, "the freed engine left samples, profiles or pools behind");
    cancel(w, NULL, NULL, true);
}

void world_close(world *w)
{
    if (w->e)
        world_free_engine(w);
    for (size_t k = 0; k < w->n_stored; k++)
        gs_incident_free(w->stored[k]);
    for (size_t k = 0; k < w->n_pods; k++)
        free(w->pods[k]);
    free(w->pods);
    free(w->lines);
    if (w->violations[0])
        fail_msg("%s", w->violations);
}

static void watch_again(void *ctx, const gs_target_view *v)
{
    world *w = ctx;
    for (size_t k = 0; k < w->n_pods; k++)
        if (gs_streq(w->pods[k]->name, v->name))
            w->pods[k]->watched = true;
}

void world_restart(world *w)
{
    gs_policy *p = gs_policy_new();
    const gs_policy *was = gs_engine_policy(w->e, "default", "p");
    assert_non_null(was);
    *p = *was; /* tests use no selector */
    for (size_t k = 0; k < w->n_pods; k++)
        w->pods[k]->watched = false;
    gs_engine_each_target(w->e, watch_again, w);
    world_free_engine(w);
    w->dead = w->lose_incidents = false;
    w->act = ACT_OK;
    start(w);
    (void)world_set(w, p);
    for (size_t k = 0; k < w->n_stored; k++)
        gs_engine_adopt_incident(w->e, copy_of(w->stored[k]));
    for (size_t k = 0; k < w->n_scales; k++)
        if (w->scales[k].recorded)
            gs_engine_adopt_history(w->e, w->scales[k].policy, &w->scales[k].record);
    for (size_t k = 0; k < w->n_pods; k++)
        if (w->pods[k]->watched)
            world_watch(w, "p", w->pods[k]);
    gs_engine_synced(w->e);
}

gs_workload_ref world_workload(const char *name)
{
    gs_workload_ref ref = {.api_version = "apps/v1", .kind = "Deployment", .ns = "default"};
    (void)snprintf(ref.name, sizeof ref.name, "%s", name);
    (void)snprintf(ref.uid, sizeof ref.uid, "uid-%.40s", name);
    return ref;
}

gs_policy *world_policy(const char *name)
{
    gs_policy *p = gs_policy_new();
    (void)snprintf(p->ns, sizeof p->ns, "default");
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    (void)snprintf(p->uid, sizeof p->uid, "uid-%.40s", name);
    p->mode = GS_MODE_ENFORCE;
    p->has_s3 = true;
    p->actions[0] = (gs_action_spec){.type = GS_ACTION_SCALE_OUT, .scale_out = {.step = 1, .max_replicas = 10}};
    p->n_actions = 1;
    return p;
}

const gs_policy *world_set(world *w, gs_policy *p)
{
    gs_engine_set_policy(w->e, p);
    return p;
}

fake_pod *world_pod(world *w, const char *workload, const char *name)
{
    fake_pod *p = gs_alloc(sizeof *p);
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    (void)snprintf(p->uid, sizeof p->uid, "uid-%.40s", name);
    (void)snprintf(p->host, sizeof p->host, "10.%zu.%zu.%zu", w->n_pods >> 16, w->n_pods >> 8 & 255, w->n_pods & 255);
    p->workload = world_workload(workload);
    p->started_ms = w->now;
    w->pods = gs_grow(w->pods, &w->cap_pods, w->n_pods + 1, sizeof(fake_pod *));
    w->pods[w->n_pods++] = p;
    return p;
}

fake_site *world_site(fake_pod *p, const char *leaf, double base, double rate, int64_t from_ms)
{
    assert_true(p->n_sites < WORLD_SITES);
    fake_site *s = &p->sites[p->n_sites++];
    *s = (fake_site){.leaf = leaf, .state = GS_STATE_CHAN_SEND, .base = base, .rate = rate, .from_ms = from_ms};
    return s;
}

void world_watch(world *w, const char *policy, const fake_pod *p)
{
    gs_target_spec t = {.ns = "default", .name = p->name, .uid = p->uid, .host = p->host, .metrics_port = 8080,
                        .pprof_port = 6060};
    gs_engine_set_target(w->e, policy, &p->workload, &t);
}

void world_drop(world *w, const fake_pod *p, enum gs_leave why)
{
    gs_engine_drop_target(w->e, "default", p->name, why);
}

fake_pod *world_usual(world *w)
{
    (void)world_set(w, world_policy("p"));
    (void)world_scale(w, "shop");
    fake_pod *p = world_pod(w, "shop", "shop-1");
    world_site(p, "net/http.(*conn).serve", 12, 0, 0)->state = GS_STATE_IO_WAIT;
    world_watch(w, "p", p);
    return p;
}

void world_run(world *w, int64_t ms)
{
    int64_t end = w->now + ms;
    while (w->e && !w->dead) {
        world_call **at = &w->calls;
        for (world_call **o = &w->calls; *o; o = &(*o)->next)
            if ((*o)->due < (*at)->due)
                at = o;
        int64_t call = *at ? (*at)->due : NEVER, run = w->armed >= 0 ? w->armed : NEVER;
        int64_t next = call < run ? call : run;
        if (next > end)
            break;
        w->now = next > w->now ? next : w->now;
        if (call <= run) {
            world_call *c = *at;
            *at = c->next;
            answer(w, c);
        } else {
            w->armed = -1;
            gs_engine_run(w->e);
        }
        uint64_t pending = world_stats(w).pending_evidence_bytes;
        w->most_pending = pending > w->most_pending ? pending : w->most_pending;
    }
    if (!w->dead)
        w->now = end;
}

const world_line *world_until(world *w, enum gs_event e, int64_t ms)
{
    size_t before = world_count(w, e);
    for (int64_t end = w->now + ms; w->now < end && world_count(w, e) == before && !w->dead;)
        world_run(w, 100);
    if (world_count(w, e) == before)
        fail_msg("no event %s within %" PRId64 " ms", gs_engine_event_name(e), ms);
    return world_line_at(w, e, before);
}

size_t world_count(const world *w, enum gs_event e)
{
    size_t n = 0;
    for (size_t k = 0; k < w->n_lines; k++)
        n += w->lines[k].event == e;
    return n;
}

const world_line *world_line_at(const world *w, enum gs_event e, size_t k)
{
    for (size_t at = 0; at < w->n_lines; at++)
        if (w->lines[at].event == e && k-- == 0)
            return &w->lines[at];
    return NULL;
}

struct pick {
    size_t k, n;
    const gs_incident *found;
};

static void pick_incident(void *ctx, const gs_incident *i)
{
    struct pick *p = ctx;
    if (p->n++ == p->k)
        p->found = i;
}

gs_incident *world_incident(const world *w, size_t k)
{
    struct pick p = {.k = k};
    gs_engine_each_incident(w->e, pick_incident, &p);
    return (gs_incident *)(uintptr_t)p.found;
}

size_t world_incidents(const world *w)
{
    struct pick p = {0};
    gs_engine_each_incident(w->e, pick_incident, &p);
    return p.n;
}

gs_policy_facts world_facts(world *w, const char *policy)
{
    gs_policy_facts f;
    const gs_policy *p = gs_engine_policy(w->e, "default", policy);
    assert_non_null(p);
    gs_engine_policy_facts(w->e, p, &f);
    return f;
}

gs_engine_stats world_stats(const world *w)
{
    gs_engine_stats s;
    gs_engine_get_stats(w->e, &s);
    return s;
}

struct find {
    const char *pod;
    gs_target_view v;
    bool found;
};

static void find_view(void *ctx, const gs_target_view *v)
{
    struct find *f = ctx;
    if (gs_streq(v->name, f->pod)) {
        f->v = *v;
        f->found = true;
    }
}

const gs_target_view *world_view(const world *w, const char *pod)
{
    static gs_target_view v;
    struct find f = {.pod = pod};
    gs_engine_each_target(w->e, find_view, &f);
    v = f.v;
    return f.found ? &v : NULL;
}
