/* Where policies may lead: the operator's flags, names, addresses, and tricks that are to reach a listener, which must not hear
 * of them. */
#include "destinations_fixture.h"
#include "edge/addr.h"
#include "edge/notify.h"
#include "edge/s3.h"
#include "http_fixture.h"

#include <netinet/in.h>

typedef union any_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} any_addr;

static any_addr addr_of(const char *ip, int port)
{
    any_addr a = {0};
    bool v4 = inet_pton(AF_INET, ip, &a.v4.sin_addr) == 1;
    if (!v4 && inet_pton(AF_INET6, ip, &a.v6.sin6_addr) != 1)
        fail_msg("%s", ip);
    a.any.sa_family = v4 ? AF_INET : AF_INET6;
    *(v4 ? &a.v4.sin_port : &a.v6.sin6_port) = htons((uint16_t)port);
    return a;
}

static gs_destinations *made(const char *allow_s3, const char *private)
{
    gs_error err = {0};
    gs_destinations *d = NULL;
    const gs_destination_flags f = {.allow = {{&allow_s3, allow_s3 != NULL}}, .private = {&private, private != NULL}};
    if (gs_destinations_new(&f, &d, &err))
        fail_msg("%s", err.msg);
    return d;
}

static void flags(void **state)
{
    static const struct {
        const char *pattern, *cidr, *says; /* says NULL: it is good */
    } t[] = {
        {"s3.example.com", NULL, NULL},
        {"S3.Example.COM.:443", NULL, NULL},
        {"*.example.com", NULL, NULL},
        {"*.example.com:9000", NULL, NULL},
        {"10.0.0.5:9000", NULL, NULL},
        {"[fd00::5]:9000", NULL, NULL},
        {"localhost", NULL, NULL},
        {"", NULL, "--allow-s3 \"\": must be a host or host:port"},
        {"*", NULL, "--allow-s3 \"*\": must be"},
        {"*.", NULL, "must be"},
        {"*.10.0.0.5", NULL, "must be"},
        {"a.*.example.com", NULL, "must be"},
        {"*example.com", NULL, "must be"},
        {"https://s3.example.com", NULL, "without scheme and path: for example s3.example.com"},
        {"s3.example.com/bucket", NULL, "must be"},
        {"user@s3.example.com", NULL, "must be"},
        {"s3.example.com:", NULL, "must be"},
        {"s3.example.com:0", NULL, "must be"},
        {"s3.example.com:65536", NULL, "must be"},
        {"s3.example.com:+80", NULL, "must be"},
        {"s3..example.com", NULL, "must be"},
        {".example.com", NULL, "must be"},
        {"fd00::5", NULL, "must be"},
        {"[fd00::5", NULL, "must be"},
        {"[fe80::1%eth0]", NULL, "must be"},
        {"0x7f000001", NULL, "must be"},
        {"2130706433", NULL, "must be"},
        {"10.0.5", NULL, "must be"},
        {NULL, "10.0.0.0/8", NULL},
        {NULL, "10.1.2.3/32", NULL},
        {NULL, "172.16.0.0/12", NULL},
        {NULL, "192.168.0.0/16", NULL},
        {NULL, "100.64.0.0/10", NULL},
        {NULL, "127.0.0.0/8", NULL},
        {NULL, "fd00::/8", NULL},
        {NULL, "::1/128", NULL},
        {NULL, "::ffff:10.0.0.0/104", NULL},
        {NULL, "", "--allow-private \"\": must be an address, '/' and its length"},
        {NULL, "10.0.0.1", "for example 10.0.0.0/8"},
        {NULL, "10.0.0.1/8", "with no bit set beyond"},
        {NULL, "10.0.0.0/33", "must be an address"},
        {NULL, "10.0.0.0/-1", "must be an address"},
        {NULL, "10.0.0.0/", "must be an address"},
        {NULL, "10/8", "must be an address"},
        {NULL, "fd00::/129", "must be an address"},
        {NULL, "example.com/8", "must be an address"},
        {NULL, "0.0.0.0/0", "must lie within 10.0.0.0/8"},
        {NULL, "::/0", "must lie within"},
        {NULL, "8.8.8.0/24", "must lie within"},
        {NULL, "169.254.0.0/16", "must lie within"},
        {NULL, "192.168.0.0/15", "must lie within"},
        {NULL, "100.100.100.200/32", "must lie within"},
        {NULL, "fd00:ec2::/32", "must lie within"},
        {NULL, "fe80::/10", "must lie within"},
        {NULL, "fc00::/6", "must lie within"},
        {NULL, "64:ff9b:1::/48", "must lie within"},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_error err = {0};
        gs_destinations *d = NULL;
        const gs_destination_flags f = {.allow = {{&t[k].pattern, t[k].pattern != NULL}},
                                        .private = {&t[k].cidr, t[k].cidr != NULL}};
        int rc = gs_destinations_new(&f, &d, &err);
        if ((rc == 0) != (t[k].says == NULL) || (rc && !strstr(err.msg, t[k].says)))
            fail_msg("%s%s: %d %s", t[k].pattern ? t[k].pattern : "", t[k].cidr ? t[k].cidr : "", rc, err.msg);
        gs_destinations_free(d);
    }
}

