/* Which addresses a destination that a policy names may have. Pure; any thread. */
#ifndef GS_EDGE_ADDR_H
#define GS_EDGE_ADDR_H

#include <stdbool.h>

struct sockaddr;

/* Any but link-local ones and others where clouds serve credentials, unspecified, multicast and broadcast ones, in whatever
 * notation of IPv6 they come: mapped, compatible, NAT64, 6to4. Ask with the address that the socket really connects to. */
bool gs_addr_allowed(const struct sockaddr *addr);

#endif
