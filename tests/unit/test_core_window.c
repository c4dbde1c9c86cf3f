#include "core/window.h"

#include "base/clock.h"
#include "edge/zoneinfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static int64_t at(const char *time)
{
    int64_t ms = INT64_MIN;
    if (*time && !gs_time_parse(gs_str_of(time), &ms))
        fail_msg("%s is no time", time);
    return *time ? ms : INT64_MAX;
}

/* ---- schedules ---- */

static uint64_t range(int from, int to, int step)
{
    uint64_t v = 0;
    for (int i = from; i <= to; i += step)
        v |= 1ull << i;
    return v;
}

static void schedules(void **state)
{
    const uint64_t minutes = range(0, 59, 1), hours = range(0, 23, 1), days = range(1, 31, 1), months = range(1, 12, 1),
                   week = range(0, 6, 1);
    const struct {
        const char *text;
        uint64_t minutes, hours, days, months, weekdays;
        bool any_day, any_weekday;
    } cases[] = {
        {"* * * * *", minutes, hours, days, months, week, true, true},
        {"  0\t2 * *   * ", 1, 4, days, months, week, true, true},
        {"*/15 0-6/2,22 1,15 JAN,mar-May SUN", range(0, 45, 15), range(0, 6, 2) | 1 << 22, 1 << 1 | 1 << 15,
         1 << 1 | range(3, 5, 1), 1, false, false},
        {"5/20 20/2 * * MON-FRI", range(5, 45, 20), 1 << 20 | 1 << 22, days, months, range(1, 5, 1), true, false},
        {"59 23 31 12 7", 1ull << 59, 1 << 23, 1u << 31, 1 << 12, 1, false, false},
        {"0 0 * * fri-sun", 1, 1, days, months, 1 | 1 << 5 | 1 << 6, true, false},
        {"0 0 * * 5-7", 1, 1, days, months, 1 | 1 << 5 | 1 << 6, true, false},
        {"0 0 * * 6/1", 1, 1, days, months, 1 << 6, true, false},
        {"0 0 */1 * *,1", 1, 1, days, months, week, true, true},
        {"0 0 */2 * 1-7", 1, 1, range(1, 31, 2), months, week, false, false},
        {"0 0 29 2 *", 1, 1, 1 << 29, 1 << 2, week, false, true},
        {"0 0 31 2 MON", 1, 1, 1u << 31, 1 << 2, 2, false, false},
        {"0 0 31 FEB,MAR *", 1, 1, 1u << 31, 1 << 2 | 1 << 3, week, false, true},
        {"007 0 * * *", 1 << 7, 1, days, months, week, true, true},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cron c;
        gs_error err = {0};
        if (gs_cron_parse(gs_str_of(cases[i].text), &c, &err) < 0)
            fail_msg("\"%s\": %s", cases[i].text, err.msg);
        if (c.minutes != cases[i].minutes || c.hours != cases[i].hours || c.days != cases[i].days ||
            c.months != cases[i].months || c.weekdays != cases[i].weekdays || c.any_day != cases[i].any_day ||
            c.any_weekday != cases[i].any_weekday)
            fail_msg("\"%s\": %llx %x %x %x %x %d %d", cases[i].text, (unsigned long long)c.minutes, c.hours, c.days,
                     c.months, c.weekdays, c.any_day, c.any_weekday);
    }
}

