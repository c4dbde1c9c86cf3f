/* One goroutine of a dump: runtime/traceback.go, traceback2 and printcreatedby, of Go 1.20 to 1.27.
 *
 *   shop/payments.(*Pool).acquire(0xc000012345, {0x1, 0x2}, ...)
 *           /src/shop/payments/pool.go:37 +0x1d
 *   ...23 frames elided...
 *   created by shop/payments.(*Server).Pay in goroutine 1
 *           /src/shop/payments/pool.go:46 +0x9c
 *
 * Most goroutines stand at stacks that were seen before. So a block is read once, quickly, for a key over what does not
 * change from goroutine to goroutine (no arguments, addresses and offsets); only a new key is worth a second reading.
 * A line that is followed by one with a tab is a frame; any other is noise (registers, stack contents, messages). */
#include "codec/goroutine_internal.h"

enum line {
    LINE_OPEN, /* its end is not in sight */
    LINE_BLANK,
    LINE_HEADER,   /* of the next goroutine; not read */
    LINE_ANCESTOR, /* what follows is about the goroutine's creators */
    LINE_ELIDED,
    LINE_CREATED,
    LINE_FILE,
    LINE_FUNCTION, /* or noise */
};

static bool starts(const char *p, const char *end, const char *prefix, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, prefix, n) == 0;
}
#define STARTS(p, end, literal) starts(p, end, literal, sizeof(literal) - 1)

/* "/src/x.go:12 +0x1d fp=0x1 sp=0x2 pc=0x3" without what stands behind the line's number. */
static gs_str place_of(gs_str s)
{
    for (;;) {
        size_t at = s.n;
        while (at > 0 && s.p[at - 1] != ' ')
            at--;
        if (at == 0)
            return s;
        gs_str last = {s.p + at, s.n - at};
        if (!gs_str_starts(last, "+0x") && !(last.n && memchr(last.p, '=', last.n)))
            return s;
        s.n = at - 1;
    }
}

static gs_str creator_of(gs_str s)
{
    static const char by[] = " in goroutine ";
    const char *at = s.n ? memmem(s.p, s.n, by, sizeof by - 1) : NULL;
    return (gs_str){s.p, at ? (size_t)(at - s.p) : s.n};
}

static bool is_header(gs_str line)
{
    gs_dump_header h;
    return gs_dump_header_read(line, &h);
}

/* The next line, and of it what names a function or a place. */
static inline enum line next_line(const char **at, const char *end, gs_str *ret)
{
    const char *p = *at, *nl = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    if (!nl)
        return LINE_OPEN;
    *at = nl + 1;
    *ret = gs_dump_line(p, nl);
    switch (ret->n ? *p : '\n') {
    case '\n':
        return LINE_BLANK;
    case '\t':
        *ret = place_of((gs_str){p + 1, ret->n - 1});
        return LINE_FILE;
    case '.':
        return STARTS(p, nl, "...") ? LINE_ELIDED : LINE_FUNCTION;
    case '[':
        return STARTS(p, nl, "[originating from goroutine ") ? LINE_ANCESTOR : LINE_FUNCTION;
    case 'c':
        if (!STARTS(p, nl, "created by "))
            break;
        *ret = creator_of((gs_str){p + sizeof "created by " - 1, ret->n - (sizeof "created by " - 1)});
        return LINE_CREATED;
    case 'g':
        if (!is_header(*ret))
            break;
        *at = p;
        return LINE_HEADER;
    default:
        break;
    }
    const char *arguments = memrchr(p, '(', ret->n);
    if (arguments && arguments != p)
        ret->n = (size_t)(arguments - p);
    return LINE_FUNCTION;
}

struct scan {
    gs_key key;
    size_t lines;
    const char *end; /* behind the last line that was read */
    enum line last;  /* but for blank lines and what follows an ancestor */
    gs_str function; /* the last one */
    bool created, done;
};

static struct scan scan(const char *p, size_t n)
{
    struct scan s = {.key = GS_KEY, .end = p, .last = LINE_HEADER};
    const char *end = p + n;
    gs_str text;
    for (bool ancestors = false;;) {
        enum line kind = next_line(&s.end, end, &text);
        if (kind <= LINE_HEADER) {
            s.lines += kind == LINE_BLANK;
            s.done = kind != LINE_OPEN;
            s.key = gs_key_end(s.key);
            return s;
        }
        s.lines++;
        ancestors |= kind == LINE_ANCESTOR;
        if (ancestors || (kind == LINE_FUNCTION && gs_str_starts(text, "exit status "))) /* the latter is of `go run` */
            continue;
        s.last = kind;
        if (kind == LINE_FUNCTION) {
            s.function = text;
        } else if (kind != LINE_FILE) {
            gs_key_add_number(&s.key, kind);
            s.created |= kind == LINE_CREATED;
        }
        gs_key_add(&s.key, text.p, text.n);
    }
}

