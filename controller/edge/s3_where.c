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

/* libcurl signs path and query as they stand in the URL, and the store signs them with exactly these characters kept. */
int gs_s3_escape(gs_buf *out, gs_str s, const char *kept)
{
    int rc = 0;
    for (size_t i = 0; i < s.n && !rc; i++) {
        bool keep = is_alnum(s.p[i]) || (s.p[i] && strchr(kept, s.p[i]));
        rc = keep ? gs_buf_add(out, &s.p[i], 1) : gs_buf_addf(out, "%%%02X", (unsigned char)s.p[i]);
    }
    return rc;
}

int gs_s3_check_prefix(const char *prefix, gs_error *err)
{
    size_t n = strlen(prefix);
    if (n < 2 || n > GS_S3_KEY_MAX || prefix[n - 1] != '/')
        return gs_error_set(err, GS_TERMINAL, "S3 prefix \"%.200s\": must end with '/', and have 2 to %d bytes", prefix,
                            GS_S3_KEY_MAX);
    return 0;
}

static int check_where(const gs_s3_spec *where, endpoint *ret, gs_error *err)
{
    gs_str bucket = gs_str_of(where->bucket);
    if (!split_endpoint(gs_str_of(where->endpoint), ret))
        return gs_error_set(err, GS_TERMINAL, "s3.endpoint \"%.200s\": must be http(s)://host or http(s)://host:port",
                            where->endpoint);
    if (!all_of(gs_str_of(where->region), "-_"))
        return gs_error_set(err, GS_TERMINAL, "s3.region \"%s\": must be letters, digits and '-', like us-east-1",
                            where->region);
    if (bucket.n < 3 || bucket.n > 63 || !all_of(bucket, ".-_") || !is_alnum(bucket.p[0]) || strstr(bucket.p, ".."))
        return gs_error_set(err, GS_TERMINAL, "s3.bucket \"%s\": must be 3 to 63 letters, digits, '-' and '.'",
                            where->bucket);
    if (where->addressing == GS_ADDRESSING_VIRTUAL_HOST && ret->ip)
        return gs_error_set(
            err, GS_TERMINAL,
            "s3.addressing VirtualHost: needs a host name in s3.endpoint, not the address %.*s; use Path",
            (int)ret->host.n, ret->host.p);
    return 0;
}

int gs_s3_url(const gs_s3_spec *where, const char *key, const char *query, gs_buf *out, gs_error *err)
{
    endpoint e = {0};
    int rc = check_where(where, &e, err);
    if (rc || (key && (rc = check_key(key, err))))
        return rc;
    bool path = where->addressing == GS_ADDRESSING_PATH;
    rc = gs_buf_addf(out, "%.*s%s%s%.*s%.*s/%s%s", (int)e.scheme.n, e.scheme.p, path ? "" : where->bucket,
                     path ? "" : ".", (int)e.host.n, e.host.p, (int)e.port.n, e.port.p, path ? where->bucket : "",
                     path && key ? "/" : "");
    if (rc || gs_s3_escape(out, gs_str_of(key), GS_S3_KEPT_PATH) || (query && gs_buf_addf(out, "?%s", query)))
        return gs_error_set(err, GS_TERMINAL, "S3 key \"%.200s\": the URL has over %zu bytes", key ? key : "",
                            out->max);
    return 0;
}
