/* Goroutines as they are counted: by stack, site, state, wait and labels. */
#include "base/mem.h"
#include "codec/sites_internal.h"

#include <math.h>

#define MAX_LABEL_BYTES 128
#define WAIT_STEADY 20 /* minutes after which 1 - exp(-wait / 30 s) is 1 */

static void tally(struct gs_tallies *t, uint32_t site, uint32_t of, uint64_t count)
{
    gs_key key = GS_KEY;
    gs_key_add_number(&key, (uint64_t)site << 32 | of);
    uint32_t *at = gs_index_at(&t->index, gs_key_end(key));
    if (!at)
        return;
    if (!*at) {
        t->v = gs_grow(t->v, &t->cap, t->n + 1, sizeof *t->v);
        t->v[t->n] = (struct gs_tally){.site = site, .of = of};
        *at = (uint32_t)++t->n;
    }
    t->v[*at - 1].count = gs_add_saturated(t->v[*at - 1].count, count);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const gs_label *)a)->key, ((const gs_label *)b)->key);
}

/* A label's text as it is kept: terminated, so a NUL within ends it. */
static const char *text(gs_arena *a, gs_str s)
{
    return gs_arena_str(a, (gs_str){s.p, s.n < MAX_LABEL_BYTES ? s.n : MAX_LABEL_BYTES});
}

static size_t copy_labels(gs_arena *a, const gs_raw_label *labels, size_t n, gs_label v[GS_MAX_LABELS])
{
    size_t kept = 0;
    for (size_t i = 0; i < n && kept < GS_MAX_LABELS; i++) {
        v[kept] = (gs_label){.key = text(a, labels[i].key), .value = text(a, labels[i].value)};
        bool keep = v[kept].key[0] != 0;
        for (size_t k = 0; k < kept && keep; k++)
            keep = strcmp(v[k].key, v[kept].key) != 0;
        kept += keep;
    }
    return kept;
}

static bool has_label(const gs_label *v, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].key, key) == 0)
            return true;
    return false;
}

static void copy_set(gs_arena *a, const gs_label *v, size_t n, gs_label_set *ret)
{
    gs_label *copy = gs_arena_alloc(a, n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = (gs_label){gs_arena_str(a, gs_str_of(v[i].key)), gs_arena_str(a, gs_str_of(v[i].value))};
    *ret = (gs_label_set){.v = copy, .n = n};
}

uint32_t gs_sites_label_set(gs_sites *s, const gs_raw_label *labels, size_t n, uint32_t handler)
{
    gs_cleanup(gs_arena_done) gs_arena a = {0};
    gs_label v[GS_MAX_LABELS + 1] = {{0}};
    size_t kept = copy_labels(&a, labels, n, v);
    if (handler != GS_SITES_NONE && kept < GS_MAX_LABELS && !has_label(v, kept, "route") &&
        !has_label(v, kept, "handler"))
        v[kept++] = (gs_label){"handler", text(&a, gs_sites_handler_name(s, handler))};
    if (kept == 0)
        return 0;
    qsort(v, kept, sizeof *v, by_key);
    gs_key key = GS_KEY;
    for (size_t i = 0; i < kept; i++) {
        gs_key_add(&key, v[i].key, strlen(v[i].key));
        gs_key_add(&key, v[i].value, strlen(v[i].value));
    }
    uint32_t *at = gs_index_at(&s->set_index, gs_key_end(key));
    if (at && !*at) {
        s->sets = gs_grow(s->sets, &s->cap_sets, s->n_sets + 1, sizeof *s->sets);
        copy_set(&s->profile->arena, v, kept, &s->sets[s->n_sets]);
        *at = (uint32_t)++s->n_sets;
    }
    return at ? *at : 0;
}

static void count_labels(gs_sites *s, struct gs_kept_stack *k, const gs_sighting *g)
{
    uint32_t set;
    if (g->n_labels) {
        set = gs_sites_label_set(s, g->labels, g->n_labels, k->handler);
    } else if (k->handler != GS_SITES_NONE) {
        if (!k->plain)
            k->plain = gs_sites_label_set(s, NULL, 0, k->handler);
        set = k->plain;
    } else {
        return;
    }
    if (set)
        tally(&s->labels, k->site, set - 1, g->count);
}

static void count_wait(gs_sites *s, struct gs_kept_site *t, uint32_t site, const gs_sighting *g)
{
    if (!t->has_wait || g->minutes < t->wait_min)
        t->wait_min = g->minutes;
    if (g->minutes > t->wait_max)
        t->wait_max = g->minutes;
    t->has_wait = true;
    if (g->minutes == 0) /* most; what is left of a site's goroutines when all others are told */
        return;
    t->waited += (double)g->count * (g->minutes < WAIT_STEADY ? 1 - exp(-2.0 * g->minutes) : 1);
    tally(&s->waits, site, g->minutes, g->count);
}

static void keep_goroutine(gs_sites *s, uint64_t id, uint32_t site)
{
    gs_profile *p = s->profile;
    if (p->n_goroutines == GS_MAX_PROFILE_GOROUTINES) {
        s->truncated = true;
        return;
    }
    p->goroutines = gs_grow(p->goroutines, &s->cap_goroutines, p->n_goroutines + 1, sizeof *p->goroutines);
    p->goroutines[p->n_goroutines++] = (gs_goroutine){.id = id, .site = site};
}

bool gs_sites_count(gs_sites *s, uint32_t stack, const gs_sighting *g)
{
    if (s->keep_goroutines && g->dump)
        keep_goroutine(s, g->id, stack ? s->stacks[stack - 1].site : GS_SITES_NONE);
    if (!stack) {
        gs_sites_lost(s, g->count);
        return false;
    }
    gs_profile *p = s->profile;
    struct gs_kept_stack *k = &s->stacks[stack - 1];
    struct gs_kept_site *t = &s->sites[k->site];
    enum gs_state state = g->dump ? g->state : (enum gs_state)k->state;
    p->total = gs_add_saturated(p->total, g->count);
    k->count = gs_add_saturated(k->count, g->count);
    t->count = gs_add_saturated(t->count, g->count);
    t->by_state[state] = gs_add_saturated(t->by_state[state], g->count);
    t->depth += (double)g->count * k->depth / GS_DEPTH_FULL;
    if (state == GS_STATE_IO_WAIT)
        p->io_wait = gs_add_saturated(p->io_wait, g->count);
    if (k->consumer)
        p->consumers = gs_add_saturated(p->consumers, g->count);
    if (g->dump)
        count_wait(s, t, k->site, g);
    count_labels(s, k, g);
    return t->shown != stack && (!t->shown || k->count > s->stacks[t->shown - 1].count);
}

uint64_t gs_sites_total(const gs_sites *s)
{
    return s->profile->total;
}

void gs_sites_lost(gs_sites *s, uint64_t count)
{
    s->profile->total = gs_add_saturated(s->profile->total, count);
    s->truncated = true;
}
