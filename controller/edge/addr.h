/* IP addresses, and what they lead to, in whatever notation they come. Plain values; pure; any thread. */
#ifndef GS_EDGE_ADDR_H
#define GS_EDGE_ADDR_H

#include "base/str.h"

struct sockaddr;

typedef struct gs_addr { /* IPv6; IPv4 as ::ffff:a.b.c.d, so that the mapped form of it is no other one */
    uint8_t b[16];
} gs_addr;

/* port (may be NULL): the socket's. False where it is of another family. */
bool gs_addr_of(const struct sockaddr *sa, gs_addr *ret, uint16_t *ret_port);
/* Four decimal numbers, or IPv6 without brackets and zone; no other spelling. */
bool gs_addr_parse(gs_str s, gs_addr *ret);
bool gs_addr_eq(const gs_addr *a, const gs_addr *b);

enum gs_addr_class {
    GS_ADDR_PUBLIC,   /* of the Internet */
    GS_ADDR_PRIVATE,  /* 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7: the cluster's, or the site's */
    GS_ADDR_LOOPBACK, /* 127/8, ::1 */
    GS_ADDR_NEVER, /* link-local, metadata services of clouds, unspecified, multicast, broadcast, documentation, reserved */
};
/* By the IANA special-purpose address registries (RFC 6890 and its updates) and what clouds document. */
enum gs_addr_class gs_addr_class(const gs_addr *a);
/* The IPv4 address that a translator or tunnel takes it to: NAT64 (64:ff9b::/96), 6to4, ISATAP. False: none. Networks of
 * which nobody knows where the address is in them (64:ff9b:1::/48, Teredo) are GS_ADDR_NEVER. */
bool gs_addr_inner(const gs_addr *a, gs_addr *ret);

typedef struct gs_cidr {
    gs_addr a;
    unsigned bits; /* of 128 */
} gs_cidr;
bool gs_cidr_holds(const gs_cidr *c, const gs_addr *a);
/* "10.0.0.0/8", "fd00::/8". False where it is none, or bits beyond its length are set. */
bool gs_cidr_parse(gs_str s, gs_cidr *ret);
/* The class that all addresses of it have but for such as are GS_ADDR_NEVER; GS_ADDR_NEVER where they have different ones. */
enum gs_addr_class gs_cidr_class(const gs_cidr *c);

#endif
