/* From kinds to resources. */
#include "kube_fake.h"

#include "kube/discovery.h"

struct got {
    fixture *x;
    int calls, wanted;
    bool found;
    gs_kube_kind kind;
    gs_error err;
};

static void keep(void *ctx, const gs_kube_kind *kind, const gs_error *err)
{
    struct got *g = ctx;
    g->found = kind != NULL;
    g->kind = kind ? *kind : (gs_kube_kind){0};
    g->err = *err;
    if (++g->calls >= g->wanted)
        gs_loop_stop(g->x->loop);
}

#define ROLLOUTS                                                                                                         \
    "{\"kind\":\"APIResourceList\",\"groupVersion\":\"argoproj.io/v1alpha1\",\"resources\":["                            \
    "{\"name\":\"rollouts/scale\",\"kind\":\"Scale\",\"group\":\"autoscaling\",\"version\":\"v1\",\"namespaced\":true}," \
    "{\"name\":\"rollouts\",\"singularName\":\"rollout\",\"namespaced\":true,\"kind\":\"Rollout\",\"verbs\":[\"get\"]}," \
    "{\"name\":\"rollouts/status\",\"namespaced\":true,\"kind\":\"Rollout\"},"                                           \
    "{\"name\":\"experiments\",\"namespaced\":true,\"kind\":\"Experiment\"},"                                            \
    "{\"name\":\"worlds\",\"namespaced\":false,\"kind\":\"World\"}]}"

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name, *api_version, *kind;
        fake_step steps[2];
        const char *plural; /* NULL: not found */
        bool namespaced, scale;
        enum gs_kind err;
    } cases[] = {
        {"with a scale",
         "argoproj.io/v1alpha1",
         "Rollout",
         {{.expect = "GET /apis/argoproj.io/v1alpha1 HTTP", .status = 200, .body = ROLLOUTS}},
         "rollouts",
         true,
         true,
         GS_OK},
        {"without",
         "argoproj.io/v1alpha1",
         "Experiment",
         {{.expect = "GET ", .status = 200, .body = ROLLOUTS}},
         "experiments",
         true,
         false,
         GS_OK},
        {"of the cluster",
         "argoproj.io/v1alpha1",
         "World",
         {{.expect = "GET ", .status = 200, .body = ROLLOUTS}},
         "worlds",
         false,
         false,
         GS_OK},
        {"no such kind",
         "argoproj.io/v1alpha1",
         "Nothing",
         {{.expect = "GET ", .status = 200, .body = ROLLOUTS}},
         NULL,
         false,
         false,
         GS_NOT_FOUND},
        {"a subresource's kind",
         "argoproj.io/v1alpha1",
         "Scale",
         {{.expect = "GET ", .status = 200, .body = ROLLOUTS}},
         NULL,
         false,
         false,
         GS_NOT_FOUND},
        {"the core group",
         "v1",
         "Node",
         {{.expect = "GET /api/v1 HTTP",
           .status = 200,
           .body = "{\"resources\":[{\"name\":\"nodes\",\"kind\":\"Node\",\"namespaced\":false}]}"}},
         "nodes",
         false,
         false,
         GS_OK},
        {"no such group",
         "gone.io/v1",
         "Thing",
         {{.expect = "GET ", .status = 404, .body = "404 page not found"}},
         NULL,
         false,
         false,
         GS_NOT_FOUND},
        {"not allowed",
         "x.io/v1",
         "Thing",
         {{.expect = "GET ", .status = 403, .body = "{}"}},
         NULL,
         false,
         false,
         GS_REFUSED},
        {"no list",
         "x.io/v1",
         "Thing",
         {{.expect = "GET ", .status = 200, .body = "{}"}},
         NULL,
         false,
         false,
         GS_TERMINAL},
        {"an entry without a kind",
         "x.io/v1",
         "Thing",
         {{.expect = "GET ", .status = 200, .body = "{\"resources\":[{\"name\":\"things\"}]}"}},
         NULL,
         false,
         false,
         GS_TERMINAL},
        {"an empty list",
         "x.io/v1",
         "Thing",
         {{.expect = "GET ", .status = 200, .body = "{\"resources\":null}"}},
         NULL,
         false,
         false,
         GS_NOT_FOUND},
        {"a path for a version", "../../api/v1", "Pod", {{0}}, NULL, false, false, GS_NOT_FOUND},
        {"dots", "apps/..", "Pod", {{0}}, NULL, false, false, GS_NOT_FOUND},
        {"a query", "apps/v1?x", "Pod", {{0}}, NULL, false, false, GS_NOT_FOUND},
        {"nothing", "", "Pod", {{0}}, NULL, false, false, GS_NOT_FOUND},
        {"no group", "/v1", "Pod", {{0}}, NULL, false, false, GS_NOT_FOUND},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        fixture x;
        fixture_start(&x, cases[k].steps);
        struct got g = {.x = &x, .wanted = 1};
        gs_kube_discovery *d = gs_kube_discovery_new(x.k);
        (void)gs_kube_discovery_find(d, cases[k].api_version, cases[k].kind, keep, &g);
        assert_int_equal(g.calls, 0);
        fixture_run(&x);
        if (g.err.kind != cases[k].err || g.found != (cases[k].plural != NULL) ||
            !gs_streq(g.kind.plural, cases[k].plural) || g.kind.namespaced != cases[k].namespaced ||
            g.kind.scale != cases[k].scale)
            fail_msg("%s: %s \"%s\" %d %d", cases[k].name, g.err.msg, g.kind.plural, g.kind.namespaced, g.kind.scale);
        fake_check(&x.f);
        gs_kube_discovery_free(d);
        fixture_stop(&x);
    }
}

