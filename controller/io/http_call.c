#include "io/http_internal.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_MS 10000
#define EXPECT_TIMEOUT_MS 200L /* see set_headers: for servers that do not know "Expect: 100-continue" */
#define UPLOAD_BYTES 16384L    /* of a TLS record: what sends over TLS keeps such a buffer, of 64 KB if not told so */
#define BODY_KEPT_BYTES (64u << 10) /* a spare call keeps a reply buffer of this size at most */

gs_http_call *gs_http_call_new(void)
{
    gs_http_call *c = gs_alloc(sizeof *c);
    c->header_pairs = GS_BUF(GS_MAX_HEADER_BYTES);
    c->easy = curl_easy_init();
    if (!c->easy) {
        free(c);
        return NULL;
    }
    return c;
}

static void release_request(gs_http_call *c)
{
    curl_slist_free_all(c->headers);
    curl_slist_free_all(c->connect_to);
    free(c->body_copy);
}

void gs_http_call_free(gs_http_call *c)
{
    curl_easy_cleanup(c->easy);
    release_request(c);
    gs_buf_done(&c->header_pairs);
    gs_buf_done(&c->body);
    free(c);
}

void gs_http_call_reset(gs_http_call *c)
{
    curl_easy_reset(c->easy);
    release_request(c);
    if (c->body.cap > BODY_KEPT_BYTES)
        gs_buf_done(&c->body);
    gs_buf_reset(&c->body);
    gs_buf_reset(&c->header_pairs);
    gs_http_call kept = {.easy = c->easy, .header_pairs = c->header_pairs, .body = c->body};
    *c = kept;
}

/* curl's callbacks. Each returns "stop" once the call is cancelled or the pool freed by a callee. */

static bool stopped(const gs_http_call *c)
{
    return c->cancelled || c->pool->dead || c->fail.kind || c->cut;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    gs_http_call *c = ctx;
    if (stopped(c))
        return CURL_WRITEFUNC_ERROR;
    n *= size;
    c->heard_ms = gs_http_now_ms();
    c->header_bytes += n;
    if (c->header_bytes > GS_MAX_HEADER_BYTES) {
        (void)gs_error_set(&c->fail, GS_TERMINAL, "response headers over %u bytes", GS_MAX_HEADER_BYTES);
        return CURL_WRITEFUNC_ERROR;
    }
    gs_http_reply_header(c, (gs_str){p, n});
    return n;
}

static size_t keep_error_body(gs_http_call *c, const char *p, size_t n)
{
    size_t max = c->max_bytes && c->max_bytes < GS_HTTP_ERROR_BODY_BYTES ? c->max_bytes : GS_HTTP_ERROR_BODY_BYTES;
    size_t room = max - c->body.n;
    c->body.max = max;
    if (gs_buf_add(&c->body, p, n < room ? n : room) == 0 && n <= room)
        return n;
    c->cut = true;
    return CURL_WRITEFUNC_ERROR;
}

/* The only place that bounds a body: curl's own limit sees neither chunked bodies nor what gzip unpacks. */
static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    gs_http_call *c = ctx;
    long status = 0;
    if (stopped(c))
        return CURL_WRITEFUNC_ERROR;
    n *= size;
    c->heard_ms = gs_http_now_ms();
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299)
        return keep_error_body(c, p, n);
    if (c->paused) {
        c->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (c->max_bytes && n > c->max_bytes - c->body_bytes) {
        (void)gs_error_set(&c->fail, GS_TERMINAL, "response over %zu bytes", c->max_bytes);
        return CURL_WRITEFUNC_ERROR;
    }
    c->body_bytes += n;
    if (!c->on_data) {
        if (gs_buf_add(&c->body, p, n))
            (void)gs_error_set(&c->fail, GS_NO_MEMORY, "no memory for a response of over %zu bytes", c->body.n);
        return c->fail.kind ? CURL_WRITEFUNC_ERROR : n;
    }
    gs_error err = {0};
    int rc = c->on_data(c->ctx, p, n, &err);
    if (rc) {
        c->fail = err;
        c->fail.kind = rc < 0 ? (enum gs_kind) - rc : GS_TERMINAL;
    }
    return stopped(c) ? CURL_WRITEFUNC_ERROR : n;
}

