#include "core/incident.h"

#include "core_profile.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define T0 1767225600000

static const gs_workload_ref payments = {
    .api_version = "apps/v1", .kind = "Deployment", .ns = "shop", .name = "payments", .uid = "u"};

/* A profile of these sites, and of them the first n_grown as grown, so sure. */
typedef struct world {
    gs_profile p;
    gs_site sites[SPECS];
    gs_growth grown;
} world;

static void make(world *w, const site_spec *specs, size_t n_grown, enum gs_grade grade)
{
    memset(w, 0, sizeof *w);
    profile_of(&w->p, w->sites, specs);
    for (size_t i = 0; i < n_grown; i++)
        for (size_t k = 0; k < w->p.n; k++)
            if (gs_streq(w->sites[k].id, specs[i].id))
                w->grown.v[w->grown.n++] = (gs_grown){.site = &w->sites[k], .grade = grade, .reasons = GS_REASON_SITE};
}

static const gs_counts no_base = {0};

static bool observe(gs_incident *i, const char *pod, const world *w, const gs_counts *base, int64_t at)
{
    const gs_observed o = {.pod = pod, .revision = "", .profile = &w->p, .grown = &w->grown, .base = base};
    return gs_incident_observe(i, &o, at);
}

static bool observe_revision(gs_incident *i, const char *pod, const char *revision, const world *w, int64_t at)
{
    const gs_observed o = {.pod = pod, .revision = revision, .profile = &w->p, .grown = &w->grown, .base = &no_base};
    return gs_incident_observe(i, &o, at);
}

/* An incident of pa, seen on pod-1 with 100 goroutines. */
static gs_incident *opened(enum gs_grade grade, unsigned rules)
{
    world w;
    make(&w, (site_spec[SPECS]){{"pa", 100, GS_STATE_CHAN_SEND, 0}}, 1, grade);
    gs_incident *i = gs_incident_new(&payments, w.grown.v[0].site);
    i->start_ms = i->detection_ms = T0;
    const gs_observed o = {
        .pod = "pod-1", .revision = "", .profile = &w.p, .grown = &w.grown, .base = &no_base, .rules = rules};
    assert_true(gs_incident_observe(i, &o, T0));
    return i;
}

static void test_primary(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        site_spec sites[4];
        const char *primary;
    } cases[] = {
        {"alone", {{"pa", 5, 0, 0}}, "pa"},
        {"the most goroutines", {{"pa", 5, 0, 0}, {"pb", 6, 0, 0}}, "pb"},
        {"the smaller id of equals", {{"pb", 5, 0, 0}, {"pa", 5, 0, 0}}, "pa"},
        {"user code before libraries", {{"pa", 50, 0, 0}, {"pb", 100, 0, true}}, "pa"},
        {"but with half as many at least", {{"pa", 49, 0, 0}, {"pb", 100, 0, true}}, "pb"},
        {"the most of user code", {{"pa", 60, 0, 0}, {"pb", 70, 0, 0}, {"pc", 100, 0, true}}, "pb"},
        {"libraries only", {{"pa", 60, 0, true}, {"pb", 100, 0, true}}, "pb"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        world w;
        size_t n = 0;
        while (n < 4 && cases[i].sites[n].count)
            n++;
        site_spec specs[SPECS] = {0};
        memcpy(specs, cases[i].sites, n * sizeof *specs);
        make(&w, specs, n, GS_GRADE_SUSPECTED);
        if (!gs_streq(gs_incident_primary(&w.grown)->site->id, cases[i].primary))
            fail_msg("%s: %s", cases[i].name, gs_incident_primary(&w.grown)->site->id);
    }
}

