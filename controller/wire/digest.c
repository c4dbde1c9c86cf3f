#include "wire/digest.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

/* It can only fail where OpenSSL itself is broken or out of memory: nothing could be proven any more. */
static void must(bool done)
{
    if (done)
        return;
    (void)fputs("gostat: OpenSSL cannot compute SHA-256\n", stderr);
    abort();
}

void gs_sha256(gs_str bytes, uint8_t ret[GS_SHA256_LEN])
{
    must(EVP_Digest(bytes.p, bytes.n, ret, NULL, EVP_sha256(), NULL) == 1);
}

/* A gs_sha256_sum is an EVP_MD_CTX. */
static EVP_MD_CTX *context(gs_sha256_sum *s)
{
    return (EVP_MD_CTX *)s;
}

gs_sha256_sum *gs_sha256_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    return (gs_sha256_sum *)ctx;
}

void gs_sha256_free(gs_sha256_sum *s)
{
    EVP_MD_CTX_free(context(s));
}

void gs_sha256_add(gs_sha256_sum *s, gs_str bytes)
{
    must(EVP_DigestUpdate(context(s), bytes.p, bytes.n) == 1);
}

void gs_sha256_take(gs_sha256_sum *s, uint8_t ret[GS_SHA256_LEN])
{
    must(EVP_DigestFinal_ex(context(s), ret, NULL) == 1 && EVP_DigestInit_ex(context(s), NULL, NULL) == 1);
}

void gs_hmac_sha256(gs_str key, gs_str bytes, uint8_t ret[GS_SHA256_LEN])
{
    /* OpenSSL takes a NULL key for "the one before" */
    must(key.n <= INT_MAX && HMAC(EVP_sha256(), key.n ? key.p : "", (int)key.n, (const unsigned char *)bytes.p, bytes.n,
                                  ret, NULL) != NULL);
}

void gs_hex(const uint8_t *bytes, size_t n, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * n] = 0;
}

void gs_sha256_hex(gs_str bytes, char ret[GS_SHA256_HEX_LEN])
{
    uint8_t sum[GS_SHA256_LEN];
    gs_sha256(bytes, sum);
    gs_hex(sum, sizeof sum, ret);
}

void gs_sha256_base64(gs_str bytes, char ret[GS_SHA256_BASE64_LEN])
{
    uint8_t sum[GS_SHA256_LEN];
    gs_sha256(bytes, sum);
    gs_base64_sha256(sum, ret);
}

void gs_base64_sha256(const uint8_t sum[GS_SHA256_LEN], char ret[GS_SHA256_BASE64_LEN])
{
    (void)EVP_EncodeBlock((unsigned char *)ret, sum, GS_SHA256_LEN);
}

#define TEXT_BLOCK (48u << 10) /* OpenSSL takes int lengths; a multiple of 3 and of 4 */

int gs_base64_encode(gs_str bytes, gs_buf *out, gs_error *err)
{
    size_t blocks = bytes.n / 3 + (bytes.n % 3 != 0);
    char *at = blocks <= SIZE_MAX / 4 ? gs_buf_reserve(out, blocks * 4) : NULL;
    if (!at)
        return gs_error_set(err, GS_NO_MEMORY, "base64: longer than %zu bytes", out->max);
    for (size_t i = 0; i < bytes.n; i += TEXT_BLOCK) {
        size_t n = bytes.n - i < TEXT_BLOCK ? bytes.n - i : TEXT_BLOCK;
        at += EVP_EncodeBlock((unsigned char *)at, (const unsigned char *)bytes.p + i, (int)n);
    }
    out->n += blocks * 4;
    out->p[out->n] = 0;
    return 0;
}

/* 0..63, or -1. */
static int sextet(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* EVP_DecodeBlock skips white space and takes stray padding and stray bits: what it may see is decided here.
 */
static bool valid(gs_str text, size_t *ret_padding)
{
    size_t pad = 0;
    while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
        pad++;
    if (text.n % 4)
        return false;
    for (size_t i = 0; i < text.n - pad; i++)
        if (sextet(text.p[i]) < 0)
            return false;
    if (pad && sextet(text.p[text.n - 1 - pad]) & (pad == 1 ? 3 : 15))
        return false;
    *ret_padding = pad;
    return true;
}

int gs_base64_decode(gs_str text, gs_buf *out, gs_error *err)
{
    size_t pad;
    if (!valid(text, &pad))
        return gs_error_set(err, GS_TERMINAL, "not valid base64");
    char *at = gs_buf_reserve(out, text.n / 4 * 3); /* OpenSSL writes the padding as zeroes */
    if (!at)
        return gs_error_set(err, GS_NO_MEMORY, "base64: longer than %zu bytes", out->max);
    for (size_t i = 0; i < text.n; i += TEXT_BLOCK) {
        size_t n = text.n - i < TEXT_BLOCK ? text.n - i : TEXT_BLOCK;
        int done = EVP_DecodeBlock((unsigned char *)at, (const unsigned char *)text.p + i, (int)n);
        if (done < 0)
            return gs_error_set(err, GS_TERMINAL, "not valid base64");
        at += done;
    }
    out->n += text.n / 4 * 3 - pad;
    out->p[out->n] = 0;
    return 0;
}
