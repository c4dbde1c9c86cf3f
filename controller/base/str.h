/* Views of bytes that someone else owns, and the only number parsers of the project. Any thread. */
#ifndef GS_BASE_STR_H
#define GS_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct gs_str {
    const char *p; /* not terminated; valid as long as its owner */
    size_t n;
} gs_str;

#define GS_STR(lit) ((gs_str){(lit), sizeof(lit) - 1})

static inline gs_str gs_str_of(const char *s)
{
    return (gs_str){s ? s : "", s ? strlen(s) : 0};
}

static inline bool gs_str_eq(gs_str a, gs_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool gs_str_is(gs_str a, const char *b)
{
    return gs_str_eq(a, gs_str_of(b));
}

static inline bool gs_str_starts(gs_str a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.n >= n && memcmp(a.p, prefix, n) == 0;
}

static inline bool gs_str_ends(gs_str a, const char *suffix)
{
    size_t n = strlen(suffix);
    return a.n >= n && memcmp(a.p + a.n - n, suffix, n) == 0;
}

static inline bool gs_streq(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Copies into a fixed array, cut to fit, always terminated; returns false where it had to cut. */
bool gs_str_copy(char *dst, size_t cap, gs_str s);

/* The whole of s must be a decimal number in range; *ret is written on success only. */
bool gs_str_u64(gs_str s, uint64_t *ret);
bool gs_str_i64(gs_str s, int64_t *ret);
/* Decimal floating point as Prometheus and JSON write it (NaN and +Inf included), independent of the locale. */
bool gs_str_double(gs_str s, double *ret);
/* A duration with a unit: 30s, 5m, 720h, 30d; a bare number is seconds. Milliseconds. */
bool gs_str_duration_ms(gs_str s, int64_t *ret);

/* FNV-1a, for maps and for spreading; no defence against crafted keys is needed where a cap bounds the map. */
uint64_t gs_hash(const void *p, size_t n, uint64_t seed);

#endif