static void test_assign(void **state)
{
    (void)state;
    gs_incident *a = opened(GS_GRADE_SUSPECTED, 0), *done = opened(GS_GRADE_SUSPECTED, 0);
    (void)gs_str_copy(done->pattern_id, sizeof done->pattern_id, GS_STR("pz"));
    (void)gs_str_copy(done->patterns[0].id, sizeof done->patterns[0].id, GS_STR("pz"));
    done->resolved = true;
    gs_incident *const list[] = {done, a};
    const struct {
        const char *name;
        site_spec grown[2];
        const char *pod;
        int64_t at;
        gs_incident *want;
    } cases[] = {
        {"its site", {{"pa", 9, 0, 0}}, "pod-9", T0 + 999999, a},
        {"its site among others", {{"pa", 9, 0, 0}, {"pb", 90, 0, 0}}, "pod-9", T0 + 999999, a},
        {"another site, same pod, soon", {{"pb", 9, 0, 0}}, "pod-1", T0 + GS_ATTACH_MS - 1, a},
        {"another site, same pod, later", {{"pb", 9, 0, 0}}, "pod-1", T0 + GS_ATTACH_MS, NULL},
        {"another site, another pod", {{"pb", 9, 0, 0}}, "pod-2", T0, NULL},
        {"a resolved one comes back", {{"pz", 9, 0, 0}}, "pod-2", T0, done},
        {"resolved, but the primary is another", {{"pz", 9, 0, 0}, {"pb", 90, 0, 0}}, "pod-2", T0, NULL},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        world w;
        make(&w, (site_spec[SPECS]){cases[i].grown[0], cases[i].grown[1]}, cases[i].grown[1].count ? 2 : 1,
             GS_GRADE_SUSPECTED);
        if (gs_incident_assign(list, 2, &w.grown, cases[i].pod, cases[i].at) != cases[i].want)
            fail_msg("%s", cases[i].name);
    }
    gs_incident_free(a);
    gs_incident_free(done);
}

/* The highest grade decides before user code and counts do. */
/* A Resource incident is no home of a leak, whatever it is called and whichever pods it lists. */
static void test_resource_is_apart(void **state)
{
    (void)state;
    world w;
    make(&w, (site_spec[SPECS]){{"pa", 100, GS_STATE_CHAN_SEND, 0}}, 1, GS_GRADE_SUSPECTED);
    gs_cleanup(gs_incident_free) gs_incident *i = gs_incident_new(&payments, &w.sites[0]);
    i->detection_ms = T0;
    assert_true(gs_incident_show(i, "a", "r1", 7000, T0));
    assert_false(gs_incident_show(i, "a", "r1", 8000, T0 + 1));
    assert_int_equal(i->n_pods, 1);
    assert_int_equal(i->pods[0].goroutines, 8000);
    assert_int_equal(i->last_shown_ms, T0 + 1);
    assert_string_equal(i->revision, "r1");
    assert_ptr_equal(gs_incident_assign(&i, 1, &w.grown, "a", T0 + 2), i);
    i->type = GS_INCIDENT_RESOURCE;
    assert_null(gs_incident_assign(&i, 1, &w.grown, "a", T0 + 2));
    assert_true(gs_incident_show(i, "b", "r2", 1, T0));
    assert_string_equal(i->revision, "");
    assert_string_equal(gs_incident_type_name(i->type), "Resource");
    assert_string_equal(gs_incident_type_name(GS_INCIDENT_LEAK), "GoroutineLeak");
}

static void test_primary_is_the_surest(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum gs_grade a, b, c; /* of pa: user code, 100; of pb: a library's, 60; of pc: user code, 10 */
        const char *primary;
    } cases[] = {
        {"all the same", GS_GRADE_PROBABLE, GS_GRADE_PROBABLE, GS_GRADE_PROBABLE, "pa"},
        {"a library's is surer", GS_GRADE_SUSPECTED, GS_GRADE_PROBABLE, GS_GRADE_SUSPECTED, "pb"},
        {"the smallest is the surest", GS_GRADE_SUSPECTED, GS_GRADE_PROBABLE, GS_GRADE_PROVEN, "pc"},
        {"user code of those that are sure, but far fewer", GS_GRADE_NONE, GS_GRADE_PROVEN, GS_GRADE_PROVEN, "pb"},
        {"they rise, no more", GS_GRADE_NONE, GS_GRADE_NONE, GS_GRADE_NONE, "pa"},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        make(&w, (site_spec[SPECS]){{"pa", 100, 0, 0}, {"pb", 60, 0, true}, {"pc", 10, 0, 0}}, 3, GS_GRADE_NONE);
        w.grown.v[0].grade = cases[k].a;
        w.grown.v[1].grade = cases[k].b;
        w.grown.v[2].grade = cases[k].c;
        if (!gs_streq(gs_incident_primary(&w.grown)->site->id, cases[k].primary))
            fail_msg("%s: %s", cases[k].name, gs_incident_primary(&w.grown)->site->id);
    }
}

