/* The largest sites of each workload, for metrics. */
#include "base/mem.h"
#include "engine/state.h"

#include <stdlib.h>

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

void gs_sites_update(target *t, const gs_profile *p)
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
