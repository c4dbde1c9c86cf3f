/* A small pool of threads for what would hold the loop for over a millisecond: gunzip, decoding, hashing.
 * A job owns its input and its output and touches nothing else. */
#ifndef GS_IO_WORKERS_H
#define GS_IO_WORKERS_H

#include "io/loop.h"

#include <stddef.h>

typedef struct gs_workers gs_workers;

/* `threads` 1..16; at most `queue_max` jobs wait. */
int gs_workers_new(gs_loop *l, unsigned threads, size_t queue_max, gs_workers **ret, gs_error *err);
/* Finishes the jobs that run, drops those that wait (their done is called with cancelled = true), joins the threads. */
void gs_workers_free(gs_workers *w);
GS_DEFINE_CLEANUP(gs_workers *, gs_workers_free)

/* run(job) on some worker thread, then done(job, cancelled) on the loop thread, exactly once.
 * -GS_NO_MEMORY where the queue is full: then neither is called and the job is still the caller's. */
int gs_workers_submit(gs_workers *w, void (*run)(void *job), void (*done)(void *job, bool cancelled), void *job,
                      gs_error *err);

#endif
