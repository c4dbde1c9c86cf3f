/* What is asked of certificates without trusting them (OpenSSL). A text with a key in it that is not gs_der_is_quick is refused
 * before anything is decoded. Any thread. */
#ifndef GS_WIRE_PEM_H
#define GS_WIRE_PEM_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* When the first certificate of a PEM text ends to be valid, Unix time in milliseconds. -GS_TERMINAL: there is none that
 * can be read. */
int gs_pem_not_after(gs_str pem, int64_t *ret_wall_ms, gs_error *err);
/* Whether the key is that of the first certificate, usable without a password, and quick to sign with: both may come from
 * people who should not be able to keep us busy. -GS_TERMINAL: it is not. */
int gs_pem_check_pair(gs_str cert_pem, gs_str key_pem, gs_error *err);

#endif