/* What one profile of one pod says of pa, and what the incident is from then on: grade and severity never go back. */
static void test_grade_and_severity(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum gs_grade site;
        enum gs_state wait;
        double depth, survived_ms;
        unsigned rules;
        enum gs_grade grade;
        enum gs_severity severity;
    } cases[] = {
        {"a new suspicion", GS_GRADE_SUSPECTED, GS_STATE_SLEEP, 0, 0, GS_RULE_GROWTH, GS_GRADE_SUSPECTED,
         GS_SEVERITY_LOW},
        {"blocked since just now", GS_GRADE_SUSPECTED, GS_STATE_CHAN_SEND, 0, 0, GS_RULE_GROWTH, GS_GRADE_SUSPECTED,
         GS_SEVERITY_MEDIUM},
        {"not blocked, for long", GS_GRADE_PROBABLE, GS_STATE_IO_WAIT, 0.1, 900000, GS_RULE_FLOOR, GS_GRADE_PROBABLE,
         GS_SEVERITY_MEDIUM},
        {"blocked for long, deep in the code", GS_GRADE_PROBABLE, GS_STATE_CHAN_SEND, 0.3, 900000, GS_RULE_FLOOR,
         GS_GRADE_PROBABLE, GS_SEVERITY_HIGH},
        {"blocked for long, at the surface", GS_GRADE_PROVEN, GS_STATE_CHAN_SEND, 0.1, 900000, GS_RULE_SITE,
         GS_GRADE_PROVEN, GS_SEVERITY_MEDIUM},
        {"surge", GS_GRADE_SUSPECTED, GS_STATE_SLEEP, 0, 0, GS_RULE_SURGE, GS_GRADE_SUSPECTED, GS_SEVERITY_MEDIUM},
        {"the blocked rule", GS_GRADE_SUSPECTED, GS_STATE_CHAN_SEND, 0, 0, GS_RULE_BLOCKED | GS_RULE_SURGE,
         GS_GRADE_SUSPECTED, GS_SEVERITY_P0},
        {"it rises, no more", GS_GRADE_NONE, GS_STATE_SLEEP, 0, 0, GS_RULE_GROWTH, GS_GRADE_NONE, GS_SEVERITY_LOW},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        make(&w, (site_spec[SPECS]){{"pa", 100, cases[k].wait, 0}}, 1, cases[k].site);
        w.sites[0].depth = cases[k].depth;
        w.grown.v[0].survived_ms = cases[k].survived_ms;
        gs_incident *i = gs_incident_new(&payments, &w.sites[0]);
        i->start_ms = i->detection_ms = T0;
        const gs_observed o = {.pod = "pod-1",
                               .revision = "",
                               .profile = &w.p,
                               .grown = &w.grown,
                               .base = &no_base,
                               .rules = cases[k].rules};
        assert_true(gs_incident_observe(i, &o, T0));
        if (i->grade != cases[k].grade || i->severity != cases[k].severity)
            fail_msg("%s: %s %s, score %.3f", cases[k].name, gs_grade_name(i->grade), gs_severity_name(i->severity),
                     i->score);
        assert_int_equal(i->localization_ms, i->grade >= GS_GRADE_PROBABLE ? T0 : 0);
        assert_int_equal(i->reasons, GS_REASON_SITE);
        make(&w, (site_spec[SPECS]){{"pa", 100, cases[k].wait, 0}}, 0, GS_GRADE_NONE); /* nothing grows any more */
        assert_false(observe(i, "pod-1", &w, &no_base, T0 + 1000));
        assert_int_equal(i->grade, cases[k].grade);
        assert_int_equal(i->severity, cases[k].severity);
        gs_incident_free(i);
    }
}