/* "...23 frames elided...", "...additional frames elided..." */
static uint64_t elided(gs_str s)
{
    uint64_t v;
    gs_str digits = {s.p + 3, 0};
    while (3 + digits.n < s.n && digits.p[digits.n] >= '0' && digits.p[digits.n] <= '9')
        digits.n++;
    return gs_str_u64(digits, &v) && v < UINT32_MAX ? v : 0;
}

static struct gs_stack_frame frame_of(gs_sites *sites, gs_str name, gs_str place)
{
    gs_str file;
    int64_t line;
    gs_dump_file_line(place, &file, &line);
    if (gs_str_is(name, "panic")) /* as printFuncName has it */
        name = GS_STR("runtime.gopanic");
    return (struct gs_stack_frame){gs_sites_function(sites, name, file), gs_stack_line(line)};
}

/* The second reading. */
static void read_stack(gs_dump_text *t, const char *p, const char *end)
{
    gs_str text, function = GS_STR("");
    enum line before = LINE_HEADER;
    gs_stack_reset(&t->stack);
    for (enum line kind; (kind = next_line(&p, end, &text)) > LINE_ANCESTOR; before = kind) {
        if (kind == LINE_FILE && before == LINE_FUNCTION)
            gs_stack_push(&t->stack, frame_of(t->sites, function, text));
        else if (kind == LINE_FILE && before == LINE_CREATED)
            t->stack.created_by = frame_of(t->sites, function, text).function;
        else if (kind == LINE_ELIDED)
            t->stack.depth += elided(text);
        function = text;
    }
}

static void count(gs_dump_text *t, const gs_dump_header *h, const struct scan *s, const char *p)
{
    t->created += s->created;
    t->others += !s->created && h->id != 1;
    uint32_t *place = gs_sites_find(t->sites, s->key), stack = place ? *place : 0;
    bool fresh = place && !stack;
    if (fresh) {
        read_stack(t, p, s->end);
        gs_sites_add(t->sites, place, &t->stack);
        stack = *place;
    }
    t->labels.n = 0;
    if (h->labels.n)
        gs_dump_labels_read(h->labels, &t->labels);
    const gs_sighting g = {.count = 1,
                           .dump = true,
                           .id = h->id,
                           .state = h->state,
                           .minutes = h->minutes,
                           .labels = t->labels.v,
                           .n_labels = t->labels.n};
    if (!gs_sites_count(t->sites, stack, &g))
        return;
    if (!fresh)
        read_stack(t, p, s->end);
    gs_sites_describe(t->sites, stack, &t->stack);
}

bool gs_dump_block(gs_dump_text *t, const gs_dump_header *h, const char *p, size_t n, size_t *ret_used)
{
    struct scan s = scan(p, n);
    if (!s.done)
        return false;
    if (h->id != 0) /* 0: a thread's own stack, of which a crash prints some */
        count(t, h, &s, p);
    t->lines += s.lines;
    *ret_used = (size_t)(s.end - p);
    return true;
}

/* "\t/src/x.go:12 +0x1d": as a last line it is as good as whole, wherever the offset ends. */
static bool is_place(gs_str s)
{
    const char *offset = s.n ? memmem(s.p, s.n, " +0x", 4) : NULL;
    gs_str file;
    int64_t line = 0;
    if (!offset || s.p[0] != '\t')
        return false;
    gs_dump_file_line((gs_str){s.p + 1, (size_t)(offset - s.p) - 1}, &file, &line);
    return line > 0;
}

bool gs_dump_block_is_whole(const gs_dump_text *t, const gs_dump_header *h, const char *p, size_t n)
{
    struct scan s = scan(p, n);
    gs_str rest = {s.end, (size_t)(p + n - s.end)};
    if (s.last == LINE_CREATED)
        return is_place(rest);
    if (s.created)
        return true;
    if (rest.n ? s.last != LINE_FUNCTION || !is_place(rest) : s.last != LINE_FILE)
        return false;
    /* Who made it comes last, but for the main goroutine and those that C made. */
    if (h->id == 1)
        return !t->created || gs_str_is(s.function, "main.main") ||
               memmem(s.function.p, s.function.n, ".init", 5) != NULL;
    return !t->created || t->others;
}
