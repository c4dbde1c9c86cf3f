#include "base/der.h"

#include "base/cleanup.h"

#include <string.h>

#define BYTES(s)                                                                                                       \
    {                                                                                                                  \
        (s), sizeof(s) - 1                                                                                             \
    }

/* Contents of OIDs: the two kinds of curve that are spelt out (X9.62 fieldType), and the key type SM2. */
static const gs_str never[] = {BYTES("\x2a\x86\x48\xce\x3d\x01\x01"), BYTES("\x2a\x86\x48\xce\x3d\x01\x02"),
                               BYTES("\x2a\x81\x1c\xcf\x55\x01\x82\x2d")};
static const gs_str ec_key = BYTES("\x2a\x86\x48\xce\x3d\x02\x01"); /* id-ecPublicKey, and what must follow it: */
static const gs_str curves[] = {BYTES("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
                                BYTES("\x06\x05\x2b\x81\x04\x00\x22"), BYTES("\x06\x05\x2b\x81\x04\x00\x23")};

static bool names_curve(gs_str after)
{
    for (size_t k = 0; k < GS_LEN(curves); k++)
        if (after.n >= curves[k].n && memcmp(after.p, curves[k].p, curves[k].n) == 0)
            return true;
    return false;
}

bool gs_der_is_quick(gs_str der)
{
    for (size_t k = 0; k < GS_LEN(never); k++)
        if (der.n && memmem(der.p, der.n, never[k].p, never[k].n))
            return false;
    const char *end = der.p + der.n;
    for (const char *at = der.p; at < end && (at = memmem(at, (size_t)(end - at), ec_key.p, ec_key.n));) {
        at += ec_key.n;
        if (!names_curve((gs_str){at, (size_t)(end - at)}))
            return false;
    }
    return true;
}
