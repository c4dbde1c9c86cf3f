/* What a look at a suspicious pod means for the incidents of its workload. */
#include "base/mem.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>

/* The pattern of a leak that no profile could be had of: there are numbers only. */
#define NO_PATTERN "p0000000000"

bool gs_listed(const workload *w, const char *pod)
{
    for (size_t k = 0; k < w->n_incidents; k++)
        if (!w->incidents[k]->resolved && w->incidents[k]->type == GS_INCIDENT_LEAK &&
            gs_incident_find_pod(w->incidents[k], pod))
            return true;
    return false;
}

/* When the growth began: as the samples tell, or the site's own rise where it is the longer one. Wall clock. */
static int64_t onset_ms(const target *t, const gs_growth *grown)
{
    double by_samples = (double)(mono(t->e) - gs_series_onset_ms(&t->series));
    double by_site = gs_incident_primary(grown)->survived_ms;
    return wall(t->e) - (int64_t)(by_site > by_samples ? by_site : by_samples);
}

static gs_incident *open_incident(target *t, const gs_growth *grown)
{
    workload *w = t->w;
    gs_incident *i = gs_incident_new(&w->ref, gs_incident_primary(grown)->site);
    i->detection_ms = wall(t->e);
    i->start_ms = onset_ms(t, grown);
    (void)gs_str_copy(i->policy_name, sizeof i->policy_name, gs_str_of(w->pe->p->name));
    (void)gs_str_copy(i->policy_uid, sizeof i->policy_uid, gs_str_of(w->pe->p->uid));
    w->incidents = gs_grow(w->incidents, &w->cap_incidents, w->n_incidents + 1, sizeof(gs_incident *));
    w->incidents[w->n_incidents++] = i;
    return i;
}

/* "SiteGrows, LeakProfile: 36 goroutines in chan send at main.(*orders).publish" */
static void describe(const gs_incident *i, char *dst, size_t cap)
{
    size_t n = 0;
    dst[0] = 0;
    for (unsigned k = 0; k < GS_REASONS && n < cap; k++)
        if (i->reasons & (1U << k))
            n += (size_t)snprintf(dst + n, cap - n, "%s%s", n ? ", " : "", gs_reason_name(1U << k));
    if (n < cap)
        (void)snprintf(dst + n, cap - n, ": %llu goroutines in %s at %s", (unsigned long long)i->patterns[0].count,
                       gs_state_name(i->patterns[0].state), i->patterns[0].leaf);
}

/* The incident of grown sites that no open one lists: one opened just now on the same pod, one that comes back, or a new
 * one. NULL: the pod leaks already, and these are not sure enough for an incident of their own. */
static gs_incident *home_of(target *t, gs_growth *fresh, bool *ret_opened)
{
    workload *w = t->w;
    gs_incident *i = gs_incident_assign(w->incidents, w->n_incidents, fresh, t->name, wall(t->e));
    *ret_opened = false;
    if (i && !i->resolved)
        return i;
    if (gs_listed(w, t->name)) {
        size_t n = 0;
        for (size_t g = 0; g < fresh->n; g++)
            if (fresh->v[g].grade >= GS_GRADE_PROBABLE)
                fresh->v[n++] = fresh->v[g];
        fresh->n = n;
        if (!n)
            return NULL;
        i = gs_incident_assign(w->incidents, w->n_incidents, fresh, t->name, wall(t->e));
    }
    *ret_opened = true;
    if (!i)
        return open_incident(t, fresh);
    gs_incident_reopen(i, wall(t->e));
    i->start_ms = onset_ms(t, fresh);
    return i;
}

static void add_growth(gs_growth *to, const gs_grown *g)
{
    if (to->n < GS_LEN(to->v))
        to->v[to->n++] = *g;
}

static void keep_evidence(target *t, gs_incident *i, const gs_profile *p)
{
    if (!t->track)
        return;
    if (t->track->leaks_raw.n && (i->reasons & GS_REASON_LEAK))
        gs_evidence_keep(t, i, GS_PROFILE_LEAK, &t->track->leaks_raw, p->total);
    gs_evidence_keep(t, i, GS_PROFILE_GOROUTINE, &t->track->raw, p->total);
}

/* What a profile says of one incident: its sites that grew, if any did. */
static void observe(target *t, gs_incident *i, const gs_profile *p, const gs_growth *grown, bool opened)
{
    gs_engine *e = t->e;
    enum gs_grade before = i->grade;
    const gs_observed o = {.pod = t->name,
                           .revision = t->revision,
                           .profile = p,
                           .grown = grown,
                           .base = &t->base,
                           .rules = grown->n ? t->esc.rules : 0};
    bool urgent = gs_incident_observe(i, &o, wall(e));
    char reason[400];
    describe(i, reason, sizeof reason);
    if (opened) {
        e->stats.incidents_opened++;
        (void)gs_condition_set(gs_condition_slot(i->conditions, GS_LEN(i->conditions), "Resolved"), "False",
                               i->reasons & GS_REASON_SITE ? "SiteGrows" : "FloorRises", reason, 0, wall(e));
    }
    e->ports.recorder.incident(e->ports.recorder.ctx, i, urgent || opened); /* gives it its name */
    if (i->grade != before)
        gs_tell(e, GS_EVENT_GRADED, t->w, t->name, i, reason);
    if (opened)
        gs_tell(e, GS_EVENT_INCIDENT, t->w, t->name, i, reason);
    if (i->grade != before || (grown->n && !gs_incident_has_evidence(i) && !gs_evidence_waiting(e, i)))
        keep_evidence(t, i, p);
}

