/* Where an object goes: its URL, and what a store's error document says. */
#include "edge/s3_internal.h"
#include "http_fixture.h"

static gs_s3_spec spec(const char *endpoint)
{
    gs_s3_spec s = {.region = "us-east-1", .bucket = "bucket"};
    (void)snprintf(s.endpoint, sizeof s.endpoint, "%s", endpoint);
    return s;
}

static void urls(void **state)
{
    static const struct {
        const char *endpoint, *bucket, *key;
        enum gs_addressing addressing;
        const char *url; /* NULL: refused, and */
        const char *says;
    } t[] = {
        {"https://s3.example.com", "bkt", "a/b", GS_ADDRESSING_PATH, "https://s3.example.com/bkt/a/b", NULL},
        {"https://s3.example.com:9000", "bkt", "a", GS_ADDRESSING_VIRTUAL_HOST, "https://bkt.s3.example.com:9000/a",
         NULL},
        {"http://[::1]:80", "a.b-c", "k", GS_ADDRESSING_PATH, "http://[::1]:80/a.b-c/k", NULL},
        {"http://[::1]", "bkt", "k", GS_ADDRESSING_PATH, "http://[::1]/bkt/k", NULL},
        {"http://h", "bkt", "a b+c:d=e(f)'!*,;@&$~_-.%41\"\xc3\xa4", GS_ADDRESSING_PATH,
         "http://h/bkt/a%20b%2Bc%3Ad%3De%28f%29%27%21%2A%2C%3B%40%26%24~_-.%2541%22%C3%A4", NULL},
        {"http://h", "bkt", "a\r\nb?c#d", GS_ADDRESSING_PATH, "http://h/bkt/a%0D%0Ab%3Fc%23d", NULL},
        {"http://h", "bkt", "...", GS_ADDRESSING_PATH, "http://h/bkt/...", NULL},
        {"http://h", "bkt", "a/../b", GS_ADDRESSING_PATH, NULL, "S3 key \"a/../b\""},
        {"http://h", "bkt", "./b", GS_ADDRESSING_PATH, NULL, "S3 key"},
        {"http://h", "bkt", "/b", GS_ADDRESSING_PATH, NULL, "S3 key"},
        {"http://h", "bkt", "b/", GS_ADDRESSING_PATH, NULL, "S3 key"},
        {"http://h", "bkt", "a//b", GS_ADDRESSING_PATH, NULL, "S3 key"},
        {"http://h", "bkt", "", GS_ADDRESSING_PATH, NULL, "S3 key: has 0 bytes, must have 1 to 1024"},
        {"ftp://h", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint \"ftp://h\": must be http(s)://host"},
        {"h", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://:80", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://h/", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://h/p", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://u@h", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://u:p@h", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://h?q", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://h:", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://h:0", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://h:65536", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://[::1", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://[::1]x", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://[h]", "bkt", "k", GS_ADDRESSING_PATH, NULL, "s3.endpoint"},
        {"http://h", "bk", "k", GS_ADDRESSING_PATH, NULL, "s3.bucket \"bk\""},
        {"http://h", "a/b", "k", GS_ADDRESSING_PATH, NULL, "s3.bucket"},
        {"http://h", "..a", "k", GS_ADDRESSING_PATH, NULL, "s3.bucket"},
        {"http://h", "a..b", "k", GS_ADDRESSING_PATH, NULL, "s3.bucket"},
        {"http://h", "a@b", "k", GS_ADDRESSING_VIRTUAL_HOST, NULL, "s3.bucket"},
        {"http://127.0.0.1:9", "bkt", "k", GS_ADDRESSING_VIRTUAL_HOST, NULL, "VirtualHost: needs a host name"},
        {"http://[::1]", "bkt", "k", GS_ADDRESSING_VIRTUAL_HOST, NULL, "VirtualHost: needs a host name"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        gs_error err = {0};
        gs_s3_spec where = spec(t[i].endpoint);
        gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(GS_S3_URL_MAX);
        where.addressing = t[i].addressing;
        (void)snprintf(where.bucket, sizeof where.bucket, "%s", t[i].bucket);
        int rc = gs_s3_url(&where, t[i].key, NULL, &url, &err);
        if (rc != (t[i].url ? 0 : -GS_TERMINAL))
            fail_msg("%s %s %s: %s", t[i].endpoint, t[i].bucket, t[i].key, err.msg);
        if (t[i].url)
            assert_string_equal(url.p, t[i].url);
        else
            assert_contains(err.msg, t[i].says);
    }
}

static void the_longest_key(void **state)
{
    (void)state;
    char key[GS_S3_KEY_MAX + 2];
    gs_error err = {0};
    gs_s3_spec where = spec("http://h");
    gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(GS_S3_URL_MAX);
    memset(key, ' ', sizeof key);
    key[GS_S3_KEY_MAX] = 0;
    assert_int_equal(gs_s3_url(&where, key, NULL, &url, &err), 0);
    assert_int_equal(url.n, strlen("http://h/bucket/") + 3 * GS_S3_KEY_MAX);
    key[GS_S3_KEY_MAX] = ' ';
    key[GS_S3_KEY_MAX + 1] = 0;
    assert_int_equal(gs_s3_url(&where, key, NULL, &url, &err), -GS_TERMINAL);
    assert_contains(err.msg, "has 1025 bytes");
    (void)snprintf(where.region, sizeof where.region, "us:east");
    assert_int_equal(gs_s3_url(&where, "k", NULL, &url, &err), -GS_TERMINAL);
    assert_contains(err.msg, "s3.region \"us:east\"");
}

static void error_codes(void **state)
{
    static const struct {
        const char *xml, *code;
    } t[] = {
        {"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code><Message>x</Message></Error>", "NoSuchBucket"},
        {"<Code>SlowDown</Code>", "SlowDown"},
        {"", NULL},
        {"<Code>", NULL},
        {"<Code></Code>", NULL},
        {"<Code>SlowDown", NULL},
        {"<Code>SlowDown</Cod", NULL},
        {"<Code>slowdown</Code>", NULL},
        {"<Code> SlowDown</Code>", NULL},
        {"<Code>SlowDownX</Code>", NULL},
        {"<Code>SlowDow</Code>", NULL},
        {"<Code>x</Code><Code>SlowDown</Code>", NULL},
        {"</Code><Code>SlowDown", NULL},
        {"SlowDown", NULL},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        const gs_s3_code *code = gs_s3_error_code(gs_str_of(t[i].xml));
        if (!gs_streq(code ? code->name : NULL, t[i].code))
            fail_msg("%s: %s", t[i].xml, code ? code->name : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(the_longest_key),
        cmocka_unit_test(error_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
