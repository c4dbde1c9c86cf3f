#include "base/buf.h"
#include "codec/prom_matrix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct seen {
    gs_buf text;
    size_t points, fail_at;
};

static int on_series(void *ctx, const char *name, gs_error *err)
{
    struct seen *s = ctx;
    (void)err;
    (void)gs_buf_addf(&s->text, "%s:", name);
    return 0;
}

static int on_point(void *ctx, int64_t t_ms, double value, gs_error *err)
{
    struct seen *s = ctx;
    if (++s->points == s->fail_at)
        return gs_error_set(err, GS_NO_MEMORY, "enough");
    (void)gs_buf_addf(&s->text, " %lld=%g", (long long)t_ms, value);
    return 0;
}

static int read_it(const char *body, struct seen *s, gs_error *err)
{
    const gs_matrix_handler h = {on_series, on_point, s};
    return gs_prom_matrix_read(gs_str_of(body), &h, err);
}

#define MATRIX(result) "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[" result "]}}"

static void good(void **state)
{
    static const struct {
        const char *name, *input, *expected;
    } cases[] = {
        {"none", MATRIX(""), ""},
        {"pod",
         MATRIX("{\"metric\":{\"__name__\":\"go_goroutines\",\"instance\":\"10.0.0.1:80\",\"pod\":\"shop-1\"},"
                "\"values\":[[1700000000,\"12\"],[1700000005.5,\"1.3e1\"]]}"),
         "shop-1: 1700000000000=12 1700000005500=13"},
        {"instance", MATRIX("{\"metric\":{\"instance\":\"10.0.0.1:80\",\"job\":\"x\"},\"values\":[[1,\"2\"]]}"),
         "10.0.0.1:80: 1000=2"},
        {"label set", MATRIX("{\"metric\":{\"job\":\"x\",\"zone\":\"a\"},\"values\":[[1,\"2\"]]}"),
         "{job=\"x\",zone=\"a\"}: 1000=2"},
        {"no labels", MATRIX("{\"metric\":{},\"values\":[[1,\"2\"]]}"), "{}: 1000=2"},
        {"values first", MATRIX("{\"values\":[[1,\"2\"]],\"metric\":{\"pod\":\"a\"}}"), "a: 1000=2"},
        {"NaN", MATRIX("{\"metric\":{\"pod\":\"a\"},\"values\":[[1,\"NaN\"],[2,\"+Inf\"],[3,\"-1\"]]}"),
         "a: 2000=inf 3000=-1"},
        {"two", MATRIX("{\"metric\":{\"pod\":\"a\"},\"values\":[]},{\"metric\":{\"pod\":\"b\"}}"), "a:b:"},
        {"histograms", MATRIX("{\"metric\":{\"pod\":\"a\"},\"histograms\":[[1,{\"count\":\"1\"}]]}"), "a:"},
        {"other order and members",
         "{\"warnings\":[\"x\"],\"data\":{\"result\":[{\"metric\":{\"pod\":\"a\"},\"values\":[[1,\"2\"]]}],"
         "\"stats\":{},\"resultType\":\"matrix\"},\"status\":\"success\"}",
         "a: 1000=2"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        struct seen s = {.text = GS_BUF(10000)};
        gs_error err = {0};
        if (read_it(cases[i].input, &s, &err) || !gs_str_is(gs_buf_str(&s.text), cases[i].expected))
            fail_msg("%s: %s %s", cases[i].name, err.msg, s.text.p);
        gs_buf_done(&s.text);
    }
}

#define POINT(p) MATRIX("{\"metric\":{\"pod\":\"a\"},\"values\":[" p "]}")

static void bad(void **state)
{
    static const struct {
        const char *name, *input, *expected;
    } cases[] = {
        {"empty", "", "the answer is no matrix of Prometheus: at byte 0"},
        {"HTML", "<html>", "the answer is no matrix of Prometheus: at byte 0"},
        {"cut", "{\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"pod\":\"a\"},\"values\":[[1,\"2\"",
         "at byte"},
        {"vector", "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
         "expected the result type matrix"},
        {"another answer", "{\"status\":\"success\"}", "no data.resultType and data.result"},
        {"only the type", "{\"data\":{\"resultType\":\"matrix\"}}", "no data.resultType and data.result"},
        {"error", "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"1:5: parse error\"}",
         "bad_data: 1:5: parse error"},
        {"error with data", "{\"status\":\"error\",\"data\":null,\"errorType\":\"timeout\",\"error\":\"\"}", "timeout"},
        {"value as a number", POINT("[1,2]"), "expected"},
        {"no value", POINT("[1]"), "expected the value as a string"},
        {"three", POINT("[1,\"2\",3]"), "expected [time, \"value\"]"},
        {"no array", POINT("7"), "at byte"},
        {"not a number", POINT("[1,\"two\"]"), "expected a number in the string"},
        {"time before 1970", POINT("[-1,\"2\"]"), "expected seconds since 1970"},
        {"time after 9999", POINT("[253402300800,\"2\"]"), "expected seconds since 1970"},
        {"bytes behind", MATRIX("") "x", "at byte"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        struct seen s = {.text = GS_BUF(10000)};
        gs_error err = {0};
        if (read_it(cases[i].input, &s, &err) != -(int)GS_TERMINAL || !strstr(err.msg, cases[i].expected))
            fail_msg("%s: %s", cases[i].name, err.msg);
        gs_buf_done(&s.text);
    }
}

static void handler_fails(void **state)
{
    (void)state;
    struct seen s = {.text = GS_BUF(10000), .fail_at = 2};
    gs_error err = {0};
    assert_int_equal(read_it(POINT("[1,\"1\"],[2,\"2\"],[3,\"3\"]"), &s, &err), -(int)GS_NO_MEMORY);
    assert_string_equal(err.msg, "enough");
    assert_int_equal(s.points, 2);
    gs_buf_done(&s.text);
}

static void long_names(void **state)
{
    (void)state;
    struct seen s = {.text = GS_BUF(10000)};
    gs_error err = {0};
    char body[2000], label[600];
    memset(label, 'x', sizeof label);
    (void)snprintf(body, sizeof body,
                   "{\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"pod\":\"%.*s\"}}]}}",
                   (int)sizeof label, label);
    assert_int_equal(read_it(body, &s, &err), 0);
    assert_int_equal(s.text.n, GS_MATRIX_NAME_LEN); /* and a colon for the terminator */
    gs_buf_done(&s.text);
}

static void error_text(void **state)
{
    char text[30];
    (void)state;
    assert_false(gs_prom_error_text(GS_STR("<html>503</html>"), text, sizeof text));
    assert_false(gs_prom_error_text(GS_STR("{\"status\":\"success\",\"error\":\"x\"}"), text, sizeof text));
    assert_false(gs_prom_error_text(GS_STR("{\"status\":\"error\",\"error\":\"x\""), text, sizeof text));
    assert_true(gs_prom_error_text(GS_STR("{\"status\":\"error\",\"error\":\"a long text that does not fit\"}"), text,
                                   sizeof text));
    assert_int_equal(strlen(text), sizeof text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),       cmocka_unit_test(bad),        cmocka_unit_test(handler_fails),
        cmocka_unit_test(long_names), cmocka_unit_test(error_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
