/* Rules of the kinds that no zone of the system needs to have today; the zones of the system: test_codec_tzif.c. */
#include "core/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int64_t utc(int year, int month, int day, int hour, int minute, int second)
{
    return gs_civil_day(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

static void calendar(void **state)
{
    (void)state;
    assert_int_equal(gs_civil_day(1970, 1, 1), 0);
    assert_int_equal(gs_civil_day(2000, 3, 1), 11017);
    assert_int_equal(gs_civil_day(1, 1, 1), -719162);
    assert_int_equal(gs_civil_weekday(0), 4);
    assert_int_equal(gs_civil_weekday(-5), 6);
    assert_int_equal(gs_month_days(1900, 2), 28);
    assert_int_equal(gs_month_days(2000, 2), 29);
    int weekday = gs_civil_weekday(gs_civil_day(1, 1, 1)), year = 1, month = 1, day = 1;
    for (int64_t d = gs_civil_day(1, 1, 1); d <= gs_civil_day(9999, 12, 31); d++) {
        gs_local l;
        gs_zone_local(NULL, d * 86400 + 86399, &l);
        if (l.year != year || l.month != month || l.day != day || l.weekday != weekday || l.hour != 23 ||
            l.minute != 59 || l.second != 59 || gs_civil_day(year, month, day) != d)
            fail_msg("day %lld: %d-%d-%d", (long long)d, l.year, l.month, l.day);
        weekday = (weekday + 1) % 7;
        if (day++ == gs_month_days(year, month)) {
            day = 1;
            month = month % 12 + 1;
            year += month == 1;
        }
    }
}

/* Far times are told as the first or last ones that are known; nothing overflows. */
static void far_times(void **state)
{
    int32_t offsets[] = {93599};
    gs_zone z = {.offset_s = offsets};
    gs_local l;
    (void)state;
    gs_zone_local(&z, INT64_MAX, &l);
    assert_int_equal(l.year, 9999);
    gs_zone_local(&z, INT64_MIN, &l);
    assert_int_equal(l.year, 1);
}

/* Years in which a rule begins and ends DST, and what holds right before and at those instants. */
static void rules(void **state)
{
    static const struct {
        const char *name;
        int32_t std_s, dst_s;
        gs_zone_change to_dst, to_std;
        int year;
        int64_t begins, ends; /* of DST, UTC, from the year's begin in hours; -1: DST all year */
    } cases[] = {
        {"weekday",
         3600,
         7200,
         {GS_ZONE_WEEKDAY, 3, 5, 0, 7200},
         {GS_ZONE_WEEKDAY, 10, 5, 0, 10800},
         2026,
         (31 + 28 + 28) * 24 + 1,
         (365 - 31 - 30 - 7) * 24 + 1},
        {"first week",
         -18000,
         -14400,
         {GS_ZONE_WEEKDAY, 3, 2, 0, 7200},
         {GS_ZONE_WEEKDAY, 11, 1, 0, 7200},
         2026,
         (31 + 28 + 7) * 24 + 7,
         (365 - 31 - 30) * 24 + 6},
        {"Julian, leap year",
         0,
         3600,
         {GS_ZONE_JULIAN, 0, 0, 60, 0},
         {GS_ZONE_JULIAN, 0, 0, 365, 3600},
         2024,
         60 * 24,
         365 * 24},
        {"Julian, before the leap day",
         0,
         3600,
         {GS_ZONE_JULIAN, 0, 0, 59, 0},
         {GS_ZONE_JULIAN, 0, 0, 61, 3600},
         2024,
         58 * 24,
         61 * 24},
        {"day", 0, 3600, {GS_ZONE_DAY, 0, 0, 59, 0}, {GS_ZONE_DAY, 0, 0, 60, 3600}, 2024, 59 * 24, 60 * 24},
        {"hours before the day",
         -10800,
         -7200,
         {GS_ZONE_WEEKDAY, 3, 5, 0, -7200},
         {GS_ZONE_WEEKDAY, 10, 5, 0, -3600},
         2026,
         (31 + 28 + 28) * 24 + 1,
         (365 - 31 - 30 - 7) * 24 + 1},
        {"a week behind the day",
         0,
         3600,
         {GS_ZONE_WEEKDAY, 3, 4, 4, 50 * 3600},
         {GS_ZONE_WEEKDAY, 10, 4, 4, 51 * 3600},
         2026,
         (31 + 28 + 27) * 24 + 2,
         (365 - 31 - 30 - 31 + 23) * 24 + 2},
        {"negative DST",
         3600,
         0,
         {GS_ZONE_WEEKDAY, 10, 5, 0, 7200},
         {GS_ZONE_WEEKDAY, 3, 5, 0, 3600},
         2026,
         (365 - 31 - 30 - 7) * 24 + 1,
         (31 + 28 + 28) * 24 + 1},
        {"all year", -10800, -14400, {GS_ZONE_DAY, 0, 0, 0, 0}, {GS_ZONE_JULIAN, 0, 0, 365, 23 * 3600}, 2026, -1, -1},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        int32_t before = 0;
        gs_zone z = {.offset_s = &before,
                     .has_rule = true,
                     .has_dst = true,
                     .std_s = cases[i].std_s,
                     .dst_s = cases[i].dst_s,
                     .to_dst = cases[i].to_dst,
                     .to_std = cases[i].to_std};
        int64_t first = utc(cases[i].year, 1, 1, 0, 0, 0);
        for (int64_t hour = 24; hour < 364LL * 24; hour++) {
            int64_t b = cases[i].begins, e = cases[i].ends;
            bool dst = b < 0 || (b < e ? hour >= b && hour < e : hour >= b || hour < e);
            int32_t off = gs_zone_offset(&z, first + hour * 3600), expected = dst ? z.dst_s : z.std_s;
            if (off != expected)
                fail_msg("%s, hour %lld of the year: %d, expected %d", cases[i].name, (long long)hour, off, expected);
        }
        if (cases[i].begins >= 0)
            assert_int_equal(gs_zone_next(&z, first + cases[i].begins * 3600 - 1), first + cases[i].begins * 3600);
    }
}

/* Local times that do not exist, or exist twice; also where a whole day is left out. */
static void instants(void **state)
{
    int64_t at[] = {utc(2026, 3, 1, 10, 0, 0), utc(2026, 5, 1, 10, 0, 0), utc(2026, 7, 1, 10, 0, 0)};
    int32_t offsets[] = {-36000, 50400, 46800, 46800 + 1800};
    gs_zone z = {.n = GS_LEN(at), .at_s = at, .offset_s = offsets};
    static const struct {
        gs_local local;
        int64_t expected;
    } cases[] = {
        {{2026, 2, 28, 23, 59, 59, 0}, 1772359199}, /* right before the day that is left out */
        {{2026, 3, 1, 0, 0, 0, 0}, 1772359200},     /* the first of those that do not exist */
        {{2026, 3, 1, 12, 0, 0, 0}, 1772359200},
        {{2026, 3, 2, 0, 0, 0, 0}, 1772359200},
        {{2026, 3, 2, 0, 0, 1, 0}, 1772359201},
        {{2026, 5, 1, 23, 30, 0, 0}, 1777627800}, /* the first of two */
        {{2026, 5, 2, 0, 0, 0, 0}, 1777633200},
        {{2026, 7, 1, 23, 15, 0, 0}, 1782900000}, /* half an hour that does not exist */
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        int64_t got = gs_zone_instant(&z, &cases[i].local);
        if (got != cases[i].expected)
            fail_msg("case %zu: %lld, expected %lld", i, (long long)got, (long long)cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(calendar), cmocka_unit_test(far_times), cmocka_unit_test(rules),
                                       cmocka_unit_test(instants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
