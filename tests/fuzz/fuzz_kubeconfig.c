/* A kubeconfig of any content is refused with a reason, or yields a configuration that can be used. No file is
 * opened. */
#include "fuzz.h"
#include "kube/config.h"

static int read_nothing(void *ctx, const char *path, gs_buf *ret, gs_error *err)
{
    (void)ctx;
    if (strstr(path, ".crt"))
        return gs_buf_adds(ret, "-----BEGIN CERTIFICATE-----\n");
    return gs_error_set(err, GS_NOT_FOUND, "%s: not there", path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
    gs_error err = {0};
    if (gs_kube_config_parse((gs_str){(const char *)data, size}, "/etc/k/config", NULL, read_nothing, NULL, &c, &err)) {
        FUZZ_CHECK(strstr(err.msg, "kubeconfig /etc/k/config: "));
        return 0;
    }
    FUZZ_CHECK(c.server && c.ns && c.ns[0]);
    FUZZ_CHECK(gs_str_starts(gs_str_of(c.server), "https://") || gs_str_starts(gs_str_of(c.server), "http://"));
    FUZZ_CHECK(!c.cert_pem == !c.key_pem);
    FUZZ_CHECK(!c.exec || (c.exec->argv[0][0] && c.exec->info[0] == '{' && !c.token && !c.token_file && !c.cert_pem));
    for (char **at = c.exec ? c.exec->env : NULL; at && *at; at++)
        FUZZ_CHECK(strchr(*at, '=') && **at != '=');
    for (const char *p = c.server; *p; p++)
        FUZZ_CHECK(*p > ' ' && *p <= '~');
    for (const char *p = c.token ? c.token : ""; *p; p++)
        FUZZ_CHECK(*p > ' ' && *p <= '~');
    return 0;
}
