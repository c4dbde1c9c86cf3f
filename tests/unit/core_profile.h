/* Profiles by hand, for the tests of core/. */
#ifndef GS_TEST_CORE_PROFILE_H
#define GS_TEST_CORE_PROFILE_H

#include "core/counts.h"

#include <stdlib.h>

/* Sites by count, the largest first, as the decoder hands them out; ended by one without a count. */
typedef struct site_spec {
    const char *id;
    uint64_t count;
    enum gs_state state;
    bool library;
} site_spec;

#define SPECS 8

static inline int site_spec_order(const void *a, const void *b)
{
    const gs_site *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->id, y->id);
}

/* Fills p; its sites live in v. */
static inline void profile_of(gs_profile *p, gs_site v[SPECS], const site_spec *specs)
{
    *p = (gs_profile){.sites = v};
    for (size_t i = 0; i < SPECS && specs[i].count; i++) {
        v[p->n] = (gs_site){.count = specs[i].count,
                            .state = specs[i].state,
                            .user = !specs[i].library,
                            .leaf = specs[i].id,
                            .entry = "main.main",
                            .leaf_file = "main.go",
                            .created_by = "",
                            .blocked = gs_state_blocked(specs[i].state)};
        (void)gs_str_copy(v[p->n].id, sizeof v[p->n].id, gs_str_of(specs[i].id));
        p->total += specs[i].count;
        p->n++;
    }
    qsort(v, p->n, sizeof *v, site_spec_order);
}

static inline void counts_of(gs_counts *c, const site_spec *specs, int64_t at_ms)
{
    gs_site v[SPECS];
    gs_profile p;
    profile_of(&p, v, specs);
    gs_counts_take(c, &p, at_ms);
}

#endif
