/* L2: when a pod's goroutine profile is fetched, and what it means. */
#include "base/mem.h"
#include "core/detect.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>

bool gs_listed(const workload *w, const char *pod)
{
    for (size_t k = 0; k < w->n_incidents; k++)
        if (!w->incidents[k]->resolved && gs_incident_find_pod(w->incidents[k], pod))
            return true;
    return false;
}

void gs_profile_arm(target *t)
{
    int64_t at = gs_escalate_due(&t->esc);
    if (t->base_due >= 0 && (at < 0 || t->base_due < at))
        at = t->base_due;
    if (at < 0 || t->profiling || !t->pprof_port)
        gs_tick_stop(&t->e->ticks, &t->tick);
    else
        gs_tick_set(&t->e->ticks, &t->tick, at);
}

static void forget_profiles(target *t)
{
    gs_counts_done(&t->prev[0]);
    gs_counts_done(&t->prev[1]);
    t->n_prev = 0;
}

void gs_suspect(target *t, unsigned rules, const char *reason)
{
    gs_engine *e = t->e;
    if (!gs_escalate_suspect(&t->esc, rules, mono(e)))
        return;
    forget_profiles(t);
    for (unsigned k = 0; k < GS_RULES; k++)
        e->stats.suspicions[k] += (rules >> k) & 1;
    gs_tell(e, GS_EVENT_SUSPECTED, t->w, t->name, NULL, reason);
    gs_profile_arm(t);
}

void gs_process_restarted(target *t)
{
    gs_engine *e = t->e;
    if (t->profiling) { /* asked of the old process */
        e->ports.profiles.forget(e->ports.profiles.ctx, t);
        t->profiling = false;
    }
    gs_counts_done(&t->base);
    forget_profiles(t);
    gs_escalate_reset(&t->esc);
    t->profiled_ms = 0;
    t->base_due = mono(e);
    for (size_t k = 0; k < t->w->n_incidents; k++) {
        gs_incident *i = t->w->incidents[k];
        if (!gs_incident_find_pod(i, t->name))
            continue;
        gs_incident_drop_pod(i, t->name);
        e->ports.recorder.incident(e->ports.recorder.ctx, i, false);
    }
    gs_profile_arm(t);
}

/* Since when the count has been rising: the onset, as far back as the series remembers. Wall clock. */
static int64_t onset_ms(const target *t)
{
    int64_t now = mono(t->e), at = now;
    for (unsigned k = 0; k + 1 < t->series.n; k++) {
        if (gs_series_back(&t->series, k, NULL) <= gs_series_back(&t->series, k + 1, NULL))
            break;
        (void)gs_series_back(&t->series, k + 1, &at);
    }
    return wall(t->e) - (now - at);
}

static gs_incident *open_incident(target *t, const gs_growth *grown)
{
    workload *w = t->w;
    gs_incident *i = gs_incident_new(&w->ref, gs_incident_primary(grown)->site);
    i->detection_ms = wall(t->e);
    i->start_ms = onset_ms(t);
    (void)gs_str_copy(i->policy_name, sizeof i->policy_name, gs_str_of(w->pe->p->name));
    (void)gs_str_copy(i->policy_uid, sizeof i->policy_uid, gs_str_of(w->pe->p->uid));
    w->incidents = gs_grow(w->incidents, &w->cap_incidents, w->n_incidents + 1, sizeof(gs_incident *));
    w->incidents[w->n_incidents++] = i;
    return i;
}

