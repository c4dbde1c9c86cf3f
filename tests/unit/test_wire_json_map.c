#include "wire/json_map.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the three above first */
#include <cmocka.h>

/* A struct with one of everything, in the shape of a policy. */
struct port {
    uint16_t unused;
    int32_t number;
    char name[16];
};
struct action {
    int type;
    int32_t step;
};
struct pair {
    char key[12], value[8];
};
struct spec {
    int mode;
    bool suspend, has_suspend;
    struct {
        int32_t interval;
        int64_t timeout;
        bool has_timeout;
    } sampling;
    struct port port;
    double ratio;
    char bucket[8];
    bool has_bucket;
    struct action actions[2];
    size_t n_actions;
    struct pair labels[2];
    size_t n_labels;
    int profiles[3];
    size_t n_profiles;
    char names[2][4];
    size_t n_names;
    gs_str raw;
    int8_t tiny;
};

static const char *const modes[] = {"Observe", "DryRun", "Enforce", NULL};
static const char *const types[] = {"ScaleOut", "Replace", NULL};
static const struct action new_action = {.step = 1};

static const gs_json_field sampling_table[] = {
    {GS_FIELD_INT(struct spec, "intervalSeconds", sampling.interval, 1, 300)},
    {GS_FIELD_INT(struct spec, "timeoutSeconds", sampling.timeout, 0, 0),
     .has = GS_AT(struct spec, sampling.has_timeout)},
    {0},
};
static const gs_json_field port_table[] = {
    {GS_FIELD_INT(struct port, "number", number, 1, 65535)},
    {GS_FIELD_STRING(struct port, "name", name), .min = 1},
    {0},
};
static const gs_json_field action_table[] = {
    {GS_FIELD_ENUM(struct action, "type", type, types), .required = true},
    {GS_FIELD_INT(struct action, "step", step, 1, 10)},
    {0},
};
static const gs_json_field pair_table[] = {
    {GS_FIELD_STRING(struct pair, "key", key), .min = 1, .max = 10},
    {GS_FIELD_STRING(struct pair, "value", value)},
    {0},
};
static const gs_json_field spec_table[] = {
    {GS_FIELD_ENUM(struct spec, "mode", mode, modes), .required = true},
    {GS_FIELD_BOOL(struct spec, "suspend", suspend), .has = GS_AT(struct spec, has_suspend)},
    {GS_FIELD_INLINE(struct spec, "sampling", sampling_table)},
    {GS_FIELD_INT_OR_STRING(struct spec, "port", port, port_table)},
    {GS_FIELD_DOUBLE(struct spec, "ratio", ratio, 0, 1)},
    {GS_FIELD_STRING(struct spec, "bucket", bucket), .min = 3, .has = GS_AT(struct spec, has_bucket)},
    {GS_FIELD_LIST(struct spec, "actions", actions, n_actions, GS_TYPE_OBJECT), .table = action_table, .min_items = 1,
     .item = &new_action},
    {GS_FIELD_PAIRS(struct spec, "matchLabels", labels, n_labels, pair_table), .min_items = 1},
    {GS_FIELD_LIST(struct spec, "profiles", profiles, n_profiles, GS_TYPE_ENUM), .names = modes},
    {GS_FIELD_LIST(struct spec, "names", names, n_names, GS_TYPE_STRING)},
    {GS_FIELD_RAW(struct spec, "raw", raw)},
    {GS_FIELD_INT(struct spec, "tiny", tiny, 0, 0)},
    {0},
};

#define M "\"mode\":\"Observe\""

