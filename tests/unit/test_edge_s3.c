/* Puts into stores that err, lie and fall silent; the store that does all right is in tests/component/test_s3.py. */
#include "base/limits.h"
#include "destinations_fixture.h"
#include "edge/s3_internal.h"
#include "http_fixture.h"
#include "wire/digest.h"

#include <netinet/in.h>

#define OK "HTTP/1.1 200 OK\r\n"
#define NONE "Content-Length: 0\r\n\r\n"
#define BODY "twelve bytes"
#define SUM "1M4sUnr+Z0x6CGvXTiVgGePV3Nsx7rbqre9a2oxDg7k="
#define XML(code) "<?xml version=\"1.0\"?>\n<Error><Code>" code "</Code><Message>SECRET words</Message></Error>"
#define REPLY(status, body) "HTTP/1.1 " status " x\r\nConnection: close\r\n\r\n" body

static raw_server store;
static gs_loop *loop;
static gs_s3 *s3;
static int answered;
static gs_error answer;
static char seen_put[16384], seen_head[16384];

/* Accepts a PUT, and answers HEAD with these headers. */
static bool head_says(int fd, const char *request, const char *headers)
{
    bool put = strncmp(request, "PUT ", 4) == 0;
    (void)snprintf(put ? seen_put : seen_head, sizeof seen_put, "%s", request);
    return raw_sends(fd, put ? OK NONE : OK) && (put || raw_sends(fd, headers));
}

#define HEADS(name, headers)                                                                                           \
    static bool name(int fd, const char *request)                                                                      \
    {                                                                                                                  \
        return head_says(fd, request, headers);                                                                        \
    }
HEADS(honest, "x-amz-checksum-sha256: " SUM "\r\nContent-Length: 12\r\n\r\n")
HEADS(other_sum, "x-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\nContent-Length: 12\r\n\r\n")
HEADS(other_case, "x-amz-checksum-sha256: 1m4Sunr+Z0x6CGvXTiVgGePV3Nsx7rbqre9a2oxDg7k=\r\nContent-Length: 12\r\n\r\n")
HEADS(other_length, "x-amz-checksum-sha256: " SUM "\r\nContent-Length: 13\r\n\r\n")
HEADS(no_sum, "Content-Length: 12\r\n\r\n")
HEADS(no_length, "x-amz-checksum-sha256: " SUM "\r\nConnection: close\r\n\r\n")

static bool head_status(int fd, const char *request, const char *reply)
{
    return strncmp(request, "PUT ", 4) == 0 ? raw_sends(fd, OK NONE) : (raw_sends(fd, reply), false);
}

static bool head_404(int fd, const char *request)
{
    return head_status(fd, request, "HTTP/1.1 404 x\r\n\r\n");
}

static bool head_403(int fd, const char *request)
{
    return head_status(fd, request, "HTTP/1.1 403 x\r\n\r\n");
}

static bool head_dies(int fd, const char *request)
{
    return head_status(fd, request, "");
}

/* Echoes the checksum in the answer to the PUT, has nothing for HEAD: an echo is no confirmation. */
static bool echoes(int fd, const char *request)
{
    return strncmp(request, "PUT ", 4) == 0 ? raw_sends(fd, OK "x-amz-checksum-sha256: " SUM "\r\n" NONE)
                                            : raw_sends(fd, OK "Content-Length: 12\r\n\r\n");
}

static bool redirects(int fd, const char *request)
{
    char reply[200];
    (void)request;
    (void)snprintf(reply, sizeof reply, "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:%d/bucket/honest\r\n" NONE,
                   store.port);
    return raw_sends(fd, reply);
}

static bool endless_error(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, REPLY("403", "<Error><Code>AccessDenied</Code>"));
    while (ok)
        ok = raw_sends(fd, "<Message>SECRET and more and more and more and more and more</Message>");
    return false;
}

