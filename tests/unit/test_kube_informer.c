/* The informer against an API server that misbehaves in every way that we know of. */
#include "kube/informer.h"
#include "kube_fake.h"
#include "wire/json_cursor.h"

static const gs_kube_resource pods = {"", "v1", "pods", true};

#define OBJ(n, rv) "{\"metadata\":{\"name\":\"" n "\",\"resourceVersion\":\"" rv "\"}}"
#define LIST(rv, items) "{\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}"
#define EV(type, n, rv) "{\"type\":\"" type "\",\"object\":" OBJ(n, rv) "}\n"
#define BOOKMARK(rv)                                                                                                   \
    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"" rv "\"}}}\n"
#define GONE_EVENT                                                                                                         \
    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"too old resource version\"," \
    "\"reason\":\"Expired\",\"code\":410}}\n"
#define GONE "{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"too old resource version\",\"code\":410}"
#define LIST_REQ "GET /api/v1/namespaces/shop/pods?limit=500 "
#define WATCH_REQ(rv) "resourceVersion=" rv " "

struct got {
    fixture *x;
    gs_informer *i;
    char log[1024];
    const char *stop_when;                        /* the loop ends when the log ends so */
    int (*then)(struct got *g, const char *name); /* called for each object; may be NULL */
    bool freed;
};

static void say(struct got *g, const char *what, const char *name)
{
    size_t n = strlen(g->log), end;
    (void)snprintf(g->log + n, sizeof g->log - n, "%s%s ", what, name);
    n = strlen(g->log);
    end = g->stop_when ? strlen(g->stop_when) : 0;
    if (end && n >= end && strcmp(g->log + n - end, g->stop_when) == 0)
        gs_loop_stop(g->x->loop);
}

static void name_of(gs_str object, char name[64])
{
    static const char *const path[] = {"metadata", "name", NULL};
    if (!gs_json_find_string(object, path, name, 64))
        (void)strcpy(name, "?");
}

static void on_begin(void *ctx)
{
    say(ctx, "[", "");
}

static int on_object(void *ctx, gs_str object, gs_error *err)
{
    struct got *g = ctx;
    char name[64];
    name_of(object, name);
    say(g, "+", name);
    if (g->then)
        return g->then(g, name);
    return strcmp(name, "bad") == 0 ? gs_error_set(err, GS_TERMINAL, "spec.x: bad") : 0;
}

static void on_deleted(void *ctx, gs_str object)
{
    char name[64];
    name_of(object, name);
    say(ctx, "-", name);
}

static void on_end(void *ctx)
{
    say(ctx, "]", "");
}

static void on_fault(void *ctx, const gs_error *err)
{
    say(ctx, "!", gs_kind_name(err->kind));
}

static gs_informer_options options(struct got *g)
{
    return (gs_informer_options){
        .resource = &pods,
        .ns = "shop",
        .idle_ms = 400,
        .backoff_first_ms = 20,
        .backoff_max_ms = 40,
        .on_list_begin = on_begin,
        .on_object = on_object,
        .on_deleted = on_deleted,
        .on_list_end = on_end,
        .on_fault = on_fault,
        .ctx = g,
    };
}

