#include "base/mem.h"
#include "wire/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static void pack(gs_str s, gs_buf *out)
{
    assert_int_equal(gs_gzip(s, out, NULL), 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 65535, 65536, 65537, 1000000};
    for (size_t i = 0; i < GS_LEN(sizes); i++) {
        gs_autofree char *text = gs_alloc(sizes[i]);
        uint32_t x = 1;
        for (size_t k = 0; k < sizes[i]; k++)
            text[k] = (char)((x = x * 1664525 + 1013904223) >> 24);
        gs_str in = {text, sizes[i]};
        gs_cleanup(gs_buf_done) gs_buf packed = GS_BUF(2u << 20), again = GS_BUF(2u << 20), out = GS_BUF(sizes[i] + 2);
        pack(in, &packed);
        pack(in, &again);
        assert_true(gs_is_gzip(gs_buf_str(&packed)) && gs_str_eq(gs_buf_str(&packed), gs_buf_str(&again)));
        (void)gs_buf_adds(&out, "> ");
        assert_int_equal(gs_gunzip(gs_buf_str(&packed), &out, NULL), 0); /* the cap fits to the byte */
        assert_int_equal(out.n, sizes[i] + 2);
        assert_memory_equal(out.p + 2, text, sizes[i]);
    }
}

enum change { NONE, CUT, FLIP, APPEND, TWICE, HALF_MEMBER };

static const struct {
    const char *name;
    enum change change;
    size_t at; /* CUT: bytes kept; FLIP: which byte, from the end */
    int rc;
    const char *error;
} cases[] = {
    {"whole", NONE, 0, 0, NULL},
    {"two members", TWICE, 0, 0, NULL},
    {"empty", CUT, 0, -GS_TERMINAL, "not gzip"},
    {"magic only", CUT, 2, -GS_TERMINAL, "gzip: cut off: expected more packed data at byte 2"},
    {"cut in the data", CUT, 14, -GS_TERMINAL, "gzip: cut off: expected more packed data at byte 14"},
    {"cut in the trailer", CUT, 24, -GS_TERMINAL, "gzip: cut off: expected more packed data at byte 24"},
    {"wrong checksum", FLIP, 8, -GS_TERMINAL, "gzip: damaged before byte 23: incorrect data check"},
    {"wrong length", FLIP, 1, -GS_TERMINAL, "gzip: damaged before byte 27: incorrect length check"},
    {"garbage behind", APPEND, 0, -GS_TERMINAL, "gzip: garbage behind the data"},
    {"half a member behind", HALF_MEMBER, 0, -GS_TERMINAL, "gzip: cut off: expected more packed data at byte 45"},
};

static void test_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_buf_done) gs_buf in = GS_BUF(1000), out = GS_BUF(1000);
        gs_error err = {0};
        print_message("%s\n", cases[i].name);
        pack(GS_STR("abcdefg"), &in);
        size_t n = in.n;
        if (cases[i].change == CUT)
            n = cases[i].at;
        else if (cases[i].change == FLIP)
            in.p[n - cases[i].at] ^= 1;
        else if (cases[i].change == APPEND)
            (void)gs_buf_add(&in, "\0", 1), n = in.n;
        else if (cases[i].change == TWICE || cases[i].change == HALF_MEMBER) {
            pack(GS_STR("hij"), &in);
            n = cases[i].change == TWICE ? in.n : in.n - 5;
        }
        gs_autofree char *exact = gs_alloc(n); /* so that ASan sees a byte too many */
        memcpy(exact, in.p, n);
        assert_int_equal(gs_gunzip((gs_str){exact, n}, &out, &err), cases[i].rc);
        assert_string_equal(err.msg, cases[i].error ? cases[i].error : "");
        assert_string_equal(gs_buf_str(&out).p, cases[i].rc ? "" : cases[i].change == TWICE ? "abcdefghij" : "abcdefg");
    }
}

static void test_bomb(void **state)
{
    (void)state;
    size_t n = 50u << 20;
    gs_autofree char *zeroes = gs_alloc(n);
    gs_cleanup(gs_buf_done) gs_buf packed = GS_BUF(1u << 20), out = GS_BUF(1u << 20), small = GS_BUF(10);
    gs_error err = {0};
    pack((gs_str){zeroes, n}, &packed);
    assert_true(packed.n < 60000);
    assert_int_equal(gs_gunzip(gs_buf_str(&packed), &out, &err), -GS_NO_MEMORY);
    assert_string_equal(err.msg, "gzip: more than 1048576 bytes unpacked");
    assert_int_equal(out.n, 0);
    assert_true(out.cap <= (1u << 20) + 1);
    assert_int_equal(gs_gzip(GS_STR("abc"), &small, &err), -GS_NO_MEMORY);
    assert_int_equal(small.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_bomb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
