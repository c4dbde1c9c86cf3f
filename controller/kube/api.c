#include "kube/api.h"

#include "base/limits.h"
#include "wire/json_cursor.h"

#include <ctype.h>
#include <stdio.h>

int gs_kube_escape(gs_buf *out, gs_str s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char enc[3] = {'%', hex[c >> 4], hex[c & 15]};
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        int rc = plain ? gs_buf_add(out, s.p + i, 1) : gs_buf_add(out, enc, sizeof enc);
        if (rc)
            return rc;
    }
    return 0;
}

int gs_kube_query(gs_buf *out, const char *key, const char *value)
{
    if (!value)
        return 0;
    int rc = gs_buf_addf(out, "%s%s=", out->n ? "&" : "", key);
    return rc ? rc : gs_kube_escape(out, gs_str_of(value));
}

static int check_part(const char *what, const char *part, gs_error *err)
{
    if (!part[0] || gs_streq(part, ".") || gs_streq(part, ".."))
        return gs_error_set(err, GS_TERMINAL, "%s \"%s\" cannot name a Kubernetes object", what, part);
    return 0;
}

#define PROXY "proxy/"

/* Nothing that ends the path, or leads out of what it is to be behind. */
static int check_proxied(const char *path, gs_error *err)
{
    gs_str s = gs_str_of(path);
    bool plain = true;
    for (size_t i = 0; i < s.n; i++)
        plain = plain && (isalnum((unsigned char)s.p[i]) || strchr("/._~-", s.p[i]));
    if (!plain || strstr(path, "/.") || strstr(path, "//"))
        return gs_error_set(err, GS_TERMINAL, "\"%.100s\" is no path that can be asked through a proxy", path);
    return 0;
}

static int check_path(const gs_kube_path *p, gs_error *err)
{
    int rc = 0;
    if (p->ns && !p->resource->namespaced)
        return gs_error_set(err, GS_TERMINAL, "%s are not namespaced: leave the namespace out", p->resource->resource);
    if (p->name && p->resource->namespaced && !p->ns)
        return gs_error_set(err, GS_TERMINAL, "%s %s: the namespace is missing", p->resource->resource, p->name);
    if (p->sub && !p->name)
        return gs_error_set(err, GS_TERMINAL, "%s/%s: the name is missing", p->resource->resource, p->sub);
    if (p->ns)
        rc = check_part("namespace", p->ns, err);
    if (!rc && p->name)
        rc = check_part("name", p->name, err);
    if (!rc && p->sub)
        rc = check_part("subresource", p->sub, err);
    if (!rc && p->sub && gs_str_starts(gs_str_of(p->sub), PROXY))
        rc = check_proxied(p->sub, err);
    return rc;
}

static int add_segment(gs_buf *out, const char *segment)
{
    int rc = gs_buf_add(out, "/", 1);
    return rc ? rc : gs_kube_escape(out, gs_str_of(segment));
}

int gs_kube_url(gs_buf *out, const char *server, const gs_kube_path *p, const char *query, gs_error *err)
{
    int rc = check_path(p, err);
    if (rc)
        return rc;
    const gs_kube_resource *r = p->resource;
    rc = gs_buf_adds(out, server);
    if (!rc)
        rc = gs_buf_adds(out, r->group[0] ? "/apis" : "/api");
    if (!rc && r->group[0])
        rc = add_segment(out, r->group);
    if (!rc)
        rc = add_segment(out, r->version);
    if (!rc && p->ns)
        rc = gs_buf_adds(out, "/namespaces");
    if (!rc && p->ns)
        rc = add_segment(out, p->ns);
    if (!rc && r->resource[0])
        rc = add_segment(out, r->resource);
    if (!rc && p->name)
        rc = add_segment(out, p->name);
    if (!rc && p->sub)
        rc = gs_str_starts(gs_str_of(p->sub), PROXY) ? gs_buf_addf(out, "/%s", p->sub) : add_segment(out, p->sub);
    if (!rc && query && query[0])
        rc = gs_buf_addf(out, "?%s", query);
    return rc ? gs_error_set(err, GS_NO_MEMORY, "the URL is longer than %zu bytes", out->max) : 0;
}

