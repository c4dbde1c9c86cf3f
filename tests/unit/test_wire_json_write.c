#include "base/limits.h"
#include "wire/json_cursor.h"
#include "wire/json_write.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static void test_whole(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1000);
    gs_json_writer w;
    (void)gs_buf_adds(&b, "before:");
    gs_jw_init(&w, &b);
    gs_jw_object(&w, NULL);
    gs_jw_str(&w, "kind", "Lease");
    gs_jw_str(&w, "none", NULL);
    gs_jw_array(&w, "list");
    gs_jw_int(&w, NULL, INT64_MIN);
    gs_jw_uint(&w, NULL, UINT64_MAX);
    gs_jw_object(&w, NULL);
    gs_jw_end(&w);
    gs_jw_array(&w, NULL);
    gs_jw_end(&w);
    gs_jw_end(&w);
    gs_jw_bool(&w, "zero", false);
    gs_jw_int(&w, "replicas", 0);
    gs_jw_raw(&w, "raw", GS_STR("{\"a\":[1]}"));
    gs_jw_key(&w, GS_STR("k\"ey"));
    gs_jw_double(&w, NULL, 0.1);
    gs_jw_strn_at(&w, GS_STR("a\nb"), GS_STR("c"));
    gs_jw_end(&w);
    assert_int_equal(gs_jw_finish(&w, NULL), 0);
    assert_string_equal(b.p,
                        "before:{\"kind\":\"Lease\",\"none\":null,\"list\":[-9223372036854775808,18446744073709551615,"
                        "{},[]],\"zero\":false,\"replicas\":0,\"raw\":{\"a\":[1]},\"k\\\"ey\":0.1,\"a\\nb\":\"c\"}");
}

static const struct {
    const char *name;
    gs_str input;
    const char *output;
} strings[] = {
    {"plain", {"abc", 3}, "\"abc\""},
    {"empty", {"", 0}, "\"\""},
    {"escapes", {"\"\\\b\f\n\r\t/", 8}, "\"\\\"\\\\\\b\\f\\n\\r\\t/\""},
    {"control characters", {"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\x7f\""},
    {"UTF-8", {"\xc3\xa9\xf0\x9f\x98\x80", 6}, "\"\xc3\xa9\xf0\x9f\x98\x80\""},
    {"invalid UTF-8", {"a\xff\xc3", 3}, "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
    {"surrogate", {"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
};

static void test_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(strings); i++) {
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(100);
        gs_json_writer w;
        print_message("%s\n", strings[i].name);
        gs_jw_init(&w, &b);
        gs_jw_strn(&w, NULL, strings[i].input);
        assert_int_equal(gs_jw_finish(&w, NULL), 0);
        assert_string_equal(b.p, strings[i].output);
    }
}

static const struct {
    double value;
    const char *output, *json;
} doubles[] = {
    {0.0, "0", NULL},
    {-0.0, "-0", NULL},
    {1, "1", NULL},
    {-150000, "-150000", NULL},
    {0.1, "0.1", NULL},
    {1.0 / 3, "0.3333333333333333", NULL},
    {0.1 + 0.2, "0.30000000000000004", NULL},
    {100.25, "100.25", NULL},
    {1e15, "1e+15", NULL},
    {999999999999999.0, "999999999999999", NULL},
    {1.5e300, "1.5e+300", NULL},
    {DBL_MAX, "1.7976931348623157e+308", NULL},
    {5e-324, "5e-324", NULL},
    {-DBL_MIN, "-2.2250738585072014e-308", NULL},
    {NAN, "NaN", "null"},
    {INFINITY, "+Inf", "null"},
    {-INFINITY, "-Inf", "null"},
};

static void test_doubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(doubles); i++) {
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(100);
        gs_json_writer w;
        char text[GS_DOUBLE_LEN];
        gs_double_format(doubles[i].value, text);
        assert_string_equal(text, doubles[i].output);
        gs_jw_init(&w, &b);
        gs_jw_double(&w, NULL, doubles[i].value);
        assert_int_equal(gs_jw_finish(&w, NULL), 0);
        assert_string_equal(b.p, doubles[i].json ? doubles[i].json : doubles[i].output);
    }
}

/* Wrong use, told by a word of one letter for each call: the result is an error, never invalid JSON. */
static const struct {
    const char *calls, *error;
} misuse[] = {
    {"", "write JSON: nothing was written"},
    {"v", NULL},
    {"vv", "write JSON: a second value"},
    {"{", "write JSON: a container was left open"},
    {"{}", NULL},
    {"{}}", "write JSON: an end without a beginning"},
    {"{v}", "write JSON: a value without a key in an object"},
    {"{k}", "write JSON: a key without a value"},
    {"{kk", "write JSON: a key without a value"},
    {"{kK", "write JSON: a key without a value"},
    {"{K}", NULL},
    {"{k[vv]}", NULL},
    {"[K]", "write JSON: a key outside of an object"},
    {"[{}[]v]", NULL},
    {"k", "write JSON: a key outside of an object"},
    {"{}{", "write JSON: a second value"},
    {"r", "write JSON: a raw value that is no JSON"},
};

static void test_misuse(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(misuse); i++) {
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(100);
        gs_json_writer w;
        gs_error err = {0};
        print_message("%s\n", misuse[i].calls);
        (void)gs_buf_adds(&b, "kept");
        gs_jw_init(&w, &b);
        for (const char *p = misuse[i].calls; *p; p++) {
            if (*p == '{')
                gs_jw_object(&w, NULL);
            else if (*p == '[')
                gs_jw_array(&w, NULL);
            else if (*p == 'k')
                gs_jw_key(&w, GS_STR("k"));
            else if (*p == 'K')
                gs_jw_int(&w, "k", 1);
            else if (*p == 'v')
                gs_jw_int(&w, NULL, 1);
            else if (*p == 'r')
                gs_jw_raw(&w, NULL, GS_STR("{"));
            else
                gs_jw_end(&w);
        }
        assert_int_equal(gs_jw_finish(&w, &err), misuse[i].error ? -GS_TERMINAL : 0);
        assert_string_equal(err.msg, misuse[i].error ? misuse[i].error : "");
        if (misuse[i].error) {
            assert_string_equal(b.p, "kept");
        } else {
            gs_json_cursor c;
            gs_json_cursor_init(&c, (gs_str){b.p + 4, b.n - 4});
            assert_int_equal(gs_json_cursor_finish(&c, NULL), 0);
        }
    }
}

static void test_caps(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(6), deep = GS_BUF(1000);
    gs_json_writer w;
    gs_error err = {0};
    gs_jw_init(&w, &b);
    gs_jw_str(&w, NULL, "abcd");
    assert_int_equal(gs_jw_finish(&w, &err), 0);
    gs_buf_reset(&b);
    gs_jw_init(&w, &b);
    gs_jw_str(&w, NULL, "abcde");
    assert_int_equal(gs_jw_finish(&w, &err), -GS_NO_MEMORY);
    assert_string_equal(err.msg, "write JSON: too long");
    assert_int_equal(b.n, 0);
    gs_jw_init(&w, &deep);
    for (int i = 0; i < GS_MAX_NESTING; i++)
        gs_jw_array(&w, NULL);
    assert_false(gs_jw_failed(&w));
    gs_jw_array(&w, NULL);
    assert_int_equal(gs_jw_finish(&w, &err), -GS_NO_MEMORY);
    assert_string_equal(err.msg, "write JSON: nested too deeply");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),  cmocka_unit_test(test_strings), cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_misuse), cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
