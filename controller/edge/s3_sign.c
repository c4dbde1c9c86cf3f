/* Signature Version 4 in a query:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html */
#include "base/clock.h"
#include "edge/s3_internal.h"

#include <stdio.h>

#define PRESIGN_MAX_S 604800 /* a week: S3's own limit */

typedef struct scope {
    char time[GS_TIME_LEN]; /* 20130524T000000Z */
    char text[160];         /* 20130524/us-east-1/s3/aws4_request */
} scope;

static void scope_at(const gs_s3_spec *where, int64_t wall_ms, scope *ret)
{
    gs_time_format_compact(wall_ms, ret->time);
    (void)snprintf(ret->text, sizeof ret->text, "%.8s/%s/s3/aws4_request", ret->time, where->region);
}

static int add_query(gs_buf *out, const gs_s3_credentials *cred, const scope *sc, int seconds)
{
    int rc = gs_buf_adds(out, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
    rc = rc ? rc : gs_s3_escape(out, gs_str_of(cred->access_key), GS_S3_KEPT_QUERY);
    rc = rc ? rc : gs_buf_adds(out, "%2F");
    rc = rc ? rc : gs_s3_escape(out, gs_str_of(sc->text), GS_S3_KEPT_QUERY);
    rc = rc ? rc : gs_buf_addf(out, "&X-Amz-Date=%s&X-Amz-Expires=%d", sc->time, seconds);
    if (!rc && cred->session_token && *cred->session_token) {
        rc = gs_buf_adds(out, "&X-Amz-Security-Token=");
        rc = rc ? rc : gs_s3_escape(out, gs_str_of(cred->session_token), GS_S3_KEPT_QUERY);
    }
    return rc ? rc : gs_buf_adds(out, "&X-Amz-SignedHeaders=host");
}

/* Where host and path of a URL begin and end; the port of the scheme is left out, as every client does in Host. */
static int add_canonical(gs_buf *out, const char *url, const char *query)
{
    const char *host = strstr(url, "://") + 3;
    const char *path = strchr(host, '/');
    gs_str name = {host, (size_t)(path - host)};
    const char *usual = strncmp(url, "https:", 6) == 0 ? ":443" : ":80";
    if (gs_str_ends(name, usual))
        name.n -= strlen(usual);
    return gs_buf_addf(out, "GET\n%s\n%s\nhost:%.*s\n\nhost\nUNSIGNED-PAYLOAD", path, query, (int)name.n, name.p);
}

static void sign(const gs_s3_spec *where, const gs_s3_credentials *cred, const scope *sc, gs_str canonical,
                 char ret[GS_SHA256_HEX_LEN])
{
    uint8_t key[GS_SHA256_LEN];
    char hex[GS_SHA256_HEX_LEN], to_sign[320];
    gs_cleanup(gs_buf_wipe) gs_buf secret = GS_BUF(GS_MAX_SECRET_VALUE + 8);
    const gs_str parts[] = {{sc->time, 8}, gs_str_of(where->region), GS_STR("s3"), GS_STR("aws4_request")};
    gs_sha256_hex(canonical, hex);
    (void)snprintf(to_sign, sizeof to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", sc->time, sc->text, hex);
    (void)gs_buf_addf(&secret, "AWS4%s", cred->secret_key);
    for (size_t i = 0; i < GS_LEN(parts); i++)
        gs_hmac_sha256(i ? (gs_str){(const char *)key, sizeof key} : gs_buf_str(&secret), parts[i], key);
    gs_hmac_sha256((gs_str){(const char *)key, sizeof key}, gs_str_of(to_sign), key);
    gs_hex(key, sizeof key, ret);
}

/* Browsers do it to a host name, and it is signed. */
static void lower_host(char *url)
{
    for (char *p = strstr(url, "://") + 3; *p && *p != '/'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
}

int gs_s3_presign(const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, int64_t wall_ms, int seconds,
                  gs_buf *out, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(GS_S3_URL_MAX), query = GS_BUF(GS_S3_URL_MAX);
    gs_cleanup(gs_buf_done) gs_buf canonical = GS_BUF(2 * GS_S3_URL_MAX);
    char signature[GS_SHA256_HEX_LEN];
    scope sc;
    if (!cred->access_key || !*cred->access_key || !cred->secret_key || !*cred->secret_key)
        return gs_error_set(err, GS_REFUSED, "S3 credentials: accessKeyId or secretAccessKey is empty");
    if (seconds < 1 || seconds > PRESIGN_MAX_S)
        return gs_error_set(err, GS_TERMINAL, "a link of %d s: must be 1 to %d", seconds, PRESIGN_MAX_S);
    int rc = gs_s3_url(where, key, NULL, &url, err);
    if (rc)
        return rc;
    lower_host(url.p);
    scope_at(where, wall_ms, &sc);
    if (strlen(cred->secret_key) > GS_MAX_SECRET_VALUE || add_query(&query, cred, &sc, seconds) ||
        add_canonical(&canonical, url.p, query.p))
        return gs_error_set(err, GS_TERMINAL, "a link to \"%.200s\": longer than %d bytes", key, GS_S3_URL_MAX);
    sign(where, cred, &sc, gs_buf_str(&canonical), signature);
    if (gs_buf_addf(out, "%s?%s&X-Amz-Signature=%s", url.p, query.p, signature))
        return gs_error_set(err, GS_NO_MEMORY, "a link to \"%.200s\": longer than %zu bytes", key, out->max);
    return 0;
}