static const struct {
    const char *name, *input, *error;
} cases[] = {
    {"least", "{" M "}", NULL},
    {"null is absent", "{" M ",\"sampling\":null,\"actions\":null}", NULL},
    {"required", "{}", "spec.mode: is required"},
    {"required is null", "{\"mode\":null}", "spec.mode: is required"},
    {"enum", "{\"mode\":\"observe\"}", "spec.mode: must be one of Observe, DryRun, Enforce; got \"observe\""},
    {"enum of a wrong type", "{\"mode\":1}", "spec.mode: expected a string (at byte 8)"},
    {"below", "{" M ",\"sampling\":{\"intervalSeconds\":0}}", "spec.sampling.intervalSeconds: must be 1..300, got 0"},
    {"above", "{" M ",\"sampling\":{\"intervalSeconds\":301}}",
     "spec.sampling.intervalSeconds: must be 1..300, got 301"},
    {"beyond the C type", "{" M ",\"tiny\":128}", "spec.tiny: 128 is out of range"},
    {"fraction", "{" M ",\"sampling\":{\"intervalSeconds\":0.5}}",
     "spec.sampling.intervalSeconds: expected a whole number of 64 bits (at byte 48)"},
    {"double below", "{" M ",\"ratio\":-0.5}", "spec.ratio: must be 0..1, got -0.5"},
    {"not an object", "{" M ",\"sampling\":[]}", "spec.sampling: expected an object (at byte 29)"},
    {"unknown", "{" M ",\"sampling\":{\"interval\":5}}",
     "spec.sampling.interval: no such field; known here: intervalSeconds, timeoutSeconds"},
    {"twice", "{" M "," M "}", "spec.mode: is given twice"},
    {"twice in other letters", "{" M ",\"m\\u006fde\":null}", "spec.mode: is given twice"},
    {"string too long", "{" M ",\"bucket\":\"12345678\"}", "spec.bucket: must have at most 7 bytes"},
    {"string too short", "{" M ",\"bucket\":\"12\"}", "spec.bucket: must have at least 3 bytes"},
    {"string empty", "{" M ",\"bucket\":\"\"}", "spec.bucket: must not be empty"},
    {"NUL", "{" M ",\"bucket\":\"abc\\u0000\"}", "spec.bucket: must not contain NUL"},
    {"item of a list", "{" M ",\"actions\":[{\"type\":\"Replace\"},{\"type\":\"Evict\"}]}",
     "spec.actions[1].type: must be one of ScaleOut, Replace; got \"Evict\""},
    {"too many items", "{" M ",\"actions\":[{\"type\":\"Replace\"},{\"type\":\"Replace\"},{}]}",
     "spec.actions: must have at most 2 items"},
    {"too few items", "{" M ",\"actions\":[]}", "spec.actions: must have at least 1 items, got 0"},
    {"required in an item", "{" M ",\"actions\":[{}]}", "spec.actions[0].type: is required"},
    {"null in a list", "{" M ",\"actions\":[null]}", "spec.actions[0]: expected an object (at byte 29)"},
    {"too many pairs", "{" M ",\"matchLabels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\"}}",
     "spec.matchLabels: must have at most 2 entries"},
    {"no pairs", "{" M ",\"matchLabels\":{}}", "spec.matchLabels: must have at least 1 entries, got 0"},
    {"pair twice", "{" M ",\"matchLabels\":{\"a\":\"\",\"a\":\"\"}}", "spec.matchLabels: has the key \"a\" twice"},
    {"pair's key", "{" M ",\"matchLabels\":{\"01234567890\":\"\"}}",
     "spec.matchLabels.(key): must have at most 10 bytes"},
    {"pair's value", "{" M ",\"matchLabels\":{\"app\":5}}", "spec.matchLabels.app: expected a string (at byte 39)"},
    {"port range", "{" M ",\"port\":0}", "spec.port: must be 1..65535, got 0"},
    {"port name empty", "{" M ",\"port\":\"\"}", "spec.port: must not be empty"},
    {"port type", "{" M ",\"port\":true}", "spec.port: must be a whole number or a string"},
    {"malformed", "{" M ",\"raw\":{\"a\" 1}}", "spec.raw: expected : behind a key (at byte 29)"},
    {"open", "{" M, "spec: the input ends inside an object (at byte 17)"},
    {"more behind", "{" M "}}", "at byte 18: more behind the JSON value"},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        struct spec s = {0};
        gs_error err = {0};
        print_message("%s\n", cases[i].name);
        int rc = gs_json_map_decode_str(gs_str_of(cases[i].input), spec_table, &s, GS_UNKNOWN_REFUSE, "spec", &err);
        assert_int_equal(rc, cases[i].error ? -GS_TERMINAL : 0);
        assert_string_equal(err.msg, cases[i].error ? cases[i].error : "");
    }
}

