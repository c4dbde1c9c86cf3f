/* Foreign text in messages. No service documents an escape for all of its markup, so what could be markup is put between
 * code marks, and what could end those is replaced. */
#include "codec/notice_internal.h"
#include "wire/json_text.h"

#include <stdarg.h>
#include <stdio.h>

#define CUT "…"
#define CUT_LEN (sizeof CUT - 1)

/* WeCom: '<' begins <@user> and <font>, also where one would not expect it. */
static const char *instead_wecom(char c)
{
    return c == '`' ? "'" : c == '<' ? "‹" : c == '>' ? "›" : NULL;
}

/* Slack: the three that its documentation names; and what would end a code mark. */
static const char *instead_slack(char c)
{
    return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '`' ? "'" : NULL;
}

static const char *instead_plain(char c)
{
    (void)c;
    return NULL;
}

const gs_notice_style gs_style_wecom = {"\n>", "**", "**", "`", instead_wecom};
const gs_notice_style gs_style_slack = {"\n", "*", "*", "`", instead_slack};
const gs_notice_style gs_style_plain = {"\n", "", "", "", instead_plain};

size_t gs_notice_room(const gs_notice_text *t)
{
    return t->max > t->out->n ? t->max - t->out->n : 0;
}

void gs_notice_words(gs_notice_text *t, const char *fmt, ...)
{
    char words[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    if (n > 0 && (size_t)n < sizeof words && (size_t)n <= gs_notice_room(t))
        (void)gs_buf_add(t->out, words, (size_t)n);
}

/* What the character at p becomes; *ret_read: how many bytes of it there are. */
static gs_str become(const gs_notice_style *style, const char *p, const char *end, size_t *ret_read)
{
    size_t n = gs_utf8_len(p, end);
    *ret_read = n ? n : 1;
    if (!n)
        return GS_STR("?");
    if (n == 1 && ((unsigned char)*p < ' ' || *p == 0x7f))
        return GS_STR(" ");
    const char *other = n == 1 ? style->instead(*p) : NULL;
    return other ? gs_str_of(other) : (gs_str){p, n};
}

void gs_notice_foreign(gs_notice_text *t, gs_str s, size_t max)
{
    size_t room = gs_notice_room(t), read;
    size_t limit = t->out->n + (max < room ? max : room), cut = t->out->n;
    for (const char *p = s.p, *end = s.p + s.n; p < end; p += read) {
        gs_str c = become(t->style, p, end, &read);
        if (t->out->n + c.n > limit) { /* back to where the mark of a cut fits too */
            t->out->n = cut;
            (void)gs_buf_adds(t->out, cut + CUT_LEN <= limit ? CUT : "");
            return;
        }
        (void)gs_buf_add(t->out, c.p, c.n);
        if (t->out->n + CUT_LEN <= limit)
            cut = t->out->n;
    }
}

void gs_notice_code(gs_notice_text *t, gs_str s, size_t max)
{
    size_t marks = 2 * strlen(t->style->code), room = gs_notice_room(t), outer = t->max;
    if (!s.n || max < marks + CUT_LEN || room < marks + CUT_LEN)
        return;
    gs_notice_words(t, "%s", t->style->code);
    t->max -= marks / 2;
    gs_notice_foreign(t, s, max - marks);
    t->max = outer;
    gs_notice_words(t, "%s", t->style->code);
}

bool gs_notice_line(gs_notice_text *t, const char *label, size_t need)
{
    const gs_notice_style *s = t->style;
    if (gs_notice_room(t) < strlen(s->line) + strlen(s->bold) + strlen(s->unbold) + strlen(label) + 2 + need)
        return false;
    gs_notice_words(t, "%s%s%s:%s ", t->out->n ? s->line : s->line + (s->line[0] == '\n'), s->bold, label, s->unbold);
    return true;
}

int gs_notice_url(const gs_notice *n, gs_buf *out)
{
    int rc = 0;
    for (const char *p = n->evidence_url; p && *p && !rc; p++) {
        bool kept = *p > ' ' && *p < 0x7f && !strchr("()<>[]{}|\"\\^`'*_~", *p);
        rc = kept || *p == '_' || *p == '~' ? gs_buf_add(out, p, 1) : gs_buf_addf(out, "%%%02X", (unsigned char)*p);
    }
    return rc;
}