static const struct raw_answer answers[] = {
    {.path = "/bucket/honest", .fn = honest},
    {.path = "/bucket/other-sum", .fn = other_sum},
    {.path = "/bucket/other-case", .fn = other_case},
    {.path = "/bucket/other-length", .fn = other_length},
    {.path = "/bucket/no-sum", .fn = no_sum},
    {.path = "/bucket/no-length", .fn = no_length},
    {.path = "/bucket/echoes", .fn = echoes},
    {.path = "/bucket/head-404", .fn = head_404},
    {.path = "/bucket/head-403", .fn = head_403},
    {.path = "/bucket/head-dies", .fn = head_dies},
    {.path = "/bucket/redirects", .fn = redirects},
    {.path = "/bucket/silent", .fn = raw_silent},
    {.path = "/bucket/endless-error", .fn = endless_error},
    {.path = "/bucket/garbage", .bytes = "\x01 no HTTP\n\n", .close = true},
    {.path = "/bucket/nothing", .bytes = "", .close = true},
    {.path = "/bucket/denied", .bytes = REPLY("403", XML("AccessDenied")), .close = true},
    {.path = "/bucket/signature", .bytes = REPLY("403", XML("SignatureDoesNotMatch")), .close = true},
    {.path = "/bucket/free-text", .bytes = REPLY("403", XML("SECRET-password-is-x")), .close = true},
    {.path = "/bucket/html", .bytes = REPLY("403", "<html>SECRET</html>"), .close = true},
    {.path = "/bucket/no-bucket", .bytes = REPLY("404", XML("NoSuchBucket")), .close = true},
    {.path = "/bucket/404", .bytes = REPLY("404", ""), .close = true},
    {.path = "/bucket/no-user", .bytes = REPLY("404", XML("XAdminUserNotFound")), .close = true},
    {.path = "/bucket/bad-digest", .bytes = REPLY("400", XML("BadDigest")), .close = true},
    {.path = "/bucket/region", .bytes = REPLY("400", XML("AuthorizationHeaderMalformed")), .close = true},
    {.path = "/bucket/expired", .bytes = REPLY("400", XML("ExpiredToken")), .close = true},
    {.path = "/bucket/timeout", .bytes = REPLY("400", XML("RequestTimeout")), .close = true},
    {.path = "/bucket/elsewhere", .bytes = REPLY("301", XML("PermanentRedirect")), .close = true},
    {.path = "/bucket/slow-down", .bytes = REPLY("503", XML("SlowDown")), .close = true},
    {.path = "/bucket/500", .bytes = REPLY("500", XML("InternalError")), .close = true},
    {.path = "/bucket/lying-500", .bytes = REPLY("500", XML("BadDigest")), .close = true},
    {.path = NULL},
};

static void keep(void *ctx, const gs_error *err)
{
    (void)ctx;
    answered++;
    answer = *err;
    gs_loop_stop(loop);
}

static void never(void *ctx, const gs_error *err)
{
    (void)ctx;
    fail_msg("called back: %s", err->msg);
}

static gs_s3_spec spec(const char *endpoint)
{
    gs_s3_spec s = {.region = "us-east-1", .bucket = "bucket"};
    if (endpoint)
        (void)snprintf(s.endpoint, sizeof s.endpoint, "%s", endpoint);
    else
        (void)snprintf(s.endpoint, sizeof s.endpoint, "http://127.0.0.1:%d", store.port);
    return s;
}

static const gs_s3_credentials keys = {.access_key = "AKID", .secret_key = "hush-hush"};

static void put(const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, const char *sha256)
{
    answered = 0;
    gs_s3_put(s3, where, cred, key, gs_str_of(BODY), sha256, "application/octet-stream", keep, NULL);
    assert_int_equal(answered, 0);
    run_loop(loop);
    assert_int_equal(answered, 1);
}

static int setup(void **state)
{
    gs_error err = {0};
    (void)state;
    raw_start(&store, answers);
    if (gs_loop_new(&loop, &err) || gs_s3_new(loop, loopback_allowed(), &s3, &err))
        fail_msg("%s", err.msg);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gs_s3_free(s3);
    gs_loop_free(loop);
    raw_stop(&store);
    return 0;
}

