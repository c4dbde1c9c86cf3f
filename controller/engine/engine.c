#include "base/mem.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>

const char *gs_engine_event_name(enum gs_event e)
{
    static const char *const names[] = {"suspected", "graded", "incident", "resolved", "action", "refused"};
    return names[e];
}

void gs_tell(gs_engine *e, enum gs_event ev, const workload *w, const char *pod, const gs_incident *i,
             const char *reason)
{
    e->stats.events[ev]++;
    e->ports.recorder.event(e->ports.recorder.ctx, ev, &w->ref, pod, i, reason);
}

void gs_tell_policy(gs_engine *e, const policy_entry *pe)
{
    if (pe)
        e->ports.recorder.policy(e->ports.recorder.ctx, pe->p);
}

void gs_engine_rearm(gs_engine *e)
{
    if (!e->running && gs_ticks_next(&e->ticks) >= 0)
        e->ports.arm(e->ports.arm_ctx, gs_ticks_next(&e->ticks));
}

static void workload_free(workload *w)
{
    gs_tick_stop(&w->e->ticks, &w->tick);
    for (size_t i = 0; i < w->n_incidents; i++) {
        gs_evidence_orphan(w->e, w->incidents[i]);
        gs_snapshot_forget(w, w->incidents[i]);
        gs_incident_free(w->incidents[i]);
    }
    for (size_t i = 0; i < w->n_sites; i++) {
        free(w->sites[i].leaf);
        free(w->sites[i].entry);
    }
    w->e->n_sites -= w->n_sites;
    free(w->incidents);
    free(w->targets);
    free(w->call);
    free(w->history);
    free(w->key);
    free(w);
}

void gs_target_free(target *t)
{
    gs_tick_stop(&t->e->ticks, &t->tick);
    gs_counts_done(&t->base);
    gs_counts_done(&t->leaked);
    gs_track_forget(t);
    free(t->error);
    free(t->revision);
    free(t->host);
    free(t->uid);
    free(t->key);
    free(t);
}

void gs_workload_release(workload *w)
{
    if (w->n_targets || w->n_incidents || w->history || w->call)
        return;
    (void)gs_map_remove(w->e->workloads, w->key);
    workload_free(w);
}

workload *gs_workload_of(gs_engine *e, const gs_workload_ref *ref)
{
    gs_autofree char *key = gs_sprintf("%s/%s/%s/%s", ref->ns, ref->kind, ref->name, ref->uid);
    workload *w = gs_map_get(e->workloads, key);
    if (w)
        return w;
    w = gs_alloc(sizeof *w);
    w->e = e;
    w->ref = *ref;
    w->key = gs_take(key);
    w->tick.fn = gs_turn_tick;
    gs_map_put(e->workloads, w->key, w);
    return w;
}

static void housekeeping(gs_tick *tick)
{
    gs_engine *e = GS_OWNER(tick, gs_engine, housekeeping);
    gs_tick_set(&e->ticks, tick, mono(e) + GS_HOUSEKEEPING_MS);
    if (!e->synced)
        return;
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        workload *w = it.value;
        if (!w->n_incidents && !w->history)
            continue;
        if (w->prune_at && mono(e) >= w->prune_at)
            gs_incidents_prune(w);
        gs_incidents_settle(w);
        gs_snapshot_run(w);
        gs_heal_workload(w);
        gs_workload_release(w);
    }
}

gs_engine *gs_engine_new(const gs_ports *ports)
{
    gs_engine *e = gs_alloc(sizeof *e);
    e->ports = *ports;
    e->rng.state = ports->seed;
    e->policies = gs_map_new(NULL);
    e->targets = gs_map_new(NULL);
    e->workloads = gs_map_new(NULL);
    e->housekeeping.fn = housekeeping;
    gs_tick_set(&e->ticks, &e->housekeeping, mono(e) + GS_HOUSEKEEPING_MS);
    gs_engine_rearm(e);
    return e;
}

