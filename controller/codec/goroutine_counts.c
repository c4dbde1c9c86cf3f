/* One record of goroutine?debug=1: runtime/pprof/pprof.go, printCountProfile and printStackRecord.
 *
 *   40 @ 0x47d96e 0x41491c 0x414517 0x4dc1de 0x483e81
 *   # labels: {"pool":"orders-db", "route":"/pay"}
 *   #       0x4dc1dd        shop/payments.(*Pool).acquire+0x1d      /src/shop/payments/pool.go:37
 *
 * The addresses are of all frames; the lines leave out those of the runtime at the inner end, and runtime.goexit. */
#include "codec/goroutine_internal.h"

#include "wire/json_text.h"

struct first_line {
    uint64_t count, addresses;
    gs_str last; /* address */
};

static gs_str take(gs_str *s, char separator)
{
    const char *at = s->n ? memchr(s->p, separator, s->n) : NULL;
    gs_str head = {s->p, at ? (size_t)(at - s->p) : s->n};
    size_t skip = head.n;
    while (skip < s->n && s->p[skip] == separator)
        skip++;
    *s = (gs_str){s->p + skip, s->n - skip};
    return head;
}

static bool read_first_line(gs_str line, struct first_line *ret)
{
    *ret = (struct first_line){.last = GS_STR("")};
    if (!gs_str_u64(take(&line, ' '), &ret->count) || ret->count > INT64_MAX || !gs_str_is(take(&line, ' '), "@"))
        return false;
    while (line.n) {
        ret->last = take(&line, ' ');
        ret->addresses++;
    }
    return true;
}

static bool read_hex(gs_str s, uint64_t *ret)
{
    uint64_t v = 0;
    if (s.n < 3 || s.n > 18 || memcmp(s.p, "0x", 2) != 0)
        return false;
    for (size_t i = 2; i < s.n; i++) {
        unsigned d = (unsigned)(unsigned char)s.p[i];
        d = d >= '0' && d <= '9' ? d - '0' : d >= 'a' && d <= 'f' ? d - 'a' + 10 : 16;
        if (d > 15)
            return false;
        v = v << 4 | d;
    }
    *ret = v;
    return true;
}

static gs_str next_line(const char **at, const char *end)
{
    const char *nl = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    gs_str line = gs_dump_line(*at, nl ? nl : end);
    *at = nl ? nl + 1 : end;
    return line;
}

/* Behind the blank line; NULL where there is none. */
static const char *end_of(const char *p, const char *end, uint64_t *ret_lines)
{
    *ret_lines = 0;
    while (p < end && memchr(p, '\n', (size_t)(end - p))) {
        ++*ret_lines;
        if (next_line(&p, end).n == 0)
            return p;
    }
    return NULL;
}

/* "#\t0x4dc1dd\tmain.send+0x1d\t\t/tmp/x.go:3"; *ret_address is that of the call, one before the return address. */
static void read_frame(gs_dump_text *t, gs_key *key, gs_str line, gs_str *ret_address)
{
    (void)take(&line, '\t');
    *ret_address = take(&line, '\t');
    gs_str name = take(&line, '\t'), file;
    int64_t number;
    const char *plus = name.n ? memrchr(name.p, '+', name.n) : NULL;
    if (plus)
        name.n = (size_t)(plus - name.p);
    gs_key_add(key, name.p, name.n);
    gs_key_add(key, line.p, line.n);
    gs_dump_file_line(line, &file, &number);
    uint32_t f = gs_sites_function(t->sites, name.n ? name : GS_STR("(unknown)"), file);
    gs_stack_push(&t->stack, (struct gs_stack_frame){f, gs_stack_line(number)});
}

/* Frames of the whole stack. It ends in runtime.goexit, unless Go cut it: then its last address has a line. */
static uint64_t depth_of(const struct first_line *f, gs_str last_line)
{
    uint64_t last, shown;
    bool cut = read_hex(f->last, &last) && read_hex(last_line, &shown) && shown + 1 == last;
    return f->addresses - (f->addresses > 0 && !cut);
}

static void count(gs_dump_text *t, const struct first_line *f, gs_key key)
{
    uint32_t *place = gs_sites_find(t->sites, key);
    if (place && !*place)
        gs_sites_add(t->sites, place, &t->stack);
    uint32_t stack = place ? *place : 0;
    const gs_sighting g = {.count = f->count, .labels = t->labels.v, .n_labels = t->labels.n};
    if (gs_sites_count(t->sites, stack, &g))
        gs_sites_describe(t->sites, stack, &t->stack);
}

int gs_dump_record(gs_dump_text *t, const char *p, size_t n, size_t *ret_used, gs_error *err)
{
    static const char labels[] = "# labels: {";
    uint64_t lines;
    struct first_line f;
    gs_str address = GS_STR("");
    gs_key key = GS_KEY;
    const char *start = p, *end = end_of(p, p + n, &lines);
    *ret_used = 0;
    if (!end)
        return 0;
    if (!read_first_line(next_line(&p, end), &f))
        return gs_error_set(err, GS_TERMINAL,
                            "line %llu: expected \"N @ 0x... 0x...\", a number of goroutines and their stack",
                            (unsigned long long)t->lines + 1);
    gs_stack_reset(&t->stack);
    t->labels.n = 0;
    uint64_t number = t->lines + 1;
    for (gs_str line; (line = next_line(&p, end)).n;) {
        number++;
        if (gs_str_starts(line, "#\t"))
            read_frame(t, &key, line, &address);
        else if (gs_str_starts(line, labels) && gs_str_ends(line, "}"))
            gs_dump_labels_read((gs_str){line.p + sizeof labels - 1, line.n - sizeof labels}, &t->labels);
        else if (line.p[0] != '#')
            return gs_error_set(err, GS_TERMINAL, "line %llu: expected a frame, \"#\" and an address, or a blank line",
                                (unsigned long long)number);
    }
    t->stack.depth = depth_of(&f, address);
    gs_key_add_number(&key, t->stack.depth);
    if (f.count)
        count(t, &f, gs_key_end(key));
    t->lines += lines;
    *ret_used = (size_t)(end - start);
    return 0;
}

uint64_t gs_dump_record_count(const char *p, size_t n)
{
    struct first_line f;
    if (n == 0)
        return 0;
    const char *end = p + n;
    if (!read_first_line(next_line(&p, end), &f))
        return 0;
    while (p < end)
        if (gs_str_starts(next_line(&p, end), "#\t"))
            return f.count;
    return 0;
}
