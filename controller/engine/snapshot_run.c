/* What is kept of an open incident beside the profiles that the engine looks into: taken from its worst pod by the
 * evidence store, one kind after the other, and whether all that is wanted is there. Level-triggered. What the list of an
 * incident's evidence does not tell is forgotten with the process: after a restart it is tried anew. */
#include "base/mem.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>

#define GIVE_UP 2                 /* failures of pods: then this kind cannot be had */
#define POD_RETRY_MS 10000        /* after the first of them */
#define STORE_FIRST_RETRY_MS 5000 /* each try costs the pod a profile */
#define STORE_MAX_RETRY_MS 60000
#define CPU_GAP_MS 3600000 /* between two CPU profiles of one pod */

/* The cheap ones first; the first one that is wanted must be of a pod that leaks now. */
static const enum gs_profile_kind order[] = {GS_PROFILE_GOROUTINE, GS_PROFILE_HEAP, GS_PROFILE_TRACE, GS_PROFILE_CPU};

/* How far one incident is. */
struct snapshot {
    struct snapshot *next;
    workload *w;
    gs_incident *i;
    int64_t occurrence_ms; /* of what is below: i->detection_ms then */
    struct {
        unsigned failures; /* of pods */
        int64_t not_before;
    } kinds[GS_PROFILE_KINDS];
    unsigned store_failures; /* in a row */
    int64_t not_before;
    /* What is being taken. */
    bool taking;
    enum gs_profile_kind kind;
    char pod[GS_OBJECT_LEN];
    int seconds;
    int64_t began_ms;
};

static struct snapshot *find(const workload *w, const gs_incident *i)
{
    struct snapshot *s = w->snapshots;
    while (s && s->i != i)
        s = s->next;
    return s;
}

/* The one of this occurrence; made where it is not there. */
static struct snapshot *current(workload *w, gs_incident *i)
{
    struct snapshot *s = find(w, i);
    if (!s) {
        s = gs_alloc(sizeof *s);
        s->w = w;
        s->i = i;
        s->next = w->snapshots;
        w->snapshots = s;
    }
    if (s->occurrence_ms != i->detection_ms) {
        memset(s->kinds, 0, sizeof s->kinds);
        s->store_failures = 0;
        s->not_before = 0;
        s->occurrence_ms = i->detection_ms;
    }
    return s;
}

