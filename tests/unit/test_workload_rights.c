/* What is asked about one's own rights, what is believed and for how long, as a scripted API server says it. */
#include "kube_fake.h"

#include "workload/rights.h"

#define MAY "{\"status\":{\"allowed\":true}}"
#define MAY_NOT "{\"status\":{\"allowed\":false}}"
#define PODS "\"verb\":\"patch\",\"group\":\"\",\"resource\":\"pods\"}"
#define SCALE "\"verb\":\"patch\",\"group\":\"apps\",\"resource\":\"deployments\",\"subresource\":\"scale\"}"
#define RESTART "\"verb\":\"patch\",\"group\":\"apps\",\"resource\":\"deployments\"}"
#define REPLACE_AND_RESTART (1u << GS_ACTION_REPLACE | 1u << GS_ACTION_RESTART)

struct got {
    fixture *x;
    int calls;
    gs_error err;
};

static void on_done(void *ctx, const gs_error *err)
{
    struct got *g = ctx;
    g->calls++;
    g->err = *err;
    gs_loop_stop(g->x->loop);
}

static void make(gs_workload_facts *f)
{
    *f = (gs_workload_facts){.scalable = true, .can_replace = true, .can_restart = true, .lacks = ~0u};
    memcpy(f->group, "apps", sizeof "apps");
    memcpy(f->plural, "deployments", sizeof "deployments");
}

/* True where it was asked. */
static bool ask(fixture *x, gs_rights *r, const char *ns, unsigned actions, gs_workload_facts *f, gs_error *ret_err)
{
    struct got g = {.x = x};
    if (!gs_rights_ask_start(r, ns, actions, f, on_done, &g))
        return false;
    assert_int_equal(g.calls, 0);
    fixture_run(x);
    assert_int_equal(g.calls, 1);
    *ret_err = g.err;
    return true;
}

static void believed(void **state)
{
    static const fake_step steps[] = {
        {.expect = "\"namespace\":\"shop\"," PODS, .status = 201, .body = MAY_NOT},
        {.expect = "\"namespace\":\"shop\"," SCALE, .status = 201, .body = MAY},
        {.expect = "\"namespace\":\"shop\"," RESTART, .status = 201, .body = MAY_NOT},
        {.expect = "\"namespace\":\"bank\"," PODS, .status = 201, .body = MAY},
        {.expect = "\"namespace\":\"bank\"," SCALE, .status = 201, .body = MAY},
        {0},
    };
    fixture x;
    gs_workload_facts f;
    gs_error err;
    (void)state;
    fixture_start(&x, steps);
    gs_rights *r = gs_rights_new(x.k);
    make(&f);
    assert_true(ask(&x, r, "shop", REPLACE_AND_RESTART, &f, &err));
    assert_int_equal(err.kind, GS_OK);
    assert_int_equal(f.lacks, 1u << GS_RIGHT_PATCH_PODS | 1u << GS_RIGHT_PATCH_WORKLOAD);
    make(&f);
    assert_false(ask(&x, r, "shop", REPLACE_AND_RESTART, &f, &err)); /* known */
    assert_int_equal(f.lacks, 1u << GS_RIGHT_PATCH_PODS | 1u << GS_RIGHT_PATCH_WORKLOAD);
    make(&f);
    assert_false(ask(&x, r, "shop", 1u << GS_ACTION_SCALE_OUT, &f, &err));
    assert_int_equal(f.lacks, 0);
    make(&f);
    assert_true(ask(&x, r, "bank", 1u << GS_ACTION_REPLACE, &f, &err));
    assert_int_equal(f.lacks, 0);
    make(&f);
    assert_false(ask(&x, r, "bank", 0, &f, &err)); /* no actions, no questions */
    assert_int_equal(f.lacks, 0);
    gs_rights_free(r);
    gs_rights_free(NULL);
    fake_check(&x.f);
    fixture_stop(&x);
}

/* Where the API server does not answer nothing is believed of it; what it had answered is. */
static void no_answer(void **state)
{
    static const fake_step steps[] = {
        {.expect = SCALE, .status = 201, .body = MAY},
        {.expect = PODS, .status = 503, .body = "{}"},
        {.expect = PODS, .status = 201, .body = MAY},
        {0},
    };
    fixture x;
    gs_workload_facts f;
    gs_error err;
    (void)state;
    fixture_start(&x, steps);
    gs_rights *r = gs_rights_new(x.k);
    make(&f);
    assert_true(ask(&x, r, "shop", 1u << GS_ACTION_REPLACE, &f, &err));
    assert_int_equal(err.kind, GS_TRANSIENT);
    assert_non_null(strstr(err.msg, "what gostat may do in namespace shop is not known"));
    make(&f);
    assert_true(ask(&x, r, "shop", 1u << GS_ACTION_REPLACE, &f, &err));
    assert_int_equal(err.kind, GS_OK);
    assert_int_equal(f.lacks, 0);
    gs_rights_free(r);
    fake_check(&x.f);
    fixture_stop(&x);
}

static void cancelled(void **state)
{
    static const fake_step steps[] = {{.expect = SCALE, .status = 201, .body = MAY, .delay_ms = 100}, {0}};
    fixture x;
    gs_workload_facts f;
    (void)state;
    fixture_start(&x, steps);
    struct got g = {.x = &x};
    gs_rights *r = gs_rights_new(x.k);
    make(&f);
    gs_rights_ask *a = gs_rights_ask_start(r, "shop", 1u << GS_ACTION_REPLACE, &f, on_done, &g);
    fixture_run_for(&x, 30);
    gs_rights_cancel(a);
    gs_rights_cancel(NULL);
    fixture_run_for(&x, 150);
    assert_int_equal(g.calls, 0);
    gs_rights_free(r);
    fixture_stop(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(believed), cmocka_unit_test(no_answer),
                                       cmocka_unit_test(cancelled)};
    return cmocka_run_group_tests_name("workload/rights", tests, NULL, NULL);
}