static void refused_schedules(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "must be five fields"},
        {"* * * *", "must be five fields"},
        {"* * * * * *", "must be five fields"},
        {"@daily", "must be five fields"},
        {"60 * * * *", "minute: must be \"*\" or 0-59"},
        {"* 24 * * *", "hour: must be \"*\" or 0-23"},
        {"* * 0 * *", "day of month: must be \"*\" or 1-31"},
        {"* * 32 * *", "day of month"},
        {"* * * 0 *", "month: must be \"*\" or 1-12 or JAN-DEC"},
        {"* * * 13 *", "month"},
        {"* * * * 8", "day of week: must be \"*\" or 0-7 or SUN-SAT"},
        {"* * * * FUN", "day of week"},
        {"* * * MON *", "month"},
        {"JAN * * * *", "minute"},
        {"5-4 * * * *", "minute"},
        {"* * * * SAT-MON", "day of week"},
        {"* * 5-1 * *", "day of month"},
        {"*/0 * * * *", "minute"},
        {"*/60 * * * *", "minute"},
        {"*/ * * * *", "minute"},
        {"*/-1 * * * *", "minute"},
        {"1/2/3 * * * *", "minute"},
        {"1-2-3 * * * *", "minute"},
        {"1, * * * *", "minute"},
        {",1 * * * *", "minute"},
        {"- * * * *", "minute"},
        {"-1 * * * *", "minute"},
        {"+1 * * * *", "minute"},
        {"** * * * *", "minute"},
        {"*-5 * * * *", "minute"},
        {"? * * * *", "minute"},
        {"18446744073709551617 * * * *", "minute"},
        {"0 0 30 2 *", "\"0 0 30 2 *\" never comes: none of its months has such a day"},
        {"0 0 31 4,6,9,11 *", "\"0 0 31 4,6,9,11 *\" never comes"},
        {"0 0 30-31 2 */1", "\"0 0 30-31 2 */1\" never comes"},
        {"0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,4 * * * *",
         "must have at most 100 characters, has 101"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cron c;
        gs_error err = {0};
        int rc = gs_cron_parse(gs_str_of(cases[i].text), &c, &err);
        if (rc != -GS_TERMINAL || !gs_str_starts(gs_str_of(err.msg), cases[i].error))
            fail_msg("\"%s\": %d \"%s\"", cases[i].text, rc, err.msg);
    }
}

/* ---- windows ---- */

static gs_window window(const char *zone, const char *schedule, int minutes)
{
    static gs_policy p; /* only what gs_zoneinfo_attach looks at */
    gs_window *w = &p.windows[0];
    gs_error err = {0};
    p.n_windows = 1;
    *w = (gs_window){.duration_min = minutes};
    (void)gs_str_copy(w->schedule, sizeof w->schedule, gs_str_of(schedule));
    (void)gs_str_copy(w->time_zone, sizeof w->time_zone, gs_str_of(zone));
    if (gs_cron_parse(gs_str_of(schedule), &w->cron, &err) < 0 || gs_zoneinfo_attach(&p, &err) < 0)
        fail_msg("%s %s: %s", zone, schedule, err.msg);
    return *w;
}

