#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>

bool gs_str_copy(char *dst, size_t cap, gs_str s)
{
    size_t n = s.n < cap ? s.n : cap - 1;
    if (n)
        memcpy(dst, s.p, n);
    dst[n] = 0;
    return n == s.n;
}

bool gs_str_u64(gs_str s, uint64_t *ret)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)(unsigned char)s.p[i] - '0';
        if (d > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *ret = v;
    return true;
}

bool gs_str_i64(gs_str s, int64_t *ret)
{
    bool neg = s.n > 0 && s.p[0] == '-';
    uint64_t v;
    if (!gs_str_u64(neg ? (gs_str){s.p + 1, s.n - 1} : s, &v))
        return false;
    if (v > (uint64_t)INT64_MAX)
        return false;
    *ret = neg ? -(int64_t)v : (int64_t)v;
    return true;
}

bool gs_str_double(gs_str s, double *ret)
{
    static locale_t c_locale;
    char tmp[64], *end;
    if (s.n == 0 || s.n >= sizeof tmp || strchr(" \t\n", s.p[0]))
        return false;
    if (!c_locale) {
        locale_t fresh = newlocale(LC_ALL_MASK, "C", (locale_t)0), none = (locale_t)0;
        if (!__atomic_compare_exchange_n(&c_locale, &none, fresh, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            freelocale(fresh);
    }
    memcpy(tmp, s.p, s.n);
    tmp[s.n] = 0;
    double v = strtod_l(tmp, &end, c_locale);
    if (end != tmp + s.n) /* a NUL within s ends the number, too */
        return false;
    *ret = v;
    return true;
}

bool gs_str_duration_ms(gs_str s, int64_t *ret)
{
    static const struct {
        const char *suffix;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1000}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t n = strlen(units[i].suffix);
        if (!gs_str_ends(s, units[i].suffix))
            continue;
        int64_t v;
        if (!gs_str_i64((gs_str){s.p, s.n - n}, &v) || __builtin_mul_overflow(v, units[i].ms, &v) || v < 0)
            return false;
        *ret = v;
        return true;
    }
    return false;
}

uint64_t gs_hash(const void *p, size_t n, uint64_t seed)
{
    const unsigned char *b = p;
    uint64_t h = 1469598103934665603ULL ^ seed;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 1099511628211ULL;
    return h ^ (h >> 32);
}
