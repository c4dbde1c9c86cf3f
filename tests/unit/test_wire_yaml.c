#include "base/limits.h"
#include "base/mem.h"
#include "wire/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static const struct {
    const char *name, *input, *output, *error;
} cases[] = {
    {"mapping", "a: 1\nb:\n  c: [x, \"y\"]\n", "{\"a\":1,\"b\":{\"c\":[\"x\",\"y\"]}}", NULL},
    {"JSON", "{\"a\": [1, 2.5, null, true]}", "{\"a\":[1,2.5,null,true]}", NULL},
    {"document marks", "%YAML 1.1\n---\na: b\n...\n", "{\"a\":\"b\"}", NULL},
    {"comments", "# x\na: b # y\n", "{\"a\":\"b\"}", NULL},
    {"nulls", "[~, null, Null, NULL, ]", "[null,null,null,null]", NULL},
    {"empty value", "a:\nb: ''\n", "{\"a\":null,\"b\":\"\"}", NULL},
    {"bools", "[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]", NULL},
    {"no bools", "[yes, no, on, off, y, n, tRUE]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"tRUE\"]", NULL},
    {"ints", "[0, -1, +12, 007, -08, -0, 0x1F, 0o17, 123456789012345678901234567890]",
     "[0,-1,12,7,-8,-0,31,15,123456789012345678901234567890]", NULL},
    {"no ints", "[1_000, 0x, 0xg, 0o8, 1:30, -0x1, 0x11112222333344445, --1, +, -, 1 2]",
     "[\"1_000\",\"0x\",\"0xg\",\"0o8\",\"1:30\",\"-0x1\",\"0x11112222333344445\",\"--1\",\"+\",\"-\",\"1 "
     "2\"]",
     NULL},
    {"floats", "[1.5, .5, 1., -1e3, 2E-2, +.5e+1]", "[1.5,0.5,1,-1000,0.02,5]", NULL},
    {"no floats", "[., .e1, 1e, e1, 1.2.3, 10.0.0.1, .5.]",
     "[\".\",\".e1\",\"1e\",\"e1\",\"1.2.3\",\"10.0.0.1\",\".5.\"]", NULL},
    {"quoted are strings", "['1', \"true\", 'null', \"1.5\"]", "[\"1\",\"true\",\"null\",\"1.5\"]", NULL},
    {"!!str", "!!str 12", "\"12\"", NULL},
    {"literal block", "a: |\n  1\n  2\n", "{\"a\":\"1\\n2\\n\"}", NULL},
    {"folded block", "a: >-\n  1\n  2\n", "{\"a\":\"1 2\"}", NULL},
    {"keys are strings", "1: a\ntrue: b\n\"\": c\n", "{\"1\":\"a\",\"true\":\"b\",\"\":\"c\"}", NULL},
    {"UTF-8 and BOM",
     "\xef\xbb\xbf"
     "a: \xc3\xa9\n",
     "{\"a\":\"\xc3\xa9\"}", NULL},
    {"same key in two mappings", "a: {x: 1}\nb: {x: 2}\n", "{\"a\":{\"x\":1},\"b\":{\"x\":2}}", NULL},
    {"duplicate key", "a: 1\nb: 2\n  \na: 3\n", NULL, "YAML: line 4, column 1: the key \"a\" comes twice here"},
    {"duplicate key, quoted", "{1: a, '1': b}", NULL, "YAML: line 1, column 8: the key \"1\" comes twice here"},
    {"second document", "a: 1\n---\nb: 2\n", NULL,
     "YAML: line 2, column 1: a second document begins here; only one is read"},
    {"no document", "", NULL, "YAML: there is no document"},
    {"only a comment", "# nothing\n", NULL, "YAML: there is no document"},
    {"anchor", "a: &x 1\n", NULL, "YAML: line 1, column 4: anchors (&) are not supported"},
    {"anchor on a mapping", "&x {a: 1}", NULL, "YAML: line 1, column 1: anchors (&) are not supported"},
    {"alias", "a: 1\nb: *x\n", NULL, "YAML: line 2, column 4: aliases (*) are not supported"},
    {"self-alias", "&x [*x]", NULL, "YAML: line 1, column 1: anchors (&) are not supported"},
    {"merge key", "<<: {a: 1}\n", NULL,
     "YAML: line 1, column 1: merge keys (<<) are not supported: write the fields out"},
    {"quoted <<", "'<<': 1\n", "{\"<<\":1}", NULL},
    {"tag", "a: !!binary aGk=\n", NULL, "YAML: line 1, column 4: tags other than !!str are not supported"},
    {"tag on a sequence", "!!str [a]\n", NULL, "YAML: line 1, column 1: tags other than !!str are not supported"},
    {"key that is a sequence", "? [a]\n: b\n", NULL, "YAML: line 1, column 3: a key must be a scalar"},
    {"no key", "?\n: b\n", NULL, "YAML: line 1, column 2: a key is missing"},
    {"no key in a block", ": b\n", NULL, "YAML: line 1, column 1: did not find expected key"},
    {"NUL in a key", "\"a\\0\": b\n", NULL, "YAML: line 1, column 1: NUL in a key"},
    {"inf", "a: .inf\n", NULL, "YAML: line 1, column 4: .inf and .nan are not supported: JSON has no such number"},
    {"float out of range", "a: 1e999\n", NULL, "YAML: line 1, column 4: the number is out of range"},
    {"tab", "a:\n\tb: 1\n", NULL, "YAML: line 2, column 1: found character that cannot start any token"},
    {"open flow", "[a, b", NULL, "YAML: line 2, column 1: did not find expected ',' or ']'"},
    {"bad indentation", "a: 1\n b: 2\n", NULL,
     "YAML: line 2, column 3: mapping values are not allowed in this context"},
    {"invalid UTF-8", "a: \xff\n", NULL, "YAML: at byte 3: invalid leading UTF-8 octet"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(1000);
        gs_error err = {0};
        print_message("%s\n", cases[i].name);
        (void)gs_buf_adds(&out, "> ");
        int rc = gs_yaml_to_json(gs_str_of(cases[i].input), &out, &err);
        assert_string_equal(err.msg, cases[i].error ? cases[i].error : "");
        assert_int_equal(rc, cases[i].error ? -GS_TERMINAL : 0);
        assert_string_equal(out.p + 2, cases[i].output ? cases[i].output : "");
    }
}

