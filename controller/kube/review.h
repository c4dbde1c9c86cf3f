/* Who may do what. Of a token: TokenReview, then SubjectAccessReview, as kube-rbac-proxy and controller-runtime ask them, which
 * needs the right to create both. Of ourselves: SelfSubjectAccessReview, which system:basic-user lets everybody create. Loop
 * thread only. */
#ifndef GS_KUBE_REVIEW_H
#define GS_KUBE_REVIEW_H

#include "kube/client.h"

typedef struct gs_kube_review gs_kube_review;

enum gs_kube_verdict {
    GS_KUBE_ALLOWED,
    GS_KUBE_FORBIDDEN, /* the token is somebody's, who may not */
    GS_KUBE_NOBODY,    /* the API server does not know the token, or not any more */
    GS_KUBE_UNKNOWN,   /* there is no answer: see err */
};

/* err: for UNKNOWN only. The token is not in it. */
typedef void (*gs_kube_review_done)(void *ctx, enum gs_kube_verdict verdict, const gs_error *err);

/* May the token's owner GET this path (nonResourceURL, like "/metrics")? Strings are copied. done is called once, from the loop, at the latest after timeout_ms. The client's calls are not repeated. */
gs_kube_review *gs_kube_review_start(gs_kube *k, gs_str token, const char *path, int64_t timeout_ms,
                                     gs_kube_review_done done, void *ctx);

typedef struct gs_kube_access {
    const char *ns, *verb, *group, *resource, *sub; /* sub "" for none */
} gs_kube_access;
/* May we do this? ALLOWED, FORBIDDEN, or UNKNOWN: also where an authorizer could not be asked, and no other one allows it. */
gs_kube_review *gs_kube_review_self(gs_kube *k, const gs_kube_access *a, int64_t timeout_ms, gs_kube_review_done done,
                                    void *ctx);
void gs_kube_review_cancel(gs_kube_review *r); /* done is not called; NULL is fine; not from within it */

#endif
