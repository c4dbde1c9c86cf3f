#include "wire/yaml_write.h"

#include "wire/json_cursor.h"
#include "wire/json_text.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define INDENT 2
#define MAX_SIMPLE_KEY 1000 /* bytes: readers look for the ':' of a longer one in vain */

typedef struct printing {
    gs_json_cursor c;
    gs_buf *out;
    gs_buf text; /* the string at hand */
    bool full;   /* the buffer's cap was reached */
} printing;

static void put(printing *p, const char *bytes, size_t n)
{
    p->full |= gs_buf_add(p->out, bytes, n) != 0;
}

static void puts_(printing *p, const char *s)
{
    put(p, s, strlen(s));
}

static void new_line(printing *p, unsigned indent)
{
    puts_(p, "\n");
    for (unsigned k = 0; k < indent; k++)
        puts_(p, " ");
}

/* ---- strings ---- */

static bool is_word_for_something(gs_str s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
        if (s.n == strlen(words[k]) && strncasecmp(s.p, words[k], s.n) == 0)
            return true;
    return false;
}

/* What nobody takes for anything but a string. Much else would do as well, and is quoted all the same. */
static bool is_plain(gs_str s)
{
    if (!s.n || !(isalpha((unsigned char)s.p[0]) || s.p[0] == '/') || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == ':')
        return false;
    for (size_t k = 0; k < s.n; k++) {
        char c = s.p[k];
        if (!isalnum((unsigned char)c) && (!c || !strchr(" _./()*-+=,;@%:", c)))
            return false;
        if (c == ':' && s.p[k + 1] == ' ')
            return false;
    }
    return !is_word_for_something(s);
}

/* What ends a line in YAML 1.1, or is not to be seen at all, in a string of valid UTF-8. */
static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || (c & 0xfffe) == 0xfffe;
}

static uint32_t code_point(const char *p, size_t n)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)p[0] & first[n];
    for (size_t k = 1; k < n; k++)
        c = c << 6 | ((unsigned char)p[k] & 0x3f);
    return c;
}

static void quoted(printing *p, gs_str s)
{
    const char *at = s.p, *end = s.p + s.n;
    puts_(p, "\"");
    while (at < end) {
        size_t n = gs_utf8_len(at, end); /* the cursor lets nothing else through */
        uint32_t c = code_point(at, n ? n : 1);
        char escape[16] = "";
        if (c == '"' || c == '\\')
            (void)snprintf(escape, sizeof escape, "\\%c", (int)c);
        else if (c == '\n' || c == '\t')
            (void)snprintf(escape, sizeof escape, "\\%c", c == '\n' ? 'n' : 't');
        else if (is_hidden(c))
            (void)snprintf(escape, sizeof escape, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
        if (escape[0])
            puts_(p, escape);
        else
            put(p, at, n ? n : 1);
        at += n ? n : 1;
    }
    puts_(p, "\"");
}

static void string(printing *p, gs_str s)
{
    if (is_plain(s))
        put(p, s.p, s.n);
    else
        quoted(p, s);
}

/* ---- values ---- */

static void value(printing *p, unsigned indent, bool inline_);

static void scalar(printing *p)
{
    gs_str raw;
    if (gs_json_peek(&p->c) != GS_JSON_STRING) {
        if (gs_json_raw(&p->c, &raw))
            put(p, raw.p, raw.n);
        return;
    }
    gs_buf_reset(&p->text);
    if (gs_json_read_string_buf(&p->c, &p->text))
        string(p, gs_buf_str(&p->text));
}

/* The raw key as a cursor hands it out. */
static void key(printing *p, gs_str raw, unsigned indent)
{
    char text[MAX_SIMPLE_KEY];
    if (raw.n < sizeof text && gs_json_unescape(raw, text, sizeof text)) {
        string(p, gs_str_of(text));
    } else {
        gs_json_cursor c;
        gs_json_cursor_init(&c, (gs_str){raw.p - 1, raw.n + 2}); /* with its quotes */
        gs_buf_reset(&p->text);
        (void)gs_json_read_string_buf(&c, &p->text);
        puts_(p, "? ");
        quoted(p, gs_buf_str(&p->text));
        new_line(p, indent);
    }
    puts_(p, ":");
}

static void members(printing *p, unsigned indent, bool inline_)
{
    gs_str raw;
    bool any = false;
    if (!gs_json_enter_object(&p->c))
        return;
    while (!p->full && gs_json_next_key(&p->c, &raw)) {
        if (any || !inline_)
            new_line(p, indent);
        any = true;
        key(p, raw, indent);
        value(p, indent, false);
    }
    if (!any)
        puts_(p, inline_ ? "{}" : " {}");
}

static void elements(printing *p, unsigned indent, bool inline_)
{
    bool any = false;
    if (!gs_json_enter_array(&p->c))
        return;
    while (!p->full && gs_json_next_element(&p->c)) {
        if (any || !inline_)
            new_line(p, indent);
        any = true;
        puts_(p, "- ");
        value(p, indent + INDENT, true);
    }
    if (!any)
        puts_(p, inline_ ? "[]" : " []");
}

/* indent: of what contains it. inline_: it begins where the cursor of the line is; else behind a key and its ':'. */
static void value(printing *p, unsigned indent, bool inline_)
{
    switch (gs_json_peek(&p->c)) {
    case GS_JSON_OBJECT:
        members(p, inline_ ? indent : indent + INDENT, inline_);
        break;
    case GS_JSON_ARRAY:
        elements(p, indent, inline_);
        break;
    default:
        if (!inline_)
            puts_(p, " ");
        scalar(p);
    }
}

int gs_json_to_yaml(gs_str json, gs_buf *out, gs_error *err)
{
    size_t from = out->n;
    printing p = {.out = out, .text = GS_BUF(json.n + 1)};
    gs_json_cursor_init(&p.c, json);
    value(&p, 0, true);
    puts_(&p, "\n");
    gs_buf_done(&p.text);
    int rc =
        p.full ? gs_error_set(err, GS_NO_MEMORY, "YAML: over %zu bytes", out->max) : gs_json_cursor_finish(&p.c, err);
    if (rc)
        out->n = from;
    return rc;
}
