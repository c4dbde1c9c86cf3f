#include "core/growth.h"

#include "base/mem.h"
#include "core/detect.h"

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
    *c = (gs_counts){.v = v, .n = n, .floor = floor, .at_ms = now_ms};
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

static bool may_survive(const gs_site *s, const gs_counts *earlier)
{
    return earlier->low <= 0 || earlier->low >= GS_SURVIVING * gs_counts_get(earlier, s->id);
}

/* How often in a row the count rose, up to the newest profile, and from what it began. */
static unsigned rises(const gs_site *s, const gs_counts *earlier, size_t n, uint64_t *ret_first)
{
    unsigned k = 0;
    uint64_t newer = s->count;
    while (k < n && gs_counts_get(&earlier[k], s->id) < newer && may_survive(s, &earlier[k]))
        newer = gs_counts_get(&earlier[k++], s->id);
    *ret_first = newer;
    return k;
}

void gs_growth_find(const gs_profile *now, const gs_counts *earlier, size_t n_earlier, const gs_counts *base,
                    gs_growth *ret)
{
    *ret = (gs_growth){0};
    for (size_t i = 0; i < now->n && ret->n < GS_MAX_INCIDENT_PATTERNS; i++) {
        const gs_site *s = &now->sites[i]; /* the largest first */
        uint64_t first, in_base = base->at_ms ? gs_counts_get(base, s->id) : 0;
        unsigned k = rises(s, earlier, n_earlier, &first);
        if (k == 0 || s->count <= in_base)
            continue;
        if (s->count - first < GS_MIN_RISE && (!base->at_ms || s->count - in_base < GS_MIN_RISE))
            continue;
        ret->v[ret->n++] = (gs_grown){.site = s, .base = in_base, .rises = k};
    }
}
