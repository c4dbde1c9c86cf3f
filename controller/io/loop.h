/* The event loop: one thread that owns all state. libevent appears behind this header only.
 * All functions belong to the loop thread except gs_loop_post and gs_loop_stop. */
#ifndef GS_IO_LOOP_H
#define GS_IO_LOOP_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stdint.h>

typedef struct gs_loop gs_loop;
typedef struct gs_timer gs_timer;

int gs_loop_new(gs_loop **ret, gs_error *err);
void gs_loop_free(gs_loop *l);
GS_DEFINE_CLEANUP(gs_loop *, gs_loop_free)

/* Runs until gs_loop_stop; a stop that came before the run counts too. */
void gs_loop_run(gs_loop *l);
void gs_loop_stop(gs_loop *l);

/* Calls fn(ctx) on the loop thread, soon, in the order of posting. Any thread. */
void gs_loop_post(gs_loop *l, void (*fn)(void *ctx), void *ctx);

/* SIGTERM, SIGINT ...: fn runs on the loop thread, in ordinary context. */
int gs_loop_on_signal(gs_loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx, gs_error *err);

/* One-shot timers: set again to repeat. Setting an armed timer moves it. fn may free its own timer. */
gs_timer *gs_timer_new(gs_loop *l, void (*fn)(void *ctx), void *ctx);
void gs_timer_set(gs_timer *t, int64_t delay_ms); /* < 0 counts as 0 */
void gs_timer_stop(gs_timer *t);
void gs_timer_free(gs_timer *t);
GS_DEFINE_CLEANUP(gs_timer *, gs_timer_free)

/* For the other files of io/ only: the struct event_base. */
void *gs_loop_base(gs_loop *l);

#endif
