/* Paged listing, whole and with faults. */
#include "kube/list.h"
#include "kube_fake.h"

static const gs_kube_resource pods = {"", "v1", "pods", true};

#define ITEM(n) "{\"metadata\":{\"name\":\"" n "\"}}"
#define PAGE(rv, cont, items)                                                                                          \
    "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"" rv "\",\"continue\":\"" cont "\"},\"items\":[" items  \
    "]}"
#define LAST(rv, items) "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}"
#define EXPIRED "{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"too old\",\"code\":410}"

struct got {
    fixture *x;
    gs_kube_list *list;
    char names[512], version[64];
    int done, fail_at, cancel_at, items;
    gs_error err;
};

static void on_restart(void *ctx)
{
    struct got *g = ctx;
    (void)strcat(g->names, "|");
}

static int on_item(void *ctx, gs_str object, gs_error *err)
{
    struct got *g = ctx;
    static const char before[] = "{\"metadata\":{\"name\":\"";
    assert_true(gs_str_starts(object, before));
    (void)strncat(g->names, object.p + sizeof before - 1, object.n - sizeof before + 1 - 3);
    g->items++;
    if (g->items == g->cancel_at) {
        gs_kube_list_cancel(g->list);
        gs_loop_stop(g->x->loop);
    }
    return g->items == g->fail_at ? gs_error_set(err, GS_TRANSIENT, "no more, please") : 0;
}

static void on_done(void *ctx, const gs_error *err, const char *version)
{
    struct got *g = ctx;
    g->done++;
    g->err = *err;
    (void)snprintf(g->version, sizeof g->version, "%s", version);
    gs_loop_stop(g->x->loop);
}

