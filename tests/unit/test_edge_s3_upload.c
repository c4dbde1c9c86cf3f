/* Uploads in parts into stores that err in the middle, lie, and are slow; the store that does all right is in
 * tests/component/test_s3.py. */
#include "base/limits.h"
#include "destinations_fixture.h"
#include "edge/s3_internal.h"
#include "http_fixture.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define NONE "Content-Length: 0\r\n\r\n"
#define CLOSED "Connection: close\r\n\r\n"
#define CUT OK "Connection: close\r\nETag: \"e"
#define ID "<InitiateMultipartUploadResult><UploadId>a/b+c&amp;d=</UploadId></InitiateMultipartUploadResult>"
#define DONE                                                                                                           \
    "<?xml version=\"1.0\"?>\n<CompleteMultipartUploadResult xmlns=\"x\"><ETag>&quot;e&quot;</ETag></CompleteMultipartUploadResult>"
#define ERROR(code) "<Error><Code>" code "</Code><Message>SECRET</Message></Error>"
#define SIZE (2 * GS_S3_PART + 7) /* three parts */

/* What the store answers where it is not to do its best; and what it was asked. */
static struct script {
    const char *create, *complete, *head, *abort;
    const char *part; /* to the part of this number */
    int number, slow_ms;
} script;
static char asked[512], seen_create[8192], seen_part[8192], seen_complete[8192];
static atomic_size_t taken;

static bool reply(int fd, const char *bytes)
{
    return raw_sends(fd, bytes) && !strstr(bytes, "Connection: close");
}

static bool body_reply(int fd, const char *xml)
{
    gs_autofree char *text = gs_sprintf(OK "Content-Length: %zu\r\n\r\n%s", strlen(xml), xml);
    return raw_sends(fd, text);
}

static bool took_part(int fd, const char *request, int number)
{
    char text[256], sum[GS_SHA256_BASE64_LEN] = "";
    const char *header = strcasestr(request, "x-amz-checksum-sha256: "),
               *length = strcasestr(request, "Content-Length: ");
    if (header)
        (void)sscanf(header + 23, "%44[^\r]", sum);
    atomic_fetch_add(&taken, strtoul(length + 16, NULL, 10));
    (void)snprintf(text, sizeof text, OK "ETag: \"e&%d\"\r\nx-amz-checksum-sha256: %s\r\n" NONE, number, sum);
    return raw_sends(fd, text);
}

static void note(const char *what, char *seen, const char *request)
{
    (void)snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "%s ", what);
    if (seen)
        (void)snprintf(seen, sizeof seen_create, "%s", request);
}

static bool part(int fd, const char *request)
{
    int number = 0;
    char what[32];
    (void)sscanf(strstr(request, "partNumber="), "partNumber=%d", &number);
    (void)snprintf(what, sizeof what, "part%d", number);
    note(what, number == 1 ? seen_part : NULL, request);
    if (script.part && number == script.number)
        return reply(fd, script.part);
    return took_part(fd, request, number);
}

static bool serve(int fd, const char *request)
{
    if (script.slow_ms && !raw_pause(fd, script.slow_ms))
        return false;
    if (strncmp(request, "DELETE ", 7) == 0) {
        note("abort", NULL, NULL);
        return reply(fd, script.abort ? script.abort : "HTTP/1.1 204 x\r\n\r\n");
    }
    if (strncmp(request, "HEAD ", 5) == 0) {
        note("head", NULL, NULL);
        return reply(fd, script.head ? script.head : OK "Content-Length: 10485767\r\n\r\n");
    }
    if (strncmp(request, "POST ", 5) == 0 && strstr(request, "?uploads= HTTP")) {
        note("create", seen_create, request);
        return script.create ? reply(fd, script.create) : body_reply(fd, ID);
    }
    if (strncmp(request, "POST ", 5) == 0) {
        note("complete", seen_complete, request);
        return script.complete ? reply(fd, script.complete) : body_reply(fd, DONE);
    }
    if (strstr(request, "?partNumber="))
        return part(fd, request);
    note("put", NULL, NULL);
    return raw_sends(fd, OK NONE);
}

static const struct raw_answer answers[] = {{.path = "/bucket/k", .fn = serve}, {.path = NULL}};

static raw_server store;
static gs_loop *loop;
static gs_s3 *s3;
static const gs_s3_credentials keys = {.access_key = "AKID", .secret_key = "hush", .session_token = "to/ken"};

static struct source {
    gs_s3_upload *upload;
    size_t n, sent, ahead, rooms;
    bool deaf, inside;
    int calls;
    gs_error err;
    gs_s3_stored stored;
} source;

