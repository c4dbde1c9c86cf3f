/* What is said between us and an exec plugin of a kubeconfig, client.authentication.k8s.io/v1 and v1beta1: pure.
 * Private to kube/. Sources: k8s.io/client-go plugin/pkg/client/auth/exec, Kubernetes' reference "client-go credential
 * plugins". */
#ifndef GS_KUBE_EXEC_CREDENTIAL_H
#define GS_KUBE_EXEC_CREDENTIAL_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* At least one of token and certificate. */
typedef struct gs_exec_credential {
    char *token;              /* clean, or NULL */
    char *cert_pem, *key_pem; /* both or neither */
    int64_t expires_ms;       /* wall; 0: it does not say */
} gs_exec_credential;

/* Overwrites what was secret. */
void gs_exec_credential_done(gs_exec_credential *c);
GS_DEFINE_CLEANUP_VALUE(gs_exec_credential, gs_exec_credential_done)

/* An ExecCredential of this API version. Nothing of the text goes into *err: it is secret. */
int gs_exec_credential_read(gs_str text, const char *api_version, gs_exec_credential *ret, gs_error *err);

/* The last line of what a plugin wrote to stderr, fit for one line of a log: cut, without control characters, and words
 * that are too long to be words, as tokens are, left out. "" where there is none. */
#define GS_EXEC_LINE_LEN 200
void gs_exec_last_line(gs_str log, char ret[GS_EXEC_LINE_LEN]);
/* A kubeconfig's installHint as one line, cut. */
void gs_exec_hint(const char *hint, char ret[GS_EXEC_LINE_LEN]);

#endif
