/* A time zone as a value: its changes of offset so far, and the rule for the time after them. codec/tzif makes it of a
 * TZif file (RFC 9636). */
#ifndef GS_CORE_ZONE_H
#define GS_CORE_ZONE_H

#include "base/cleanup.h"
#include "base/str.h"

#include <stdint.h>

/* When in a year the offset changes, as the TZ string of POSIX has it. */
typedef struct gs_zone_change {
    enum { GS_ZONE_JULIAN, GS_ZONE_DAY, GS_ZONE_WEEKDAY } kind; /* Jn, n, Mm.w.d */
    int month, week, day;
    int32_t at_s; /* local time of day; RFC 9636 allows -167..167 h */
} gs_zone_change;

typedef struct gs_zone {
    char name[65];
    size_t n;
    int64_t *at_s;     /* Unix seconds, ascending, of n changes */
    int32_t *offset_s; /* n + 1: east of UTC, before the first change and after each */
    bool has_rule;     /* for the time after the last change; else its offset goes on */
    bool has_dst;
    int32_t std_s, dst_s;
    gs_zone_change to_dst, to_std;
} gs_zone;

/* Seconds east of UTC at this time; 0 for NULL. */
int32_t gs_zone_offset(const gs_zone *z, int64_t unix_s);
/* When the offset may change next, after this time; INT64_MAX: never. */
int64_t gs_zone_next(const gs_zone *z, int64_t unix_s);

typedef struct gs_local {
    int year, month, day; /* 1.. */
    int hour, minute, second;
    int weekday; /* 0 is Sunday */
} gs_local;
void gs_zone_local(const gs_zone *z, int64_t unix_s, gs_local *ret);
/* The instant of a local time; of two the first, of none the first instant after the gap. */
int64_t gs_zone_instant(const gs_zone *z, const gs_local *l);

/* The calendar (Gregorian, also before 1582): days from 1970-01-01, the days of a month, the weekday of such a day. */
int64_t gs_civil_day(int year, int month, int day);
int gs_month_days(int year, int month);
int gs_civil_weekday(int64_t day);

void gs_zone_free(gs_zone *z);
GS_DEFINE_CLEANUP(gs_zone *, gs_zone_free)

#endif
