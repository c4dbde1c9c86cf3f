#include "edge/scraper_internal.h"

#include <arpa/inet.h>
#include <stdio.h>

/* What is neither an IP address nor this could change the meaning of the URL that it is put into. */
static bool is_host_name(gs_str host)
{
    if (!host.n || host.n > 253)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '.' && c != '-' && c != '_')
            return false;
    }
    return true;
}

static bool is_path(gs_str path)
{
    if (!path.n || path.p[0] != '/')
        return false;
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] <= ' ' || path.p[i] > '~' || path.p[i] == '?' || path.p[i] == '#')
            return false;
    return true;
}

int gs_scrape_target_set(gs_scrape_target *t, const gs_endpoint *e, const char *what, int port, const char *path,
                         const char *suffix, gs_error *err)
{
    gs_str host = gs_str_of(e->host), at = gs_str_of(path);
    if (e->access && e->access->refused)
        return gs_error_set(err, GS_TRANSIENT, "%s", e->access->refused);
    if (port < 1 || port > 65535)
        return gs_error_set(err, GS_TERMINAL, "%s port %d: must be 1 to 65535", what, port);
    if (e->timeout_ms <= 0)
        return gs_error_set(err, GS_TERMINAL, "timeout %d ms: must be above 0", e->timeout_ms);
    if (!is_path(at))
        return gs_error_set(err, GS_TERMINAL,
                            "%s path \"%.100s\": must begin with '/' and hold no space, '?', '#' or other than ASCII",
                            what, at.p);
    t->port = (uint16_t)port;
    if (inet_pton(AF_INET, host.p, &t->ip.v4) == 1)
        t->family = AF_INET;
    else if (inet_pton(AF_INET6, host.p, &t->ip.v6) == 1)
        t->family = AF_INET6;
    else if (is_host_name(host))
        t->family = AF_UNSPEC;
    else
        return gs_error_set(err, GS_TERMINAL, "host \"%.100s\": neither an IP address nor a host name", host.p);
    while (at.n && *suffix && at.p[at.n - 1] == '/')
        at.n--;
    bool v6 = t->family == AF_INET6;
    int n = -1;
    if (at.n < sizeof t->url)
        n = snprintf(t->url, sizeof t->url, "%s://%s%s%s:%d%.*s%s", e->access && e->access->https ? "https" : "http",
                     v6 ? "[" : "", host.p, v6 ? "]" : "", port, (int)at.n, at.p, suffix);
    if (n < 0 || (size_t)n >= sizeof t->url)
        return gs_error_set(err, GS_TERMINAL, "%s path: %zu bytes are too many for a URL", what, at.n);
    t->access = gs_access_ref(e->access);
    return 0;
}

void gs_scrape_target_done(gs_scrape_target *t)
{
    gs_access_unref(gs_take(t->access));
}

bool gs_scrape_target_is(const gs_scrape_target *t, const struct sockaddr *addr)
{
    if (t->family == AF_UNSPEC)
        return true;
    if (addr->sa_family != t->family)
        return false;
    if (t->family == AF_INET) {
        const struct sockaddr_in *in = (const void *)addr;
        return ntohs(in->sin_port) == t->port && in->sin_addr.s_addr == t->ip.v4.s_addr;
    }
    const struct sockaddr_in6 *in6 = (const void *)addr;
    return ntohs(in6->sin6_port) == t->port && memcmp(&in6->sin6_addr, &t->ip.v6, sizeof t->ip.v6) == 0;
}
