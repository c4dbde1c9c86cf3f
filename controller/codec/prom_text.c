#include "codec/prom_text.h"

#include <math.h>

void gs_prom_init(gs_prom *p)
{
    *p = (gs_prom){.sample = {NAN, NAN, NAN, NAN, NAN}};
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (!first && c >= '0' && c <= '9');
}

/* Behind the '}' of the labels that open at p; NULL where they do not end. */
static const char *skip_labels(const char *p, const char *end)
{
    bool quoted = false;
    for (p++; p < end; p++) {
        if (quoted && *p == '\\')
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (*p == '}' && !quoted)
            return p + 1;
    }
    return NULL;
}

/* name[{labels}] value [timestamp] [# exemplar] */
static bool parse(const char *p, const char *end, gs_str *ret_name, double *ret_value)
{
    const char *name = p;
    while (p < end && name_char(*p, p == name))
        p++;
    *ret_name = (gs_str){name, (size_t)(p - name)};
    while (p < end && blank(*p))
        p++;
    if (p < end && *p == '{' && !(p = skip_labels(p, end)))
        return false;
    while (p < end && blank(*p))
        p++;
    if (p == end || ret_name->n == 0 || p == name + ret_name->n) /* "name12" is no sample */
        return false;
    const char *value = p;
    while (p < end && !blank(*p))
        p++;
    return gs_str_double((gs_str){value, (size_t)(p - value)}, ret_value);
}

static double *wanted(gs_sample *s, gs_str name)
{
    if (gs_str_is(name, "go_goroutines"))
        return &s->goroutines;
    if (gs_str_is(name, "process_start_time_seconds"))
        return &s->start_time_s;
    if (gs_str_is(name, "go_memstats_heap_inuse_bytes"))
        return &s->heap_inuse;
    if (gs_str_is(name, "process_cpu_seconds_total"))
        return &s->cpu_s;
    if (gs_str_is(name, "process_open_fds"))
        return &s->open_fds;
    return NULL;
}

/* One line without its end. Most are not of interest, which their first character tells. */
static void on_line(gs_prom *p, const char *line, size_t n)
{
    const char *end = line + n;
    gs_str name;
    double value, *at;
    while (line < end && blank(*line))
        line++;
    if (line == end || (*line != 'g' && *line != 'p' && (p->any_metric || *line == '#')))
        return;
    if (end[-1] == '\r')
        end--;
    if (!parse(line, end, &name, &value))
        return;
    p->any_metric = true;
    at = wanted(&p->sample, name);
    if (at && isnan(*at) && isfinite(value) && value >= 0)
        *at = value;
}

void gs_prom_feed(gs_prom *p, const char *bytes, size_t n)
{
    const char *end = n ? bytes + n : bytes;
    while (bytes < end) {
        const char *nl = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t len = (size_t)((nl ? nl : end) - bytes);
        bool fits = p->carried + len <= sizeof p->carry;
        if (!p->skipping && nl && !p->carried && len <= sizeof p->carry) {
            on_line(p, bytes, len);
        } else if (!p->skipping && fits) {
            memcpy(p->carry + p->carried, bytes, len);
            p->carried += len;
            if (nl)
                on_line(p, p->carry, p->carried);
        } else {
            p->skipping = true;
        }
        if (!nl)
            return;
        p->skipping = false;
        p->carried = 0;
        bytes = nl + 1;
    }
}

int gs_prom_finish(gs_prom *p, gs_sample *ret, gs_error *err)
{
    if (!p->skipping && p->carried)
        on_line(p, p->carry, p->carried);
    p->carried = 0;
    if (!p->any_metric)
        return gs_error_set(err, GS_TERMINAL, "not a Prometheus metrics page: no line \"name value\" in it");
    if (isnan(p->sample.goroutines))
        return gs_error_set(err, GS_TERMINAL,
                            "the metrics page has no go_goroutines: expose the Go collector, or leave "
                            "spec.endpoint.metrics out to sample the goroutine profile's total");
    *ret = p->sample;
    return 0;
}
