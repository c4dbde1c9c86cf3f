/* Events: what is written, what becomes a series, what is dropped. */
#include "kube/event_body.h"
#include "kube/events.h"
#include "kube_fake.h"
#include "wire/json_cursor.h"

#define POST "POST /apis/events.k8s.io/v1/namespaces/shop/events?fieldManager=tester&fieldValidation=Strict "
#define PATCH "PATCH /apis/events.k8s.io/v1/namespaces/shop/events/web."

static int64_t fake_now = 1000000;

static int64_t fake_ms(void *ctx)
{
    (void)ctx;
    return fake_now;
}

static const gs_clock fake_clock = {fake_ms, fake_ms, NULL};

static gs_kube_event event(const char *reason)
{
    return (gs_kube_event){
        .regarding = {.api_version = "apps/v1", .kind = "Deployment", .ns = "shop", .name = "web", .uid = "u1"},
        .type = GS_KUBE_WARNING,
        .reason = reason,
        .action = "Report",
        .note = "it leaks",
    };
}

static void start(fixture *x, const fake_step *steps, gs_kube_events **e, gs_kube_events_options o,
                  const gs_clock *clock)
{
    fixture_start_with(x, steps, (gs_kube_options){.clock = clock}, NULL);
    o.controller = "gostat.dev/controller";
    o.instance = "gostat-0";
    *e = gs_kube_events_new(x->k, &o);
}

static void flushed(void *ctx)
{
    fixture *x = ctx;
    (void)strcat(x->seen, "flushed");
    gs_loop_stop(x->loop);
}

static void end(fixture *x, gs_kube_events *e)
{
    gs_kube_events_free(e);
    fixture_stop(x);
}

static void repetitions_become_a_series(void **state)
{
    (void)state;
    static const fake_step steps[] = {
        {.expect = POST, .status = 201, .body = "{}"},
        {.expect = "{\"series\":{\"count\":4,\"lastObservedTime\":\"", .status = 200, .body = "{}"},
        {.expect = POST, .status = 201, .body = "{}"},           /* another reason */
        {.expect = "\"count\":5,", .status = 200, .body = "{}"}, /* by the flush */
        {0}};
    fixture x;
    gs_kube_events *e;
    start(&x, steps, &e, (gs_kube_events_options){.series_ms = 100}, NULL);
    gs_kube_event leak = event("LeakFound"), other = event("Resolved");
    gs_kube_events_record(e, &leak);
    assert_int_equal(x.f.logged, 0); /* never from within record */
    gs_kube_events_record(e, &leak);
    fixture_run_for(&x, 50);
    gs_kube_events_record(e, &leak);
    gs_kube_events_record(e, &leak);
    assert_string_equal(x.seen, "POST events 201;");
    fixture_run_for(&x, 150);
    assert_string_equal(x.seen, "POST events 201;PATCH events 200;");
    gs_kube_events_record(e, &other);
    fixture_run_for(&x, 50);
    gs_kube_events_record(e, &leak);
    gs_kube_events_flush(e, 5000, flushed, &x);
    fixture_run(&x);
    assert_contains(x.seen, "PATCH events 200;POST events 201;PATCH events 200;flushed");
    gs_kube_events_stats s = gs_kube_events_get_stats(e);
    assert_int_equal(s.recorded, 6);
    assert_int_equal(s.created, 2);
    assert_int_equal(s.patched, 2);
    assert_int_equal(s.series, 2);
    assert_int_equal(s.dropped + s.limited + s.pending, 0);
    fake_check(&x.f);
    end(&x, e);
}

static void after_the_window_it_is_a_new_event(void **state)
{
    (void)state;
    static const fake_step steps[] = {
        {.expect = POST, .status = 201, .body = "{}"}, {.expect = POST, .status = 201, .body = "{}"}, {0}};
    fixture x;
    gs_kube_events *e;
    start(&x, steps, &e, (gs_kube_events_options){0}, &fake_clock);
    gs_kube_event ev = event("LeakFound");
    gs_kube_events_record(e, &ev);
    fixture_run_for(&x, 50);
    fake_now += 6 * 60 * 1000 + 1;
    gs_kube_events_record(e, &ev);
    fixture_run_for(&x, 50);
    assert_int_equal(gs_kube_events_get_stats(e).created, 2);
    fake_check(&x.f);
    end(&x, e);
}

