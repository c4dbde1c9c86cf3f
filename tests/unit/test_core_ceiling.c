/* What the operator holds policies to: prefixes, wishes, pods. */
#include "base/mem.h"
#include "codec/snapshot.h"
#include "core/ceiling.h"
#include "core/retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void templates(void **state)
{
    static const struct {
        const char *template, *cluster, *kept, *says; /* says NULL: it is good */
    } t[] = {
        {"", "", "", NULL},
        {"gostat", "", "gostat", NULL},
        {"{namespace}", "", "{namespace}", NULL},
        {"{cluster}/{namespace}", "eu-1", "eu-1/{namespace}", NULL},
        {"a/{namespace}-x/b_{cluster}.c", "eu", "a/{namespace}-x/b_eu.c", NULL},
        {"{namespace}/{namespace}", "", "{namespace}/{namespace}", NULL},
        {"{cluster}", "", NULL, "{cluster} needs --cluster-name"},
        {"{cluster}", "a b", NULL, "must be names of letters"},
        {"{cluster}", "../x", NULL, "must be names of letters"},
        {"{cluster}", "{namespace}", NULL, "must be names of letters"},
        {"{cluster}", "{", NULL, "must be names of letters"},
        {"{name}", "", NULL, "--s3-prefix \"{name}\": {name} is not known: only {namespace} and {cluster} are"},
        {"x/{Namespace}", "", NULL, "{Namespace} is not known"},
        {"{namespace", "", NULL, "{namespace is not known"},
        {"{}", "", NULL, "{} is not known"},
        {"{{namespace}}", "", NULL, "{{namespace} is not known"},
        {"{namespace}}", "", NULL, "must be names of letters"},
        {"/x", "", NULL, "no '/' at either end"},
        {"x/", "", NULL, "no '/' at either end"},
        {"x//y", "", NULL, "single '/'"},
        {"../x", "", NULL, "none beginning with '.'"},
        {"x/../y", "", NULL, "no '..'"},
        {"x..y", "", NULL, "no '..'"},
        {".x", "", NULL, "none beginning with '.'"},
        {"x y", "", NULL, "must be names of letters"},
        {"x%2f", "", NULL, "must be names of letters"},
        {"\xc3\xa4", "", NULL, "must be names of letters"},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_error err = {0};
        char kept[GS_PATH_LEN];
        int rc = gs_ceiling_prefix(t[k].template, t[k].cluster, kept, &err);
        if ((rc == 0) != (t[k].says == NULL) || (rc ? !strstr(err.msg, t[k].says) : strcmp(kept, t[k].kept) != 0))
            fail_msg("%s: %d %s", t[k].template, rc, rc ? err.msg : kept);
    }
    char longest[GS_PATH_LEN + 20], kept[GS_PATH_LEN];
    gs_error err;
    memset(longest, 'x', sizeof longest);
    (void)snprintf(longest + GS_PATH_LEN - 1 - 64, 80, "/{namespace}"); /* a namespace has up to 63 */
    assert_int_equal(gs_ceiling_prefix(longest, "", kept, &err), 0);
    memset(longest, 'x', sizeof longest);
    (void)snprintf(longest + GS_PATH_LEN - 64, 80, "/{namespace}");
    assert_int_equal(gs_ceiling_prefix(longest, "", kept, &err), -GS_TERMINAL);
    assert_non_null(strstr(err.msg, "must have at most 256 bytes"));
}

static gs_policy *policy(const char *ns, const char *prefix)
{
    gs_policy *p = gs_policy_new();
    (void)snprintf(p->ns, sizeof p->ns, "%s", ns);
    (void)snprintf(p->name, sizeof p->name, "p");
    (void)snprintf(p->s3.prefix, sizeof p->s3.prefix, "%s", prefix);
    p->has_s3 = true;
    return p;
}

