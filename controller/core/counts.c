#include "core/counts.h"

#include "base/mem.h"

#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
    return strcmp(((const gs_site_count *)a)->id, ((const gs_site_count *)b)->id);
}

void gs_counts_take(gs_counts *c, const gs_profile *p, int64_t now_ms)
{
    size_t n = p->n < GS_COUNTS_MAX ? p->n : GS_COUNTS_MAX;
    gs_site_count *v = gs_allocn(n, sizeof *v);
    for (size_t i = 0; i < n; i++) {
        memcpy(v[i].id, p->sites[i].id, sizeof v[i].id);
        v[i].count = p->sites[i].count > UINT32_MAX ? UINT32_MAX : (uint32_t)p->sites[i].count;
    }
    uint32_t floor = n < p->n ? v[n - 1].count : 0; /* the smallest so far; by_id orders anew */
    qsort(v, n, sizeof *v, by_id);
    gs_counts_done(c);
    *c = (gs_counts){.v = v, .n = n, .floor = floor, .total = p->total, .at_ms = now_ms};
}

uint32_t gs_counts_get(const gs_counts *c, const char *id)
{
    gs_site_count key;
    (void)gs_str_copy(key.id, sizeof key.id, gs_str_of(id));
    const gs_site_count *found = c->n ? bsearch(&key, c->v, c->n, sizeof *c->v, by_id) : NULL;
    return found ? found->count : c->floor;
}

void gs_counts_done(gs_counts *c)
{
    free(c->v);
    *c = (gs_counts){0};
}
