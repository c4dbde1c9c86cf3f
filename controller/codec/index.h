/* From 128 bits to a number: how decoders recognise what they have seen before. Keys are hashes; equal ones are taken for
 * the same thing. Plain values of one owner, one thread at a time. */
#ifndef GS_CODEC_INDEX_H
#define GS_CODEC_INDEX_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct gs_key {
    uint64_t a, b;
} gs_key;

typedef struct gs_index {
    struct gs_index_slot *slots;
    size_t cap, used;
    size_t max; /* keys */
} gs_index;

#define GS_INDEX(limit) ((gs_index){.max = (limit)})

void gs_index_done(gs_index *x);
GS_DEFINE_CLEANUP_VALUE(gs_index, gs_index_done)

/* The number of a key; 0 where there is none. */
uint32_t gs_index_get(const gs_index *x, gs_key key);
/* The same, to be filled by the caller: 0 in a fresh place. NULL where the limit is reached, or too many keys fall
 * together: time stays bounded for crafted ones. Valid until the next call. */
uint32_t *gs_index_at(gs_index *x, gs_key key);
static inline bool gs_index_full(const gs_index *x)
{
    return x->used >= x->max;
}

#define GS_KEY ((gs_key){0x9e3779b97f4a7c15u, 0xd1b54a32d192ed03u})

static inline uint64_t gs_key_load(const char *p, size_t n)
{
    uint64_t v = 0;
    memcpy(&v, p, n);
    return v;
}

static inline uint64_t gs_key_rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

/* One word into one half; for a given word, and for a given half, no two results are the same. */
static inline uint64_t gs_key_step(uint64_t h, uint64_t word)
{
    return gs_key_rotate((h ^ word) * 0xff51afd7ed558ccdu, 29);
}

static inline void gs_key_add_number(gs_key *k, uint64_t word)
{
    uint64_t a = gs_key_step(k->a, word);
    k->b = gs_key_step(k->b ^ (a >> 32), word);
    k->a = a;
}

/* Adds n bytes, and that there were n. Each half takes every second word; then they are mixed with each other. */
static inline void gs_key_add(gs_key *k, const char *p, size_t n)
{
    uint64_t a = k->a ^ n, b = k->b;
    for (; n >= 16; p += 16, n -= 16) {
        a = gs_key_step(a, gs_key_load(p, 8));
        b = gs_key_step(b, gs_key_load(p + 8, 8));
    }
    if (n >= 8) {
        a = gs_key_step(a, gs_key_load(p, 8));
        b = gs_key_step(b, gs_key_load(p + n - 8, 8));
    } else if (n >= 4) {
        a = gs_key_step(a, gs_key_load(p, 4) | gs_key_load(p + n - 4, 4) << 32);
    } else if (n > 0) {
        a = gs_key_step(a, gs_key_load(p, 1) | gs_key_load(p + n / 2, 1) << 8 | gs_key_load(p + n - 1, 1) << 16);
    }
    k->a = a ^ gs_key_rotate(b, 31);
    k->b = gs_key_step(b, k->a);
}

/* Every bit of the result depends on all bits (the finaliser of MurmurHash3). Ends the key. */
static inline gs_key gs_key_end(gs_key k)
{
    k.b = gs_key_step(k.b, k.a);
    k.a ^= k.b;
    k.a = (k.a ^ (k.a >> 33)) * 0xff51afd7ed558ccdu;
    k.a = (k.a ^ (k.a >> 33)) * 0xc4ceb9fe1a85ec53u;
    k.a ^= k.a >> 33;
    return k;
}

#endif