/* Without --allow-private; with all of it that can be given. */
static void addresses(void **state)
{
    static const struct {
        const char *ip;
        bool usually, at_most;
    } t[] = {
        {"8.8.8.8", true, true},
        {"1.0.0.0", true, true},
        {"169.253.255.255", true, true},
        {"169.255.0.0", true, true},
        {"172.15.255.255", true, true},
        {"172.32.0.0", true, true},
        {"192.0.1.0", true, true},
        {"223.255.255.255", true, true},
        {"2003:a9fe:a9fe::1", true, true},
        {"2a00:1450::1", true, true},
        {"10.0.0.0", false, true},
        {"10.255.255.255", false, true},
        {"172.16.0.1", false, true},
        {"172.31.255.255", false, true},
        {"192.168.1.1", false, true},
        {"100.64.0.0", false, true},
        {"100.127.255.255", false, true},
        {"100.100.100.201", false, true},
        {"127.0.0.1", false, true},
        {"127.255.255.255", false, true},
        {"::1", false, true},
        {"fc00::1", false, true},
        {"fd00::1", false, true},
        {"fdff:ffff::1", false, true},
        {"0.0.0.0", false, false},
        {"0.1.2.3", false, false},
        {"169.254.0.0", false, false},
        {"169.254.169.254", false, false},
        {"169.254.255.255", false, false},
        {"100.100.100.200", false, false},
        {"192.0.0.192", false, false},
        {"168.63.129.16", false, false},
        {"192.0.2.1", false, false},
        {"198.18.0.1", false, false},
        {"198.51.100.1", false, false},
        {"203.0.113.1", false, false},
        {"192.88.99.1", false, false},
        {"224.0.0.1", false, false},
        {"239.255.255.255", false, false},
        {"240.0.0.1", false, false},
        {"255.255.255.255", false, false},
        {"::", false, false},
        {"fe80::1", false, false},
        {"febf::1", false, false},
        {"fec0::1", false, false},
        {"ff02::1", false, false},
        {"fd00:ec2::254", false, false},
        {"fd00:ec2::23", false, false},
        {"fd20:ce::254", false, false},
        {"2001:db8::1", false, false},
        {"3fff::1", false, false},
        {"100::1", false, false},
        {"5f00::1", false, false},
        /* IPv4 within: mapped, compatible, translated */
        {"::ffff:8.8.8.8", true, true},
        {"::ffff:10.0.0.1", false, true},
        {"::ffff:127.0.0.1", false, true},
        {"::ffff:169.254.169.254", false, false},
        {"::ffff:100.100.100.200", false, false},
        {"::ffff:0.0.0.0", false, false},
        {"::8.8.8.8", false, false},
        {"::127.0.0.1", false, false},
        {"::169.254.169.254", false, false},
        {"::ffff:0:169.254.169.254", false, false},
        /* NAT64, with the networks' own too */
        {"64:ff9b::808:808", true, true},
        {"64:ff9b::a00:1", false, true},
        {"64:ff9b::7f00:1", false, true},
        {"64:ff9b::a9fe:a9fe", false, false},
        {"64:ff9b::6464:64c8", false, false},
        {"64:ff9b:1::808:808", false, false},
        {"64:ff9b:1::a9fe:a9fe", false, false},
        {"64:ff9b:1:a9fe:a9:fe00::", false, false},
        {"64:ff9b:2::808:808", false, false},
        /* 6to4, Teredo, ISATAP */
        {"2002:808:808::1", true, true},
        {"2002:a00:1::1", false, true},
        {"2002:7f00:1::1", false, true},
        {"2002:a9fe:a9fe::1", false, false},
        {"2002:a83f:8110::1", false, false},
        {"2002:0:1::1", false, false},
        {"2001:0:4136:e378:8000:63bf:3fff:fdd2", false, false},
        {"2001::1", false, false},
        {"2001:20::1", false, false},
        {"2a00:1::5efe:808:808", true, true},
        {"2a00:1::200:5efe:808:808", true, true},
        {"2a00:1::5efe:a00:1", false, true},
        {"2a00:1::5efe:a9fe:a9fe", false, false},
        {"2a00:1::200:5efe:a9fe:a9fe", false, false},
        {"fd00::5efe:169.254.169.254", false, false},
    };
    static const char *const all[] = {"10.0.0.0/8",  "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                                      "127.0.0.0/8", "fc00::/7",      "::1/128"};
    (void)state;
    gs_destinations *most = NULL, *usual = made(NULL, NULL);
    assert_int_equal(gs_destinations_new(&(gs_destination_flags){.private = {all, GS_LEN(all)}}, &most, NULL), 0);
    for (size_t k = 0; k < GS_LEN(t); k++) {
        any_addr a = addr_of(t[k].ip, 443);
        if (gs_destinations_addr_allowed(usual, &a.any) != t[k].usually ||
            gs_destinations_addr_allowed(most, &a.any) != t[k].at_most)
            fail_msg("%s", t[k].ip);
    }
    struct sockaddr other = {.sa_family = AF_UNIX};
    assert_false(gs_destinations_addr_allowed(most, &other));
    gs_destinations_free(usual);
    gs_destinations_free(most);
}

static void one_private_network(void **state)
{
    static const struct {
        const char *ip;
        bool allowed;
    } t[] = {{"10.1.0.0", true},   {"10.1.255.255", true}, {"10.0.255.255", false},     {"10.2.0.0", false},
             {"127.0.0.1", false}, {"fd00::1", false},     {"::ffff:10.1.2.3", true},   {"64:ff9b::10.1.2.3", true},
             {"::1", false},       {"8.8.8.8", true},      {"64:ff9b::10.2.0.0", false}};
    (void)state;
    gs_destinations *d = made(NULL, "10.1.0.0/16");
    for (size_t k = 0; k < GS_LEN(t); k++) {
        any_addr a = addr_of(t[k].ip, 1);
        if (gs_destinations_addr_allowed(d, &a.any) != t[k].allowed)
            fail_msg("%s", t[k].ip);
    }
    gs_destinations_free(d);
}

static void names(void **state)
{
    static const struct {
        const char *pattern; /* NULL: none */
        const char *url;
        bool allowed;
    } t[] = {
        {NULL, "https://s3.example.com", true},
        {NULL, "http://hooks_1.example.com:8080/a?b#c", true},
        {NULL, "https://10.example", true},
        {NULL, "https://8.8.8.8/x", true},
        {NULL, "https://[2a00:1450::1]:443/x", true},
        {NULL, "https://10.0.0.1", false},
        {NULL, "https://kubernetes", false},
        {NULL, "https://KUBERNETES.default.", false},
        {NULL, "https://kubernetes.default.svc", false},
        {NULL, "https://kubernetes.default.svc.cluster.local:443", false},
        {NULL, "https://kubernetes.shop", true},
        {"s3.example.com", "https://s3.example.com", true},
        {"s3.example.com", "https://s3.example.com:9000/x", true},
        {"s3.example.com", "https://S3.EXAMPLE.com.", true},
        {"S3.Example.Com.", "https://s3.example.com", true},
        {"s3.example.com", "https://s3.example.com..", false},
        {"s3.example.com", "https://s3.example.co", false},
        {"s3.example.com", "https://s3.example.com.evil.org", false},
        {"s3.example.com", "https://evil.org/s3.example.com", false},
        {"s3.example.com", "https://evil.org?s3.example.com", false},
        {"s3.example.com", "https://evil.org#@s3.example.com", false},
        {"s3.example.com", "https://s3.example.com@evil.org", false},
        {"s3.example.com", "https://evil.org@s3.example.com", false},
        {"s3.example.com", "https://s3.example.com\\@evil.org", false},
        {"s3.example.com", "https://evil.org\\.s3.example.com", false},
        {"s3.example.com", "https://xs3.example.com", false},
        {"s3.example.com", "https://a.s3.example.com", false},
        {"s3.example.com", "ftp://s3.example.com", false},
        {"s3.example.com", "//s3.example.com", false},
        {"s3.example.com", "https:s3.example.com", false},
        {"s3.example.com", "HTTPS://s3.example.com", false},
        {"s3.example.com", "https://", false},
        {"s3.example.com", "", false},
        {"s3.example.com:443", "https://s3.example.com", true},
        {"s3.example.com:443", "http://s3.example.com:443", true},
        {"s3.example.com:443", "http://s3.example.com", false},
        {"s3.example.com:80", "http://s3.example.com", true},
        {"s3.example.com:9000", "https://s3.example.com", false},
        {"*.example.com", "https://a.example.com", true},
        {"*.example.com", "https://a.b.example.com:1", true},
        {"*.example.com", "https://example.com", false},
        {"*.example.com", "https://aexample.com", false},
        {"*.example.com", "https://.example.com", false},
        {"*.example.com", "https://example.com.evil.org", false},
        {"*.example.com:9000", "https://a.example.com:9000", true},
        {"*.example.com:9000", "https://a.example.com", false},
        {"10.1.0.5", "http://10.1.0.5:9000", true},
        {"10.1.0.5", "http://10.1.0.5.", true},
        {"10.1.0.5", "http://[::ffff:10.1.0.5]", true},
        {"10.1.0.5", "http://[::ffff:a01:5]", true},
        {"10.1.0.5", "http://10.1.5", false},
        {"10.1.0.5", "http://10.1.0.6", false},
        {"10.2.0.5", "http://10.2.0.5", false}, /* a pattern opens no network */
        {"[2a00::5]:9000", "http://[2a00:0::0:5]:9000", true},
        {"[2a00::5]:9000", "http://[2a00::5]:9001", false},
        {"s3.example.com", "http://8.8.8.8", false},
        {"10.1.0.5", "http://example.com", false},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_error err = {0};
        gs_destinations *d = made(t[k].pattern, "10.1.0.0/16");
        int rc = gs_destinations_name_allowed(d, GS_DESTINATION_S3, gs_str_of(t[k].url), &err);
        if (rc != (t[k].allowed ? 0 : -GS_REFUSED))
            fail_msg("%s: %s: %s", t[k].pattern ? t[k].pattern : "any", t[k].url, err.msg);
        gs_destinations_free(d);
    }
}

static void what_is_said(void **state)
{
    static const struct {
        const char *url, *says;
    } t[] = {
        {"https://s3.evil.org:1/secret", "host s3.evil.org:1 is not allowed by the operator (--allow-s3)"},
        {"https://10.0.0.1/secret", "address 10.0.0.1 is private: it is not allowed by the operator (--allow-private)"},
        {"https://[::1]/secret", "address [::1] is loopback: it is not allowed by the operator (--allow-private)"},
        {"https://169.254.169.254/secret", "address 169.254.169.254 is never connected to (link-local, a metadata"},
        {"https://secret@s3.example.com", "must have no user and password before the host (the '@')"},
        {"https://0x7f.1/secret", "host 0x7f.1 must be a name, an IPv4 address of four decimal numbers"},
        {"secret", "must be an http:// or https:// URL with a host"},
        {"https://kubernetes/secret", "host kubernetes is the API server's"},
    };
    (void)state;
    gs_destinations *d = made("s3.example.com", NULL);
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_error err = {0};
        assert_int_equal(gs_destinations_name_allowed(d, GS_DESTINATION_S3, gs_str_of(t[k].url), &err), -GS_REFUSED);
        assert_contains(err.msg, t[k].says);
        assert_null(strstr(err.msg, "secret"));
    }
    /* each kind has a list of its own */
    assert_int_equal(gs_destinations_name_allowed(d, GS_DESTINATION_WEBHOOK, GS_STR("https://x.org"), NULL), 0);
    assert_int_equal(gs_destinations_name_allowed(d, GS_DESTINATION_ALERTMANAGER, GS_STR("https://x.org"), NULL), 0);
    gs_destinations_free(d);
}

