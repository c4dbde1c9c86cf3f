/* What is asked of DER (X.509 certificates, keys) before anybody decodes it. Pure; any thread. */
#ifndef GS_BASE_DER_H
#define GS_BASE_DER_H

#include "base/str.h"

/* Whether each elliptic-curve key in it is on P-256, P-384 or P-521, by name. OpenSSL decodes a key with the certificate, before
 * it is asked whether to trust it: a compressed point on a curve of the sender's own takes 130 ms, on P-224 0.4. Bytes that
 * only look like such a key (by chance one in 2^48) count as one. */
bool gs_der_is_quick(gs_str der);

#endif
