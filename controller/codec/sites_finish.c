/* The profile: the sites that have most goroutines, described by their largest stacks, and which of them are alike. */
#include "base/mem.h"
#include "codec/sites_internal.h"
#include "core/score.h"

#include <stdio.h>

static int largest_first(const void *a, const void *b)
{
    const struct gs_kept_site *x = *(const struct gs_kept_site *const *)a, *y = *(const struct gs_kept_site *const *)b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->id, y->id);
}

/* By site, and of one site by what is tallied. */
static int tallies_by_site(const void *a, const void *b)
{
    const struct gs_tally *x = a, *y = b;
    if (x->site != y->site)
        return x->site < y->site ? -1 : 1;
    return (x->of > y->of) - (x->of < y->of);
}

static int tallies_by_site_and_count(const void *a, const void *b)
{
    const struct gs_tally *x = a, *y = b;
    if (x->site != y->site)
        return x->site < y->site ? -1 : 1;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->of > y->of) - (x->of < y->of);
}

/* "function file:line", the file as its last two elements. */
static const char *key_frame(gs_arena *a, const gs_frame *f)
{
    char line[24];
    size_t at = f->file.n;
    for (int slashes = 0; at > 0; at--)
        if (f->file.p[at - 1] == '/' && ++slashes == 2)
            break;
    gs_str file = {f->file.p + at, f->file.n - at};
    if (!file.n)
        return gs_arena_str(a, f->function);
    size_t digits = (size_t)snprintf(line, sizeof line, ":%lld", (long long)f->line);
    char *text = gs_arena_alloc(a, f->function.n + 1 + file.n + digits + 1), *end = text;
    end = mempcpy(end, f->function.p, f->function.n);
    *end++ = ' ';
    end = mempcpy(end, file.p, file.n);
    memcpy(end, line, digits);
    return text;
}

static enum gs_state most(const uint64_t by_state[GS_STATE_COUNT_])
{
    enum gs_state best = GS_STATE_RUNNING;
    for (enum gs_state s = GS_STATE_RUNNING; s < GS_STATE_COUNT_; s++)
        if (by_state[s] > by_state[best])
            best = s;
    return best;
}

static double share_blocked(const struct gs_kept_site *t)
{
    double blocked = 0;
    for (enum gs_state s = GS_STATE_RUNNING; s < GS_STATE_COUNT_; s++)
        if (gs_state_blocked(s))
            blocked += (double)t->by_state[s];
    blocked /= (double)t->count;
    return blocked < 1 ? blocked : 1;
}

static double mean(double sum, uint64_t count)
{
    double m = sum / (double)count;
    return m < 1 ? m : 1; /* sums of shares: only rounding and saturated counts go beyond */
}

/* The site as it is handed out: what its largest stack looks like. */
static void describe(gs_sites *s, const struct gs_kept_site *t, gs_site *ret)
{
    const gs_stack *k = t->example;
    gs_frame v[GS_MAX_FRAMES];
    gs_stack_info info;
    gs_arena *a = &s->profile->arena;
    gs_sites_frames(s, k->frames, k->n, v);
    gs_stack_inspect(v, k->n, &info);
    const gs_frame *leaf = &v[info.leaf];
    memcpy(ret->id, t->id, sizeof ret->id);
    ret->count = t->count;
    ret->state = most(t->by_state);
    ret->user = info.user;
    ret->leaf = leaf->function.p;
    ret->entry = v[gs_sites_entry(k, &info)].function.p;
    ret->leaf_file = leaf->file.p;
    ret->leaf_line = leaf->line;
    const char **key_frames = gs_arena_alloc(a, info.n_key_frames * sizeof *key_frames);
    for (size_t i = 0; i < info.n_key_frames; i++)
        key_frames[i] = key_frame(a, &v[info.key_frames[i]]);
    ret->key_frames = key_frames;
    ret->n_key_frames = info.n_key_frames;
    ret->created_by = k->created_by == GS_SITES_NONE ? "" : s->functions[k->created_by].name.p;
    ret->boundary = gs_boundary_of(ret->state, v, k->n);
    ret->depth = mean(t->depth, t->count);
    ret->blocked = share_blocked(t);
    ret->has_wait = t->has_wait;
    ret->waited = mean(t->waited, t->count);
    ret->wait_min = t->wait_min;
    ret->wait_max = t->wait_max;
}

/* The lower median of a site's waits. v: its tallies of one minute and more, by minute. */
static uint32_t median(const struct gs_kept_site *t, const struct gs_tally *v, size_t n)
{
    uint64_t told = 0, seen;
    for (size_t i = 0; i < n; i++)
        told = gs_add_saturated(told, v[i].count);
    seen = t->wait_min == 0 && t->count > told ? t->count - told : 0;
    uint64_t half = (seen + told) / 2 + (seen + told) % 2;
    if (seen >= half)
        return t->wait_min;
    for (size_t i = 0; i < n; i++)
        if ((seen = gs_add_saturated(seen, v[i].count)) >= half)
            return v[i].of;
    return t->wait_max;
}