/* Whether a window is open at a time, and until when. Times are UTC; "" is never. */
static void openings(void **state)
{
#define BERLIN "Europe/Berlin"
#define NEW_YORK "America/New_York"
#define HOWE "Australia/Lord_Howe"
    static const struct {
        const char *zone, *schedule;
        int minutes;
        const char *now;
        bool open;
        const char *until;
    } cases[] = {
        /* without DST */
        {"UTC", "0 2 * * *", 60, "2026-01-01T01:59:59.999Z", false, "2026-01-01T02:00:00Z"},
        {"UTC", "0 2 * * *", 60, "2026-01-01T02:00:00Z", true, "2026-01-01T03:00:00Z"},
        {"UTC", "0 2 * * *", 60, "2026-01-01T02:59:59.999Z", true, "2026-01-01T03:00:00Z"},
        {"UTC", "0 2 * * *", 60, "2026-01-01T03:00:00Z", false, "2026-01-02T02:00:00Z"},
        {"Asia/Shanghai", "0 2 * * *", 240, "2026-03-29T17:59:59Z", false, "2026-03-29T18:00:00Z"},
        {"Asia/Shanghai", "0 2 * * *", 240, "2026-03-29T18:00:00Z", true, "2026-03-29T22:00:00Z"},
        {"Asia/Shanghai", "0 0 1 1 *", 1, "2026-01-01T00:00:00Z", false, "2026-12-31T16:00:00Z"},
        {"Asia/Kolkata", "30 5 * * *", 30, "2026-06-30T23:59:59Z", false, "2026-07-01T00:00:00Z"},

        /* the gap: 02:00..03:00 of March 29 in Berlin does not exist, 01:00Z is its end */
        {BERLIN, "30 2 * * *", 60, "2026-03-28T01:30:00Z", true, "2026-03-28T02:30:00Z"},
        {BERLIN, "30 2 * * *", 60, "2026-03-29T00:59:59Z", false, "2026-03-29T01:00:00Z"},
        {BERLIN, "30 2 * * *", 60, "2026-03-29T01:00:00Z", true, "2026-03-29T02:00:00Z"},
        {BERLIN, "30 2 * * *", 60, "2026-03-30T00:29:59Z", false, "2026-03-30T00:30:00Z"},
        {BERLIN, "*/20 2 * * *", 10, "2026-03-29T01:05:00Z", true, "2026-03-29T01:10:00Z"},
        {BERLIN, "*/20 2 * * *", 10, "2026-03-29T01:10:00Z", false, "2026-03-30T00:00:00Z"},
        {BERLIN, "0 3 * * *", 10, "2026-03-29T00:59:00Z", false, "2026-03-29T01:00:00Z"},
        {NEW_YORK, "30 2 * * *", 60, "2026-03-08T06:59:59Z", false, "2026-03-08T07:00:00Z"},
        {NEW_YORK, "30 2 * * *", 60, "2026-03-08T07:30:00Z", true, "2026-03-08T08:00:00Z"},
        {HOWE, "15 2 * * *", 30, "2026-10-03T15:29:59Z", false, "2026-10-03T15:30:00Z"},
        {HOWE, "15 2 * * *", 30, "2026-10-03T15:45:00Z", true, "2026-10-03T16:00:00Z"},
        {HOWE, "15 2 * * *", 30, "2026-10-04T15:14:00Z", false, "2026-10-04T15:15:00Z"},
        {"Europe/Dublin", "30 1 * * *", 60, "2026-03-29T00:59:00Z", false, "2026-03-29T01:00:00Z"},
        {"Europe/Dublin", "30 1 * * *", 60, "2026-03-29T01:30:00Z", true, "2026-03-29T02:00:00Z"},
        {"America/Sao_Paulo", "0 0 * * *", 60, "2018-11-04T02:59:00Z", false, "2018-11-04T03:00:00Z"}, /* at midnight */
        {"Pacific/Apia", "0 12 30 12 *", 60, "2011-12-30T09:59:00Z", false, "2011-12-30T10:00:00Z"},   /* a whole day */

        /* twice: 02:00..03:00 of October 25 in Berlin; the second begins at 01:00Z */
        {BERLIN, "30 2 * * *", 30, "2026-10-25T00:29:59Z", false, "2026-10-25T00:30:00Z"},
        {BERLIN, "30 2 * * *", 30, "2026-10-25T00:45:00Z", true, "2026-10-25T01:00:00Z"},
        {BERLIN, "30 2 * * *", 30, "2026-10-25T01:30:00Z", false, "2026-10-26T01:30:00Z"},
        {BERLIN, "30 2 * * *", 120, "2026-10-25T02:29:59Z", true, "2026-10-25T02:30:00Z"},
        {BERLIN, "0 3 * * *", 60, "2026-10-25T01:59:59Z", false, "2026-10-25T02:00:00Z"},
        {NEW_YORK, "30 1 * * *", 30, "2026-11-01T05:30:00Z", true, "2026-11-01T06:00:00Z"},
        {NEW_YORK, "30 1 * * *", 30, "2026-11-01T06:30:00Z", false, "2026-11-02T06:30:00Z"},
        {HOWE, "45 1 * * *", 10, "2026-04-04T14:45:00Z", true, "2026-04-04T14:55:00Z"},
        {HOWE, "45 1 * * *", 10, "2026-04-04T15:15:00Z", false, "2026-04-05T15:15:00Z"},
        {"Europe/Dublin", "30 1 * * *", 30, "2026-10-25T00:30:00Z", true, "2026-10-25T01:00:00Z"},
        {"Europe/Dublin", "30 1 * * *", 30, "2026-10-25T01:30:00Z", false, "2026-10-26T01:30:00Z"},

        /* over a change: the duration is real time */
        {BERLIN, "0 22 * * SAT", 600, "2026-03-29T06:59:59Z", true, "2026-03-29T07:00:00Z"},
        {BERLIN, "0 22 * * SAT", 600, "2026-03-29T07:00:00Z", false, "2026-04-04T20:00:00Z"},
        {BERLIN, "0 22 * * SAT", 600, "2026-10-25T05:59:59Z", true, "2026-10-25T06:00:00Z"},
        {HOWE, "0 0 * * *", 1440, "2026-04-05T13:00:00Z", false, "2026-04-05T13:30:00Z"}, /* a day of 24.5 h */
        {HOWE, "0 0 * * *", 1440, "2026-10-03T14:00:00Z", true, "2027-04-04T13:00:00Z"},  /* one of 23.5 h */

        /* either day will do; both where one is "*" */
        {"UTC", "0 0 13 * FRI", 60, "2026-03-01T00:00:00Z", false, "2026-03-06T00:00:00Z"},
        {"UTC", "0 0 13 * FRI", 60, "2026-04-11T00:00:00Z", false, "2026-04-13T00:00:00Z"},
        {"UTC", "0 0 13 * *", 60, "2026-04-01T00:00:00Z", false, "2026-04-13T00:00:00Z"},
        {"UTC", "0 0 * * FRI", 60, "2026-04-11T00:00:00Z", false, "2026-04-17T00:00:00Z"},
        {"UTC", "0 0 * 6 MON", 60, "2026-06-30T00:00:00Z", false, "2027-06-07T00:00:00Z"},

        /* openings that meet or overlap are one */
        {"UTC", "0 */2 * * *", 60, "2026-01-01T00:30:00Z", true, "2026-01-01T01:00:00Z"},
        {"UTC", "0 8-17 * * *", 60, "2026-01-01T08:30:00Z", true, "2026-01-01T18:00:00Z"},
        {"UTC", "0 8-17 * * *", 90, "2026-01-01T09:15:00Z", true, "2026-01-01T18:30:00Z"},
        {"UTC", "0 0 * * MON-FRI", 1440, "2026-01-01T12:00:00Z", true, "2026-01-03T00:00:00Z"},
        {"UTC", "0 0 * * MON", 10080, "2026-01-01T00:00:00Z", true, ""},
        {"UTC", "* * * * *", 1, "2026-01-01T00:00:30Z", true, ""},
        {"UTC", "* * * * SAT,SUN", 1, "2026-01-03T00:00:00Z", true, "2026-01-05T00:00:00Z"},
        {"UTC", "* * * 2 *", 1, "2026-02-01T00:00:00Z", true, "2026-03-01T00:00:00Z"},
        {BERLIN, "* * * * *", 1, "2026-03-01T00:00:00Z", true, "2026-10-25T01:00:00Z"}, /* the hour that comes again */
        {BERLIN, "0 * * * *", 120, "2026-03-01T00:00:00Z", true, ""},

        /* far away, or never within four years */
        {"UTC", "0 0 29 2 *", 60, "2025-01-01T00:00:00Z", false, "2028-02-29T00:00:00Z"},
        {"UTC", "0 0 29 2 *", 60, "2024-03-01T00:00:00Z", false, "2028-02-29T00:00:00Z"},
        {"UTC", "0 0 29 2 *", 60, "2097-01-01T00:00:00Z", false, ""},
        {BERLIN, "30 2 * * *", 60, "2099-03-29T01:30:00Z", true, "2099-03-29T02:00:00Z"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_window w = window(cases[i].zone, cases[i].schedule, cases[i].minutes);
        int64_t until;
        bool open = gs_window_open(&w, at(cases[i].now), &until);
        if (open != cases[i].open || until != at(cases[i].until)) {
            char text[GS_TIME_LEN] = "never";
            if (until != INT64_MAX)
                gs_time_format(until, text);
            fail_msg("case %zu, %s \"%s\" for %d min at %s: %s until %s", i, cases[i].zone, cases[i].schedule,
                     cases[i].minutes, cases[i].now, open ? "open" : "closed", text);
        }
    }
}

/* The same by brute force: each instant after which a local time is shown for the first time opens the window. */
static void walked(const gs_window *w, int64_t from_s, int64_t to_s)
{
    int64_t open_until = 0, newest = INT64_MIN, told_until = INT64_MIN;
    bool told = false;
    for (int64_t s = from_s - w->duration_min * 60LL - 7200; s < to_s; s += 60) {
        gs_local l;
        gs_zone_local(w->zone, s, &l);
        int64_t local = gs_civil_day(l.year, l.month, l.day) * 1440 + l.hour * 60 + l.minute;
        for (int64_t m = newest == INT64_MIN ? local : newest + 1; m <= local; m++) {
            int64_t day = m / 1440, in_day = m % 1440;
            gs_local d;
            gs_zone_local(NULL, day * 86400, &d);
            bool by_day = w->cron.days >> d.day & 1, by_week = w->cron.weekdays >> d.weekday & 1;
            bool both = w->cron.any_day || w->cron.any_weekday;
            if ((w->cron.months >> d.month & 1) && (both ? by_day && by_week : by_day || by_week) &&
                (w->cron.hours >> (in_day / 60) & 1) && (w->cron.minutes >> (in_day % 60) & 1))
                open_until = s + w->duration_min * 60LL;
        }
        newest = local > newest ? local : newest;
        if (s < from_s)
            continue;
        bool open = s < open_until;
        if (told_until != INT64_MIN && s * 1000 < told_until && open != told)
            fail_msg("%s \"%s\": changed at %lld, announced for %lld", w->time_zone, w->schedule, (long long)s,
                     (long long)told_until / 1000);
        if (told_until == s * 1000 && open == told)
            fail_msg("%s \"%s\": does not change at %lld", w->time_zone, w->schedule, (long long)s);
        if (told_until != INT64_MIN && s * 1000 < told_until && s % 7080)
            continue;
        int64_t before = told_until;
        told = gs_window_open(w, s * 1000, &told_until);
        if (told != open || (s * 1000 < before && told_until != before))
            fail_msg("%s \"%s\" at %lld: %d until %lld", w->time_zone, w->schedule, (long long)s, told,
                     (long long)told_until / 1000);
    }
}

static void brute_force(void **state)
{
    static const char *const zones[] = {"UTC",           BERLIN,          NEW_YORK,          HOWE,
                                        "Europe/Dublin", "Asia/Shanghai", "America/St_Johns"};
    static const struct {
        const char *schedule;
        int minutes;
    } cases[] = {{"30 1 * * *", 60},    {"*/7 0-3 * * *", 5}, {"15,45 2 * * SUN", 29}, {"0 0 1,29 * WED", 2000},
                 {"59 23 * * *", 1440}, {"* 1-2 * * *", 1},   {"* * * * 0-3", 3},      {"10 */5 */3 3,10,11 *", 299}};
    (void)state;
    for (size_t z = 0; z < GS_LEN(zones); z++)
        for (size_t i = 0; i < GS_LEN(cases); i++) {
            gs_window w = window(zones[z], cases[i].schedule, cases[i].minutes);
            walked(&w, at("2026-03-27T00:00:00Z") / 1000, at("2026-04-07T00:00:00Z") / 1000);
            walked(&w, at("2026-10-02T00:00:00Z") / 1000, at("2026-11-03T00:00:00Z") / 1000);
        }
}

static void all_windows(void **state)
{
    enum { NIGHT, NOON, FREEZE, LUNCH, NEVER, N };
    gs_window w[N] = {
        [NIGHT] = window("UTC", "0 2 * * *", 240),  /* 02..06 */
        [NOON] = window("UTC", "0 10 * * *", 180),  /* 10..13 */
        [FREEZE] = window("UTC", "0 4 * * *", 60),  /* 04..05 */
        [LUNCH] = window("UTC", "30 4 * * *", 450), /* 04:30..12 */
        [NEVER] = window("UTC", "0 0 29 2 *", 1),
    };
    w[FREEZE].deny = w[LUNCH].deny = true;
    static const struct {
        unsigned windows;
        const char *now;
        bool allowed;
        int in_the_way; /* -1: none */
        const char *until;
    } cases[] = {
        {0, "2026-01-01T00:00:00Z", true, -1, ""},
        {1 << NIGHT, "2026-01-01T02:00:00Z", true, -1, "2026-01-01T06:00:00Z"},
        {1 << NIGHT, "2026-01-01T06:00:00Z", false, NIGHT, "2026-01-02T02:00:00Z"},
        {1 << NIGHT | 1 << NOON, "2026-01-01T06:00:00Z", false, NOON, "2026-01-01T10:00:00Z"},
        {1 << NIGHT | 1 << NOON, "2026-01-01T13:00:00Z", false, NIGHT, "2026-01-02T02:00:00Z"},
        {1 << FREEZE, "2026-01-01T03:00:00Z", true, -1, "2026-01-01T04:00:00Z"}, /* no Allow: always */
        {1 << FREEZE, "2026-01-01T04:00:00Z", false, FREEZE, "2026-01-01T05:00:00Z"},
        {1 << NIGHT | 1 << FREEZE, "2026-01-01T03:00:00Z", true, -1, "2026-01-01T04:00:00Z"},
        {1 << NIGHT | 1 << FREEZE, "2026-01-01T04:00:00Z", false, FREEZE,
         "2026-01-01T05:00:00Z"}, /* deny beats allow */
        {1 << NIGHT | 1 << FREEZE, "2026-01-01T05:00:00Z", true, -1, "2026-01-01T06:00:00Z"},
        {1 << FREEZE | 1 << LUNCH, "2026-01-01T04:40:00Z", false, LUNCH, "2026-01-01T12:00:00Z"}, /* the longer one */
        {1 << NIGHT | 1 << NOON | 1 << LUNCH, "2026-01-01T11:00:00Z", false, LUNCH, "2026-01-01T12:00:00Z"},
        {1 << NEVER, "2097-01-01T00:00:00Z", false, NEVER, ""},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_window v[N];
        size_t n = 0, in_the_way = SIZE_MAX;
        for (int k = 0; k < N; k++)
            if (cases[i].windows >> k & 1) {
                if (k == cases[i].in_the_way)
                    in_the_way = n;
                v[n++] = w[k];
            }
        const gs_window *got = v + N;
        int64_t until;
        bool allowed = gs_windows_allow(v, n, at(cases[i].now), &got, &until);
        if (allowed != cases[i].allowed || got != (in_the_way == SIZE_MAX ? NULL : &v[in_the_way]) ||
            until != at(cases[i].until))
            fail_msg("case %zu: %d, until %lld", i, allowed, (long long)until / 1000);
    }
}

static int teardown(void **state)
{
    (void)state;
    gs_zoneinfo_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(schedules), cmocka_unit_test(refused_schedules),
                                       cmocka_unit_test(openings), cmocka_unit_test(brute_force),
                                       cmocka_unit_test(all_windows)};
    return cmocka_run_group_tests(tests, NULL, teardown);
}
