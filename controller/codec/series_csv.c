#include "codec/series_csv.h"

#include "base/limits.h"
#include "base/mem.h"
#include "core/policy.h"

#include <math.h>
#include <stdio.h>

#define UTF8_BOM "\xef\xbb\xbf"
#define NO_PLACE (-1)
#define SHOWN 40 /* bytes of a bad field that an error repeats */

enum place { PLACE_TIME, PLACE_POD, PLACE_VALUES };

/* PLACE_VALUES + k is values[k]. */
static const struct {
    const char *name;
    size_t offset;
} values[] = {
    {"go_goroutines", offsetof(gs_sample, goroutines)},
    {"process_start_time_seconds", offsetof(gs_sample, start_time_s)},
    {"go_memstats_heap_inuse_bytes", offsetof(gs_sample, heap_inuse)},
    {"process_cpu_seconds_total", offsetof(gs_sample, cpu_s)},
    {"process_open_fds", offsetof(gs_sample, open_fds)},
    {"process_resident_memory_bytes", offsetof(gs_sample, rss)},
    {"load", offsetof(gs_sample, load)},
};

enum where {
    AT_START,     /* of a field */
    IN_PLAIN,     /* in a field without quotes */
    IN_QUOTES,    /* in a field with quotes */
    BEHIND_QUOTE, /* of a quoted field: its end, or the first half of a doubled quote */
    BEHIND_CR,    /* which only a line feed may follow */
};

struct gs_series_csv {
    gs_series_row_fn fn;
    void *ctx;
    gs_error err; /* of an earlier call */
    enum where where;
    size_t line, record_line; /* from 1: where we are, and where the record began, since quotes may hold line ends */
    size_t n, ends[GS_MAX_CSV_COLUMNS], fields;
    int8_t places[GS_MAX_CSV_COLUMNS]; /* what each column is */
    size_t columns;                    /* 0: the header was not read yet */
    bool has_pod, any_row;
    int64_t last_ms;
    char ignored[200];
    char text[GS_MAX_CSV_LINE]; /* the record's fields, unquoted, end to end */
};

gs_series_csv *gs_series_csv_new(gs_series_row_fn fn, void *ctx)
{
    gs_series_csv *c = gs_alloc(sizeof *c);
    c->fn = fn;
    c->ctx = ctx;
    c->line = c->record_line = 1;
    c->last_ms = -1;
    return c;
}

void gs_series_csv_free(gs_series_csv *c)
{
    free(c);
}

const char *gs_series_csv_ignored(const gs_series_csv *c)
{
    return c->ignored;
}

static gs_str field(const gs_series_csv *c, size_t k)
{
    size_t from = k ? c->ends[k - 1] : 0;
    return (gs_str){c->text + from, c->ends[k] - from};
}

static const char *place_name(int place)
{
    return place == PLACE_TIME ? "t_seconds" : place == PLACE_POD ? "pod" : values[place - PLACE_VALUES].name;
}

