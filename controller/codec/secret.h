/* What is read from a Secret object (JSON bytes of the API server), and which Secrets may be read at all. Pure; any thread.
 * Who gets a value wipes it. */
#ifndef GS_CODEC_SECRET_H
#define GS_CODEC_SECRET_H

#include "base/buf.h"
#include "base/err.h"

#define GS_USABLE_LABEL "gostat.dev/usable"

/* -GS_REFUSED where it is not labelled for gostat; err says how to label it. name: of the Secret, for that. */
int gs_secret_usable(gs_str object, const char *name, gs_error *err);
/* One value, decoded and appended to *out. A key that is absent: 0, and *out stays as it is. */
int gs_secret_take(gs_str object, const char *key, gs_buf *out, gs_error *err);
/* One value that has to be there, is text and is not empty: replaces *out, which is capped at GS_MAX_SECRET_VALUE. An error
 * (GS_TERMINAL) names the Secret and the key, never what it holds. */
int gs_secret_need(gs_str object, const char *name, const char *key, gs_buf *out, gs_error *err);
/* Of at most GS_MAX_PEM_BYTES, too; the first thing in a CA is a certificate that can be read. */
int gs_secret_need_pem(gs_str object, const char *name, const char *key, gs_buf *out, gs_error *err);
int gs_secret_need_ca(gs_str object, const char *name, const char *key, gs_buf *out, gs_error *err);
/* The keys of spec.snapshot.s3.credentialsSecretRef; *token stays empty where there is none. */
int gs_secret_take_s3(gs_str object, const char *name, gs_buf *access, gs_buf *secret, gs_buf *token, gs_error *err);

#endif
