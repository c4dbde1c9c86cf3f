/* Who requests are sent as: a token and a client certificate, fixed, from a file, or from an exec plugin. Owned by gs_kube;
 * loop thread only. Private to kube/. */
#ifndef GS_KUBE_IDENTITY_H
#define GS_KUBE_IDENTITY_H

#include "kube/exec_plugin.h"
#include "kube/token.h"

typedef struct gs_kube_identity {
    const gs_clock *clock;
    const gs_kube_config *config;
    gs_kube_token token;
    gs_exec_plugin *plugin; /* NULL: none */
} gs_kube_identity;

typedef struct gs_kube_proof {
    const char *token, *cert_pem, *key_pem; /* NULL: without */
    uint64_t number;                        /* which credential of the plugin it is */
    bool wait;                              /* it is being found out: on_change comes */
} gs_kube_proof;

/* clock and config are borrowed. */
void gs_kube_identity_init(gs_kube_identity *i, gs_loop *l, const gs_clock *clock, const gs_kube_config *config,
                           void (*on_change)(void *ctx), void *ctx);
void gs_kube_identity_done(gs_kube_identity *i);
/* Valid until the next call, and until on_change. */
int gs_kube_identity_get(gs_kube_identity *i, gs_kube_proof *ret, gs_error *err);
/* The API server refused the one with this number. True: there is, or will be, another one to try. */
bool gs_kube_identity_refused(gs_kube_identity *i, uint64_t number);

#endif
