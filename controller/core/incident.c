#include "core/incident.h"

#include "base/mem.h"

#include <stdio.h>

void gs_pattern_done(gs_pattern *p)
{
    free(p->leaf);
    free(p->entry);
    free(p->created_by);
    for (size_t i = 0; i < p->n_key_frames; i++)
        free(p->key_frames[i]);
    gs_arena_done(&p->label_memory);
    *p = (gs_pattern){0};
}

void gs_pattern_set(gs_pattern *p, const gs_site *s)
{
    uint64_t count = p->count;
    double score = p->score;
    gs_pattern_done(p);
    memcpy(p->id, s->id, sizeof p->id);
    p->count = count;
    p->score = score;
    p->state = s->state;
    p->leaf = gs_strdup(s->leaf);
    p->entry = gs_strdup(s->entry);
    p->created_by = gs_strdup(s->created_by ? s->created_by : "");
    p->boundary = s->boundary;
    for (; p->n_key_frames < s->n_key_frames && p->n_key_frames < GS_MAX_KEY_FRAMES; p->n_key_frames++)
        p->key_frames[p->n_key_frames] = gs_strdup(s->key_frames[p->n_key_frames]);
    gs_pattern_set_labels(p, s->labels, s->n_labels);
}

/* What a later profile says of a known site. The creator and the dump's own words for the state are not forgotten. */
static void refresh_pattern(gs_pattern *p, const gs_site *s)
{
    gs_autofree char *created_by = gs_take(p->created_by);
    enum gs_state state = p->state;
    gs_pattern_set(p, s);
    if (p->created_by[0] || gs_streq(created_by, ""))
        return;
    free(p->created_by);
    p->created_by = gs_take(created_by);
    p->state = state;
}

void gs_pattern_set_labels(gs_pattern *p, const gs_label_set *sets, size_t n)
{
    gs_arena_done(&p->label_memory);
    p->n_labels = n < GS_LABEL_SETS ? n : GS_LABEL_SETS;
    for (size_t k = 0; k < p->n_labels; k++) {
        gs_label *v = sets[k].n ? gs_arena_alloc(&p->label_memory, sets[k].n * sizeof *v) : NULL;
        for (size_t j = 0; j < sets[k].n; j++)
            v[j] = (gs_label){.key = gs_arena_str(&p->label_memory, gs_str_of(sets[k].v[j].key)),
                              .value = gs_arena_str(&p->label_memory, gs_str_of(sets[k].v[j].value))};
        p->labels[k] = (gs_label_set){.v = v, .n = sets[k].n, .count = sets[k].count};
    }
}

gs_incident *gs_incident_new(const gs_workload_ref *w, const gs_site *primary)
{
    gs_incident *i = gs_alloc(sizeof *i);
    i->workload = *w;
    i->occurrences = 1;
    if (primary) {
        memcpy(i->pattern_id, primary->id, sizeof i->pattern_id);
        gs_pattern_set(&i->patterns[0], primary);
        i->n_patterns = 1;
    }
    return i;
}

void gs_incident_free(gs_incident *i)
{
    if (!i)
        return;
    for (size_t k = 0; k < i->n_patterns; k++)
        gs_pattern_done(&i->patterns[k]);
    free(i->pods);
    free(i);
}

enum gs_phase gs_incident_phase(const gs_incident *i)
{
    if (i->resolved)
        return GS_PHASE_RESOLVED;
    for (size_t k = 0; k < i->n_actions; k++)
        if (!i->actions[k].dry_run && i->actions[k].outcome == GS_OUTCOME_SUCCEEDED &&
            i->actions[k].time_ms >= i->detection_ms)
            return GS_PHASE_MITIGATING;
    return GS_PHASE_OPEN;
}

uint64_t gs_incident_leaking(const gs_incident *i)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < i->n_pods; k++)
        sum += i->pods[k].leaking;
    return sum;
}

uint64_t gs_incident_goroutines(const gs_incident *i, const char *pod)
{
    for (size_t k = 0; k < i->n_pods; k++)
        if (gs_streq(i->pods[k].name, pod))
            return i->pods[k].goroutines;
    return 0;
}

gs_incident_pod *gs_incident_find_pod(gs_incident *i, const char *pod)
{
    for (size_t k = 0; k < i->n_pods; k++)
        if (gs_streq(i->pods[k].name, pod))
            return &i->pods[k];
    return NULL;
}

