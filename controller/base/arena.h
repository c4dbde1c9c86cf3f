/* Many small allocations with one owner and one end: what a decoder keeps of one document. Not thread safe. */
#ifndef GS_BASE_ARENA_H
#define GS_BASE_ARENA_H

#include "base/cleanup.h"
#include "base/str.h"

typedef struct gs_arena {
    struct gs_arena_block *head;
    size_t used; /* bytes handed out, for accounting */
} gs_arena;

void *gs_arena_alloc(gs_arena *a, size_t n) __attribute__((returns_nonnull)); /* zeroed, aligned to 16 */
char *gs_arena_str(gs_arena *a, gs_str s) __attribute__((returns_nonnull));   /* a terminated copy */
void gs_arena_done(gs_arena *a);
GS_DEFINE_CLEANUP_VALUE(gs_arena, gs_arena_done)

#endif
