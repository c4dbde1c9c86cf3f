#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int gs_error_set(gs_error *err, enum gs_kind kind, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->kind = kind;
        err->status = 0;
        (void)vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
    }
    return -(int)kind;
}

int gs_error_wrap(gs_error *err, enum gs_kind fallback, const char *fmt, ...)
{
    if (!err)
        return -(int)fallback;
    char inner[sizeof err->msg];
    memcpy(inner, err->msg, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->msg - 3) {
        char *at = err->msg + n;
        size_t room = sizeof err->msg - (size_t)n - 3, len = strnlen(inner, sizeof inner - 1);
        memcpy(at, ": ", 2);
        memcpy(at + 2, inner, len < room ? len : room);
        at[2 + (len < room ? len : room)] = 0;
    }
    return -(int)err->kind;
}

bool gs_kind_retryable(enum gs_kind kind)
{
    return kind == GS_TRANSIENT || kind == GS_CONFLICT;
}

const char *gs_kind_name(enum gs_kind kind)
{
    static const char *const names[] = {"ok",        "transient", "terminal",  "conflict", "gone",
                                        "not-found", "refused",   "no-memory", "cancelled"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

enum gs_kind gs_kind_of_status(int status)
{
    if (status >= 200 && status < 300)
        return GS_OK;
    switch (status) {
    case 401:
    case 403:
        return GS_REFUSED;
    case 404:
        return GS_NOT_FOUND;
    case 409:
    case 412:
        return GS_CONFLICT;
    case 410:
        return GS_GONE;
    case 408:
    case 429:
        return GS_TRANSIENT;
    default:
        return status >= 500 || status == 0 ? GS_TRANSIENT : GS_TERMINAL;
    }
}