int gs_incident_pattern(const gs_incident *i, const char *id)
{
    for (size_t k = 0; k < i->n_patterns; k++)
        if (gs_streq(i->patterns[k].id, id))
            return (int)k;
    return -1;
}

static gs_incident_pod *list_pod(gs_incident *i, const char *name)
{
    i->pods = gs_grow(i->pods, &i->cap_pods, i->n_pods + 1, sizeof *i->pods);
    gs_incident_pod *p = &i->pods[i->n_pods++];
    *p = (gs_incident_pod){0};
    (void)gs_str_copy(p->name, sizeof p->name, gs_str_of(name));
    return p;
}

static gs_incident_pod *add_pod(gs_incident *i, const gs_observed *o)
{
    gs_incident_pod *p = list_pod(i, o->pod);
    for (size_t k = 0; k < i->n_patterns; k++)
        p->base[k] = gs_counts_get(o->base, i->patterns[k].id);
    return p;
}

static const gs_site *find_site(const gs_profile *p, const char *id)
{
    for (size_t k = 0; k < p->n; k++)
        if (gs_streq(p->sites[k].id, id))
            return &p->sites[k];
    return NULL;
}

#define BASE_UNKNOWN UINT64_MAX

static bool attach_sites(gs_incident *i, gs_incident_pod *pod, const gs_growth *grown)
{
    bool changed = false;
    for (size_t g = 0; g < grown->n && i->n_patterns < GS_MAX_INCIDENT_PATTERNS; g++) {
        if (!grown->v[g].grade || gs_incident_pattern(i, grown->v[g].site->id) >= 0)
            continue;
        size_t at = i->n_patterns++;
        gs_pattern_set(&i->patterns[at], grown->v[g].site);
        for (size_t k = 0; k < i->n_pods; k++) { /* other pods are looked at with their own next profile */
            i->pods[k].base[at] = BASE_UNKNOWN;
            i->pods[k].per_pattern[at] = 0;
        }
        pod->base[at] = grown->v[g].base;
        changed = true;
    }
    return changed;
}

static void count_patterns(gs_incident *i)
{
    for (size_t k = 0; k < i->n_patterns; k++) {
        i->patterns[k].count = 0;
        for (size_t p = 0; p < i->n_pods; p++)
            i->patterns[k].count += i->pods[p].per_pattern[k];
    }
}