static void stores(void **state)
{
    static const struct {
        const char *key;
        enum gs_kind kind;
        const char *says;
    } t[] = {
        {"honest", GS_OK, ""},
        {"other-sum", GS_REFUSED, "holds other bytes than were sent"},
        {"other-case", GS_REFUSED, "holds other bytes than were sent"},
        {"other-length", GS_REFUSED, "holds 13 bytes, 12 were sent"},
        {"no-sum", GS_REFUSED, "does not confirm objects: no x-amz-checksum-sha256 from HEAD"},
        {"no-length", GS_REFUSED, "does not confirm objects: no Content-Length from HEAD"},
        {"echoes", GS_REFUSED, "no x-amz-checksum-sha256 from HEAD"},
        {"head-404", GS_TRANSIENT, "accepted the object, but does not have it"},
        {"head-403", GS_REFUSED, "to confirm an object, the keys need s3:GetObject"},
        {"head-dies", GS_TRANSIENT, "HEAD http://127.0.0.1"},
        {"redirects", GS_TERMINAL, "307 without a known S3 error code"},
        {"endless-error", GS_REFUSED, "403 AccessDenied: the keys need s3:PutObject"},
        {"garbage", GS_TERMINAL, "HTTP/0.9"},
        {"nothing", GS_TRANSIENT, "PUT http://127.0.0.1"},
        {"denied", GS_REFUSED, "403 AccessDenied"},
        {"signature", GS_REFUSED, "403 SignatureDoesNotMatch: is secretAccessKey"},
        {"free-text", GS_REFUSED, "403 without a known S3 error code"},
        {"html", GS_REFUSED, "403 without a known S3 error code"},
        {"no-bucket", GS_NOT_FOUND, "bucket bucket does not exist at http://127.0.0.1"},
        {"404", GS_TERMINAL, "404 without a known S3 error code: is s3.endpoint an S3 server?"},
        {"no-user", GS_REFUSED, "404 XAdminUserNotFound: the store does not know accessKeyId"},
        {"bad-digest", GS_TERMINAL, "400 BadDigest"},
        {"region", GS_REFUSED, "400 AuthorizationHeaderMalformed: is s3.region the bucket's?"},
        {"expired", GS_REFUSED, "400 ExpiredToken: sessionToken is no longer valid"},
        {"timeout", GS_TRANSIENT, "400 RequestTimeout"},
        {"elsewhere", GS_REFUSED, "301 PermanentRedirect: the bucket lives at another endpoint"},
        {"slow-down", GS_TRANSIENT, "503 SlowDown"},
        {"500", GS_TRANSIENT, "500 InternalError"},
        {"lying-500", GS_TRANSIENT, "500 BadDigest"},
    };
    (void)state;
    gs_s3_spec where = spec(NULL);
    for (size_t i = 0; i < GS_LEN(t); i++) {
        put(&where, &keys, t[i].key, NULL);
        if (answer.kind != t[i].kind)
            fail_msg("%s: kind %s: %s", t[i].key, gs_kind_name(answer.kind), answer.msg);
        assert_contains(answer.msg, t[i].says);
        assert_lacks(answer.msg, "SECRET");
        assert_lacks(answer.msg, "hush-hush");
    }
}

