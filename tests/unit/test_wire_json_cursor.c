#include "wire/json_cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the three above first */
#include <cmocka.h>

/* Whole documents: NULL is accepted, else the error's text. */
static const struct {
    const char *name, *input, *error;
} documents[] = {
    {"object", "{\"a\":[1,2.5e-3,{\"b\":null}],\"c\":\"x\"}", NULL},
    {"white space", " \t\r\n{ \"a\" : [ ] , \"b\" : { } } \n", NULL},
    {"scalar", "-0.0E+1", NULL},
    {"string", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"", NULL},
    {"UTF-8", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", NULL},
    {"empty", "", "at byte 0: the input ends where a value should be"},
    {"only space", "  ", "at byte 2: the input ends where a value should be"},
    {"open object", "{\"a\":1", "at byte 6: the input ends inside an object"},
    {"open array", "[1", "at byte 2: the input ends inside an array"},
    {"open string", "\"abc", "at byte 4: the input ends inside a string"},
    {"trailing comma in array", "[1,]", "at byte 3: no JSON value"},
    {"trailing comma in object", "{\"a\":1,}", "at byte 7: expected a key in quotes"},
    {"leading comma", "[,1]", "at byte 1: no JSON value"},
    {"missing comma", "[1 2]", "at byte 3: expected , or ]"},
    {"missing colon", "{\"a\" 1}", "at byte 5: expected : behind a key"},
    {"wrong bracket", "[1}", "at byte 2: expected , or ]"},
    {"more behind", "{} x", "at byte 3: more behind the JSON value"},
    {"bare word", "nul", "at byte 0: no JSON value"},
    {"True", "True", "at byte 0: no JSON value"},
    {"leading zero", "01", "at byte 0: malformed number"},
    {"plus", "+1", "at byte 0: no JSON value"},
    {"no digits behind the point", "1.", "at byte 0: malformed number"},
    {"no digits in the exponent", "1e", "at byte 0: malformed number"},
    {"NaN", "NaN", "at byte 0: no JSON value"},
    {"newline in string", "\"a\nb\"", "at byte 2: control character in a string"},
    {"bad escape", "\"\\x\"", "at byte 1: invalid escape in a string"},
    {"short \\u", "\"\\u12\"", "at byte 1: invalid escape in a string"},
    {"lone high surrogate", "\"\\ud800\"", "at byte 1: invalid escape in a string"},
    {"lone low surrogate", "\"\\udc00\"", "at byte 1: invalid escape in a string"},
    {"two high surrogates", "\"\\ud800\\ud800\"", "at byte 1: invalid escape in a string"},
    {"cut UTF-8", "\"\xe2\x82\"", "at byte 1: invalid UTF-8 in a string"},
    {"overlong UTF-8", "\"\xc0\xaf\"", "at byte 1: invalid UTF-8 in a string"},
    {"overlong UTF-8 of 3", "\"\xe0\x80\xaf\"", "at byte 1: invalid UTF-8 in a string"},
    {"surrogate in UTF-8", "\"\xed\xa0\x80\"", "at byte 1: invalid UTF-8 in a string"},
    {"beyond Unicode", "\"\xf4\x90\x80\x80\"", "at byte 1: invalid UTF-8 in a string"},
    {"bad byte behind 16 good ones", "\"0123456789abcdef\x01\"", "at byte 17: control character in a string"},
    {"comment", "[/**/]", "at byte 1: no JSON value"},
    {"key without quotes", "{a:1}", "at byte 1: expected a key in quotes"},
};

static void test_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(documents); i++) {
        gs_json_cursor c;
        gs_error err = {0};
        gs_json_cursor_init(&c, gs_str_of(documents[i].input));
        int rc = gs_json_cursor_finish(&c, &err);
        print_message("%s\n", documents[i].name);
        assert_int_equal(rc, documents[i].error ? -GS_TERMINAL : 0);
        assert_string_equal(err.msg, documents[i].error ? documents[i].error : "");
    }
}

static void test_nesting(void **state)
{
    (void)state;
    for (size_t n = GS_MAX_NESTING; n <= GS_MAX_NESTING + 1; n++) {
        char text[2 * (GS_MAX_NESTING + 1)];
        memset(text, '[', n);
        memset(text + n, ']', n);
        gs_json_cursor c;
        gs_json_cursor_init(&c, (gs_str){text, 2 * n});
        assert_int_equal(gs_json_cursor_finish(&c, NULL), n > GS_MAX_NESTING ? -GS_TERMINAL : 0);
        gs_json_cursor_init(&c, (gs_str){text, 2 * n});
        size_t entered = 0;
        while (gs_json_enter_array(&c) && gs_json_next_element(&c))
            entered++;
        assert_int_equal(gs_json_failed(&c), n > GS_MAX_NESTING);
        assert_int_equal(entered, n > GS_MAX_NESTING ? GS_MAX_NESTING : n - 1);
    }
}

enum as { AS_STRING, AS_CUT, AS_BUF, AS_INT, AS_DOUBLE, AS_BOOL, AS_RAW };

