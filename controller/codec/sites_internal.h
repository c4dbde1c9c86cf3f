/* Between the parts of sites.h: sites.c (stacks as they come), sites_count.c (goroutines, waits and labels),
 * sites_functions.c (what is known once of each function) and sites_finish.c (the profile). */
#ifndef GS_CODEC_SITES_INTERNAL_H
#define GS_CODEC_SITES_INTERNAL_H

#include "codec/sites.h"
#include "core/cluster.h"

/* What a function does in a stack, beside whose code it is. */
enum gs_role {
    GS_ROLE_HIDDEN = 1,     /* of package runtime: text forms leave most of them out */
    GS_ROLE_CONSUMER = 2,   /* waits for an answer over HTTP, or reads one */
    GS_ROLE_SERVE_HTTP = 4, /* net/http's or a library's: calls the handler */
    GS_ROLE_GRPC = 8,       /* gRPC's generated handler */
};

struct gs_function {
    gs_str name, file, normal;   /* terminated; cut at GS_MAX_NAME */
    uint64_t hash;               /* of normal */
    const gs_minhash *signature; /* made when it is first needed */
    uint16_t known;              /* gs_frame_learn */
    uint8_t roles;
};

struct gs_kept_stack {
    uint64_t count;
    uint32_t site;
    uint32_t handler; /* the function that serves the request, or GS_SITES_NONE */
    uint32_t plain;   /* its label set where a goroutine has no labels, from 1; 0: not made yet */
    uint8_t depth;    /* frames of the whole stack, up to GS_DEPTH_FULL */
    uint8_t state;    /* enum gs_state */
    bool consumer;
};
#define GS_DEPTH_FULL 64 /* frames from which on a stack is as deep as it gets: core/score.h */

struct gs_kept_site {
    char id[GS_SITE_ID_LEN];
    uint64_t count;
    uint64_t by_state[GS_STATE_COUNT_];
    double depth, waited; /* sums over its goroutines */
    bool has_wait;
    uint32_t wait_min, wait_max;
    uint32_t shown;    /* the number of the stack that describes it; 0: none yet */
    gs_stack *example; /* its frames, cut to size (heap) */
};

/* So many goroutines of a site wait for so many minutes, or have this label set. */
struct gs_tally {
    uint32_t site, of;
    uint64_t count;
};

struct gs_tallies {
    gs_index index;
    struct gs_tally *v;
    size_t n, cap;
};

struct gs_sites {
    gs_profile *profile; /* its arena holds all strings */
    gs_arena scratch;    /* the functions' signatures */
    bool keep_goroutines, truncated;
    unsigned roles; /* that any function has */
    gs_index function_index, stack_index, pair_index, site_index, set_index;
    struct gs_function *functions;
    struct gs_kept_stack *stacks;
    struct gs_kept_site *sites;
    gs_label_set *sets;
    size_t n_functions, cap_functions, n_stacks, cap_stacks, n_sites, cap_sites, n_sets, cap_sets;
    size_t cap_goroutines;
    struct gs_tallies waits, labels;
};

static inline uint64_t gs_add_saturated(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* The frames of a stack as core/stack.h wants them. */
void gs_sites_frames(const gs_sites *s, const struct gs_stack_frame *frames, size_t n, gs_frame v[GS_MAX_FRAMES]);
/* Go records 128 frames of a stack in a profile, though all of them in a dump: beyond that the goroutine's own function is
 * not known in every form, and the leaf stands for it. */
size_t gs_sites_entry(const gs_stack *k, const gs_stack_info *info);
const gs_minhash *gs_sites_signature(gs_sites *s, uint32_t function);
/* The function that serves the request which the goroutine belongs to, or GS_SITES_NONE; and what it is called. */
uint32_t gs_sites_handler(const gs_sites *s, const struct gs_stack_frame *frames, size_t n);
gs_str gs_sites_handler_name(const gs_sites *s, uint32_t handler);
bool gs_sites_has_role(const gs_sites *s, const struct gs_stack_frame *frames, size_t n, enum gs_role role);
/* The number of a label set from 1; 0: it has no labels, or cannot be kept. */
uint32_t gs_sites_label_set(gs_sites *s, const gs_raw_label *labels, size_t n, uint32_t handler);

#endif