static void follows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fake_step steps[12];
        const char *log;
        uint64_t bad;
    } cases[] = {
        {"list, then events",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", OBJ("a", "3") "," OBJ("b", "4"))},
          {.expect = WATCH_REQ("5"),
           .status = 200,
           .body = EV("ADDED", "c", "6") EV("MODIFIED", "a", "7") EV("DELETED", "b", "8"),
           .then = FAKE_HANG}},
         "[ +a +b ] +c +a -b ",
         0},
        {"events in single bytes",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"),
           .status = 200,
           .body = EV("ADDED", "c", "6") EV("DELETED", "c", "8"),
           .chunk = 1,
           .then = FAKE_HANG}},
         "[ ] +c -c ",
         0},
        {"resumed after the server ended it",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("ADDED", "a", "6"), .chunk = 100},
          {.expect = WATCH_REQ("6"), .status = 200, .body = EV("ADDED", "b", "7"), .chunk = 100},
          {.expect = WATCH_REQ("7"), .status = 200, .body = EV("ADDED", "c", "8"), .then = FAKE_HANG}},
         "[ ] +a +b +c ",
         0},
        {"resumed at a bookmark",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = "watch=1&allowWatchBookmarks=true&timeoutSeconds=",
           .status = 200,
           .body = BOOKMARK("60"),
           .chunk = 100},
          {.expect = WATCH_REQ("60"), .status = 200, .body = EV("ADDED", "a", "61"), .then = FAKE_HANG}},
         "[ ] +a ",
         0},
        {"broken off within an event: it comes again",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"),
           .status = 200,
           .body = EV("ADDED", "a", "6") "{\"type\":\"ADDED\",\"obj",
           .then = FAKE_CUT},
          {.expect = WATCH_REQ("6"), .status = 200, .body = EV("ADDED", "b", "7"), .then = FAKE_HANG}},
         "[ ] +a !transient +b ",
         0},
        {"ended well within an event",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"),
           .status = 200,
           .body = EV("ADDED", "a", "6") "{\"type\":\"ADDED\",\"obj",
           .chunk = 9},
          {.expect = WATCH_REQ("6"), .status = 200, .body = EV("ADDED", "b", "7"), .then = FAKE_HANG}},
         "[ ] +a !transient +b ",
         0},
        {"half-open connection",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("ADDED", "a", "6"), .then = FAKE_HANG},
          {.expect = WATCH_REQ("6"), .status = 200, .body = EV("ADDED", "b", "7"), .then = FAKE_HANG}},
         "[ ] +a !transient +b ",
         0},
        {"never an answer",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"), .status = 200, .delay_ms = 5000},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("ADDED", "b", "7"), .then = FAKE_HANG}},
         "[ ] !transient +b ",
         0},
        {"410 as a status",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", OBJ("a", "3"))},
          {.expect = WATCH_REQ("5"), .status = 410, .body = GONE},
          {.expect = LIST_REQ, .status = 200, .body = LIST("9", OBJ("b", "8"))},
          {.expect = WATCH_REQ("9"), .status = 200, .body = EV("ADDED", "c", "10"), .then = FAKE_HANG}},
         "[ +a ] !gone [ +b ] +c ",
         0},
        {"410 as an event",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", OBJ("a", "3"))},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("ADDED", "z", "6") GONE_EVENT, .chunk = 1000},
          {.expect = LIST_REQ, .status = 200, .body = LIST("9", OBJ("b", "8"))},
          {.expect = WATCH_REQ("9"), .status = 200, .body = EV("ADDED", "c", "10"), .then = FAKE_HANG}},
         "[ +a ] +z !gone [ +b ] +c ",
         0},
        {"410 without a body",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"), .status = 410},
          {.expect = LIST_REQ, .status = 200, .body = LIST("9", "")},
          {.expect = WATCH_REQ("9"), .status = 200, .body = EV("ADDED", "c", "10"), .then = FAKE_HANG}},
         "[ ] !gone [ ] +c ",
         0},
        {"410 to the list itself",
         {{.expect = LIST_REQ, .status = 410, .body = GONE},
          {.expect = LIST_REQ, .status = 200, .body = LIST("9", "")},
          {.expect = WATCH_REQ("9"), .status = 200, .body = EV("ADDED", "c", "10"), .then = FAKE_HANG}},
         "[ !gone [ ] +c ",
         0},
        {"another error event",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"),
           .status = 200,
           .chunk = 1000,
           .body =
               "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"message\":\"oops\",\"reason\":\"InternalError\",\"code\":500}}"},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("ADDED", "c", "10"), .then = FAKE_HANG}},
         "[ ] !transient +c ",
         0},
        {"429 and 503, with and without Retry-After",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"), .status = 429, .headers = "Retry-After: 1\r\n"},
          {.expect = WATCH_REQ("5"), .status = 503},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("ADDED", "c", "10"), .then = FAKE_HANG}},
         "[ ] !transient !transient +c ",
         0},
        {"a resourceVersion from the future: 504 for ever",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"), .status = 504},
          {.expect = WATCH_REQ("5"), .status = 504},
          {.expect = WATCH_REQ("5"), .status = 504},
          {.expect = LIST_REQ, .status = 200, .body = LIST("2", "")},
          {.expect = WATCH_REQ("2"), .status = 200, .body = EV("ADDED", "c", "3"), .then = FAKE_HANG}},
         "[ ] !transient !transient !transient [ ] +c ",
         0},
        {"garbage in the watch",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("ADDED", "a", "6") "<html>busy</html>", .chunk = 1000},
          {.expect = WATCH_REQ("6"), .status = 200, .body = EV("ADDED", "c", "10"), .then = FAKE_HANG}},
         "[ ] +a !terminal +c ",
         0},
        {"an unknown event",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("EXPLODED", "a", "6"), .chunk = 1000},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("ADDED", "c", "10"), .then = FAKE_HANG}},
         "[ ] !terminal +c ",
         0},
        {"objects that cannot be decoded stop nothing",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", OBJ("bad", "1") "," OBJ("a", "2"))},
          {.expect = WATCH_REQ("5"),
           .status = 200,
           .chunk = 1000,
           .body = EV("ADDED", "bad",
                      "6") "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\"}}}" EV("ADDED", "c", "7")},
          {.expect = WATCH_REQ("7"), .status = 200, .body = EV("ADDED", "d", "10"), .then = FAKE_HANG}},
         "[ +bad +a ] +bad +x +c +d ",
         3},
        {"watches that end at once",
         {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
          {.expect = WATCH_REQ("5"), .status = 200},
          {.expect = WATCH_REQ("5"), .status = 200},
          {.expect = WATCH_REQ("5"), .status = 200, .body = EV("ADDED", "c", "10"), .then = FAKE_HANG}},
         "[ ] !transient !transient +c ",
         0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        fixture x;
        fixture_start(&x, cases[i].steps);
        size_t n = strlen(cases[i].log), at = n - 1;
        while (at && cases[i].log[at - 1] != ' ')
            at--;
        struct got g = {.x = &x, .stop_when = cases[i].log + at};
        gs_informer_options o = options(&g);
        g.i = gs_informer_new(x.k, &o);
        gs_informer_start(g.i);
        gs_informer_start(g.i); /* twice is once */
        assert_false(gs_informer_synced(g.i));
        fixture_run(&x);
        if (strcmp(g.log, cases[i].log) != 0 || gs_informer_get_stats(g.i).bad_objects != cases[i].bad)
            fail_msg("%s: \"%s\", expected \"%s\"; bad %d", cases[i].name, g.log, cases[i].log,
                     (int)gs_informer_get_stats(g.i).bad_objects);
        assert_true(gs_informer_synced(g.i));
        assert_true(gs_kube_get_stats(x.k).watches <= 1);
        fake_check(&x.f);
        gs_informer_free(g.i);
        assert_int_equal(gs_kube_get_stats(x.k).watches, 0);
        fixture_stop(&x);
    }
}