static void policy_free(policy_entry *pe)
{
    while (pe->n_groups)
        gs_sweep_free_group(pe->groups[0]);
    gs_policy_free(pe->p);
    gs_access_unref(pe->access);
    free(pe->groups);
    free(pe);
}

void gs_engine_free(gs_engine *e)
{
    if (!e)
        return;
    e->running = true; /* nothing is armed any more */
    for (gs_map_it it = {0}; gs_map_next(e->targets, &it);) {
        target *t = it.value;
        e->ports.profiles.forget(e->ports.profiles.ctx, t);
        t->gone = true;
    }
    for (gs_map_it it = {0}; gs_map_next(e->policies, &it);)
        policy_free(it.value); /* frees the targets with their groups */
    gs_evidence_free_all(e);
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);)
        workload_free(it.value);
    gs_map_free(e->policies);
    gs_map_free(e->targets);
    gs_map_free(e->workloads);
    free(e->spent);
    gs_tick_stop(&e->ticks, &e->housekeeping);
    gs_ticks_done(&e->ticks);
    free(e);
}

void gs_engine_run(gs_engine *e)
{
    e->running = true;
    for (gs_tick *t; (t = gs_tick_pop(&e->ticks, mono(e)));)
        t->fn(t);
    e->running = false;
    gs_engine_rearm(e);
}

static policy_entry *find_policy(const gs_engine *e, const char *ns, const char *name)
{
    gs_autofree char *key = gs_sprintf("%s/%s", ns, name);
    return gs_map_get(e->policies, key);
}

const gs_policy *gs_engine_policy(const gs_engine *e, const char *ns, const char *name)
{
    policy_entry *pe = find_policy(e, ns, name);
    return pe ? pe->p : NULL;
}

/* The workload goes over to the policy that watches it now; its other targets follow as the caller sets them. */
static void claim(workload *w, policy_entry *pe)
{
    if (w->pe == pe)
        return;
    w->pe = pe;
    for (size_t k = 0; k < w->n_incidents; k++) {
        gs_incident *i = w->incidents[k];
        (void)gs_str_copy(i->policy_name, sizeof i->policy_name, gs_str_of(pe->p->name));
        (void)gs_str_copy(i->policy_uid, sizeof i->policy_uid, gs_str_of(pe->p->uid));
    }
}

/* Incidents whose policy left stay open, since nobody may judge them. Where it comes back, it judges them too: as after
 * a restart, a workload that has gone meanwhile would else never be looked at again. */
static void claim_orphans(policy_entry *pe)
{
    gs_engine *e = pe->e;
    if (!e->synced || pe->p->suspend)
        return;
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        workload *w = it.value;
        for (size_t k = 0; k < w->n_incidents && !w->pe; k++)
            if (gs_streq(w->ref.ns, pe->p->ns) && gs_streq(w->incidents[k]->policy_name, pe->p->name)) {
                claim(w, pe);
                w->prune_at = mono(e) + GS_RESOLVE_MS; /* its pods are watched again by then, or gone */
            }
    }
}

void gs_engine_set_policy(gs_engine *e, gs_policy *p)
{
    policy_entry *pe = find_policy(e, p->ns, p->name);
    if (!pe) {
        pe = gs_alloc(sizeof *pe);
        pe->e = e;
        pe->p = p;
        pe->seq = e->policy_seq++;
        gs_autofree char *key = gs_sprintf("%s/%s", p->ns, p->name);
        gs_map_put(e->policies, key, pe);
        claim_orphans(pe);
        return;
    }
    gs_policy *old = pe->p;
    pe->p = p;
    if (old->interval_s != p->interval_s || old->detection.surge.window_s != p->detection.surge.window_s ||
        old->detection.floor.window_s != p->detection.floor.window_s)
        gs_sweep_respread(pe);
    bool moved = !gs_streq(old->endpoint.metrics_path, p->endpoint.metrics_path);
    for (gs_map_it it = {0}; moved && gs_map_next(e->targets, &it);) {
        target *t = it.value;
        if (t->g->pe == pe)
            t->no_metrics = t->metrics_port == 0; /* the 404 was of another page */
    }
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        workload *w = it.value;
        if (w->pe == pe || w->history_pe == pe)
            w->heal_next = 0; /* another mode, grade or limit may apply now */
        if (w->pe == pe && old->suspend && !p->suspend)
            w->prune_at = mono(e) + GS_RESOLVE_MS; /* its pods are watched again by then, or gone */
        if (w->pe == pe && w->tick.pos && old->profile_interval_s != p->profile_interval_s)
            gs_tick_set(&e->ticks, &w->tick, mono(e) + (int64_t)p->profile_interval_s * 1000);
    }
    gs_policy_free(old);
    claim_orphans(pe);
    gs_engine_rearm(e);
}