static char byte_at(size_t at)
{
    return (char)(at * 13 + (at >> 12));
}

static void pour(void)
{
    char piece[16384];
    while (source.upload && source.sent < source.n) {
        size_t n = source.n - source.sent < sizeof piece ? source.n - source.sent : sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = byte_at(source.sent + i);
        source.sent += n;
        source.inside = true;
        bool more = gs_s3_upload_write(source.upload, piece, n);
        source.inside = false;
        size_t ahead = source.sent - atomic_load(&taken);
        source.ahead = ahead > source.ahead ? ahead : source.ahead;
        if (!more && !source.deaf)
            return;
    }
    if (source.upload)
        gs_s3_upload_finish(source.upload);
}

static void on_room(void *ctx)
{
    assert_ptr_equal(ctx, &source);
    assert_false(source.inside);
    source.rooms++;
    pour();
}

static void on_uploaded(void *ctx, const gs_s3_stored *s, const gs_error *err)
{
    assert_ptr_equal(ctx, &source);
    assert_false(source.inside);
    source.upload = NULL;
    source.calls++;
    source.err = *err;
    source.stored = *s;
    gs_loop_stop(loop);
}

static gs_s3_spec where(void)
{
    gs_s3_spec s = {.region = "us-east-1", .bucket = "bucket"};
    (void)snprintf(s.endpoint, sizeof s.endpoint, "http://127.0.0.1:%d", store.port);
    return s;
}

static void begin(const gs_s3_spec *to, size_t n)
{
    asked[0] = 0;
    atomic_store(&taken, 0);
    source = (struct source){.n = n};
    source.upload = gs_s3_upload_start(s3, to, &keys, "k", "application/octet-stream", on_room, on_uploaded, &source);
}

static void upload(size_t n)
{
    gs_s3_spec to = where();
    begin(&to, n);
    pour();
    assert_int_equal(source.calls, 0);
    run_loop(loop);
    assert_int_equal(source.calls, 1);
}

/* What S3 calls the checksum of an object in parts. */
static void composite(size_t n, char *dst, size_t cap)
{
    uint8_t sums[3][GS_SHA256_LEN];
    char base64[GS_SHA256_BASE64_LEN];
    gs_autofree char *bytes = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_at(i);
    for (size_t i = 0; i < 3; i++)
        gs_sha256((gs_str){bytes + i * GS_S3_PART, i < 2 ? GS_S3_PART : n - 2 * GS_S3_PART}, sums[i]);
    gs_sha256_base64((gs_str){(const char *)sums, sizeof sums}, base64);
    (void)snprintf(dst, cap, OK "x-amz-checksum-sha256: %s-3\r\nContent-Length: %zu\r\n\r\n", base64, n);
}

