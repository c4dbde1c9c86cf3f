#include "cli/report.h"

#include "base/mem.h"
#include "core/cluster.h"
#include "core/policy.h"

#include <stdio.h>

/* A site as one input has it. */
struct entry {
    const gs_site *site;
    size_t input;
    size_t at;  /* its place before ordering */
    size_t sum; /* the site over all inputs */
};

struct sum {
    size_t first, n; /* its entries: the largest first */
    uint64_t count;
    size_t parent; /* of a union-find forest: the sites of one pattern are a tree */
};

struct work {
    struct entry *entries; /* by site id */
    struct sum *sums;
    size_t n_entries, n_sums;
};

static void work_done(struct work *w)
{
    free(w->entries);
    free(w->sums);
}
GS_DEFINE_CLEANUP_VALUE(struct work, work_done)

/* Sites over all inputs. */

static int by_id(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = strcmp(x->site->id, y->site->id);
    if (c)
        return c;
    if (x->site->count != y->site->count)
        return x->site->count < y->site->count ? 1 : -1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void sum_sites(struct work *w)
{
    w->sums = gs_allocn(w->n_entries, sizeof *w->sums);
    for (size_t i = 0; i < w->n_entries; i++) {
        if (i == 0 || strcmp(w->entries[i].site->id, w->entries[i - 1].site->id) != 0) {
            w->sums[w->n_sums] = (struct sum){.first = i, .parent = w->n_sums};
            w->n_sums++;
        }
        struct sum *s = &w->sums[w->n_sums - 1];
        s->n++;
        s->count += w->entries[i].site->count;
        w->entries[i].sum = w->n_sums - 1;
    }
}

static size_t root(struct sum *v, size_t i)
{
    while (v[i].parent != i)
        i = v[i].parent = v[v[i].parent].parent;
    return i;
}

static void join_patterns(struct work *w, const gs_profile_file *inputs, size_t n)
{
    gs_autofree size_t *sum_at = gs_allocn(w->n_entries, sizeof *sum_at);
    for (size_t i = 0; i < w->n_entries; i++)
        sum_at[w->entries[i].at] = w->entries[i].sum;
    size_t first = 0;
    for (size_t k = 0; k < n; first += inputs[k++].profile->n)
        for (size_t i = 0; i < inputs[k].profile->n; i++) {
            size_t a = root(w->sums, sum_at[first + i]);
            size_t b = root(w->sums, sum_at[first + inputs[k].profile->sites[i].pattern]);
            w->sums[a].parent = b;
        }
    for (size_t i = 0; i < w->n_sums; i++)
        w->sums[i].parent = root(w->sums, i);
}

static int by_pattern(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* One pattern, from the entries of all its sites. */

static int by_labels(const void *a, const void *b)
{
    const gs_label_set *x = a, *y = b;
    for (size_t i = 0; i < x->n && i < y->n; i++) {
        int c = strcmp(x->v[i].key, y->v[i].key);
        if (!c)
            c = strcmp(x->v[i].value, y->v[i].value);
        if (c)
            return c;
    }
    return x->n < y->n ? -1 : x->n > y->n;
}

/* Puts a combination among the largest, if it is one of them. */
static void keep_labels(gs_report_pattern *p, const gs_label_set *set)
{
    size_t at = p->n_labels;
    while (at > 0 && p->labels[at - 1].count < set->count)
        at--;
    if (at == GS_LABEL_SETS)
        return;
    p->n_labels += p->n_labels < GS_LABEL_SETS;
    memmove(&p->labels[at + 1], &p->labels[at], (p->n_labels - at - 1) * sizeof *set);
    p->labels[at] = *set;
}

static void sum_labels(gs_report_pattern *p, const struct entry *e, size_t n)
{
    size_t all = 0;
    gs_autofree gs_label_set *sets = gs_allocn(n * GS_LABEL_SETS, sizeof *sets);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < e[i].site->n_labels && k < GS_LABEL_SETS; k++)
            sets[all++] = e[i].site->labels[k];
    qsort(sets, all, sizeof *sets, by_labels);
    for (size_t i = 0; i < all;) {
        gs_label_set sum = sets[i++];
        for (; i < all && by_labels(&sum, &sets[i]) == 0; i++)
            sum.count += sets[i].count;
        if (sum.n)
            keep_labels(p, &sum);
    }
}

static int by_median(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->site->wait_p50 < y->site->wait_p50 ? -1 : x->site->wait_p50 > y->site->wait_p50;
}

/* Orders e anew. */
static void sum_waits(gs_report_pattern *p, struct entry *e, size_t n)
{
    uint64_t known = 0, passed = 0;
    for (size_t i = 0; i < n; i++) {
        const gs_site *s = e[i].site;
        if (!s->has_wait)
            continue;
        p->wait_min = p->has_wait && p->wait_min < s->wait_min ? p->wait_min : s->wait_min;
        p->wait_max = p->wait_max > s->wait_max ? p->wait_max : s->wait_max;
        p->has_wait = true;
        known += s->count;
    }
    qsort(e, n, sizeof *e, by_median);
    for (size_t i = 0; i < n && p->has_wait; i++) {
        if (!e[i].site->has_wait)
            continue;
        passed += e[i].site->count;
        if (passed >= known - known / 2) {
            p->wait_p50 = e[i].site->wait_p50;
            break;
        }
    }
}

static unsigned found_at(const struct entry *e, const gs_report *r)
{
    unsigned found = 0;
    if (gs_state_blocked(e->site->state) && e->site->count >= r->blocked_from)
        found |= GS_FOUND_BLOCKED;
    if (r->inputs[e->input].profile->kind == GS_PROFILE_LEAK && e->site->state != GS_STATE_SELECT_NONE)
        found |= GS_FOUND_LEAKED;
    return found;
}

static void sum_entries(gs_report_pattern *p, const gs_report *r, struct entry *e, size_t n)
{
    uint64_t in_state[GS_STATE_COUNT_] = {0};
    double score = 0;
    p->created_by = "";
    for (size_t i = 0; i < n; i++) {
        const gs_site *s = e[i].site;
        p->count += s->count;
        in_state[s->state] += s->count;
        score += gs_site_score(s, 0) * (double)s->count;
        p->found |= found_at(&e[i], r);
        if (!p->created_by[0] && s->created_by && strcmp(s->id, p->primary->id) == 0)
            p->created_by = s->created_by;
    }
    p->state = p->primary->state;
    for (int k = 0; k < GS_STATE_COUNT_; k++)
        if (in_state[k] > in_state[p->state])
            p->state = (enum gs_state)k;
    p->score = p->count ? score / (double)p->count : 0;
    p->risk = gs_risk_of(p->score);
    if (p->risk == GS_RISK_HIGH && p->count >= GS_CLUSTER_MIN_WEIGHT)
        p->found |= GS_FOUND_RISK;
    sum_labels(p, e, n);
    sum_waits(p, e, n);
}

static void make_pattern(gs_report_pattern *p, const gs_report *r, const struct work *w, const struct sum *sums)
{
    size_t n = 0;
    p->primary = p->sites[0].site;
    for (size_t i = 0; i < p->n_sites; i++)
        n += sums[i].n;
    gs_autofree struct entry *e = gs_allocn(n, sizeof *e);
    n = 0;
    for (size_t i = 0; i < p->n_sites; i++) {
        memcpy(e + n, w->entries + sums[i].first, sums[i].n * sizeof *e);
        n += sums[i].n;
    }
    sum_entries(p, r, e, n);
}

static int worst_first(const void *a, const void *b)
{
    const gs_report_pattern *x = a, *y = b;
    double dx = x->score * (double)x->count, dy = y->score * (double)y->count;
    if (dx < dy || dx > dy)
        return dx < dy ? 1 : -1;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->primary->id, y->primary->id);
}