static void api_server(void **state)
{
    static const struct {
        const char *ip;
        int port;
        bool allowed;
    } t[] = {
        {"10.96.0.1", 443, false},        {"10.96.0.1", 9000, false}, /* what else is there is the control plane's, too */
        {"::ffff:10.96.0.1", 443, false}, {"64:ff9b::a60:1", 443, false}, {"10.96.0.2", 443, true},
        {"192.168.0.1", 6443, false}, /* --allow-private names it */
        {"192.168.0.1", 9000, true},      {"1.2.3.4", 6443, false},       {"2002:102:304::", 1, false},
        {"127.0.0.1", 6443, false},       {"127.0.0.1", 9000, true},      {"::1", 6443, true},
    };
    any_addr in = addr_of("10.96.0.1", 443), out = addr_of("1.2.3.4", 0), local = addr_of("127.0.0.1", 6443),
             node = addr_of("192.168.0.1", 0);
    static const char *const cidrs[] = {"192.168.0.1/32", "10.0.0.0/8", "127.0.0.0/8", "::1/128"};
    gs_destinations *d = NULL;
    (void)state;
    assert_int_equal(gs_destinations_new(&(gs_destination_flags){.private = {cidrs, GS_LEN(cidrs)}}, &d, NULL), 0);
    for (int twice = 0; twice < 2; twice++) {
        gs_destinations_add_api(d, "10.96.0.1", &in.any, 443);
        gs_destinations_add_api(d, "API.example.com", &out.any, 6443);
        gs_destinations_add_api(d, "127.0.0.1", &local.any, 6443);
        gs_destinations_add_api(d, "192.168.0.1", &node.any, 6443);
    }
    for (size_t k = 0; k < GS_LEN(t); k++) {
        any_addr a = addr_of(t[k].ip, t[k].port);
        if (gs_destinations_addr_allowed(d, &a.any) != t[k].allowed)
            fail_msg("%s %d", t[k].ip, t[k].port);
    }
    static const char *const refused[] = {"https://api.example.com", "https://api.example.com.:9/x", "https://1.2.3.4",
                                          "https://127.0.0.1:6443"};
    for (size_t k = 0; k < GS_LEN(refused); k++) {
        gs_error err;
        assert_int_equal(gs_destinations_name_allowed(d, GS_DESTINATION_WEBHOOK, gs_str_of(refused[k]), &err),
                         -GS_REFUSED);
        assert_contains(err.msg, "is the API server's");
    }
    gs_destinations_free(d);
}

