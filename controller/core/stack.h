/* Stacks of Go programs: what a goroutine waits for, and which user code it is in.
 *
 * A site is the innermost user function (leaf) and the goroutine's own function (entry). Its id is the same from every
 * source of evidence, pod, day and release: 'p' and 10 hex digits of sha256(leaf '\n' entry) over normalised names.
 * The digest is made by codec/, which has a library for it. */
#ifndef GS_CORE_STACK_H
#define GS_CORE_STACK_H

#include "base/arena.h"

#include <stdint.h>

#define GS_SITE_ID_LEN 12

enum gs_state {
    GS_STATE_RUNNING, /* running, runnable, or a wait that the frames do not tell */
    GS_STATE_CHAN_SEND,
    GS_STATE_CHAN_RECEIVE,
    GS_STATE_CHAN_SEND_NIL, /* on a nil channel: for ever. Only a dump tells */
    GS_STATE_CHAN_RECEIVE_NIL,
    GS_STATE_SELECT,
    GS_STATE_SELECT_NONE, /* select {} */
    GS_STATE_MUTEX,
    GS_STATE_RWMUTEX_READ,
    GS_STATE_RWMUTEX_WRITE,
    GS_STATE_WAITGROUP,
    GS_STATE_COND,
    GS_STATE_SEMACQUIRE,
    GS_STATE_IO_WAIT,
    GS_STATE_SLEEP,
    GS_STATE_SYSCALL,
    GS_STATE_SYSTEM, /* the runtime's own: GC worker (idle), finalizer wait, ... */
    GS_STATE_COUNT_
};

/* The runtime's own words, as in a traceback: "chan send", "sync.Mutex.Lock". */
const char *gs_state_name(enum gs_state s);
/* Blocked on another goroutine: not running, not on IO, a timer or the kernel. */
bool gs_state_blocked(enum gs_state s);

/* One frame, innermost first in a stack; views of the decoder's memory. */
typedef struct gs_frame {
    gs_str function; /* "shop/payments.(*pool).acquire.func1" */
    gs_str file;
    int64_t line;
    uint16_t known; /* gs_frame_learn, where the caller has it: the same function stands in many stacks; 0 otherwise */
} gs_frame;

/* The package path of a function: up to the first dot after the last slash, generic arguments not counted. */
gs_str gs_package_of(gs_str function);

enum gs_code { GS_CODE_RUNTIME, GS_CODE_STD, GS_CODE_LIBRARY, GS_CODE_USER };

/* Whose code a frame is: the runtime's, the standard library's, a module's from the module cache or vendor/, or the
 * program's own. */
enum gs_code gs_frame_code(const gs_frame *f);

/* Whose code it is and what a goroutine in it waits for, in a form that only this module reads; never 0. From function
 * and file alone: the same in every stack. */
uint16_t gs_frame_learn(const gs_frame *f);

/* The wait state that the runtime frames tell (profiles without a state of their own). */
enum gs_state gs_stack_state(const gs_frame *frames, size_t n);

typedef struct gs_stack_info {
    enum gs_state state;
    size_t leaf;          /* index of the innermost user frame; else of library, else of standard library, else 0 */
    size_t entry;         /* index of the goroutine's own function */
    bool user;            /* the leaf is user code */
    size_t key_frames[8]; /* user frames from the leaf outwards, then library frames */
    size_t n_key_frames;
} gs_stack_info;

/* 0 < n; of more than GS_MAX_FRAMES the first are looked at. */
void gs_stack_inspect(const gs_frame *frames, size_t n, gs_stack_info *ret);

/* Only what tells stacks apart, from what is known of their frames: leaf, entry, state and user are as above, key frames
 * are not looked for. For those who meet thousands of different stacks. */
void gs_stack_inspect_known(const uint16_t *known, size_t n, gs_stack_info *ret);

/* A function name without what changes from build to build: closure numbers (func1.2 -> func), gowrap and deferwrap
 * and range-over-func numbers, type arguments' addresses. Returns the length, cut at cap - 1; terminated. */
size_t gs_normalise(gs_str function, char *dst, size_t cap);

