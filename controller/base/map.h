/* A hash map from strings to pointers. Keys are copied, values are the caller's. Not thread safe.
 * Removing the current entry while walking with gs_map_next is allowed; adding is not. */
#ifndef GS_BASE_MAP_H
#define GS_BASE_MAP_H

#include "base/cleanup.h"
#include "base/str.h"

typedef struct gs_map gs_map;

gs_map *gs_map_new(void (*free_value)(void *)); /* free_value may be NULL */
void gs_map_free(gs_map *m);
GS_DEFINE_CLEANUP(gs_map *, gs_map_free)

size_t gs_map_len(const gs_map *m);
void *gs_map_get(const gs_map *m, const char *key);
void *gs_map_getn(const gs_map *m, gs_str key);
/* Puts value under key; an earlier value is freed. */
void gs_map_put(gs_map *m, const char *key, void *value);
bool gs_map_del(gs_map *m, const char *key);     /* frees the value; false where there was none */
void *gs_map_remove(gs_map *m, const char *key); /* hands the value back instead */

/* for (gs_map_it it = {0}; gs_map_next(m, &it);) use(it.key, it.value); */
typedef struct gs_map_it {
    const char *key;
    void *value;
    size_t at;
} gs_map_it;
bool gs_map_next(const gs_map *m, gs_map_it *it);

#endif
