/* Goroutines by stack and site, as a decoder meets them: the one place that makes ids, key frames, labels and patterns,
 * whatever the form of the profile.
 *
 * Owns all that it was given: functions, labels and stacks are copied. A decoder shows each different stack once and then
 * counts goroutines at it, so that memory and work are bounded by the number of different stacks (base/limits.h); what
 * is beyond the caps is counted in the total, and the profile is truncated. One thread at a time. */
#ifndef GS_CODEC_SITES_H
#define GS_CODEC_SITES_H

#include "base/limits.h"
#include "codec/index.h"
#include "core/stack.h"

typedef struct gs_sites gs_sites;

gs_sites *gs_sites_new(bool keep_goroutines);
void gs_sites_free(gs_sites *s);
GS_DEFINE_CLEANUP(gs_sites *, gs_sites_free)

/* A function's number, for gs_stack.frames; GS_SITES_NONE at the cap. Names may have type arguments spelled out. */
#define GS_SITES_NONE UINT32_MAX
uint32_t gs_sites_function(gs_sites *s, gs_str name, gs_str file);

/* Of a stack deeper than GS_MAX_FRAMES the innermost frames and the outermost GS_STACK_TAIL are kept: what it waits for
 * stands at one end, what it serves at the other. */
#define GS_STACK_TAIL 8

typedef struct gs_stack {
    struct gs_stack_frame {
        uint32_t function, line;
    } frames[GS_MAX_FRAMES]; /* innermost first */
    size_t n;
    uint64_t depth;      /* frames of the whole stack */
    uint32_t created_by; /* a function's number, or GS_SITES_NONE */
} gs_stack;

void gs_stack_reset(gs_stack *k);
/* Adds the next frame outwards; line is taken for unknown where it is no possible one. */
void gs_stack_push(gs_stack *k, uint32_t function, int64_t line);

/* The number of a stack, counted from 1, by a key that is the caller's; 0: not seen yet. */
uint32_t gs_sites_find(const gs_sites *s, gs_key key);
/* Shows a new one. A stack without frames gets one with an unknown function. 0 where it cannot be kept. */
uint32_t gs_sites_add(gs_sites *s, gs_key key, gs_stack *k);
/* No further stack can be kept: do not bother to look at it. */
bool gs_sites_full(const gs_sites *s);

typedef struct gs_raw_label {
    gs_str key, value;
} gs_raw_label;

typedef struct gs_sighting {
    uint64_t count;
    bool dump;           /* the next three are known */
    uint64_t id;         /* the goroutine's */
    enum gs_state state; /* else from the stack's frames */
    uint32_t minutes;    /* how long it has been in this state */
    const gs_raw_label *labels;
    size_t n_labels;
} gs_sighting;

/* So many goroutines more, at a stack; at one that is not kept for stack 0. */
void gs_sites_count(gs_sites *s, uint32_t stack, const gs_sighting *g);

uint64_t gs_sites_total(const gs_sites *s);
/* Goroutines at stacks that are not known: the input was cut off. Sets truncated. */
void gs_sites_lost(gs_sites *s, uint64_t count);

/* The profile; s holds nothing any more and can only be freed. */
gs_profile *gs_sites_finish(gs_sites *s, enum gs_profile_kind kind, bool truncated);

/* 'p' and 10 hex digits of sha256(normalised leaf, '\n', normalised entry), each cut at GS_MAX_NAME. */
void gs_site_id(gs_str leaf, gs_str entry, char ret[GS_SITE_ID_LEN]);

#endif