/* Each step up is a change that a reader is told of; reasons gather; the time of localization is that of Probable. */
static void test_grade_rises(void **state)
{
    (void)state;
    static const struct {
        enum gs_grade site;
        unsigned reasons;
        enum gs_grade grade;
        unsigned all;
        bool changed;
    } steps[] = {
        {GS_GRADE_SUSPECTED, GS_REASON_SITE, GS_GRADE_SUSPECTED, GS_REASON_SITE, false},
        {GS_GRADE_PROBABLE, GS_REASON_SITE | GS_REASON_FLOOR | GS_REASON_IDS, GS_GRADE_PROBABLE,
         GS_REASON_SITE | GS_REASON_FLOOR | GS_REASON_IDS, true},
        {GS_GRADE_NONE, 0, GS_GRADE_PROBABLE, GS_REASON_SITE | GS_REASON_FLOOR | GS_REASON_IDS, false},
        {GS_GRADE_PROVEN, GS_REASON_SITE | GS_REASON_LEAK | GS_REASON_LEAK_AGAIN, GS_GRADE_PROVEN,
         GS_REASON_SITE | GS_REASON_FLOOR | GS_REASON_IDS | GS_REASON_LEAK | GS_REASON_LEAK_AGAIN, true},
        {GS_GRADE_SUSPECTED, GS_REASON_SITE, GS_GRADE_PROVEN,
         GS_REASON_SITE | GS_REASON_FLOOR | GS_REASON_IDS | GS_REASON_LEAK | GS_REASON_LEAK_AGAIN, false},
    };
    gs_incident *i = opened(GS_GRADE_SUSPECTED, 0);
    for (size_t k = 0; k < GS_LEN(steps); k++) {
        world w;
        make(&w, (site_spec[SPECS]){{"pa", 100 + k, GS_STATE_CHAN_SEND, 0}}, 1, steps[k].site);
        w.grown.v[0].reasons = steps[k].reasons;
        if (observe(i, "pod-1", &w, &no_base, T0 + (int64_t)k * 1000) != steps[k].changed)
            fail_msg("step %zu: changed %d", k, !steps[k].changed);
        assert_int_equal(i->grade, steps[k].grade);
        assert_int_equal(i->reasons, steps[k].all);
        assert_int_equal(i->localization_ms, k ? T0 + 1000 : 0);
    }
    gs_incident_free(i);
}

static void test_reason_names(void **state)
{
    (void)state;
    static const struct {
        unsigned reason;
        const char *name;
    } cases[] = {{GS_REASON_FLOOR, "FloorRises"},
                 {GS_REASON_SITE, "SiteGrows"},
                 {GS_REASON_COUNTS, "CountsSurvive"},
                 {GS_REASON_IDS, "IdsSurvive"},
                 {GS_REASON_LEAK, "LeakProfile"},
                 {GS_REASON_LEAK_AGAIN, "LeakProfileGrows"},
                 {GS_REASON_CPU, "CpuHigh"},
                 {GS_REASON_GOROUTINES, "GoroutinesHigh"},
                 {GS_REASON_HEAP, "HeapHigh"},
                 {0, ""},
                 {1U << GS_REASONS, ""}};
    for (size_t k = 0; k < GS_LEN(cases); k++)
        assert_string_equal(gs_reason_name(cases[k].reason), cases[k].name);
}

/* The revision that leaks is named as long as only one does. */
static void test_revision(void **state)
{
    (void)state;
    world w;
    make(&w, (site_spec[SPECS]){{"pa", 100, GS_STATE_CHAN_SEND, 0}}, 1, GS_GRADE_PROBABLE);
    gs_incident *i = gs_incident_new(&payments, &w.sites[0]);
    static const struct {
        const char *pod, *revision, *named;
    } steps[] = {
        {"pod-1", "bbb", "bbb"}, {"pod-2", "bbb", "bbb"}, {"pod-3", "aaa", ""}, {"pod-1", "bbb", ""}, {"pod-4", "", ""},
    };
    for (size_t k = 0; k < GS_LEN(steps); k++) {
        (void)observe_revision(i, steps[k].pod, steps[k].revision, &w, T0);
        assert_string_equal(i->revision, steps[k].named);
    }
    gs_incident_drop_pod(i, "pod-3");
    assert_string_equal(i->revision, ""); /* of pod-4 none is known */
    gs_incident_drop_pod(i, "pod-4");
    assert_string_equal(i->revision, "bbb");
    gs_incident_drop_pod(i, "pod-2");
    gs_incident_drop_pod(i, "pod-1");
    assert_string_equal(i->revision, "bbb"); /* what leaked is still known once it is over */
    gs_incident_free(i);

    /* After a restart no pod's revision is known where two leaked. */
    i = opened(GS_GRADE_PROBABLE, 0);
    assert_string_equal(i->revision, "");
    (void)observe_revision(i, "pod-1", "aaa", &w, T0);
    assert_string_equal(i->revision, "aaa");
    gs_incident_free(i);
}

