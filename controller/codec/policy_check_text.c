/* What the rules of a policy about texts are made of. */
#include "codec/policy_internal.h"

#include <stdarg.h>
#include <stdio.h>

int gs_policy_bad(gs_error *err, const char *path, const char *fmt, ...)
{
    char what[320];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return gs_error_set(err, GS_TERMINAL, "%s: %s", path, what);
}

static bool alnum(char c)
{
    return gs_is_lower(c) || gs_is_digit(c) || (c >= 'A' && c <= 'Z');
}

bool gs_of_chars(gs_str s, bool lower_only, const char *more)
{
    for (size_t i = 0; i < s.n; i++) {
        bool ok = lower_only ? gs_is_lower(s.p[i]) || gs_is_digit(s.p[i]) : alnum(s.p[i]);
        if (!ok && !(s.p[i] && strchr(more, s.p[i])))
            return false;
    }
    return s.n > 0;
}

bool gs_is_name(gs_str s, bool lower_only, const char *more)
{
    return gs_of_chars(s, lower_only, more) && alnum(s.p[0]) && alnum(s.p[s.n - 1]);
}

bool gs_contains(gs_str s, const char *what)
{
    return s.n && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

bool gs_next_part(gs_str *rest, char separator, gs_str *ret)
{
    if (!rest->p)
        return false;
    const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    *ret = (gs_str){rest->p, at ? (size_t)(at - rest->p) : rest->n};
    *rest = at ? (gs_str){at + 1, rest->n - ret->n - 1} : (gs_str){NULL, 0};
    return true;
}

bool gs_is_object_name(gs_str rest)
{
    gs_str part;
    while (gs_next_part(&rest, '.', &part))
        if (!gs_is_name(part, true, "-"))
            return false;
    return true;
}

int gs_policy_check_secret(const char *name, const char *path, gs_error *err)
{
    if (gs_is_object_name(gs_str_of(name)))
        return 0;
    return gs_policy_bad(
        err, path,
        "must be a Secret's name: lower-case letters, digits, '-' and '.', beginning and ending with a "
        "letter or digit, got \"%.64s\"",
        name);
}

int gs_policy_check_key(const char *key, const char *path, gs_error *err)
{
    if (gs_of_chars(gs_str_of(key), false, "._-"))
        return 0;
    return gs_policy_bad(err, path, "must be a Secret's key: letters, digits, '-', '_' and '.', got \"%.64s\"", key);
}
