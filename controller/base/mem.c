#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (!p) {
        (void)fputs("gostat: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *gs_alloc(size_t n)
{
    return must(calloc(1, n ? n : 1));
}

void *gs_allocn(size_t n, size_t size)
{
    return must(calloc(n ? n : 1, size));
}

void *gs_grow(void *p, size_t *cap, size_t need, size_t size)
{
    if (p && need <= *cap)
        return p;
    size_t next = *cap ? *cap : 4;
    while (next < need)
        next *= 2;
    char *q = must(reallocarray(p, next, size));
    memset(q + *cap * size, 0, (next - *cap) * size);
    *cap = next;
    return q;
}

char *gs_strdup(const char *s)
{
    return must(strdup(s));
}

char *gs_strndup(const char *s, size_t n)
{
    return must(strndup(s, n));
}

char *gs_sprintf(const char *fmt, ...)
{
    char *out = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&out, fmt, ap);
    va_end(ap);
    return must(n < 0 ? NULL : out);
}
