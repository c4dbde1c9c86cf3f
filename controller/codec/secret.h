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
/* The keys of spec.snapshot.s3.credentialsSecretRef; *token stays empty where there is none. */
int gs_secret_take_s3(gs_str object, const char *name, gs_buf *access, gs_buf *secret, gs_buf *token, gs_error *err);

#endif