static void drop(workload *w, struct snapshot *s)
{
    for (struct snapshot **at = &w->snapshots; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    free(s);
}

void gs_snapshot_forget(workload *w, const gs_incident *i)
{
    struct snapshot *s = find(w, i);
    if (!s)
        return;
    if (s->taking)
        w->e->ports.evidence.forget(w->e->ports.evidence.ctx, s);
    drop(w, s);
}

void gs_snapshot_free_all(workload *w)
{
    while (w->snapshots)
        drop(w, w->snapshots);
}

/* What is wanted, and what is there. */

static bool wanted(const workload *w, const gs_incident *i, enum gs_profile_kind kind)
{
    const gs_engine *e = w->e;
    bool blocked = (i->rules & GS_RULE_BLOCKED) || (i->n_patterns && gs_state_blocked(i->patterns[0].state));
    return (kind != GS_PROFILE_TRACE || blocked) && e->ports.evidence.wanted(e->ports.evidence.ctx, w->pe->p, kind);
}

static bool is_kind(const gs_evidence *v, const gs_incident *i, enum gs_profile_kind kind)
{
    return v->time_ms >= i->detection_ms && gs_streq(v->kind, gs_profile_kind_name(kind));
}

bool gs_snapshot_has(const gs_incident *i, enum gs_profile_kind kind)
{
    for (size_t k = 0; k < i->n_evidence; k++)
        if (is_kind(&i->evidence[k], i, kind))
            return true;
    return false;
}

/* Of a pod that may be removed next. */
static bool has_of_the_worst(const gs_incident *i, enum gs_profile_kind kind)
{
    size_t worst = i->n_pods < GS_MAX_POD_VICTIMS ? i->n_pods : GS_MAX_POD_VICTIMS;
    for (size_t k = 0; k < i->n_evidence; k++)
        for (size_t p = 0; p < worst && is_kind(&i->evidence[k], i, kind); p++)
            if (gs_streq(i->evidence[k].pod, i->pods[p].name))
                return true;
    return false;
}

static target *watched(const workload *w, const char *pod)
{
    gs_autofree char *key = gs_sprintf("%s/%s", w->ref.ns, pod);
    target *t = gs_map_get(w->e->targets, key);
    return t && t->w == w && t->pprof_port ? t : NULL;
}

/* The last one may be of before a restart: then only the incidents tell. */
static bool cpu_was_profiled(const target *t)
{
    const workload *w = t->w;
    if (t->cpu_ms && mono(t->e) - t->cpu_ms < CPU_GAP_MS)
        return true;
    for (size_t k = 0; k < w->n_incidents; k++)
        for (size_t v = 0; v < w->incidents[k]->n_evidence; v++) {
            const gs_evidence *at = &w->incidents[k]->evidence[v];
            if (gs_streq(at->kind, gs_profile_kind_name(GS_PROFILE_CPU)) && gs_streq(at->pod, t->name) &&
                wall(t->e) - at->time_ms < CPU_GAP_MS)
                return true;
        }
    return false;
}

/* The worst pod that this kind may be taken of; NULL: none. */
static target *source(const workload *w, const gs_incident *i, enum gs_profile_kind kind)
{
    for (size_t k = 0; k < i->n_pods; k++) {
        target *t = watched(w, i->pods[k].name);
        if (t && !(kind == GS_PROFILE_CPU && cpu_was_profiled(t)))
            return t;
    }
    return NULL;
}

/* Where this kind is still to be had from, or is being taken from; NULL: it is there, or cannot be had. */
static target *missing(const workload *w, const gs_incident *i, enum gs_profile_kind kind, bool of_the_worst)
{
    const struct snapshot *s = find(w, i);
    if (of_the_worst ? has_of_the_worst(i, kind) : gs_snapshot_has(i, kind))
        return NULL;
    if (s && s->occurrence_ms == i->detection_ms && s->kinds[kind].failures >= GIVE_UP)
        return NULL;
    target *from = s && s->taking && s->kind == kind ? watched(w, s->pod) : NULL;
    return from ? from : source(w, i, kind);
}

bool gs_snapshot_complete(workload *w, gs_incident *i)
{
    static const enum gs_profile_kind seen[] = {GS_PROFILE_GOROUTINE, GS_PROFILE_LEAK, GS_PROFILE_DUMP};
    bool any = false;
    if (!w->pe)
        return false;
    for (size_t k = 0; k < GS_LEN(order); k++) {
        if (!wanted(w, i, order[k]))
            continue;
        if (missing(w, i, order[k], !any))
            return false;
        any = true;
    }
    for (size_t k = 0; k < GS_LEN(seen); k++) {
        any = any || wanted(w, i, seen[k]);
        if (!gs_snapshot_has(i, seen[k]) && gs_evidence_waiting_of(w->e, i, seen[k]))
            return false;
    }
    return !any || gs_incident_has_evidence(i);
}

/* Taking it. */

static void store_failed(struct snapshot *s, const gs_error *err)
{
    gs_engine *e = s->w->e;
    s->not_before = mono(e) + gs_rng_backoff(&e->rng, ++s->store_failures, STORE_FIRST_RETRY_MS, STORE_MAX_RETRY_MS);
    gs_evidence_failing(s->w, s->i, err);
}

/* One that is gone says nothing of the others. A CPU that someone else profiles is busy for as long as ours would be. */
static void pod_failed(struct snapshot *s, const gs_error *err)
{
    gs_engine *e = s->w->e;
    gs_incident *i = s->i;
    bool never = err->kind == GS_NOT_FOUND || err->kind == GS_TERMINAL;
    e->stats.evidence_errors++;
    if (!watched(s->w, s->pod))
        return;
    s->kinds[s->kind].failures += never ? GIVE_UP : 1;
    s->kinds[s->kind].not_before = mono(e) + POD_RETRY_MS + (s->kind == GS_PROFILE_CPU ? s->seconds * 1000 : 0);
    if (s->kinds[s->kind].failures < GIVE_UP)
        return;
    char message[400];
    (void)snprintf(message, sizeof message, "%s of %s cannot be had: %s", gs_profile_kind_name(s->kind), s->pod,
                   err->msg);
    if (gs_condition_set(gs_condition_slot(i->conditions, GS_LEN(i->conditions), "EvidenceStored"),
                         gs_incident_has_evidence(i) ? "True" : "False", "Incomplete", message, 0, wall(e)))
        e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
}

/* A profile that was refused, or broke off, is none. */
static void note_cpu(const struct snapshot *s, const gs_error *err)
{
    target *t = watched(s->w, s->pod);
    if (t && s->kind == GS_PROFILE_CPU && err->kind != GS_OK &&
        mono(s->w->e) - s->began_ms < (int64_t)s->seconds * 1000)
        t->cpu_ms = 0;
}

static void on_taken(void *arg, const gs_evidence *ev, const gs_error *err)
{
    struct snapshot *s = arg;
    workload *w = s->w;
    s->taking = false;
    note_cpu(s, err);
    if (err->kind == GS_OK) {
        s->store_failures = 0;
        gs_evidence_stored(w, s->i, ev);
        if (!is_kind(ev, s->i, s->kind)) /* of an earlier occurrence, or a store that is not to be trusted */
            s->kinds[s->kind].failures++;
    } else if (err->kind == GS_REFUSED) {
        store_failed(s, err);
    } else {
        pod_failed(s, err);
    }
    gs_snapshot_run(w);
    w->heal_next = 0;
    gs_heal_workload(w);
    gs_engine_rearm(w->e);
}

static bool is_busy(const target *t)
{
    for (const struct snapshot *s = t->w->snapshots; s; s = s->next)
        if (s->taking && gs_streq(s->pod, t->name))
            return true;
    return false;
}

/* Last: the answer may come within the call. */
static void take(struct snapshot *s, target *t, enum gs_profile_kind kind)
{
    gs_engine *e = t->e;
    const gs_policy *p = s->w->pe->p;
    gs_endpoint ep;
    gs_endpoint_of(t, &ep);
    s->taking = true;
    s->kind = kind;
    s->seconds = kind == GS_PROFILE_CPU ? p->cpu_s : kind == GS_PROFILE_TRACE ? p->trace_s : 0;
    s->began_ms = mono(e);
    (void)gs_str_copy(s->pod, sizeof s->pod, gs_str_of(t->name));
    if (kind == GS_PROFILE_CPU)
        t->cpu_ms = s->began_ms;
    e->ports.evidence.take(e->ports.evidence.ctx, p, s->i, t->name, &ep, kind, s->seconds, wall(e), on_taken, s);
}

/* Dumps that wait go first: they are of now, and where the store is away nothing is taken in vain. */
static void run(workload *w, gs_incident *i)
{
    gs_engine *e = w->e;
    bool first = true;
    for (size_t k = 0; k < GS_LEN(order); k++) {
        if (!wanted(w, i, order[k]))
            continue;
        target *t = missing(w, i, order[k], first);
        first = false;
        if (!t || is_busy(t))
            continue;
        struct snapshot *s = current(w, i);
        if (s->taking || mono(e) < s->not_before || gs_evidence_waiting(e, i))
            return;
        if (mono(e) < s->kinds[order[k]].not_before)
            continue;
        take(s, t, order[k]);
        return;
    }
}

void gs_snapshot_run(workload *w)
{
    if (!w->e->synced || !w->pe || w->pe->p->suspend || w->pe->p->deleting)
        return;
    for (size_t k = 0; k < w->n_incidents; k++)
        if (!w->incidents[k]->resolved && w->incidents[k]->name[0])
            run(w, w->incidents[k]);
}
