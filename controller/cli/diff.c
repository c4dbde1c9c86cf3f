#include "cli/diff.h"

#include "base/mem.h"

static const char *const change_names[GS_CHANGES] = {
    [GS_CHANGE_GREW] = "grew", [GS_CHANGE_APPEARED] = "appeared", [GS_CHANGE_SHRANK] = "shrank",
    [GS_CHANGE_WENT] = "went", [GS_CHANGE_NONE] = "unchanged",
};

const char *gs_change_name(enum gs_change c)
{
    return change_names[c];
}

/* A site of one of the profiles, and where in the result it is. */
struct place {
    const gs_site *site;
    bool newer;
    size_t row;
};

struct places {
    struct place *v;
    size_t n;
    size_t *older_row, *newer_row; /* by index of the site in its profile */
};

static void places_done(struct places *p)
{
    free(p->v);
    free(p->older_row);
    free(p->newer_row);
}
GS_DEFINE_CLEANUP_VALUE(struct places, places_done)

static int by_id(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int c = strcmp(x->site->id, y->site->id);
    return c ? c : x->newer - y->newer;
}

static enum gs_change change_of(uint64_t before, uint64_t after)
{
    if (before == after)
        return GS_CHANGE_NONE;
    if (after > before)
        return before ? GS_CHANGE_GREW : GS_CHANGE_APPEARED;
    return after ? GS_CHANGE_SHRANK : GS_CHANGE_WENT;
}

static void match_sites(gs_diff *d, struct places *p)
{
    const gs_profile *older = d->older->profile, *newer = d->newer->profile;
    p->v = gs_allocn(older->n + newer->n, sizeof *p->v);
    p->older_row = gs_allocn(older->n, sizeof *p->older_row);
    p->newer_row = gs_allocn(newer->n, sizeof *p->newer_row);
    d->sites = gs_allocn(older->n + newer->n, sizeof *d->sites);
    for (size_t i = 0; i < older->n; i++)
        p->v[p->n++] = (struct place){.site = &older->sites[i]};
    for (size_t i = 0; i < newer->n; i++)
        p->v[p->n++] = (struct place){.site = &newer->sites[i], .newer = true};
    if (p->n)
        qsort(p->v, p->n, sizeof *p->v, by_id);
    for (size_t i = 0; i < p->n; i++) {
        struct place *at = &p->v[i];
        if (i == 0 || strcmp(at->site->id, at[-1].site->id) != 0)
            d->n++;
        gs_diff_site *s = &d->sites[d->n - 1];
        s->site = at->site; /* the newer one comes last */
        *(at->newer ? &s->after : &s->before) += at->site->count;
        if (at->newer)
            p->newer_row[at->site - newer->sites] = d->n - 1;
        else
            p->older_row[at->site - older->sites] = d->n - 1;
    }
    for (size_t i = 0; i < d->n; i++) {
        gs_diff_site *s = &d->sites[i];
        s->change = change_of(s->before, s->after);
        d->of[s->change]++;
        if (s->after > s->before && s->after - s->before > d->most_risen)
            d->most_risen = s->after - s->before;
    }
}

/* NULL where the goroutine's site was cut. */
static gs_diff_site *site_of(gs_diff *d, const size_t *rows, const gs_goroutine *g)
{
    return g->site == UINT32_MAX ? NULL : &d->sites[rows[g->site]];
}

static void stayed(gs_diff *d, const struct places *p, const gs_goroutine *older, const gs_goroutine *newer)
{
    gs_diff_site *was = site_of(d, p->older_row, older), *is = site_of(d, p->newer_row, newer);
    d->in_both++;
    if (was && was == is) {
        is->in_both++;
        if (is->n_ids < GS_DIFF_IDS)
            is->ids[is->n_ids++] = newer->id;
        return;
    }
    if (was)
        was->only_old++;
    if (is)
        is->only_new++;
}

static void ended(gs_diff *d, const struct places *p, const gs_goroutine *older)
{
    gs_diff_site *was = site_of(d, p->older_row, older);
    d->only_old++;
    if (was)
        was->only_old++;
}

static void began(gs_diff *d, const struct places *p, const gs_goroutine *newer)
{
    gs_diff_site *is = site_of(d, p->newer_row, newer);
    d->only_new++;
    if (is)
        is->only_new++;
}

/* Both are by id. */
static void match_goroutines(gs_diff *d, const struct places *p)
{
    const gs_profile *older = d->older->profile, *newer = d->newer->profile;
    size_t i = 0, k = 0;
    while (i < older->n_goroutines && k < newer->n_goroutines) {
        const gs_goroutine *was = &older->goroutines[i], *is = &newer->goroutines[k];
        if (was->id == is->id) {
            stayed(d, p, was, is);
            i++;
            k++;
        } else if (was->id < is->id) {
            ended(d, p, was);
            i++;
        } else {
            began(d, p, is);
            k++;
        }
    }
    for (; i < older->n_goroutines; i++)
        ended(d, p, &older->goroutines[i]);
    for (; k < newer->n_goroutines; k++)
        began(d, p, &newer->goroutines[k]);
}

static uint64_t difference(const gs_diff_site *s)
{
    if (s->change == GS_CHANGE_NONE)
        return s->after;
    return s->after > s->before ? s->after - s->before : s->before - s->after;
}

static int by_change(const void *a, const void *b)
{
    const gs_diff_site *x = a, *y = b;
    uint64_t dx = difference(x), dy = difference(y);
    if (x->change != y->change)
        return x->change < y->change ? -1 : 1;
    if (dx != dy)
        return dx < dy ? 1 : -1;
    return strcmp(x->site->id, y->site->id);
}

int gs_diff_make(const gs_profile_file *older, const gs_profile_file *newer, gs_diff *ret, gs_error *err)
{
    const gs_profile *was = older->profile, *is = newer->profile;
    if ((was->kind == GS_PROFILE_LEAK) != (is->kind == GS_PROFILE_LEAK)) {
        bool first = was->kind == GS_PROFILE_LEAK;
        return gs_error_set(err, GS_TERMINAL, "%.120s is a goroutineleak profile and %.120s is not: want two of a kind",
                            first ? older->name : newer->name, first ? newer->name : older->name);
    }
    gs_diff d = {
        .older = older, .newer = newer, .has_ids = was->kind == GS_PROFILE_DUMP && is->kind == GS_PROFILE_DUMP};
    gs_cleanup(places_done) struct places p = {0};
    match_sites(&d, &p);
    if (d.has_ids)
        match_goroutines(&d, &p);
    if (d.n)
        qsort(d.sites, d.n, sizeof *d.sites, by_change);
    *ret = d;
    return 0;
}

void gs_diff_done(gs_diff *d)
{
    free(d->sites);
    *d = (gs_diff){0};
}