/* What a dump tells stays, though later profiles do not know it. */
static void test_describe(void **state)
{
    (void)state;
    world w;
    gs_incident *i = opened(GS_GRADE_PROBABLE, 0);
    assert_string_equal(i->patterns[0].created_by, "");
    make(&w, (site_spec[SPECS]){{"pa", 100, GS_STATE_CHAN_SEND_NIL, 0}, {"pb", 9, 0, 0}}, 0, GS_GRADE_NONE);
    gs_site *dumped = w.sites;
    dumped->created_by = "shop.New in goroutine 1";
    dumped->depth = 1;
    dumped->has_wait = true;
    dumped->waited = 1;
    double before = i->score;
    gs_incident_describe(i, &w.p);
    assert_int_equal(i->n_patterns, 1);
    assert_true(i->score > before && i->score > 0.9);
    assert_int_equal(i->severity, GS_SEVERITY_HIGH);
    for (uint64_t n = 110; n < 130; n += 10) {
        assert_string_equal(i->patterns[0].created_by, "shop.New in goroutine 1");
        assert_int_equal(i->patterns[0].state, GS_STATE_CHAN_SEND_NIL);
        make(&w, (site_spec[SPECS]){{"pa", n, GS_STATE_CHAN_SEND, 0}}, 1, GS_GRADE_PROBABLE);
        (void)observe(i, "pod-1", &w, &no_base, T0 + (int64_t)n);
    }
    make(&w, (site_spec[SPECS]){{"pb", 9, 0, 0}}, 0, GS_GRADE_NONE); /* a dump that does not have it */
    gs_incident_describe(i, &w.p);
    assert_string_equal(i->patterns[0].created_by, "shop.New in goroutine 1");
    gs_incident_free(i);
}

/* Frames and labels are those of the pod that shows most of it. */
static void test_the_worst_pod_is_shown(void **state)
{
    (void)state;
    gs_incident *i = opened(GS_GRADE_PROBABLE, 0);
    static const struct {
        const char *pod, *route;
        uint64_t count;
        const char *shown;
    } steps[] = {
        {"pod-1", "/a", 100, "/a"}, {"pod-2", "/b", 50, "/a"},  {"pod-1", "/c", 120, "/c"},
        {"pod-2", "/d", 130, "/d"}, {"pod-1", "/e", 125, "/d"}, {"pod-2", "/f", 140, "/f"},
    };
    for (size_t k = 0; k < GS_LEN(steps); k++) {
        world w;
        make(&w, (site_spec[SPECS]){{"pa", steps[k].count, GS_STATE_CHAN_SEND, 0}}, 1, GS_GRADE_PROBABLE);
        const gs_label route = {"route", steps[k].route};
        const gs_label_set set = {.v = &route, .n = 1, .count = steps[k].count};
        w.sites[0].labels = &set;
        w.sites[0].n_labels = 1;
        (void)observe(i, steps[k].pod, &w, &no_base, T0 + (int64_t)k);
        assert_int_equal(i->patterns[0].n_labels, 1);
        if (!gs_streq(i->patterns[0].labels[0].v[0].value, steps[k].shown))
            fail_msg("step %zu: %s", k, i->patterns[0].labels[0].v[0].value);
    }
    gs_incident_free(i);
}

/* Counts are beyond each pod's base; patterns sum over pods; the worst pod comes first. */
static void test_counts(void **state)
{
    (void)state;
    gs_incident *i = opened(GS_GRADE_SUSPECTED, 0);
    gs_counts base = {0};
    world w;
    counts_of(&base, (site_spec[SPECS]){{"pa", 30, 0, 0}}, 1);
    make(&w, (site_spec[SPECS]){{"pa", 530, GS_STATE_CHAN_SEND, 0}, {"px", 7, 0, 0}}, 1, GS_GRADE_SUSPECTED);
    assert_true(observe(i, "pod-2", &w, &base, T0 + 1000));
    assert_int_equal(i->n_pods, 2);
    assert_string_equal(i->pods[0].name, "pod-2");
    assert_int_equal(i->pods[0].goroutines, 537);
    assert_int_equal(i->pods[0].leaking, 500);
    assert_int_equal(i->patterns[0].count, 600);
    assert_int_equal(gs_incident_leaking(i), 600);
    assert_int_equal(i->n_patterns, 1);

    /* A second site grows along on pod-1; pod-2 is looked at with its own next profile and its own base. */
    gs_counts_done(&base);
    counts_of(&base, (site_spec[SPECS]){{"pa", 30, 0, 0}, {"px", 7, 0, 0}}, 1);
    make(&w, (site_spec[SPECS]){{"pa", 100, 0, 0}, {"px", 20, 0, 0}}, 2, GS_GRADE_SUSPECTED);
    assert_true(observe(i, "pod-1", &w, &no_base, T0 + 2000));
    assert_int_equal(i->n_patterns, 2);
    assert_int_equal(i->patterns[1].count, 20);
    make(&w, (site_spec[SPECS]){{"pa", 530, 0, 0}, {"px", 8, 0, 0}}, 0, GS_GRADE_NONE);
    (void)observe(i, "pod-2", &w, &base, T0 + 3000);
    assert_int_equal(i->patterns[1].count, 21);
    assert_int_equal(gs_incident_pattern(i, "px"), 1);
    assert_int_equal(gs_incident_pattern(i, "none"), -1);

    gs_incident_drop_pod(i, "pod-2");
    gs_incident_drop_pod(i, "pod-9");
    assert_int_equal(i->n_pods, 1);
    assert_int_equal(i->patterns[0].count, 100);
    gs_counts_done(&base);
    gs_incident_free(i);
}

