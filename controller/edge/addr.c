#include "edge/addr.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define V4_BITS 96 /* before an IPv4 address in its mapped form */

/* The first that holds an address says what it is; the last holds all. */
static const struct {
    const char *cidr;
    enum gs_addr_class class;
} classes[] = {
    /* where clouds have their metadata outside of link-local: Alibaba, Azure, AWS, Google; Oracle's is in 192.0.0.0/24 */
    {"100.100.100.200/32", GS_ADDR_NEVER},
    {"168.63.129.16/32", GS_ADDR_NEVER},
    {"fd00:ec2::/32", GS_ADDR_NEVER},
    {"fd20:ce::254/128", GS_ADDR_NEVER},
    {"0.0.0.0/8", GS_ADDR_NEVER}, /* this host: Linux connects to itself */
    {"10.0.0.0/8", GS_ADDR_PRIVATE},
    {"100.64.0.0/10", GS_ADDR_PRIVATE},
    {"127.0.0.0/8", GS_ADDR_LOOPBACK},
    {"169.254.0.0/16", GS_ADDR_NEVER},
    {"172.16.0.0/12", GS_ADDR_PRIVATE},
    {"192.0.0.0/24", GS_ADDR_NEVER},
    {"192.0.2.0/24", GS_ADDR_NEVER},
    {"192.88.99.0/24", GS_ADDR_NEVER}, /* relays of 6to4 */
    {"192.168.0.0/16", GS_ADDR_PRIVATE},
    {"198.18.0.0/15", GS_ADDR_NEVER},
    {"198.51.100.0/24", GS_ADDR_NEVER},
    {"203.0.113.0/24", GS_ADDR_NEVER},
    {"224.0.0.0/3", GS_ADDR_NEVER}, /* multicast, reserved, broadcast */
    {"0.0.0.0/0", GS_ADDR_PUBLIC},
    {"::1/128", GS_ADDR_LOOPBACK},
    {"64:ff9b::/96", GS_ADDR_PUBLIC}, /* as far as the address within is */
    {"fc00::/7", GS_ADDR_PRIVATE},
    {"2001::/23", GS_ADDR_NEVER}, /* Teredo, ORCHID, benchmarks */
    {"2001:db8::/32", GS_ADDR_NEVER},
    {"3fff::/20", GS_ADDR_NEVER},
    {"2000::/3", GS_ADDR_PUBLIC},
    {"::/0",
     GS_ADDR_NEVER}, /* compatible and translated IPv4, 64:ff9b:1::/48, link- and site-local, multicast, unassigned */
};

static gs_addr mapped(const uint8_t v4[4])
{
    gs_addr a = {{[10] = 0xff, [11] = 0xff}};
    memcpy(a.b + 12, v4, 4);
    return a;
}

bool gs_addr_of(const struct sockaddr *sa, gs_addr *ret, uint16_t *ret_port)
{
    uint16_t port;
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        *ret = mapped((const uint8_t *)&in->sin_addr);
        port = ntohs(in->sin_port);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        memcpy(ret->b, &in6->sin6_addr, sizeof ret->b);
        port = ntohs(in6->sin6_port);
    } else {
        return false;
    }
    if (ret_port)
        *ret_port = port;
    return true;
}

bool gs_addr_parse(gs_str s, gs_addr *ret)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t v4[4];
    if (!gs_str_copy(text, sizeof text, s) || strlen(text) != s.n)
        return false;
    if (inet_pton(AF_INET, text, v4) == 1) {
        *ret = mapped(v4);
        return true;
    }
    return inet_pton(AF_INET6, text, ret->b) == 1;
}

bool gs_addr_eq(const gs_addr *a, const gs_addr *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool gs_cidr_holds(const gs_cidr *c, const gs_addr *a)
{
    unsigned whole = c->bits / 8, rest = c->bits % 8;
    if (memcmp(c->a.b, a->b, whole) != 0)
        return false;
    return !rest || (c->a.b[whole] ^ a->b[whole]) >> (8 - rest) == 0;
}

bool gs_cidr_parse(gs_str s, gs_cidr *ret)
{
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    gs_cidr c;
    uint64_t bits;
    if (!slash || !gs_addr_parse((gs_str){s.p, (size_t)(slash - s.p)}, &c.a) ||
        !gs_str_u64((gs_str){slash + 1, s.n - (size_t)(slash - s.p) - 1}, &bits))
        return false;
    bool v4 = memchr(s.p, ':', (size_t)(slash - s.p)) == NULL;
    if (bits > (v4 ? 32 : 128))
        return false;
    c.bits = (unsigned)bits + (v4 ? V4_BITS : 0);
    for (unsigned k = c.bits; k < 128; k++)
        if (c.a.b[k / 8] & (0x80 >> k % 8))
            return false;
    *ret = c;
    return true;
}

/* Each entry holds all of c, none of it, or a part, which is smaller. */
enum gs_addr_class gs_cidr_class(const gs_cidr *c)
{
    for (size_t k = 0; k < GS_LEN(classes); k++) {
        gs_cidr of = {0};
        (void)gs_cidr_parse(gs_str_of(classes[k].cidr), &of);
        if (of.bits <= c->bits && gs_cidr_holds(&of, &c->a))
            return classes[k].class;
        if (gs_cidr_holds(c, &of.a) && classes[k].class != GS_ADDR_NEVER)
            return GS_ADDR_NEVER;
    }
    return GS_ADDR_NEVER;
}

enum gs_addr_class gs_addr_class(const gs_addr *a)
{
    return gs_cidr_class(&(gs_cidr){*a, 128});
}

bool gs_addr_inner(const gs_addr *a, gs_addr *ret)
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t isatap[4] = {0x00, 0x00, 0x5e, 0xfe};
    static const uint8_t global_bit = 0x02;
    uint8_t id = a->b[8] & (uint8_t)~global_bit;
    if (a->b[0] == 0x20 && a->b[1] == 0x02)
        *ret = mapped(a->b + 2);
    else if (memcmp(a->b, nat64, sizeof nat64) == 0 ||
             (id == isatap[0] && memcmp(a->b + 9, isatap + 1, sizeof isatap - 1) == 0))
        *ret = mapped(a->b + 12);
    else
        return false;
    return true;
}