static void test_values(void **state)
{
    (void)state;
    struct spec s = {.port.number = 6060, .sampling.interval = 5, .ratio = 0.25};
    const char *text =
        "{\"mode\":\"Enf\\u006frce\",\"suspend\":false,\"sampling\":{\"timeoutSeconds\":-9000000000},"
        "\"port\":\"http\","
        "\"bucket\":\"gostat\",\"actions\":[{\"type\":\"Replace\"},{\"type\":\"ScaleOut\",\"step\":3}],"
        "\"matchLabels\":{\"app\":\"a\\tb\",\"tier\":\"x\"},\"profiles\":[\"DryRun\",\"Observe\"],\"names\":["
        "\"abc\"],"
        "\"raw\":{\"k\":[1]},\"tiny\":-128}";
    assert_int_equal(gs_json_map_decode_str(gs_str_of(text), spec_table, &s, GS_UNKNOWN_REFUSE, "", NULL), 0);
    assert_int_equal(s.mode, 2);
    assert_true(s.has_suspend && !s.suspend);
    assert_int_equal(s.sampling.interval, 5); /* the default stands */
    assert_true(s.sampling.timeout == -9000000000 && s.sampling.has_timeout);
    assert_int_equal(s.port.number, 0);
    assert_string_equal(s.port.name, "http");
    assert_true(s.ratio == 0.25);
    assert_string_equal(s.bucket, "gostat");
    assert_true(s.has_bucket);
    assert_int_equal(s.n_actions, 2);
    assert_true(s.actions[0].type == 1 && s.actions[0].step == 1 && s.actions[1].type == 0 && s.actions[1].step == 3);
    assert_int_equal(s.n_labels, 2);
    assert_string_equal(s.labels[0].value, "a\tb");
    assert_string_equal(s.labels[1].key, "tier");
    assert_true(s.n_profiles == 2 && s.profiles[0] == 1 && s.profiles[1] == 0);
    assert_int_equal(s.n_names, 1);
    assert_string_equal(s.names[0], "abc");
    assert_true(gs_str_is(s.raw, "{\"k\":[1]}"));
    assert_int_equal(s.tiny, -128);
}

static void test_presence_and_unknown(void **state)
{
    (void)state;
    struct spec s = {0};
    gs_error err = {0};
    gs_str text =
        GS_STR("{\"later\":[{}],\"mode\":\"Observe\",\"port\":8080,\"sampling\":{\"new\":1,\"timeoutSeconds\":0}}");
    assert_int_equal(gs_json_map_decode_str(text, spec_table, &s, GS_UNKNOWN_IGNORE, "spec", &err), 0);
    assert_true(s.sampling.has_timeout && !s.has_suspend && !s.has_bucket);
    assert_int_equal(s.port.number, 8080);
    assert_int_equal(gs_json_map_decode_str(text, spec_table, &s, GS_UNKNOWN_REFUSE, "", &err), -GS_TERMINAL);
    assert_int_equal(strncmp(err.msg, "later: no such field; known here: mode, suspend, ", 49), 0);
    assert_int_equal(gs_json_map_decode_str(GS_STR("[]"), spec_table, &s, GS_UNKNOWN_REFUSE, "", &err), -GS_TERMINAL);
    assert_string_equal(err.msg, "expected an object (at byte 0)");
}

static int add_step(void *ctx, void *item, gs_error *err)
{
    const struct action *a = item;
    int *sum = ctx;
    *sum = 10 * *sum + a->step;
    return a->step == 9 ? gs_error_set(err, GS_TERMINAL, "no 9") : 0;
}

static void test_each(void **state)
{
    (void)state;
    static const gs_json_field steps[] = {{GS_FIELD_INT(struct action, "step", step, 1, 10)}, {0}};
    static const struct {
        const char *text;
        int sum;
        const char *error; /* NULL: none */
    } lists[] = {
        {"", 0, NULL},
        {"null", 0, NULL},
        {"[]", 0, NULL},
        {"[{\"step\":2},{},{\"step\":3}]", 213, NULL}, /* a default is of one element, not of the one before */
        {"[{},{},{},{},{},{},{},{}]", 11111111, NULL},
        {"[{\"step\":2},{\"step\":\"x\"},{}]", 2, "spec.actions[1].step: "},
        {"[{\"step\":9},{}]", 9, "no 9"},
        {"[{},7]", 1, "spec.actions[1]: expected an object"},
        {"{}", 0, "spec.actions: at byte 0: expected an array"},
        {"[{}", 1, "spec.actions: "},
        {"[{}] x", 1, "spec.actions: "},
    };
    static const gs_json_list list = {
        .path = "spec.actions", .table = steps, .size = sizeof(struct action), .first = &new_action, .each = add_step};
    for (size_t i = 0; i < GS_LEN(lists); i++) {
        struct action item;
        int sum = 0;
        gs_error err = {0};
        int rc = gs_json_map_each(gs_str_of(lists[i].text), &list, GS_UNKNOWN_REFUSE, &item, &sum, &err);
        if (rc != (lists[i].error ? -GS_TERMINAL : 0) || sum != lists[i].sum ||
            (lists[i].error && strncmp(err.msg, lists[i].error, strlen(lists[i].error)) != 0))
            fail_msg("%s: %d, %d, \"%s\"", lists[i].text, rc, sum, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_presence_and_unknown),
        cmocka_unit_test(test_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
