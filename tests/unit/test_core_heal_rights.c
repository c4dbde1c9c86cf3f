/* Which rights each action needs on which workload, and the words where one is missing. */
#include "core/heal.h"
#include "core/heal_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define B(r) (1u << GS_RIGHT_##r)

static gs_workload_facts facts(const char *group, const char *plural, const char *autoscaler)
{
    bool apps = gs_streq(group, "apps");
    gs_workload_facts f = {.scalable = plural[0] && !gs_streq(plural, "daemonsets"),
                           .can_replace = gs_streq(plural, "deployments"),
                           .can_restart = apps && !gs_streq(plural, "replicasets")};
    (void)snprintf(f.group, sizeof f.group, "%s", group);
    (void)snprintf(f.plural, sizeof f.plural, "%s", plural);
    (void)snprintf(f.autoscaler, sizeof f.autoscaler, "%s", autoscaler);
    return f;
}

static void test_needs(void **state)
{
    static const struct {
        const char *group, *plural, *autoscaler;
        unsigned needs[GS_ACTION_TYPES]; /* ScaleOut, Replace, Evict, Restart */
    } t[] = {
        {"apps", "deployments", "", {B(PATCH_SCALE), B(PATCH_SCALE) | B(PATCH_PODS), B(EVICT), B(PATCH_WORKLOAD)}},
        {"apps",
         "deployments",
         "hpa",
         {B(PATCH_AUTOSCALER), B(PATCH_AUTOSCALER) | B(EVICT), B(EVICT), B(PATCH_WORKLOAD)}},
        {"apps", "statefulsets", "", {B(PATCH_SCALE), 0, B(EVICT), B(PATCH_WORKLOAD)}},
        {"apps", "daemonsets", "", {0, 0, B(EVICT), B(PATCH_WORKLOAD)}},
        {"apps", "replicasets", "", {B(PATCH_SCALE), 0, B(EVICT), 0}},
        {"argoproj.io", "rollouts", "", {B(GET_SCALE) | B(PATCH_SCALE), 0, B(GET_SCALE) | B(EVICT), 0}},
        {"argoproj.io", "rollouts", "hpa", {B(GET_SCALE) | B(PATCH_AUTOSCALER), 0, B(GET_SCALE) | B(EVICT), 0}},
        {"", "", "", {0, 0, B(EVICT), 0}}, /* a Job */
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_workload_facts f = facts(t[k].group, t[k].plural, t[k].autoscaler);
        for (enum gs_action_type a = 0; a < GS_ACTION_TYPES; a++)
            if (gs_heal_rights(a, &f) != t[k].needs[a])
                fail_msg("%s of %s %s: %x", gs_action_name(a), t[k].plural, t[k].autoscaler, gs_heal_rights(a, &f));
    }
}

static void test_words(void **state)
{
    static const struct {
        const char *group, *plural, *autoscaler;
        enum gs_action_type type;
        unsigned lacks;
        const char *message; /* "": not refused */
    } t[] = {
        {"apps", "deployments", "", GS_ACTION_REPLACE, B(PATCH_PODS),
         "gostat may not patch pods in namespace shop: chart value rbac.pods, or kubectl apply -k manifests/actions"},
        {"apps", "deployments", "", GS_ACTION_RESTART, B(PATCH_WORKLOAD),
         "gostat may not patch deployments.apps in namespace shop: chart value rbac.restart, or kubectl apply -k "
         "manifests/actions"},
        {"apps", "statefulsets", "", GS_ACTION_SCALE_OUT, B(PATCH_SCALE),
         "gostat may not patch statefulsets.apps/scale in namespace shop: chart value rbac.create, or kubectl apply -k "
         "manifests"},
        {"apps", "deployments", "hpa", GS_ACTION_SCALE_OUT, B(PATCH_AUTOSCALER),
         "gostat may not patch horizontalpodautoscalers.autoscaling in namespace shop: chart value rbac.create, or "
         "kubectl apply -k manifests"},
        {"apps", "daemonsets", "", GS_ACTION_EVICT, B(EVICT),
         "gostat may not create pods/eviction in namespace shop: chart value rbac.create, or kubectl apply -k manifests"},
        {"argoproj.io", "rollouts", "", GS_ACTION_SCALE_OUT, B(GET_SCALE) | B(PATCH_SCALE),
         "gostat may not get rollouts.argoproj.io/scale in namespace shop: add its group to chart value "
         "rbac.scaleGroups"},
        {"argoproj.io", "rollouts", "", GS_ACTION_SCALE_OUT, B(PATCH_SCALE),
         "gostat may not patch rollouts.argoproj.io/scale in namespace shop: add its group to chart value "
         "rbac.scaleGroups"},
        {"apps", "deployments", "", GS_ACTION_SCALE_OUT, B(PATCH_PODS) | B(PATCH_WORKLOAD), ""},
        {"apps", "deployments", "hpa", GS_ACTION_REPLACE, B(PATCH_PODS) | B(PATCH_SCALE), ""},
    };
    (void)state;
    gs_incident *i = gs_incident_new(&(gs_workload_ref){.kind = "Thing", .ns = "shop", .name = "web"}, NULL);
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_workload_facts f = facts(t[k].group, t[k].plural, t[k].autoscaler);
        gs_plan plan = {.retry_ms = -1};
        f.lacks = t[k].lacks;
        heal_check_rights(t[k].type, i, &f, &plan);
        assert_string_equal(plan.message, t[k].message);
        assert_int_equal(plan.refusal, t[k].message[0] ? GS_REFUSAL_RIGHT : GS_REFUSAL_NONE);
        assert_int_equal(plan.retry_ms, t[k].message[0] ? 60000 : -1);
    }
    gs_incident_free(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_needs), cmocka_unit_test(test_words)};
    return cmocka_run_group_tests_name("core/heal_rights", tests, NULL, NULL);
}
