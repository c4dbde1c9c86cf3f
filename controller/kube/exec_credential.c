#include "kube/exec_credential.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "kube/token.h"
#include "wire/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_WORD 48

static void wipe_string(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

void gs_exec_credential_done(gs_exec_credential *c)
{
    wipe_string(c->token);
    free(c->cert_pem);
    wipe_string(c->key_pem);
    *c = (gs_exec_credential){0};
}

/* "" counts as not given. */
static const char *given(const json_t *status, const char *key)
{
    const char *s = gs_json_doc_str(status, key);
    return s && *s ? s : NULL;
}

static int read_pem(const json_t *status, const char *key, char **ret, gs_error *err)
{
    const char *pem = given(status, key);
    if (pem && !strstr(pem, "-----BEGIN "))
        return gs_error_set(err, GS_TERMINAL, "status.%s: it is no PEM text (-----BEGIN …)", key);
    *ret = pem ? gs_strdup(pem) : NULL;
    return 0;
}

static int read_status(const json_t *status, gs_exec_credential *c, gs_error *err)
{
    const char *token = given(status, "token"), *expires = given(status, "expirationTimestamp");
    int rc = read_pem(status, "clientCertificateData", &c->cert_pem, err);
    if (!rc)
        rc = read_pem(status, "clientKeyData", &c->key_pem, err);
    if (rc)
        return rc;
    if (!c->cert_pem != !c->key_pem)
        return gs_error_set(err, GS_TERMINAL, "status.%s: missing; a client certificate needs both",
                            c->cert_pem ? "clientKeyData" : "clientCertificateData");
    if (token) {
        c->token = gs_strdup(token);
        if (!gs_kube_token_clean(c->token))
            return gs_error_set(err, GS_TERMINAL, "status.token: it holds characters that no bearer token has");
    }
    if (!c->token && !c->cert_pem)
        return gs_error_set(err, GS_TERMINAL, "status: it holds neither a token nor a client certificate");
    if (expires && !gs_time_parse(gs_str_of(expires), &c->expires_ms))
        return gs_error_set(err, GS_TERMINAL, "status.expirationTimestamp: it is no RFC 3339 time");
    return 0;
}

int gs_exec_credential_read(gs_str text, const char *api_version, gs_exec_credential *ret, gs_error *err)
{
    gs_cleanup(gs_exec_credential_done) gs_exec_credential c = {0};
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    int rc = gs_json_doc_parse(text, GS_MAX_EXEC_BYTES, &doc, err);
    if (rc)
        return gs_error_wrap(err, GS_TERMINAL, "its output is no JSON");
    const char *kind = gs_json_doc_str(doc, "kind"), *version = gs_json_doc_str(doc, "apiVersion");
    const json_t *status = json_object_get(doc, "status");
    if (!gs_streq(kind, "ExecCredential"))
        return gs_error_set(err, GS_TERMINAL, "its output is no ExecCredential (kind)");
    if (!gs_streq(version, api_version))
        return gs_error_set(err, GS_TERMINAL, "its output is not of the apiVersion %s that the kubeconfig names",
                            api_version);
    if (!json_is_object(status))
        return gs_error_set(err, GS_TERMINAL, "its output has no status");
    rc = read_status(status, &c, err);
    if (rc)
        return rc;
    *ret = c;
    c = (gs_exec_credential){0};
    return 0;
}

static bool is_plain(char c)
{
    return c > ' ' && c <= '~';
}

/* Its words with one space between, as many as fit; too long ones are left out. */
static void tell_words(gs_str text, size_t longest, char ret[GS_EXEC_LINE_LEN])
{
    static const char left_out[] = "[…]";
    size_t at = 0;
    for (size_t i = 0; i < text.n;) {
        size_t n = 0;
        while (i < text.n && !is_plain(text.p[i]))
            i++;
        while (i + n < text.n && is_plain(text.p[i + n]))
            n++;
        const char *put = n > longest ? left_out : text.p + i;
        size_t len = n > longest ? sizeof left_out - 1 : n;
        if (!n || at + 1 + len + 1 > GS_EXEC_LINE_LEN)
            break;
        if (at)
            ret[at++] = ' ';
        memcpy(ret + at, put, len);
        at += len;
        i += n;
    }
    ret[at] = 0;
}

void gs_exec_last_line(gs_str log, char ret[GS_EXEC_LINE_LEN])
{
    size_t end = log.n, from;
    while (end && isspace((unsigned char)log.p[end - 1]))
        end--;
    for (from = end; from && log.p[from - 1] != '\n';)
        from--;
    tell_words((gs_str){end ? log.p + from : "", end - from}, LONGEST_WORD, ret);
}

void gs_exec_hint(const char *hint, char ret[GS_EXEC_LINE_LEN])
{
    tell_words(gs_str_of(hint), GS_EXEC_LINE_LEN, ret);
}
