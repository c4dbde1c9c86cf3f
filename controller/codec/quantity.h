/* Kubernetes quantities: "128Mi", "1.5G", "1e9", "129000000", "100m". Pure. */
#ifndef GS_CODEC_QUANTITY_H
#define GS_CODEC_QUANTITY_H

#include "base/str.h"

/* The value, rounded up to a whole number as Kubernetes does; false where s is no quantity, is negative, or is 2^63 or
 * more. Digits beyond the 53 bits of a double are lost. */
bool gs_quantity(gs_str s, uint64_t *ret);
/* The same in thousandths: 500 of "500m". */
bool gs_quantity_milli(gs_str s, uint64_t *ret);

#endif
