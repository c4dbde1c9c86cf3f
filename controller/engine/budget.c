/* What was done in a namespace in the last hour, over all of its policies, so that nobody gets a new budget by a new policy: from
 * the histories, which a restart brings back, from those of policies that were deleted since this process began, and from the
 * incidents: a policy may have been deleted before, or while no controller ran. */
#include "base/mem.h"
#include "engine/state.h"

#include <stdlib.h>

#define HOUR_MS 3600000

struct spent {
    char ns[GS_NAMESPACE_LEN];
    int64_t wall_ms;
};

static void drop_old(gs_engine *e)
{
    size_t kept = 0;
    for (size_t k = 0; k < e->n_spent; k++)
        if (wall(e) - e->spent[k].wall_ms < HOUR_MS)
            e->spent[kept++] = e->spent[k];
    e->n_spent = kept;
}

static void keep(gs_engine *e, const char *ns, int64_t wall_ms)
{
    e->spent = gs_grow(e->spent, &e->cap_spent, e->n_spent + 1, sizeof *e->spent);
    struct spent *s = &e->spent[e->n_spent++];
    (void)gs_str_copy(s->ns, sizeof s->ns, gs_str_of(ns));
    s->wall_ms = wall_ms;
}

void gs_budget_leave(const workload *w)
{
    const gs_heal_history *h = w->history;
    drop_old(w->e);
    for (size_t k = 0; h && k < h->n_times; k++)
        keep(w->e, w->ref.ns, h->action_times[k]);
    if (h && h->pending.set)
        keep(w->e, w->ref.ns, h->pending.begun_ms);
    drop_old(w->e);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* An action's begin is in its incident, and its end in the record: so as many of the incidents' actions as the record has are
 * taken to be its own, the newest ones. */
void gs_budget_restore(const workload *w)
{
    gs_engine *e = w->e;
    const gs_heal_history *h = w->history;
    gs_autofree int64_t *times = NULL;
    size_t n = 0, cap = 0, recorded = h && h->pending.set;
    for (size_t k = 0; h && k < h->n_times; k++)
        recorded += wall(e) - h->action_times[k] < HOUR_MS;
    for (size_t k = 0; k < w->n_incidents; k++)
        for (size_t a = 0; a < w->incidents[k]->n_actions; a++) {
            const gs_action *done = &w->incidents[k]->actions[a];
            if (done->dry_run || done->outcome == GS_OUTCOME_REFUSED || wall(e) - done->time_ms >= HOUR_MS)
                continue;
            times = gs_grow(times, &cap, n + 1, sizeof *times);
            times[n++] = done->time_ms;
        }
    if (n > 1)
        qsort(times, n, sizeof *times, by_time);
    for (size_t k = 0; times && k + recorded < n; k++)
        keep(e, w->ref.ns, times[k]);
}

/* The same policy is back: what it has done is counted once. */
void gs_budget_return(const workload *w)
{
    gs_engine *e = w->e;
    for (size_t t = 0; t < w->history->n_times; t++)
        for (size_t k = 0; k < e->n_spent; k++)
            if (e->spent[k].wall_ms == w->history->action_times[t] && gs_streq(e->spent[k].ns, w->ref.ns)) {
                e->spent[k] = e->spent[--e->n_spent];
                break;
            }
}

void gs_budget_check(const workload *w, gs_plan *plan)
{
    gs_engine *e = w->e;
    gs_autofree int64_t *times = NULL;
    size_t n = 0, cap = 0;
    if (plan->refusal || !w->pe->p->max_namespace_actions)
        return;
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        const workload *other = it.value;
        const gs_heal_history *h = other->history;
        if (!h || !gs_streq(other->ref.ns, w->ref.ns))
            continue;
        times = gs_grow(times, &cap, n + h->n_times + 1, sizeof *times);
        memcpy(times + n, h->action_times, h->n_times * sizeof *times);
        n += h->n_times;
        if (h->pending.set)
            times[n++] = h->pending.begun_ms;
    }
    for (size_t k = 0; k < e->n_spent; k++)
        if (gs_streq(e->spent[k].ns, w->ref.ns)) {
            times = gs_grow(times, &cap, n + 1, sizeof *times);
            times[n++] = e->spent[k].wall_ms;
        }
    gs_heal_namespace(w->pe->p->max_namespace_actions, times, n, wall(e), plan);
}