void gs_kube_resource_label(const gs_kube_path *p, char *dst, size_t cap)
{
    const gs_kube_resource *r = p->resource;
    if (r->resource[0])
        (void)snprintf(dst, cap, "%s%s%s", r->resource, p->sub ? "/" : "", p->sub ? p->sub : "");
    else
        (void)snprintf(dst, cap, "%s%s%s", r->group, r->group[0] ? "/" : "", r->version);
}

void gs_kube_path_label(const gs_kube_path *p, char *dst, size_t cap)
{
    char label[128];
    gs_kube_resource_label(p, label, sizeof label);
    (void)snprintf(dst, cap, "%s%s%s%s%s", label, p->ns || p->name ? " " : "", p->ns ? p->ns : "",
                   p->ns && p->name ? "/" : "", p->name ? p->name : "");
}

/* Validation quotes the whole object first and says what is wrong with it last: of a long message both ends are
 * kept. */
static void read_message(gs_json_cursor *c, gs_kube_status *st)
{
    static const char gap[] = " ... ";
    size_t cap = sizeof st->message, tail = cap / 2;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_MAX_REPLY_BYTES);
    if (!gs_json_read_string_buf(c, &b))
        return;
    for (size_t i = 0; i < b.n; i++)
        if (iscntrl((unsigned char)b.p[i]))
            b.p[i] = ' '; /* it goes into log lines and conditions */
    gs_str all = gs_buf_str(&b);
    if (gs_str_copy(st->message, cap, all))
        return;
    size_t head = cap - tail - sizeof gap, from = all.n - tail;
    while (head && ((unsigned char)all.p[head] & 0xc0) == 0x80)
        head--;
    while (from < all.n && ((unsigned char)all.p[from] & 0xc0) == 0x80)
        from++;
    (void)snprintf(st->message, cap, "%.*s%s%.*s", (int)head, all.p, gap, (int)(all.n - from), all.p + from);
}

static void read_cause(gs_json_cursor *c, gs_kube_status *st)
{
    gs_str key;
    char reason[64];
    if (gs_json_enter_object(c))
        while (gs_json_next_key(c, &key))
            if (gs_json_key_is(key, "reason") && gs_json_read_string_cut(c, reason, sizeof reason))
                st->budget |= gs_streq(reason, "DisruptionBudget");
}

static void read_details(gs_json_cursor *c, gs_kube_status *st)
{
    gs_str key;
    int64_t seconds;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key))
        if (gs_json_key_is(key, "retryAfterSeconds")) {
            if (gs_json_read_int64(c, &seconds) && seconds >= 0 && seconds < 86400)
                st->retry_after_ms = seconds * 1000;
        } else if (gs_json_key_is(key, "causes") && !gs_json_is_null(c) && gs_json_enter_array(c)) {
            while (gs_json_next_element(c))
                read_cause(c, st);
        }
}

bool gs_kube_status_read(gs_str body, gs_kube_status *ret)
{
    gs_kube_status st = {.retry_after_ms = -1};
    char kind[16] = "";
    int64_t code = 0;
    gs_json_cursor c;
    gs_str key;
    gs_json_cursor_init(&c, body);
    if (gs_json_enter_object(&c))
        while (gs_json_next_key(&c, &key)) {
            if (gs_json_key_is(key, "kind"))
                (void)gs_json_read_string_cut(&c, kind, sizeof kind);
            else if (gs_json_key_is(key, "reason") && !gs_json_is_null(&c))
                (void)gs_json_read_string_cut(&c, st.reason, sizeof st.reason);
            else if (gs_json_key_is(key, "message") && !gs_json_is_null(&c))
                read_message(&c, &st);
            else if (gs_json_key_is(key, "code"))
                (void)gs_json_read_int64(&c, &code);
            else if (gs_json_key_is(key, "details") && !gs_json_is_null(&c))
                read_details(&c, &st);
        }
    if (gs_json_cursor_finish(&c, NULL) || !gs_streq(kind, "Status"))
        return false;
    st.code = code >= 100 && code <= 599 ? (int)code : 0;
    *ret = st;
    return true;
}

int gs_kube_status_error(int code, const gs_kube_status *st, const char *what, gs_error *err)
{
    enum gs_kind kind = gs_kind_of_status(code);
    const char *reason = st && st->reason[0] ? st->reason : "no reason given";
    bool told = st && st->message[0];
    int rc = gs_error_set(err, kind, "%s: %d %s%s%s", what, code, reason, told ? ": " : "", told ? st->message : "");
    if (err)
        err->status = code;
    return rc;
}