/* A pod joins an open incident with evidence of its own: healthy pods use the code that leaks in others, and that its
 * goroutines become more for a moment makes none of them a leaking one. */
static bool joins(const target *t, gs_incident *i, const gs_grown *g)
{
    return g->grade || g->named || gs_incident_find_pod(i, t->name);
}

static gs_incident *lister(const workload *w, const char *id)
{
    for (size_t k = 0; k < w->n_incidents; k++)
        if (!w->incidents[k]->resolved && gs_incident_pattern(w->incidents[k], id) >= 0)
            return w->incidents[k];
    return NULL;
}

/* The open incident that a grown site belongs to: it lists the site, or the one that names the site's pattern, whose
 * stacks are alike. */
static gs_incident *owner_of(const workload *w, const gs_profile *p, const gs_grown *g)
{
    gs_incident *i = lister(w, g->site->id);
    return i || g->site->pattern >= p->n ? i : lister(w, p->sites[g->site->pattern].id);
}

/* Every site that grew belongs to one incident; the incidents that list the pod get their counts, growth or not. */
static void tell(target *t, const gs_profile *p, const gs_growth *grown)
{
    workload *w = t->w;
    gs_growth fresh = {.n = 0};
    for (size_t g = 0; g < grown->n; g++)
        if (grown->v[g].grade && !owner_of(w, p, &grown->v[g]))
            add_growth(&fresh, &grown->v[g]);
    bool opened = false;
    const gs_incident *home = fresh.n ? home_of(t, &fresh, &opened) : NULL;
    for (size_t k = 0; k < w->n_incidents; k++) {
        gs_incident *i = w->incidents[k];
        if (i->resolved || i->type != GS_INCIDENT_LEAK)
            continue;
        gs_growth mine = {.n = 0};
        if (i == home)
            mine = fresh;
        for (size_t g = 0; g < grown->n; g++)
            if (!(i == home && opened) && owner_of(w, p, &grown->v[g]) == i && joins(t, i, &grown->v[g]))
                add_growth(&mine, &grown->v[g]);
        if (mine.n || gs_incident_find_pod(i, t->name))
            observe(t, i, p, &mine, opened && i == home);
    }
    if (!grown->n)
        return;
    gs_tell_policy(t->e, w->pe);
    gs_snapshot_run(w);
    w->heal_next = 0;
    gs_heal_workload(w);
}

void gs_incidents_tell(target *t)
{
    gs_growth grown;
    const gs_profile *p = t->track->latest;
    gs_track_grown(&t->track->sites, p, &t->base, t->g->pe->p->detection.floor.windows, &grown);
    tell(t, p, &grown);
}

void gs_incidents_tell_numbers(target *t)
{
    gs_floor floor;
    unsigned windows = 2 * (unsigned)t->g->pe->p->detection.floor.windows; /* no stacks to go by: twice as long */
    if (windows > GS_FLOOR_WINDOWS - 1)
        windows = GS_FLOOR_WINDOWS - 1;
    bool rises = gs_series_floor(&t->series, windows, &floor) && t->esc.failures >= GS_PROFILE_FAILURES;
    gs_incident *known = lister(t->w, NO_PATTERN);
    if (!rises && !(known && gs_incident_find_pod(known, t->name)))
        return;
    float last = gs_series_last(&t->series);
    gs_site site = {.id = NO_PATTERN, .leaf = "unknown", .entry = "unknown", .leaf_file = "", .created_by = ""};
    site.count = last > 0 ? (uint64_t)last : 0;
    gs_profile p = {.total = site.count, .sites = &site, .n = 1};
    gs_growth grown = {.n = 0};
    if (rises)
        add_growth(&grown, &(gs_grown){.site = &site,
                                       .base = (uint64_t)floor.from,
                                       .grade = GS_GRADE_SUSPECTED,
                                       .reasons = GS_REASON_FLOOR,
                                       .survived_ms = (double)(mono(t->e) - floor.since_ms)});
    tell(t, &p, &grown);
}

void gs_incidents_describe(target *t, const gs_profile *all)
{
    gs_engine *e = t->e;
    for (size_t k = 0; k < t->w->n_incidents; k++) {
        gs_incident *i = t->w->incidents[k];
        if (i->resolved || i->type != GS_INCIDENT_LEAK || !gs_incident_find_pod(i, t->name))
            continue;
        gs_incident_describe(i, all);
        if (!gs_snapshot_has(i, GS_PROFILE_DUMP) && !gs_evidence_waiting_of(e, i, GS_PROFILE_DUMP))
            gs_evidence_keep(t, i, GS_PROFILE_DUMP, &t->track->dump_raw, all->total);
        e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    }
}
