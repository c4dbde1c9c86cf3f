#include "wire/json_text.h"

#define ONES 0x0101010101010101ULL
#define HIGH 0x8080808080808080ULL

static uint64_t load(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

/* The high bit of each byte that is zero; above the lowest such byte there may be false ones, which nobody
 * looks at. */
static uint64_t zeros(uint64_t w)
{
    return (w - ONES) & ~w & HIGH;
}

static uint64_t quotes_and_backslashes(uint64_t w)
{
    return zeros(w ^ (ONES * '"')) | zeros(w ^ (ONES * '\\'));
}

static size_t first(uint64_t mask)
{
    return (size_t)__builtin_ctzll(mask) / 8;
}

const char *gs_json_string_break(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t hit = quotes_and_backslashes(load(p));
        if (hit)
            return p + first(hit);
    }
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* The first byte that needs a look: quote, backslash, control character, or not ASCII. */
static const char *plain_end(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t w = load(p);
        uint64_t hit = quotes_and_backslashes(w) | ((w - ONES * 0x20) & ~w & HIGH) | (w & HIGH);
        if (hit)
            return p + first(hit);
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

size_t gs_utf8_len(const char *p, const char *end)
{
    const unsigned char *b = (const unsigned char *)p;
    size_t room = (size_t)(end - p);
    unsigned c = b[0];
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    size_t n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (room < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && b[1] < 0xa0) || (c == 0xed && b[1] > 0x9f) || (c == 0xf0 && b[1] < 0x90) ||
        (c == 0xf4 && b[1] > 0x8f))
        return 0;
    return n;
}

size_t gs_utf8_put(char *dst, uint32_t code)
{
    if (code < 0x80) {
        dst[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        dst[i] = (char)(0x80 | (code & 0x3f));
    dst[0] = (char)(code | (n == 2 ? 0xc0u : n == 3 ? 0xe0u : 0xf0u));
    return n;
}

/* Four hex digits at p; -1 where they are not. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t v = 0;
    if (end - p < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

size_t gs_json_escape(const char *p, const char *end, char dst[4], size_t *ret_n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (end - p < 2)
        return 0;
    if (p[1] != 'u') {
        const char *at = memchr(from, p[1], sizeof from - 1);
        if (!at)
            return 0;
        dst[0] = to[at - from];
        *ret_n = 1;
        return 2;
    }
    int32_t code = hex4(p + 2, end);
    if (code < 0 || (code >= 0xdc00 && code <= 0xdfff))
        return 0;
    size_t n = 6;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (end - p < 12 || p[6] != '\\' || p[7] != 'u')
            return 0;
        int32_t low = hex4(p + 8, end);
        if (low < 0xdc00 || low > 0xdfff)
            return 0;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        n = 12;
    }
    *ret_n = gs_utf8_put(dst, (uint32_t)code);
    return n;
}

const char *gs_json_string_end(const char *p, const char *end, const char **why, const char **at)
{
    for (;;) {
        p = plain_end(p, end);
        *at = p;
        if (p == end) {
            *why = "the input ends inside a string";
            return NULL;
        }
        if (*p == '"')
            return p;
        size_t n, out;
        char tmp[4];
        if (*p == '\\') {
            n = gs_json_escape(p, end, tmp, &out);
            *why = "invalid escape in a string";
        } else if ((unsigned char)*p < 0x20) {
            n = 0;
            *why = "control character in a string";
        } else {
            n = gs_utf8_len(p, end);
            *why = "invalid UTF-8 in a string";
        }
        if (!n)
            return NULL;
        p += n;
    }
}

size_t gs_json_unescape_some(gs_str raw, char *dst, size_t cap, size_t *ret_read)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    size_t n = 0;
    while (p < end) {
        char tmp[4];
        const char *from = p;
        size_t read, out;
        if (*p == '\\') {
            read = gs_json_escape(p, end, tmp, &out);
            from = tmp;
        } else {
            read = out = gs_utf8_len(p, end);
        }
        if (!read || out >= cap - n)
            break;
        memcpy(dst + n, from, out);
        n += out;
        p += read;
    }
    dst[n] = 0;
    *ret_read = (size_t)(p - raw.p);
    return n;
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

const char *gs_json_number_end(const char *p, const char *end, bool *integer)
{
    *integer = true;
    if (p < end && *p == '-')
        p++;
    const char *q = digits(p, end);
    if (q == p || (*p == '0' && q - p > 1))
        return NULL;
    if (q < end && *q == '.') {
        *integer = false;
        p = q + 1;
        q = digits(p, end);
        if (q == p)
            return NULL;
    }
    if (q < end && (*q == 'e' || *q == 'E')) {
        *integer = false;
        p = q + 1;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        q = digits(p, end);
        if (q == p)
            return NULL;
    }
    return q;
}