/* One value, and how it reads; the output of numbers as text. NULL output: `error`. */
static const struct {
    const char *name;
    enum as as;
    size_t cap;
    const char *input, *output, *error;
} values[] = {
    {"string", AS_STRING, 8, "\"abc\"", "abc", NULL},
    {"string that just fits", AS_STRING, 4, "\"abc\"", "abc", NULL},
    {"string too long", AS_STRING, 3, " \"abc\"", NULL, "at byte 1: the string is too long"},
    {"escapes", AS_STRING, 32, "\"a\\n\\u00e9\\ud83d\\ude00/\"", "a\n\xc3\xa9\xf0\x9f\x98\x80/", NULL},
    {"escapes that fit only unescaped", AS_STRING, 3, "\"\\u00e9\"", "\xc3\xa9", NULL},
    {"NUL", AS_STRING, 8, "\"a\\u0000b\"", NULL, "at byte 0: NUL in a string"},
    {"not a string", AS_STRING, 8, "12", NULL, "at byte 0: expected a string"},
    {"cut", AS_CUT, 4, "\"abcdef\"", "abc", NULL},
    {"cut between characters", AS_CUT, 4, "\"a\xe2\x82\xac\"", "a", NULL},
    {"cut before an escape", AS_CUT, 4, "\"ab\\u00e9\"", "ab", NULL},
    {"buf", AS_BUF, 8, "\"a\\tb\"", "a\tb", NULL},
    {"buf at the cap", AS_BUF, 3, "\"abcd\"", NULL, "at byte 0: the string is too long"},
    {"int", AS_INT, 0, "-9223372036854775807", "-9223372036854775807", NULL},
    {"largest int", AS_INT, 0, "9223372036854775807", "9223372036854775807", NULL},
    {"int too large", AS_INT, 0, "9223372036854775808", NULL, "at byte 0: expected a whole number of 64 bits"},
    {"fraction for int", AS_INT, 0, "1.0", NULL, "at byte 0: expected a whole number of 64 bits"},
    {"exponent for int", AS_INT, 0, "1e3", NULL, "at byte 0: expected a whole number of 64 bits"},
    {"string for int", AS_INT, 0, "\"1\"", NULL, "at byte 0: expected a whole number"},
    {"minus", AS_INT, 0, "-", NULL, "at byte 0: malformed number"},
    {"double", AS_DOUBLE, 0, "-1.5e2", "-150", NULL},
    {"double too large", AS_DOUBLE, 0, "1e999", NULL, "at byte 0: the number is out of range"},
    {"bool", AS_BOOL, 0, "true", "1", NULL},
    {"null for bool", AS_BOOL, 0, "null", NULL, "at byte 0: expected true or false"},
    {"raw", AS_RAW, 0, " {\"a\" : [1, \"]\"]} ", "{\"a\" : [1, \"]\"]}", NULL},
    {"raw, malformed", AS_RAW, 0, "{\"a\" : [1, }", NULL, "at byte 11: no JSON value"},
};

static void read_as(gs_json_cursor *c, enum as as, size_t cap, gs_buf *out)
{
    int64_t i = 0;
    double d = 0;
    bool b = false;
    gs_str s = {0};
    char *dst = malloc(cap + 1); /* so that ASan sees a byte too many */
    if (as == AS_STRING && gs_json_read_string(c, dst, cap))
        (void)gs_buf_adds(out, dst);
    else if (as == AS_CUT && gs_json_read_string_cut(c, dst, cap))
        (void)gs_buf_adds(out, dst);
    else if (as == AS_BUF)
        (void)gs_json_read_string_buf(c, out);
    else if (as == AS_INT && gs_json_read_int64(c, &i))
        (void)gs_buf_addf(out, "%lld", (long long)i);
    else if (as == AS_DOUBLE && gs_json_read_double(c, &d))
        (void)gs_buf_addf(out, "%g", d);
    else if (as == AS_BOOL && gs_json_read_bool(c, &b))
        (void)gs_buf_addf(out, "%d", b);
    else if (as == AS_RAW && gs_json_raw(c, &s))
        (void)gs_buf_add(out, s.p, s.n);
    free(dst);
}

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(values); i++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(values[i].cap ? values[i].cap : 100);
        gs_json_cursor c;
        gs_error err = {0};
        print_message("%s\n", values[i].name);
        gs_json_cursor_init(&c, gs_str_of(values[i].input));
        read_as(&c, values[i].as, values[i].cap, &out);
        assert_int_equal(gs_json_cursor_finish(&c, &err), values[i].output ? 0 : -GS_TERMINAL);
        assert_string_equal(values[i].output ? gs_buf_str(&out).p : err.msg,
                            values[i].output ? values[i].output : values[i].error);
    }
}

