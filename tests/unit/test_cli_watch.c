/* What watch makes of text that others wrote: names on a terminal, targets on the command line, events as lines. */
#include "base/mem.h"
#include "cli/term.h"
#include "cli/watch.h"
#include "core/resource.h"
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void term_text(void **state)
{
    static const struct {
        const char *name, *input;
        size_t width;
        const char *expected;
        size_t columns;
    } cases[] = {
        {"plain", "main.(*pool).acquire", GS_TERM_ANY, "main.(*pool).acquire", 20},
        {"empty", "", 5, "", 0},
        {"fits exactly", "abcde", 5, "abcde", 5},
        {"cut", "abcdef", 5, "abcd~", 5},
        {"cut to one", "abc", 1, "~", 1},
        {"no room", "abc", 0, "", 0},
        {"escape sequence", "\033[2Jx", GS_TERM_ANY, "\\x1b[2Jx", 8},
        {"new line and tab", "a\nb\tc", GS_TERM_ANY, "a\\x0ab\\x09c", 11},
        {"delete", "\x7f", GS_TERM_ANY, "\\x7f", 4},
        {"C1 control", "\xc2\x9b", GS_TERM_ANY, "\\u009b", 6},
        {"right to left override", "\xe2\x80\xae", GS_TERM_ANY, "\\u202e", 6},
        {"zero width", "a\xe2\x80\x8b", GS_TERM_ANY, "a\\u200b", 7},
        {"combining", "e\xcc\x81", GS_TERM_ANY, "e\\u0301", 7},
        {"broken UTF-8", "a\xff\xc3", GS_TERM_ANY, "a\\xff\\xc3", 9},
        {"accent", "caf\xc3\xa9", 4, "caf\xc3\xa9", 4},
        {"wide", "\xe4\xb8\xad\xe6\x96\x87", 4, "\xe4\xb8\xad\xe6\x96\x87", 4},
        {"wide cut in two", "\xe4\xb8\xad\xe6\x96\x87", 3, "\xe4\xb8\xad~", 3},
        {"wide, no room for half", "\xe4\xb8\xad\xe6\x96\x87", 2, "~", 1},
        {"escape cut whole", "ab\nc", 5, "ab~", 3},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(1000);
        size_t columns = gs_term_text(&out, gs_str_of(cases[i].input), cases[i].width);
        if (columns != cases[i].columns || !gs_str_is(gs_buf_str(&out), cases[i].expected))
            fail_msg("%s: got \"%.*s\" in %zu columns", cases[i].name, (int)out.n, out.p ? out.p : "", columns);
    }
}

static void term_cell(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(1000);
    gs_term_cell(&out, GS_STR("ab"), 4);
    gs_term_cell(&out, GS_STR("abcdef"), 4);
    gs_term_cell(&out, GS_STR(""), 2);
    assert_true(gs_str_is(gs_buf_str(&out), "ab  abc~  "));
}