void gs_engine_set_access(gs_engine *e, const char *ns, const char *policy, gs_access *a)
{
    policy_entry *pe = find_policy(e, ns, policy);
    if (!pe)
        return;
    gs_access *old = pe->access;
    pe->access = gs_access_ref(a);
    gs_access_unref(old);
}

void gs_engine_remove_policy(gs_engine *e, const char *ns, const char *name)
{
    policy_entry *pe = find_policy(e, ns, name);
    if (!pe)
        return;
    for (gs_map_it it = {0}; gs_map_next(e->targets, &it);) {
        target *t = it.value;
        if (t->g->pe == pe)
            gs_engine_drop_target(e, ns, t->name, GS_LEAVE_UNWATCHED);
    }
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        workload *w = it.value;
        if (w->pe == pe) /* where another policy has some of its pods already, that one goes on */
            w->pe = w->n_targets ? w->targets[0]->g->pe : NULL;
        if (w->history_was == pe)
            w->history_was = NULL;
        if (w->history_pe == pe) {
            w->history_pe = NULL;
            gs_budget_leave(w);
            if (!w->call) {
                free(w->history);
                w->history = NULL;
            }
        }
        gs_workload_release(w);
    }
    gs_autofree char *key = gs_sprintf("%s/%s", ns, name);
    (void)gs_map_remove(e->policies, key);
    policy_free(pe);
    gs_engine_rearm(e);
}

static bool same_target(const target *t, const workload *w, const gs_target_spec *s)
{
    return t->w == w && gs_streq(t->uid, s->uid) && gs_streq(t->host, s->host) && t->metrics_port == s->metrics_port &&
           t->pprof_port == s->pprof_port && gs_streq(t->revision, s->revision) && t->memory_limit == s->memory_limit &&
           t->cpu_limit_milli == s->cpu_limit_milli;
}

void gs_engine_set_target(gs_engine *e, const char *policy, const gs_workload_ref *ref, const gs_target_spec *s)
{
    policy_entry *pe = find_policy(e, s->ns, policy);
    if (!pe)
        return;
    workload *w = gs_workload_of(e, ref);
    gs_autofree char *key = gs_sprintf("%s/%s", s->ns, s->name);
    target *t = gs_map_get(e->targets, key);
    if (t && t->g && t->g->pe == pe && same_target(t, w, s))
        return;
    if (t)
        gs_engine_drop_target(e, s->ns, s->name, gs_streq(t->uid, s->uid) ? GS_LEAVE_UNWATCHED : GS_LEAVE_GONE);
    w = gs_workload_of(e, ref); /* dropping may have released it */
    claim(w, pe);
    t = gs_alloc(sizeof *t);
    t->e = e;
    t->key = gs_take(key);
    t->name = strchr(t->key, '/') + 1;
    t->uid = gs_strdup(s->uid);
    t->host = gs_strdup(s->host);
    t->metrics_port = s->metrics_port;
    t->pprof_port = s->pprof_port;
    t->no_metrics = s->metrics_port == 0;
    t->revision = gs_strdup(s->revision ? s->revision : "");
    t->memory_limit = s->memory_limit;
    t->cpu_limit_milli = s->cpu_limit_milli;
    t->w = w;
    t->tick.fn = gs_profile_tick;
    w->targets = gs_grow(w->targets, &w->cap_targets, w->n_targets + 1, sizeof(target *));
    w->targets[w->n_targets++] = t;
    if (w->n_targets == 1)
        w->prune_at = mono(e) + GS_RESOLVE_MS;
    gs_map_put(e->targets, t->key, t);
    gs_sweep_join(pe, t);
    t->base_due = mono(e) + (int64_t)gs_rng_below(&e->rng, (uint64_t)pe->p->interval_s * 1000);
    if (gs_listed(w, t->name))
        gs_escalate_track(&t->esc, mono(e));
    gs_profile_arm(t);
    if (!w->tick.pos)
        gs_tick_set(&e->ticks, &w->tick, mono(e) + (int64_t)pe->p->profile_interval_s * 1000);
    gs_engine_rearm(e);
}

