/* Stacks as a decoder shows them: each gets its site. */
#include "codec/sites.h"

#include "base/mem.h"
#include "codec/sites_internal.h"
#include "wire/digest.h"

#include <stdio.h>

#define HEAD (GS_MAX_FRAMES - GS_STACK_TAIL)
#define DEPTH_FULL 64 /* frames: core/score.h */

gs_sites *gs_sites_new(bool keep_goroutines)
{
    gs_sites *s = gs_alloc(sizeof *s);
    s->profile = gs_alloc(sizeof *s->profile);
    s->keep_goroutines = keep_goroutines;
    s->function_index = GS_INDEX(GS_MAX_PROFILE_FUNCTIONS);
    s->stack_index = s->pair_index = s->site_index = GS_INDEX(GS_MAX_PROFILE_STACKS);
    s->set_index = GS_INDEX(GS_MAX_PROFILE_LABEL_SETS);
    s->labels.index = GS_INDEX(GS_MAX_PROFILE_LABEL_SETS);
    s->waits.index = GS_INDEX(GS_MAX_PROFILE_WAITS);
    return s;
}

void gs_sites_free(gs_sites *s)
{
    if (!s)
        return;
    gs_profile_free(s->profile);
    gs_arena_done(&s->scratch);
    gs_index_done(&s->function_index);
    gs_index_done(&s->stack_index);
    gs_index_done(&s->pair_index);
    gs_index_done(&s->site_index);
    gs_index_done(&s->set_index);
    gs_index_done(&s->labels.index);
    gs_index_done(&s->waits.index);
    free(s->functions);
    free(s->stacks);
    free(s->frames);
    free(s->sites);
    free(s->sets);
    free(s->labels.v);
    free(s->waits.v);
    free(s);
}

void gs_stack_reset(gs_stack *k)
{
    k->n = 0;
    k->depth = 0;
    k->created_by = GS_SITES_NONE;
}

void gs_stack_push(gs_stack *k, uint32_t function, int64_t line)
{
    k->depth++;
    if (function == GS_SITES_NONE)
        return;
    if (k->n == GS_MAX_FRAMES) /* the oldest of the tail makes room */
        memmove(k->frames + HEAD, k->frames + HEAD + 1, (GS_STACK_TAIL - 1) * sizeof *k->frames);
    else
        k->n++;
    k->frames[k->n - 1].function = function;
    k->frames[k->n - 1].line = line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

static void id_of(gs_str normal_leaf, gs_str normal_entry, char ret[GS_SITE_ID_LEN])
{
    char text[2 * GS_MAX_NAME + 1], hex[GS_SHA256_HEX_LEN];
    memcpy(text, normal_leaf.p, normal_leaf.n);
    text[normal_leaf.n] = '\n';
    memcpy(text + normal_leaf.n + 1, normal_entry.p, normal_entry.n);
    gs_sha256_hex((gs_str){text, normal_leaf.n + 1 + normal_entry.n}, hex);
    (void)snprintf(ret, GS_SITE_ID_LEN, "p%.10s", hex);
}

void gs_site_id(gs_str leaf, gs_str entry, char ret[GS_SITE_ID_LEN])
{
    char a[GS_MAX_NAME + 1], b[GS_MAX_NAME + 1];
    size_t n = gs_normalise(leaf, a, sizeof a), m = gs_normalise(entry, b, sizeof b);
    id_of((gs_str){a, n}, (gs_str){b, m}, ret);
}

static uint32_t new_site(gs_sites *s, const char id[GS_SITE_ID_LEN])
{
    s->sites = gs_grow(s->sites, &s->cap_sites, s->n_sites + 1, sizeof *s->sites);
    memcpy(s->sites[s->n_sites].id, id, GS_SITE_ID_LEN);
    return (uint32_t)++s->n_sites;
}

/* The number of a site from 1; 0 at the cap. By the hashes of its two names, since its id costs a SHA-256. */
static uint32_t site_of(gs_sites *s, const struct gs_function *leaf, const struct gs_function *entry)
{
    uint32_t *pair = gs_index_at(&s->pair_index, (gs_key){leaf->hash, entry->hash});
    if (pair && *pair)
        return *pair;
    char id[GS_SITE_ID_LEN];
    id_of(leaf->normal, entry->normal, id);
    uint32_t *at = gs_index_at(&s->site_index, (gs_key){strtoull(id + 1, NULL, 16), 0});
    if (!at)
        return 0;
    if (!*at)
        *at = new_site(s, id);
    if (pair)
        *pair = *at;
    return *at;
}

uint32_t gs_sites_find(const gs_sites *s, gs_key key)
{
    return gs_index_get(&s->stack_index, key);
}

bool gs_sites_full(const gs_sites *s)
{
    return gs_index_full(&s->stack_index);
}

/* Go records 128 frames of a stack in a profile, though all of them in a dump: beyond that the goroutine's own function is
 * not known in every form, and the leaf stands for it. */
static size_t entry_of(const gs_stack *k, const gs_stack_info *info)
{
    return k->depth >= GS_MAX_FRAMES ? info->leaf : info->entry;
}

static bool inspect(gs_sites *s, gs_stack *k, struct gs_kept_stack *ret)
{
    gs_frame v[GS_MAX_FRAMES];
    gs_stack_info info;
    if (k->n == 0)
        gs_stack_push(k, gs_sites_function(s, GS_STR("(unknown)"), GS_STR("")), 0);
    if (k->n == 0)
        return false;
    gs_sites_frames(s, k->frames, k->n, v);
    gs_stack_inspect(v, k->n, &info);
    uint32_t site =
        site_of(s, &s->functions[k->frames[info.leaf].function], &s->functions[k->frames[entry_of(k, &info)].function]);
    if (!site)
        return false;
    *ret = (struct gs_kept_stack){
        .site = site - 1,
        .first = (uint32_t)s->n_frames,
        .n = (uint32_t)k->n,
        .created_by = k->created_by,
        .handler = gs_sites_handler(s, k->frames, k->n),
        .state = info.state,
        .consumer = gs_sites_has_role(s, k->frames, k->n, GS_ROLE_CONSUMER),
        .deep = k->depth >= GS_MAX_FRAMES,
        .depth = k->depth < DEPTH_FULL ? (double)k->depth / DEPTH_FULL : 1,
    };
    return true;
}

uint32_t gs_sites_add(gs_sites *s, gs_key key, gs_stack *k)
{
    struct gs_kept_stack kept;
    uint32_t *at = gs_index_at(&s->stack_index, key);
    if (!at || !inspect(s, k, &kept))
        return 0;
    s->frames = gs_grow(s->frames, &s->cap_frames, s->n_frames + k->n, sizeof *s->frames);
    memcpy(s->frames + s->n_frames, k->frames, k->n * sizeof *k->frames);
    s->n_frames += k->n;
    s->stacks = gs_grow(s->stacks, &s->cap_stacks, s->n_stacks + 1, sizeof *s->stacks);
    s->stacks[s->n_stacks++] = kept;
    *at = (uint32_t)s->n_stacks;
    return *at;
}
