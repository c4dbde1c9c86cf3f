#include "base/cleanup.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_set(void **state)
{
    gs_error err = {.status = 7};
    (void)state;
    assert_int_equal(gs_error_set(&err, GS_GONE, "list %s: %d", "pods", 3), -GS_GONE);
    assert_int_equal(err.kind, GS_GONE);
    assert_int_equal(err.status, 0);
    assert_string_equal(err.msg, "list pods: 3");
    assert_int_equal(gs_error_set(NULL, GS_REFUSED, "nobody listens"), -GS_REFUSED);
}

static void test_wrap(void **state)
{
    gs_error err;
    (void)state;
    (void)gs_error_set(&err, GS_CONFLICT, "it changed");
    err.status = 409;
    assert_int_equal(gs_error_wrap(&err, GS_TRANSIENT, "patch %s", "a/b"), -GS_CONFLICT);
    assert_int_equal(gs_error_wrap(&err, GS_TRANSIENT, "heal"), -GS_CONFLICT);
    assert_string_equal(err.msg, "heal: patch a/b: it changed");
    assert_int_equal(err.status, 409);
    assert_int_equal(gs_error_wrap(NULL, GS_TRANSIENT, "x"), -GS_TRANSIENT);
}

/* Texts that do not fit are cut, never written beyond the end. */
static void test_long_texts(void **state)
{
    static const size_t lengths[] = {1, 500, 503, 504, 505, 506, 507, 508, 1000, 5000};
    static char longest[5001];
    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    for (size_t i = 0; i < GS_LEN(lengths); i++) {
        for (size_t k = 0; k < GS_LEN(lengths); k++) {
            struct {
                gs_error err;
                char guard[16];
            } s;
            memset(s.guard, 'g', sizeof s.guard);
            (void)gs_error_set(&s.err, GS_TERMINAL, "%.*s", (int)lengths[i], longest);
            (void)gs_error_wrap(&s.err, GS_TERMINAL, "%.*s", (int)lengths[k], longest);
            size_t full = lengths[i] + lengths[k] + 2, n = strlen(s.err.msg);
            assert_true(n < sizeof s.err.msg);
            if (full < sizeof s.err.msg - 3)
                assert_int_equal(n, full);
            for (size_t g = 0; g < sizeof s.guard; g++)
                assert_int_equal(s.guard[g], 'g');
        }
    }
}

static void test_kinds_of_status(void **state)
{
    static const struct {
        int status;
        enum gs_kind kind;
        bool retry;
    } table[] = {
        {200, GS_OK, false},        {201, GS_OK, false},       {299, GS_OK, false},       {0, GS_TRANSIENT, true},
        {302, GS_TERMINAL, false},  {400, GS_TERMINAL, false}, {401, GS_REFUSED, false},  {403, GS_REFUSED, false},
        {404, GS_NOT_FOUND, false}, {408, GS_TRANSIENT, true}, {409, GS_CONFLICT, true},  {410, GS_GONE, false},
        {412, GS_CONFLICT, true},   {422, GS_TERMINAL, false}, {429, GS_TRANSIENT, true}, {500, GS_TRANSIENT, true},
        {503, GS_TRANSIENT, true},  {599, GS_TRANSIENT, true}, {199, GS_TERMINAL, false},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        enum gs_kind kind = gs_kind_of_status(table[i].status);
        if (kind != table[i].kind || gs_kind_retryable(kind) != table[i].retry)
            fail_msg("%d: %s", table[i].status, gs_kind_name(kind));
    }
}

static void test_names(void **state)
{
    static const char *const names[] = {"ok",        "transient", "terminal",  "conflict", "gone",
                                        "not-found", "refused",   "no-memory", "cancelled"};
    (void)state;
    for (size_t i = 0; i < GS_LEN(names); i++)
        assert_string_equal(gs_kind_name((enum gs_kind)i), names[i]);
    assert_string_equal(gs_kind_name((enum gs_kind)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_long_texts), cmocka_unit_test(test_kinds_of_status),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