/* As operator/ makes them of a policy's prefix, whichever it is by then. */
static void holder_of(const gs_policy *p, char ret[600])
{
    (void)snprintf(ret, 600, "%s%s%s/", p->s3.prefix, p->s3.prefix[0] ? "/" : "", p->ns);
}

static void key_of(const gs_policy *p, char ret[1100])
{
    gs_incident i = {.name = "leak-1"};
    (void)snprintf(i.workload.ns, sizeof i.workload.ns, "%s", p->ns);
    (void)snprintf(i.workload.name, sizeof i.workload.name, "shop");
    gs_snapshot_key(ret, 1000, p->s3.prefix, &i, "shop-1", GS_PROFILE_HEAP, 1767225626000);
    (void)strcat(ret, gs_snapshot_suffix(GS_PROFILE_HEAP));
}

/* What B can write down to get at A's part, in one bucket: every prefix that the API takes. */
static const char *const crafted[] = {
    "",         "a",         "t",   "t/a",          "t/a/a",           "t/a/mine",   "t/a/mine/a", "mine",
    "mine/a",   "a/shop",    "a/b", "t/b",          "t/b/t/a",         "t/a/a/shop", "b",          "a-b",
    "t/a/shop", "t/a/audit", "t-a", "t/a/mine/a/a", "t/a/shop/leak-1", "t/a/b",      "A",          "t/A",
};

static void apart(void **state)
{
    static const char *const templates_of[] = {"{namespace}", "t/{namespace}", "t/x-{namespace}-y", "t/{namespace}/u",
                                               "{namespace}{namespace}"};
    static const char *const pairs[][2] = {{"a", "b"}, {"a", "a-b"}, {"a-b", "a"}, {"a", "aa"}, {"aa", "a"}};
    static const char *const own[] = {"", "mine", "a", "b", "t/a", "b/b"};
    gs_error err;
    (void)state;
    for (size_t k = 0; k < GS_LEN(templates_of) * GS_LEN(pairs) * GS_LEN(own) * GS_LEN(crafted); k++) {
        size_t rest = k;
        gs_ceiling c = {0};
        char limited[GS_LIMITED_LEN], of_a[600], of_b[600], key_a[1100], key_b[1100];
        const char *prefix_b = crafted[rest % GS_LEN(crafted)];
        rest /= GS_LEN(crafted);
        const char *prefix_a = own[rest % GS_LEN(own)];
        rest /= GS_LEN(own);
        const char *const *ns = pairs[rest % GS_LEN(pairs)];
        rest /= GS_LEN(pairs);
        assert_int_equal(gs_ceiling_prefix(templates_of[rest], "", c.prefix, &err), 0);
        gs_cleanup(gs_policy_free) gs_policy *a = policy(ns[0], prefix_a), *b = policy(ns[1], prefix_b);
        assert_int_equal(gs_ceiling_hold(&c, a, limited, &err), 0);
        assert_int_equal(gs_ceiling_hold(&c, b, limited, &err), 0);
        assert_string_equal(limited, "");
        holder_of(a, of_a);
        holder_of(b, of_b);
        key_of(a, key_a);
        key_of(b, key_b);
        /* neither lists, deletes nor writes within the other's part */
        if (gs_str_starts(gs_str_of(of_a), of_b) || gs_str_starts(gs_str_of(of_b), of_a) ||
            gs_str_starts(gs_str_of(key_a), of_b) || gs_str_starts(gs_str_of(key_b), of_a))
            fail_msg("%s: %s and %s", templates_of[rest], of_a, of_b);
        gs_stored_key parts; /* and each recognises its own */
        assert_true(gs_retention_key(of_a, key_a, &parts) && gs_retention_key(of_b, key_b, &parts));
    }
}

/* Without a template one policy's part may lie in another's, but nothing in it is taken for the other's: no key of one is a
 * key of the other's, and no sweep deletes it. */