void gs_engine_drop_target(gs_engine *e, const char *ns, const char *name, enum gs_leave why)
{
    gs_autofree char *key = gs_sprintf("%s/%s", ns, name);
    target *t = gs_map_get(e->targets, key);
    for (gs_map_it it = {0}; !t && why == GS_LEAVE_GONE && gs_map_next(e->workloads, &it);)
        if (gs_streq(((workload *)it.value)->ref.ns, ns))
            gs_incidents_leave(it.value, name); /* it went while it was not watched */
    if (!t)
        return;
    workload *w = t->w;
    (void)gs_map_remove(e->targets, key);
    e->ports.profiles.forget(e->ports.profiles.ctx, t);
    t->profiling = false;
    gs_tick_stop(&e->ticks, &t->tick);
    for (size_t k = 0; k < w->n_targets; k++)
        if (w->targets[k] == t) {
            w->targets[k] = w->targets[--w->n_targets];
            break;
        }
    if (why == GS_LEAVE_GONE)
        gs_incidents_leave(w, name);
    gs_tell_policy(e, w->pe);
    gs_sweep_leave(t);
    if (w->n_targets == 0) {
        gs_tick_stop(&e->ticks, &w->tick);
        w->prune_at = 0;
    }
    gs_workload_release(w);
}

void gs_engine_adopt_history(gs_engine *e, const char *policy, const gs_heal_history *h)
{
    workload *w = gs_workload_of(e, &h->workload);
    policy_entry *pe = find_policy(e, h->workload.ns, policy);
    /* The workload went from one policy to another, whose controller died before the first one's record was put right. */
    bool newer = w->history_pe && !w->call && gs_history_newest_ms(h) > gs_history_newest_ms(w->history);
    if (!pe || (w->history_pe && !newer)) {
        gs_workload_release(w);
        return;
    }
    if (newer)
        free(gs_take(w->history));
    if (!w->history) { /* else a call is under way since before the policy left: its record is the newer one */
        w->history = gs_alloc(sizeof *w->history);
        *w->history = *h;
        if (h->added_replicas > 0 && !h->scaled_ms) /* 0.1 did not write it, and knew no other actions */
            w->history->scaled_ms = h->n_times ? h->action_times[h->n_times - 1] : wall(e);
    }
    gs_budget_return(w);
    w->history_pe = pe;
}

void gs_engine_synced(gs_engine *e)
{
    if (e->synced)
        return;
    e->synced = true;
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        workload *w = it.value;
        for (size_t k = 0; k < w->n_incidents && !w->pe; k++)
            w->pe = find_policy(e, w->ref.ns, w->incidents[k]->policy_name);
        gs_budget_restore(w);
        if (w->pe && !w->pe->p->suspend) /* else nobody watches: nobody may judge */
            gs_incidents_prune(w);
    }
}

bool gs_engine_undo_all(gs_engine *e, const char *ns, const char *name)
{
    policy_entry *pe = find_policy(e, ns, name);
    if (!pe)
        return false;
    bool news = !pe->undo_all, left = false;
    pe->undo_all = true;
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        workload *w = it.value;
        if (w->history_pe != pe || !w->history || (w->history->added_replicas <= 0 && !w->history->pending.set))
            continue;
        if (news)
            w->past_next = 0;
        left = true;
    }
    return left;
}
