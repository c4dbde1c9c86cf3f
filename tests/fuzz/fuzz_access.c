/* Secrets that a policy names for its pods: whatever is in them, a header has one line, texts end, and nothing of a Secret that
 * is refused is kept. */
#include "codec/access.h"
#include "fuzz.h"

static const gs_endpoint_spec specs[] = {
    {.https = true,
     .ca_secret = "s",
     .ca_key = "ca.crt",
     .cert_secret = "s",
     .bearer_secret = "s",
     .bearer_key = "token"},
    {.https = true, .ca_secret = "s", .ca_key = "ca.crt", .basic_secret = "s"},
};

static void take(const gs_endpoint_spec *e, gs_str object)
{
    gs_access_parts parts = {0};
    bool authorized = false;
    for (int s = 0; s < GS_ACCESS_SECRETS; s++) {
        gs_error err = {0};
        if (!gs_access_secret_name(e, s)[0])
            continue;
        int r = gs_access_take(e, s, object, &parts, &err);
        FUZZ_CHECK((r == 0) == (err.msg[0] == 0));
        FUZZ_CHECK(r == 0 || r == -GS_TERMINAL || r == -GS_REFUSED || r == -GS_NO_MEMORY);
        authorized = authorized || (r == 0 && s == GS_ACCESS_AUTHORIZATION);
    }
    gs_cleanup(gs_access_unref) gs_access *a = gs_access_build(e, &parts);
    gs_access_parts_done(&parts);
    FUZZ_CHECK(a && a->https && !a->refused);
    if (authorized)
        FUZZ_CHECK(a->authorization && !strpbrk(a->authorization, "\r\n"));
    FUZZ_CHECK(!a->key_pem || a->cert_pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t k = 0; k < GS_LEN(specs); k++)
        take(&specs[k], (gs_str){(const char *)data, size});
    return 0;
}
