/* SHA-256 and base64 (OpenSSL). Any thread. */
#ifndef GS_WIRE_DIGEST_H
#define GS_WIRE_DIGEST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define GS_SHA256_LEN 32
#define GS_SHA256_HEX_LEN 65    /* terminated */
#define GS_SHA256_BASE64_LEN 45 /* terminated */

void gs_sha256(gs_str bytes, uint8_t ret[GS_SHA256_LEN]);
void gs_sha256_hex(gs_str bytes, char ret[GS_SHA256_HEX_LEN]);       /* lower case */
void gs_sha256_base64(gs_str bytes, char ret[GS_SHA256_BASE64_LEN]); /* as x-amz-checksum-sha256 has it */

/* 2 * n lower case digits and a terminator. */
void gs_hex(const uint8_t *bytes, size_t n, char *ret);

/* Appended to *out; -GS_NO_MEMORY at its cap. */
int gs_base64_encode(gs_str bytes, gs_buf *out, gs_error *err);
/* Strict: the standard alphabet, padded, no white space, no stray bits. -GS_TERMINAL otherwise, *out as it
 * was. */
int gs_base64_decode(gs_str text, gs_buf *out, gs_error *err);

#endif