/* What is not read is skipped, what is left is checked all the same. */
static void test_walk(void **state)
{
    (void)state;
    const char *text =
        "{\"skip\":{\"x\":[{}]},\"li\\u0073t\":[1,null,{\"v\":3,\"w\":4},[5]],\"last\":{\"a\":1,\"b\":2}}";
    gs_json_cursor c;
    gs_str key;
    int64_t sum = 0, v;
    unsigned nulls = 0, keys = 0;
    gs_json_cursor_init(&c, gs_str_of(text));
    assert_true(gs_json_enter_object(&c));
    while (gs_json_next_key(&c, &key)) {
        keys++;
        if (gs_json_key_is(key, "list") && gs_json_enter_array(&c)) {
            while (gs_json_next_element(&c)) {
                if (gs_json_is_null(&c))
                    nulls++;
                else if (gs_json_peek(&c) == GS_JSON_NUMBER && gs_json_read_int64(&c, &v))
                    sum += v;
                else if (gs_json_peek(&c) == GS_JSON_OBJECT && gs_json_enter_object(&c)) {
                    assert_true(gs_json_next_key(&c, &key) && gs_json_read_int64(&c, &v) && gs_json_leave(&c));
                    sum += v;
                }
            }
        } else if (gs_json_key_is(key, "last") && gs_json_enter_object(&c)) {
            assert_true(gs_json_leave(&c));
        }
    }
    assert_int_equal(gs_json_cursor_finish(&c, NULL), 0);
    assert_int_equal(sum, 4);
    assert_int_equal(nulls, 1);
    assert_int_equal(keys, 3);
}

static void test_misuse(void **state)
{
    (void)state;
    gs_json_cursor c;
    gs_str key;
    int64_t v;
    gs_error err;
    gs_json_cursor_init(&c, GS_STR("[1]"));
    assert_false(gs_json_next_key(&c, &key));
    assert_int_equal(gs_json_cursor_finish(&c, &err), -GS_TERMINAL);
    assert_string_equal(err.msg, "at byte 0: not inside an object");
    gs_json_cursor_init(&c, GS_STR("[1]"));
    assert_true(gs_json_enter_array(&c));
    assert_false(gs_json_read_int64(&c, &v));
    assert_int_equal(gs_json_cursor_finish(&c, &err), -GS_TERMINAL);
    assert_string_equal(err.msg, "at byte 1: there is no value to read");
    gs_json_cursor_init(&c, GS_STR("[1]"));
    assert_true(gs_json_enter_array(&c));
    assert_int_equal(gs_json_cursor_finish(&c, &err), -GS_TERMINAL);
    assert_string_equal(err.msg, "at byte 1: a container was not read to its end");
    gs_json_cursor_init(&c, GS_STR("1"));
    assert_false(gs_json_leave(&c));
    assert_false(gs_json_fail(&c, "another reason"));
    assert_string_equal(c.why, "not inside a container");
}

static const struct {
    const char *raw, *name;
    bool same;
} keys[] = {
    {"name", "name", true},       {"name", "nam", false},        {"nam", "name", false}, {"", "", true},
    {"n\\u0061me", "name", true}, {"n\\u0061me", "n", false},    {"\\n", "\n", true},    {"\\n", "\\n", false},
    {"a\\/b", "a/b", true},       {"\\u00e9", "\xc3\xa9", true}, {"a\\", "a\\", false},  {"name\\u0000", "name", false},
};

static void test_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(keys); i++) {
        print_message("%s\n", keys[i].raw);
        assert_int_equal(gs_json_key_is(gs_str_of(keys[i].raw), keys[i].name), keys[i].same);
    }
    char dst[8];
    assert_true(gs_json_unescape(GS_STR("a\\/b\\u00e9"), dst, sizeof dst));
    assert_string_equal(dst, "a/b\xc3\xa9");
    assert_false(gs_json_unescape(GS_STR("a\\"), dst, sizeof dst));
    assert_false(gs_json_unescape(GS_STR("12345678"), dst, sizeof dst));
}

static void test_find(void **state)
{
    (void)state;
    gs_str pod =
        GS_STR("{\"kind\":\"Pod\",\"metadata\":{\"labels\":{\"a\":\"b\"},\"uid\":\"u1\",\"generation\":7},\"x\":[}");
    gs_str v;
    char s[8];
    int64_t n;
    assert_true(gs_json_find(pod, (const char *[]){"metadata", "labels", NULL}, &v));
    assert_true(gs_str_is(v, "{\"a\":\"b\"}"));
    assert_true(gs_json_find_string(pod, (const char *[]){"metadata", "uid", NULL}, s, sizeof s));
    assert_string_equal(s, "u1");
    assert_true(gs_json_find_int64(pod, (const char *[]){"metadata", "generation", NULL}, &n));
    assert_int_equal(n, 7);
    assert_false(gs_json_find_string(pod, (const char *[]){"metadata", "uid", NULL}, s, 2));
    assert_false(gs_json_find(pod, (const char *[]){"metadata", "name", NULL}, &v));
    assert_false(gs_json_find(pod, (const char *[]){"kind", "name", NULL}, &v));
    assert_false(gs_json_find(pod, (const char *[]){"x", NULL}, &v));
    assert_false(gs_json_find((gs_str){0}, (const char *[]){"x", NULL}, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents), cmocka_unit_test(test_nesting), cmocka_unit_test(test_values),
        cmocka_unit_test(test_walk),      cmocka_unit_test(test_misuse),  cmocka_unit_test(test_keys),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
