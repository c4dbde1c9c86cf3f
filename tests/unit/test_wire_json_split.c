#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "wire/json_cursor.h"
#include "wire/json_split.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the three above first */
#include <cmocka.h>

/* Collects objects, one a line. */
static int collect(void *ctx, gs_str object, gs_error *err)
{
    (void)err;
    (void)gs_buf_add(ctx, object.p, object.n);
    return gs_buf_adds(ctx, "\n");
}

/* items: one a line; metadata; error: NULL for none. The result must not hang on how the input is cut. */
static const struct {
    const char *name;
    enum gs_json_split_mode mode;
    const char *input, *items, *metadata;
    int rc;
    const char *error;
} cases[] = {
    {"list", GS_JSON_LIST,
     "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{\"a\":1},{\"b\":\"}]\\\"\"}]"
     "}\n",
     "{\"a\":1}\n{\"b\":\"}]\\\"\"}\n", "{\"resourceVersion\":\"7\"}", 0, NULL},
    {"metadata behind items", GS_JSON_LIST,
     " { \"items\" : [ {} , {\"x\":[[{}]]} ] , \"metadata\" : {\"continue\":\"c\"} } ", "{}\n{\"x\":[[{}]]}\n",
     "{\"continue\":\"c\"}", 0, NULL},
    {"no items", GS_JSON_LIST, "{\"items\":[],\"metadata\":{}}", "", "{}", 0, NULL},
    {"items null", GS_JSON_LIST, "{\"metadata\":null,\"items\":null}", "", "", 0, NULL},
    {"other members", GS_JSON_LIST,
     "{\"a\":[1,{\"items\":[{}]}],\"b\":-1.5,\"c\":true,\"items\":[{\"d\":2}],\"e\":\"\"}", "{\"d\":2}\n", "", 0, NULL},
    {"escaped key", GS_JSON_LIST, "{\"it\\u0065ms\":[{}]}", "{}\n", "", 0, NULL},
    {"items within an item", GS_JSON_LIST, "{\"items\":[{\"items\":[{}],\"metadata\":{}}]}",
     "{\"items\":[{}],\"metadata\":{}}\n", "", 0, NULL},
    {"a Status", GS_JSON_LIST, "{\"kind\":\"Status\",\"code\":403}", "", "", -GS_TERMINAL,
     "JSON: no list but an object of kind \"Status\" without items"},
    {"empty", GS_JSON_LIST, "", "", "", -GS_TRANSIENT, "JSON: cut off after 0 bytes"},
    {"cut in an item", GS_JSON_LIST, "{\"items\":[{\"a\":1},{\"b\"", "{\"a\":1}\n", "", -GS_TRANSIENT,
     "JSON: cut off after 22 bytes"},
    {"cut before the end", GS_JSON_LIST, "{\"items\":[{\"a\":1}]", "{\"a\":1}\n", "", -GS_TRANSIENT,
     "JSON: cut off after 18 bytes"},
    {"cut in a scalar", GS_JSON_LIST, "{\"items\":nul", "", "", -GS_TRANSIENT, "JSON: cut off after 12 bytes"},
    {"item is no object", GS_JSON_LIST, "{\"items\":[1]}", "", "", -GS_TERMINAL,
     "JSON: at byte 10: expected an object in items"},
    {"items is no array", GS_JSON_LIST, "{\"items\":{}}", "", "", -GS_TERMINAL, "JSON: at byte 9: items is no array"},
    {"metadata is no object", GS_JSON_LIST, "{\"metadata\":[]}", "", "", -GS_TERMINAL,
     "JSON: at byte 12: metadata is no object"},
    {"items twice", GS_JSON_LIST, "{\"items\":[{}],\"items\":[]}", "{}\n", "", -GS_TERMINAL,
     "JSON: at byte 14: the key comes twice"},
    {"no object", GS_JSON_LIST, "[]", "", "", -GS_TERMINAL, "JSON: at byte 0: expected an object"},
    {"HTML", GS_JSON_LIST, "<html>", "", "", -GS_TERMINAL, "JSON: at byte 0: expected an object"},
    {"missing comma", GS_JSON_LIST, "{\"items\":[{}{}]}", "{}\n", "", -GS_TERMINAL,
     "JSON: at byte 12: expected , or ]"},
    {"trailing comma in items", GS_JSON_LIST, "{\"items\":[{},]}", "{}\n", "", -GS_TERMINAL,
     "JSON: at byte 13: expected an object in items"},
    {"trailing comma", GS_JSON_LIST, "{\"a\":1,}", "", "", -GS_TERMINAL, "JSON: at byte 7: expected a key in quotes"},
    {"missing colon", GS_JSON_LIST, "{\"a\" 1}", "", "", -GS_TERMINAL, "JSON: at byte 5: expected : behind a key"},
    {"malformed member", GS_JSON_LIST, "{\"a\":[tru]}", "", "", -GS_TERMINAL, "JSON: at byte 6: no JSON value"},
    {"malformed scalar", GS_JSON_LIST, "{\"a\":01}", "", "", -GS_TERMINAL, "JSON: at byte 5: malformed number"},
    {"no value", GS_JSON_LIST, "{\"a\":}", "", "", -GS_TERMINAL,
     "JSON: at byte 5: the input ends where a value should be"},
    {"malformed key", GS_JSON_LIST, "{\"a\\x\":1}", "", "", -GS_TERMINAL,
     "JSON: at byte 3: invalid escape in a string"},
    {"brackets do not match", GS_JSON_LIST, "{\"items\":[{\"a\":[}]}", "", "", -GS_TERMINAL,
     "JSON: at byte 16: } closes an array"},
    {"brackets do not match, again", GS_JSON_FRAMES, "{\"a\":{]}", "", "", -GS_TERMINAL,
     "JSON: at byte 6: ] closes an object"},
    {"more behind", GS_JSON_LIST, "{\"items\":[]}{", "", "", -GS_TERMINAL, "JSON: at byte 12: more behind the list"},
    {"frames", GS_JSON_FRAMES, "{\"type\":\"ADDED\"}\n{\"a\":\"\\\\\"}{}\r\n\n {\"b\":[]}\n",
     "{\"type\":\"ADDED\"}\n{\"a\":\"\\\\\"}\n{}\n{\"b\":[]}\n", "", 0, NULL},
    {"no frames", GS_JSON_FRAMES, "\n", "", "", 0, NULL},
    {"cut frame", GS_JSON_FRAMES, "{}\n{\"a\":\"", "{}\n", "", -GS_TRANSIENT, "JSON: cut off after 9 bytes"},
    {"frame is no object", GS_JSON_FRAMES, "{}\n[1]", "{}\n", "", -GS_TERMINAL, "JSON: at byte 3: expected an object"},
};

