/* The recorder, the clock, and what tests ask of the world. */
#include "engine_world.h"

#include "base/mem.h"

#include <inttypes.h>

void world_violate(world *w, const char *what)
{
    if (!w->violations[0])
        (void)snprintf(w->violations, sizeof w->violations, "at %" PRId64 " ms: %s", w->now, what);
}

static int64_t mono(void *ctx)
{
    return ((world *)ctx)->now;
}

static int64_t wall(void *ctx)
{
    const world *w = ctx;
    return w->now + WORLD_WALL0 + w->wall_skew_ms;
}

static void arm(void *ctx, int64_t at)
{
    ((world *)ctx)->armed = at;
}

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
        world_violate(w, "an event of an incident without a name");
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
        c->pods[c->n_pods] = (gs_incident_pod){
            .goroutines = i->pods[k].goroutines, .leaking = i->pods[k].leaking, .peak = i->pods[k].leaking};
        memcpy(c->pods[c->n_pods].revision, i->revision, sizeof i->revision);
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

static void on_decision(void *ctx, const gs_decision *d)
{
    world *w = ctx;
    w->decisions = gs_grow(w->decisions, &w->cap_decisions, w->n_decisions + 1, sizeof *w->decisions);
    world_decision *to = &w->decisions[w->n_decisions++];
    *to = (world_decision){.ms = w->now,
                           .kind = d->kind,
                           .type = d->type,
                           .from = d->from,
                           .to = d->to,
                           .outcome = d->outcome,
                           .refusal = d->refusal};
    (void)snprintf(to->id, sizeof to->id, "%s", d->action_id);
    (void)snprintf(to->message, sizeof to->message, "%s", d->message);
    for (size_t k = 0, n = 0; k < d->n_victims; k++)
        n += (size_t)snprintf(to->pods + n, sizeof to->pods - n, "%.60s ", d->victims[k].name);
    if (!d->policy || !d->workload || !d->wall_ms ||
        (d->kind == GS_DECISION_REFUSE) != (d->refusal != GS_REFUSAL_NONE) ||
        (d->kind == GS_DECISION_REFUSE ? d->action_id[0] : d->incident && !d->action_id[0]))
        world_violate(w, "a decision without a policy, a workload, a time, an id or a reason");
}

static void on_policy(void *ctx, const gs_policy *p)
{
    world *w = ctx;
    gs_policy_facts f;
    w->policy_tells++;
    gs_engine_policy_facts(w->e, p, &f); /* as the operator does, in the middle of anything */
}

static void start(world *w)
{
    w->ports = (gs_ports){
        .clock = {.mono_ms = mono, .wall_ms = wall, .ctx = w},
        .arm = arm,
        .arm_ctx = w,
        .seed = 42,
        .recorder =
            {.event = on_event, .incident = on_incident, .policy = on_policy, .decision = on_decision, .ctx = w},
    };
    world_ports(w);
    w->armed = -1;
    w->e = gs_engine_new(&w->ports);
}

void world_open(world *w)
{
    *w = (world){
        .now = 1000000, .sample_ms = 3, .profile_ms = 40, .put_ms = 70, .take_ms = 60, .act_ms = 30, .raw_bytes = 1000};
    start(w);
    gs_engine_synced(w->e);
}

void world_free_engine(world *w)
{
    world_end_calls(w, false); /* evidence and actuator end what is under way; see ports.h */
    gs_engine_free(w->e);
    w->e = NULL;
    if (w->calls || w->pools)
        world_violate(w, "the freed engine left samples, profiles or pools behind");
    world_end_calls(w, true);
}

void world_close(world *w)
{
    if (w->e)
        world_free_engine(w);
    for (size_t k = 0; k < w->n_stored; k++)
        gs_incident_free(w->stored[k]);
    for (size_t k = 0; k < w->n_pods; k++) {
        free(w->pods[k]->leaks.v);
        free(w->pods[k]->dumps.v);
        for (size_t t = 0; t < GS_PROFILE_KINDS; t++)
            free(w->pods[k]->takes[t].v);
        free(w->pods[k]);
    }
    free(w->pods);
    free(w->lines);
    free(w->decisions);
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
    p->detection.resources.enabled = false; /* many leaks here are large: an incident more for each */
    p->has_s3 = true;
    p->actions[0] =
        (gs_action_spec){.type = GS_ACTION_SCALE_OUT,
                         .scale_out = {.step = 1, .max_replicas = 10, .hold_s = 86400, .max_hold_s = 86400}};
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
    gs_target_spec t = {.ns = "default",
                        .name = p->name,
                        .uid = p->uid,
                        .host = p->host,
                        .metrics_port = 8080,
                        .pprof_port = 6060,
                        .revision = p->revision,
                        .memory_limit = p->memory_limit};
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

gs_incident *world_leaking(world *w)
{
    fake_pod *p = world_usual(w);
    (void)world_site(p, WORLD_LEAK, 0, 2, w->now);
    (void)world_until(w, GS_EVENT_INCIDENT, MINUTE);
    return world_incident(w, 0);
}

void world_run(world *w, int64_t ms)
{
    int64_t end = w->now + ms;
    while (w->e && !w->dead) {
        int64_t call = world_next_call(w), run = w->armed >= 0 ? w->armed : NEVER;
        int64_t next = call < run ? call : run;
        if (next > end)
            break;
        w->now = next > w->now ? next : w->now;
        if (call <= run) {
            world_answer_next(w);
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
