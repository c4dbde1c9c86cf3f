/* What a pod has at a time. */
#include "base/mem.h"
#include "engine_world.h"

#include <inttypes.h>
#include <math.h>

/* How many goroutines a site has leaked. */
static uint64_t leaked(const fake_pod *p, const fake_site *s, int64_t now)
{
    int64_t from = s->from_ms > p->started_ms ? s->from_ms : p->started_ms;
    int64_t until = s->until_ms && s->until_ms < now ? s->until_ms : now;
    if (s->rate <= 0 || until <= from || (p->freed_ms && now >= p->freed_ms))
        return 0;
    return (uint64_t)floor(s->rate * (double)(until - from) / 1000);
}

double world_pod_leaked(const fake_pod *p, int64_t now)
{
    double n = 0;
    for (size_t k = 0; k < p->n_sites; k++)
        n += (double)leaked(p, &p->sites[k], now);
    return n;
}

static uint64_t site_count(const fake_pod *p, const fake_site *s, int64_t now)
{
    double n = s->base + (double)leaked(p, s, now);
    if (s->period_ms)
        n += s->wave * (1 - cos(2 * M_PI * (double)(now % s->period_ms) / (double)s->period_ms)) / 2;
    if (s->lively)
        n += s->lively(now);
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

static void add_site(gs_profile *g, const char *leaf, uint64_t count, enum gs_state state, bool user, double depth)
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
    gs_label_set *set = gs_arena_alloc(&g->arena, sizeof *set);
    *set = (gs_label_set){.v = label, .n = 1, .count = count};
    s->labels = set;
    s->n_labels = 1;
    s->leaf_file = "shop/payments.go";
    s->created_by = g->kind == GS_PROFILE_DUMP ? "shop/payments.New" : "";
    s->blocked = gs_state_blocked(state);
    s->depth = depth;
    g->io_wait += state == GS_STATE_IO_WAIT ? count : 0;
    g->total += count;
}

static int largest_first(const void *a, const void *b)
{
    const gs_site *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->id, y->id);
}

/* The j-th goroutine at a site: of its base and of those that are leaked the same one each time. */
static uint64_t goroutine_id(const fake_site *s, size_t site, uint64_t leaks, uint64_t j, int64_t now)
{
    uint64_t place = (site + 1) * 1000000000;
    if (j < leaks && !s->turnover)
        return place + j;
    if (j >= leaks && j - leaks < (uint64_t)s->base)
        return place + 500000000 + j - leaks;
    return place + (uint64_t)now * 1000 + j;
}

/* Which goroutines are at the sites. */
static void add_goroutines(gs_profile *g, const fake_pod *p, int64_t now)
{
    size_t cap = 0;
    for (size_t k = 0; k < p->n_sites; k++) {
        const fake_site *s = &p->sites[k];
        uint64_t leaks = leaked(p, s, now), count = site_count(p, s, now);
        uint32_t at = 0;
        while (at < g->n && !gs_streq(g->sites[at].leaf, s->leaf))
            at++;
        for (uint64_t j = 0; j < count && at < g->n; j++) {
            g->goroutines = gs_grow(g->goroutines, &cap, g->n_goroutines + 1, sizeof *g->goroutines);
            g->goroutines[g->n_goroutines++] = (gs_goroutine){.id = goroutine_id(s, k, leaks, j, now), .site = at};
        }
    }
}

gs_profile *world_pod_profile(const fake_pod *p, enum gs_profile_kind kind, int64_t now)
{
    gs_profile *g = gs_alloc(sizeof *g);
    g->kind = kind;
    g->sites = gs_arena_alloc(&g->arena, (p->n_sites + p->many_sites + 1) * sizeof *g->sites);
    for (size_t k = 0; k < p->n_sites; k++) {
        const fake_site *s = &p->sites[k];
        uint64_t count = kind == GS_PROFILE_LEAK ? s->reachable ? 0 : leaked(p, s, now) : site_count(p, s, now);
        add_site(g, s->leaf, count, s->state, !s->library, s->depth);
    }
    for (size_t k = 0; k < p->many_sites && kind != GS_PROFILE_LEAK; k++) {
        char leaf[32];
        (void)snprintf(leaf, sizeof leaf, "small.f%zu", k);
        add_site(g, leaf, small_count(k, now), GS_STATE_SELECT, true, 0);
    }
    qsort(g->sites, g->n, sizeof *g->sites, largest_first);
    for (size_t k = 0; k < g->n; k++)
        g->sites[k].pattern = (uint32_t)k; /* no two are alike */
    g->io_wait += (uint64_t)(p->io_per_leak * world_pod_leaked(p, now));
    if (kind == GS_PROFILE_DUMP)
        add_goroutines(g, p, now);
    return g;
}
