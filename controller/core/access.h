/* How the pods of a policy are asked: over TLS or not, trusting whom, and as whom. Immutable once made, shared by reference:
 * a call under way keeps the one it began with when credentials rotate. Its texts are overwritten with the last reference.
 * Loop thread only. */
#ifndef GS_CORE_ACCESS_H
#define GS_CORE_ACCESS_H

#include "base/cleanup.h"

#include <stdbool.h>

/* NULL for a text: none. A gs_access that is NULL itself: plain HTTP, as nobody. */
typedef struct gs_access {
    unsigned refs;
    bool https;
    bool insecure;            /* no certificate is verified */
    char *ca_pem;             /* whom to trust; NULL: the system's CAs */
    char *cert_pem, *key_pem; /* as whom to connect */
    char *server_name;        /* that certificates are verified against; NULL: the pod's IP */
    char *authorization;      /* a whole header: "Authorization: Bearer …" */
    char *refused;            /* why no pod may be asked now: what it names cannot be had */
} gs_access;

/* The texts go over to it, like's pointers are NULL afterwards. One reference, the caller's. */
gs_access *gs_access_new(gs_access *like);
/* With nothing but a reason. */
gs_access *gs_access_refuse(const char *why);
gs_access *gs_access_ref(gs_access *a); /* NULL is fine, here and below */
void gs_access_unref(gs_access *a);
GS_DEFINE_CLEANUP(gs_access *, gs_access_unref)
bool gs_access_same(const gs_access *a, const gs_access *b);

#endif