/* ---- to a listener ---- */

static raw_server listener;
static gs_loop *loop;
static gs_error answer;

static bool redirects(int fd, const char *request)
{
    char reply[200];
    (void)request;
    (void)snprintf(reply, sizeof reply,
                   "HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:%d/taken\r\nContent-Length: 0\r\n\r\n", listener.port);
    return raw_sends(fd, reply);
}

static const struct raw_answer answers[] = {{.path = "/hop", .fn = redirects},
                                            {.path = "/bucket/hop", .fn = redirects},
                                            {.path = "/taken", .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
                                            {0}};

static void keep(void *ctx, const gs_error *err)
{
    (void)ctx;
    answer = *err;
    gs_loop_stop(loop);
}

static void keep_notice(void *ctx, const gs_error *err, int64_t retry_after_ms)
{
    (void)retry_after_ms;
    keep(ctx, err);
}

static void notify(const gs_destinations *d, enum gs_notify_type t, const char *url)
{
    gs_notify *n = NULL;
    assert_int_equal(gs_notify_new(loop, d, &n, NULL), 0);
    (void)gs_notify_send(n, t, url, NULL, GS_STR("{}"), 0, keep_notice, NULL);
    run_loop(loop);
    gs_notify_free(n);
}

static void put(const gs_destinations *d, const char *url, const char *key)
{
    static const gs_s3_credentials keys = {.access_key = "AKID", .secret_key = "hush"};
    gs_s3_spec where = {.region = "us-east-1", .bucket = "bucket"};
    gs_s3 *s3 = NULL;
    (void)snprintf(where.endpoint, sizeof where.endpoint, "%s", url);
    assert_int_equal(gs_s3_new(loop, d, &s3, NULL), 0);
    gs_s3_put(s3, &where, &keys, key, GS_STR("x"), NULL, "text/plain", keep, NULL);
    run_loop(loop);
    gs_s3_free(s3);
}

/* "~" stands for the listener's port. Each of these is the listener in some reading of it, or a place that must never be asked.
 * With d nothing of loopback is allowed. */
static const char *const tricks[] = {
    "http://127.0.0.1:~",
    "http://127.0.0.1.:~",
    "http://localhost:~",
    "http://LOCALHOST:~",
    "http://x.localhost:~",
    "http://127.1:~",
    "http://127.0.1:~",
    "http://127.127.127.127:~",
    "http://2130706433:~",
    "http://017700000001:~",
    "http://0x7f000001:~",
    "http://0X7F000001:~",
    "http://0x7f.0.0.1:~",
    "http://0x7f.1:~",
    "http://0177.0.0.1:~",
    "http://0177.0.0.01:~",
    "http://00000177.0.0.1:~",
    "http://127.0.0x0.1:~",
    "http://127.0x0.0.0x1:~",
    "http://127.0.00.1:~",
    "http://127.0.0.1.0:~",
    "http://4294967295:~",
    "http://0:~",
    "http://0.0.0.0:~",
    "http://00.0.0.0:~",
    "http://0x0:~",
    "http://127.0.0.1%00:~",
    "http://127%2e0%2e0%2e1:~",
    "http://%31%32%37.0.0.1:~",
    "http://127.0.0.1%2f:~",
    "http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1:~",
    "http://127\xe3\x80\x82"
    "0\xe3\x80\x82"
    "0\xe3\x80\x82"
    "1:~",
    "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:~",
    "http://[::1]:~",
    "http://[0:0:0:0:0:0:0:1]:~",
    "http://[::]:~",
    "http://[::ffff:127.0.0.1]:~",
    "http://[::ffff:7f00:1]:~",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:~",
    "http://[::127.0.0.1]:~",
    "http://[::ffff:0:127.0.0.1]:~",
    "http://[::ffff:0x7f.1]:~",
    "http://[64:ff9b::127.0.0.1]:~",
    "http://[64:ff9b:1::127.0.0.1]:~",
    "http://[64:ff9b:1:7f00:0:100::]:~",
    "http://[2002:7f00:1::]:~",
    "http://[2001:0:7f00:1::]:~",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:~",
    "http://[2a00::5efe:127.0.0.1]:~",
    "http://[::1%25lo]:~",
    "http://[::1%lo]:~",
    "http://[fe80::1]:~",
    "http://[fe80::1%25eth0]:~",
    "http://[127.0.0.1]:~",
    "http://[::1].:~",
    "http://user@127.0.0.1:~",
    "http://user:pass@127.0.0.1:~",
    "http://s3.example.com@127.0.0.1:~",
    "http://s3.example.com:80@127.0.0.1:~",
    "http://@127.0.0.1:~",
    "http://s3.example.com\\@127.0.0.1:~",
    "http://127.0.0.1\\.s3.example.com:~",
    "http://s3.example.com#@127.0.0.1:~",
    "http://s3.example.com?@127.0.0.1:~",
    "http://127.0.0.1:~\\@s3.example.com",
    "http:\\\\127.0.0.1:~",
    "http:/127.0.0.1:~",
    "http:127.0.0.1:~",
    "http:////127.0.0.1:~",
    "http://///127.0.0.1:~",
    "HTTP://127.0.0.1:~",
    "//127.0.0.1:~",
    "gopher://127.0.0.1:~",
    "ftp://127.0.0.1:~",
    "file:///127.0.0.1:~",
    "telnet://127.0.0.1:~",
    "dict://127.0.0.1:~",
    "unix:///127.0.0.1:~",
    "http://127.0.0.1:0~",
    "http://127.0.0.1 :~",
    "http://127.0.0.1\t:~",
    "http://127.0.0.1\r\nHost: s3.example.com:~",
    "http://169.254.169.254",
    "http://169.254.169.254.",
    "http://2852039166",
    "http://0xa9fea9fe",
    "http://0251.0376.0251.0376",
    "http://169.16689662",
    "http://[::ffff:169.254.169.254]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[2002:a9fe:a9fe::]",
    "http://100.100.100.200",
    "http://168.63.129.16",
    "http://192.0.0.192",
    "http://[fd00:ec2::254]",
    "http://10.0.0.1",
    "http://192.168.0.1",
    "http://kubernetes.default.svc",
};

static void set_url(char url[300], const char *trick, const char *path)
{
    const char *at = strchr(trick, '~');
    (void)snprintf(url, 300, "%.*s", (int)(at ? at - trick : (long)strlen(trick)), trick);
    size_t n = strlen(url);
    if (at)
        (void)snprintf(url + n, 300 - n, "%d%s%s", listener.port, at + 1, path);
    else
        (void)snprintf(url + n, 300 - n, "%s", path);
}

/* Names that curl itself, or /etc/hosts, takes for loopback are known by the address that is about to be connected to. */
static void not_a_byte(void **state)
{
    static const char *const environment[] = {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"};
    char url[300], proxy[60];
    (void)state;
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", listener.port);
    for (size_t k = 0; k < GS_LEN(environment); k++)
        (void)setenv(environment[k], proxy, 1);
    gs_destinations *d = made(NULL, NULL);
    assert_true(GS_LEN(tricks) >= 60);
    for (size_t k = 0; k < GS_LEN(tricks); k++) {
        bool by_name = !strchr(tricks[k], '#') && !strchr(tricks[k], '?');
        set_url(url, tricks[k], "/taken");
        for (int t = GS_NOTIFY_WECOM; t <= GS_NOTIFY_ALERTMANAGER && by_name; t++) {
            notify(d, (enum gs_notify_type)t, url);
            if (answer.kind != GS_REFUSED && answer.kind != GS_TERMINAL)
                fail_msg("%s: %s %s", url, gs_kind_name(answer.kind), answer.msg);
        }
        set_url(url, tricks[k], "");
        put(d, url, "taken");
        if (answer.kind != GS_REFUSED && answer.kind != GS_TERMINAL)
            fail_msg("S3 %s: %s %s", url, gs_kind_name(answer.kind), answer.msg);
        if (atomic_load(&listener.accepted))
            fail_msg("%s: connected", url);
    }
    gs_destinations_free(d);
    /* the listener hears what is allowed: the test can fail; and no proxy is asked */
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/taken", listener.port);
    notify(loopback_allowed(), GS_NOTIFY_SLACK, url);
    assert_int_equal(answer.kind, GS_OK);
    assert_int_equal(atomic_load(&listener.accepted), 1);
    for (size_t k = 0; k < GS_LEN(environment); k++)
        (void)unsetenv(environment[k]);
}

static void no_redirect(void **state)
{
    char url[300];
    (void)state;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/hop", listener.port);
    int before = atomic_load(&listener.requests);
    notify(loopback_allowed(), GS_NOTIFY_WEBHOOK, url);
    assert_int_equal(answer.kind, GS_TERMINAL);
    assert_contains(answer.msg, "answered 307 (redirects are not followed)");
    url[strlen(url) - strlen("/hop")] = 0;
    put(loopback_allowed(), url, "hop");
    assert_int_equal(answer.kind, GS_TERMINAL);
    assert_contains(answer.msg, "307");
    assert_contains(answer.msg, "redirects are not followed");
    assert_int_equal(atomic_load(&listener.requests) - before, 2);
}

static int setup(void **state)
{
    (void)state;
    raw_start(&listener, answers);
    return gs_loop_new(&loop, NULL);
}

static int teardown(void **state)
{
    (void)state;
    gs_loop_free(loop);
    raw_stop(&listener);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags),      cmocka_unit_test(addresses),    cmocka_unit_test(one_private_network),
        cmocka_unit_test(names),      cmocka_unit_test(what_is_said), cmocka_unit_test(api_server),
        cmocka_unit_test(not_a_byte), cmocka_unit_test(no_redirect),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
