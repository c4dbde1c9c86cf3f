/* Notices to services that take them, refuse them, lie and fall silent. */
#include "edge/notify.h"

#include "destinations_fixture.h"
#include "edge/notify_internal.h"
#include "http_fixture.h"
#include "wire/digest.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define BODY "{\"a\":\"\xc3\xbc\"}"
#define JSON(status, n, body) "HTTP/1.1 " status " x\r\nContent-Length: " n "\r\n\r\n" body
#define WALL 1767225600123 /* 1767225600 in seconds */

static raw_server service;
static gs_loop *loop;
static gs_notify *notify;
static int answered;
static gs_error answer;
static int64_t answer_retry;
static char seen[16384];

static bool keeps(int fd, const char *request)
{
    (void)snprintf(seen, sizeof seen, "%s", request);
    return raw_sends(fd, JSON("200", "2", "ok"));
}

static bool redirects(int fd, const char *request)
{
    char reply[200];
    (void)request;
    (void)snprintf(reply, sizeof reply,
                   "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:%d/key-SECRET\r\n"
                   "Content-Length: 0\r\n\r\n",
                   service.port);
    return raw_sends(fd, reply);
}

static bool endless(int fd, const char *request)
{
    (void)request;
    if (!raw_sends(fd, OK "\r\n"))
        return false;
    while (raw_pause(fd, 0) && raw_sends(fd, "SECRET words SECRET words SECRET words SECRET words SECRET words "))
        ;
    return false;
}

static const struct raw_answer answers[] = {
    {.path = "/key-SECRET", .fn = keeps},
    {.path = "/api/v2/alerts", .fn = keeps},
    {.path = "/prefix/api/v2/alerts", .fn = keeps},
    {.path = "/wecom-ok", .bytes = JSON("200", "27", "{\"errcode\":0,\"errmsg\":\"ok\"}")},
    {.path = "/wecom-many", .bytes = JSON("200", "40", "{\"errcode\":45009,\"errmsg\":\"SECRET words\"}")},
    {.path = "/wecom-busy", .bytes = JSON("200", "14", "{\"errcode\":-1}")},
    {.path = "/wecom-bad", .bytes = JSON("200", "40", "{\"errmsg\":\"SECRET words\",\"errcode\":93000}")},
    {.path = "/wecom-none", .bytes = JSON("200", "12", "SECRET words")},
    {.path = "/no", .bytes = JSON("403", "12", "SECRET words")},
    {.path = "/bad", .bytes = JSON("400", "14", "invalid_blocks")},
    {.path = "/busy", .bytes = "HTTP/1.1 429 SECRET\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"},
    {.path = "/down", .bytes = JSON("503", "12", "SECRET words")},
    {.path = "/slow", .bytes = JSON("408", "0", "")},
    {.path = "/garbage", .bytes = "SECRET words\r\n\r\n", .close = true},
    {.path = "/nothing", .bytes = "", .close = true},
    {.path = "/redirects", .fn = redirects},
    {.path = "/endless", .fn = endless},
    {.path = "/silent", .fn = raw_silent},
    {0},
};

static void keep(void *ctx, const gs_error *err, int64_t retry_after_ms)
{
    (void)ctx;
    answered++;
    answer = *err;
    answer_retry = retry_after_ms;
    gs_loop_stop(loop);
}

static void never(void *ctx, const gs_error *err, int64_t retry_after_ms)
{
    (void)ctx;
    (void)retry_after_ms;
    fail_msg("called back: %s", err->msg);
}

static const char *at(const char *path)
{
    static char url[400];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", service.port, path);
    return url;
}

static void post(enum gs_notify_type t, const char *url, const char *key)
{
    answered = 0;
    seen[0] = 0;
    (void)gs_notify_send(notify, t, url, key, gs_str_of(BODY), WALL, keep, NULL);
    assert_int_equal(answered, 0);
    run_loop(loop);
    assert_int_equal(answered, 1);
    assert_null(strstr(answer.msg, "SECRET"));
}

static int setup(void **state)
{
    gs_error err = {0};
    (void)state;
    raw_start(&service, answers);
    if (gs_loop_new(&loop, &err) || gs_notify_new(loop, loopback_allowed(), &notify, &err))
        fail_msg("%s", err.msg);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gs_notify_free(notify);
    gs_loop_free(loop);
    raw_stop(&service);
    return 0;
}