static void make_patterns(const struct work *w, gs_report *r)
{
    r->sites = gs_allocn(w->n_sums, sizeof *r->sites);
    r->patterns = gs_allocn(w->n_sums, sizeof *r->patterns);
    for (size_t i = 0, next; i < w->n_sums; i = next) {
        gs_report_pattern *p = &r->patterns[r->n_patterns++];
        p->sites = &r->sites[i];
        for (next = i; next < w->n_sums && w->sums[next].parent == w->sums[i].parent; next++)
            r->sites[next] = (gs_site_sum){w->entries[w->sums[next].first].site, w->sums[next].count};
        p->n_sites = next - i;
        make_pattern(p, r, w, &w->sums[i]);
        r->found |= p->found;
    }
    if (r->n_patterns)
        qsort(r->patterns, r->n_patterns, sizeof *r->patterns, worst_first);
}

/* Packages. */

static int by_package(const void *a, const void *b)
{
    const gs_package_sum *x = a, *y = b;
    size_t n = x->package.n < y->package.n ? x->package.n : y->package.n;
    int c = n ? memcmp(x->package.p, y->package.p, n) : 0;
    return c ? c : x->package.n < y->package.n ? -1 : x->package.n > y->package.n;
}

static int largest_first(const void *a, const void *b)
{
    const gs_package_sum *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return by_package(a, b);
}

