/* A request's header from anybody: what is accepted has a method, a path and values that end where their lines do. */
#include "base/mem.h"
#include "fuzz.h"
#include "io/http_server_internal.h"

static bool one_line(const char *s)
{
    return s && !s[strcspn(s, "\r\n")];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_http_head r = {0};
    gs_autofree char *head = gs_strndup((const char *)data, size);
    if (memchr(data, 0, size)) /* the server refuses these before */
        return 0;
    int status = gs_http_head_parse(head, &r);
    FUZZ_CHECK(status == 0 || status == 400 || status == 505);
    if (status)
        return 0;
    FUZZ_CHECK(one_line(r.method) && *r.method && !strchr(r.method, ' '));
    FUZZ_CHECK(one_line(r.path) && *r.path == '/' && !r.path[strcspn(r.path, " ?#")]);
    FUZZ_CHECK(one_line(r.authorization));
    return 0;
}