static double seconds(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Input that libyaml by itself takes minutes for. */
static const struct {
    const char *name, *unit;
    int rc;
    const char *error;
} bombs[] = {
    {"[[[[", "[", -GS_TERMINAL, "YAML: line 1, column 65: nested too deeply"},
    {"{{{{", "{", -GS_TERMINAL, "YAML: line 1, column 2: a key must be a scalar"},
    {"{a: {a: ", "{a: ", -GS_TERMINAL, "YAML: line 1, column 257: nested too deeply"},
    {"- - - -", "- ", -GS_TERMINAL, "YAML: line 1, column 129: nested too deeply"},
    {"? ? ? ?", "? ", -GS_TERMINAL, "YAML: line 1, column 3: a key must be a scalar"},
    {"&a &a", "&a ", -GS_TERMINAL, "YAML: line 1, column 1: anchors (&) are not supported"},
};

static void test_bombs(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(bombs); i++) {
        gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(300u << 10), out = GS_BUF(1000);
        gs_error err = {0};
        print_message("%s\n", bombs[i].name);
        while (text.n < 200u << 10)
            (void)gs_buf_adds(&text, bombs[i].unit);
        double t = seconds();
        int rc = gs_yaml_to_json(gs_buf_str(&text), &out, &err);
        t = seconds() - t;
        print_message("%.1f ms: %s\n", t * 1e3, err.msg);
        assert_int_equal(rc, bombs[i].rc);
        assert_string_equal(err.msg, bombs[i].error);
        assert_true(t < 0.1);
    }
}

static void test_caps(void **state)
{
    (void)state;
    gs_autofree char *text = gs_alloc(GS_MAX_YAML_BYTES + 2);
    memset(text, 'a', GS_MAX_YAML_BYTES + 1);
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(2u << 20), small = GS_BUF(5);
    gs_error err = {0};
    assert_int_equal(gs_yaml_to_json((gs_str){text, GS_MAX_YAML_BYTES}, &out, &err), 0);
    assert_int_equal(gs_yaml_to_json((gs_str){text, GS_MAX_YAML_BYTES + 1}, &out, &err), -GS_NO_MEMORY);
    assert_string_equal(err.msg, "YAML: 1048577 bytes, at most 1048576 are read");
    assert_int_equal(gs_yaml_to_json(GS_STR("[1,2,3]"), &small, &err), -GS_NO_MEMORY);
    assert_string_equal(err.msg, "YAML: write JSON: too long");
    assert_int_equal(small.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