static void sum_packages(gs_report *r, size_t n_sites)
{
    r->packages = gs_allocn(n_sites, sizeof *r->packages);
    for (size_t i = 0; i < n_sites; i++)
        r->packages[i] = (gs_package_sum){gs_package_of(gs_str_of(r->sites[i].site->leaf)), r->sites[i].count};
    if (n_sites)
        qsort(r->packages, n_sites, sizeof *r->packages, by_package);
    for (size_t i = 0; i < n_sites; i++) {
        gs_package_sum *last = r->n_packages ? &r->packages[r->n_packages - 1] : NULL;
        if (last && gs_str_eq(last->package, r->packages[i].package))
            last->count += r->packages[i].count;
        else
            r->packages[r->n_packages++] = r->packages[i];
    }
    if (r->n_packages)
        qsort(r->packages, r->n_packages, sizeof *r->packages, largest_first);
}

uint64_t gs_report_blocked_from(void)
{
    gs_cleanup(gs_policy_free) gs_policy *defaults = gs_policy_new();
    return (uint64_t)defaults->detection.blocked.goroutines;
}

void gs_report_make(const gs_profile_file *inputs, size_t n, gs_report *ret)
{
    gs_report r = {.inputs = inputs, .n_inputs = n, .blocked_from = gs_report_blocked_from()};
    gs_cleanup(work_done) struct work w = {0};
    uint64_t listed = 0;
    for (size_t k = 0; k < n; k++)
        w.n_entries += inputs[k].profile->n;
    w.entries = gs_allocn(w.n_entries, sizeof *w.entries);
    for (size_t k = 0, at = 0; k < n; k++) {
        const gs_profile *p = inputs[k].profile;
        r.goroutines += p->total;
        r.truncated |= p->truncated;
        for (size_t i = 0; i < p->n; i++, at++) {
            w.entries[at] = (struct entry){.site = &p->sites[i], .input = k, .at = at};
            listed += p->sites[i].count;
        }
    }
    r.cut = r.goroutines > listed ? r.goroutines - listed : 0;
    if (w.n_entries) {
        qsort(w.entries, w.n_entries, sizeof *w.entries, by_id);
        sum_sites(&w);
        join_patterns(&w, inputs, n);
        qsort(w.sums, w.n_sums, sizeof *w.sums, by_pattern);
    }
    make_patterns(&w, &r);
    sum_packages(&r, w.n_sums);
    *ret = r;
}

void gs_report_done(gs_report *r)
{
    free(r->patterns);
    free(r->packages);
    free(r->sites);
    *r = (gs_report){0};
}

const char *gs_report_found_text(const gs_report *r, unsigned found, char ret[GS_FOUND_TEXT_LEN])
{
    char blocked[64];
    (void)snprintf(blocked, sizeof blocked, "%llu or more blocked at one site", (unsigned long long)r->blocked_from);
    const char *const why[] = {
        found & GS_FOUND_LEAKED ? "the runtime reports it as leaked" : NULL,
        found & GS_FOUND_BLOCKED ? blocked : NULL,
        found & GS_FOUND_RISK ? "risk High" : NULL,
    };
    size_t n = 0;
    ret[0] = 0;
    for (size_t i = 0; i < GS_LEN(why); i++)
        if (why[i])
            n += (size_t)snprintf(ret + n, GS_FOUND_TEXT_LEN - n, "%s%s", n ? "; " : "", why[i]);
    return ret;
}

const char *gs_report_waiting_text(const gs_report_pattern *p, char ret[GS_WAITING_TEXT_LEN])
{
    char waits[80] = "", state[80];
    bool untold = p->state == GS_STATE_RUNNING && !p->has_wait;
    (void)snprintf(state, sizeof state, "%s%s", p->state == GS_STATE_RUNNING ? "" : "in ", gs_state_name(p->state));
    if (p->has_wait && p->wait_max > p->wait_min)
        (void)snprintf(waits, sizeof waits, ", waiting %u to %u min, half of them at least %u min", p->wait_min,
                       p->wait_max, p->wait_p50);
    else if (p->has_wait && p->wait_max)
        (void)snprintf(waits, sizeof waits, ", waiting %u min", p->wait_max);
    (void)snprintf(ret, GS_WAITING_TEXT_LEN, "%llu goroutine%s %s%s%s", (unsigned long long)p->count,
                   p->count == 1 ? "" : "s", state, untold ? ", or in a wait that the stacks do not tell" : "", waits);
    return ret;
}
