#include "kube/identity.h"

void gs_kube_identity_init(gs_kube_identity *i, gs_loop *l, const gs_clock *clock, const gs_kube_config *config,
                           void (*on_change)(void *ctx), void *ctx)
{
    *i = (gs_kube_identity){.clock = clock, .config = config};
    gs_kube_token_init(&i->token, config->token, config->token_file);
    if (config->exec)
        i->plugin = gs_exec_plugin_new(l, clock, config->exec, on_change, ctx);
}

void gs_kube_identity_done(gs_kube_identity *i)
{
    gs_exec_plugin_free(i->plugin);
    gs_kube_token_done(&i->token);
}

int gs_kube_identity_get(gs_kube_identity *i, gs_kube_proof *ret, gs_error *err)
{
    const gs_exec_credential *had = NULL;
    *ret = (gs_kube_proof){.cert_pem = i->config->cert_pem, .key_pem = i->config->key_pem};
    if (!i->plugin)
        return gs_kube_token_get(&i->token, gs_mono(i->clock), &ret->token, err);
    int rc = gs_exec_plugin_get(i->plugin, &had, err);
    if (had)
        *ret = (gs_kube_proof){.token = had->token, .cert_pem = had->cert_pem, .key_pem = had->key_pem};
    ret->number = gs_exec_plugin_number(i->plugin);
    ret->wait = !rc && !had;
    return rc;
}

bool gs_kube_identity_refused(gs_kube_identity *i, uint64_t number)
{
    if (!i->plugin)
        return gs_kube_token_expire(&i->token);
    gs_exec_plugin_refused(i->plugin, number);
    return true;
}
