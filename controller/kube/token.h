/* The bearer token: fixed, or in a file that someone replaces while we run (kubelet does so about hourly).
 * Owned by gs_kube; loop thread only. Private to kube/. */
#ifndef GS_KUBE_TOKEN_H
#define GS_KUBE_TOKEN_H

#include "base/err.h"

#include <stdint.h>

typedef struct gs_kube_token {
    const char *fixed, *file; /* borrowed; either may be NULL */
    char *value;              /* last read from the file */
    int64_t read_at;
    bool fresh;
    uint64_t reads;
} gs_kube_token;

void gs_kube_token_init(gs_kube_token *t, const char *fixed, const char *file);
void gs_kube_token_done(gs_kube_token *t);
/* The token, or NULL where none is used; the file is read where the last look is 50 s old. Lives until the next
 * call. */
int gs_kube_token_get(gs_kube_token *t, int64_t now_ms, const char **ret, gs_error *err);
/* The API server refused it: the next _get reads the file. False where there is no file, so that it is no use. */
bool gs_kube_token_expire(gs_kube_token *t);
/* Trims s in place; false where it is empty or holds bytes that no token has (they would break the header). */
bool gs_kube_token_clean(char *s);

#endif
