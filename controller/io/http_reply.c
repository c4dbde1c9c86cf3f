#include "io/http_internal.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#define RETRY_AFTER_MAX_S (365 * 86400)

/* "GET https://host/path". Userinfo and query may hold secrets, and a control character would forge a log
 * line. */
void gs_http_describe(char *dst, size_t cap, const char *method, const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end ? scheme_end + 3 : url;
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    const char *shown = at ? at + 1 : host;
    int n = snprintf(dst, cap, "%s %.*s%.*s", method, (int)(host - url), url, (int)strcspn(shown, "?#"), shown);
    if (n >= (int)cap)
        memcpy(dst + cap - 4, "...", 4);
    for (; *dst; dst++)
        if ((unsigned char)*dst < 0x20 || *dst == 0x7f)
            *dst = '?';
}

static gs_str trim(gs_str s)
{
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s.p++, s.n--;
    return s;
}

void gs_http_reply_header(gs_http_call *c, gs_str line)
{
    if (gs_str_starts(line, "HTTP/")) {
        gs_buf_reset(&c->header_pairs); /* after a 100 Continue the real answer follows */
        c->headers_done = false;
        return;
    }
    if (trim(line).n == 0)
        c->headers_done = true;
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon || memchr(line.p, 0, line.n))
        return;
    gs_str name = trim((gs_str){line.p, (size_t)(colon - line.p)});
    gs_str value = trim((gs_str){colon + 1, line.n - (size_t)(colon + 1 - line.p)});
    /* All headers together are within GS_MAX_HEADER_BYTES, and a pair takes no more room than its line. */
    (void)gs_buf_addf(&c->header_pairs, "%.*s%c%.*s%c", (int)name.n, name.p, 0, (int)value.n, value.p, 0);
}

static const char *find_header(const gs_http_reply *reply, const char *name)
{
    const gs_http_call *c = reply->impl;
    const char *p = c->header_pairs.p, *end = p ? p + c->header_pairs.n : p;
    while (p < end) {
        const char *value = p + strlen(p) + 1;
        if (strcasecmp(p, name) == 0)
            return value;
        p = value + strlen(value) + 1;
    }
    return NULL;
}

/* Seconds, or a date: then counted from the server's own Date, so that a wrong clock here does not matter. */
static int64_t retry_after_ms(const gs_http_reply *reply)
{
    const char *s = find_header(reply, "Retry-After"), *date = find_header(reply, "Date");
    uint64_t seconds;
    if (!s)
        return -1;
    if (gs_str_u64(gs_str_of(s), &seconds))
        return (int64_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
    if (!strchr(s, ' '))
        return -1; /* curl_getdate takes much for a date that is none */
    time_t until = curl_getdate(s, NULL), from = date ? curl_getdate(date, NULL) : -1;
    if (until < 0)
        return -1;
    int64_t left = until - (from < 0 ? time(NULL) : from);
    return (left < 0 ? 0 : left < RETRY_AFTER_MAX_S ? left : RETRY_AFTER_MAX_S) * 1000;
}

static enum gs_kind kind_of(const gs_http_call *c, CURLcode code)
{
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: /* and HTTP/0.9, which is what garbage looks like */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return GS_TERMINAL;
    case CURLE_RECV_ERROR: /* a reset, or malformed chunks */
        return strstr(c->cause, "chunked-encoding") ? GS_TERMINAL : GS_TRANSIENT;
    case CURLE_OUT_OF_MEMORY:
        return GS_NO_MEMORY;
    default:
        return GS_TRANSIENT;
    }
}

static void fill_error(gs_http_call *c, CURLcode code)
{
    gs_error *err = &c->reply.err;
    long requested = 0;
    (void)curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &requested);
    if (c->cut || (!code && c->headers_done))
        return;
    if (!code) {
        /* curl takes a connection closed within the headers for a complete reply without a body */
        (void)gs_error_set(err, GS_TRANSIENT, "%s: the connection was closed within the headers", c->asked);
    } else if (c->fail.kind) {
        *err = c->fail;
        (void)gs_error_wrap(err, GS_TRANSIENT, "%s", c->asked);
    } else if (code == CURLE_OUT_OF_MEMORY && requested > 0 && !c->headers_done) {
        /* curl's way to say that a single line is over 100 KB; on_header sees complete lines only */
        (void)gs_error_set(err, GS_TERMINAL, "%s: response headers over %u bytes", c->asked, GS_MAX_HEADER_BYTES);
    } else if (c->refused[0] && !c->opened) {
        (void)gs_error_set(err, GS_REFUSED, "%s: connections to address %s are not allowed", c->asked, c->refused);
    } else {
        const char *cause = c->cause[0] ? c->cause : curl_easy_strerror(code);
        (void)gs_error_set(err, kind_of(c, code), "%s: %s", c->asked, cause);
    }
    err->status = c->reply.status;
}

void gs_http_reply_fill(gs_http_call *c, CURLcode code)
{
    gs_http_reply *r = &c->reply;
    long status = 0;
    char *type = NULL;
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    r->status = (int)status;
    r->body = &c->body;
    r->elapsed_ms = gs_http_now_ms() - c->started_ms;
    r->header = find_header;
    r->impl = c;
    r->retry_after_ms = retry_after_ms(r);
    (void)gs_str_copy(r->content_type, sizeof r->content_type, gs_str_of(type));
    fill_error(c, code);
}

static const char *phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {301, "Moved Permanently (redirects are not followed)"},
        {302, "Found (redirects are not followed)"},
        {303, "See Other (redirects are not followed)"},
        {304, "Not Modified"},
        {307, "Temporary Redirect (redirects are not followed)"},
        {308, "Permanent Redirect (redirects are not followed)"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < GS_LEN(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "unexpected status";
}

int gs_http_check(const gs_http_reply *reply, const char *what, gs_error *err)
{
    const gs_http_call *c = reply->impl;
    enum gs_kind kind = reply->err.kind ? reply->err.kind : gs_kind_of_status(reply->status);
    if (kind == GS_OK)
        return 0;
    if (!err)
        return -(int)kind;
    if (reply->err.kind)
        *err = reply->err;
    else
        (void)gs_error_set(err, kind, "%s%s%d %s", c ? c->asked : "", c ? ": " : "", reply->status,
                           phrase(reply->status));
    err->status = reply->status;
    if (what && *what)
        (void)gs_error_wrap(err, kind, "%s", what);
    return -(int)kind;
}
