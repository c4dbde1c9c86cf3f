#include "base/map.h"

#include "base/mem.h"

/* Open addressing with tombstones, at most 3/4 full. */
struct entry {
    char *key; /* NULL: never used; TOMB: was removed */
    void *value;
    uint64_t hash;
};

struct gs_map {
    struct entry *slots;
    size_t cap, used, filled; /* filled counts tombstones too */
    void (*free_value)(void *);
};

static char tomb_mark;
#define TOMB (&tomb_mark)

gs_map *gs_map_new(void (*free_value)(void *))
{
    gs_map *m = gs_alloc(sizeof *m);
    m->cap = 8;
    m->slots = gs_allocn(m->cap, sizeof *m->slots);
    m->free_value = free_value;
    return m;
}

void gs_map_free(gs_map *m)
{
    if (!m)
        return;
    for (gs_map_it it = {0}; gs_map_next(m, &it);)
        if (m->free_value)
            m->free_value(it.value);
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].key != TOMB)
            free(m->slots[i].key);
    free(m->slots);
    free(m);
}

size_t gs_map_len(const gs_map *m)
{
    return m->used;
}

static struct entry *find(const gs_map *m, gs_str key, uint64_t hash)
{
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct entry *e = &m->slots[i];
        if (!e->key)
            return NULL;
        if (e->key != TOMB && e->hash == hash && gs_str_is(key, e->key))
            return e;
    }
}

void *gs_map_getn(const gs_map *m, gs_str key)
{
    struct entry *e = find(m, key, gs_hash(key.p, key.n, 0));
    return e ? e->value : NULL;
}

void *gs_map_get(const gs_map *m, const char *key)
{
    return gs_map_getn(m, gs_str_of(key));
}

static void place(gs_map *m, char *key, void *value, uint64_t hash)
{
    size_t i = hash & (m->cap - 1);
    while (m->slots[i].key)
        i = (i + 1) & (m->cap - 1);
    m->slots[i] = (struct entry){key, value, hash};
    m->filled++;
    m->used++;
}

static void rehash(gs_map *m)
{
    struct entry *old = m->slots;
    size_t n = m->cap;
    while (m->used * 2 >= m->cap)
        m->cap *= 2;
    m->slots = gs_allocn(m->cap, sizeof *m->slots);
    m->used = m->filled = 0;
    for (size_t i = 0; i < n; i++)
        if (old[i].key && old[i].key != TOMB)
            place(m, old[i].key, old[i].value, old[i].hash);
    free(old);
}

void gs_map_put(gs_map *m, const char *key, void *value)
{
    uint64_t hash = gs_hash(key, strlen(key), 0);
    struct entry *e = find(m, gs_str_of(key), hash);
    if (e) {
        if (m->free_value && e->value != value)
            m->free_value(e->value);
        e->value = value;
        return;
    }
    if ((m->filled + 1) * 4 > m->cap * 3)
        rehash(m);
    place(m, gs_strdup(key), value, hash);
}

void *gs_map_remove(gs_map *m, const char *key)
{
    struct entry *e = find(m, gs_str_of(key), gs_hash(key, strlen(key), 0));
    if (!e)
        return NULL;
    void *value = e->value;
    free(e->key);
    e->key = TOMB;
    e->value = NULL;
    m->used--;
    return value;
}

bool gs_map_del(gs_map *m, const char *key)
{
    size_t before = m->used;
    void *value = gs_map_remove(m, key);
    if (m->used == before)
        return false;
    if (m->free_value)
        m->free_value(value);
    return true;
}

bool gs_map_next(const gs_map *m, gs_map_it *it)
{
    while (it->at < m->cap) {
        struct entry *e = &m->slots[it->at++];
        if (e->key && e->key != TOMB) {
            it->key = e->key;
            it->value = e->value;
            return true;
        }
    }
    return false;
}