static void lists(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fake_step steps[16];
        enum gs_kind kind;
        const char *names, *version, *message;
        int fail_at;
        int64_t deadline_ms;
    } cases[] = {
        {"empty",
         {{.expect = "GET /api/v1/namespaces/shop/pods?limit=2&labelSelector=app%3Dx HTTP",
           .status = 200,
           .body = LAST("5", "")}},
         GS_OK,
         "",
         "5",
         "",
         0,
         0},
        {"three pages",
         {{.expect = "?limit=2&labelSelector", .status = 200, .body = PAGE("5", "c+1", ITEM("a") "," ITEM("b"))},
          {.expect = "?limit=2&continue=c%2B1&labelSelector",
           .status = 200,
           .body = PAGE("5", "c2", ITEM("c") "," ITEM("d")),
           .chunk = 1},
          {.expect = "continue=c2", .status = 200, .body = LAST("5", ITEM("e")), .chunk = 7}},
         GS_OK,
         "abcde",
         "5",
         "",
         0,
         0},
        {"expired in the middle",
         {{.expect = "?limit=2&labelSelector", .status = 200, .body = PAGE("5", "c1", ITEM("a") "," ITEM("b"))},
          {.expect = "continue=c1", .status = 410, .body = EXPIRED},
          {.expect = "?limit=2&labelSelector", .status = 200, .body = LAST("9", ITEM("b"))}},
         GS_OK,
         "ab|b",
         "9",
         "",
         0,
         0},
        {"first page broken off",
         {{.expect = "?limit=2&labelSelector",
           .status = 200,
           .body = "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[" ITEM("a") ",{\"m",
           .then = FAKE_CUT},
          {.expect = "?limit=2&labelSelector", .status = 200, .body = LAST("6", ITEM("a") "," ITEM("b"))}},
         GS_OK,
         "a|ab",
         "6",
         "",
         0,
         0},
        {"second page broken off: nothing twice",
         {{.expect = "?limit=2&labelSelector", .status = 200, .body = PAGE("5", "c1", ITEM("a") "," ITEM("b"))},
          {.expect = "continue=c1", .status = 200, .body = "{\"items\":[" ITEM("c") ",", .then = FAKE_CUT},
          {.expect = "continue=c1",
           .status = 200,
           .body = "{\"items\":[" ITEM("c") "," ITEM("d") ",{",
           .then = FAKE_CUT},
          {.expect = "continue=c1", .status = 200, .body = LAST("5", ITEM("c") "," ITEM("d") "," ITEM("e"))}},
         GS_OK,
         "abcde",
         "5",
         "",
         0,
         0},
        {"429, then well",
         {{.expect = "GET ", .status = 429, .headers = "Retry-After: 1\r\n"},
          {.expect = "GET ", .status = 200, .body = LAST("5", ITEM("a"))}},
         GS_OK,
         "a",
         "5",
         "",
         0,
         0},
        {"503 without retries",
         {{.expect = "GET ", .status = 503}},
         GS_TRANSIENT,
         "",
         "",
         "LIST pods shop: 503",
         0,
         -1},
        {"403",
         {{.expect = "GET ",
           .status = 403,
           .body = "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"no\",\"code\":403}"}},
         GS_REFUSED,
         "",
         "",
         "LIST pods shop: 403 Forbidden: no",
         0,
         0},
        {"410 at once is no restart",
         {{.expect = "GET ", .status = 410, .body = EXPIRED}},
         GS_GONE,
         "",
         "",
         "too old",
         0,
         0},
        {"garbage", {{.expect = "GET ", .status = 200, .body = "<html>"}}, GS_TERMINAL, "", "", "", 0, 0},
        {"no list", {{.expect = "GET ", .status = 200, .body = "{\"kind\":\"Pod\"}"}}, GS_TERMINAL, "", "", "", 0, 0},
        {"no resourceVersion",
         {{.expect = "GET ", .status = 200, .body = "{\"metadata\":{},\"items\":[]}"}},
         GS_TERMINAL,
         "",
         "",
         "resourceVersion",
         0,
         0},
        {"the caller's error ends it",
         {{.expect = "GET ", .status = 200, .body = LAST("5", ITEM("a") "," ITEM("b"))}},
         GS_TRANSIENT,
         "a",
         "",
         "no more, please",
         1,
         0},
        {"endless expiry",
         {
             {.expect = "?limit=2&labelSelector", .status = 200, .body = PAGE("5", "c1", "")},
             {.expect = "continue=c1", .status = 410, .body = EXPIRED},
             {.expect = "?limit=2&labelSelector", .status = 200, .body = PAGE("5", "c1", "")},
             {.expect = "continue=c1", .status = 410, .body = EXPIRED},
             {.expect = "?limit=2&labelSelector", .status = 200, .body = PAGE("5", "c1", "")},
             {.expect = "continue=c1", .status = 410, .body = EXPIRED},
             {.expect = "?limit=2&labelSelector", .status = 200, .body = PAGE("5", "c1", "")},
             {.expect = "continue=c1", .status = 410, .body = EXPIRED},
             {.expect = "?limit=2&labelSelector", .status = 200, .body = PAGE("5", "c1", "")},
             {.expect = "continue=c1", .status = 410, .body = EXPIRED},
             {.expect = "?limit=2&labelSelector", .status = 200, .body = PAGE("5", "c1", "")},
             {.expect = "continue=c1", .status = 410, .body = EXPIRED},
         },
         GS_GONE,
         "|||||",
         "",
         "too old",
         0,
         0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        fixture x;
        fixture_start(&x, cases[i].steps);
        struct got g = {.x = &x, .fail_at = cases[i].fail_at};
        char ns[] = "shop", label[] = "app=x"; /* copied, so that they may go */
        gs_kube_list_options o = {.resource = &pods,
                                  .ns = ns,
                                  .label_selector = label,
                                  .page = 2,
                                  .deadline_ms = cases[i].deadline_ms,
                                  .on_restart = on_restart,
                                  .on_item = on_item,
                                  .on_done = on_done,
                                  .ctx = &g};
        g.list = gs_kube_list_start(x.k, &o);
        memset(ns, 'x', 4);
        memset(label, 'x', 5);
        assert_int_equal(g.done, 0);
        fixture_run(&x);
        if (g.done != 1 || g.err.kind != cases[i].kind || strcmp(g.names, cases[i].names) != 0 ||
            strcmp(g.version, cases[i].version) != 0 || !strstr(g.err.msg, cases[i].message))
            fail_msg("%s: done %d kind %d \"%s\" names \"%s\" version \"%s\"", cases[i].name, g.done, g.err.kind,
                     g.err.msg, g.names, g.version);
        fake_check(&x.f);
        fixture_stop(&x);
    }
}

static void cancelled_within_an_item(void **state)
{
    (void)state;
    static const fake_step steps[] = {
        {.expect = "GET ", .status = 200, .body = LAST("5", ITEM("a") "," ITEM("b") "," ITEM("c")), .chunk = 11}, {0}};
    fixture x;
    fixture_start(&x, steps);
    struct got g = {.x = &x, .cancel_at = 2};
    gs_kube_list_options o = {.resource = &pods, .ns = "shop", .on_item = on_item, .on_done = on_done, .ctx = &g};
    g.list = gs_kube_list_start(x.k, &o);
    fixture_run(&x);
    fixture_run_for(&x, 50);
    assert_int_equal(g.items, 2);
    assert_int_equal(g.done, 0);
    assert_int_equal(gs_kube_get_stats(x.k).in_flight, 0);
    gs_kube_list_cancel(gs_kube_list_start(x.k, &o));
    gs_kube_list_cancel(NULL);
    fixture_stop(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(cancelled_within_an_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
