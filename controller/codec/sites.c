/* Stacks as a decoder shows them: each gets its site. */
#include "codec/sites.h"

#include "base/mem.h"
#include "codec/sites_internal.h"
#include "wire/digest.h"

#include <stdio.h>

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
    for (size_t i = 0; i < s->n_sites; i++)
        free(s->sites[i].example);
    free(s->sites);
    free(s->sets);
    free(s->labels.v);
    free(s->waits.v);
    free(s);
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

uint32_t *gs_sites_find(gs_sites *s, gs_key key)
{
    return gs_index_at(&s->stack_index, key);
}

size_t gs_sites_entry(const gs_stack *k, const gs_stack_info *info)
{
    return k->depth >= GS_MAX_FRAMES ? info->leaf : info->entry;
}

static void fill(gs_sites *s, gs_stack *k)
{
    if (k->n == 0)
        gs_stack_push(k, (struct gs_stack_frame){gs_sites_function(s, GS_STR("(unknown)"), GS_STR("")), 0});
}

static bool inspect(gs_sites *s, gs_stack *k, struct gs_kept_stack *ret)
{
    uint16_t known[GS_MAX_FRAMES];
    gs_stack_info info;
    fill(s, k);
    if (k->n == 0)
        return false;
    for (size_t i = 0; i < k->n; i++)
        known[i] = s->functions[k->frames[i].function].known;
    gs_stack_inspect_known(known, k->n, &info);
    uint32_t site = site_of(s, &s->functions[k->frames[info.leaf].function],
                            &s->functions[k->frames[gs_sites_entry(k, &info)].function]);
    if (!site)
        return false;
    *ret = (struct gs_kept_stack){
        .site = site - 1,
        .handler = gs_sites_handler(s, k->frames, k->n),
        .state = (uint8_t)info.state,
        .consumer = gs_sites_has_role(s, k->frames, k->n, GS_ROLE_CONSUMER),
        .depth = (uint8_t)(k->depth < GS_DEPTH_FULL ? k->depth : GS_DEPTH_FULL),
    };
    return true;
}

void gs_sites_add(gs_sites *s, uint32_t *place, gs_stack *k)
{
    struct gs_kept_stack kept;
    if (!inspect(s, k, &kept))
        return;
    s->stacks = gs_grow(s->stacks, &s->cap_stacks, s->n_stacks + 1, sizeof *s->stacks);
    s->stacks[s->n_stacks++] = kept;
    *place = (uint32_t)s->n_stacks;
}

void gs_sites_describe(gs_sites *s, uint32_t stack, gs_stack *k)
{
    fill(s, k); /* it was added so: there is such a function */
    struct gs_kept_site *t = &s->sites[s->stacks[stack - 1].site];
    const size_t n = offsetof(gs_stack, frames) + k->n * sizeof k->frames[0];
    free(t->example);
    t->example = gs_alloc(n);
    memcpy(t->example, k, n);
    t->shown = stack;
}