static int free_at_b(struct got *g, const char *name)
{
    if (strcmp(name, "b") == 0) {
        gs_informer_free(g->i);
        gs_loop_stop(g->x->loop);
    }
    return 0;
}

static int stop_at_b(struct got *g, const char *name)
{
    if (strcmp(name, "b") == 0)
        gs_informer_stop(g->i);
    return 0;
}

static int restart_at_b(struct got *g, const char *name)
{
    if (strcmp(name, "b") == 0) {
        gs_informer_stop(g->i);
        gs_informer_start(g->i);
    }
    return 0;
}

/* From within on_object: of a list and of a watch. */
static void stopped_within_callbacks(void **state)
{
    (void)state;
    static const fake_step in_list[] = {
        {.expect = LIST_REQ, .status = 200, .body = LIST("5", OBJ("a", "1") "," OBJ("b", "2") "," OBJ("c", "3"))},
        {.expect = LIST_REQ, .status = 200, .body = LIST("6", OBJ("z", "1"))},
        {.expect = WATCH_REQ("6"), .status = 200, .then = FAKE_HANG},
        {0}};
    static const fake_step in_watch[] = {{.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
                                         {.expect = WATCH_REQ("5"),
                                          .status = 200,
                                          .body = EV("ADDED", "a", "6") EV("ADDED", "b", "7") EV("ADDED", "c", "8"),
                                          .then = FAKE_HANG},
                                         {.expect = LIST_REQ, .status = 200, .body = LIST("6", OBJ("z", "1"))},
                                         {.expect = WATCH_REQ("6"), .status = 200, .then = FAKE_HANG},
                                         {0}};
    static const struct {
        const char *name;
        const fake_step *steps;
        int (*then)(struct got *g, const char *name);
        const char *log;
        bool freed;
    } cases[] = {
        {"list, free", in_list, free_at_b, "[ +a +b ", true},
        {"list, stop", in_list, stop_at_b, "[ +a +b ", false},
        {"list, restart", in_list, restart_at_b, "[ +a +b [ +z ] ", false},
        {"watch, free", in_watch, free_at_b, "[ ] +a +b ", true},
        {"watch, stop", in_watch, stop_at_b, "[ ] +a +b ", false},
        {"watch, restart", in_watch, restart_at_b, "[ ] +a +b [ +z ] ", false},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        fixture x;
        fixture_start(&x, cases[i].steps);
        struct got g = {.x = &x, .then = cases[i].then};
        gs_informer_options o = options(&g);
        o.idle_ms = 0;
        g.i = gs_informer_new(x.k, &o);
        gs_informer_start(g.i);
        fixture_run_for(&x, 300);
        fixture_run_for(&x, 100);
        if (strcmp(g.log, cases[i].log) != 0)
            fail_msg("%s: \"%s\"", cases[i].name, g.log);
        if (!cases[i].freed)
            gs_informer_free(g.i);
        assert_int_equal(gs_kube_get_stats(x.k).watches, 0);
        fixture_stop(&x);
    }
}

static void faults_that_nobody_asks_for_are_logged(void **state)
{
    (void)state;
    static const fake_step steps[] = {
        {.expect = LIST_REQ, .status = 403},
        {.expect = LIST_REQ, .status = 200, .body = LIST("5", "")},
        {.expect = WATCH_REQ("5"), .status = 200, .body = BOOKMARK("6"), .then = FAKE_HANG},
        {0}};
    fixture x;
    fixture_start(&x, steps);
    struct got g = {.x = &x, .stop_when = "] "};
    gs_informer_options o = options(&g);
    o.on_fault = NULL;
    o.on_list_begin = NULL;
    g.i = gs_informer_new(x.k, &o);
    gs_informer_start(g.i);
    fixture_run(&x);
    fixture_run_for(&x, 100);
    gs_informer_stats s = gs_informer_get_stats(g.i);
    assert_int_equal(s.lists, 2);
    assert_int_equal(s.watches, 1);
    assert_int_equal(s.bookmarks, 1);
    assert_int_equal(s.faults, 1);
    assert_true(s.last_heard_ms > 0);
    gs_informer_free(g.i);
    fixture_stop(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows),
        cmocka_unit_test(stopped_within_callbacks),
        cmocka_unit_test(faults_that_nobody_asks_for_are_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
