#include "base/cleanup.h"
#include "profile.pb.h"
#include "wire/pb.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the three above first */
#include <cmocka.h>

struct seen {
    gs_str strings[4];
    size_t n_strings;
    uint64_t numbers[8];
    size_t n_numbers;
    int64_t label_str;
    uint64_t stop_at;
};

static bool on_number(void *ctx, uint64_t v)
{
    struct seen *s = ctx;
    s->numbers[s->n_numbers++] = v;
    return v != s->stop_at;
}

static bool on_numbers(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    return gs_pb_each_varint(stream, on_number, *arg);
}

static bool on_label(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    gs_pprof_Label label = gs_pprof_Label_init_zero;
    if (!pb_decode(stream, gs_pprof_Label_fields, &label))
        return false;
    ((struct seen *)*arg)->label_str = label.str;
    return true;
}

static bool on_sample(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    gs_pprof_Sample sample = {.location_id = {{.decode = on_numbers}, *arg},
                              .value = {{.decode = on_numbers}, *arg},
                              .label = {{.decode = on_label}, *arg}};
    return pb_decode(stream, gs_pprof_Sample_fields, &sample);
}

static bool on_string(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    struct seen *s = *arg;
    if (s->n_strings == 4)
        return gs_pb_fail(stream, "too many strings");
    return gs_pb_view(stream, &s->strings[s->n_strings++]);
}

static int decode(gs_str bytes, struct seen *s, int64_t *ret_time, gs_error *err)
{
    gs_pprof_Profile p = {.sample = {{.decode = on_sample}, s}, .string_table = {{.decode = on_string}, s}};
    int rc = gs_pb_decode(bytes, gs_pprof_Profile_fields, &p, "profile", err);
    *ret_time = p.time_nanos;
    return rc;
}

/* string_table "", "goroutine"; a sample with packed ids 1, 300, a value 7 that is not packed, and a label
 * with str 1; an unknown field 99; time_nanos 5; string_table "x" */
static const char profile[] = "\x32\x00"
                              "\x32\x09goroutine"
                              "\x12\x0b\x0a\x03\x01\xac\x02\x10\x07\x1a\x02\x10\x01"
                              "\x9a\x06\x03"
                              "abc"
                              "\x48\x05"
                              "\x32\x01x";

static void test_views(void **state)
{
    (void)state;
    struct seen s = {0};
    int64_t time;
    gs_str bytes = {profile, sizeof profile - 1};
    assert_int_equal(decode(bytes, &s, &time, NULL), 0);
    assert_int_equal(time, 5);
    assert_int_equal(s.n_strings, 3);
    assert_true(gs_str_is(s.strings[0], "") && gs_str_is(s.strings[1], "goroutine") && gs_str_is(s.strings[2], "x"));
    assert_true(s.strings[1].p == profile + 4); /* no copy */
    assert_int_equal(s.n_numbers, 3);
    assert_true(s.numbers[0] == 1 && s.numbers[1] == 300 && s.numbers[2] == 7);
    assert_int_equal(s.label_str, 1);
}

static const struct {
    const char *name;
    gs_str bytes;
    uint64_t stop_at;
    const char *error;
} cases[] = {
    {"empty", {"", 0}, 0, NULL},
    {"string beyond the end",
     {"\x32\x09go", 4},
     0,
     "profile: malformed protobuf, 2 bytes before the end: parent stream too short"},
    {"too many strings",
     {"\x32\0\x32\0\x32\0\x32\0\x32\0", 10},
     0,
     "profile: malformed protobuf, 0 bytes before the end: too many strings"},
    /* nanopb shows such a number as a copy on its stack: no view may be kept of it */
    {"number for a string", {"\x30\x05", 2}, 0, "profile: malformed protobuf, 0 bytes before the end: (none)"},
    {"number that does not end",
     {"\x12\x03\x0a\x01\xff", 5},
     0,
     "profile: malformed protobuf, 0 bytes before the end: end-of-stream"},
    {"refused by the callback",
     {"\x12\x03\x0a\x01\x09", 5},
     9,
     "profile: malformed protobuf, 0 bytes before the end: refused"},
    {"text", {"<html>", 6}, 0, "profile: malformed protobuf, 5 bytes before the end: invalid wire_type"},
};

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        struct seen s = {.stop_at = cases[i].stop_at};
        int64_t time;
        gs_error err = {0};
        print_message("%s\n", cases[i].name);
        assert_int_equal(decode(cases[i].bytes, &s, &time, &err), cases[i].error ? -GS_TERMINAL : 0);
        assert_string_equal(err.msg, cases[i].error ? cases[i].error : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_views), cmocka_unit_test(test_malformed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
