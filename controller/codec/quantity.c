#include "codec/quantity.h"

#include "base/cleanup.h"

#include <math.h>

static const struct {
    const char *suffix;
    double times, over;
} units[] = {
    {"", 1, 1},        {"m", 1, 1e3},     {"u", 1, 1e6},     {"n", 1, 1e9},     {"k", 1e3, 1},     {"M", 1e6, 1},
    {"G", 1e9, 1},     {"T", 1e12, 1},    {"P", 1e15, 1},    {"E", 1e18, 1},    {"Ki", 0x1p10, 1}, {"Mi", 0x1p20, 1},
    {"Gi", 0x1p30, 1}, {"Ti", 0x1p40, 1}, {"Pi", 0x1p50, 1}, {"Ei", 0x1p60, 1},
};

/* "e3", "E-3": an exponent, not the exa of "1E". */
static bool is_exponent(gs_str s)
{
    if (s.n < 2 || (s.p[0] != 'e' && s.p[0] != 'E'))
        return false;
    size_t from = s.p[1] == '+' || s.p[1] == '-' ? 2 : 1;
    for (size_t i = from; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > from;
}

static bool is_digit_or_dot(char c)
{
    return (c >= '0' && c <= '9') || c == '.';
}

static bool scaled(gs_str s, double scale, uint64_t *ret)
{
    size_t sign = s.n && s.p[0] == '+', n = sign;
    double v;
    if (s.n == 0)
        return false;
    while (n < s.n && is_digit_or_dot(s.p[n]))
        n++;
    gs_str number = {s.p + sign, n - sign}, suffix = {s.p + n, s.n - n};
    if (is_exponent(suffix)) {
        number.n += suffix.n;
        suffix = GS_STR("");
    }
    if (n == sign || !gs_str_double(number, &v))
        return false;
    for (size_t i = 0; i < GS_LEN(units); i++) {
        if (!gs_str_is(suffix, units[i].suffix))
            continue;
        v = ceil(v * units[i].times * scale / units[i].over);
        if (v >= 0x1p63)
            return false;
        *ret = (uint64_t)v;
        return true;
    }
    return false;
}

bool gs_quantity(gs_str s, uint64_t *ret)
{
    return scaled(s, 1, ret);
}

bool gs_quantity_milli(gs_str s, uint64_t *ret)
{
    return scaled(s, 1000, ret);
}