/* A pod that does not show the leak's growth is not listed; sites that the caller gives to the incident attach, if they
 * have a grade. */
static void test_not_ours(void **state)
{
    (void)state;
    gs_incident *i = opened(GS_GRADE_SUSPECTED, 0);
    world w;
    make(&w, (site_spec[SPECS]){{"pa", 500, 0, 0}}, 0, GS_GRADE_NONE);
    assert_false(observe(i, "pod-2", &w, &no_base, T0 + 1000));
    assert_int_equal(i->n_pods, 1);
    make(&w, (site_spec[SPECS]){{"pb", 500, 0, 0}, {"pa", 100, 0, 0}}, 1, GS_GRADE_NONE);
    (void)observe(i, "pod-1", &w, &no_base, T0 + 1000);
    assert_int_equal(i->n_patterns, 1);
    make(&w, (site_spec[SPECS]){{"pb", 500, 0, 0}, {"pa", 100, 0, 0}}, 1, GS_GRADE_SUSPECTED);
    (void)observe(i, "pod-1", &w, &no_base, T0 + 2000);
    assert_int_equal(i->n_patterns, 2);
    gs_incident_free(i);
}

static void test_many_patterns(void **state)
{
    (void)state;
    gs_incident *i = opened(GS_GRADE_SUSPECTED, 0);
    for (int round = 0; round < 3; round++) {
        site_spec specs[SPECS] = {0};
        char ids[SPECS][GS_SITE_ID_LEN];
        world w;
        for (int k = 0; k < SPECS; k++) {
            (void)snprintf(ids[k], sizeof ids[k], "p%d%d", round, k);
            specs[k] = (site_spec){ids[k], 50, 0, 0};
        }
        make(&w, specs, SPECS, GS_GRADE_SUSPECTED);
        (void)observe(i, "pod-1", &w, &no_base, T0 + round);
    }
    assert_int_equal(i->n_patterns, GS_MAX_INCIDENT_PATTERNS);
    assert_string_equal(i->patterns[0].id, "pa"); /* the primary stays */
    gs_incident_free(i);
}

/* Leaking counts of one pod, profile by profile; when it leaves the list. */
static void test_shrink(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t counts[6];
        size_t leaves; /* after this many, 0: never */
    } cases[] = {
        {"under half twice", {40, 40}, 2},
        {"exactly half", {50, 50, 50, 50}, 0},
        {"under half once", {40, 60, 40, 60}, 0},
        {"a higher peak", {300, 140, 140}, 3},
        {"gone", {0, 0}, 2},
        {"stays", {100, 100, 100}, 0},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_incident *i = opened(GS_GRADE_SUSPECTED, 0);
        size_t left = 0;
        for (size_t n = 0; n < 6 && (cases[k].counts[n] || n < cases[k].leaves); n++) {
            world w;
            make(&w, (site_spec[SPECS]){{"pother", 1, 0, 0}}, 0, GS_GRADE_NONE);
            if (cases[k].counts[n])
                make(&w, (site_spec[SPECS]){{"pa", cases[k].counts[n], 0, 0}}, 0, GS_GRADE_NONE);
            bool changed = observe(i, "pod-1", &w, &no_base, T0 + (int64_t)n);
            if (!i->n_pods && !left) {
                left = n + 1;
                assert_true(changed);
            }
        }
        if (left != cases[k].leaves)
            fail_msg("%s: left after %zu", cases[k].name, left);
        gs_incident_free(i);
    }
}

