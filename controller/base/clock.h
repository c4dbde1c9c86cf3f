/* Time, behind function pointers so that tests and backtest can drive it. Only composition roots make real ones. */
#ifndef GS_BASE_CLOCK_H
#define GS_BASE_CLOCK_H

#include "base/str.h"

typedef struct gs_clock {
    int64_t (*mono_ms)(void *ctx); /* never jumps; for intervals */
    int64_t (*wall_ms)(void *ctx); /* Unix time; for what people read */
    void *ctx;
} gs_clock;

gs_clock gs_clock_system(void);

static inline int64_t gs_mono(const gs_clock *c)
{
    return c->mono_ms(c->ctx);
}
static inline int64_t gs_wall(const gs_clock *c)
{
    return c->wall_ms(c->ctx);
}

#define GS_TIME_LEN 32
/* RFC 3339 in UTC: seconds "2026-01-01T00:00:00Z", or microseconds as MicroTime has them. */
void gs_time_format(int64_t wall_ms, char ret[GS_TIME_LEN]);
void gs_time_format_micro(int64_t wall_ms, char ret[GS_TIME_LEN]);
void gs_time_format_compact(int64_t wall_ms, char ret[GS_TIME_LEN]); /* 20260101T000000Z, for file names */
/* RFC 3339, with or without a fraction, Z or an offset. */
bool gs_time_parse(gs_str s, int64_t *ret_wall_ms);

#endif
