/* Time zones of the system, by their IANA names: read once, kept for the process. Loop thread only. */
#ifndef GS_EDGE_ZONEINFO_H
#define GS_EDGE_ZONEINFO_H

#include "base/err.h"
#include "core/policy.h"

/* Gives each of the policy's windows its zone. -GS_TERMINAL names the field and the fix: an unknown zone, or a system
 * without zone files (package tzdata). Directory: $ZONEINFO, else /usr/share/zoneinfo. "UTC" needs no file. */
int gs_zoneinfo_attach(gs_policy *p, gs_error *err);
void gs_zoneinfo_free(void); /* at the end of the process: no policy may be used any more */

#endif
