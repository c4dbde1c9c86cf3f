#include "core/zone.h"

#include <stdlib.h>

#define DAY 86400
/* Years in which local times are told: what lies outside is taken for their first or last day. */
#define FIRST_YEAR 1
#define LAST_YEAR 9999
/* No zone is farther east (RFC 9636, 3.2). */
#define MOST_EAST (26 * 3600)

static const int DAYS_BEFORE_MONTH[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

static bool leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to January 1 of the year; the proleptic Gregorian calendar. */
static int64_t year_begins(int year)
{
    int64_t y = (int64_t)year - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 - 719162;
}

static int days_before(int year, int month)
{
    return DAYS_BEFORE_MONTH[month - 1] + (month > 2 && leap(year));
}

int gs_month_days(int year, int month)
{
    return DAYS_BEFORE_MONTH[month] - DAYS_BEFORE_MONTH[month - 1] + (month == 2 && leap(year));
}

int64_t gs_civil_day(int year, int month, int day)
{
    return year_begins(year) + days_before(year, month) + day - 1;
}

int gs_civil_weekday(int64_t day)
{
    return (int)(((day % 7) + 11) % 7); /* 1970-01-01 was a Thursday */
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int year_of(int64_t day)
{
    if (day < year_begins(FIRST_YEAR))
        return FIRST_YEAR;
    if (day >= year_begins(LAST_YEAR + 1))
        return LAST_YEAR;
    /* 400 years have 146097 days: at most one off */
    int year = (int)((day + 719162) * 400 / 146097) + 1;
    if (day < year_begins(year))
        year--;
    else if (day >= year_begins(year + 1))
        year++;
    return year;
}

/* The day of a year on which the offset changes, from 1970-01-01. */
static int64_t change_day(const gs_zone_change *c, int year)
{
    int64_t first = year_begins(year);
    if (c->kind == GS_ZONE_DAY) /* 0..365, February 29 counted */
        return first + c->day;
    if (c->kind == GS_ZONE_JULIAN) /* 1..365, February 29 never counted */
        return first + c->day - 1 + (c->day > 59 && leap(year));
    first = gs_civil_day(year, c->month, 1);
    int64_t day = first + (c->day - gs_civil_weekday(first) + 7) % 7 + 7 * (c->week - 1);
    while (day >= first + gs_month_days(year, c->month)) /* week 5 is the last one */
        day -= 7;
    return day;
}

/* Calls of the rule around a time: the last one up to it, and the first one behind. */
typedef struct around {
    bool dst; /* what the last one up to it began */
    int64_t last_s, next_s;
} around;

static void look(around *a, int64_t unix_s, int64_t at_s, bool dst)
{
    /* A zone that has DST all year lets it end at the very instant at which it begins anew. */
    if (at_s <= unix_s && (at_s > a->last_s || (at_s == a->last_s && dst))) {
        a->last_s = at_s;
        a->dst = dst;
    }
    if (at_s > unix_s && at_s < a->next_s)
        a->next_s = at_s;
}

/* A time of day of up to 167 hours may take a change into the next week, so that the years beside are looked at, too. */
static around by_rule(const gs_zone *z, int64_t unix_s)
{
    around a = {.last_s = INT64_MIN, .next_s = INT64_MAX};
    int year = year_of(floor_div(unix_s, DAY));
    for (int y = year - 1; y <= year + 1; y++) {
        look(&a, unix_s, change_day(&z->to_dst, y) * DAY + z->to_dst.at_s - z->std_s, true);
        look(&a, unix_s, change_day(&z->to_std, y) * DAY + z->to_std.at_s - z->dst_s, false);
    }
    return a;
}

/* How many of the recorded changes are at or before this time. */
static size_t changes_until(const gs_zone *z, int64_t unix_s)
{
    size_t low = 0, high = z->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (z->at_s[mid] <= unix_s)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

int32_t gs_zone_offset(const gs_zone *z, int64_t unix_s)
{
    if (!z)
        return 0;
    size_t k = changes_until(z, unix_s);
    if (k < z->n || !z->has_rule)
        return z->offset_s[k];
    return z->has_dst && by_rule(z, unix_s).dst ? z->dst_s : z->std_s;
}

int64_t gs_zone_next(const gs_zone *z, int64_t unix_s)
{
    if (!z)
        return INT64_MAX;
    size_t k = changes_until(z, unix_s);
    if (k < z->n)
        return z->at_s[k];
    return z->has_rule && z->has_dst ? by_rule(z, unix_s).next_s : INT64_MAX;
}

void gs_zone_local(const gs_zone *z, int64_t unix_s, gs_local *ret)
{
    const int64_t first = year_begins(FIRST_YEAR) * DAY, last = year_begins(LAST_YEAR + 1) * DAY - 1;
    int64_t s = unix_s < first ? first : unix_s > last ? last : unix_s;
    s += gs_zone_offset(z, s);
    s = s < first ? first : s > last ? last : s;
    int64_t day = floor_div(s, DAY);
    int in_day = (int)(s - day * DAY), year = year_of(day), month = 1;
    int in_year = (int)(day - year_begins(year));
    while (month < 12 && in_year >= days_before(year, month + 1))
        month++;
    *ret = (gs_local){.year = year,
                      .month = month,
                      .day = in_year - days_before(year, month) + 1,
                      .hour = in_day / 3600,
                      .minute = in_day / 60 % 60,
                      .second = in_day % 60,
                      .weekday = gs_civil_weekday(day)};
}

/* The first instant at which the zone's clocks show this time or, right after a gap, a later one. */
int64_t gs_zone_instant(const gs_zone *z, const gs_local *l)
{
    int64_t want =
        gs_civil_day(l->year, l->month, l->day) * DAY + (int64_t)l->hour * 3600 + (int64_t)l->minute * 60 + l->second;
    int64_t from = want - MOST_EAST; /* no clock shows it yet */
    for (;;) {
        int64_t at = want - gs_zone_offset(z, from), until = gs_zone_next(z, from);
        if (at < until)
            return at > from ? at : from;
        from = until;
    }
}

void gs_zone_free(gs_zone *z)
{
    if (!z)
        return;
    free(z->at_s);
    free(z->offset_s);
    free(z);
}
