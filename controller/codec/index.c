#include "codec/index.h"

#include "base/mem.h"

#define MAX_PROBES 512
#define FIRST_CAP 64

struct gs_index_slot {
    gs_key key;
    uint32_t number;
    bool used;
};

void gs_index_done(gs_index *x)
{
    free(x->slots);
    *x = (gs_index){.max = x->max};
}

static void grow(gs_index *x)
{
    size_t cap = x->cap ? x->cap * 2 : FIRST_CAP;
    struct gs_index_slot *slots = gs_allocn(cap, sizeof *slots);
    for (size_t i = 0; i < x->cap; i++) {
        size_t at = x->slots[i].key.a & (cap - 1);
        if (!x->slots[i].used)
            continue;
        while (slots[at].used)
            at = (at + 1) & (cap - 1);
        slots[at] = x->slots[i];
    }
    free(x->slots);
    x->slots = slots;
    x->cap = cap;
}

/* The key's slot, or the free one where it would be; NULL where neither is near. */
static struct gs_index_slot *find(const gs_index *x, gs_key key)
{
    for (size_t i = 0; i < MAX_PROBES && i < x->cap; i++) {
        struct gs_index_slot *s = &x->slots[(key.a + i) & (x->cap - 1)];
        if (!s->used || (s->key.a == key.a && s->key.b == key.b))
            return s;
    }
    return NULL;
}

uint32_t gs_index_get(const gs_index *x, gs_key key)
{
    const struct gs_index_slot *s = find(x, key);
    return s && s->used ? s->number : 0;
}

uint32_t *gs_index_at(gs_index *x, gs_key key)
{
    if (x->used * 4 >= x->cap * 3)
        grow(x);
    struct gs_index_slot *s = find(x, key);
    if (s && !s->used) {
        if (gs_index_full(x))
            return NULL;
        *s = (struct gs_index_slot){.key = key, .used = true};
        x->used++;
    }
    return s ? &s->number : NULL;
}