static void nested(void **state)
{
    static const char *const own[] = {"", "mine", "a", "b", "t", "t/a", "b/b", "b/shop", "b/shop/leak-1"};
    (void)state;
    for (size_t k = 0; k < GS_LEN(own) * GS_LEN(crafted); k++) {
        char of_a[600], of_b[600], key_a[1100], key_b[1100];
        gs_stored_key parts;
        gs_cleanup(gs_policy_free) gs_policy *a = policy("a", own[k % GS_LEN(own)]),
                                             *b = policy("b", crafted[k / GS_LEN(own)]);
        holder_of(a, of_a);
        holder_of(b, of_b);
        key_of(a, key_a);
        key_of(b, key_b);
        if (strcmp(key_a, key_b) == 0 || gs_retention_key(of_b, key_a, &parts) || gs_retention_key(of_a, key_b, &parts))
            fail_msg("%s and %s", key_a, key_b);
    }
}

static void long_prefix(void **state)
{
    gs_ceiling c = {.prefix = "t/{namespace}"};
    char prefix[GS_PATH_LEN], limited[GS_LIMITED_LEN];
    gs_error err;
    (void)state;
    memset(prefix, 'x', sizeof prefix);
    prefix[GS_PATH_LEN - 1 - strlen("t/shop/")] = 0;
    gs_cleanup(gs_policy_free) gs_policy *fits = policy("shop", prefix);
    assert_int_equal(gs_ceiling_hold(&c, fits, limited, &err), 0);
    assert_int_equal(strlen(fits->s3.prefix), GS_PATH_LEN - 1);
    prefix[GS_PATH_LEN - 1 - strlen("t/shop/")] = 'x';
    prefix[GS_PATH_LEN - strlen("t/shop/")] = 0;
    gs_cleanup(gs_policy_free) gs_policy *over = policy("shop", prefix);
    assert_int_equal(gs_ceiling_hold(&c, over, limited, &err), -GS_TERMINAL);
    assert_non_null(strstr(err.msg, "spec.snapshot.s3.prefix: must be shorter"));
    gs_cleanup(gs_policy_free) gs_policy *none = policy("shop", "");
    none->has_s3 = false;
    assert_int_equal(gs_ceiling_hold(&c, none, limited, &err), 0);
    assert_string_equal(none->s3.prefix, "");
}

static void wishes(void **state)
{
    const unsigned both = 1u << GS_PROFILE_CPU | 1u << GS_PROFILE_TRACE;
    const struct {
        gs_ceiling c;
        int interval, cpu, trace;
        unsigned kinds;
        int got_interval, got_cpu, got_trace;
        const char *says;
    } t[] = {
        {{0}, 1, 600, 60, both, 1, 600, 60, ""},
        {{.min_interval_s = 5}, 5, 30, 5, both, 5, 30, 5, ""},
        {{.min_interval_s = 10},
         5,
         30,
         5,
         both,
         10,
         30,
         5,
         "held to the operator's ceilings: spec.sampling.intervalSeconds is 10, not 5 (--min-interval)"},
        {{.max_profile_s = 20},
         5,
         30,
         5,
         both,
         5,
         20,
         5,
         "held to the operator's ceilings: spec.snapshot.cpuSeconds is 20, not 30 (--max-profile-seconds)"},
        {{.max_profile_s = 1},
         5,
         30,
         5,
         both,
         5,
         1,
         1,
         "held to the operator's ceilings: spec.snapshot.cpuSeconds is 1, not 30 (--max-profile-seconds), "
         "spec.snapshot.traceSeconds is 1, not 5 (--max-profile-seconds)"},
        {{.max_profile_s = 1}, 5, 30, 5, 0, 5, 30, 5, ""}, /* it asks for neither */
        {{.min_interval_s = 300, .max_profile_s = 1}, 1, 600, 60, both, 300, 1, 1, "held to the operator's ceilings: "},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_cleanup(gs_policy_free) gs_policy *p = policy("shop", "");
        char limited[GS_LIMITED_LEN] = "?";
        p->interval_s = t[k].interval;
        p->cpu_s = t[k].cpu;
        p->trace_s = t[k].trace;
        p->snapshot_kinds = t[k].kinds;
        p->detection.surge.window_s = p->detection.floor.window_s = 60;
        assert_int_equal(gs_ceiling_hold(&t[k].c, p, limited, NULL), 0);
        assert_int_equal(p->interval_s, t[k].got_interval);
        assert_int_equal(p->cpu_s, t[k].got_cpu);
        assert_int_equal(p->trace_s, t[k].got_trace);
        assert_true(p->detection.surge.window_s >= p->interval_s && p->detection.floor.window_s >= p->interval_s);
        assert_true(*t[k].says ? strncmp(limited, t[k].says, strlen(t[k].says)) == 0 : !*limited);
    }
    gs_cleanup(gs_policy_free) gs_policy *p = policy("shop", "");
    char limited[GS_LIMITED_LEN];
    assert_int_equal(
        gs_ceiling_hold(&(gs_ceiling){.max_profile_bytes = 4096, .max_namespace_actions = 3}, p, limited, NULL), 0);
    assert_true(p->max_profile_bytes == 4096 && p->max_namespace_actions == 3 && !*limited);
}