/* Each chunk is a block of its own, so that ASan sees a read beyond it. */
static int feed_in_chunks(gs_json_split *s, gs_str text, size_t size, gs_error *err)
{
    for (size_t i = 0; i < text.n; i += size) {
        size_t n = text.n - i < size ? text.n - i : size;
        gs_autofree char *chunk = malloc(n);
        memcpy(chunk, text.p + i, n);
        int rc = gs_json_split_feed(s, (gs_str){chunk, n}, err);
        if (rc < 0)
            return rc;
    }
    return gs_json_split_finish(s, err);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_str input = gs_str_of(cases[i].input);
        print_message("%s\n", cases[i].name);
        for (size_t size = 1; size <= input.n + 1; size++) {
            gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(4096);
            gs_cleanup(gs_json_split_free) gs_json_split *s = gs_json_split_new(cases[i].mode, collect, &out);
            gs_error err = {0};
            assert_int_equal(feed_in_chunks(s, input, size, &err), cases[i].rc);
            assert_string_equal(err.msg, cases[i].error ? cases[i].error : "");
            assert_string_equal(gs_buf_str(&out).p, cases[i].items);
            gs_str metadata = gs_json_split_metadata(s);
            assert_int_equal(metadata.n, strlen(cases[i].metadata));
            assert_memory_equal(metadata.p, cases[i].metadata, metadata.n);
        }
    }
}