static void targets(void **state)
{
    static const struct {
        const char *name, *input;
        const char *host; /* NULL: refused */
        int port;
    } cases[] = {
        {"IPv4", "127.0.0.1:6060", "127.0.0.1", 6060},
        {"IPv6", "[2001:db8::1]:80", "2001:db8::1", 80},
        {"host name", "shop-1.prod_2.example:65535", "shop-1.prod_2.example", 65535},
        {"leading zero", "a:080", "a", 80},
        {"URL", "http://a:1", NULL, 0},
        {"path", "a:1/x", NULL, 0},
        {"no port", "a", NULL, 0},
        {"empty port", "a:", NULL, 0},
        {"port 0", "a:0", NULL, 0},
        {"port too big", "a:65536", NULL, 0},
        {"port overflows", "a:18446744073709551617", NULL, 0},
        {"signed port", "a:+1", NULL, 0},
        {"empty", "", NULL, 0},
        {"colon", ":", NULL, 0},
        {"bracket", "[", NULL, 0},
        {"bracket and port", "[:1", NULL, 0},
        {"empty brackets", "[]:1", NULL, 0},
        {"IPv4 in brackets", "[127.0.0.1]:1", NULL, 0},
        {"zone", "[fe80::1%eth0]:1", NULL, 0},
        {"text behind the bracket", "[::1]x:1", NULL, 0},
        {"no brackets", "::1:80", NULL, 0},
        {"white space", "a b:1", NULL, 0},
        {"control", "a\033b:1", NULL, 0},
        {"flag-like", "-a:1", NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_watch_target t = {.host = "untouched"};
        gs_error err = {0};
        int rc = gs_watch_target_parse(cases[i].input, &t, &err);
        bool right = cases[i].host ? rc == 0 && gs_streq(t.host, cases[i].host) && t.port == cases[i].port &&
                                         gs_streq(t.name, cases[i].input) && gs_streq(t.workload, cases[i].input)
                                   : rc == -GS_TERMINAL && err.msg[0] && gs_streq(t.host, "untouched");
        if (!right)
            fail_msg("%s: %d, \"%s\" port %d, %s", cases[i].name, rc, t.host, t.port, err.msg);
    }
}

#define NAME63 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789"

static void replica_names(void **state)
{
    static const struct {
        const char *input;
        const char *workload, *name, *host; /* workload NULL: refused */
    } cases[] = {
        {"shop=127.0.0.1:6060", "shop", "127.0.0.1:6060", "127.0.0.1"},
        {"A-z_0.9=a:1", "A-z_0.9", "a:1", "a"},
        {"shop=[::1]:80", "shop", "[::1]:80", "::1"},
        {NAME63 "=a:1", NAME63, "a:1", "a"},
        {NAME63 "x=a:1", NULL, NULL, NULL},
        {"=a:1", NULL, NULL, NULL},
        {"shop=", NULL, NULL, NULL},
        {"shop=a", NULL, NULL, NULL},
        {"shop=b=a:1", NULL, NULL, NULL},
        {"b:2=a:1", NULL, NULL, NULL},
        {"a/b=a:1", NULL, NULL, NULL},
        {"a b=a:1", NULL, NULL, NULL},
        {"caf\xc3\xa9=a:1", NULL, NULL, NULL},
        {"..=a:1", NULL, NULL, NULL},
        {"-x=a:1", NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_watch_target t = {.host = "untouched"};
        gs_error err = {0};
        int rc = gs_watch_target_parse(cases[i].input, &t, &err);
        bool right = cases[i].workload ? rc == 0 && gs_streq(t.workload, cases[i].workload) &&
                                             gs_streq(t.name, cases[i].name) && gs_streq(t.host, cases[i].host)
                                       : rc == -GS_TERMINAL && err.msg[0] && gs_streq(t.host, "untouched");
        if (!right)
            fail_msg("%s: %d, \"%s\" of \"%s\", %s", cases[i].input, rc, t.host, t.workload, err.msg);
    }
}

/* A program may call its functions what it likes. */
static gs_incident *hostile_incident(void)
{
    gs_workload_ref w = {.kind = "Process", .ns = GS_WATCH_NS, .name = "127.0.0.1:1"};
    const gs_site site = {.id = "p0123456789", .state = GS_STATE_CHAN_SEND, .leaf = "a\033[31m\nb", .entry = "c\"d"};
    gs_incident *i = gs_incident_new(&w, &site);
    i->grade = GS_GRADE_PROBABLE;
    i->patterns[0].count = 7;
    return i;
}

static void json_line(void **state)
{
    (void)state;
    gs_cleanup(gs_incident_free) gs_incident *i = hostile_incident();
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(10000);
    const gs_watch_event e = {
        .event = GS_EVENT_INCIDENT, .t_ms = 12005, .target = "127.0.0.1:1", .incident = i, .reason = "x\ny"};
    gs_watch_event_json(&e, &out);
    assert_int_equal(out.p[out.n - 1], '\n');
    assert_ptr_equal(memchr(out.p, '\n', out.n), out.p + out.n - 1); /* one line, whatever the names */
    assert_null(memchr(out.p, '\033', out.n));
    assert_non_null(strstr(
        out.p,
        "{\"t\":12.005,\"event\":\"incident\",\"target\":\"127.0.0.1:1\",\"incident\":\"\",\"grade\":\"Probable\",\"podCount\":0,"));
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    assert_int_equal(gs_json_doc_parse(gs_buf_str(&out), 10000, &doc, NULL), 0);
    assert_string_equal(gs_json_doc_str(gs_json_doc_at(doc, "pattern", NULL), "leafFunction"), "a\033[31m\nb");
    assert_string_equal(gs_json_doc_str(doc, "type"), "GoroutineLeak");
    assert_string_equal(gs_json_doc_str(doc, "reason"), "x\ny");
}

static void text_lines(void **state)
{
    (void)state;
    gs_cleanup(gs_incident_free) gs_incident *i = hostile_incident();
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(10000);
    const gs_watch_event e = {
        .event = GS_EVENT_SUSPECTED, .t_ms = 1250, .target = "127.0.0.1:1", .reason = "a\033b\nc"};
    gs_watch_event_text(&e, &out);
    assert_string_equal(out.p, "     1.2 s  suspected  127.0.0.1:1  a\\x1bb\\x0ac\n");
    gs_buf_reset(&out);
    gs_watch_incident_text(i, NULL, &out);
    assert_null(memchr(out.p, '\033', out.n));
    assert_non_null(strstr(out.p, "  leaf      a\\x1b[31m\\x0ab\n"));
}

static void add_pod(gs_incident *i, const char *name, uint64_t leaking)
{
    i->pods = gs_grow(i->pods, &i->cap_pods, i->n_pods + 1, sizeof *i->pods);
    i->pods[i->n_pods] = (gs_incident_pod){.leaking = leaking};
    (void)gs_str_copy(i->pods[i->n_pods++].name, sizeof i->pods[0].name, gs_str_of(name));
}

static void replicas(void **state)
{
    (void)state;
    gs_cleanup(gs_incident_free) gs_incident *i = hostile_incident();
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(10000);
    add_pod(i, "127.0.0.1:1", 7);
    gs_watch_incident_text(i, NULL, &out);
    assert_null(strstr(out.p, "  in ")); /* the process itself is in the title */
    (void)gs_str_copy(i->workload.name, sizeof i->workload.name, GS_STR("shop"));
    add_pod(i, "127.0.0.1:2", 5);
    gs_buf_reset(&out);
    gs_watch_incident_text(i, NULL, &out);
    assert_non_null(strstr(out.p, "leak in shop ("));
    assert_non_null(strstr(out.p, "  in        127.0.0.1:1, 7 goroutines\n            127.0.0.1:2, 5 goroutines\n"));
    for (int k = 0; k < 20; k++)
        add_pod(i, "127.0.0.1:3", 1);
    gs_buf_reset(&out);
    gs_watch_incident_text(i, NULL, &out);
    assert_non_null(strstr(out.p, "            and 2 more\n"));
    gs_buf_reset(&out);
    gs_watch_event_json(&(gs_watch_event){.event = GS_EVENT_GRADED, .target = "shop", .incident = i, .reason = ""},
                        &out);
    assert_non_null(strstr(out.p, "\"target\":\"shop\",\"incident\":\"\",\"grade\":\"Probable\",\"podCount\":22,"));
}

/* Too much of something is no leak: it has a type, and no grade. */
static void resources(void **state)
{
    (void)state;
    const gs_workload_ref w = {.kind = "Process", .ns = GS_WATCH_NS, .name = "127.0.0.1:1"};
    gs_cleanup(gs_incident_free) gs_incident *i = gs_resource_incident(&w, GS_HIGH_HEAP);
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(10000);
    gs_watch_event e = {.event = GS_EVENT_INCIDENT, .target = "127.0.0.1:1", .incident = i, .reason = "x"};
    gs_watch_event_json(&e, &out);
    assert_non_null(strstr(out.p, "\"grade\":null,"));
    assert_non_null(strstr(out.p, "\"pattern\":null,\"patterns\":null,\"type\":\"Resource\",\"reason\":\"x\"}"));
    gs_buf_reset(&out);
    gs_watch_incident_text(i, NULL, &out);
    assert_non_null(strstr(out.p, "Too much heap in 127.0.0.1:1 (Low, Open)\n"));
    gs_buf_reset(&out);
    e.incident = NULL;
    gs_watch_event_json(&e, &out);
    assert_non_null(strstr(out.p, "\"type\":null,"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(term_text),     cmocka_unit_test(term_cell), cmocka_unit_test(targets),
        cmocka_unit_test(replica_names), cmocka_unit_test(json_line), cmocka_unit_test(text_lines),
        cmocka_unit_test(replicas),      cmocka_unit_test(resources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