static gs_str blank_off(gs_str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* An error about the k-th field of the record: "line 3, column 2 (load): "x" …". */
static int bad_field(const gs_series_csv *c, size_t k, const char *why, gs_error *err)
{
    gs_str s = field(c, k);
    return gs_error_set(err, GS_TERMINAL, "line %zu, column %zu (%s): \"%.*s\" %s", c->record_line, k + 1,
                        place_name(c->places[k]), (int)(s.n < SHOWN ? s.n : SHOWN), s.p, why);
}

/* The header. */

static int place_of(gs_str name)
{
    for (int place = 0; place < (int)(PLACE_VALUES + GS_LEN(values)); place++)
        if (gs_str_is(name, place_name(place)))
            return place;
    return NO_PLACE;
}

static void ignore(gs_series_csv *c, gs_str name)
{
    size_t n = strlen(c->ignored);
    (void)snprintf(c->ignored + n, sizeof c->ignored - n, "%s%.*s", n ? ", " : "",
                   (int)(name.n < SHOWN ? name.n : SHOWN), name.p);
}

static int read_header(gs_series_csv *c, gs_error *err)
{
    bool seen[PLACE_VALUES + GS_LEN(values)] = {false};
    for (size_t k = 0; k < c->fields; k++) {
        gs_str name = blank_off(field(c, k));
        int place = place_of(name);
        c->places[k] = (int8_t)place;
        if (place == NO_PLACE)
            ignore(c, name);
        else if (seen[place])
            return gs_error_set(err, GS_TERMINAL, "line %zu, column %zu: a second column %s; leave one of them out",
                                c->record_line, k + 1, place_name(place));
        else
            seen[place] = true;
    }
    for (int place = 0; place <= PLACE_VALUES; place++)
        if (!seen[place] && place != PLACE_POD)
            return gs_error_set(err, GS_TERMINAL,
                                "line %zu: no column %s; the first line must name the columns, with commas between "
                                "them: t_seconds,go_goroutines",
                                c->record_line, place_name(place));
    c->has_pod = seen[PLACE_POD];
    c->columns = c->fields;
    return 0;
}

/* A row. */

static int read_time(gs_series_csv *c, size_t k, int64_t *ret_ms, gs_error *err)
{
    double t;
    if (!gs_str_double(blank_off(field(c, k)), &t) || !(t >= 0 && t <= (double)GS_SERIES_MAX_T_MS / 1000))
        return bad_field(c, k, "is no time; want seconds as a decimal number, 0 or more: 12.5", err);
    int64_t ms = llround(t * 1000);
    if (ms < c->last_ms || (ms == c->last_ms && !c->has_pod))
        return bad_field(c, k,
                         ms < c->last_ms ? "is before the time of the line above; sort the lines by t_seconds"
                                         : "is the time of the line above, too; leave one out, or add a column pod",
                         err);
    *ret_ms = ms;
    return 0;
}

static int read_pod(const gs_series_csv *c, size_t k, gs_str *ret, gs_error *err)
{
    gs_str pod = blank_off(field(c, k));
    if (!pod.n || pod.n >= GS_OBJECT_LEN)
        return bad_field(c, k, "is no name of a pod; want 1 to 253 characters", err);
    for (size_t i = 0; i < pod.n; i++)
        if ((unsigned char)pod.p[i] < ' ' || pod.p[i] == 0x7f)
            return bad_field(c, k, "has a control character; want the name of a pod", err);
    *ret = pod;
    return 0;
}

static int read_value(const gs_series_csv *c, size_t k, gs_sample *sample, gs_error *err)
{
    double v;
    gs_str s = blank_off(field(c, k));
    if (!s.n)
        return 0;
    if (!gs_str_double(s, &v) || v < 0 || isinf(v))
        return bad_field(c, k, "is no such value; want a decimal number, 0 or more, or nothing where it is not known",
                         err);
    *(double *)(void *)((char *)sample + values[c->places[k] - PLACE_VALUES].offset) = v;
    return 0;
}

static int read_row(gs_series_csv *c, gs_error *err)
{
    gs_series_row row = {.sample = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}};
    int rc = 0;
    if (c->fields != c->columns)
        return gs_error_set(err, GS_TERMINAL, "line %zu: %zu columns where the first line has %zu; want as many",
                            c->record_line, c->fields, c->columns);
    for (size_t k = 0; k < c->columns && !rc; k++) {
        if (c->places[k] == PLACE_TIME)
            rc = read_time(c, k, &row.t_ms, err);
        else if (c->places[k] == PLACE_POD)
            rc = read_pod(c, k, &row.pod, err);
        else if (c->places[k] != NO_PLACE)
            rc = read_value(c, k, &row.sample, err);
    }
    if (rc)
        return rc;
    c->last_ms = row.t_ms;
    c->any_row = true;
    return c->fn(c->ctx, &row, err) ? gs_error_wrap(err, GS_TERMINAL, "line %zu", c->record_line) : 0;
}

/* Bytes to records. */

static int too_long(const gs_series_csv *c, const char *what, size_t max, gs_error *err)
{
    return gs_error_set(err, GS_NO_MEMORY, "line %zu: %s; at most %zu are read", c->line, what, max);
}

