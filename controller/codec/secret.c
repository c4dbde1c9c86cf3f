#include "codec/secret.h"

#include "base/limits.h"
#include "wire/digest.h"
#include "wire/json_cursor.h"
#include "wire/pem.h"

int gs_secret_usable(gs_str object, const char *name, gs_error *err)
{
    char usable[8];
    if (gs_json_find_string(object, (const char *[]){"metadata", "labels", GS_USABLE_LABEL, NULL}, usable,
                            sizeof usable) &&
        gs_streq(usable, "true"))
        return 0;
    return gs_error_set(err, GS_REFUSED,
                        "Secret %s lacks the label " GS_USABLE_LABEL "=true: kubectl label secret %s " GS_USABLE_LABEL
                        "=true",
                        name, name);
}

int gs_secret_take(gs_str object, const char *key, gs_buf *out, gs_error *err)
{
    gs_str raw;
    if (!gs_json_find(object, (const char *[]){"data", key, NULL}, &raw) || raw.n < 2)
        return 0;
    return gs_base64_decode((gs_str){raw.p + 1, raw.n - 2}, out, err);
}

int gs_secret_need(gs_str object, const char *name, const char *key, gs_buf *out, gs_error *err)
{
    gs_buf_wipe(out);
    *out = GS_BUF(GS_MAX_SECRET_VALUE);
    if (gs_secret_take(object, key, out, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "Secret %s, key %s", name, key);
    if (!out->n)
        return gs_error_set(err, GS_TERMINAL, "Secret %s has no key %s, or an empty one", name, key);
    if (memchr(out->p, 0, out->n))
        return gs_error_set(err, GS_TERMINAL, "Secret %s, key %s: holds a NUL", name, key);
    return 0;
}

int gs_secret_need_pem(gs_str object, const char *name, const char *key, gs_buf *out, gs_error *err)
{
    int rc = gs_secret_need(object, name, key, out, err);
    if (rc || out->n <= GS_MAX_PEM_BYTES)
        return rc;
    return gs_error_set(
        err, GS_TERMINAL,
        "Secret %s, key %s: has %zu bytes; at most %u, since they are read for each connection: leave only "
        "what is needed",
        name, key, out->n, GS_MAX_PEM_BYTES);
}

int gs_secret_need_ca(gs_str object, const char *name, const char *key, gs_buf *out, gs_error *err)
{
    int64_t until;
    int rc = gs_secret_need_pem(object, name, key, out, err);
    if (!rc && gs_pem_not_after(gs_buf_str(out), &until, err) < 0)
        rc = gs_error_wrap(err, GS_TERMINAL, "Secret %s, key %s", name, key);
    return rc;
}

int gs_secret_take_s3(gs_str object, const char *name, gs_buf *access, gs_buf *secret, gs_buf *token, gs_error *err)
{
    int rc = gs_secret_take(object, "accessKeyId", access, err);
    if (!rc)
        rc = gs_secret_take(object, "secretAccessKey", secret, err);
    if (!rc)
        rc = gs_secret_take(object, "sessionToken", token, err);
    if (!rc && (!access->n || !secret->n))
        rc = gs_error_set(err, GS_TERMINAL, "spec.snapshot.s3.credentialsSecretRef: Secret %s has no key %s", name,
                          access->n ? "secretAccessKey" : "accessKeyId");
    return rc;
}
