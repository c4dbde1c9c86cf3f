/* From spec.endpoint and the Secrets that it names to how its pods are asked. Pure; any thread. */
#ifndef GS_CODEC_ACCESS_H
#define GS_CODEC_ACCESS_H

#include "base/buf.h"
#include "core/access.h"
#include "core/policy.h"

enum gs_access_secret { GS_ACCESS_CA, GS_ACCESS_CERT, GS_ACCESS_AUTHORIZATION };
#define GS_ACCESS_SECRETS 3

/* The name of the Secret, "" for none, and the field that names it. */
const char *gs_access_secret_name(const gs_endpoint_spec *e, enum gs_access_secret s);
const char *gs_access_secret_field(const gs_endpoint_spec *e, enum gs_access_secret s);
/* The same Secrets, asked in the same way. */
bool gs_access_spec_same(const gs_endpoint_spec *a, const gs_endpoint_spec *b);

/* What was read of them; zeroed at first, wiped by gs_access_parts_done. */
typedef struct gs_access_parts {
    gs_buf ca, cert, key, authorization;
} gs_access_parts;
void gs_access_parts_done(gs_access_parts *p);

/* Takes what is needed from the Secret object (JSON bytes). An error says which key is missing or no good, never what it
 * holds: -GS_TERMINAL, or -GS_REFUSED where the Secret is not labelled for gostat. */
int gs_access_take(const gs_endpoint_spec *e, enum gs_access_secret s, gs_str object, gs_access_parts *p,
                   gs_error *err);
/* The parts go over to it. NULL: plain HTTP, as nobody. */
gs_access *gs_access_build(const gs_endpoint_spec *e, gs_access_parts *p);

#endif