static void give_waits(gs_sites *s, const uint32_t *place)
{
    struct gs_tallies *t = &s->waits;
    for (size_t i = 0; i < s->n_sites; i++)
        if (place[i] != GS_SITES_NONE)
            s->profile->sites[place[i]].wait_p50 = s->sites[i].wait_min;
    if (t->n)
        qsort(t->v, t->n, sizeof *t->v, tallies_by_site);
    for (size_t i = 0, n; i < t->n; i += n) {
        for (n = 1; i + n < t->n && t->v[i + n].site == t->v[i].site;)
            n++;
        uint32_t site = t->v[i].site;
        if (place[site] != GS_SITES_NONE)
            s->profile->sites[place[site]].wait_p50 = median(&s->sites[site], t->v + i, n);
    }
}

static void give_labels(gs_sites *s, const uint32_t *place)
{
    struct gs_tallies *t = &s->labels;
    if (t->n)
        qsort(t->v, t->n, sizeof *t->v, tallies_by_site_and_count);
    for (size_t i = 0, n; i < t->n; i += n) {
        for (n = 1; i + n < t->n && t->v[i + n].site == t->v[i].site;)
            n++;
        if (place[t->v[i].site] == GS_SITES_NONE)
            continue;
        gs_site *site = &s->profile->sites[place[t->v[i].site]];
        site->n_labels = n < GS_LABEL_SETS ? n : GS_LABEL_SETS;
        gs_label_set *v = gs_arena_alloc(&s->profile->arena, site->n_labels * sizeof *v);
        for (size_t k = 0; k < site->n_labels; k++) {
            v[k] = s->sets[t->v[i + k].of];
            v[k].count = t->v[i + k].count;
        }
        site->labels = v;
    }
}

/* Over the first frames that every form of a profile has. */
static void sign(gs_sites *s, const gs_stack *k, gs_minhash *ret)
{
    const struct gs_stack_frame *frames = k->frames;
    size_t joined = 0;
    for (size_t i = 0; i < k->n && joined < GS_CLUSTER_FRAMES; i++) {
        if (s->functions[frames[i].function].roles & GS_ROLE_HIDDEN)
            continue;
        const gs_minhash *m = gs_sites_signature(s, frames[i].function);
        if (joined++ == 0)
            *ret = *m;
        else
            gs_minhash_join(ret, m);
    }
    if (joined == 0)
        *ret = *gs_sites_signature(s, frames[0].function);
}

static void give_patterns(gs_sites *s, const struct gs_kept_site *const *order)
{
    gs_profile *p = s->profile;
    gs_autofree gs_minhash *signatures = gs_allocn(p->n, sizeof *signatures);
    gs_autofree gs_cluster_item *items = gs_allocn(p->n, sizeof *items);
    for (size_t i = 0; i < p->n; i++) {
        sign(s, order[i]->example, &signatures[i]);
        items[i] = (gs_cluster_item){.signature = &signatures[i], .weight = p->sites[i].count};
    }
    gs_cluster(items, p->n, GS_CLUSTER_EPS, GS_CLUSTER_MIN_WEIGHT);
    for (size_t i = 0; i < p->n; i++)
        p->sites[i].pattern = items[i].cluster;
}

static int by_id(const void *a, const void *b)
{
    const gs_goroutine *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void give_goroutines(gs_sites *s, const uint32_t *place)
{
    gs_profile *p = s->profile;
    bool sorted = true;
    for (size_t i = 0; i < p->n_goroutines; i++) {
        gs_goroutine *g = &p->goroutines[i];
        g->site = g->site == GS_SITES_NONE ? GS_SITES_NONE : place[g->site];
        sorted &= i == 0 || p->goroutines[i - 1].id <= g->id;
    }
    if (!sorted)
        qsort(p->goroutines, p->n_goroutines, sizeof *p->goroutines, by_id);
}

/* place: for each of s->sites where it stands in the profile. */
static void rank(gs_sites *s, uint32_t *place)
{
    gs_profile *p = s->profile;
    gs_autofree const struct gs_kept_site **order = gs_allocn(s->n_sites, sizeof *order);
    for (size_t i = 0; i < s->n_sites; i++) {
        order[p->n] = &s->sites[i];
        p->n += s->sites[i].count > 0;
        place[i] = GS_SITES_NONE;
    }
    if (p->n)
        qsort(order, p->n, sizeof *order, largest_first);
    if (p->n > GS_MAX_PROFILE_SITES) {
        p->n = GS_MAX_PROFILE_SITES;
        s->truncated = true;
    }
    for (size_t i = 0; i < p->n; i++)
        place[order[i] - s->sites] = (uint32_t)i;
    p->sites = gs_arena_alloc(&p->arena, p->n * sizeof *p->sites);
    for (size_t i = 0; i < p->n; i++)
        describe(s, order[i], &p->sites[i]);
    if (p->n)
        give_patterns(s, order);
}

gs_profile *gs_sites_finish(gs_sites *s, enum gs_profile_kind kind, bool truncated)
{
    gs_autofree uint32_t *place = gs_allocn(s->n_sites, sizeof *place);
    rank(s, place);
    give_waits(s, place);
    give_labels(s, place);
    give_goroutines(s, place);
    s->profile->kind = kind;
    s->profile->truncated = s->truncated || truncated;
    return gs_take(s->profile);
}
