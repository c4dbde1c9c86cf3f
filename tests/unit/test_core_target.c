#include "core/target.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* However many groups there are, no two of them are closer than half of their fair share, and no gap is over twice it. */
static void phases_are_even(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 200; n++) {
        int64_t at[200], interval = 64000;
        for (unsigned k = 0; k < n; k++) {
            at[k] = gs_group_phase_ms(k, interval);
            assert_in_range(at[k], 0, interval - 1);
        }
        qsort(at, n, sizeof at[0], ascending);
        for (unsigned k = 0; k < n; k++) {
            int64_t gap = k + 1 < n ? at[k + 1] - at[k] : at[0] + interval - at[k];
            assert_true(gap * n * 2 >= interval - 2 * (int64_t)n);
            assert_true(gap * n <= 2 * interval + 2 * (int64_t)n);
        }
    }
    assert_int_equal(gs_group_phase_ms(0, 5000), 0);
    assert_int_equal(gs_group_phase_ms(1, 5000), 2500);
    assert_int_equal(gs_group_phase_ms(6, 8000), 3000); /* 110 -> 0.011 */
}

static void next_keeps_its_phase(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t last, interval, now, expected;
    } cases[] = {
        {"on time", 1000, 5000, 1000, 6000},
        {"a little late", 1000, 5000, 1300, 6000},
        {"late by nearly an interval", 1000, 5000, 5999, 6000},
        {"late by an interval", 1000, 5000, 6000, 11000},
        {"late by many: skipped, not caught up", 1000, 5000, 123456, 126000},
        {"the first one is still to come", 1000, 5000, 0, 6000},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        int64_t next = gs_group_next_ms(cases[k].last, cases[k].interval, cases[k].now);
        if (next != cases[k].expected)
            fail_msg("%s: %ld, expected %ld", cases[k].name, (long)next, (long)cases[k].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(phases_are_even), cmocka_unit_test(next_keeps_its_phase)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
