#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static const struct {
    const char *name, *input;
    int rc;
    const char *error;
} cases[] = {
    {"object", "{\"a\":{\"b\":\"c\"}}", 0, NULL},
    {"scalar", "1", 0, NULL},
    {"duplicate key", "{\"a\":1,\n \"a\":2}", -GS_TERMINAL, "line 2, column 4: the key comes twice in this object"},
    {"malformed", "{\"a\":1,\n  \"secret\" 2}", -GS_TERMINAL, "line 2, column 12: expected : behind a key"},
    {"more behind", "{}{}", -GS_TERMINAL, "line 1, column 3: more behind the JSON value"},
    {"too large", "{\"a\":\"0123456789012345678901234567890123456789\"}", -GS_NO_MEMORY,
     "JSON of 48 bytes, at most 40 are read"},
    {"number out of range", "[99999999999999999999]", -GS_TERMINAL, "line 1, column 21: the number is out of range"},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
        gs_error err = {0};
        print_message("%s\n", cases[i].name);
        assert_int_equal(gs_json_doc_parse(gs_str_of(cases[i].input), 40, &doc, &err), cases[i].rc);
        assert_string_equal(err.msg, cases[i].error ? cases[i].error : "");
        assert_int_equal(doc != NULL, cases[i].rc == 0);
    }
}

static void test_get(void **state)
{
    (void)state;
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    gs_str text = GS_STR("{\"a\":{\"b\":\"c\",\"n\":1,\"z\":null}}");
    assert_int_equal(gs_json_doc_parse(text, 100, &doc, NULL), 0);
    assert_string_equal(gs_json_doc_str(gs_json_doc_at(doc, "a", NULL), "b"), "c");
    assert_null(gs_json_doc_str(gs_json_doc_at(doc, "a", NULL), "n"));
    assert_null(gs_json_doc_str(gs_json_doc_at(doc, "a", NULL), "z"));
    assert_null(gs_json_doc_at(doc, "a", "b", "c", NULL));
    assert_null(gs_json_doc_at(doc, "x", "b", NULL));
    assert_null(gs_json_doc_at(NULL, "x", NULL));
    assert_ptr_equal(gs_json_doc_at(doc, NULL), doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_get)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