static void name_address(const struct sockaddr *sa, char *dst, socklen_t cap)
{
    char ip[INET6_ADDRSTRLEN] = "?";
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        (void)inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
        (void)snprintf(dst, cap, "%s:%u", ip, ntohs(in->sin_port));
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof ip);
        (void)snprintf(dst, cap, "[%s]:%u", ip, ntohs(in6->sin6_port));
    } else {
        (void)snprintf(dst, cap, "of family %u", sa->sa_family);
    }
}

/* Sees the address itself, after every resolving and whatever the URL's spelling. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    gs_http_call *c = ctx;
    gs_http *h = c->pool;
    if (purpose != CURLSOCKTYPE_IPCXN || stopped(c))
        return CURL_SOCKET_BAD;
    if (h->allow_addr && !h->allow_addr(h->allow_ctx, &a->addr)) {
        name_address(&a->addr, c->refused, sizeof c->refused);
        return CURL_SOCKET_BAD;
    }
    c->opened = true;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* From a request to curl's options. `code` keeps the first failure. */

#define OPT(option, value)                                                                                             \
    do {                                                                                                               \
        if (!code)                                                                                                     \
            code = curl_easy_setopt(c->easy, option, value);                                                           \
    } while (0)

static CURLcode set_fixed(gs_http_call *c)
{
    CURLcode code = CURLE_OK;
    OPT(CURLOPT_PRIVATE, c);
    OPT(CURLOPT_ERRORBUFFER, c->cause);
    OPT(CURLOPT_USERAGENT, c->pool->user_agent);
    OPT(CURLOPT_PROTOCOLS_STR, "http,https");
    OPT(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    OPT(CURLOPT_FOLLOWLOCATION, 0L);
    OPT(CURLOPT_PROXY, ""); /* an http_proxy in the environment would hide the real address from open_socket */
    OPT(CURLOPT_NOSIGNAL, 1L);
    OPT(CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BYTES);
    OPT(CURLOPT_QUICK_EXIT, 1L); /* or ending a call that still resolves waits for its resolver thread */
    OPT(CURLOPT_TCP_KEEPALIVE, 1L);
    OPT(CURLOPT_TCP_KEEPIDLE, 30L);
    OPT(CURLOPT_TCP_KEEPINTVL, 10L);
    OPT(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    OPT(CURLOPT_OPENSOCKETDATA, c);
    OPT(CURLOPT_HEADERFUNCTION, on_header);
    OPT(CURLOPT_HEADERDATA, c);
    OPT(CURLOPT_WRITEFUNCTION, on_body);
    OPT(CURLOPT_WRITEDATA, c);
    return code;
}

static CURLcode set_limits(gs_http_call *c, const gs_http_request *r)
{
    CURLcode code = CURLE_OK;
    int64_t connect_ms = r->connect_timeout_ms;
    if (connect_ms <= 0)
        connect_ms = r->timeout_ms > 0 && r->timeout_ms < CONNECT_TIMEOUT_MS ? r->timeout_ms : CONNECT_TIMEOUT_MS;
    OPT(CURLOPT_TIMEOUT_MS, (long)(r->timeout_ms > 0 ? r->timeout_ms : 0));
    OPT(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    OPT(CURLOPT_ACCEPT_ENCODING, r->accept_gzip ? "gzip" : "identity");
    OPT(CURLOPT_HTTP_CONTENT_DECODING, r->accept_gzip ? 1L : 0L);
    c->idle_ms = r->idle_timeout_ms > 0 ? r->idle_timeout_ms : 0;
    c->max_bytes = r->max_bytes;
    c->body.max = r->max_bytes;
    return code;
}

static CURLcode set_pem(gs_http_call *c, CURLoption option, const char *pem)
{
    struct curl_blob blob = {.data = (void *)(uintptr_t)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};
    return curl_easy_setopt(c->easy, option, &blob);
}

static CURLcode set_tls(gs_http_call *c, const gs_http_tls *t)
{
    CURLcode code = CURLE_OK;
    OPT(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* The default directory of CAs would be trusted beside ca_pem, and beside the system's bundle it only
     * keeps curl from caching the parsed bundle. */
    if (gs_http_has_bundle || (t && t->ca_pem))
        OPT(CURLOPT_CAPATH, NULL);
    OPT(CURLOPT_CA_CACHE_TIMEOUT, 3600L);
    if (!code && t && t->ca_pem)
        code = set_pem(c, CURLOPT_CAINFO_BLOB, t->ca_pem);
    if (!code && t && t->cert_pem)
        code = set_pem(c, CURLOPT_SSLCERT_BLOB, t->cert_pem);
    if (!code && t && t->key_pem)
        code = set_pem(c, CURLOPT_SSLKEY_BLOB, t->key_pem);
    c->insecure = t && t->insecure;
    c->own_ca = t && t->ca_pem;
    OPT(CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a call at rest would keep 50 KB for each server that it spoke to */
    OPT(CURLOPT_SSL_CTX_FUNCTION, gs_http_tls_limit);
    OPT(CURLOPT_SSL_CTX_DATA, c);
    OPT(CURLOPT_SSL_VERIFYPEER, t && t->insecure ? 0L : 1L);
    OPT(CURLOPT_SSL_VERIFYHOST, t && t->insecure ? 0L : 2L);
    OPT(CURLOPT_KEYPASSWD, ""); /* or OpenSSL asks the terminal for the password of an encrypted key */
    return code;
}

static CURLcode set_sigv4(gs_http_call *c, const gs_http_sigv4 *s)
{
    CURLcode code = CURLE_OK;
    char scope[160];
    int n = snprintf(scope, sizeof scope, "aws:amz:%s:%s", s->region, s->service);
    if (n < 0 || (size_t)n >= sizeof scope)
        return CURLE_BAD_FUNCTION_ARGUMENT;
    OPT(CURLOPT_AWS_SIGV4, scope);
    OPT(CURLOPT_USERNAME, s->access_key); /* not USERPWD: a colon in a key would split it */
    OPT(CURLOPT_PASSWORD, s->secret_key);
    OPT(CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_TIMEOUT_MS);
    return code;
}

static int add_header(gs_http_call *c, const char *line)
{
    struct curl_slist *grown = curl_slist_append(c->headers, line);
    if (!grown)
        return -GS_NO_MEMORY;
    c->headers = grown;
    return 0;
}

static bool is_header(const char *line, const char *name)
{
    size_t n = strlen(name);
    return strncasecmp(line, name, n) == 0 && (line[n] == ':' || line[n] == ';');
}

static int set_headers(gs_http_call *c, const gs_http_request *r, gs_error *err)
{
    bool has_type = false;
    for (const char *const *line = r->headers; line && *line; line++) {
        /* Values come from Secrets and files: one line break and they are two headers. */
        if (strpbrk(*line, "\r\n"))
            return gs_error_set(err, GS_TERMINAL, "%s: header %.*s: a line break is not allowed", c->asked,
                                (int)strcspn(*line, ":\r\n"), *line);
        has_type = has_type || is_header(*line, "Content-Type");
        if (add_header(c, *line))
            return gs_error_set(err, GS_NO_MEMORY, "%s: no memory for a header", c->asked);
    }
    /* curl would call a body a web form, and wait for a "100 Continue" before a big one. An empty header
     * switches that off, but sigv4 signs it as if it were sent, and the store then finds a wrong signature.
     */
    int rc = 0;
    if (r->sigv4)
        rc = has_type || !r->body.p ? 0 : add_header(c, "Content-Type: application/octet-stream");
    else if ((rc = add_header(c, "Expect:")) == 0 && !has_type)
        rc = add_header(c, "Content-Type:");
    return rc ? gs_error_set(err, GS_NO_MEMORY, "%s: no memory for a header", c->asked) : 0;
}

static CURLcode set_method(gs_http_call *c, const gs_http_request *r)
{
    CURLcode code = CURLE_OK;
    bool sends = r->body.p || gs_streq(r->method, "POST") || gs_streq(r->method, "PUT") || gs_streq(r->method, "PATCH");
    if (gs_streq(r->method, "HEAD")) {
        OPT(CURLOPT_NOBODY, 1L);
        return code;
    }
    if (sends) {
        const char *body = r->body.p ? r->body.p : "";
        if (r->body.p && !r->body_static) {
            body = c->body_copy = gs_alloc(r->body.n);
            memcpy(c->body_copy, r->body.p, r->body.n);
        }
        OPT(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        OPT(CURLOPT_POSTFIELDS, body);
    }
    OPT(CURLOPT_CUSTOMREQUEST, r->method);
    return code;
}

/* curl verifies and asks by SNI for the URL's host, so that becomes the server's name, and the connection and
 * the Host header go to the host that was there. */
static CURLcode set_url(gs_http_call *c, const gs_http_request *r)
{
    if (!r->tls || !r->tls->server_name)
        return curl_easy_setopt(c->easy, CURLOPT_URL, r->url);
    char *host = NULL, *port = NULL, *url = NULL;
    CURLcode code = CURLE_URL_MALFORMAT;
    CURLU *u = curl_url();
    if (u && !curl_url_set(u, CURLUPART_URL, r->url, 0) && !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
        (curl_url_get(u, CURLUPART_PORT, &port, 0) || true) &&
        !curl_url_set(u, CURLUPART_HOST, r->tls->server_name, 0) && !curl_url_get(u, CURLUPART_URL, &url, 0)) {
        gs_autofree char *to = gs_sprintf("::%s:", host);
        gs_autofree char *header = gs_sprintf("Host: %s%s%s", host, port ? ":" : "", port ? port : "");
        code = curl_easy_setopt(c->easy, CURLOPT_URL, url);
        c->connect_to = curl_slist_append(NULL, to);
        if (!c->connect_to || add_header(c, header))
            code = CURLE_OUT_OF_MEMORY;
        OPT(CURLOPT_CONNECT_TO, c->connect_to);
    }
    curl_free(host);
    curl_free(port);
    curl_free(url);
    curl_url_cleanup(u);
    return code;
}

int gs_http_call_prepare(gs_http_call *c, const gs_http_request *r, gs_error *err)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    bool known = false;
    for (size_t i = 0; i < GS_LEN(methods); i++)
        known = known || gs_streq(r->method, methods[i]);
    gs_http_describe(c->asked, sizeof c->asked, r->method, r->url);
    if (!known)
        return gs_error_set(err, GS_TERMINAL, "%s: unknown method", c->asked);
    if (!r->max_bytes && !r->on_data && !gs_streq(r->method, "HEAD"))
        return gs_error_set(err, GS_TERMINAL, "%s: max_bytes is not set", c->asked);
    c->on_data = r->on_data;
    c->on_done = r->on_done;
    c->ctx = r->ctx;
    c->started_ms = c->heard_ms = gs_http_now_ms();
    int rc = set_headers(c, r, err);
    if (rc)
        return rc;
    CURLcode code = set_fixed(c);
    code = code ? code : set_limits(c, r);
    code = code ? code : set_tls(c, r->tls);
    code = code || !r->sigv4 ? code : set_sigv4(c, r->sigv4);
    code = code ? code : set_method(c, r);
    code = code ? code : set_url(c, r);
    OPT(CURLOPT_HTTPHEADER, c->headers);
    if (code)
        return gs_error_set(err, code == CURLE_OUT_OF_MEMORY ? GS_NO_MEMORY : GS_TERMINAL, "%s: %s", c->asked,
                            curl_easy_strerror(code));
    return 0;
}
