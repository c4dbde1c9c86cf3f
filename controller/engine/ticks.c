#include "engine/ticks.h"

#include "base/mem.h"

#include <stdlib.h>

void gs_ticks_done(gs_ticks *h)
{
    free(h->v);
    *h = (gs_ticks){0};
}

static void put(gs_ticks *h, size_t pos, gs_tick *t)
{
    h->v[pos] = t;
    t->pos = pos;
}

static void settle(gs_ticks *h, size_t pos)
{
    gs_tick *t = h->v[pos];
    for (; pos > 1 && h->v[pos / 2]->at_ms > t->at_ms; pos /= 2)
        put(h, pos, h->v[pos / 2]);
    for (size_t child; (child = pos * 2) <= h->n; pos = child) {
        if (child < h->n && h->v[child + 1]->at_ms < h->v[child]->at_ms)
            child++;
        if (h->v[child]->at_ms >= t->at_ms)
            break;
        put(h, pos, h->v[child]);
    }
    put(h, pos, t);
}

void gs_tick_set(gs_ticks *h, gs_tick *t, int64_t at_ms)
{
    t->at_ms = at_ms;
    if (!t->pos) {
        h->v = gs_grow(h->v, &h->cap, h->n + 2, sizeof(gs_tick *));
        put(h, ++h->n, t);
    }
    settle(h, t->pos);
}

void gs_tick_stop(gs_ticks *h, gs_tick *t)
{
    if (!t->pos)
        return;
    size_t pos = t->pos;
    t->pos = 0;
    gs_tick *last = h->v[h->n--];
    if (last != t) {
        put(h, pos, last);
        settle(h, pos);
    }
}

gs_tick *gs_tick_pop(gs_ticks *h, int64_t now_ms)
{
    if (h->n == 0 || h->v[1]->at_ms > now_ms)
        return NULL;
    gs_tick *t = h->v[1];
    gs_tick_stop(h, t);
    return t;
}

int64_t gs_ticks_next(const gs_ticks *h)
{
    return h->n ? h->v[1]->at_ms : -1;
}