static int end_field(gs_series_csv *c, gs_error *err)
{
    if (c->fields == GS_MAX_CSV_COLUMNS)
        return too_long(c, "too many columns", GS_MAX_CSV_COLUMNS, err);
    c->ends[c->fields++] = c->n;
    c->where = AT_START;
    return 0;
}

static int end_record(gs_series_csv *c, gs_error *err)
{
    int rc = end_field(c, err);
    if (!rc && c->fields == 1 && c->n == 0)
        rc = 0; /* an empty line */
    else if (!rc)
        rc = c->columns ? read_row(c, err) : read_header(c, err);
    c->n = c->fields = 0;
    c->record_line = ++c->line;
    if (!rc && c->line > GS_MAX_SERIES_LINES)
        rc = too_long(c, "too many lines", GS_MAX_SERIES_LINES, err);
    return rc;
}

static int keep(gs_series_csv *c, char b, gs_error *err)
{
    if (c->n == sizeof c->text)
        return too_long(c, c->where == IN_QUOTES ? "too many bytes in it, is a quote not closed?" : "too many bytes",
                        sizeof c->text, err);
    c->text[c->n++] = b;
    c->line += b == '\n';
    return 0;
}

static int misplaced(const gs_series_csv *c, const char *what, gs_error *err)
{
    return gs_error_set(err, GS_TERMINAL, "line %zu, column %zu: %s", c->line, c->fields + 1, what);
}

static int on_byte(gs_series_csv *c, char b, gs_error *err)
{
    if (c->where == BEHIND_CR)
        return b == '\n' ? end_record(c, err)
                         : misplaced(c, "a carriage return without a line feed; want CRLF or LF line ends", err);
    if (c->where == IN_QUOTES) {
        if (b != '"')
            return keep(c, b, err);
        c->where = BEHIND_QUOTE;
        return 0;
    }
    if (b == '"' && c->where == BEHIND_QUOTE) {
        c->where = IN_QUOTES;
        return keep(c, b, err);
    }
    if (b == '"' && c->where == IN_PLAIN)
        return misplaced(c, "a quote inside a field; put the whole field in quotes, and double those inside it", err);
    if (b == '"') {
        c->where = IN_QUOTES;
        return 0;
    }
    if (b == ',')
        return end_field(c, err);
    if (b == '\n')
        return end_record(c, err);
    if (b == '\r') {
        c->where = BEHIND_CR;
        return 0;
    }
    if (c->where == BEHIND_QUOTE)
        return misplaced(c, "text behind a closing quote; want a comma or the end of the line", err);
    c->where = IN_PLAIN;
    return keep(c, b, err);
}

/* The byte order mark counts as part of the first name until here. */
static void drop_mark(gs_series_csv *c)
{
    size_t n = sizeof UTF8_BOM - 1;
    if (c->columns || c->n != n || c->fields || memcmp(c->text, UTF8_BOM, n) != 0)
        return;
    c->n = 0;
    c->where = AT_START;
}

int gs_series_csv_feed(gs_series_csv *c, const char *p, size_t n, gs_error *err)
{
    for (size_t i = 0; i < n && !c->err.kind; i++) {
        (void)on_byte(c, p[i], &c->err);
        if (c->n == sizeof UTF8_BOM - 1)
            drop_mark(c);
    }
    if (c->err.kind && err)
        *err = c->err;
    return -(int)c->err.kind;
}

int gs_series_csv_finish(gs_series_csv *c, gs_error *err)
{
    if (!c->err.kind && c->where == IN_QUOTES)
        (void)gs_error_set(&c->err, GS_TERMINAL, "line %zu, column %zu: the input ends within quotes; close them",
                           c->record_line, c->fields + 1);
    if (!c->err.kind && (c->n || c->fields || c->where != AT_START))
        (void)end_record(c, &c->err);
    if (!c->err.kind && !c->any_row)
        (void)gs_error_set(&c->err, GS_TERMINAL, "line %zu: %s", c->line,
                           c->columns ? "no sample; want a line for each behind the header"
                                      : "empty; the first line must name the columns: t_seconds,go_goroutines");
    if (c->err.kind && err)
        *err = c->err;
    return -(int)c->err.kind;
}
