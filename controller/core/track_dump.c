/* Whether the goroutines of a site stay: their ids in one full dump and the next. */
#include "base/mem.h"
#include "core/track_run.h"

#include <stdlib.h>

#define KEPT_SHARE 0.5        /* of a dump's goroutines that are in the next one, or the site is refuted */
#define LOST_SHARE 0.25       /* of what grew may be gone of all of them, or it does not survive */
#define FIRST_DUMP_SHARE 0.3  /* of fullDumpMaxGoroutines: from here on the dumps do not wait for the windows, ... */
#define SECOND_DUMP_SHARE 0.6 /* ... or there would be too many goroutines for the second one */

struct gs_tracked_id {
    uint64_t id;
    uint32_t site; /* index of the tracked site */
};

static int by_id(const void *a, const void *b)
{
    const struct gs_tracked_id *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void remember(gs_track *t, const gs_profile *p)
{
    for (size_t k = 0; k < t->n; k++)
        t->v[k].dumped = t->v[k].kept = t->v[k].fresh = 0;
    free(t->ids);
    t->ids = gs_allocn(p->n_goroutines, sizeof *t->ids);
    t->n_ids = 0;
    for (size_t k = 0; k < p->n_goroutines; k++) {
        if (p->goroutines[k].site >= p->n)
            continue;
        gs_track_site *s = gs_track_site_of(t, p->sites[p->goroutines[k].site].id);
        if (!s)
            continue;
        s->fresh += ++s->dumped > s->from;
        t->ids[t->n_ids++] = (struct gs_tracked_id){p->goroutines[k].id, (uint32_t)(s - t->v)};
    }
    if (t->n_ids)
        qsort(t->ids, t->n_ids, sizeof *t->ids, by_id);
}

/* What it grew by until the dump before was mostly still there in this one. That of all of them most are is not enough:
 * a pool of workers stays, and the load that comes and goes does so on top of it. */
static void compare(gs_track *t, const gs_profile *p)
{
    for (size_t k = 0; k < p->n_goroutines && t->n_ids; k++) {
        struct gs_tracked_id key = {.id = p->goroutines[k].id};
        const struct gs_tracked_id *was = bsearch(&key, t->ids, t->n_ids, sizeof key, by_id);
        if (was && p->goroutines[k].site < p->n &&
            t->v[was->site].key == gs_track_key(p->sites[p->goroutines[k].site].id))
            t->v[was->site].kept++;
    }
    for (size_t k = 0; k < t->n; k++) {
        gs_track_site *s = &t->v[k];
        if (!s->dumped)
            continue;
        s->compared = true;
        s->refuted |= s->kept < KEPT_SHARE * s->dumped;
        s->survives = s->dumped - s->kept <= LOST_SHARE * s->fresh;
    }
}

static void keep_creators(gs_track *t, const gs_profile *p)
{
    for (size_t k = 0; k < p->n; k++) {
        gs_track_site *s = gs_track_site_of(t, p->sites[k].id);
        if (!s || !p->sites[k].created_by || !p->sites[k].created_by[0])
            continue;
        free(s->created_by);
        s->created_by = gs_strdup(p->sites[k].created_by);
    }
}

void gs_track_dump(gs_track *t, const gs_profile *p, int64_t now_ms)
{
    keep_creators(t, p);
    compare(t, p);
    remember(t, p);
    t->dumps++;
    t->dumped_ms = now_ms;
}

bool gs_track_wants_dump(const gs_track *t, int windows, uint64_t dump_max, int64_t now_ms)
{
    double share = dump_max ? (double)t->now.total / (double)dump_max : 1;
    int64_t ago_ms = now_ms - t->dumped_ms;
    if (t->now.total > dump_max)
        return false;
    for (size_t k = 0; k < t->n; k++) {
        const gs_track_site *s = &t->v[k];
        if (!gs_track_rises(s) || gs_run_explained(s) || (s->compared && s->survives))
            continue;
        if (t->dumps == 0 && (s->low_before > s->from || (share > FIRST_DUMP_SHARE && s->steps >= 2)))
            return true;
        bool last_chance = s->dumped && share > SECOND_DUMP_SHARE && ago_ms >= t->window_ms / 4;
        if (t->dumps && (last_chance || (ago_ms >= t->window_ms && gs_run_lasts(t, s, gs_run_few(windows)))))
            return true;
    }
    return false;
}
