#include "core/access.h"

#include "base/mem.h"
#include "base/str.h"

gs_access *gs_access_new(gs_access *like)
{
    gs_access *a = gs_alloc(sizeof *a);
    *a = *like;
    *like = (gs_access){0};
    a->refs = 1;
    return a;
}

gs_access *gs_access_refuse(const char *why)
{
    return gs_access_new(&(gs_access){.refused = gs_strdup(why)});
}

gs_access *gs_access_ref(gs_access *a)
{
    if (a)
        a->refs++;
    return a;
}

static void wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

void gs_access_unref(gs_access *a)
{
    if (!a || --a->refs)
        return;
    wipe(a->ca_pem);
    wipe(a->cert_pem);
    wipe(a->key_pem);
    wipe(a->server_name);
    wipe(a->authorization);
    wipe(a->refused);
    free(a);
}

bool gs_access_same(const gs_access *a, const gs_access *b)
{
    if (!a || !b)
        return a == b;
    return a->https == b->https && a->insecure == b->insecure && gs_streq(a->ca_pem, b->ca_pem) &&
           gs_streq(a->cert_pem, b->cert_pem) && gs_streq(a->key_pem, b->key_pem) &&
           gs_streq(a->server_name, b->server_name) && gs_streq(a->authorization, b->authorization) &&
           gs_streq(a->refused, b->refused);
}
