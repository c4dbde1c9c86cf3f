/* The ports that the engine asks through: each question waits in a list until its time has come. */
#include "base/mem.h"
#include "engine_world_calls.h"

#include <math.h>

static fake_pod *pod_of(world *w, const char *host)
{
    for (size_t k = 0; k < w->n_pods; k++)
        if (gs_streq(w->pods[k]->host, host))
            return w->pods[k];
    fail_msg("no pod has the address %s", host);
    return NULL;
}

static void answer(world *w, world_call *c);

void world_ask(world *w, world_call call, int64_t takes_ms)
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
    w->sampled_with = ep->access;
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
    world_ask(w,
              (world_call){.kind = CALL_SAMPLE, .arg = arg, .pool = pool, .pod = p, .total = total, .on_sample = done},
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
    w->fetched_with = ep->access;
    p->profiles += kind == GS_PROFILE_GOROUTINE;
    if (kind == GS_PROFILE_LEAK)
        note(&p->leaks, w->now);
    if (kind == GS_PROFILE_DUMP)
        note(&p->dumps, w->now);
    for (const world_call *c = w->calls; c; c = c->next)
        if (c->kind == CALL_PROFILE && c->arg == arg)
            world_violate(w, "two profiles of one pod under way");
    world_ask(w,
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

/* Leak profiles are kept in no test, so that there is one dump for each grade. */
static bool wanted(void *ctx, const gs_policy *p, enum gs_profile_kind kind)
{
    return kind != GS_PROFILE_LEAK && (p->snapshot_kinds >> kind & 1) && !((const world *)ctx)->no_evidence_wanted;
}

static void put(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                uint64_t goroutines, gs_str raw, int64_t wall_ms,
                void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    world *w = ctx;
    if (w->puts < GS_LEN(w->put_at))
        w->put_at[w->puts] = w->now;
    w->puts++;
    if (!i->name[0] || !pod[0] || !p->name[0] || !goroutines || !raw.n || !wanted(ctx, p, kind))
        world_violate(w, "evidence without a name, a pod, a policy or bytes");
    world_call c = {.kind = CALL_PUT,
                    .arg = arg,
                    .evidence = kind,
                    .raw = raw,
                    .first = raw.p[0],
                    .last = raw.p[raw.n - 1],
                    .wall_ms = wall_ms,
                    .on_put = done};
    (void)gs_str_copy(c.name, sizeof c.name, gs_str_of(pod));
    world_ask(w, c, w->store == STORE_HANGS ? NEVER : w->put_ms);
}

static void take(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, const gs_endpoint *ep,
                 enum gs_profile_kind kind, int seconds, int64_t wall_ms,
                 void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg)
{
    world *w = ctx;
    fake_pod *at = pod_of(w, ep->host);
    bool timed = kind == GS_PROFILE_CPU || kind == GS_PROFILE_TRACE;
    w->takes++;
    w->taken_with = ep->access;
    note(&at->takes[kind], w->now);
    if (!i->name[0] || i->resolved || !gs_streq(at->name, pod) || !gs_incident_goroutines(i, pod) ||
        !wanted(ctx, p, kind) || kind == GS_PROFILE_DUMP || (seconds > 0) != timed)
        world_violate(w, "a take of the wrong kind, pod or seconds, or of no open incident");
    for (const world_call *c = w->calls; c; c = c->next)
        if (c->kind == CALL_TAKE && c->pod == at)
            world_violate(w, "two takes from one pod under way");
    world_call c = {
        .kind = CALL_TAKE, .arg = arg, .evidence = kind, .pod = at, .raw.n = 1, .wall_ms = wall_ms, .on_put = done};
    (void)gs_str_copy(c.name, sizeof c.name, gs_str_of(pod));
    bool at_once = at->down || at->no_take[kind] != GS_OK;
    world_ask(w, c, w->store == STORE_HANGS || at->mute ? NEVER : at_once ? w->take_ms : w->take_ms + seconds * SECOND);
}

static void forget_take(void *ctx, void *arg)
{
    world *w = ctx;
    for (world_call **at = &w->calls; *at; at = &(*at)->next)
        if ((*at)->kind == CALL_TAKE && (*at)->arg == arg) {
            world_call *c = *at;
            *at = c->next;
            free_call(c);
            w->forgotten_takes++;
            return;
        }
    world_violate(w, "a take was forgotten that is not under way");
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
    gs_evidence e = {.key = "prod/shop/dump", .bytes = c->raw.n, .time_ms = c->wall_ms};
    (void)gs_str_copy(e.kind, sizeof e.kind, gs_str_of(gs_profile_kind_name(c->evidence)));
    (void)gs_str_copy(e.pod, sizeof e.pod, gs_str_of(c->name));
    bool take = c->kind == CALL_TAKE;
    if (!take && (c->raw.p[0] != c->first || c->raw.p[c->raw.n - 1] != c->last))
        world_violate(w, "the bytes of a dump changed while it was being stored");
    bool away = take && (c->pod->down || c->pod->no_profiles);
    if (away || (take && c->pod->no_take[c->evidence]))
        (void)gs_error_set(&err, away ? GS_TRANSIENT : c->pod->no_take[c->evidence], "GET it: not now");
    else if (w->store == STORE_FAILS || (take && w->store == STORE_TAKES_FAIL))
        (void)gs_error_set(&err, take ? GS_REFUSED : GS_TRANSIENT, "put: 503 SlowDown");
    else if (w->store == STORE_LIES)
        e.time_ms -= 3600 * SECOND;
    else if (!w->stored_at)
        w->stored_at = w->now;
    c->on_put(c->arg, &e, &err);
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
    case CALL_TAKE:
        answer_put(w, c);
        break;
    case CALL_FACTS:
    case CALL_ADVANCE:
    case CALL_UNDO:
    case CALL_RECORD:
        world_answer_act(w, c);
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
    world_actuator(w);
    w->ports.samples = (gs_sample_source){.pool_new = pool_new, .pool_free = pool_free, .sample = sample, .ctx = w};
    w->ports.profiles = (gs_profile_source){.fetch = fetch, .forget = forget, .ctx = w};
    w->ports.evidence =
        (gs_evidence_store){.wanted = wanted, .put = put, .take = take, .forget = forget_take, .ctx = w};
}
