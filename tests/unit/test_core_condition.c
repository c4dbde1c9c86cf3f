#include "core/condition.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_set(void **state)
{
    (void)state;
    static const struct {
        const char *name, *status, *reason, *message;
        int64_t generation, at;
        bool changed;
        int64_t transition;
    } steps[] = {
        {"first", "False", "Wait", "m", 1, 100, true, 100},
        {"the same", "False", "Wait", "m", 1, 200, false, 100},
        {"another message", "False", "Wait", "n", 1, 300, true, 100},
        {"another reason", "False", "Stop", "n", 1, 400, true, 100},
        {"another generation", "False", "Stop", "n", 2, 500, true, 100},
        {"another status", "True", "Stop", "n", 2, 600, true, 600},
        {"back", "False", "Stop", "n", 2, 700, true, 700},
    };
    gs_condition v[2] = {0};
    gs_condition *c = gs_condition_slot(v, 2, "Ready");
    for (size_t i = 0; i < GS_LEN(steps); i++) {
        bool changed =
            gs_condition_set(c, steps[i].status, steps[i].reason, steps[i].message, steps[i].generation, steps[i].at);
        if (changed != steps[i].changed || c->transition_ms != steps[i].transition)
            fail_msg("%s", steps[i].name);
        assert_string_equal(c->status, steps[i].status);
    }
}

static void test_long_message(void **state)
{
    (void)state;
    char text[1000];
    gs_condition c = {0};
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_true(gs_condition_set(&c, "True", "R", text, 1, 1));
    assert_int_equal(strlen(c.message), sizeof c.message - 1);
    assert_false(gs_condition_set(&c, "True", "R", text, 1, 2)); /* cut alike */
}

static void test_slots(void **state)
{
    (void)state;
    gs_condition v[2] = {0};
    gs_condition *a = gs_condition_slot(v, 2, "A"), *b = gs_condition_slot(v, 2, "B");
    assert_ptr_not_equal(a, b);
    assert_string_equal(b->type, "B");
    assert_ptr_equal(gs_condition_slot(v, 2, "A"), a);
    assert_null(gs_condition_slot(v, 2, "C"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_set), cmocka_unit_test(test_long_message),
                                       cmocka_unit_test(test_slots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
