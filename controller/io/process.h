/* A child process on the loop: what it writes is collected up to a cap; it ends by itself, at a timeout, or when nobody
 * wants it any more.
 *
 * No shell. It reads from /dev/null, has no terminal, none of our descriptors but its three, and signals as a new program
 * expects them. It leads a session of its own: what it started goes with it where it is killed. Loop thread only. */
#ifndef GS_IO_PROCESS_H
#define GS_IO_PROCESS_H

#include "base/str.h"
#include "io/loop.h"

#include <stddef.h>

typedef struct gs_process gs_process;

typedef struct gs_process_end {
    /* GS_OK: it exited with 0. GS_TERMINAL: another exit code, or a signal. GS_TRANSIENT: the timeout. GS_NO_MEMORY: it
     * wrote more than max_out. The message begins with a verb: "exited with code 1". */
    gs_error err;
    int code; /* its exit code; -1: it had none */
    gs_str out,
        log; /* what came from stdout and stderr; valid within on_done, overwritten after it: they may be secret */
} gs_process_end;

typedef struct gs_process_options {
    const char *const *argv; /* ended by NULL; argv[0] is looked for in $PATH where it has no '/' */
    const char *const *env;  /* "NAME=value", ended by NULL: all of its environment */
    int64_t timeout_ms;
    size_t max_out, max_log; /* of stdout and stderr; stderr is cut there */
    /* Once, and never from within gs_process_start. */
    void (*on_done)(void *ctx, const gs_process_end *end);
    void *ctx;
} gs_process_options;

/* -GS_NOT_FOUND: there is no such program; -GS_TERMINAL: it cannot be run. Nothing is called back then. */
int gs_process_start(gs_loop *l, const gs_process_options *o, gs_process **ret, gs_error *err);
/* Kills it; on_done is not called. NULL is fine. Until on_done was entered. */
void gs_process_cancel(gs_process *p);

#endif
