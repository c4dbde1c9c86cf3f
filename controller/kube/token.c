#include "kube/token.h"

#include "base/buf.h"
#include "base/log.h"
#include "kube/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define REREAD_MS 50000
#define MAX_TOKEN (64u << 10)

void gs_kube_token_init(gs_kube_token *t, const char *fixed, const char *file)
{
    *t = (gs_kube_token){.fixed = fixed, .file = file};
}

void gs_kube_token_done(gs_kube_token *t)
{
    free(t->value);
}

bool gs_kube_token_clean(char *s)
{
    size_t n = strlen(s), from = 0;
    while (n && isspace((unsigned char)s[n - 1]))
        s[--n] = 0;
    while (from < n && isspace((unsigned char)s[from]))
        from++;
    memmove(s, s + from, n - from + 1);
    for (const char *p = s; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return *s != 0;
}

static int read_token(const char *path, char **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(MAX_TOKEN);
    int rc = gs_kube_config_read_file(NULL, path, &b, err);
    if (rc)
        return gs_error_wrap(err, GS_TRANSIENT, "token file");
    gs_autofree char *s = gs_buf_take(&b);
    if (!gs_kube_token_clean(s))
        return gs_error_set(err, GS_REFUSED, "token file %s: it is empty or holds no bearer token", path);
    *ret = gs_take(s);
    return 0;
}

int gs_kube_token_get(gs_kube_token *t, int64_t now_ms, const char **ret, gs_error *err)
{
    if (t->file && !(t->fresh && now_ms - t->read_at < REREAD_MS)) {
        gs_error why = {0};
        char *s = NULL;
        if (read_token(t->file, &s, &why) == 0) {
            free(t->value);
            t->value = s;
        } else if (t->value) {
            /* Perhaps it is being replaced right now; the one that we have may still do. */
            gs_log_warn("the token file cannot be read, the token read before is used", "error", why.msg);
        } else {
            if (err)
                *err = why;
            return -(int)why.kind;
        }
        t->fresh = true;
        t->read_at = now_ms;
        t->reads++;
    }
    *ret = t->file ? t->value : t->fixed;
    return 0;
}

bool gs_kube_token_expire(gs_kube_token *t)
{
    t->fresh = false;
    return t->file != NULL;
}
