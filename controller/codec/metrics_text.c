#include "codec/metrics_text.h"

#include "wire/json_text.h"
#include "wire/json_write.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const double bounds[GS_HISTOGRAM_BUCKETS] = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60};

/* Backslash and line feed, and the quote in label values, escaped; what is no UTF-8 becomes U+FFFD. */
static int add_escaped(gs_buf *out, const char *s, bool quotes)
{
    const char *end = s + strlen(s);
    int r = 0;
    while (s < end && r == 0) {
        size_t n = gs_utf8_len(s, end);
        if (n == 0)
            r = gs_buf_add(out, "\xef\xbf\xbd", 3);
        else if (*s == '\n')
            r = gs_buf_add(out, "\\n", 2);
        else if (*s == '\\' || (quotes && *s == '"'))
            r = gs_buf_addf(out, "\\%c", *s);
        else
            r = gs_buf_add(out, s, n);
        s += n ? n : 1;
    }
    return r;
}

/* Takes back a line that did not fit. */
static void rollback(gs_buf *out, size_t to)
{
    out->n = to;
    if (out->p)
        out->p[to] = 0;
}

void gs_metrics_family(gs_metrics *m, const char *name, const char *type, const char *help)
{
    bool total = gs_str_ends(gs_str_of(name), "_total");
    assert(total == gs_streq(type, "counter"));
    assert(gs_streq(type, "counter") || gs_streq(type, "gauge") || gs_streq(type, "histogram"));
    assert(help[0] != 0);
    (void)total;
    size_t from = m->out->n;
    int r = gs_buf_addf(m->out, "# HELP %s ", name);
    if (r == 0)
        r = add_escaped(m->out, help, false);
    if (r == 0)
        r = gs_buf_addf(m->out, "\n# TYPE %s %s\n", name, type);
    if (r < 0)
        rollback(m->out, from);
}

/* One line: name + suffix, the labels of ap, and `le` where it is not NULL. */
static void line(gs_metrics *m, const char *name, const char *suffix, double value, const char *le, va_list ap)
{
    char number[GS_DOUBLE_LEN];
    size_t from = m->out->n;
    const char *separator = "{", *key;
    int r = gs_buf_addf(m->out, "%s%s", name, suffix);
    while (r == 0 && (key = va_arg(ap, const char *))) {
        const char *text = va_arg(ap, const char *);
        r = gs_buf_addf(m->out, "%s%s=\"", separator, key);
        if (r == 0)
            r = add_escaped(m->out, text, true);
        if (r == 0)
            r = gs_buf_adds(m->out, "\"");
        separator = ",";
    }
    if (r == 0 && le)
        r = gs_buf_addf(m->out, "%sle=\"%s\"", separator, le);
    gs_double_format(value, number);
    if (r == 0)
        r = gs_buf_addf(m->out, "%s %s\n", le || *separator == ',' ? "}" : "", number);
    if (r < 0)
        rollback(m->out, from);
}

void gs_metrics_value(gs_metrics *m, const char *name, double value, ...)
{
    va_list ap;
    va_start(ap, value);
    line(m, name, "", value, NULL, ap);
    va_end(ap);
}

void gs_histogram_add(gs_histogram *h, double seconds)
{
    if (!isfinite(seconds))
        return;
    for (size_t i = 0; i < GS_HISTOGRAM_BUCKETS; i++)
        if (seconds <= bounds[i]) {
            h->buckets[i]++;
            break;
        }
    h->count++;
    h->sum += seconds;
}

void gs_metrics_histogram(gs_metrics *m, const char *name, const gs_histogram *h, ...)
{
    va_list ap;
    uint64_t below = 0;
    for (size_t i = 0; i <= GS_HISTOGRAM_BUCKETS; i++) {
        char le[GS_DOUBLE_LEN] = "+Inf";
        if (i < GS_HISTOGRAM_BUCKETS) {
            below += h->buckets[i];
            gs_double_format(bounds[i], le);
        }
        va_start(ap, h);
        line(m, name, "_bucket", (double)(i < GS_HISTOGRAM_BUCKETS ? below : h->count), le, ap);
        va_end(ap);
    }
    va_start(ap, h);
    line(m, name, "_sum", h->sum, NULL, ap);
    va_end(ap);
    va_start(ap, h);
    line(m, name, "_count", (double)h->count, NULL, ap);
    va_end(ap);
}

/* The i-th word of s, counted from 0. */
static bool word(gs_str s, size_t i, uint64_t *ret)
{
    const char *p = s.n ? s.p : "", *end = p + s.n;
    for (;; i--) {
        while (p < end && *p == ' ')
            p++;
        const char *from = p;
        while (p < end && *p != ' ' && *p != '\n')
            p++;
        if (p == from)
            return false;
        if (i == 0)
            return gs_str_u64((gs_str){from, (size_t)(p - from)}, ret);
    }
}

static void family_value(gs_metrics *m, const char *name, const char *type, const char *help, double value)
{
    gs_metrics_family(m, name, type, help);
    gs_metrics_value(m, name, value, NULL);
}

void gs_metrics_process(gs_metrics *m, const gs_process_text *t)
{
    uint64_t user, kernel, threads, start, boot, size, resident;
    /* The process's name, in parentheses, may hold anything: what follows its last ')' begins with field 3. */
    const char *name_end = t->stat.n ? memrchr(t->stat.p, ')', t->stat.n) : NULL;
    gs_str rest = name_end ? (gs_str){name_end + 1, t->stat.n - (size_t)(name_end + 1 - t->stat.p)} : (gs_str){"", 0};
    const char *btime = t->system.n ? memmem(t->system.p, t->system.n, "\nbtime ", 7) : NULL;
    gs_str boot_line = btime ? (gs_str){btime + 7, t->system.n - (size_t)(btime + 7 - t->system.p)} : (gs_str){"", 0};
    double ticks = (double)t->ticks, page = (double)t->page;
    if (word(rest, 11, &user) && word(rest, 12, &kernel))
        family_value(m, "process_cpu_seconds_total", "counter", "User and system CPU time spent, in seconds.",
                     (double)(user + kernel) / ticks);
    if (word(rest, 17, &threads))
        family_value(m, "process_threads", "gauge", "Threads of the process.", (double)threads);
    if (word(rest, 19, &start) && word(boot_line, 0, &boot))
        family_value(m, "process_start_time_seconds", "gauge", "Start of the process, in seconds since the Unix epoch.",
                     (double)boot + (double)start / ticks);
    if (word(t->statm, 0, &size))
        family_value(m, "process_virtual_memory_bytes", "gauge", "Virtual memory, in bytes.", (double)size * page);
    if (word(t->statm, 1, &resident))
        family_value(m, "process_resident_memory_bytes", "gauge", "Resident memory, in bytes.",
                     (double)resident * page);
    family_value(m, "process_open_fds", "gauge", "Open file descriptors.", (double)t->open_fds);
    family_value(m, "process_max_fds", "gauge", "The most file descriptors that may be open.", (double)t->max_fds);
}
