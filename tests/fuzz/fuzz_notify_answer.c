/* A Secret's URL and WeCom's answer, whatever they hold: a host is a part of the URL, a number is read or none is. */
#include "edge/notify_internal.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_str s = {(const char *)data, size}, host;
    int64_t code = 0;
    if (gs_notify_host(s, &host)) {
        FUZZ_CHECK(host.n > 0 && host.p >= s.p + 7 && host.p + host.n <= s.p + s.n);
        FUZZ_CHECK(!memchr(host.p, '/', host.n) && !memchr(host.p, '@', host.n) && !memchr(host.p, ' ', host.n));
    }
    if (gs_notify_wecom_code(s, &code))
        FUZZ_CHECK(memmem(s.p, s.n, ":", 1) && s.n > 2);
    return 0;
}