static void stores(void **state)
{
    static char right[256];
    composite(SIZE, right, sizeof right);
    const struct {
        const char *name;
        struct script script;
        enum gs_kind kind;
        const char *says, *asked;
    } t[] = {
        {"all well", {0}, GS_OK, "", "create part1 part2 part3 complete head "},
        {"and it says so", {.head = right}, GS_OK, "", "create part1 part2 part3 complete head "},
        {"create fails",
         {.create = "HTTP/1.1 500 x\r\n" CLOSED ERROR("InternalError")},
         GS_TRANSIENT,
         "500 InternalError",
         "create "},
        {"create is denied",
         {.create = "HTTP/1.1 403 x\r\n" CLOSED ERROR("AccessDenied")},
         GS_REFUSED,
         "403 AccessDenied",
         "create "},
        {"create dies", {.create = CUT}, GS_TRANSIENT, "closed within the headers", "create "},
        {"create says nothing", {.create = OK NONE}, GS_TERMINAL, "its answer names no upload", "create "},
        {"create answers HTML",
         {.create = OK CLOSED "<html><UploadId>x</UploadId></html>"},
         GS_TERMINAL,
         "its answer names no upload",
         "create "},
        {"create gives two ids",
         {.create = OK CLOSED "<InitiateMultipartUploadResult><UploadId>x</UploadId><UploadId>y</UploadId>"
                              "</InitiateMultipartUploadResult>"},
         GS_TERMINAL,
         "its answer names no upload",
         "create "},
        {"the second part fails",
         {.part = "HTTP/1.1 500 x\r\n" CLOSED ERROR("InternalError"), .number = 2},
         GS_TRANSIENT,
         "500 InternalError",
         "create part1 part2 abort "},
        {"the second part is cut",
         {.part = CUT, .number = 2},
         GS_TRANSIENT,
         "closed within the headers",
         "create part1 part2 abort "},
        {"the last part fails",
         {.part = "HTTP/1.1 503 x\r\n" CLOSED ERROR("SlowDown"), .number = 3},
         GS_TRANSIENT,
         "503 SlowDown",
         "create part1 part2 part3 abort "},
        {"no checksum of a part",
         {.part = OK "ETag: \"e\"\r\n" NONE, .number = 1},
         GS_REFUSED,
         "does not confirm parts",
         "create part1 abort "},
        {"another checksum",
         {.part = OK "ETag: \"e\"\r\nx-amz-checksum-sha256: 1M4sUnr+Z0x6CGvXTiVgGePV3Nsx7rbqre9a2oxDg7k=\r\n" NONE,
          .number = 2},
         GS_REFUSED,
         "a part's SHA-256 differs",
         "create part1 part2 abort "},
        {"the upload is forgotten",
         {.part = "HTTP/1.1 404 x\r\n" CLOSED ERROR("NoSuchUpload"), .number = 2},
         GS_TRANSIENT,
         "NoSuchUpload",
         "create part1 part2 abort "},
        {"complete fails with 200",
         {.complete = OK CLOSED ERROR("InternalError")},
         GS_TRANSIENT,
         "failed: InternalError",
         "create part1 part2 part3 complete abort "},
        {"complete fails with 200 and unknown words",
         {.complete = OK CLOSED ERROR("SECRET")},
         GS_TRANSIENT,
         "and failed",
         "create part1 part2 part3 complete abort "},
        {"complete says nothing",
         {.complete = OK NONE},
         GS_TRANSIENT,
         "and failed",
         "create part1 part2 part3 complete abort "},
        {"complete is refused",
         {.complete = "HTTP/1.1 400 x\r\n" CLOSED ERROR("InvalidPart")},
         GS_TRANSIENT,
         "InvalidPart",
         "create part1 part2 part3 complete abort "},
        {"the abort fails too",
         {.complete = "HTTP/1.1 400 x\r\n" CLOSED ERROR("InvalidPart"), .abort = "HTTP/1.1 500 x\r\n" NONE},
         GS_TRANSIENT,
         "InvalidPart",
         "create part1 part2 part3 complete abort "},
        {"the object is not there",
         {.head = "HTTP/1.1 404 x\r\n\r\n"},
         GS_TRANSIENT,
         "does not have the object",
         "create part1 part2 part3 complete head "},
        {"it is shorter",
         {.head = OK "Content-Length: 10485760\r\n\r\n"},
         GS_REFUSED,
         "holds 10485760 bytes, 10485767 were sent",
         "create part1 part2 part3 complete head "},
        {"it is another",
         {.head = OK "Content-Length: 10485767\r\nx-amz-checksum-sha256: "
                     "1M4sUnr+Z0x6CGvXTiVgGePV3Nsx7rbqre9a2oxDg7k=-3\r\n\r\n"},
         GS_REFUSED,
         "its SHA-256 differs",
         "create part1 part2 part3 complete head "},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        script = t[i].script;
        upload(SIZE);
        print_message("%s: %s\n", t[i].name, source.err.msg);
        assert_string_equal(asked, t[i].asked);
        assert_int_equal(source.err.kind, t[i].kind);
        assert_contains(source.err.msg, t[i].says);
        assert_lacks(source.err.msg, "SECRET");
    }
    script = (struct script){0};
}

static void what_is_sent(void **state)
{
    (void)state;
    gs_s3_spec to = where();
    to.sse = GS_SSE_KMS;
    (void)snprintf(to.kms_key_id, sizeof to.kms_key_id, "arn:aws:kms:eu:1:key/2");
    begin(&to, SIZE);
    pour();
    run_loop(loop);
    assert_int_equal(source.err.kind, GS_OK);
    assert_int_equal(source.stored.bytes, SIZE);
    assert_contains(seen_create, "POST /bucket/k?uploads= HTTP/1.1\r\n");
    assert_contains(seen_create, "\r\nContent-Type: application/octet-stream\r\n");
    assert_contains(seen_create, "\r\nx-amz-checksum-algorithm: SHA256\r\n");
    assert_contains(seen_create, "\r\nx-amz-server-side-encryption: aws:kms\r\n");
    assert_contains(seen_create, "\r\nx-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:eu:1:key/2\r\n");
    assert_contains(seen_part, "PUT /bucket/k?partNumber=1&uploadId=a%2Fb%2Bc%26d%3D HTTP/1.1\r\n");
    assert_contains(seen_part, "\r\nContent-Length: 5242880\r\n");
    assert_lacks(seen_part, "server-side-encryption");
    assert_contains(seen_complete, "POST /bucket/k?uploadId=a%2Fb%2Bc%26d%3D HTTP/1.1\r\n");
    assert_contains(seen_complete, "<PartNumber>3</PartNumber>");
    assert_contains(seen_complete, "<ETag>&quot;e&amp;2&quot;</ETag>");
    const char *const seen[] = {seen_create, seen_part, seen_complete};
    for (size_t i = 0; i < GS_LEN(seen); i++) {
        assert_contains(seen[i], "\r\nx-amz-security-token: to/ken\r\n");
        assert_contains(seen[i], "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKID/");
        assert_lacks(seen[i], "hush");
    }
}