static void one_object_cannot_flood(void **state)
{
    (void)state;
    enum { BURST = 25 };
    fake_step steps[BURST + 3] = {{0}};
    for (int i = 0; i < BURST + 2; i++)
        steps[i] = (fake_step){.expect = "POST ", .status = 201, .body = "{}"};
    fixture x;
    gs_kube_events *e;
    start(&x, steps, &e, (gs_kube_events_options){0}, &fake_clock);
    gs_kube_event ev = event("LeakFound");
    char note[32];
    ev.note = note;
    for (int i = 0; i < BURST + 10; i++) {
        (void)snprintf(note, sizeof note, "note %d", i);
        gs_kube_events_record(e, &ev);
    }
    ev.regarding.name = "other"; /* has its own bucket */
    gs_kube_events_record(e, &ev);
    assert_int_equal(gs_kube_events_get_stats(e).limited, 10);
    fixture_run_for(&x, 200);
    fake_now += 5 * 60 * 1000;
    ev.regarding.name = "web";
    gs_kube_events_record(e, &ev); /* one more each 5 minutes */
    ev.note = "yet another";
    gs_kube_events_record(e, &ev);
    fixture_run_for(&x, 100);
    gs_kube_events_stats s = gs_kube_events_get_stats(e);
    assert_int_equal(s.created, BURST + 2);
    assert_int_equal(s.limited, 11);
    fake_check(&x.f);
    end(&x, e);
}

static void faults(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fake_step steps[8];
        uint64_t created, dropped;
    } cases[] = {
        {"503 is tried again", {{.expect = POST, .status = 503}, {.expect = POST, .status = 201, .body = "{}"}}, 1, 0},
        {"it got through the first time",
         {{.expect = POST, .status = 0},
          {.expect = POST, .status = 409, .body = "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"code\":409}"}},
         1,
         0},
        {"403 is dropped at once", {{.expect = POST, .status = 403}}, 0, 1},
        {"422 is dropped at once", {{.expect = POST, .status = 422}}, 0, 1},
        {"four times is enough",
         {{.expect = POST, .status = 500},
          {.expect = POST, .status = 500},
          {.expect = POST, .status = 500},
          {.expect = POST, .status = 500}},
         0,
         1},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        fixture x;
        gs_kube_events *e;
        start(&x, cases[i].steps, &e, (gs_kube_events_options){0}, NULL);
        gs_kube_event ev = event("LeakFound");
        gs_kube_events_record(e, &ev);
        gs_kube_events_flush(e, 15000, flushed, &x);
        fixture_run(&x);
        gs_kube_events_stats s = gs_kube_events_get_stats(e);
        if (s.created != cases[i].created || s.dropped != cases[i].dropped || s.pending)
            fail_msg("%s: created %d dropped %d pending %d; %s", cases[i].name, (int)s.created, (int)s.dropped,
                     (int)s.pending, x.seen);
        fake_check(&x.f);
        end(&x, e);
    }
}

static void a_series_whose_event_has_expired_begins_anew(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = POST, .status = 201, .body = "{}"},
                                      {.expect = PATCH, .status = 404},
                                      {.expect = POST, .status = 201, .body = "{}"},
                                      {0}};
    fixture x;
    gs_kube_events *e;
    start(&x, steps, &e, (gs_kube_events_options){.series_ms = 20}, NULL);
    gs_kube_event ev = event("LeakFound");
    for (int i = 0; i < 3; i++) {
        gs_kube_events_record(e, &ev);
        fixture_run_for(&x, 100);
    }
    assert_int_equal(gs_kube_events_get_stats(e).created, 2);
    assert_int_equal(gs_kube_events_get_stats(e).dropped, 1);
    fake_check(&x.f);
    end(&x, e);
}

