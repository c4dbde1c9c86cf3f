#include "core/counts.h"

#include "core_profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MANY 100

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        site_spec sites[SPECS];
        const char *id;
        uint32_t count;
    } cases[] = {
        {"the only one", {{"pa", 5, 0, 0}}, "pa", 5},
        {"the larger of two", {{"pb", 7, 0, 0}, {"pa", 5, 0, 0}}, "pb", 7},
        {"the smaller of two", {{"pb", 7, 0, 0}, {"pa", 5, 0, 0}}, "pa", 5},
        {"one that was not there", {{"pb", 7, 0, 0}, {"pa", 5, 0, 0}}, "pc", 0},
        {"the begin of a known id", {{"pab", 7, 0, 0}}, "pa", 0},
        {"of no profile", {{NULL, 0, 0, 0}}, "pa", 0},
        {"too many to count", {{"pa", UINT64_MAX, 0, 0}}, "pa", UINT32_MAX},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_counts c = {0};
        counts_of(&c, cases[k].sites, 7);
        if (gs_counts_get(&c, cases[k].id) != cases[k].count)
            fail_msg("%s: %u", cases[k].name, gs_counts_get(&c, cases[k].id));
        assert_int_equal(c.at_ms, 7);
        gs_counts_done(&c);
        assert_int_equal(c.at_ms, 0);
        assert_int_equal(gs_counts_get(&c, cases[k].id), 0);
    }
}

/* A profile of so many sites, in no order of ids; its total has more than the sites show, as where some were cut. */
static void many(gs_profile *p, gs_site v[MANY], char names[MANY][GS_SITE_ID_LEN], size_t n)
{
    *p = (gs_profile){.sites = v, .n = n, .total = 123456};
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(names[i], GS_SITE_ID_LEN, "p%05zu", (i * 37) % MANY);
        v[i] = (gs_site){.count = 1000 - i, .leaf = names[i], .entry = names[i]};
        memcpy(v[i].id, names[i], sizeof v[i].id);
    }
}

static void test_many_sites(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, GS_COUNTS_MAX - 1, GS_COUNTS_MAX, GS_COUNTS_MAX + 1, MANY};
    for (size_t k = 0; k < GS_LEN(sizes); k++) {
        gs_site v[MANY];
        char names[MANY][GS_SITE_ID_LEN];
        gs_profile p;
        gs_counts c = {0};
        size_t n = sizes[k], kept = n < GS_COUNTS_MAX ? n : GS_COUNTS_MAX;
        many(&p, v, names, n);
        gs_counts_take(&c, &p, 77);
        assert_int_equal(c.n, kept);
        assert_int_equal(c.at_ms, 77);
        assert_int_equal(c.total, 123456);
        /* of those that are not kept it is known what they had at most */
        uint32_t most = n > GS_COUNTS_MAX ? 1000 - GS_COUNTS_MAX + 1 : 0;
        for (size_t i = 0; i < n; i++)
            assert_int_equal(gs_counts_get(&c, names[i]), i < kept ? 1000 - i : most);
        assert_int_equal(gs_counts_get(&c, "pnone"), most);
        gs_counts_done(&c);
    }
}

/* What was taken before is gone, its memory too. */
static void test_taken_again(void **state)
{
    (void)state;
    gs_counts c = {0};
    counts_of(&c, (site_spec[SPECS]){{"pa", 5, 0, 0}, {"pb", 4, 0, 0}}, 1);
    counts_of(&c, (site_spec[SPECS]){{"pb", 9, 0, 0}}, 2);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.at_ms, 2);
    assert_int_equal(c.total, 9);
    assert_int_equal(gs_counts_get(&c, "pa"), 0);
    assert_int_equal(gs_counts_get(&c, "pb"), 9);
    gs_counts_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_many_sites),
        cmocka_unit_test(test_taken_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
