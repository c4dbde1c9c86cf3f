/* What a pod has at a time. */
#include "base/mem.h"
#include "engine_world.h"

#include <inttypes.h>
#include <math.h>

static uint64_t site_count(const fake_pod *p, const fake_site *s, int64_t now)
{
    double n = s->base;
    int64_t from = s->from_ms > p->started_ms ? s->from_ms : p->started_ms;
    int64_t until = s->until_ms && s->until_ms < now ? s->until_ms : now;
    if (s->rate > 0 && until > from && (!p->freed_ms || now < p->freed_ms))
        n += floor(s->rate * (double)(until - from) / 1000);
    if (s->period_ms)
        n += s->wave * (1 - cos(2 * M_PI * (double)(now % s->period_ms) / (double)s->period_ms)) / 2;
    return n > 0 ? (uint64_t)n : 0;
}

static uint64_t small_count(size_t k, int64_t now)
{
    return 1 + gs_hash(&k, sizeof k, (uint64_t)now) % 3;
}

uint64_t world_pod_total(const fake_pod *p, int64_t now)
{
    uint64_t n = 0;
    for (size_t k = 0; k < p->n_sites; k++)
        n += site_count(p, &p->sites[k], now);
    for (size_t k = 0; k < p->many_sites; k++)
        n += small_count(k, now);
    return n;
}

static void add_site(gs_profile *g, const char *leaf, uint64_t count, enum gs_state state, bool user)
{
    if (!count)
        return;
    gs_site *s = &g->sites[g->n++];
    (void)snprintf(s->id, sizeof s->id, "p%010" PRIx64, gs_hash(leaf, strlen(leaf), 0) & 0xffffffffff);
    s->count = count;
    s->state = state;
    s->user = user;
    s->leaf = gs_arena_str(&g->arena, gs_str_of(leaf));
    s->entry = gs_arena_str(&g->arena, GS_STR("main.serve.func1"));
    const char **frames = gs_arena_alloc(&g->arena, sizeof *frames);
    frames[0] = s->leaf;
    s->key_frames = frames;
    s->n_key_frames = 1;
    gs_label *label = gs_arena_alloc(&g->arena, sizeof *label);
    *label = (gs_label){gs_arena_str(&g->arena, GS_STR("route")), gs_arena_str(&g->arena, GS_STR("/pay"))};
    s->labels = label;
    s->n_labels = 1;
    g->total += count;
}

static int largest_first(const void *a, const void *b)
{
    const gs_site *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->id, y->id);
}

gs_profile *world_pod_profile(const fake_pod *p, int64_t now)
{
    gs_profile *g = gs_alloc(sizeof *g);
    g->sites = gs_arena_alloc(&g->arena, (p->n_sites + p->many_sites + 1) * sizeof *g->sites);
    for (size_t k = 0; k < p->n_sites; k++)
        add_site(g, p->sites[k].leaf, site_count(p, &p->sites[k], now), p->sites[k].state, !p->sites[k].library);
    for (size_t k = 0; k < p->many_sites; k++) {
        char leaf[32];
        (void)snprintf(leaf, sizeof leaf, "small.f%zu", k);
        add_site(g, leaf, small_count(k, now), GS_STATE_SELECT, true);
    }
    qsort(g->sites, g->n, sizeof *g->sites, largest_first);
    return g;
}