/* However slow the store is, no more than two parts and a piece wait for it. */
static void a_slow_store(void **state)
{
    (void)state;
    script = (struct script){.slow_ms = 60, .head = OK "Content-Length: 23000000\r\n\r\n"};
    upload(23000000);
    assert_int_equal(source.err.kind, GS_OK);
    assert_true(source.rooms >= 3);
    print_message("at most %zu bytes ahead\n", source.ahead);
    assert_true(source.ahead <= 2 * GS_S3_PART + 16384);
    script = (struct script){0};
}

static void a_source_that_does_not_wait(void **state)
{
    (void)state;
    gs_s3_spec to = where();
    script = (struct script){.slow_ms = 50};
    begin(&to, 23000000);
    source.deaf = true;
    pour();
    run_loop(loop);
    assert_int_equal(source.err.kind, GS_NO_MEMORY);
    assert_contains(source.err.msg, "while there was no room");
    assert_string_equal(asked, "create abort ");
    script = (struct script){0};
}

/* Stopped at every moment: the source's own error comes, once what there was is aborted. Or nothing comes at all. */
static void stopped(void **state)
{
    static const struct {
        size_t n;
        int after_ms;
        bool finish;
        const char *asked;
    } t[] = {
        {100, 0, false, ""},
        {100, 50, false, ""},
        {GS_S3_PART + 1, 0, false, "create abort "},
        {GS_S3_PART + 1, 50, false, "create abort "},
        {SIZE, 350, true, "create abort "}, /* within the first part */
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++)
        for (int forget = 0; forget < 2; forget++) {
            gs_s3_spec to = where();
            gs_error why;
            (void)gs_error_set(&why, GS_CANCELLED, "the pod is gone");
            script = (struct script){.slow_ms = t[i].finish ? 250 : 100};
            begin(&to, t[i].n);
            for (size_t k = 0; k < t[i].n && !t[i].finish; k++)
                (void)gs_s3_upload_write(source.upload, "x", 1);
            if (t[i].finish)
                pour();
            run_for(loop, t[i].after_ms);
            if (forget)
                gs_s3_upload_forget(source.upload);
            else
                gs_s3_upload_abort(source.upload, &why);
            assert_int_equal(source.calls, 0);
            if (forget)
                run_for(loop, 700);
            else
                run_loop(loop);
            assert_int_equal(source.calls, !forget);
            if (!forget)
                assert_string_equal(source.err.msg, "the pod is gone");
            assert_string_equal(asked, t[i].asked);
        }
    script = (struct script){0};
}

static void freed_at_any_time(void **state)
{
    (void)state;
    for (int ms = 0; ms < 600; ms += 70) {
        gs_s3_spec to = where();
        script = (struct script){.slow_ms = 100};
        begin(&to, SIZE);
        pour();
        run_for(loop, ms);
        gs_s3_free(s3);
        assert_int_equal(source.calls, 0);
        run_for(loop, 5);
        assert_int_equal(gs_s3_new(loop, loopback_allowed(), &s3, NULL), 0);
    }
    script = (struct script){0};
}

static int setup(void **state)
{
    gs_error err = {0};
    (void)state;
    raw_start(&store, answers);
    return gs_loop_new(&loop, &err) || gs_s3_new(loop, loopback_allowed(), &s3, &err);
}

static int teardown(void **state)
{
    (void)state;
    gs_s3_free(s3);
    gs_loop_free(loop);
    raw_stop(&store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores),       cmocka_unit_test(what_is_sent),
        cmocka_unit_test(a_slow_store), cmocka_unit_test(a_source_that_does_not_wait),
        cmocka_unit_test(stopped),      cmocka_unit_test(freed_at_any_time),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
