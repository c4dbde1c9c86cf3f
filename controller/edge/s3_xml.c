#include "edge/s3_internal.h"

enum token { OPEN, TEXT, CLOSE, END, BAD };

static void skip(gs_xml *x, size_t n)
{
    x->rest = (gs_str){x->rest.p + n, x->rest.n - n};
}

/* Past the next `end`; false: there is none. */
static bool skip_past(gs_xml *x, const char *end)
{
    const char *at = memmem(x->rest.p, x->rest.n, end, strlen(end));
    if (!at)
        return false;
    skip(x, (size_t)(at - x->rest.p) + strlen(end));
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static gs_str take_name(gs_xml *x)
{
    size_t n = 0;
    while (n < x->rest.n && x->rest.p[n] && !strchr(" \t\r\n/><=\"'&", x->rest.p[n]))
        n++;
    gs_str name = {x->rest.p, n};
    skip(x, n);
    return name;
}

static enum token close_tag(gs_xml *x, gs_str *ret)
{
    skip(x, 2);
    *ret = take_name(x);
    while (x->rest.n && is_space(x->rest.p[0]))
        skip(x, 1);
    if (!x->rest.n || x->rest.p[0] != '>' || !x->depth || !gs_str_eq(*ret, x->open[x->depth - 1]))
        return BAD;
    skip(x, 1);
    x->depth--;
    return CLOSE;
}

/* Attributes mean nothing to us, but a '>' may stand in their values. */
static bool skip_attributes(gs_xml *x)
{
    char quote = 0, before = 0;
    for (size_t i = 0; i < x->rest.n; i++) {
        char c = x->rest.p[i];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '<') {
            return false;
        } else if (c == '>') {
            x->empty = before == '/';
            skip(x, i + 1);
            return true;
        }
        before = c;
    }
    return false;
}

static enum token open_tag(gs_xml *x, gs_str *ret)
{
    skip(x, 1);
    *ret = take_name(x);
    if (!ret->n || x->depth == GS_XML_DEPTH || (!x->depth && x->root) || !skip_attributes(x))
        return BAD;
    x->root = true;
    x->open[x->depth++] = *ret;
    return OPEN;
}

static enum token text(gs_xml *x, gs_str *ret)
{
    const char *end = memchr(x->rest.p, '<', x->rest.n);
    *ret = (gs_str){x->rest.p, end ? (size_t)(end - x->rest.p) : x->rest.n};
    skip(x, ret->n);
    for (size_t i = 0; !x->depth && i < ret->n; i++)
        if (!is_space(ret->p[i]))
            return BAD;
    return TEXT;
}

static enum token next(gs_xml *x, gs_str *ret)
{
    if (x->empty) {
        x->empty = false;
        *ret = x->open[--x->depth];
        return CLOSE;
    }
    for (;;) {
        if (!x->rest.n)
            return x->depth || !x->root ? BAD : END;
        if (x->rest.p[0] != '<')
            return text(x, ret);
        if (gs_str_starts(x->rest, "<?")) {
            if (!skip_past(x, "?>"))
                return BAD;
        } else if (gs_str_starts(x->rest, "<!--")) {
            skip(x, 4);
            if (!skip_past(x, "-->"))
                return BAD;
        } else if (gs_str_starts(x->rest, "<!")) {
            return BAD;
        } else {
            return gs_str_starts(x->rest, "</") ? close_tag(x, ret) : open_tag(x, ret);
        }
    }
}

static bool add_utf8(gs_buf *out, uint32_t c)
{
    char b[4];
    size_t n = 1;
    if (!c || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return false;
    if (c < 0x80) {
        b[0] = (char)c;
    } else {
        n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = n - 1; i; i--, c >>= 6)
            b[i] = (char)(0x80 | (c & 0x3f));
        b[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
    }
    return gs_buf_add(out, b, n) == 0;
}

/* "#38" or "#x26" */
static bool numbered(gs_str name, gs_buf *out)
{
    uint32_t c = 0;
    bool hex = name.n > 2 && name.p[1] == 'x';
    for (size_t i = hex ? 2 : 1; i < name.n; i++) {
        char d = name.p[i];
        uint32_t v = d >= '0' && d <= '9'          ? (uint32_t)(d - '0')
                     : hex && d >= 'a' && d <= 'f' ? (uint32_t)(d - 'a' + 10)
                     : hex && d >= 'A' && d <= 'F' ? (uint32_t)(d - 'A' + 10)
                                                   : 16;
        if (v == 16 || c > 0x10ffff)
            return false;
        c = c * (hex ? 16 : 10) + v;
    }
    return name.n > 1 && add_utf8(out, c);
}

static bool entity(gs_str name, gs_buf *out)
{
    static const struct {
        const char *name, *text;
    } known[] = {{"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}};
    if (gs_str_starts(name, "#"))
        return numbered(name, out);
    for (size_t i = 0; i < GS_LEN(known); i++)
        if (gs_str_is(name, known[i].name))
            return gs_buf_adds(out, known[i].text) == 0;
    return false;
}

static bool decode(gs_str raw, gs_buf *out)
{
    while (raw.n) {
        const char *amp = memchr(raw.p, '&', raw.n);
        size_t plain = amp ? (size_t)(amp - raw.p) : raw.n;
        if (memchr(raw.p, 0, plain) || gs_buf_add(out, raw.p, plain))
            return false;
        if (!amp)
            break;
        raw = (gs_str){amp + 1, raw.n - plain - 1};
        const char *end = memchr(raw.p, ';', raw.n < 12 ? raw.n : 12);
        if (!end || !entity((gs_str){raw.p, (size_t)(end - raw.p)}, out))
            return false;
        raw = (gs_str){end + 1, raw.n - (size_t)(end + 1 - raw.p)};
    }
    return true;
}

int gs_xml_next(gs_xml *x, gs_str *ret_name, gs_buf *out, size_t *ret_depth)
{
    gs_buf_reset(out);
    for (;;) {
        gs_str s;
        switch (next(x, &s)) {
        case OPEN:
            gs_buf_reset(out);
            break;
        case TEXT:
            if (!decode(s, out))
                return -1;
            break;
        case CLOSE:
            *ret_name = s;
            *ret_depth = x->depth + 1;
            return 1;
        case END:
            return 0;
        default:
            return -1;
        }
    }
}

bool gs_xml_in(const gs_xml *x, const char *parent)
{
    return x->depth == 2 && gs_str_is(x->open[1], parent);
}
