/* Listings: pages decoded, stores that list what nobody asked for, links. */
#include "base/clock.h"
#include "base/limits.h"
#include "destinations_fixture.h"
#include "edge/s3_internal.h"
#include "http_fixture.h"

#define OBJECT(key, size)                                                                                              \
    "<Contents><Key>" key "</Key><LastModified>2026-01-01T00:00:26.000Z</LastModified><ETag>&quot;x&quot;</ETag>"      \
    "<Size>" size "</Size><Owner><ID>Key</ID></Owner></Contents>"
#define LIST(inside) "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://x/\">" inside "</ListBucketResult>"
#define UPLOAD(key, id)                                                                                                \
    "<Upload><Key>" key "</Key><UploadId>" id "</UploadId><Initiated>2026-01-01T00:00:26Z</Initiated></Upload>"
#define UPLOADS(inside) "<ListMultipartUploadsResult>" inside "</ListMultipartUploadsResult>"

static bool keep_item(void *ctx, const gs_s3_item *i)
{
    char *all = ctx;
    assert_int_equal(i->time_ms, 1767225626000);
    (void)snprintf(all + strlen(all), 400 - strlen(all), "%s=", i->key);
    if (i->upload_id)
        (void)snprintf(all + strlen(all), 400 - strlen(all), "%s ", i->upload_id);
    else
        (void)snprintf(all + strlen(all), 400 - strlen(all), "%llu ", (unsigned long long)i->bytes);
    return strcmp(i->key, "p/stop") != 0;
}