static void outcomes(void **state)
{
    static const struct {
        enum gs_notify_type type;
        const char *path;
        enum gs_kind kind;
        const char *says;
        int64_t retry;
    } t[] = {
        {GS_NOTIFY_SLACK, "/key-SECRET", GS_OK, "", -1},
        {GS_NOTIFY_WECOM, "/wecom-ok", GS_OK, "", -1},
        {GS_NOTIFY_WECOM, "/wecom-many", GS_TRANSIENT, "errcode 45009", -1},
        {GS_NOTIFY_WECOM, "/wecom-busy", GS_TRANSIENT, "errcode -1", -1},
        {GS_NOTIFY_WECOM, "/wecom-bad", GS_TERMINAL, "errcode 93000", -1},
        {GS_NOTIFY_WECOM, "/wecom-none", GS_TERMINAL, "without an errcode", -1},
        {GS_NOTIFY_WEBHOOK, "/wecom-bad", GS_OK, "", -1}, /* only WeCom's answers are read */
        {GS_NOTIFY_SLACK, "/no", GS_TERMINAL, "answered 403: is the URL in the Secret", -1},
        {GS_NOTIFY_SLACK, "/bad", GS_TERMINAL, "answered 400", -1},
        {GS_NOTIFY_SLACK, "/busy", GS_TRANSIENT, "answered 429", 7000},
        {GS_NOTIFY_WEBHOOK, "/down", GS_TRANSIENT, "answered 503", -1},
        {GS_NOTIFY_WEBHOOK, "/slow", GS_TRANSIENT, "answered 408", -1},
        {GS_NOTIFY_WEBHOOK, "/garbage", GS_TERMINAL, "127.0.0.1:", -1},
        {GS_NOTIFY_WEBHOOK, "/nothing", GS_TRANSIENT, "127.0.0.1:", -1},
        {GS_NOTIFY_WEBHOOK, "/redirects", GS_TERMINAL, "answered 307 (redirects are not followed)", -1},
        {GS_NOTIFY_WEBHOOK, "/endless", GS_TERMINAL, "127.0.0.1:", -1},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        post(t[k].type, at(t[k].path), NULL);
        if (answer.kind != t[k].kind || !strstr(answer.msg, t[k].says) || answer_retry != t[k].retry)
            fail_msg("%s: %s, \"%s\", %lld", t[k].path, gs_kind_name(answer.kind), answer.msg, (long long)answer_retry);
        assert_int_equal(strlen(seen) > 0, strcmp(t[k].path, "/key-SECRET") == 0);
    }
}

static void what_is_sent(void **state)
{
    uint8_t mac[GS_SHA256_LEN];
    char hex[GS_SHA256_HEX_LEN];
    (void)state;
    post(GS_NOTIFY_WEBHOOK, at("/key-SECRET"), "top secret");
    assert_int_equal(answer.kind, GS_OK);
    assert_contains(seen, "POST /key-SECRET HTTP/1.1\r\n");
    assert_contains(seen, "\r\nContent-Type: application/json\r\n");
    assert_contains(seen, "\r\nX-Gostat-Timestamp: 1767225600\r\n");
    assert_contains(seen, "\r\n\r\n" BODY);
    gs_hmac_sha256(GS_STR("top secret"), GS_STR("1767225600." BODY), mac);
    gs_hex(mac, sizeof mac, hex);
    gs_autofree char *header = gs_sprintf("\r\nX-Gostat-Signature: sha256=%s\r\n", hex);
    assert_contains(seen, header);
    /* echo -n '1767225600.{"a":"ü"}' | openssl dgst -sha256 -hmac 'top secret' */
    assert_string_equal(hex, "3b78232f098ffb95b56115617f90331370ac60c45292984b4a0ff0b5d1ec97c1");
    post(GS_NOTIFY_WEBHOOK, at("/key-SECRET"), "");
    assert_null(strstr(seen, "X-Gostat"));
}

