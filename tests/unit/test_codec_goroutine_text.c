#include "codec/goroutine_text.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
    const char *name, *body;
    int result;
    uint64_t total;
} cases[] = {
    {"one", "goroutine profile: total 1\n1 @ 0x1\n", 1, 1},
    {"many", "goroutine profile: total 70123\n", 1, 70123},
    {"line end of Windows", "goroutine profile: total 5\r\n", 1, 5},
    {"the most", "goroutine profile: total 18446744073709551615\n", 1, UINT64_MAX},
    {"nothing yet", "", 0, 0},
    {"the first letters", "goroutine pro", 0, 0},
    {"the number may go on", "goroutine profile: total 12", 0, 0},
    {"no number yet", "goroutine profile: total ", 0, 0},
    {"too big", "goroutine profile: total 18446744073709551616\n", -GS_TERMINAL, 0},
    {"never ends", "goroutine profile: total 1111111111111111111111111", -GS_TERMINAL, 0},
    {"negative", "goroutine profile: total -1\n", -GS_TERMINAL, 0},
    {"no number", "goroutine profile: total \n", -GS_TERMINAL, 0},
    {"words", "goroutine profile: total many\n", -GS_TERMINAL, 0},
    {"another profile", "threadcreate profile: total 8\n", -GS_TERMINAL, 0},
    {"html", "<html>", -GS_TERMINAL, 0},
    {"gzip", "\x1f\x8b\x08", -GS_TERMINAL, 0},
};

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        uint64_t total = 77;
        gs_error err = {0};
        int r = gs_goroutine_total(gs_str_of(cases[i].body), &total, &err);
        if (r != cases[i].result)
            fail_msg("%s: %d %s", cases[i].name, r, err.msg);
        assert_int_equal(total, r == 1 ? cases[i].total : 77);
        assert_int_equal(err.msg[0] != 0, r < 0);
    }
}

/* However little of it has come: first "more", then the result, and never anything else. */
static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        bool done = false;
        for (size_t n = 0; n <= strlen(cases[i].body); n++) {
            uint64_t total = 0;
            int r = gs_goroutine_total((gs_str){cases[i].body, n}, &total, NULL);
            assert_true(r == 0 || r == cases[i].result);
            assert_true(!done || r != 0);
            done = r != 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bodies), cmocka_unit_test(test_prefixes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
