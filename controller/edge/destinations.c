#include "edge/destinations.h"

#include "base/mem.h"
#include "edge/addr.h"

#include <ctype.h>
#include <stdlib.h>

#define HOST_MAX 253 /* of a DNS name */
#define LABEL_MAX 63

typedef struct host {
    char name[HOST_MAX + 1]; /* lower case, without a dot at the end; "" of an address */
    bool ip;
    gs_addr addr;
    unsigned port; /* 0: not given */
} host;

typedef struct pattern {
    host h;
    bool below; /* the name's subdomains, not itself */
} pattern;

typedef struct endpoint {
    char name[HOST_MAX + 1]; /* "" of an address that was named */
    gs_addr addr;
    unsigned port;
} endpoint;

struct gs_destinations {
    pattern *allow[GS_DESTINATIONS];
    size_t n_allow[GS_DESTINATIONS];
    gs_cidr *private;
    size_t n_private;
    endpoint *api;
    size_t n_api, cap_api;
};

static const char *const FLAGS[GS_DESTINATIONS] = {"--allow-s3", "--allow-webhook", "--allow-alertmanager"};

/* ---- hosts ---- */

static bool is_label(gs_str s)
{
    for (size_t k = 0; k < s.n; k++)
        if (!isalnum((unsigned char)s.p[k]) && s.p[k] != '-' && s.p[k] != '_')
            return false;
    return s.n > 0 && s.n <= LABEL_MAX;
}

/* What resolvers take for an address in another spelling: 2130706433, 0177.0.0.1, 127.1, 0x7f.1 */
static bool is_number(gs_str s)
{
    bool hex = s.n > 1 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X');
    for (size_t k = hex ? 2 : 0; k < s.n; k++)
        if (!(hex ? isxdigit((unsigned char)s.p[k]) : isdigit((unsigned char)s.p[k])))
            return false;
    return true;
}

static bool take_name(gs_str s, char ret[HOST_MAX + 1])
{
    if (s.n && s.p[s.n - 1] == '.')
        s.n--;
    if (!s.n || s.n > HOST_MAX)
        return false;
    gs_str rest = s, label;
    do {
        const char *dot = memchr(rest.p, '.', rest.n);
        label = (gs_str){rest.p, dot ? (size_t)(dot - rest.p) : rest.n};
        if (!is_label(label))
            return false;
        rest = (gs_str){rest.p + label.n + 1, dot ? rest.n - label.n - 1 : 0};
        if (dot && !rest.n)
            return false;
    } while (rest.n);
    if (is_number(label))
        return false;
    for (size_t k = 0; k < s.n; k++)
        ret[k] = (char)tolower((unsigned char)s.p[k]);
    ret[s.n] = 0;
    return true;
}

static bool take_port(gs_str s, unsigned *ret)
{
    uint64_t port;
    if (!s.n)
        return true;
    if (s.p[0] != ':' || s.n < 2 || s.n > 6 || !gs_str_u64((gs_str){s.p + 1, s.n - 1}, &port) || !port || port > 65535)
        return false;
    *ret = (unsigned)port;
    return true;
}

/* host, host:port, [v6], [v6]:port */
static bool take_host(gs_str s, host *ret)
{
    *ret = (host){0};
    const char *close = s.n && s.p[0] == '[' ? memchr(s.p, ']', s.n) : NULL;
    if (close) {
        gs_str inside = {s.p + 1, (size_t)(close - s.p) - 1};
        ret->ip = inside.n && memchr(inside.p, ':', inside.n) && gs_addr_parse(inside, &ret->addr);
        return ret->ip && take_port((gs_str){close + 1, s.n - inside.n - 2}, &ret->port);
    }
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    gs_str name = {s.p, colon ? (size_t)(colon - s.p) : s.n};
    gs_str bare = {name.p, name.n && name.p[name.n - 1] == '.' ? name.n - 1 : name.n};
    ret->ip = gs_addr_parse(bare, &ret->addr);
    return (ret->ip || take_name(name, ret->name)) && take_port((gs_str){s.p + name.n, s.n - name.n}, &ret->port);
}

/* ---- flags ---- */