static void describe(const gs_incident *i, char *dst, size_t cap)
{
    (void)snprintf(dst, cap, "SiteGrows: %llu goroutines in %s at %s", (unsigned long long)i->patterns[0].count,
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
            if (fresh->v[g].rises >= 2)
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
    i->start_ms = onset_ms(t);
    return i;
}

static void add_growth(gs_growth *to, const gs_grown *g)
{
    if (to->n < GS_LEN(to->v))
        to->v[to->n++] = *g;
}

/* What a profile says of one incident: its sites that grew, if any did. */
static void observe(target *t, gs_incident *i, const gs_profile *p, gs_buf *raw, const gs_growth *grown, bool opened)
{
    gs_engine *e = t->e;
    workload *w = t->w;
    enum gs_grade before = i->grade;
    bool urgent = gs_incident_observe(i, t->name, p, grown, &t->base, grown->n ? t->esc.rules : 0, wall(e));
    char reason[400];
    describe(i, reason, sizeof reason);
    if (opened) {
        e->stats.incidents_opened++;
        (void)gs_condition_set(gs_condition_slot(i->conditions, GS_LEN(i->conditions), "Resolved"), "False",
                               "SiteGrows", reason, 0, wall(e));
    }
    e->ports.recorder.incident(e->ports.recorder.ctx, i, urgent || opened); /* gives it its name */
    if (i->grade != before)
        gs_tell(e, GS_EVENT_GRADED, w, t->name, i, reason);
    if (opened)
        gs_tell(e, GS_EVENT_INCIDENT, w, t->name, i, reason);
    if (i->grade != before || (grown->n && !gs_incident_has_evidence(i) && !gs_evidence_waiting(e, i)))
        gs_evidence_keep(w, i, t->name, raw, p->total);
}

/* Every site that grew belongs to one incident; the incidents that list the pod get their counts, growth or not. */
static void tell_incidents(target *t, const gs_profile *p, gs_buf *raw, const gs_growth *grown)
{
    workload *w = t->w;
    gs_growth fresh = {.n = 0};
    for (size_t g = 0; g < grown->n; g++) {
        bool known = false;
        for (size_t k = 0; k < w->n_incidents && !known; k++)
            known = !w->incidents[k]->resolved && gs_incident_pattern(w->incidents[k], grown->v[g].site->id) >= 0;
        if (!known)
            add_growth(&fresh, &grown->v[g]);
    }
    bool opened = false;
    const gs_incident *home = fresh.n ? home_of(t, &fresh, &opened) : NULL;
    for (size_t k = 0; k < w->n_incidents; k++) {
        gs_incident *i = w->incidents[k];
        if (i->resolved)
            continue;
        gs_growth mine = {.n = 0};
        if (i == home)
            mine = fresh;
        for (size_t g = 0; g < grown->n; g++)
            if (gs_incident_pattern(i, grown->v[g].site->id) >= 0 && !(i == home && opened))
                add_growth(&mine, &grown->v[g]);
        if (mine.n || gs_incident_find_pod(i, t->name))
            observe(t, i, p, raw, &mine, opened && i == home);
    }
    if (!grown->n)
        return;
    gs_tell_policy(t->e, w->pe);
    w->heal_next = 0;
    gs_heal_workload(w);
}

static site_stat *find_site(workload *w, const char *id)
{
    for (size_t k = 0; k < w->n_sites; k++)
        if (gs_streq(w->sites[k].id, id))
            return &w->sites[k];
    return NULL;
}

/* A place for a new site; where all are taken, that of one which the newest profile does not show. */
static void add_site(workload *w, const gs_site *s)
{
    site_stat *at = NULL;
    if (w->n_sites < GS_SITES_PER_WORKLOAD && w->e->n_sites < GS_MAX_SITE_SERIES) {
        at = &w->sites[w->n_sites++];
        w->e->n_sites++;
    }
    for (size_t k = 0; k < w->n_sites && !at; k++)
        if (!w->sites[k].count)
            at = &w->sites[k];
    if (!at)
        return;
    free(at->leaf);
    free(at->entry);
    *at = (site_stat){.state = s->state, .leaf = gs_strdup(s->leaf), .entry = gs_strdup(s->entry), .count = s->count};
    memcpy(at->id, s->id, sizeof at->id);
}

static void update_sites(target *t, const gs_profile *p)
{
    workload *w = t->w;
    int64_t now = mono(t->e), since = t->profiled_ms;
    size_t n = p->n < GS_SITES_PER_WORKLOAD ? p->n : GS_SITES_PER_WORKLOAD;
    for (size_t k = 0; k < w->n_sites; k++)
        w->sites[k].count = 0;
    for (size_t k = 0; k < n; k++) {
        const gs_site *s = &p->sites[k];
        site_stat *at = find_site(w, s->id);
        if (!at)
            continue;
        at->state = s->state;
        at->count = s->count;
        if (since > 0 && gs_state_blocked(s->state))
            at->blocked_s += (double)s->count * (double)(now - since) / 1000;
    }
    for (size_t k = 0; k < n; k++)
        if (!find_site(w, p->sites[k].id))
            add_site(w, &p->sites[k]);
    t->profiled_ms = now;
}

/* What comes and goes with the load is no growth: a leak takes the process beyond all that it had shortly before these
 * profiles, or is larger than its count swings. */
static void drop_swings(const target *t, const gs_profile *p, gs_growth *grown)
{
    if (!grown->n)
        return;
    int64_t before = t->prev[t->n_prev - 1].at_ms;
    double most = (double)gs_series_max_until(&t->series, before);
    double swing = most - (double)gs_series_min_until(&t->series, before);
    size_t n = 0;
    for (size_t g = 0; g < grown->n; g++)
        if ((double)p->total > most || (double)(grown->v[g].site->count - grown->v[g].base) > 1.25 * swing)
            grown->v[n++] = grown->v[g];
    grown->n = n;
}

static void on_escalated(target *t, const gs_profile *p, gs_buf *raw, const gs_verdict *v)
{
    gs_engine *e = t->e;
    gs_growth grown;
    t->esc.rules |= v->rules & GS_RULE_BLOCKED;
    for (size_t k = 0; k < t->n_prev; k++)
        t->prev[k].low = (double)gs_series_min_after(&t->series, t->prev[k].at_ms);
    gs_growth_find(p, t->prev, t->n_prev, &t->base, &grown);
    drop_swings(t, p, &grown);
    gs_counts_done(&t->prev[1]);
    t->prev[1] = t->prev[0];
    t->prev[0] = (gs_counts){0};
    gs_counts_take(&t->prev[0], p, mono(e));
    t->n_prev = t->n_prev < 2 ? t->n_prev + 1 : 2;
    tell_incidents(t, p, raw, &grown);
    gs_escalate_profiled(&t->esc, gs_listed(t->w, t->name), mono(e));
}

static void on_profile(void *arg, gs_profile *profile, gs_buf *raw, const gs_error *err)
{
    target *t = arg;
    gs_engine *e = t->e;
    gs_cleanup(gs_profile_free) gs_profile *p = profile;
    gs_cleanup(gs_buf_done) gs_buf bytes = raw ? *raw : GS_BUF(0);
    if (raw)
        *raw = GS_BUF(0);
    t->profiling = false;
    bool escalated = gs_escalate_due(&t->esc) >= 0;
    if (err->kind != GS_OK) {
        e->stats.profile_errors++;
        gs_escalate_failed(&t->esc, gs_listed(t->w, t->name), mono(e));
        if (t->base_due >= 0)
            t->base_due = mono(e) + GS_BASE_RETRY_MS;
        gs_profile_arm(t);
        gs_engine_rearm(e);
        return;
    }
    e->stats.profiles++;
    e->stats.profile_bytes += bytes.n;
    gs_verdict v;
    gs_detect_profile(&t->g->pe->p->detection, p, &t->base, &v);
    update_sites(t, p);
    t->base_due = -1;
    if (escalated) {
        on_escalated(t, p, &bytes, &v);
    } else {
        if (v.rules)
            gs_suspect(t, v.rules, v.reason);
        if (!v.rules || !t->base.at_ms)
            gs_counts_take(&t->base, p, mono(e));
    }
    gs_profile_arm(t);
    gs_engine_rearm(e);
}

void gs_profile_tick(gs_tick *tick)
{
    target *t = GS_OWNER(tick, target, tick);
    gs_engine *e = t->e;
    gs_endpoint ep;
    gs_endpoint_of(t, &ep);
    t->profiling = true;
    e->ports.profiles.fetch(e->ports.profiles.ctx, &ep, on_profile, t);
}

void gs_turn_tick(gs_tick *tick)
{
    workload *w = GS_OWNER(tick, workload, tick);
    gs_engine *e = w->e;
    if (!w->pe || !w->n_targets)
        return;
    gs_tick_set(&e->ticks, tick, mono(e) + (int64_t)w->pe->p->profile_interval_s * 1000);
    target *t = w->targets[w->turn++ % w->n_targets];
    if (gs_escalate_due(&t->esc) < 0 && t->base_due < 0) {
        t->base_due = mono(e);
        gs_profile_arm(t);
    }
}
