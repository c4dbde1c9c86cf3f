#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t sys_mono(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t sys_wall(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

gs_clock gs_clock_system(void)
{
    return (gs_clock){.mono_ms = sys_mono, .wall_ms = sys_wall};
}

static void break_down(int64_t wall_ms, struct tm *tm, int *ms)
{
    int64_t secs = wall_ms / 1000, rest = wall_ms % 1000;
    if (rest < 0) {
        rest += 1000;
        secs--;
    }
    time_t t = (time_t)secs;
    (void)gmtime_r(&t, tm);
    *ms = (int)rest;
}

/* strftime's %Y writes the year 26 without leading zeroes. */
static void put_year(const struct tm *tm, char ret[GS_TIME_LEN])
{
    (void)snprintf(ret, 5, "%04u", (unsigned)(tm->tm_year + 1900) % 10000u);
}

void gs_time_format(int64_t wall_ms, char ret[GS_TIME_LEN])
{
    struct tm tm;
    int ms;
    break_down(wall_ms, &tm, &ms);
    put_year(&tm, ret);
    (void)strftime(ret + 4, GS_TIME_LEN - 4, "-%m-%dT%H:%M:%SZ", &tm);
}

void gs_time_format_micro(int64_t wall_ms, char ret[GS_TIME_LEN])
{
    struct tm tm;
    int ms;
    break_down(wall_ms, &tm, &ms);
    put_year(&tm, ret);
    size_t n = 4 + strftime(ret + 4, GS_TIME_LEN - 4, "-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(ret + n, GS_TIME_LEN - n, ".%03d000Z", ms);
}

void gs_time_format_compact(int64_t wall_ms, char ret[GS_TIME_LEN])
{
    struct tm tm;
    int ms;
    break_down(wall_ms, &tm, &ms);
    put_year(&tm, ret);
    (void)strftime(ret + 4, GS_TIME_LEN - 4, "%m%dT%H%M%SZ", &tm);
}

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z */
#define FIRST_SECOND (-62135596800)
#define LAST_SECOND 253402300799

/* n digits at *at, in lo..hi. */
static bool digits(gs_str s, size_t *at, size_t n, int lo, int hi, int *ret)
{
    uint64_t v;
    if (*at + n > s.n || !gs_str_u64((gs_str){s.p + *at, n}, &v) || (int64_t)v < lo || (int64_t)v > hi)
        return false;
    *at += n;
    *ret = (int)v;
    return true;
}

static bool literal(gs_str s, size_t *at, const char *any_of)
{
    if (*at >= s.n || !s.p[*at] || !strchr(any_of, s.p[*at]))
        return false;
    ++*at;
    return true;
}

bool gs_time_parse(gs_str s, int64_t *ret_wall_ms)
{
    struct tm tm = {0};
    int ms = 0, year, month, oh = 0, om = 0;
    size_t at = 0;
    if (!digits(s, &at, 4, 1, 9999, &year) || !literal(s, &at, "-") || !digits(s, &at, 2, 1, 12, &month) ||
        !literal(s, &at, "-") || !digits(s, &at, 2, 1, 31, &tm.tm_mday) || !literal(s, &at, "Tt ") ||
        !digits(s, &at, 2, 0, 23, &tm.tm_hour) || !literal(s, &at, ":") || !digits(s, &at, 2, 0, 59, &tm.tm_min) ||
        !literal(s, &at, ":") || !digits(s, &at, 2, 0, 60, &tm.tm_sec))
        return false;
    if (literal(s, &at, ".")) {
        int scale = 100;
        size_t first = at;
        for (; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++, scale /= 10)
            ms += (s.p[at] - '0') * scale;
        if (at == first)
            return false;
    }
    int sign = 0;
    if (!literal(s, &at, "Zz")) {
        sign = at < s.n && s.p[at] == '-' ? -1 : 1;
        if (!literal(s, &at, "+-") || !digits(s, &at, 2, 0, 23, &oh) || !literal(s, &at, ":") ||
            !digits(s, &at, 2, 0, 59, &om))
            return false;
    }
    if (at != s.n)
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    int64_t secs = (int64_t)timegm(&tm) - sign * (oh * 3600 + om * 60);
    if (secs < FIRST_SECOND || secs > LAST_SECOND) /* the offset may lead out of what can be written again */
        return false;
    *ret_wall_ms = secs * 1000 + ms;
    return true;
}
