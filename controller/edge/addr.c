#include "edge/addr.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

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

bool gs_addr_allowed(const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET)
        return allowed_v4(ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr));
    return addr->sa_family == AF_INET6 && allowed_v6(&((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr);
}