static void what_is_sent(void **state)
{
    gs_s3_credentials with_token = keys;
    char sha256[GS_SHA256_HEX_LEN];
    (void)state;
    gs_s3_spec where = spec(NULL);
    with_token.session_token = "to/ken+==";
    gs_sha256_hex(gs_str_of(BODY), sha256);
    put(&where, &with_token, "honest", sha256);
    assert_int_equal(answer.kind, GS_OK);
    assert_contains(seen_put, "PUT /bucket/honest HTTP/1.1\r\n");
    assert_contains(seen_put, "\r\nContent-Length: 12\r\n");
    assert_contains(seen_put, "\r\nContent-Type: application/octet-stream\r\n");
    assert_contains(seen_put, "\r\nx-amz-checksum-sha256: " SUM "\r\n");
    assert_contains(seen_put,
                    "\r\nx-amz-content-sha256: d4ce2c527afe674c7a086bd74e256019e3d5dcdb31eeb6eaadef5ada8c4383b9\r\n");
    assert_contains(seen_put, "\r\n\r\n" BODY);
    assert_contains(seen_head, "HEAD /bucket/honest HTTP/1.1\r\n");
    assert_contains(seen_head, "\r\nx-amz-checksum-mode: ENABLED\r\n");
    assert_contains(seen_head,
                    "\r\nx-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\n");
    for (int i = 0; i < 2; i++) {
        const char *seen = i ? seen_head : seen_put;
        assert_contains(seen, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKID/");
        assert_contains(seen, "/us-east-1/s3/aws4_request, SignedHeaders=");
        assert_contains(seen, "x-amz-security-token");
        assert_contains(seen, "\r\nx-amz-security-token: to/ken+==\r\n");
        assert_lacks(seen, "hush-hush");
    }
}

/* Answered from the loop like the rest, and nothing is sent. */
static void refused_before_sending(void **state)
{
    static const struct {
        const char *access, *secret, *token, *key, *sha256;
        enum gs_kind kind;
        const char *says;
    } t[] = {
        {NULL, "s", NULL, "k", NULL, GS_REFUSED, "accessKeyId is empty"},
        {"a", "", NULL, "k", NULL, GS_REFUSED, "secretAccessKey is empty"},
        {"a\n", "s", NULL, "k", NULL, GS_REFUSED, "accessKeyId holds a space, a line break"},
        {"a", "s\n", NULL, "k", NULL, GS_REFUSED, "secretAccessKey holds a space, a line break"},
        {"a", "s", "t\r\nX-Evil: 1", "k", NULL, GS_REFUSED, "sessionToken holds a space, a line break"},
        {"a", "s", NULL, "", NULL, GS_TERMINAL, "S3 key: has 0 bytes"},
        {"a", "s", NULL, "k", "abc", GS_TERMINAL, "must be 64 lower case hex digits"},
        {"a", "s", NULL, "k", "D4CE2C527AFE674C7A086BD74E256019E3D5DCDB31EEB6EAADEF5ADA8C4383B9", GS_TERMINAL,
         "must be 64 lower case hex digits"},
    };
    (void)state;
    gs_s3_spec where = spec(NULL);
    int before = atomic_load(&store.requests);
    for (size_t i = 0; i < GS_LEN(t); i++) {
        gs_s3_credentials cred = {.access_key = t[i].access, .secret_key = t[i].secret, .session_token = t[i].token};
        put(&where, &cred, t[i].key, t[i].sha256);
        assert_int_equal(answer.kind, t[i].kind);
        assert_contains(answer.msg, t[i].says);
    }
    assert_int_equal(atomic_load(&store.requests), before);
}

static void destinations(void **state)
{
    static const char *const refused[] = {"http://169.254.169.254",          "http://0.0.0.0:9",  "http://[fe80::1]",
                                          "http://[::ffff:169.254.169.254]", "http://2852039166", "http://224.0.0.1"};
    (void)state;
    for (size_t i = 0; i < GS_LEN(refused); i++) {
        gs_s3_spec where = spec(refused[i]);
        put(&where, &keys, "k", NULL);
        if (answer.kind != GS_REFUSED)
            fail_msg("%s: %s: %s", refused[i], gs_kind_name(answer.kind), answer.msg);
        assert_contains(answer.msg, "spec.snapshot.s3.endpoint: ");
    }
}

static void free_all(void *ctx, const gs_error *err)
{
    (void)ctx;
    (void)err;
    gs_s3_free(s3);
    s3 = NULL;
    gs_loop_stop(loop);
}

static void freed_at_any_time(void **state)
{
    static const char *const keys_of[] = {"honest", "denied", "nothing", ""};
    (void)state;
    gs_s3_spec where = spec(NULL);
    for (size_t i = 0; i <= GS_LEN(keys_of); i++) {
        gs_s3_put(s3, &where, &keys, "silent", gs_str_of(BODY), NULL, "text/plain", never, NULL);
        gs_s3_put(s3, &where, &keys, i < GS_LEN(keys_of) ? keys_of[i] : "silent", gs_str_of(BODY), NULL, "text/plain",
                  i < GS_LEN(keys_of) ? free_all : never, NULL);
        gs_s3_put(s3, &where, &keys, "silent", gs_str_of(BODY), NULL, "text/plain", never, NULL);
        if (i < GS_LEN(keys_of)) {
            run_loop(loop);
        } else {
            run_for(loop, 50);
            gs_s3_free(s3);
        }
        run_for(loop, 20);
        assert_int_equal(gs_s3_new(loop, loopback_allowed(), &s3, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores),
        cmocka_unit_test(what_is_sent),
        cmocka_unit_test(destinations),
        cmocka_unit_test(refused_before_sending),
        cmocka_unit_test(freed_at_any_time),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