static void caps(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = "/namespaces/default/events?", .status = 201, .body = "{}"},
                                      {.expect = "/namespaces/default/events?", .status = 201, .body = "{}"},
                                      {.expect = "/namespaces/default/events?", .status = 201, .body = "{}"},
                                      {0}};
    fixture x;
    gs_kube_events *e;
    start(&x, steps, &e, (gs_kube_events_options){.max_pending = 2, .max_series = 2}, NULL);
    gs_kube_event ev = event("A");
    ev.regarding = (gs_kube_object_ref){.api_version = "v1", .kind = "Node", .name = "n1"}; /* no namespace */
    gs_kube_events_record(e, &ev);
    ev.reason = "B";
    gs_kube_events_record(e, &ev);
    ev.reason = "C";
    gs_kube_events_record(e, &ev); /* two are being written */
    assert_int_equal(gs_kube_events_get_stats(e).dropped, 1);
    fixture_run_for(&x, 100);
    gs_kube_events_record(e, &ev); /* the oldest one makes room */
    fixture_run_for(&x, 100);
    gs_kube_events_stats s = gs_kube_events_get_stats(e);
    assert_int_equal(s.created, 3);
    assert_int_equal(s.series, 2);
    gs_kube_events_flush(e, 5000, flushed, &x); /* nothing to do: at once */
    fixture_run(&x);
    fake_check(&x.f);
    end(&x, e);
}

static void a_flush_does_not_wait_for_ever(void **state)
{
    (void)state;
    static const fake_step steps[] = {{.expect = POST, .status = 201, .delay_ms = 5000}, {0}};
    fixture x;
    gs_kube_events *e;
    start(&x, steps, &e, (gs_kube_events_options){0}, NULL);
    gs_kube_event ev = event("LeakFound");
    gs_kube_events_record(e, &ev);
    gs_kube_events_flush(e, 100, flushed, &x);
    fixture_run(&x);
    assert_contains(x.seen, "flushed");
    end(&x, e);
}

static void bodies(void **state)
{
    (void)state;
    char note[2001];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(note + i, "\xc3\xa4", 2);
    note[2000] = 0;
    note[0] = 'x';
    note[1] = 'y';
    gs_kube_event ev = event("LeakFound");
    gs_kube_object_ref pod = {.api_version = "v1", .kind = "Pod", .ns = "shop", .name = "web-1"};
    char long_reason[200];
    memset(long_reason, 'R', sizeof long_reason);
    long_reason[199] = 0;
    ev.related = &pod;
    ev.note = note;
    ev.reason = long_reason;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(100000);
    gs_error err = {0};
    assert_int_equal(gs_event_body(&b, &ev, "gostat.dev/controller", "gostat-0", "shop", "web.1", 0, &err), 0);
    char text[4096];
    static const char *const note_path[] = {"note", NULL}, *const reason[] = {"reason", NULL},
                             *const time[] = {"eventTime", NULL}, *const uid[] = {"regarding", "uid", NULL},
                             *const related[] = {"related", "name", NULL};
    assert_true(gs_json_find_string(gs_buf_str(&b), note_path, text, sizeof text));
    assert_int_equal(strlen(text), 1024);
    assert_true(gs_json_find_string(gs_buf_str(&b), reason, text, sizeof text));
    assert_int_equal(strlen(text), 128);
    assert_true(gs_json_find_string(gs_buf_str(&b), time, text, sizeof text));
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    assert_true(gs_json_find_string(gs_buf_str(&b), uid, text, sizeof text));
    assert_string_equal(text, "u1");
    assert_true(gs_json_find_string(gs_buf_str(&b), related, text, sizeof text));
    assert_string_equal(text, "web-1");
}

static void names(void **state)
{
    (void)state;
    char long_name[300], name[GS_EVENT_NAME_MAX + 1];
    memset(long_name, 'a', sizeof long_name);
    long_name[299] = 0;
    static const struct {
        const char *object, *expected;
    } cases[] = {{"web", "web.00000000000000ff"},   {"Web_1:x", "web-1-x.00000000000000ff"},
                 {"-web-", "web.00000000000000ff"}, {"a..b.-c", "a.b.c.00000000000000ff"},
                 {"a-.b", "a-b.00000000000000ff"},  {"", "00000000000000ff"},
                 {NULL, "00000000000000ff"}};
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_event_name(cases[i].object, 255, name);
        assert_string_equal(name, cases[i].expected);
    }
    gs_event_name(long_name, 255, name);
    assert_int_equal(strlen(name), 253);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repetitions_become_a_series),
        cmocka_unit_test(after_the_window_it_is_a_new_event),
        cmocka_unit_test(one_object_cannot_flood),
        cmocka_unit_test(faults),
        cmocka_unit_test(a_series_whose_event_has_expired_begins_anew),
        cmocka_unit_test(caps),
        cmocka_unit_test(a_flush_does_not_wait_for_ever),
        cmocka_unit_test(bodies),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
