#include "base/cleanup.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static void test_format(void **state)
{
    static const struct {
        int64_t ms;
        const char *plain, *micro, *compact;
    } table[] = {
        {0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z", "19700101T000000Z"},
        {1767225600000, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z", "20260101T000000Z"},
        {1709210096789, "2024-02-29T12:34:56Z", "2024-02-29T12:34:56.789000Z", "20240229T123456Z"},
        {-1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999000Z", "19691231T235959Z"},
        {-61344000000000, "0026-02-01T00:00:00Z", "0026-02-01T00:00:00.000000Z", "00260201T000000Z"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        char s[GS_TIME_LEN];
        int64_t back;
        gs_time_format(table[i].ms, s);
        assert_string_equal(s, table[i].plain);
        gs_time_format_compact(table[i].ms, s);
        assert_string_equal(s, table[i].compact);
        gs_time_format_micro(table[i].ms, s);
        assert_string_equal(s, table[i].micro);
        assert_true(gs_time_parse(gs_str_of(s), &back));
        assert_int_equal(back, table[i].ms);
    }
}

static void test_parse(void **state)
{
    static const struct {
        const char *in;
        bool ok;
        int64_t ms;
    } table[] = {
        {"2026-01-01T00:00:00Z", true, 1767225600000},
        {"2026-01-01t00:00:00z", true, 1767225600000},
        {"2026-01-01T02:00:00+02:00", true, 1767225600000},
        {"2025-12-31T18:30:00-05:30", true, 1767225600000},
        {"2026-01-01T00:00:00.5Z", true, 1767225600500},
        {"2026-01-01T00:00:00.123456789Z", true, 1767225600123},
        {"1969-12-31T23:59:59Z", true, -1000},
        {"0001-01-01T00:00:00Z", true, -62135596800000},
        {"9999-12-31T23:59:59Z", true, 253402300799000},
        {"0001-01-01T00:00:00+00:01", false, 0},
        {"9999-12-31T23:59:59-00:01", false, 0},
        {"", false, 0},
        {"2026-01-01", false, 0},
        {"2026-01-01T00:00:00", false, 0},
        {"2026-01-01T00:00Z", false, 0},
        {"2026-01-01T00:00:00.Z", false, 0},
        {"2026-01-01T00:00:00Zx", false, 0},
        {"2026-13-01T00:00:00Z", false, 0},
        {"2026-00-01T00:00:00Z", false, 0},
        {"2026-01-32T00:00:00Z", false, 0},
        {"2026-01-01T24:00:00Z", false, 0},
        {"2026-01-01T00:60:00Z", false, 0},
        {"2026-01-01T00:00:00+2:00", false, 0},
        {"2026-01-01T00:00:00+02", false, 0},
        {"26-01-01T00:00:00Z", false, 0},
        {"2026-1-01T00:00:00Z", false, 0},
        {" 2026-01-01T00:00:00Z", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        int64_t ms = 42;
        bool ok = gs_time_parse(gs_str_of(table[i].in), &ms);
        if (ok != table[i].ok || ms != (ok ? table[i].ms : 42))
            fail_msg("\"%s\": %d %lld", table[i].in, ok, (long long)ms);
    }
}

static void test_system(void **state)
{
    gs_clock c = gs_clock_system();
    struct timespec pause = {.tv_nsec = 20000000};
    (void)state;
    int64_t mono = gs_mono(&c);
    (void)nanosleep(&pause, NULL);
    assert_in_range(gs_mono(&c) - mono, 19, 5000);
    assert_in_range(gs_wall(&c) / 1000 - time(NULL) + 2, 0, 4);
}

static int64_t fixed(void *ctx)
{
    return *(int64_t *)ctx;
}

static void test_fake(void **state)
{
    int64_t now = 17;
    gs_clock c = {.mono_ms = fixed, .wall_ms = fixed, .ctx = &now};
    (void)state;
    assert_int_equal(gs_mono(&c), 17);
    now = 18;
    assert_int_equal(gs_wall(&c), 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_fake),
    };
    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
