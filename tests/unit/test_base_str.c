#include "base/cleanup.h"
#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_compare(void **state)
{
    (void)state;
    assert_true(gs_str_is(GS_STR("abc"), "abc"));
    assert_false(gs_str_is(GS_STR("abc"), "ab"));
    assert_false(gs_str_is(GS_STR("ab"), "abc"));
    assert_false(gs_str_eq(GS_STR("a\0b"), GS_STR("a\0c")));
    assert_true(gs_str_eq((gs_str){NULL, 0}, GS_STR("")));
    assert_true(gs_str_starts(GS_STR("HTTP/1.1"), "HTTP/"));
    assert_false(gs_str_starts(GS_STR("HT"), "HTTP/"));
    assert_true(gs_str_starts(GS_STR("x"), ""));
    assert_true(gs_str_ends(GS_STR("a.yaml"), ".yaml"));
    assert_false(gs_str_ends(GS_STR("yaml"), ".yaml"));
    assert_true(gs_streq(NULL, ""));
    assert_false(gs_streq(NULL, "a"));
    assert_int_equal(gs_str_of(NULL).n, 0);
}

static void test_copy(void **state)
{
    static const struct {
        gs_str s;
        size_t cap;
        const char *expected;
        bool whole;
    } table[] = {
        {{"abc", 3}, 4, "abc", true},
        {{"abc", 3}, 3, "ab", false},
        {{"abc", 3}, 1, "", false},
        {{NULL, 0}, 1, "", true},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        char dst[8];
        memset(dst, '#', sizeof dst);
        assert_int_equal(gs_str_copy(dst, table[i].cap, table[i].s), table[i].whole);
        assert_string_equal(dst, table[i].expected);
        assert_int_equal(dst[table[i].cap], '#');
    }
}

#define BYTES(s)                                                                                                       \
    {                                                                                                                  \
        (s), sizeof(s) - 1                                                                                             \
    }

static void test_integers(void **state)
{
    static const struct {
        gs_str in;
        bool ok_u, ok_i;
        uint64_t u;
        int64_t i;
    } table[] = {
        {BYTES("0"), true, true, 0, 0},
        {BYTES("007"), true, true, 7, 7},
        {BYTES("9223372036854775807"), true, true, INT64_MAX, INT64_MAX},
        {BYTES("9223372036854775808"), true, false, (uint64_t)INT64_MAX + 1, 0},
        {BYTES("18446744073709551615"), true, false, UINT64_MAX, 0},
        {BYTES("18446744073709551616"), false, false, 0, 0},
        {BYTES("99999999999999999999999"), false, false, 0, 0},
        {BYTES("-1"), false, true, 0, -1},
        {BYTES("-9223372036854775807"), false, true, 0, -INT64_MAX},
        {BYTES(""), false, false, 0, 0},
        {BYTES("-"), false, false, 0, 0},
        {BYTES("--1"), false, false, 0, 0},
        {BYTES("+1"), false, false, 0, 0},
        {BYTES(" 1"), false, false, 0, 0},
        {BYTES("1 "), false, false, 0, 0},
        {BYTES("1a"), false, false, 0, 0},
        {BYTES("1\0"), false, false, 0, 0},
        {BYTES("0x10"), false, false, 0, 0},
        {BYTES("1.0"), false, false, 0, 0},
        {BYTES("\xd9\xa1"), false, false, 0, 0}, /* ARABIC-INDIC DIGIT ONE */
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(table); k++) {
        uint64_t u = 42;
        int64_t i = 42;
        bool ok_u = gs_str_u64(table[k].in, &u), ok_i = gs_str_i64(table[k].in, &i);
        if (ok_u != table[k].ok_u || ok_i != table[k].ok_i || u != (ok_u ? table[k].u : 42) ||
            i != (ok_i ? table[k].i : 42))
            fail_msg("\"%s\": %d %llu, %d %lld", table[k].in.p, ok_u, (unsigned long long)u, ok_i, (long long)i);
    }
}

static void test_doubles(void **state)
{
    static const struct {
        gs_str in;
        bool ok;
        double v;
    } table[] = {
        {BYTES("0"), true, 0},
        {BYTES("1.5"), true, 1.5},
        {BYTES("-1e3"), true, -1000},
        {BYTES("+2"), true, 2},
        {BYTES("1.0000000000000002"), true, 1.0000000000000002},
        {BYTES("1.7e+09"), true, 1.7e9},
        {BYTES("+Inf"), true, INFINITY},
        {BYTES("-Inf"), true, -INFINITY},
        {BYTES("1e999"), true, INFINITY},
        {BYTES(""), false, 0},
        {BYTES(" 1"), false, 0},
        {BYTES("1 "), false, 0},
        {BYTES("1,5"), false, 0},
        {BYTES("1.5.5"), false, 0},
        {BYTES("e5"), false, 0},
        {BYTES("1\0002"), false, 0},
        {BYTES("0000000000000000000000000000000000000000000000000000000000000001"), false,
         0}, /* longer than any number */
    };
    (void)state;
    /* A locale with a decimal comma, where there is one, must not matter. */
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    for (size_t i = 0; i < GS_LEN(table); i++) {
        double v = 42;
        bool ok = gs_str_double(table[i].in, &v);
        if (ok != table[i].ok || v != (ok ? table[i].v : 42)) /* exact on purpose */
            fail_msg("\"%s\": %d %g", table[i].in.p, ok, v);
    }
    double v;
    assert_true(gs_str_double(GS_STR("NaN"), &v) && isnan(v));
    (void)setlocale(LC_ALL, "C");
}

static void test_durations(void **state)
{
    static const struct {
        gs_str in;
        bool ok;
        int64_t ms;
    } table[] = {
        {BYTES("30s"), true, 30000},
        {BYTES("5m"), true, 300000},
        {BYTES("720h"), true, 720ll * 3600000},
        {BYTES("30d"), true, 30ll * 86400000},
        {BYTES("250ms"), true, 250},
        {BYTES("15"), true, 15000},
        {BYTES("0"), true, 0},
        {BYTES("0s"), true, 0},
        {BYTES(""), false, 0},
        {BYTES("s"), false, 0},
        {BYTES("ms"), false, 0},
        {BYTES("-5s"), false, 0},
        {BYTES("1.5h"), false, 0},
        {BYTES("1h30m"), false, 0},
        {BYTES("5 m"), false, 0},
        {BYTES("5M"), false, 0},
        {BYTES("106751991168d"), false, 0}, /* over 2^63 ms */
        {BYTES("9223372036854775807"), false, 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        int64_t ms = 42;
        bool ok = gs_str_duration_ms(table[i].in, &ms);
        if (ok != table[i].ok || ms != (ok ? table[i].ms : 42))
            fail_msg("\"%s\": %d %lld", table[i].in.p, ok, (long long)ms);
    }
}

static void test_hash(void **state)
{
    (void)state;
    assert_true(gs_hash("a", 1, 0) == gs_hash("a", 1, 0));
    assert_true(gs_hash("a", 1, 0) != gs_hash("b", 1, 0));
    assert_true(gs_hash("a", 1, 0) != gs_hash("a", 1, 1));
    assert_true(gs_hash("ab", 2, 0) != gs_hash("ba", 2, 0));
    assert_true(gs_hash("", 0, 0) != gs_hash("\0", 1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare), cmocka_unit_test(test_copy),      cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles), cmocka_unit_test(test_durations), cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
