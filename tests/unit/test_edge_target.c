/* An endpoint becomes a URL, and the one address that may be connected to. */
#include "edge/scraper_internal.h"
#include "http_fixture.h"

static void targets(void **state)
{
    static const struct {
        const char *host;
        int port;
        const char *path, *suffix, *url; /* NULL: refused, and */
        const char *says;
    } t[] = {
        {"10.0.0.1", 80, "/metrics", "", "http://10.0.0.1:80/metrics", NULL},
        {"::1", 6060, "/debug/pprof", "/goroutine?debug=0", "http://[::1]:6060/debug/pprof/goroutine?debug=0", NULL},
        {"localhost", 6060, "/p/", "/g", "http://localhost:6060/p/g", NULL},
        {"a-b.c_d", 6060, "/", "", "http://a-b.c_d:6060/", NULL},
        {"a", 6060, "/", "/g", "http://a:6060/g", NULL},
        {"", 80, "/", "", NULL, "host \"\""},
        {NULL, 80, "/", "", NULL, "host \"\""},
        {"[::1]", 80, "/", "", NULL, "neither an IP"},
        {"fe80::1%eth0", 80, "/", "", NULL, "neither an IP"},
        {"10.0.0.1/x", 80, "/", "", NULL, "neither an IP"},
        {"a:b@c", 80, "/", "", NULL, "neither an IP"},
        {"a\r\nb", 80, "/", "", NULL, "neither an IP"},
        {"a", 0, "/", "", NULL, "x port 0: must be 1 to 65535"},
        {"a", 65536, "/", "", NULL, "x port 65536"},
        {"a", -1, "/", "", NULL, "x port -1"},
        {"a", 1, "", "", NULL, "x path \"\": must begin with '/'"},
        {"a", 1, NULL, "", NULL, "x path \"\""},
        {"a", 1, "m", "", NULL, "x path \"m\""},
        {"a", 1, "/a b", "", NULL, "x path"},
        {"a", 1, "/a?b", "", NULL, "x path"},
        {"a", 1, "/a#b", "", NULL, "x path"},
        {"a", 1, "/a\r\nb", "", NULL, "x path"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        gs_endpoint e = {.host = t[i].host, .timeout_ms = 1};
        gs_scrape_target to;
        gs_error err = {0};
        int rc = gs_scrape_target_set(&to, &e, "x", t[i].port, t[i].path, t[i].suffix, &err);
        assert_int_equal(rc, t[i].url ? 0 : -GS_TERMINAL);
        if (t[i].url)
            assert_string_equal(to.url, t[i].url);
        else
            assert_contains(err.msg, t[i].says);
    }
}

static void long_path(void **state)
{
    (void)state;
    char path[2000];
    gs_endpoint e = {.host = "a", .timeout_ms = 1};
    gs_scrape_target to;
    gs_error err = {0};
    memset(path, '/', sizeof path);
    path[sizeof path - 1] = 0;
    assert_int_equal(gs_scrape_target_set(&to, &e, "x", 1, path, "", &err), -GS_TERMINAL);
    assert_contains(err.msg, "too many for a URL");
    path[GS_SCRAPE_URL_LEN - sizeof "http://a:10" + 1] = 0;
    assert_int_equal(gs_scrape_target_set(&to, &e, "x", 10, path, "", &err), -GS_TERMINAL);
    path[GS_SCRAPE_URL_LEN - sizeof "http://a:10"] = 0;
    assert_int_equal(gs_scrape_target_set(&to, &e, "x", 10, path, "", &err), 0);
}

/* The address that a socket is about to connect to. */
static void addresses(void **state)
{
    static const struct {
        const char *host;
        int family;
        const char *addr;
        int port;
        bool allowed;
    } t[] = {
        {"10.0.0.1", AF_INET, "10.0.0.1", 6060, true},          {"10.0.0.1", AF_INET, "10.0.0.2", 6060, false},
        {"10.0.0.1", AF_INET, "10.0.0.1", 80, false},           {"10.0.0.1", AF_INET, "169.254.169.254", 6060, false},
        {"10.0.0.1", AF_INET6, "::ffff:10.0.0.1", 6060, false}, {"fd00::1", AF_INET6, "fd00::1", 6060, true},
        {"FD00:0::0:1", AF_INET6, "fd00::1", 6060, true},       {"fd00::1", AF_INET6, "fd00::2", 6060, false},
        {"fd00::1", AF_INET6, "fd00::1", 6061, false},          {"fd00::1", AF_INET, "10.0.0.1", 6060, false},
        {"some.host", AF_INET, "10.0.0.1", 6060, true},         {"some.host", AF_INET6, "fd00::1", 6060, true},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        gs_endpoint e = {.host = t[i].host, .timeout_ms = 1};
        gs_scrape_target to;
        union {
            struct sockaddr any;
            struct sockaddr_in v4;
            struct sockaddr_in6 v6;
        } a = {0};
        assert_int_equal(gs_scrape_target_set(&to, &e, "x", 6060, "/", "", NULL), 0);
        a.any.sa_family = (sa_family_t)t[i].family;
        a.v4.sin_port = htons((uint16_t)t[i].port); /* at the same place in both */
        void *ip = t[i].family == AF_INET ? (void *)&a.v4.sin_addr : (void *)&a.v6.sin6_addr;
        assert_int_equal(inet_pton(t[i].family, t[i].addr, ip), 1);
        if (gs_scrape_target_is(&to, &a.any) != t[i].allowed)
            fail_msg("%s to %s:%d", t[i].host, t[i].addr, t[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),
        cmocka_unit_test(long_path),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
