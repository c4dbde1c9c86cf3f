#include "codec/goroutine_text.h"

#define PREFIX "goroutine profile: total "
#define MAX_DIGITS 20

int gs_goroutine_total(gs_str start_of_body, uint64_t *ret, gs_error *err)
{
    const size_t n = sizeof PREFIX - 1;
    gs_str s = start_of_body;
    if (s.n == 0)
        return 0;
    if (memcmp(s.p, PREFIX, s.n < n ? s.n : n) != 0)
        return gs_error_set(err, GS_TERMINAL,
                            "expected a goroutine profile in text form, beginning with \"" PREFIX "\"");
    if (s.n <= n)
        return 0;
    gs_str rest = {s.p + n, s.n - n};
    size_t max = rest.n < MAX_DIGITS + 2 ? rest.n : MAX_DIGITS + 2; /* digits, '\r', '\n' */
    const char *nl = memchr(rest.p, '\n', max);
    if (!nl && rest.n < MAX_DIGITS + 2)
        return 0;
    gs_str number = {rest.p, nl ? (size_t)(nl - rest.p) : 0};
    if (number.n && number.p[number.n - 1] == '\r')
        number.n--;
    if (!gs_str_u64(number, ret))
        return gs_error_set(err, GS_TERMINAL, "goroutine profile: expected a number after \"" PREFIX "\"");
    return 1;
}