typedef struct gs_label {
    const char *key, *value;
} gs_label;

/* One combination of pprof labels, sorted by key, and how many of a site's goroutines have it. Where the program sets
 * no label "route", the function that serves the request is added as the label "handler". */
typedef struct gs_label_set {
    const gs_label *v;
    size_t n;
    uint64_t count;
} gs_label_set;
#define GS_LABEL_SETS 3

/* Which boundary of the code a stuck goroutine broke:
 * Lock: a mutex, semaphore, WaitGroup or condition. Communication: a channel or select whose other side does not come.
 * Timeout: IO, the kernel or a timer without an end. Reference: nothing is waited for, something still holds it. */
enum gs_boundary {
    GS_BOUNDARY_NONE,
    GS_BOUNDARY_REFERENCE,
    GS_BOUNDARY_COMMUNICATION,
    GS_BOUNDARY_TIMEOUT,
    GS_BOUNDARY_LOCK
};
const char *gs_boundary_name(enum gs_boundary b); /* "" "Reference" "Communication" "Timeout" "Lock" */

/* All goroutines of a profile at one site. Strings live in the profile's arena. */
typedef struct gs_site {
    char id[GS_SITE_ID_LEN];
    uint64_t count;
    enum gs_state state; /* of most of its goroutines */
    bool user;
    const char *leaf, *entry; /* as the program has them, not normalised */
    const char *leaf_file;
    int64_t leaf_line;
    const char *const *key_frames; /* "function file:line" */
    size_t n_key_frames;
    const gs_label_set *labels; /* the combinations with most goroutines, the largest first; at most GS_LABEL_SETS */
    size_t n_labels;
    const char *created_by; /* normally known from a dump only; "" */
    enum gs_boundary boundary;
    double depth;                          /* mean of min(frames / 64, 1) over its goroutines */
    double blocked;                        /* share of its goroutines whose state gs_state_blocked */
    bool has_wait;                         /* from a dump: the next four are known */
    double waited;                         /* mean of 1 - exp(-wait_ms / 30000) */
    uint32_t wait_min, wait_p50, wait_max; /* minutes */
    uint32_t pattern; /* index in the profile's sites of its pattern's primary site: the one with most goroutines */
} gs_site;

/* Which goroutine is at which site: from a dump only. */
typedef struct gs_goroutine {
    uint64_t id;
    uint32_t site; /* index; UINT32_MAX: at a site that was cut */
} gs_goroutine;

enum gs_profile_kind {
    GS_PROFILE_GOROUTINE, /* goroutine?debug=0 or 1 */
    GS_PROFILE_LEAK,      /* goroutineleak?debug=0: what the runtime's collector cannot reach */
    GS_PROFILE_DUMP,      /* goroutine?debug=2: every goroutine */
    GS_PROFILE_HEAP,      /* heap: kept as evidence, not looked into; so are the next two */
    GS_PROFILE_CPU,       /* profile?seconds=N */
    GS_PROFILE_TRACE,     /* trace?seconds=N: of the runtime */
};
#define GS_PROFILE_KINDS 6
const char *gs_profile_kind_name(
    enum gs_profile_kind k); /* "Goroutine" "GoroutineLeak" "FullDump" "Heap" "CPU" "Trace" */

/* A decoded goroutine profile. Made on a worker, then owned by the loop. */
typedef struct gs_profile {
    gs_arena arena;
    uint64_t total; /* goroutines, sites that were cut included */
    enum gs_profile_kind kind;
    bool truncated; /* more sites than GS_MAX_PROFILE_SITES, or the input was cut off */
    gs_site *sites; /* by count, the largest first, then by id */
    size_t n;
    uint64_t io_wait;         /* goroutines in IO wait, over all sites */
    uint64_t consumers;       /* of answers over HTTP: in (*persistConn).roundTrip, or reading a response's body */
    gs_goroutine *goroutines; /* by id; NULL unless asked for (heap, not arena) */
    size_t n_goroutines;
} gs_profile;

void gs_profile_free(gs_profile *p);
GS_DEFINE_CLEANUP(gs_profile *, gs_profile_free)

#endif
