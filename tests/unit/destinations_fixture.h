/* Where the clients under test may go: to loopback, as an operator has to allow it. */
#ifndef GS_TEST_DESTINATIONS_FIXTURE_H
#define GS_TEST_DESTINATIONS_FIXTURE_H

#include "edge/destinations.h"

#include <stdlib.h>

static inline const gs_destinations *loopback_allowed(void)
{
    static gs_destinations *d;
    static const char *const cidrs[] = {"127.0.0.0/8", "::1/128"};
    const gs_destination_flags flags = {.private = {cidrs, GS_LEN(cidrs)}};
    if (!d && gs_destinations_new(&flags, &d, NULL))
        abort();
    return d;
}

#endif
