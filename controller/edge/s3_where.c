#include "edge/s3_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters, digits and what is in `more`. */
static bool all_of(gs_str s, const char *more)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (!s.p[i] || !strchr(more, s.p[i])))
            return false;
    return s.n > 0;
}

typedef struct endpoint {
    gs_str scheme; /* with "://" */
    gs_str host;   /* IPv6 with brackets */
    gs_str port;   /* with ':'; may be empty */
    bool ip;
} endpoint;

static bool is_ip(gs_str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr any;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return gs_str_copy(text, sizeof text, (gs_str){host.p + 1, host.n - 2}) && inet_pton(AF_INET6, text, &any) == 1;
    return gs_str_copy(text, sizeof text, host) && inet_pton(AF_INET, text, &any) == 1;
}

static bool split_endpoint(gs_str s, endpoint *ret)
{
    size_t scheme = gs_str_starts(s, "https://") ? 8 : gs_str_starts(s, "http://") ? 7 : 0;
    if (!scheme)
        return false;
    gs_str rest = {s.p + scheme, s.n - scheme};
    const char *bracket = rest.n && rest.p[0] == '[' ? memchr(rest.p, ']', rest.n) : NULL;
    const char *colon = bracket ? bracket + 1 : memchr(rest.p, ':', rest.n);
    size_t host = colon ? (size_t)(colon - rest.p) : rest.n;
    *ret = (endpoint){{s.p, scheme}, {rest.p, host}, {rest.p + host, rest.n - host}, false};
    ret->ip = is_ip(ret->host);
    if (!ret->ip && !all_of(ret->host, ".-_"))
        return false;
    if (!ret->port.n)
        return true;
    uint64_t port;
    return ret->port.p[0] == ':' && gs_str_u64((gs_str){ret->port.p + 1, ret->port.n - 1}, &port) && port >= 1 &&
           port <= 65535;
}

/* "." and ".." as parts of a path are resolved by every URL parser on the way, so they would name another object. */
static int check_key(const char *key, gs_error *err)
{
    gs_str rest = gs_str_of(key);
    if (!rest.n || rest.n > GS_S3_KEY_MAX)
        return gs_error_set(err, GS_TERMINAL, "S3 key: has %zu bytes, must have 1 to %d", rest.n, GS_S3_KEY_MAX);
    for (;;) {
        const char *slash = memchr(rest.p, '/', rest.n);
        gs_str part = {rest.p, slash ? (size_t)(slash - rest.p) : rest.n};
        if (!part.n || gs_str_is(part, ".") || gs_str_is(part, ".."))
            return gs_error_set(err, GS_TERMINAL, "S3 key \"%.200s\": a part between '/' is empty, \".\" or \"..\"",
                                key);
        if (!slash)
            return 0;
        rest.n -= part.n + 1;
        rest.p = slash + 1;
    }
}

/* libcurl signs the path as it stands in the URL, and the store signs it with exactly these characters kept. */
static int add_escaped(gs_buf *out, gs_str s)
{
    int rc = 0;
    for (size_t i = 0; i < s.n && !rc; i++) {
        bool kept = is_alnum(s.p[i]) || (s.p[i] && strchr("-._~/", s.p[i]));
        rc = kept ? gs_buf_add(out, &s.p[i], 1) : gs_buf_addf(out, "%%%02X", (unsigned char)s.p[i]);
    }
    return rc;
}

int gs_s3_url(const gs_s3_spec *where, const char *key, gs_buf *out, gs_error *err)
{
    endpoint e;
    gs_str bucket = gs_str_of(where->bucket);
    if (!split_endpoint(gs_str_of(where->endpoint), &e))
        return gs_error_set(err, GS_TERMINAL, "s3.endpoint \"%.200s\": must be http(s)://host or http(s)://host:port",
                            where->endpoint);
    if (!all_of(gs_str_of(where->region), "-_"))
        return gs_error_set(err, GS_TERMINAL, "s3.region \"%s\": must be letters, digits and '-', like us-east-1",
                            where->region);
    if (bucket.n < 3 || bucket.n > 63 || !all_of(bucket, ".-_") || !is_alnum(bucket.p[0]) || strstr(bucket.p, ".."))
        return gs_error_set(err, GS_TERMINAL, "s3.bucket \"%s\": must be 3 to 63 letters, digits, '-' and '.'",
                            where->bucket);
    if (check_key(key, err))
        return -GS_TERMINAL;
    if (where->addressing == GS_ADDRESSING_VIRTUAL_HOST && e.ip)
        return gs_error_set(
            err, GS_TERMINAL,
            "s3.addressing VirtualHost: needs a host name in s3.endpoint, not the address %.*s; use Path",
            (int)e.host.n, e.host.p);
    bool path = where->addressing == GS_ADDRESSING_PATH;
    int rc = gs_buf_addf(out, "%.*s%s%s%.*s%.*s/%s%s", (int)e.scheme.n, e.scheme.p, path ? "" : where->bucket,
                         path ? "" : ".", (int)e.host.n, e.host.p, (int)e.port.n, e.port.p, path ? where->bucket : "",
                         path ? "/" : "");
    if (rc || add_escaped(out, gs_str_of(key)))
        return gs_error_set(err, GS_TERMINAL, "S3 key \"%.200s\": the URL has over %zu bytes", key, out->max);
    return 0;
}

static bool allowed_v4(uint32_t ip)
{
    if (ip >> 24 == 0 || ip >> 28 == 0xe || ip == 0xffffffff) /* this host, multicast, broadcast */
        return false;
    return ip >> 16 != 0xa9fe; /* 169.254/16: link-local, with the metadata services of clouds */
}

static uint32_t embedded_v4(const struct in6_addr *a)
{
    uint32_t net;
    memcpy(&net, a->s6_addr + 12, sizeof net);
    return ntohl(net);
}

static bool allowed_v6(const struct in6_addr *a)
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t ec2_metadata[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};
    if (IN6_IS_ADDR_LOOPBACK(a))
        return true;
    if (IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_MULTICAST(a) || IN6_IS_ADDR_LINKLOCAL(a))
        return false;
    if (IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a) || memcmp(a->s6_addr, nat64, sizeof nat64) == 0)
        return allowed_v4(embedded_v4(a));
    return memcmp(a->s6_addr, ec2_metadata, sizeof ec2_metadata) != 0;
}

bool gs_s3_addr_allowed(const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET)
        return allowed_v4(ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr));
    return addr->sa_family == AF_INET6 && allowed_v6(&((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr);
}