static int worst_first(const void *a, const void *b)
{
    const gs_incident_pod *x = a, *y = b;
    if (x->leaking != y->leaking)
        return x->leaking < y->leaking ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void name_creator(gs_pattern *p, const char *created_by)
{
    if (!created_by || !created_by[0])
        return;
    free(p->created_by);
    p->created_by = gs_strdup(created_by);
}

static void assess_severity(gs_incident *i)
{
    enum gs_severity severity = GS_SEVERITY_LOW;
    if (i->rules & GS_RULE_BLOCKED)
        severity = GS_SEVERITY_P0;
    else if (gs_risk_of(i->score) == GS_RISK_HIGH)
        severity = GS_SEVERITY_HIGH;
    else if ((i->rules & GS_RULE_SURGE) || gs_risk_of(i->score) == GS_RISK_MEDIUM)
        severity = GS_SEVERITY_MEDIUM;
    i->severity = severity > i->severity ? severity : i->severity;
}

/* Grade and severity only rise within one occurrence. */
static bool assess(gs_incident *i, const gs_observed *o, int64_t wall_ms)
{
    enum gs_grade grade = i->grade;
    enum gs_severity severity = i->severity;
    for (size_t g = 0; g < o->grown->n; g++) {
        const gs_grown *s = &o->grown->v[g];
        int at = gs_incident_pattern(i, s->site->id);
        if (at < 0)
            continue;
        double score = gs_site_score(s->site, s->survived_ms);
        i->patterns[at].score = score > i->patterns[at].score ? score : i->patterns[at].score;
        i->score = score > i->score ? score : i->score;
        name_creator(&i->patterns[at], s->created_by);
        i->grade = s->grade > i->grade ? s->grade : i->grade;
        i->reasons |= s->reasons;
    }
    i->rules |= o->rules;
    assess_severity(i);
    if (i->grade >= GS_GRADE_PROBABLE && !i->localization_ms)
        i->localization_ms = wall_ms;
    return grade != i->grade || severity != i->severity;
}

/* The revision that leaks, if only one does. */
static void name_revision(gs_incident *i)
{
    const char *only = i->n_pods ? i->pods[0].revision : "";
    for (size_t k = 1; k < i->n_pods; k++)
        if (!gs_streq(i->pods[k].revision, only))
            only = "";
    (void)gs_str_copy(i->revision, sizeof i->revision, gs_str_of(only));
}

static bool has_most(const gs_incident *i, const gs_incident_pod *pod, size_t pattern)
{
    for (size_t k = 0; k < i->n_pods; k++)
        if (i->pods[k].per_pattern[pattern] > pod->per_pattern[pattern])
            return false;
    return true;
}

static void count_pod(gs_incident *i, gs_incident_pod *at, const gs_observed *o)
{
    (void)gs_str_copy(at->revision, sizeof at->revision, gs_str_of(o->revision)); /* a status has none for each pod */
    at->goroutines = o->profile->total;
    at->adopted = false;
    at->leaking = 0;
    for (size_t k = 0; k < i->n_patterns; k++) {
        const gs_site *s = find_site(o->profile, i->patterns[k].id);
        if (at->base[k] == BASE_UNKNOWN)
            at->base[k] = gs_counts_get(o->base, i->patterns[k].id);
        at->per_pattern[k] = s && s->count > at->base[k] ? s->count - at->base[k] : 0;
        at->leaking += at->per_pattern[k];
        if (s && has_most(i, at, k))
            refresh_pattern(&i->patterns[k], s); /* frames and labels as the worst pod has them now */
    }
    if (at->leaking > at->peak)
        at->peak = at->leaking;
    at->below = at->leaking == 0 || at->leaking < at->peak - at->peak / 2 ? at->below + 1 : 0;
}

bool gs_incident_observe(gs_incident *i, const gs_observed *o, int64_t wall_ms)
{
    gs_incident_pod *at = gs_incident_find_pod(i, o->pod);
    bool changed = false;
    if (!at) {
        if (!o->grown->n)
            return false;
        at = add_pod(i, o);
        changed = true;
    }
    changed |= attach_sites(i, at, o->grown);
    count_pod(i, at, o);
    i->last_shown_ms = wall_ms;
    changed |= assess(i, o, wall_ms);
    if (at->below >= 2) {
        gs_incident_drop_pod(i, o->pod);
        return true;
    }
    qsort(i->pods, i->n_pods, sizeof *i->pods, worst_first);
    count_patterns(i);
    name_revision(i);
    return changed;
}

bool gs_incident_show(gs_incident *i, const char *pod, const char *revision, uint64_t goroutines, int64_t wall_ms)
{
    gs_incident_pod *at = gs_incident_find_pod(i, pod);
    bool joins = !at;
    if (joins)
        at = list_pod(i, pod);
    at->adopted = false;
    (void)gs_str_copy(at->revision, sizeof at->revision, gs_str_of(revision));
    at->goroutines = goroutines;
    i->last_shown_ms = wall_ms;
    name_revision(i);
    return joins;
}

void gs_incident_describe(gs_incident *i, const gs_profile *dump)
{
    for (size_t k = 0; k < i->n_patterns; k++) {
        gs_pattern *p = &i->patterns[k];
        const gs_site *s = find_site(dump, p->id);
        if (!s)
            continue;
        p->state = s->state;
        name_creator(p, s->created_by);
        double score = gs_site_score(s, 0);
        p->score = score > p->score ? score : p->score;
        i->score = score > i->score ? score : i->score;
    }
    assess_severity(i);
}

void gs_incident_drop_pod(gs_incident *i, const char *pod)
{
    gs_incident_pod *at = gs_incident_find_pod(i, pod);
    if (!at)
        return;
    size_t k = (size_t)(at - i->pods);
    memmove(at, at + 1, (i->n_pods - k - 1) * sizeof *at);
    i->n_pods--;
    count_patterns(i);
    if (i->n_pods)
        name_revision(i);
}

bool gs_incident_settle(gs_incident *i, int64_t wall_ms)
{
    if (i->resolved || i->n_pods > 0 || wall_ms - i->last_shown_ms < GS_RESOLVE_MS)
        return false;
    i->resolved = true;
    i->resolution_ms = wall_ms;
    return true;
}

void gs_incident_reopen(gs_incident *i, int64_t wall_ms)
{
    i->resolved = false;
    i->resolution_ms = 0;
    i->occurrences++;
    i->grade = GS_GRADE_NONE;
    i->reasons = 0;
    i->score = 0;
    i->severity = GS_SEVERITY_LOW;
    i->rules = 0;
    i->last_shown_ms = wall_ms;
    i->start_ms = i->detection_ms = wall_ms;
    i->localization_ms = 0;
}
