/* SHA-256, HMAC and base64 (OpenSSL). Any thread. */
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

void gs_base64_sha256(const uint8_t sum[GS_SHA256_LEN], char ret[GS_SHA256_BASE64_LEN]);

/* The same of bytes that come in pieces; about 1 ms a megabyte, half of it or less where the CPU has instructions for it. */
typedef struct gs_sha256_sum gs_sha256_sum;
gs_sha256_sum *gs_sha256_new(void);
void gs_sha256_free(gs_sha256_sum *s);
GS_DEFINE_CLEANUP(gs_sha256_sum *, gs_sha256_free)
void gs_sha256_add(gs_sha256_sum *s, gs_str bytes);
void gs_sha256_take(gs_sha256_sum *s, uint8_t ret[GS_SHA256_LEN]); /* and begins anew */

/* RFC 2104. */
void gs_hmac_sha256(gs_str key, gs_str bytes, uint8_t ret[GS_SHA256_LEN]);

/* 2 * n lower case digits and a terminator. */
void gs_hex(const uint8_t *bytes, size_t n, char *ret);

/* Appended to *out; -GS_NO_MEMORY at its cap. */
int gs_base64_encode(gs_str bytes, gs_buf *out, gs_error *err);
/* Strict: the standard alphabet, padded, no white space, no stray bits. -GS_TERMINAL otherwise, *out as it
 * was. */
int gs_base64_decode(gs_str text, gs_buf *out, gs_error *err);

#endif