/* A controller that restarted knows neither peak nor base: a pod that does not leak any more must not stay for ever. */
static void test_shrink_after_restart(void **state)
{
    (void)state;
    gs_incident *i = opened(GS_GRADE_SUSPECTED, 0);
    world w;
    i->pods[0].leaking = i->pods[0].peak = 0;
    i->pods[0].below = 0;
    make(&w, (site_spec[SPECS]){{"pother", 1, 0, 0}}, 0, GS_GRADE_NONE);
    (void)observe(i, "pod-1", &w, &no_base, T0);
    (void)observe(i, "pod-1", &w, &no_base, T0 + 1);
    assert_int_equal(i->n_pods, 0);
    gs_incident_free(i);
}

static void test_life(void **state)
{
    (void)state;
    gs_incident *i = opened(GS_GRADE_PROBABLE, GS_RULE_BLOCKED);
    assert_false(gs_incident_settle(i, T0 + 99 * GS_RESOLVE_MS)); /* a pod shows it */
    gs_incident_drop_pod(i, "pod-1");
    assert_false(gs_incident_settle(i, T0 + GS_RESOLVE_MS - 1));
    assert_int_equal(gs_incident_phase(i), GS_PHASE_OPEN);
    assert_true(gs_incident_settle(i, T0 + GS_RESOLVE_MS));
    assert_false(gs_incident_settle(i, T0 + 2 * GS_RESOLVE_MS)); /* only once */
    assert_int_equal(gs_incident_phase(i), GS_PHASE_RESOLVED);
    assert_int_equal(i->resolution_ms, T0 + GS_RESOLVE_MS);

    gs_incident_reopen(i, T0 + 900000);
    assert_int_equal(gs_incident_phase(i), GS_PHASE_OPEN);
    assert_int_equal(i->occurrences, 2);
    assert_int_equal(i->grade, GS_GRADE_NONE);
    assert_int_equal(i->severity, GS_SEVERITY_LOW);
    assert_int_equal(i->reasons, 0);
    assert_true(i->score <= 0);
    assert_int_equal(i->rules, 0);
    assert_int_equal(i->resolution_ms, 0);
    assert_int_equal(i->localization_ms, 0);
    assert_int_equal(i->detection_ms, T0 + 900000);
    assert_false(gs_incident_settle(i, T0 + 900001)); /* not before anybody has looked */
    gs_incident_free(i);
}

static void test_phase(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum gs_outcome outcome;
        bool dry_run;
        int64_t at;
        enum gs_phase phase;
    } cases[] = {
        {"done", GS_OUTCOME_SUCCEEDED, false, T0, GS_PHASE_MITIGATING},
        {"dry run", GS_OUTCOME_SUCCEEDED, true, T0, GS_PHASE_OPEN},
        {"of an earlier occurrence", GS_OUTCOME_SUCCEEDED, false, T0 - 1, GS_PHASE_OPEN},
        {"pending", GS_OUTCOME_PENDING, false, T0, GS_PHASE_OPEN},
        {"refused", GS_OUTCOME_REFUSED, false, T0, GS_PHASE_OPEN},
        {"failed", GS_OUTCOME_FAILED, false, T0, GS_PHASE_OPEN},
        {"taken back", GS_OUTCOME_UNDONE, false, T0, GS_PHASE_OPEN},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_incident *i = opened(GS_GRADE_SUSPECTED, 0);
        gs_action *a = gs_incident_add_action(i, GS_ACTION_SCALE_OUT, cases[k].at);
        a->outcome = cases[k].outcome;
        a->dry_run = cases[k].dry_run;
        if (gs_incident_phase(i) != cases[k].phase)
            fail_msg("%s: %s", cases[k].name, gs_phase_name(gs_incident_phase(i)));
        gs_incident_free(i);
    }
}

/* The pods of an action: as many as there is place for, whole names only. */
static void test_action_pods(void **state)
{
    (void)state;
    gs_action a = {.pods = ""};
    gs_str name = {"payments-6c7d9dc87b-kxqh2-0123456789-0123456789-0123456789-0123", 62};
    gs_action_add_pod(&a, GS_STR(""));
    gs_action_add_pod(&a, GS_STR("no name"));
    assert_string_equal(a.pods, "");
    gs_action_add_pod(&a, GS_STR("b"));
    gs_action_add_pod(&a, GS_STR("a"));
    assert_string_equal(a.pods, "b a");
    for (int k = 0; k < 20; k++)
        gs_action_add_pod(&a, name);
    assert_int_equal(strlen(a.pods), 3 + 8 * 63);
    gs_action_add_pod(&a, GS_STR("abcd")); /* one byte too many */
    assert_int_equal(strlen(a.pods), 3 + 8 * 63);
    gs_action_add_pod(&a, GS_STR("abc"));
    assert_int_equal(strlen(a.pods), sizeof a.pods - 1);
}

