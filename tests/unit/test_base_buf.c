#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_empty(void **state)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(10);
    (void)state;
    assert_int_equal(gs_buf_str(&b).n, 0);
    assert_string_equal(gs_buf_str(&b).p, "");
    gs_buf_consume(&b, 5);
    gs_buf_reset(&b);
    gs_autofree char *s = gs_buf_take(&b);
    assert_string_equal(s, "");
    assert_int_equal(gs_buf_adds(&b, ""), 0);
    assert_string_equal(b.p, "");
}

/* All or nothing at the cap. */
static void test_cap(void **state)
{
    static const struct {
        size_t max;
        const char *first, *second, *expected;
        int rc;
    } table[] = {
        {5, "abc", "de", "abcde", 0},    {5, "abc", "def", "abc", -GS_NO_MEMORY},
        {5, "abcde", "", "abcde", 0},    {3, "abc", "d", "abc", -GS_NO_MEMORY},
        {0, "", "d", "", -GS_NO_MEMORY}, {1000, "abc", "def", "abcdef", 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(table[i].max), f = GS_BUF(table[i].max);
        assert_int_equal(gs_buf_adds(&b, table[i].first), 0);
        assert_int_equal(gs_buf_adds(&b, table[i].second), table[i].rc);
        assert_string_equal(gs_buf_str(&b).p, table[i].expected);
        assert_int_equal(gs_buf_addf(&f, "%s", table[i].first), 0);
        assert_int_equal(gs_buf_addf(&f, "%s", table[i].second), table[i].rc);
        assert_true(gs_str_eq(gs_buf_str(&b), gs_buf_str(&f)));
    }
}

static void test_huge_lengths_do_not_wrap(void **state)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(100);
    (void)state;
    assert_int_equal(gs_buf_adds(&b, "abc"), 0);
    assert_null(gs_buf_reserve(&b, SIZE_MAX));
    assert_null(gs_buf_reserve(&b, SIZE_MAX - 2));
    assert_null(gs_buf_reserve(&b, 98));
    assert_non_null(gs_buf_reserve(&b, 97));
    assert_string_equal(b.p, "abc");
}

static void test_growth_keeps_content(void **state)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(4u << 20);
    (void)state;
    for (unsigned i = 0; i < 300000; i++)
        assert_int_equal(gs_buf_add(&b, (const char[]){(char)('a' + i % 26)}, 1), 0);
    assert_int_equal(b.n, 300000);
    for (unsigned i = 0; i < 300000; i++)
        assert_int_equal(b.p[i], 'a' + (int)(i % 26));
    assert_int_equal(b.p[b.n], 0);
    assert_true(b.cap <= b.max + 1);
}

static void test_consume(void **state)
{
    static const struct {
        size_t n;
        const char *expected;
    } table[] = {{0, "abcdef"}, {2, "cdef"}, {6, ""}, {100, ""}};
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(10);
        (void)gs_buf_adds(&b, "abcdef");
        gs_buf_consume(&b, table[i].n);
        assert_string_equal(b.p, table[i].expected);
        assert_int_equal(b.n, strlen(table[i].expected));
    }
}

static void test_reset_take_and_binary(void **state)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(100);
    (void)state;
    assert_int_equal(gs_buf_add(&b, "a\0b", 3), 0);
    assert_int_equal(b.n, 3);
    assert_memory_equal(b.p, "a\0b", 4);
    gs_buf_reset(&b);
    assert_int_equal(b.n, 0);
    assert_true(b.cap > 0);
    assert_int_equal(gs_buf_addf(&b, "%d-%s", 7, "x"), 0);
    gs_autofree char *s = gs_buf_take(&b);
    assert_string_equal(s, "7-x");
    assert_null(b.p);
    assert_int_equal(gs_buf_adds(&b, "again"), 0);
    gs_buf_done(&b);
    assert_int_equal(b.max, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_huge_lengths_do_not_wrap),
        cmocka_unit_test(test_growth_keeps_content),
        cmocka_unit_test(test_consume),
        cmocka_unit_test(test_reset_take_and_binary),
    };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
