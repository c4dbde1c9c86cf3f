#include "base/arena.h"

#include "base/mem.h"

struct gs_arena_block {
    struct gs_arena_block *next;
    size_t used, cap;
    _Alignas(16) char data[];
};

#define BLOCK_BYTES 8192

void *gs_arena_alloc(gs_arena *a, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (!a->head || a->head->cap - a->head->used < n) {
        size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;
        struct gs_arena_block *b = gs_alloc(sizeof *b + cap);
        b->cap = cap;
        b->next = a->head;
        a->head = b;
    }
    void *p = a->head->data + a->head->used;
    a->head->used += n;
    a->used += n;
    return p;
}

char *gs_arena_str(gs_arena *a, gs_str s)
{
    char *p = gs_arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

void gs_arena_done(gs_arena *a)
{
    while (a->head) {
        struct gs_arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    a->used = 0;
}
