#include "codec/prom_text.h"

#include "base/cleanup.h"

#include <math.h>

/* What a name means to us. */
enum kind { OTHER, LOAD, GOROUTINES, START_TIME, HEAP_INUSE, CPU, OPEN_FDS, RSS, GOMAXPROCS };

void gs_prom_init(gs_prom *p)
{
    *p = (gs_prom){.sample = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN}};
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool name_char(char c, bool first)
{
    unsigned letter = (unsigned)((c | 0x20) - 'a'), digit = (unsigned)(c - '0');
    return letter < 26 || c == '_' || c == ':' || (!first && digit < 10);
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

/* What follows a name: [{labels}] value [timestamp] [# exemplar] */
static bool parse_value(const char *p, const char *end, double *ret)
{
    const char *begin = p;
    while (p < end && blank(*p))
        p++;
    if (p < end && *p == '{' && !(p = skip_labels(p, end)))
        return false;
    while (p < end && blank(*p))
        p++;
    if (p == end || p == begin) /* "name12" is no sample */
        return false;
    const char *value = p;
    while (p < end && !blank(*p))
        p++;
    return gs_str_double((gs_str){value, (size_t)(p - value)}, ret);
}

static bool has(gs_str name, const char *part)
{
    return memmem(name.p, name.n, part, strlen(part)) != NULL;
}

/* Each of load_names has one of these parts, and few other names have; to look for them first is several times faster. */
static bool may_count_load(gs_str name)
{
    for (const char *p = name.p; p + 4 <= name.p + name.n; p++)
        if (!memcmp(p, "flig", 4) || !memcmp(p, "nnec", 4) || !memcmp(p, "ive_", 4) || !memcmp(p, "s_cu", 4))
            return true;
    return false;
}

static bool counts_load(gs_str name)
{
    static const char *const load_names[] = {"in_flight",           "inflight",           "open_connections",
                                             "active_connections",  "connections_active", "connections_open",
                                             "active_requests",     "requests_current",   "active_streams",
                                             "current_connections", "active_sessions",    "websocket_connections"};
    /* counters, histograms, summaries and limits, which a load only shares its name with */
    static const char *const other_ends[] = {"_total",   "_count", "_sum",     "_bucket",
                                             "_seconds", "_bytes", "_created", "_max"};
    static const char *const limits[] = {"max_", "limit"};
    if (!may_count_load(name) || gs_str_is(name, "promhttp_metric_handler_requests_in_flight"))
        return false;
    for (size_t i = 0; i < GS_LEN(other_ends); i++)
        if (gs_str_ends(name, other_ends[i]))
            return false;
    for (size_t i = 0; i < GS_LEN(limits); i++)
        if (has(name, limits[i]))
            return false;
    for (size_t i = 0; i < GS_LEN(load_names); i++)
        if (has(name, load_names[i]))
            return true;
    return false;
}

/* The collectors of the Go client, which expose all that is wanted by name. */
static bool of_go_client(gs_str name)
{
    return gs_str_starts(name, "go_") || gs_str_starts(name, "process_");
}

static enum kind classify(gs_str name)
{
    static const struct {
        const char *name;
        enum kind kind;
    } names[] = {
        {"go_goroutines", GOROUTINES},
        {"process_start_time_seconds", START_TIME},
        {"go_memstats_heap_inuse_bytes", HEAP_INUSE},
        {"process_cpu_seconds_total", CPU},
        {"process_open_fds", OPEN_FDS},
        {"process_resident_memory_bytes", RSS},
        {"go_sched_gomaxprocs_threads", GOMAXPROCS},
    };
    for (size_t i = 0; of_go_client(name) && i < GS_LEN(names); i++)
        if (gs_str_is(name, names[i].name))
            return names[i].kind;
    return counts_load(name) ? LOAD : OTHER;
}

/* "# TYPE name histogram": neither that name is of interest, nor that name and a suffix. */
static void on_comment(gs_prom *p, gs_str line)
{
    static const char *const not_gauges[] = {" counter", " histogram", " summary"};
    static const gs_str head = {"# TYPE ", 7};
    if (!gs_str_starts(line, head.p))
        return;
    gs_str name = {line.p + head.n, line.n - head.n};
    for (size_t i = 0; i < GS_LEN(not_gauges); i++) {
        if (!gs_str_ends(name, not_gauges[i]))
            continue;
        name.n -= strlen(not_gauges[i]);
        if (name.n > sizeof p->name || of_go_client(name))
            return;
        memcpy(p->name, name.p, name.n);
        p->name_n = name.n;
        p->kind = OTHER;
        p->family = true;
    }
}

/* The length of the name that begins the line, 0: none; p->kind is what it means. Where that is OTHER, and a sample has
 * been seen before, the length need not be all of it. */
static size_t read_name(gs_prom *p, const char *line, const char *end)
{
    size_t n = p->name_n, left = (size_t)(end - line);
    if (n && n < left && line[n - 1] == p->name[n - 1] && memcmp(line, p->name, n) == 0)
        if (!name_char(line[n], false) || (line[n] == '_' && p->family && p->any_metric))
            return n;
    for (n = left && name_char(line[0], true); n && n < left && name_char(line[n], false);)
        n++;
    p->family = false;
    p->name_n = n <= sizeof p->name ? n : 0;
    memcpy(p->name, line, p->name_n);
    p->kind = n ? (int)classify((gs_str){line, n}) : OTHER;
    return n;
}

static void keep(gs_sample *s, enum kind kind, double value)
{
    double *const slots[] = {[GOROUTINES] = &s->goroutines, [START_TIME] = &s->start_time_s,
                             [HEAP_INUSE] = &s->heap_inuse, [CPU] = &s->cpu_s,
                             [OPEN_FDS] = &s->open_fds,     [RSS] = &s->rss,
                             [GOMAXPROCS] = &s->gomaxprocs};
    if (kind == OTHER || !isfinite(value) || value < 0)
        return;
    if (kind != LOAD) {
        if (isnan(*slots[kind]))
            *slots[kind] = value;
        return;
    }
    double sum = isnan(s->load) ? value : s->load + value;
    if (isfinite(sum))
        s->load = sum;
}

/* One line without its end. */
static void on_line(gs_prom *p, const char *line, size_t n)
{
    const char *end = line + n;
    double value;
    while (line < end && blank(*line))
        line++;
    if (line < end && end[-1] == '\r')
        end--;
    if (line == end)
        return;
    if (*line == '#') {
        on_comment(p, (gs_str){line, (size_t)(end - line)});
        return;
    }
    size_t name_n = read_name(p, line, end);
    if (name_n == 0 || (p->kind == OTHER && p->any_metric))
        return;
    if (!parse_value(line + name_n, end, &value))
        return;
    p->any_metric = true;
    keep(&p->sample, (enum kind)p->kind, value);
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
