#include "cli/term.h"

#include "wire/json_text.h"

#include <stdio.h>

struct range {
    uint32_t from, to;
};

/* Two columns in every terminal: East Asian Wide and the emoji (Unicode TR11, in blocks). */
static const struct range wide[] = {
    {0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
    {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
};
/* Zero columns, or changes of what stands around them: combining, joining, direction, byte order mark. */
static const struct range unsafe[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x0300, 0x036f}, {0x061c, 0x061c}, {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xe0000, 0xe0fff},
};

static bool in(uint32_t c, const struct range *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= v[i].from && c <= v[i].to)
            return true;
    return false;
}

/* Of a valid sequence of n bytes. */
static uint32_t code_point(const unsigned char *p, size_t n)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = p[0] & first[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

/* What stands for the character at p: its bytes in dst, their number, and its columns. Returns how much was read. */
static size_t one(const char *p, const char *end, char dst[12], size_t *ret_n, size_t *ret_columns)
{
    size_t n = gs_utf8_len(p, end);
    uint32_t c = n ? code_point((const unsigned char *)p, n) : 0;
    if (n && !in(c, unsafe, GS_LEN(unsafe))) {
        memcpy(dst, p, n);
        *ret_n = n;
        *ret_columns = in(c, wide, GS_LEN(wide)) ? 2 : 1;
        return n;
    }
    int len = n > 1 ? snprintf(dst, 12, "\\u%04x", c) : snprintf(dst, 12, "\\x%02x", (unsigned char)*p);
    *ret_n = *ret_columns = (size_t)len;
    return n ? n : 1;
}

size_t gs_term_text(gs_buf *out, gs_str text, size_t width)
{
    const char *p = text.p, *end = text.p + text.n;
    size_t used = 0, mark_at = out->n, mark_used = 0; /* the last place where a '~' still fits */
    while (p < end) {
        char piece[12];
        size_t n, columns, read = one(p, end, piece, &n, &columns);
        if (used + columns > width) {
            if (width == 0)
                return 0;
            out->n = mark_at;
            (void)gs_buf_adds(out, "~");
            return mark_used + 1;
        }
        if (gs_buf_add(out, piece, n))
            return used;
        used += columns;
        p += read;
        if (used < width) {
            mark_at = out->n;
            mark_used = used;
        }
    }
    return used;
}

void gs_term_cell(gs_buf *out, gs_str text, size_t width)
{
    for (size_t used = gs_term_text(out, text, width); used < width; used++)
        (void)gs_buf_adds(out, " ");
}