static bool is_sampled(const gs_candidate *v, size_t n, const char *name)
{
    for (size_t k = 0; k < n; k++)
        if (strcmp(v[k].name, name) == 0)
            return v[k].sampled;
    fail_msg("%s is gone", name);
    return false;
}

static void pods(void **state)
{
    static const gs_candidate all[] = {{.workload = "w", .name = "w-3"}, {.workload = "w", .name = "w-1"},
                                       {.workload = "w", .name = "w-2"}, {.workload = "v", .name = "v-1"},
                                       {.workload = "x", .name = "x-1"}, {.workload = "x", .name = "x-2"}};
    static const struct {
        size_t max;
        const char *sampled; /* the names */
    } t[] = {{0, ""},
             {1, "v-1"},
             {2, "v-1 w-1"},
             {3, "v-1 w-1 x-1"},
             {4, "v-1 w-1 x-1 w-2"},
             {5, "v-1 w-1 x-1 w-2 x-2"},
             {6, "v-1 w-1 x-1 w-2 x-2 w-3"},
             {100, "v-1 w-1 x-1 w-2 x-2 w-3"}};
    (void)state;
    gs_ceiling_choose(NULL, 0, 5);
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_candidate v[GS_LEN(all)];
        for (size_t turn = 0; turn < GS_LEN(all); turn++) { /* the order that they come in is no matter */
            for (size_t i = 0; i < GS_LEN(all); i++)
                v[i] = all[(i + turn) % GS_LEN(all)];
            gs_ceiling_choose(v, GS_LEN(v), t[k].max);
            for (size_t i = 0; i < GS_LEN(all); i++)
                assert_int_equal(is_sampled(v, GS_LEN(v), all[i].name), strstr(t[k].sampled, all[i].name) != NULL);
        }
        /* one goes: the others stay as they were, but for one that may take its place */
        gs_ceiling_choose(v, GS_LEN(v), t[k].max);
        size_t changed = 0;
        gs_candidate fewer[GS_LEN(all)];
        memcpy(fewer, v + 1, sizeof fewer - sizeof *fewer);
        gs_ceiling_choose(fewer, GS_LEN(all) - 1, t[k].max);
        for (size_t i = 1; i < GS_LEN(v); i++)
            changed += is_sampled(fewer, GS_LEN(all) - 1, v[i].name) != v[i].sampled;
        assert_true(changed <= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates),   cmocka_unit_test(apart),  cmocka_unit_test(nested),
        cmocka_unit_test(long_prefix), cmocka_unit_test(wishes), cmocka_unit_test(pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