static int stop_at_second(void *ctx, gs_str object, gs_error *err)
{
    (void)object;
    return ++*(int *)ctx == 2 ? gs_error_set(err, GS_CANCELLED, "enough") : 0;
}

static int refuse_without_a_word(void *ctx, gs_str object, gs_error *err)
{
    (void)ctx;
    (void)object;
    (void)err;
    return -GS_REFUSED;
}

static void test_callback_stops(void **state)
{
    (void)state;
    int calls = 0;
    gs_error err;
    gs_cleanup(gs_json_split_free) gs_json_split *s = gs_json_split_new(GS_JSON_FRAMES, stop_at_second, &calls);
    assert_int_equal(gs_json_split_feed(s, GS_STR("{}{}{}"), &err), -GS_CANCELLED);
    assert_string_equal(err.msg, "enough");
    assert_int_equal(gs_json_split_feed(s, GS_STR("{}"), &err), -GS_CANCELLED);
    assert_int_equal(gs_json_split_finish(s, &err), -GS_CANCELLED);
    assert_int_equal(calls, 2);
    gs_json_split_reset(s);
    assert_int_equal(gs_json_split_feed(s, GS_STR("{}"), &err), 0);
    assert_int_equal(gs_json_split_count(s), 1);
    assert_int_equal(gs_json_split_finish(s, &err), 0);
    gs_json_split_free(s);
    s = gs_json_split_new(GS_JSON_FRAMES, refuse_without_a_word, NULL);
    assert_int_equal(gs_json_split_feed(s, GS_STR(" {}"), &err), -GS_REFUSED);
    assert_int_equal(err.kind, GS_REFUSED);
    assert_string_equal(err.msg, "JSON: the object at byte 1 was refused");
}

static int count_bytes(void *ctx, gs_str object, gs_error *err)
{
    (void)err;
    *(size_t *)ctx += object.n;
    return 0;
}

/* An object of exactly the cap passes, one byte more does not; in one chunk or in many. */
static void test_cap(void **state)
{
    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        size_t n = GS_MAX_OBJECT_BYTES + more;
        gs_autofree char *text = gs_alloc(n);
        memset(text, 'x', n);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + n - 2, "\"}", 2);
        for (size_t size = 4096; size <= n; size = size == 4096 ? n : n + 1) {
            size_t seen = 0;
            gs_error err = {0};
            gs_cleanup(gs_json_split_free) gs_json_split *s = gs_json_split_new(GS_JSON_FRAMES, count_bytes, &seen);
            assert_int_equal(feed_in_chunks(s, (gs_str){text, n}, size, &err), more ? -GS_NO_MEMORY : 0);
            assert_int_equal(seen, more ? 0 : n);
            assert_string_equal(err.msg, more ? "JSON: the value at byte 0 has more than 3145728 bytes" : "");
        }
    }
}

static void test_nesting(void **state)
{
    (void)state;
    for (size_t n = GS_MAX_NESTING - 1; n <= GS_MAX_NESTING; n++) { /* and the frame's own braces */
        gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(1000), out = GS_BUF(1000);
        (void)gs_buf_adds(&text, "{\"a\":");
        for (size_t i = 0; i < n; i++)
            (void)gs_buf_adds(&text, "[");
        for (size_t i = 0; i < n; i++)
            (void)gs_buf_adds(&text, "]");
        (void)gs_buf_adds(&text, "}");
        gs_error err = {0};
        gs_cleanup(gs_json_split_free) gs_json_split *s = gs_json_split_new(GS_JSON_FRAMES, collect, &out);
        assert_int_equal(gs_json_split_feed(s, gs_buf_str(&text), &err), n < GS_MAX_NESTING ? 0 : -GS_TERMINAL);
        assert_string_equal(err.msg, n < GS_MAX_NESTING ? "" : "JSON: at byte 68: nested too deeply");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_callback_stops),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
