#include "core/growth.h"

#include "core_profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Counts of one site: the base, the two earlier profiles (the newer first), and now. -1: no such profile. */
static const struct {
    const char *name;
    int base, earlier[2], now;
    double low[2];  /* the fewest goroutines of the process since; 0: not sampled */
    unsigned rises; /* 0: has not grown */
} cases[] = {
    {"first profile", -1, {-1, -1}, 50, {0, 0}, 0},
    {"base only", 5, {-1, -1}, 50, {0, 0}, 0},
    {"one rise", -1, {10, -1}, 20, {0, 0}, 1},
    {"one rise, with a base", 10, {10, -1}, 20, {0, 0}, 1},
    {"two rises", 5, {20, 10}, 30, {0, 0}, 2},
    {"new", 0, {0, 0}, 10, {0, 0}, 1},
    {"new, and rising", 0, {5, 0}, 10, {0, 0}, 2},
    {"a rise after a fall", 5, {10, 20}, 30, {0, 0}, 1},
    {"no change", 5, {20, 10}, 20, {0, 0}, 0},
    {"a fall", 5, {30, 10}, 20, {0, 0}, 0},
    {"as in the base", 30, {10, 5}, 30, {0, 0}, 0},
    {"below the base", 40, {10, 5}, 30, {0, 0}, 0},
    {"two more are noise", 5, {5, -1}, 7, {0, 0}, 0},
    {"three more", 5, {5, -1}, 8, {0, 0}, 1},
    {"one more each time, three in all", 5, {7, 6}, 8, {0, 0}, 2},
    {"one more each time, without a base", -1, {7, 6}, 8, {0, 0}, 0},
    {"one more each time, three in all, without a base", -1, {7, 5}, 8, {0, 0}, 2},
    {"the process had fewer meanwhile: others", 5, {100, -1}, 120, {50, 0}, 0},
    {"as many as could survive", 5, {100, -1}, 120, {90, 0}, 1},
    {"fewer before the last profile", 5, {100, 80}, 120, {100, 20}, 1},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_counts base = {0}, earlier[2] = {{0}, {0}};
        size_t n = 0;
        gs_profile p;
        gs_site v[SPECS];
        gs_growth g;
        if (cases[i].base >= 0)
            counts_of(&base, (site_spec[SPECS]){{"pother", 3, 0, 0}, {"pa", (uint64_t)cases[i].base, 0, 0}}, 1);
        for (; n < 2 && cases[i].earlier[n] >= 0; n++) {
            counts_of(&earlier[n], (site_spec[SPECS]){{"pother", 3, 0, 0}, {"pa", (uint64_t)cases[i].earlier[n], 0, 0}},
                      2);
            earlier[n].low = cases[i].low[n];
        }
        profile_of(&p, v, (site_spec[SPECS]){{"pa", (uint64_t)cases[i].now, 0, 0}, {"pother", 3, 0, 0}});
        gs_growth_find(&p, earlier, n, &base, &g);
        if (g.n != (cases[i].rises > 0) || (g.n && g.v[0].rises != cases[i].rises))
            fail_msg("%s: n %zu, rises %u", cases[i].name, g.n, g.n ? g.v[0].rises : 0);
        if (g.n) {
            assert_string_equal(g.v[0].site->id, "pa");
            assert_int_equal(g.v[0].base, cases[i].base > 0 ? cases[i].base : 0);
        }
        gs_counts_done(&base);
        gs_counts_done(&earlier[0]);
        gs_counts_done(&earlier[1]);
    }
}

static void test_many_sites(void **state)
{
    (void)state;
    static gs_site v[100];
    static char names[100][GS_SITE_ID_LEN];
    gs_profile p = {.sites = v, .n = 100};
    gs_counts c = {0}, none = {.at_ms = 0};
    gs_growth g;
    for (size_t i = 0; i < 100; i++) {
        (void)snprintf(names[i], sizeof names[i], "p%05zu", (i * 37) % 100); /* in no order of ids */
        v[i] = (gs_site){.count = 1000 - i, .leaf = names[i], .entry = names[i]};
        memcpy(v[i].id, names[i], sizeof v[i].id);
    }
    gs_counts_take(&c, &p, 77);
    assert_int_equal(c.n, GS_COUNTS_MAX);
    assert_int_equal(c.at_ms, 77);
    for (size_t i = 0; i < 100; i++) /* of those that are not kept it is known what they had at most */
        assert_int_equal(gs_counts_get(&c, names[i]), i < GS_COUNTS_MAX ? 1000 - i : 1000 - GS_COUNTS_MAX + 1);
    for (size_t i = 0; i < 100; i++)
        v[i].count += 10;
    gs_growth_find(&p, &c, 1, &none, &g);
    assert_int_equal(g.n, GS_MAX_INCIDENT_PATTERNS);
    for (size_t i = 0; i < g.n; i++)
        assert_ptr_equal(g.v[i].site, &v[i]); /* the largest first */
    p.n = 1;
    v[0].count = UINT64_MAX;
    gs_counts_take(&c, &p, 78);
    assert_int_equal(gs_counts_get(&c, names[0]), UINT32_MAX);
    assert_int_equal(gs_counts_get(&c, names[1]), 0); /* all sites are kept: it had none */
    gs_counts_done(&c);
    assert_int_equal(gs_counts_get(&c, names[0]), 0);
    p.n = 0;
    gs_counts_take(&c, &p, 79);
    assert_int_equal(c.n, 0);
    assert_int_equal(c.at_ms, 79);
    gs_counts_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_many_sites)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
