#include "base/mem.h"
#include "wire/yaml.h"
#include "wire/yaml_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
    const char *name, *json, *yaml;
} cases[] = {
    {"mapping", "{\"a\":1,\"b\":{\"c\":[\"x\",\"z\"],\"d\":true}}", "a: 1\nb:\n  c:\n  - x\n  - z\n  d: true\n"},
    {"list of mappings", "{\"l\":[{\"a\":1,\"b\":2},{\"c\":[3]}]}", "l:\n- a: 1\n  b: 2\n- c:\n  - 3\n"},
    {"list of lists", "[[1,2],[],[[3]]]", "- - 1\n  - 2\n- []\n- - - 3\n"},
    {"empty", "{\"a\":{},\"b\":[],\"c\":\"\",\"d\":null}", "a: {}\nb: []\nc: \"\"\nd: null\n"},
    {"scalar", "7", "7\n"},
    {"empty document", "{}", "{}\n"},
    {"plain strings", "[\"shop/payments.(*pool).acquire\",\"chan send\",\"a:b\",\"a, b\",\"/pay\"]",
     "- shop/payments.(*pool).acquire\n- chan send\n- a:b\n- a, b\n- /pay\n"},
    {"words", "[\"null\",\"Yes\",\"off\",\"TRUE\",\"n\",\"~\"]",
     "- \"null\"\n- \"Yes\"\n- \"off\"\n- \"TRUE\"\n- \"n\"\n- \"~\"\n"},
    {"numbers are not strings", "[\"1\",1,\"1e3\",\"0x1f\",\".5\",\"-1\",\"1:30\",\"2026-01-01T00:00:00Z\",-1.5e3]",
     "- \"1\"\n- 1\n- \"1e3\"\n- \"0x1f\"\n- \".5\"\n- \"-1\"\n- \"1:30\"\n- \"2026-01-01T00:00:00Z\"\n- -1.5e3\n"},
    {"marks", "[\"- a\",\"a: b\",\"a:\",\"a #b\",\" a\",\"a \",\"[a]\",\"*a\",\"&a\",\"<<\",\"---\"]",
     "- \"- a\"\n- \"a: b\"\n- \"a:\"\n- \"a #b\"\n- \" a\"\n- \"a \"\n- \"[a]\"\n- \"*a\"\n- \"&a\"\n- \"<<\"\n- \"---\"\n"},
    {"escapes", "[\"a\\\"b\\\\c\",\"a\\nb\\tc\",\"\\u0001\\u007f\\u0085\",\"\\u2028\\ufeff\"]",
     "- \"a\\\"b\\\\c\"\n- \"a\\nb\\tc\"\n- \"\\u0001\\u007f\\u0085\"\n- \"\\u2028\\ufeff\"\n"},
    {"UTF-8", "[\"\\u00e9\\ud83d\\ude00\"]", "- \"\xc3\xa9\xf0\x9f\x98\x80\"\n"},
    {"keys", "{\"no\":1,\"1\":2,\"a b\":3,\"a: b\":4,\"\":5}", "\"no\": 1\n\"1\": 2\na b: 3\n\"a: b\": 4\n\"\": 5\n"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_buf_done) gs_buf yaml = GS_BUF(4096);
        gs_error err = {0};
        print_message("%s\n", cases[k].name);
        assert_int_equal(gs_json_to_yaml(gs_str_of(cases[k].json), &yaml, &err), 0);
        assert_string_equal(yaml.p, cases[k].yaml);
    }
}

/* As our own reader has it; it reads what the cases above show. */
static void test_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_buf_done) gs_buf json = GS_BUF(4096), again = GS_BUF(4096);
        gs_error err = {0};
        print_message("%s\n", cases[k].name);
        assert_int_equal(gs_yaml_to_json(gs_str_of(cases[k].yaml), &json, &err), 0);
        assert_int_equal(gs_json_to_yaml(gs_buf_str(&json), &again, &err), 0);
        if (!strstr(cases[k].yaml, "1.5e3")) /* read as -1500 */
            assert_string_equal(again.p, cases[k].yaml);
    }
}

static void test_long_key(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf in = GS_BUF(8192), yaml = GS_BUF(8192), back = GS_BUF(8192);
    gs_error err = {0};
    (void)gs_buf_adds(&in, "{\"a\":{\"");
    for (int k = 0; k < 1500; k++)
        (void)gs_buf_adds(&in, "k");
    (void)gs_buf_adds(&in, "\":{\"b\":[1]}}}");
    assert_int_equal(gs_json_to_yaml(gs_buf_str(&in), &yaml, &err), 0);
    assert_non_null(strstr(yaml.p, "\n  ? \"kkk"));
    assert_int_equal(gs_yaml_to_json(gs_buf_str(&yaml), &back, &err), 0);
    assert_string_equal(back.p, in.p);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "{", "{\"a\":}", "[1,]", "{\"a\":1}x", "\"\\ud800\""};
    for (size_t k = 0; k < GS_LEN(wrong); k++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(100);
        gs_error err = {0};
        (void)gs_buf_adds(&out, "before");
        assert_int_equal(gs_json_to_yaml(gs_str_of(wrong[k]), &out, &err), -GS_TERMINAL);
        assert_true(gs_str_is(gs_buf_str(&out), "before"));
    }
    gs_cleanup(gs_buf_done) gs_buf small = GS_BUF(8);
    gs_error err = {0};
    assert_int_equal(gs_json_to_yaml(GS_STR("[\"too long for it\"]"), &small, &err), -GS_NO_MEMORY);
    assert_int_equal(small.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_back),
        cmocka_unit_test(test_long_key),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
