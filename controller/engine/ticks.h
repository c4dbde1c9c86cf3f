/* Deadlines in a heap. A tick is embedded in what it is about; its owner removes it before it goes. */
#ifndef GS_ENGINE_TICKS_H
#define GS_ENGINE_TICKS_H

#include "base/str.h"

typedef struct gs_tick {
    int64_t at_ms;
    size_t pos; /* in the heap, from 1; 0: not set */
    void (*fn)(struct gs_tick *t);
} gs_tick;

typedef struct gs_ticks {
    gs_tick **v; /* v[1..n] */
    size_t n, cap;
} gs_ticks;

void gs_ticks_done(gs_ticks *h);
void gs_tick_set(gs_ticks *h, gs_tick *t, int64_t at_ms); /* moves it where it is set already */
void gs_tick_stop(gs_ticks *h, gs_tick *t);
/* Takes the earliest tick that is due; NULL: none is. */
gs_tick *gs_tick_pop(gs_ticks *h, int64_t now_ms);
int64_t gs_ticks_next(const gs_ticks *h); /* -1: none */

#endif
