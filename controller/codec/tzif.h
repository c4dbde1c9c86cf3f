/* A TZif file (RFC 9636, versions 1 to 4) to core/zone. Pure; any thread. */
#ifndef GS_CODEC_TZIF_H
#define GS_CODEC_TZIF_H

#include "base/err.h"
#include "core/zone.h"

#define GS_MAX_TZIF_BYTES (256u << 10) /* the largest zones have some 4 KB */
#define GS_MAX_ZONE_CHANGES 4096

/* -GS_TERMINAL names the byte and what was expected there. *ret is the caller's: gs_zone_free. name is copied, and cut. */
int gs_zone_from_tzif(gs_str bytes, const char *name, gs_zone **ret, gs_error *err);

#endif