static void pages(void **state)
{
    static const struct {
        const char *xml;
        bool uploads;
        const char *items; /* NULL: refused */
        const char *token, *token2;
    } t[] = {
        {LIST(""), false, "", NULL, NULL},
        {"<ListBucketResult/>", false, "", NULL, NULL},
        {LIST("<IsTruncated>false</IsTruncated>" OBJECT("p/a", "1") OBJECT("p/b", "2")), false, "p/a=1 p/b=2 ", NULL,
         NULL},
        {LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b+%20</NextContinuationToken>" OBJECT(
             "p/a&amp;&lt;&gt;&quot;&apos;&#x20;&#233;&#x1F439;", "1")),
         false, "p/a&<>\"' \xc3\xa9\xf0\x9f\x90\xb9=1 ", "a&b+%20", NULL},
        {LIST(OBJECT("p/a%20b+c%2Bd%c3%A9", "18446744073709551615") "<EncodingType>url</EncodingType>"), false,
         "p/a b c+d\xc3\xa9=18446744073709551615 ", NULL, NULL},
        {LIST(OBJECT("p/a%20b+c", "1")), false, "p/a%20b+c=1 ", NULL, NULL},
        {LIST(OBJECT("p/stop", "1") OBJECT("q/x", "2")), false, "p/stop=1 ", NULL, NULL},
        {LIST("<!-- <x> --><CommonPrefixes><Prefix>q/</Prefix><Key>q/k</Key></CommonPrefixes>"
              "<a b='>' c=\"/>\"/><d e=\"1\" />" OBJECT("p/a", "1")),
         false, "p/a=1 ", NULL, NULL},
        {LIST(OBJECT("q/x", "2")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p", "2")), false, NULL, NULL, NULL},
        {LIST(OBJECT("", "2")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/a", "")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/a", "-1")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/a", "18446744073709551616")), false, NULL, NULL, NULL},
        {LIST("<Contents><Key>p/a</Key><Size>1</Size></Contents>"), false, NULL, NULL, NULL},
        {LIST("<Contents/>"), false, NULL, NULL, NULL},
        {LIST("<IsTruncated>true</IsTruncated>"), false, NULL, NULL, NULL},
        {LIST("<EncodingType>url</EncodingType>" OBJECT("p/%", "1")), false, NULL, NULL, NULL},
        {LIST("<EncodingType>url</EncodingType>" OBJECT("p/%0", "1")), false, NULL, NULL, NULL},
        {LIST("<EncodingType>url</EncodingType>" OBJECT("p/%00", "1")), false, NULL, NULL, NULL},
        {LIST("<EncodingType>url</EncodingType>" OBJECT("p/%zz", "1")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/&#0;", "1")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/&#xD800;", "1")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/&#x110000;", "1")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/&#99999999999;", "1")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/&;", "1")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/&nbsp;", "1")), false, NULL, NULL, NULL},
        {LIST(OBJECT("p/&amp", "1")), false, NULL, NULL, NULL},
        {LIST("<![CDATA[x]]>"), false, NULL, NULL, NULL},
        {"<!DOCTYPE a [<!ENTITY b \"c\">]>" LIST(""), false, NULL, NULL, NULL},
        {"", false, NULL, NULL, NULL},
        {"text", false, NULL, NULL, NULL},
        {"<html></html>", false, NULL, NULL, NULL},
        {"<ListBucketResult>", false, NULL, NULL, NULL},
        {"<ListBucketResult></listBucketResult>", false, NULL, NULL, NULL},
        {"</ListBucketResult>", false, NULL, NULL, NULL},
        {LIST("") LIST(""), false, NULL, NULL, NULL},
        {LIST("") "x", false, NULL, NULL, NULL},
        {LIST("<a b=\"></a>"), false, NULL, NULL, NULL},
        {LIST("<a <b></b></a>"), false, NULL, NULL, NULL},
        {LIST("<></>"), false, NULL, NULL, NULL},
        {LIST("<!-- "), false, NULL, NULL, NULL},
        {LIST("<? "), false, NULL, NULL, NULL},
        {LIST("<a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a>"), false, NULL, NULL, NULL},
        {UPLOADS(""), false, NULL, NULL, NULL},
        {LIST(""), true, NULL, NULL, NULL},
        {UPLOADS(UPLOAD("p/a", "id+/=")), true, "p/a=id+/= ", NULL, NULL},
        {UPLOADS("<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><NextKeyMarker>p/a+%2B</NextKeyMarker>"
                 "<NextUploadIdMarker>i+d</NextUploadIdMarker>" UPLOAD("p/a+b", "i")),
         true, "p/a b=i ", "p/a +", "i+d"},
        {UPLOADS(UPLOAD("p/a", "")), true, NULL, NULL, NULL},
        {UPLOADS(UPLOAD("q/a", "i")), true, NULL, NULL, NULL},
        {UPLOADS("<IsTruncated>true</IsTruncated>"), true, NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        char items[400] = "";
        gs_error err = {0};
        gs_cleanup(gs_s3_page_done) gs_s3_page page = {0};
        int rc = gs_s3_page_read(gs_str_of(t[i].xml), t[i].uploads, "p/", keep_item, items, &page, &err);
        print_message("%s\n", t[i].xml);
        assert_int_equal(rc, t[i].items ? 0 : -GS_TERMINAL);
        if (!t[i].items)
            continue;
        assert_string_equal(items, t[i].items);
        assert_int_equal(page.more, t[i].token != NULL);
        assert_string_equal(page.token.n ? page.token.p : "", t[i].token ? t[i].token : "");
        assert_string_equal(page.token2.n ? page.token2.p : "", t[i].token2 ? t[i].token2 : "");
    }
}

/* Stores */

static raw_server store;
static gs_loop *loop;
static gs_s3 *s3;
static gs_s3_list *list;
static const gs_s3_credentials keys = {.access_key = "AKID", .secret_key = "hush"};
static int answered, objects, cancel_at;
static unsigned swept;
static gs_error answer;
static char asked[8192];

static bool body_reply(int fd, const char *xml)
{
    gs_autofree char *text = gs_sprintf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(xml), xml);
    return raw_sends(fd, text);
}

static void note(const char *request)
{
    (void)snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "%.*s\n", (int)strcspn(request, "\r"), request);
}

static bool three_pages(int fd, const char *request)
{
    note(request);
    if (strstr(request, "token=one%2B%2F%3D&"))
        return body_reply(fd,
                          LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>two</NextContinuationToken>"));
    if (strstr(request, "token=two&"))
        return body_reply(fd, LIST(OBJECT("p/c", "3")));
    return body_reply(
        fd, LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>one+/=</NextContinuationToken>" OBJECT(
                "p/a", "1") OBJECT("p/b", "2")));
}

static bool same_token(int fd, const char *request)
{
    (void)request;
    return body_reply(fd, LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"));
}

static bool other_keys(int fd, const char *request)
{
    (void)request;
    return body_reply(fd, LIST(OBJECT("p/a", "1") OBJECT("other/a", "1")));
}

static bool endless(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<ListBucketResult>");
    while (ok)
        ok = raw_sends(fd, OBJECT("p/a", "1") OBJECT("p/a", "1") OBJECT("p/a", "1") OBJECT("p/a", "1"));
    return false;
}

static bool cut(int fd, const char *request)
{
    (void)request;
    (void)raw_sends(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<ListBucketResult>");
    return false;
}

static bool denied(int fd, const char *request)
{
    (void)request;
    return raw_sends(fd, "HTTP/1.1 403 x\r\nConnection: close\r\n\r\n<Error><Code>AccessDenied</Code></Error>"), false;
}

static bool old_uploads(int fd, const char *request)
{
    note(request);
    if (strncmp(request, "DELETE ", 7) == 0)
        return raw_sends(fd,
                         strstr(request, "uploadId=gone")
                             ? "HTTP/1.1 404 x\r\nContent-Length: 39\r\n\r\n<Error><Code>NoSuchUpload</Code></Error>"
                         : strstr(request, "uploadId=bad") ? "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"
                                                           : "HTTP/1.1 204 x\r\n\r\n");
    if (strstr(request, "key-marker=p%2Fb&"))
        return body_reply(fd, UPLOADS(UPLOAD("p/c", "3")));
    return body_reply(fd, UPLOADS("<IsTruncated>true</IsTruncated><NextKeyMarker>p/b</NextKeyMarker>"
                                  "<NextUploadIdMarker>gone</NextUploadIdMarker>" UPLOAD("p/a b", "1/+")
                                      UPLOAD("p/b", "gone") "<Upload><Key>p/new</Key><UploadId>4</UploadId>"
                                                            "<Initiated>2126-01-01T00:00:00Z</Initiated></Upload>"));
}

static const struct raw_answer answers[] = {
    {.path = "/three-pages", .fn = three_pages},
    {.path = "/same-token", .fn = same_token},
    {.path = "/other-keys", .fn = other_keys},
    {.path = "/endless", .fn = endless},
    {.path = "/cut", .fn = cut},
    {.path = "/denied", .fn = denied},
    {.path = "/silent", .fn = raw_silent},
    {.path = "/uploads", .fn = old_uploads},
    {.path = "/uploads/p/a%20b", .fn = old_uploads},
    {.path = "/uploads/p/b", .fn = old_uploads},
    {.path = "/uploads/p/c", .fn = old_uploads},
    {.path = NULL},
};

static gs_s3_spec where(const char *bucket)
{
    gs_s3_spec s = {.region = "us-east-1"};
    (void)snprintf(s.endpoint, sizeof s.endpoint, "http://127.0.0.1:%d", store.port);
    (void)snprintf(s.bucket, sizeof s.bucket, "%s", bucket);
    return s;
}

static void on_object(void *ctx, const gs_s3_object *o)
{
    (void)ctx;
    (void)o;
    if (++objects == cancel_at) {
        gs_s3_list_cancel(list);
        gs_loop_stop(loop);
    }
}

static void on_done(void *ctx, const gs_error *err)
{
    (void)ctx;
    answered++;
    answer = *err;
    gs_loop_stop(loop);
}

static void begin(const char *bucket, const char *prefix)
{
    gs_s3_spec to = where(bucket);
    answered = objects = 0;
    asked[0] = 0;
    list = gs_s3_list_start(s3, &to, &keys, prefix, on_object, on_done, NULL);
    assert_int_equal(answered, 0);
}

static void listings(void **state)
{
    static const struct {
        const char *bucket, *prefix;
        enum gs_kind kind;
        const char *says;
        int objects; /* -1: any */
    } t[] = {
        {"three-pages", "p/", GS_OK, "", 3},
        {"same-token", "p/", GS_TERMINAL, "the listing does not end", 0},
        {"other-keys", "p/", GS_TERMINAL, "list bucket other-keys at http://", 1},
        {"endless", "p/", GS_TERMINAL, "over 4194304 bytes", 0},
        {"cut", "p/", GS_TRANSIENT, "", 0},
        {"denied", "p/", GS_REFUSED, "403 AccessDenied", 0},
        {"three-pages", "p", GS_TERMINAL, "S3 prefix \"p\": must end with '/'", 0},
        {"three-pages", "/", GS_TERMINAL, "S3 prefix", 0},
        {"three-pages", "", GS_TERMINAL, "S3 prefix", 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        begin(t[i].bucket, t[i].prefix);
        run_loop(loop);
        print_message("%s: %s\n", t[i].bucket, answer.msg);
        assert_int_equal(answered, 1);
        assert_int_equal(answer.kind, t[i].kind);
        assert_contains(answer.msg, t[i].says);
        assert_int_equal(objects, t[i].objects);
    }
    begin("three-pages", "p/");
    run_loop(loop);
    assert_string_equal(
        asked, "GET /three-pages?encoding-type=url&list-type=2&max-keys=500&prefix=p%2F HTTP/1.1\n"
               "GET /three-pages?continuation-token=one%2B%2F%3D&encoding-type=url&list-type=2&max-keys=500&"
               "prefix=p%2F HTTP/1.1\n"
               "GET /three-pages?continuation-token=two&encoding-type=url&list-type=2&max-keys=500&prefix=p%2F "
               "HTTP/1.1\n");
}

static void on_swept(void *ctx, unsigned aborted, const gs_error *err)
{
    swept = aborted;
    on_done(ctx, err);
}

static bool is_mine(void *ctx, const char *key)
{
    const char *theirs = ctx;
    return !theirs || strcmp(key, theirs) != 0;
}

static void sweeps(void **state)
{
    (void)state;
    gs_s3_spec to = where("uploads");
    answered = 0;
    asked[0] = 0;
    gs_s3_sweep_uploads(s3, &to, &keys, "p/", 1000, is_mine, on_swept, NULL);
    run_loop(loop);
    assert_int_equal(answered, 1);
    assert_int_equal(answer.kind, GS_OK);
    assert_int_equal(swept, 2);
    assert_string_equal(asked, "GET /uploads?encoding-type=url&max-uploads=200&prefix=p%2F&uploads= HTTP/1.1\n"
                               "DELETE /uploads/p/a%20b?uploadId=1%2F%2B HTTP/1.1\n"
                               "DELETE /uploads/p/b?uploadId=gone HTTP/1.1\n"
                               "GET /uploads?encoding-type=url&key-marker=p%2Fb&max-uploads=200&prefix=p%2F&"
                               "upload-id-marker=gone&uploads= HTTP/1.1\n"
                               "DELETE /uploads/p/c?uploadId=3 HTTP/1.1\n");
    /* One that is under way here is left alone. */
    gs_s3_upload *ours = gs_s3_upload_start(s3, &to, &keys, "p/c", "text/plain", NULL, NULL, NULL);
    asked[0] = 0;
    gs_s3_sweep_uploads(s3, &to, &keys, "p/", 1000, is_mine, on_swept, NULL);
    run_loop(loop);
    assert_int_equal(swept, 1);
    assert_lacks(asked, "uploadId=3");
    gs_s3_upload_forget(ours);
    run_for(loop, 10);
    /* Somebody else's is, too. */
    char theirs[] = "p/a b";
    asked[0] = 0;
    gs_s3_sweep_uploads(s3, &to, &keys, "p/", 1000, is_mine, on_swept, theirs);
    run_loop(loop);
    assert_int_equal(answer.kind, GS_OK);
    assert_int_equal(swept, 1);
    assert_lacks(asked, "DELETE /uploads/p/a%20b");
    assert_contains(asked, "uploadId=3");
    run_for(loop, 10);
}

static void never(void *ctx, const gs_error *err)
{
    (void)ctx;
    fail_msg("called back: %s", err->msg);
}

static void cancelled(void **state)
{
    (void)state;
    gs_s3_spec to = where("silent");
    for (cancel_at = 1; cancel_at <= 3; cancel_at++) {
        begin("three-pages", "p/");
        run_loop(loop);
        run_for(loop, 20);
        assert_int_equal(objects, cancel_at);
        assert_int_equal(answered, 0);
    }
    begin("silent", "p/");
    run_for(loop, 30);
    gs_s3_list_cancel(list);
    gs_s3_list_cancel(NULL);
    begin("three-pages", "");
    gs_s3_list_cancel(list); /* before its failure was told */
    gs_s3_delete(s3, &to, &keys, "k", never, &to);
    gs_s3_cancel(s3, &to);
    gs_s3_delete(s3, &to, &keys, "", never, &to);
    gs_s3_cancel(s3, &to);
    run_for(loop, 30);
    assert_int_equal(answered, 0);
}

/* "Authenticating Requests: Using Query Parameters", in AWS' documentation of S3. */
static void links(void **state)
{
    (void)state;
    gs_s3_spec aws = {.endpoint = "https://s3.amazonaws.com",
                      .region = "us-east-1",
                      .bucket = "examplebucket",
                      .addressing = GS_ADDRESSING_VIRTUAL_HOST};
    gs_s3_credentials cred = {.access_key = "AKIAIOSFODNN7EXAMPLE",
                              .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
    int64_t when;
    gs_error err = {0};
    gs_cleanup(gs_buf_done) gs_buf link = GS_BUF(10000);
    assert_true(gs_time_parse(GS_STR("2013-05-24T00:00:00Z"), &when));
    assert_int_equal(gs_s3_presign(&aws, &cred, "test.txt", when, 86400, &link, &err), 0);
    static const char expected[] =
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
        "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires="
        "86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    assert_string_equal(link.p, expected);
    /* the port of the scheme, and capitals, are no part of what a browser calls the host */
    (void)snprintf(aws.endpoint, sizeof aws.endpoint, "https://S3.amazonAWS.com:443");
    gs_buf_reset(&link);
    assert_int_equal(gs_s3_presign(&aws, &cred, "test.txt", when, 86400, &link, &err), 0);
    assert_contains(link.p, "https://examplebucket.s3.amazonaws.com:443/test.txt?");
    assert_contains(link.p, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    cred.session_token = "to/ken+=";
    gs_buf_reset(&link);
    assert_int_equal(gs_s3_presign(&aws, &cred, "test.txt", when, 86400, &link, &err), 0);
    assert_contains(link.p, "&X-Amz-Expires=86400&X-Amz-Security-Token=to%2Fken%2B%3D&X-Amz-SignedHeaders=host&");
    assert_lacks(link.p, "aeeed9bbccd4d02e");
}

static void links_refused(void **state)
{
    static const struct {
        const char *access, *secret, *key;
        int seconds;
        size_t room;
        enum gs_kind kind;
        const char *says;
    } t[] = {
        {NULL, "s", "k", 60, 9000, GS_REFUSED, "accessKeyId"},
        {"a", "", "k", 60, 9000, GS_REFUSED, "secretAccessKey"},
        {"a", "s", "k", 0, 9000, GS_TERMINAL, "1 to 604800"},
        {"a", "s", "k", 604801, 9000, GS_TERMINAL, "1 to 604800"},
        {"a", "s", "../k", 60, 9000, GS_TERMINAL, "S3 key"},
        {"a", "s", "k", 60, 100, GS_NO_MEMORY, "longer than 100"},
    };
    (void)state;
    gs_s3_spec to = where("bucket");
    for (size_t i = 0; i < GS_LEN(t); i++) {
        gs_s3_credentials cred = {.access_key = t[i].access, .secret_key = t[i].secret};
        gs_cleanup(gs_buf_done) gs_buf link = GS_BUF(t[i].room);
        gs_error err = {0};
        assert_int_equal(gs_s3_presign(&to, &cred, t[i].key, 0, t[i].seconds, &link, &err), -(int)t[i].kind);
        assert_contains(err.msg, t[i].says);
        assert_int_equal(link.n, 0);
    }
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
        cmocka_unit_test(pages),     cmocka_unit_test(listings), cmocka_unit_test(sweeps),
        cmocka_unit_test(cancelled), cmocka_unit_test(links),    cmocka_unit_test(links_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