static void urls(void **state)
{
    static const struct {
        enum gs_notify_type type;
        const char *before, *after, *sent; /* the port is between; sent NULL: nothing */
        const char *says;
    } t[] = {
        {GS_NOTIFY_WEBHOOK, " \n http://127.0.0.1:", "/key-SECRET\r\n", "POST /key-SECRET ", ""},
        {GS_NOTIFY_ALERTMANAGER, "http://127.0.0.1:", "", "POST /api/v2/alerts ", ""},
        {GS_NOTIFY_ALERTMANAGER, "http://127.0.0.1:", "//", "POST /api/v2/alerts ", ""},
        {GS_NOTIFY_ALERTMANAGER, "http://127.0.0.1:", "/prefix", "POST /prefix/api/v2/alerts ", ""},
        {GS_NOTIFY_ALERTMANAGER, "http://127.0.0.1:", "/api/v2/alerts\n", "POST /api/v2/alerts ", ""},
        {GS_NOTIFY_WEBHOOK, "ftp://127.0.0.1:", "/key-SECRET", NULL, "no http:// or https:// URL"},
        {GS_NOTIFY_WEBHOOK, "127.0.0.1:", "/key-SECRET", NULL, "no http:// or https:// URL"},
        {GS_NOTIFY_WEBHOOK, "http:///", "/key-SECRET", NULL, "no http:// or https:// URL"},
        {GS_NOTIFY_WEBHOOK, "http://:", "/key-SECRET", NULL, "no http:// or https:// URL"},
        {GS_NOTIFY_WEBHOOK, "http://127.0.0.1:", "/key SECRET", NULL, "no http:// or https:// URL"},
        {GS_NOTIFY_WEBHOOK, "http://127.0.0.1:", "/key\nSECRET", NULL, "no http:// or https:// URL"},
        {GS_NOTIFY_WEBHOOK, NULL, "", NULL, "no http:// or https:// URL"},
        {GS_NOTIFY_WEBHOOK, "http://127.0.0.1:1", "99/key-SECRET", NULL, "127.0.0.1:1"},
        {GS_NOTIFY_WEBHOOK, "http://169.254.169.254:", "/key-SECRET", NULL, "is never connected to"},
        {GS_NOTIFY_WEBHOOK, "http://[::ffff:169.254.169.254]:", "/key-SECRET", NULL, "is never connected to"},
        {GS_NOTIFY_WEBHOOK, "http://0.0.0.0:", "/key-SECRET", NULL, "is never connected to"},
        {GS_NOTIFY_WEBHOOK, "http://2852039166:", "/key-SECRET", NULL, "four decimal numbers"},
        {GS_NOTIFY_WEBHOOK, "http://user:pass-SECRET@127.0.0.1:", "/key-SECRET", NULL, "no user and password"},
    };
    char url[200];
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        (void)snprintf(url, sizeof url, "%s%d%s", t[k].before ? t[k].before : "", t[k].before ? service.port : 0,
                       t[k].after);
        post(t[k].type, url, NULL);
        if ((answer.kind == GS_OK) != (t[k].sent != NULL) || !strstr(answer.msg, t[k].says) ||
            (t[k].sent && !gs_str_starts(gs_str_of(seen), t[k].sent)) || (!t[k].sent && seen[0]))
            fail_msg("%s: %s, \"%s\"; sent: %.60s", url, gs_kind_name(answer.kind), answer.msg, seen);
        assert_int_equal(answer.kind == GS_OK || answer.kind == GS_TERMINAL || answer.kind == GS_REFUSED, 1);
    }
}

static void codes(void **state)
{
    static const struct {
        const char *json;
        bool good;
        int64_t code;
    } t[] = {
        {"{\"errcode\":0}", true, 0},
        {"{\"errmsg\":{\"errcode\":7},\"errcode\":-1}", true, -1},
        {"{\"errcode\":9223372036854775807}", true, INT64_MAX},
        {"{\"errcode\":9223372036854775808}", false, 0},
        {"{\"errcode\":\"0\"}", false, 0},
        {"{\"errcode\":null}", false, 0},
        {"{\"errcode\":0.5}", false, 0},
        {"[{\"errcode\":0}]", false, 0},
        {"{\"errcode\"", false, 0},
        {"", false, 0},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        int64_t code = 0;
        if (gs_notify_wecom_code(gs_str_of(t[k].json), &code) != t[k].good || code != t[k].code)
            fail_msg("%s: %lld", t[k].json, (long long)code);
    }
}

static void cancelled(void **state)
{
    (void)state;
    gs_notify_cancel(NULL);
    gs_notify_cancel(gs_notify_send(notify, GS_NOTIFY_SLACK, at("/silent"), NULL, gs_str_of(BODY), WALL, never, NULL));
    gs_notify_cancel(gs_notify_send(notify, GS_NOTIFY_SLACK, "none", NULL, gs_str_of(BODY), WALL, never, NULL));
    run_for(loop, 50);
}

static void free_all(void *ctx, const gs_error *err, int64_t retry_after_ms)
{
    (void)ctx;
    (void)err;
    (void)retry_after_ms;
    gs_notify_free(notify);
    notify = NULL;
    gs_loop_stop(loop);
}

static void freed_at_any_time(void **state)
{
    static const char *const paths[] = {"/key-SECRET", "/no", "/nothing", " "};
    (void)state;
    for (size_t k = 0; k < GS_LEN(paths); k++) {
        (void)gs_notify_send(notify, GS_NOTIFY_SLACK, at("/silent"), NULL, gs_str_of(BODY), WALL, never, NULL);
        (void)gs_notify_send(notify, GS_NOTIFY_SLACK, paths[k][0] == ' ' ? "" : at(paths[k]), NULL, gs_str_of(BODY),
                             WALL, free_all, NULL);
        run_loop(loop);
        run_for(loop, 20);
        assert_int_equal(gs_notify_new(loop, loopback_allowed(), &notify, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes), cmocka_unit_test(what_is_sent), cmocka_unit_test(urls),
        cmocka_unit_test(codes),    cmocka_unit_test(cancelled),    cmocka_unit_test(freed_at_any_time),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
