/* Allocation of small objects whose number and size base/limits.h bounds.
 *
 * These never return NULL: where a few hundred bytes cannot be had the process cannot do its work, and a restart by
 * Kubernetes is safer than a hundred half-tested recovery paths. What a peer sends goes into a gs_buf, which has a
 * cap and reports GS_NO_MEMORY instead. Any thread. */
#ifndef GS_BASE_MEM_H
#define GS_BASE_MEM_H

#include <stddef.h>

void *gs_alloc(size_t n) __attribute__((malloc, alloc_size(1), returns_nonnull)); /* zeroed */
void *gs_allocn(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
/* Grows an array of *cap elements to hold at least `need`; new elements are zeroed. */
void *gs_grow(void *p, size_t *cap, size_t need, size_t size) __attribute__((returns_nonnull));
char *gs_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *gs_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *gs_sprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

#endif
