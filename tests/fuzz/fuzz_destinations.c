/* A policy's URL and an operator's flags, whatever they hold: where one name only is allowed, curl too reads no other host out
 * of the URL, and every address that is let through has no class that never is. */
#include "edge/addr.h"
#include "edge/destinations.h"
#include "fuzz.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#define ONLY "good.example"

static char *terminated(gs_str s)
{
    char *p = malloc(s.n + 1);
    memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

/* NULL: curl takes it for no URL. */
static char *host_by_curl(const char *url)
{
    CURLU *u = curl_url();
    char *host = NULL;
    if (!curl_url_set(u, CURLUPART_URL, url, 0))
        (void)curl_url_get(u, CURLUPART_HOST, &host, 0);
    curl_url_cleanup(u);
    return host;
}

static void check_url(const char *url)
{
    static const char *const only[] = {ONLY};
    const gs_destination_flags named = {.allow = {{only, 1}}}, open = {0};
    gs_destinations *d = NULL, *any = NULL;
    gs_addr a;
    FUZZ_CHECK(!gs_destinations_new(&named, &d, NULL) && !gs_destinations_new(&open, &any, NULL));
    bool good = !gs_destinations_name_allowed(d, GS_DESTINATION_S3, gs_str_of(url), NULL);
    bool public = !gs_destinations_name_allowed(any, GS_DESTINATION_S3, gs_str_of(url), NULL);
    char *host = good || public ? host_by_curl(url) : NULL;
    FUZZ_CHECK(public || !good);
    if (host && good)
        FUZZ_CHECK(strcasecmp(host, ONLY) == 0 || strcasecmp(host, ONLY ".") == 0);
    if (host && public) {
        gs_str bare = gs_str_of(host);
        if (bare.p[0] == '[')
            bare = (gs_str){bare.p + 1, bare.n - 2};
        FUZZ_CHECK(!gs_addr_parse(bare, &a) || gs_addr_class(&a) == GS_ADDR_PUBLIC);
    }
    curl_free(host);
    gs_destinations_free(d);
    gs_destinations_free(any);
}

static void check_flags(const char *text)
{
    const gs_destination_flags pattern = {.allow = {{&text, 1}}}, cidr = {.private = {&text, 1}};
    gs_destinations *d = NULL;
    gs_error err = {0};
    if (gs_destinations_new(&pattern, &d, &err))
        FUZZ_CHECK(strncmp(err.msg, "--allow-s3 ", 11) == 0);
    gs_destinations_free(d);
    d = NULL;
    if (gs_destinations_new(&cidr, &d, &err))
        FUZZ_CHECK(strncmp(err.msg, "--allow-private ", 16) == 0);
    gs_destinations_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = terminated((gs_str){(const char *)data, size});
    check_url(text);
    check_flags(text);
    free(text);
    return 0;
}