/* Who asks while it is under way, and who asks later, costs no request; what failed transiently is asked for anew. */
static void asked_once(void **state)
{
    (void)state;
    static const fake_step steps[] = {
        {.expect = "GET /apis/argoproj.io/v1alpha1 HTTP", .status = 200, .body = ROLLOUTS},
        {.expect = "GET /apis/busy.io/v1 HTTP", .status = 400, .body = "{}"},
        {0},
    };
    fixture x;
    fixture_start(&x, steps);
    struct got g = {.x = &x, .wanted = 3}, never = {.x = &x};
    gs_kube_discovery *d = gs_kube_discovery_new(x.k);
    gs_kube_lookup *l = gs_kube_discovery_find(d, "argoproj.io/v1alpha1", "Rollout", keep, &never);
    for (int k = 0; k < 3; k++)
        (void)gs_kube_discovery_find(d, "argoproj.io/v1alpha1", "Rollout", keep, &g);
    gs_kube_lookup_cancel(l);
    fixture_run(&x);
    assert_true(g.found && g.kind.scale);
    g = (struct got){.x = &x, .wanted = 1};
    (void)gs_kube_discovery_find(d, "argoproj.io/v1alpha1", "Experiment", keep, &g);
    fixture_run(&x);
    assert_true(g.found && !g.kind.scale);
    for (int k = 0; k < 2; k++) {
        g = (struct got){.x = &x, .wanted = 1};
        (void)gs_kube_discovery_find(d, "busy.io/v1", "Thing", keep, &g);
        fixture_run(&x);
        assert_int_equal(g.err.kind, GS_TERMINAL);
    }
    assert_int_equal(never.calls, 0);
    fake_check(&x.f);
    gs_kube_discovery_free(d);
    fixture_stop(&x);
}

static void freed_meanwhile(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = "GET ", .status = 200, .body = ROLLOUTS, .delay_ms = 50}, {0}};
    fixture x;
    fixture_start(&x, steps);
    struct got g = {.x = &x};
    gs_kube_discovery *d = gs_kube_discovery_new(x.k);
    (void)gs_kube_discovery_find(d, "argoproj.io/v1alpha1", "Rollout", keep, &g);
    (void)gs_kube_discovery_find(d, "no such/thing", "Rollout", keep, &g);
    gs_kube_discovery_free(d);
    fixture_run_for(&x, 100);
    assert_int_equal(g.calls, 0);
    fixture_stop(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds), cmocka_unit_test(asked_once),
                                       cmocka_unit_test(freed_meanwhile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
