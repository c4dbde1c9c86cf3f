/* Profiles by hand, for the tests of cli/report and cli/diff. */
#ifndef GS_TEST_REPORT_FIXTURE_H
#define GS_TEST_REPORT_FIXTURE_H

#include "cli/profile_file.h"

/* What a renderer wrote to its descriptor, terminated; freed by the caller. */
static inline char *written(int fd)
{
    gs_buf b = GS_BUF(1u << 20);
    char chunk[4096];
    (void)lseek(fd, 0, SEEK_SET);
    for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) > 0;)
        (void)gs_buf_add(&b, chunk, (size_t)n);
    return gs_buf_take(&b);
}

/* A profile over sites that the caller owns, on line 7 where they do not say. Their patterns are as they have them. */
static inline void profile_of_sites(gs_profile *p, gs_site *sites, size_t n)
{
    *p = (gs_profile){.sites = sites, .n = n};
    for (size_t i = 0; i < n; i++) {
        p->total += sites[i].count;
        sites[i].leaf_line = sites[i].leaf_line ? sites[i].leaf_line : 7;
    }
}

#define SITE_DEFAULTS .leaf = "main.work", .entry = "main.main", .leaf_file = "main.go"

#endif
