#include "edge/addr.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

/* Link-local, and where clouds have their metadata service elsewhere. */
static bool serves_credentials(uint32_t ip)
{
    return ip >> 16 == 0xa9fe || /* 169.254/16 */
           ip == 0x646464c8 ||   /* 100.100.100.200: Alibaba Cloud */
           ip == 0xc00000c0 ||   /* 192.0.0.192: Oracle Cloud */
           ip == 0xa83f8110;     /* 168.63.129.16: Azure */
}

static bool allowed_v4(uint32_t ip)
{
    if (ip >> 24 == 0 || ip >> 28 == 0xe || ip == 0xffffffff) /* this host, multicast, broadcast */
        return false;
    return !serves_credentials(ip);
}

static uint32_t v4_of(const struct in6_addr *a, unsigned b0, unsigned b1, unsigned b2, unsigned b3)
{
    const uint8_t *b = a->s6_addr;
    return (uint32_t)b[b0] << 24 | (uint32_t)b[b1] << 16 | (uint32_t)b[b2] << 8 | b[b3];
}

/* 64:ff9b:1::/48 (RFC 8215): where in it the IPv4 address is depends on the length of the prefix that the network chose (RFC
 * 6052, 2.2), which we do not know. Behind the shorter ones nothing follows it. */
static bool allowed_local_nat64(const struct in6_addr *a)
{
    uint32_t last = v4_of(a, 12, 13, 14, 15);
    return (!last || allowed_v4(last)) && !serves_credentials(v4_of(a, 6, 7, 9, 10)) &&
           !serves_credentials(v4_of(a, 7, 9, 10, 11)) && !serves_credentials(v4_of(a, 9, 10, 11, 12));
}

static bool allowed_v6(const struct in6_addr *a)
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t local_nat64[6] = {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};
    static const uint8_t ec2_metadata[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};
    if (IN6_IS_ADDR_LOOPBACK(a))
        return true;
    if (IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_MULTICAST(a) || IN6_IS_ADDR_LINKLOCAL(a))
        return false;
    if (IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a) || memcmp(a->s6_addr, nat64, sizeof nat64) == 0)
        return allowed_v4(v4_of(a, 12, 13, 14, 15));
    if (memcmp(a->s6_addr, local_nat64, sizeof local_nat64) == 0)
        return allowed_local_nat64(a);
    if (a->s6_addr[0] == 0x20 && a->s6_addr[1] == 0x02) /* 6to4 */
        return allowed_v4(v4_of(a, 2, 3, 4, 5));
    return memcmp(a->s6_addr, ec2_metadata, sizeof ec2_metadata) != 0;
}

bool gs_addr_allowed(const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET)
        return allowed_v4(ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr));
    return addr->sa_family == AF_INET6 && allowed_v6(&((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr);
}
