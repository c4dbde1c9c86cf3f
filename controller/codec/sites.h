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
    size_t n;
    uint64_t depth;      /* frames of the whole stack */
    uint32_t created_by; /* a function's number, or GS_SITES_NONE */
    struct gs_stack_frame {
        uint32_t function, line;
    } frames[GS_MAX_FRAMES]; /* innermost first */
} gs_stack;

static inline void gs_stack_reset(gs_stack *k)
{
    k->n = 0;
    k->depth = 0;
    k->created_by = GS_SITES_NONE;
}

/* A line of source as a frame has it: 0 where it is no possible one. */
static inline uint32_t gs_stack_line(int64_t line)
{
    return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

/* Adds the next frame outwards; one whose function is at the cap only to the depth. */
static inline void gs_stack_push(gs_stack *k, struct gs_stack_frame f)
{
    const size_t head = GS_MAX_FRAMES - GS_STACK_TAIL;
    k->depth++;
    if (f.function == GS_SITES_NONE)
        return;
    if (k->n == GS_MAX_FRAMES) { /* the oldest of the tail makes room */
        memmove(k->frames + head, k->frames + head + 1, (GS_STACK_TAIL - 1) * sizeof *k->frames);
        k->n--;
    }
    k->frames[k->n++] = f;
}

/* The place of a stack's number, by a key that is the caller's; NULL where it cannot be kept. The number is 0 where the
 * stack is a new one: then show it. Valid until the next call. */
uint32_t *gs_sites_find(gs_sites *s, gs_key key);
/* Shows a new stack and puts its number into *place; a stack without frames gets one with an unknown function. *place
 * stays 0 where it cannot be kept. */
void gs_sites_add(gs_sites *s, uint32_t *place, gs_stack *k);

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

/* So many goroutines more, at a stack; at one that is not kept for stack 0. True where the stack is now the one with most
 * goroutines of its site: show it again, to describe the site. */
bool gs_sites_count(gs_sites *s, uint32_t stack, const gs_sighting *g);
void gs_sites_describe(gs_sites *s, uint32_t stack, gs_stack *k);

uint64_t gs_sites_total(const gs_sites *s);
/* Goroutines at stacks that are not known: the input was cut off. Sets truncated. */
void gs_sites_lost(gs_sites *s, uint64_t count);

/* The profile; s holds nothing any more and can only be freed. */
gs_profile *gs_sites_finish(gs_sites *s, enum gs_profile_kind kind, bool truncated);

/* 'p' and 10 hex digits of sha256(normalised leaf, '\n', normalised entry), each cut at GS_MAX_NAME. */
void gs_site_id(gs_str leaf, gs_str entry, char ret[GS_SITE_ID_LEN]);

#endif
