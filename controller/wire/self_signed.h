/* A certificate for a server that was given none, signed by itself: it encrypts, and proves nothing (OpenSSL). Any
 * thread. */
#ifndef GS_WIRE_SELF_SIGNED_H
#define GS_WIRE_SELF_SIGNED_H

#include "base/buf.h"

/* EC P-256. names: DNS names and IP addresses, at least one; the first is the common name as well, cut at 64 bytes. Valid
 * from an hour before now_s (Unix time) on, for ten years. Appends PEM; -GS_TERMINAL where OpenSSL cannot. */
int gs_self_signed(const char *const names[], size_t n, int64_t now_s, gs_buf *cert_pem, gs_buf *key_pem,
                   gs_error *err);

#endif