static int take_pattern(const char *flag, const char *text, pattern *ret, gs_error *err)
{
    gs_str s = gs_str_of(text);
    ret->below = gs_str_starts(s, "*.");
    if (ret->below)
        s = (gs_str){s.p + 2, s.n - 2};
    if (!take_host(s, &ret->h) || (ret->below && ret->h.ip))
        return gs_error_set(err, GS_TERMINAL,
                            "%s \"%.100s\": must be a host or host:port, without scheme and path: for example "
                            "s3.example.com, *.example.com, 10.0.0.5:9000 or [fd00::5]:9000",
                            flag, text);
    return 0;
}

static int take_private(const char *text, gs_cidr *ret, gs_error *err)
{
    if (!gs_cidr_parse(gs_str_of(text), ret))
        return gs_error_set(
            err, GS_TERMINAL,
            "--allow-private \"%.100s\": must be an address, '/' and its length, with no bit set beyond "
            "that: for example 10.0.0.0/8 or fd00::/8",
            text);
    enum gs_addr_class class = gs_cidr_class(ret);
    if (class != GS_ADDR_PRIVATE && class != GS_ADDR_LOOPBACK)
        return gs_error_set(
            err, GS_TERMINAL,
            "--allow-private \"%.100s\": must lie within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "
            "100.64.0.0/10, fc00::/7, 127.0.0.0/8 or ::1/128; other addresses are public, or never allowed",
            text);
    return 0;
}

int gs_destinations_new(const gs_destination_flags *f, gs_destinations **ret, gs_error *err)
{
    gs_cleanup(gs_destinations_free) gs_destinations *d = gs_alloc(sizeof *d);
    int rc = 0;
    for (size_t kind = 0; kind < GS_DESTINATIONS; kind++) {
        const gs_patterns *p = &f->allow[kind];
        d->allow[kind] = gs_allocn(p->n + 1, sizeof(pattern));
        for (size_t k = 0; k < p->n && !rc; k++)
            rc = take_pattern(FLAGS[kind], p->v[k], &d->allow[kind][d->n_allow[kind]++], err);
    }
    d->private = gs_allocn(f->private.n + 1, sizeof(gs_cidr));
    for (size_t k = 0; k < f->private.n && !rc; k++)
        rc = take_private(f->private.v[k], &d->private[d->n_private++], err);
    if (!rc)
        *ret = gs_take(d);
    return rc;
}

void gs_destinations_free(gs_destinations *d)
{
    if (!d)
        return;
    for (size_t kind = 0; kind < GS_DESTINATIONS; kind++)
        free(d->allow[kind]);
    free(d->private);
    free(d->api);
    free(d);
}

void gs_destinations_add_api(gs_destinations *d, const char *name, const struct sockaddr *addr, unsigned port)
{
    endpoint e = {.port = port};
    if (!gs_addr_of(addr, &e.addr, NULL))
        return;
    if (!take_name(gs_str_of(name), e.name))
        e.name[0] = 0;
    for (size_t k = 0; k < d->n_api; k++)
        if (gs_addr_eq(&d->api[k].addr, &e.addr) && d->api[k].port == port && gs_streq(d->api[k].name, e.name))
            return;
    d->api = gs_grow(d->api, &d->cap_api, d->n_api + 1, sizeof e);
    d->api[d->n_api++] = e;
}

/* ---- addresses ---- */

static bool is_api(const gs_destinations *d, const gs_addr *a, unsigned port)
{
    bool shared = gs_addr_class(a) == GS_ADDR_LOOPBACK;
    for (size_t k = 0; k < d->n_private && !shared; k++)
        shared = d->private[k].bits == 128 && gs_addr_eq(&d->private[k].a, a);
    for (size_t k = 0; k < d->n_api; k++)
        if (gs_addr_eq(&d->api[k].addr, a) && (!shared || d->api[k].port == port))
            return true;
    return false;
}