static void test_full_lists(void **state)
{
    (void)state;
    gs_incident *i = opened(GS_GRADE_SUSPECTED, 0);
    for (int k = 1; k <= GS_MAX_INCIDENT_ACTIONS + 5; k++) {
        gs_action *a = gs_incident_add_action(i, GS_ACTION_SCALE_OUT, T0 + k);
        a->outcome = k == 7 || k == 9 ? GS_OUTCOME_REFUSED : GS_OUTCOME_SUCCEEDED;
    }
    assert_int_equal(i->n_actions, GS_MAX_INCIDENT_ACTIONS);
    assert_string_equal(i->actions[0].id, "a4"); /* the refusals 7 and 9 went first, then 1, 2 and 3 */
    for (size_t k = 1; k < i->n_actions; k++) {
        assert_true(i->actions[k].time_ms > i->actions[k - 1].time_ms);
        assert_int_equal(i->actions[k].outcome, GS_OUTCOME_SUCCEEDED);
    }
    assert_string_equal(i->actions[i->n_actions - 1].id, "a25");
    for (int k = 0; k < GS_MAX_INCIDENT_EVIDENCE + 2; k++) {
        gs_evidence e = {.time_ms = k};
        gs_incident_add_evidence(i, &e);
    }
    assert_int_equal(i->n_evidence, GS_MAX_INCIDENT_EVIDENCE);
    assert_int_equal(i->evidence[0].time_ms, 2);
    gs_incident_free(i);
}

/* What goes where the list is full: of an earlier occurrence first, the only one of its kind last. */
static void test_evidence_makes_room(void **state)
{
    (void)state;
    static const struct {
        const char *kinds; /* a letter for each piece; of an earlier occurrence: upper case */
        const char *left;
    } cases[] = {
        {"aaaaaaaaaa", "aaaaaaaaaz"}, {"haaaaaaaaa", "haaaaaaaaz"}, {"hhHaaaaaaa", "hhaaaaaaaz"},
        {"abcdefghij", "bcdefghijz"}, {"abcdefghia", "bcdefghiaz"}, {"abcdefghIJ", "abcdefghjz"},
        {"CAAaaaaaaa", "caaaaaaaaz"}, {"aaaaaaaaCD", "aaaaaaaadz"},
    };
    for (size_t c = 0; c < GS_LEN(cases); c++) {
        gs_incident *i = opened(GS_GRADE_SUSPECTED, 0);
        char left[GS_MAX_INCIDENT_EVIDENCE + 1] = "";
        for (int k = 0; k <= GS_MAX_INCIDENT_EVIDENCE; k++) {
            char letter = k < GS_MAX_INCIDENT_EVIDENCE ? cases[c].kinds[k] : 'z';
            bool earlier = letter >= 'A' && letter <= 'Z';
            gs_evidence e = {.kind = {(char)tolower(letter)}, .time_ms = i->detection_ms + (earlier ? -1 : k)};
            gs_incident_add_evidence(i, &e);
        }
        for (size_t k = 0; k < i->n_evidence; k++)
            left[k] = i->evidence[k].kind[0];
        assert_string_equal(left, cases[c].left);
        gs_incident_free(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_primary),
        cmocka_unit_test(test_assign),
        cmocka_unit_test(test_resource_is_apart),
        cmocka_unit_test(test_primary_is_the_surest),
        cmocka_unit_test(test_grade_and_severity),
        cmocka_unit_test(test_grade_rises),
        cmocka_unit_test(test_reason_names),
        cmocka_unit_test(test_revision),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_the_worst_pod_is_shown),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_not_ours),
        cmocka_unit_test(test_many_patterns),
        cmocka_unit_test(test_shrink),
        cmocka_unit_test(test_shrink_after_restart),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_phase),
        cmocka_unit_test(test_evidence_makes_room),
        cmocka_unit_test(test_full_lists),
        cmocka_unit_test(test_action_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
