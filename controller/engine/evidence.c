/* Dumps that wait for their store: kept within a cap, retried with backoff, dropped only where the cap says so. */
#include "base/mem.h"
#include "engine/state.h"

#include <stdlib.h>

static void unlink_dump(dump *d)
{
    gs_engine *e = d->e;
    for (dump **at = &e->dumps; *at; at = &(*at)->next)
        if (*at == d) {
            *at = d->next;
            break;
        }
    gs_tick_stop(&e->ticks, &d->tick);
    e->stats.pending_evidence_bytes -= d->raw.n;
    gs_buf_done(&d->raw);
    free(d);
}

void gs_evidence_failing(workload *w, gs_incident *i, const gs_error *err)
{
    gs_engine *e = w->e;
    policy_entry *pe = w->pe;
    e->stats.evidence_errors++;
    if (pe) {
        pe->evidence_failing = true;
        (void)gs_str_copy(pe->evidence_error, sizeof pe->evidence_error, gs_str_of(err->msg));
        gs_tell_policy(e, pe);
    }
    gs_condition *c = gs_condition_slot(i->conditions, GS_LEN(i->conditions), "EvidenceStored");
    if (gs_condition_set(c, "False", "StoreFailing", err->msg, 0, wall(e)))
        e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
}

void gs_evidence_stored(workload *w, gs_incident *i, const gs_evidence *ev)
{
    gs_engine *e = w->e;
    e->stats.evidence_stored++;
    gs_incident_add_evidence(i, ev);
    (void)gs_condition_set(gs_condition_slot(i->conditions, GS_LEN(i->conditions), "EvidenceStored"), "True", "Stored",
                           ev->key, 0, wall(e));
    if (w->pe)
        w->pe->evidence_failing = false;
    e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    gs_tell_policy(e, w->pe);
}

static void try_again(dump *d)
{
    gs_engine *e = d->e;
    d->attempts++;
    gs_tick_set(&e->ticks, &d->tick,
                mono(e) + gs_rng_backoff(&e->rng, d->attempts, GS_EVIDENCE_FIRST_RETRY_MS, GS_EVIDENCE_MAX_RETRY_MS));
}

static void on_stored(void *arg, const gs_evidence *ev, const gs_error *err)
{
    dump *d = arg;
    gs_engine *e = d->e;
    d->storing = false;
    if (!d->i) {
        unlink_dump(d);
        return;
    }
    if (err->kind != GS_OK) {
        try_again(d);
        gs_evidence_failing(d->w, d->i, err);
        gs_engine_rearm(e);
        return;
    }
    gs_incident *i = d->i;
    workload *w = d->w;
    unlink_dump(d);
    gs_evidence_stored(w, i, ev);
    gs_snapshot_run(w);
    w->heal_next = 0;
    gs_heal_workload(w);
    gs_engine_rearm(e);
}

static void store(gs_tick *tick)
{
    dump *d = GS_OWNER(tick, dump, tick);
    gs_engine *e = d->e;
    if (!d->w->pe) { /* nobody watches now; the policy may come back */
        gs_tick_set(&e->ticks, tick, mono(e) + GS_EVIDENCE_MAX_RETRY_MS);
        return;
    }
    if (!e->ports.evidence.wanted(e->ports.evidence.ctx, d->w->pe->p, d->kind)) { /* the policy has changed since */
        workload *w = d->w;
        w->pe->evidence_failing = false;
        unlink_dump(d);
        gs_tell_policy(e, w->pe);
        return;
    }
    d->storing = true;
    e->ports.evidence.put(e->ports.evidence.ctx, d->w->pe->p, d->i, d->pod, d->kind, d->goroutines, gs_buf_str(&d->raw),
                          d->wall_ms, on_stored, d);
}

static size_t waiting_bytes(const policy_entry *pe)
{
    size_t sum = 0;
    for (const dump *d = pe->e->dumps; d; d = d->next)
        if (d->w->pe == pe)
            sum += d->raw.n;
    return sum;
}

/* One policy whose store is away must not take the room of all. */
static bool has_room(const policy_entry *pe, size_t n)
{
    return pe->e->stats.pending_evidence_bytes + n <= GS_MAX_PENDING_EVIDENCE_BYTES &&
           waiting_bytes(pe) + n <= GS_MAX_PENDING_EVIDENCE_BYTES / 4;
}

void gs_evidence_keep(target *t, gs_incident *i, enum gs_profile_kind kind, gs_buf *raw, uint64_t goroutines)
{
    gs_engine *e = t->e;
    workload *w = t->w;
    if (!raw->n || !e->ports.evidence.wanted(e->ports.evidence.ctx, w->pe->p, kind))
        return;
    if (!has_room(w->pe, raw->n)) {
        e->stats.evidence_dropped++; /* the next profile of this incident is tried again */
        return;
    }
    dump *d = gs_alloc(sizeof *d);
    d->e = e;
    d->i = i;
    d->w = w;
    (void)gs_str_copy(d->pod, sizeof d->pod, gs_str_of(t->name));
    d->kind = kind;
    d->raw = *raw;
    *raw = GS_BUF(0);
    d->goroutines = goroutines;
    d->wall_ms = wall(e);
    d->tick.fn = store;
    d->next = e->dumps;
    e->dumps = d;
    e->stats.pending_evidence_bytes += d->raw.n;
    gs_tick_set(&e->ticks, &d->tick, mono(e));
}

bool gs_evidence_waiting(const gs_engine *e, const gs_incident *i)
{
    for (const dump *d = e->dumps; d; d = d->next)
        if (d->i == i)
            return true;
    return false;
}

bool gs_evidence_waiting_of(const gs_engine *e, const gs_incident *i, enum gs_profile_kind kind)
{
    for (const dump *d = e->dumps; d; d = d->next)
        if (d->i == i && d->kind == kind)
            return true;
    return false;
}

void gs_evidence_orphan(gs_engine *e, const gs_incident *i)
{
    for (dump *d = e->dumps, *next; d; d = next) {
        next = d->next;
        if (d->i != i)
            continue;
        d->i = NULL;
        if (!d->storing)
            unlink_dump(d);
    }
}

void gs_evidence_free_all(gs_engine *e)
{
    while (e->dumps)
        unlink_dump(e->dumps);
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);)
        gs_snapshot_free_all(it.value);
}