/* NULL: it may be connected to. */
static const char *refusal(const gs_destinations *d, const gs_addr *a, unsigned port)
{
    gs_addr inner;
    enum gs_addr_class class = gs_addr_class(a);
    if (class == GS_ADDR_NEVER)
        return "is never connected to (link-local, a metadata service, or reserved)";
    if (is_api(d, a, port))
        return "is the API server's";
    bool listed = class == GS_ADDR_PUBLIC;
    for (size_t k = 0; k < d->n_private && !listed; k++)
        listed = gs_cidr_holds(&d->private[k], a);
    if (!listed)
        return class == GS_ADDR_LOOPBACK ? "is loopback: it is not allowed by the operator (--allow-private)"
                                         : "is private: it is not allowed by the operator (--allow-private)";
    return gs_addr_inner(a, &inner) ? refusal(d, &inner, port) : NULL;
}

bool gs_destinations_addr_allowed(const gs_destinations *d, const struct sockaddr *addr)
{
    gs_addr a;
    uint16_t port;
    return gs_addr_of(addr, &a, &port) && !refusal(d, &a, port);
}

/* ---- names ---- */

static bool matches(const pattern *p, const host *h, unsigned port)
{
    if (p->h.port && p->h.port != port)
        return false;
    if (p->h.ip || h->ip)
        return p->h.ip && h->ip && gs_addr_eq(&p->h.addr, &h->addr);
    if (!p->below)
        return gs_streq(p->h.name, h->name);
    size_t n = strlen(h->name), tail = strlen(p->h.name);
    return n > tail + 1 && h->name[n - tail - 1] == '.' && gs_streq(h->name + n - tail, p->h.name);
}

/* As a cluster's own DNS has it, too. */
static bool names_api(const gs_destinations *d, const char *name)
{
    for (size_t k = 0; k < d->n_api; k++)
        if (gs_streq(name, d->api[k].name))
            return true;
    return gs_streq(name, "kubernetes") || gs_streq(name, "kubernetes.default") ||
           gs_streq(name, "kubernetes.default.svc") || gs_str_starts(gs_str_of(name), "kubernetes.default.svc.");
}

/* What stands between the scheme and the path; nothing that two readers of URLs could take for different things. */
static int authority(gs_str url, gs_str *ret, unsigned *ret_port, gs_error *err)
{
    bool https = gs_str_starts(url, "https://");
    size_t scheme = https ? 8 : gs_str_starts(url, "http://") ? 7 : 0;
    gs_str s = {url.p + scheme, 0};
    while (scheme + s.n < url.n && !strchr("/?#", s.p[s.n]))
        s.n++;
    if (!scheme || !s.n)
        return gs_error_set(err, GS_REFUSED, "must be an http:// or https:// URL with a host");
    if (memchr(s.p, '@', s.n))
        return gs_error_set(err, GS_REFUSED, "must have no user and password before the host (the '@')");
    *ret = s;
    *ret_port = https ? 443 : 80;
    return 0;
}

/* Bytes of it get into an error only where they are of a host. */
static int bad_host(gs_str s, gs_error *err)
{
    char shown[100];
    size_t n = 0;
    for (; n < s.n && n + 1 < sizeof shown; n++)
        shown[n] = s.p[n] > ' ' && s.p[n] <= '~' ? s.p[n] : '?';
    shown[n] = 0;
    return gs_error_set(
        err, GS_REFUSED,
        "host %s must be a name, an IPv4 address of four decimal numbers, or an IPv6 address in brackets, "
        "and at most a port",
        shown);
}

int gs_destinations_name_allowed(const gs_destinations *d, enum gs_destination kind, gs_str url, gs_error *err)
{
    gs_str s;
    unsigned port = 0;
    host h;
    int rc = authority(url, &s, &port, err);
    if (rc)
        return rc;
    if (!take_host(s, &h))
        return bad_host(s, err);
    port = h.port ? h.port : port;
    if (!h.ip && names_api(d, h.name))
        return gs_error_set(err, GS_REFUSED, "host %.100s is the API server's", h.name);
    const char *why = h.ip ? refusal(d, &h.addr, port) : NULL;
    if (why)
        return gs_error_set(err, GS_REFUSED, "address %.*s %s", (int)s.n, s.p, why);
    for (size_t k = 0; k < d->n_allow[kind]; k++)
        if (matches(&d->allow[kind][k], &h, port))
            return 0;
    if (!d->n_allow[kind])
        return 0;
    return gs_error_set(err, GS_REFUSED, "host %.*s is not allowed by the operator (%s)", (int)(s.n < 200 ? s.n : 200),
                        s.p, FLAGS[kind]);
}
