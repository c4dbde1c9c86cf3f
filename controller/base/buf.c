#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void gs_buf_done(gs_buf *b)
{
    free(b->p);
    *b = (gs_buf){.max = b->max};
}

void gs_buf_wipe(gs_buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
    gs_buf_done(b);
}

char *gs_buf_reserve(gs_buf *b, size_t n)
{
    if (n > b->max || b->n > b->max - n)
        return NULL;
    size_t need = b->n + n + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap < need)
            cap = cap < (1u << 20) ? cap * 2 : cap + cap / 4;
        if (cap > b->max + 1)
            cap = b->max + 1;
        char *q = realloc(b->p, cap);
        if (!q)
            return NULL;
        b->p = q;
        b->cap = cap;
    }
    return b->p + b->n;
}

int gs_buf_add(gs_buf *b, const void *p, size_t n)
{
    char *at = gs_buf_reserve(b, n);
    if (!at)
        return -GS_NO_MEMORY;
    if (n)
        memcpy(at, p, n);
    b->n += n;
    b->p[b->n] = 0;
    return 0;
}

int gs_buf_adds(gs_buf *b, const char *s)
{
    return gs_buf_add(b, s, strlen(s));
}

int gs_buf_addf(gs_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *at = n < 0 ? NULL : gs_buf_reserve(b, (size_t)n);
    if (at) {
        (void)vsnprintf(at, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    return at ? 0 : -GS_NO_MEMORY;
}

void gs_buf_consume(gs_buf *b, size_t n)
{
    if (n > b->n)
        n = b->n;
    if (!n)
        return;
    b->n -= n;
    memmove(b->p, b->p + n, b->n + 1);
}

void gs_buf_reset(gs_buf *b)
{
    b->n = 0;
    if (b->p)
        b->p[0] = 0;
}

gs_str gs_buf_str(const gs_buf *b)
{
    return (gs_str){b->p ? b->p : "", b->n};
}

char *gs_buf_take(gs_buf *b)
{
    char *p = b->p ? b->p : gs_strdup("");
    b->p = NULL;
    b->n = b->cap = 0;
    return p;
}
