/* What an exec plugin prints is refused, or yields a credential that can be sent; what it complains about yields one line. */
#include "base/cleanup.h"
#include "fuzz.h"
#include "kube/exec_credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_cleanup(gs_exec_credential_done) gs_exec_credential c = {0};
    gs_error err = {0};
    char line[GS_EXEC_LINE_LEN];
    gs_str text = {(const char *)data, size};
    gs_exec_last_line(text, line);
    FUZZ_CHECK(strlen(line) < sizeof line && !strchr(line, '\n') && !strchr(line, '\x1b'));
    if (gs_exec_credential_read(text, "client.authentication.k8s.io/v1", &c, &err)) {
        FUZZ_CHECK(err.kind != GS_OK && err.msg[0] && !c.token && !c.cert_pem && !c.key_pem);
        return 0;
    }
    FUZZ_CHECK(c.token || c.cert_pem);
    FUZZ_CHECK(!c.cert_pem == !c.key_pem);
    for (const char *p = c.token ? c.token : ""; *p; p++)
        FUZZ_CHECK(*p > ' ' && *p <= '~');
    return 0;
}
