#include "core/selector.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define L(text)                                                                                                        \
    {                                                                                                                  \
        (text), sizeof(text)                                                                                           \
    }

static const struct {
    const char *name, *key;
    enum gs_selector_op op;
    const char *values[3];
    gs_labels labels;
    bool want;
} cases[] = {
    {"In, there", "app", GS_SEL_IN, {"a", "b"}, L("app\0b"), true},
    {"In, another value", "app", GS_SEL_IN, {"a", "b"}, L("app\0c"), false},
    {"In, part of a value", "app", GS_SEL_IN, {"ab"}, L("app\0a"), false},
    {"In, absent", "app", GS_SEL_IN, {"a"}, L("x\0a"), false},
    {"In, no labels", "app", GS_SEL_IN, {"a"}, {NULL, 0}, false},
    {"In, the empty value", "app", GS_SEL_IN, {""}, L("app\0"), true},
    {"NotIn, there", "app", GS_SEL_NOT_IN, {"a"}, L("app\0a"), false},
    {"NotIn, another value", "app", GS_SEL_NOT_IN, {"a"}, L("app\0b"), true},
    {"NotIn, absent", "app", GS_SEL_NOT_IN, {"a"}, L("x\0a"), true},
    {"Exists, there", "app", GS_SEL_EXISTS, {NULL}, L("x\0y\0app\0"), true},
    {"Exists, only as a value", "app", GS_SEL_EXISTS, {NULL}, L("x\0app"), false},
    {"Exists, absent", "app", GS_SEL_EXISTS, {NULL}, L("x\0y"), false},
    {"DoesNotExist, there", "app", GS_SEL_NOT_EXISTS, {NULL}, L("app\0y"), false},
    {"DoesNotExist, absent", "app", GS_SEL_NOT_EXISTS, {NULL}, L("x\0app"), true},
    {"DoesNotExist, no labels", "app", GS_SEL_NOT_EXISTS, {NULL}, {NULL, 0}, true},
};

static void test_requirements(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_selector s = {0};
        gs_requirement *r = gs_selector_add(&s, gs_str_of(cases[i].key), cases[i].op);
        for (size_t k = 0; k < GS_LEN(cases[i].values) && cases[i].values[k]; k++)
            gs_requirement_add(r, gs_str_of(cases[i].values[k]));
        if (gs_selector_matches(&s, cases[i].labels) != cases[i].want)
            fail_msg("%s", cases[i].name);
        gs_selector_done(&s);
    }
}

static void test_all_must_hold(void **state)
{
    (void)state;
    gs_selector s = {0};
    gs_labels both = L("a\0001\0b\0002"), one = L("a\0001");
    assert_false(gs_selector_matches(&s, both)); /* empty: nothing */
    gs_requirement_add(gs_selector_add(&s, GS_STR("a"), GS_SEL_IN), GS_STR("1"));
    assert_true(gs_selector_matches(&s, one));
    gs_requirement_add(gs_selector_add(&s, GS_STR("b"), GS_SEL_IN), GS_STR("2"));
    assert_true(gs_selector_matches(&s, both));
    assert_false(gs_selector_matches(&s, one));
    gs_selector_done(&s);
    assert_int_equal(s.n, 0);
    gs_selector_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requirements), cmocka_unit_test(test_all_must_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
