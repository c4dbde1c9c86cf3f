/* The first line of a goroutine in a dump: runtime/traceback.go, goroutineheader. */
#include "base/cleanup.h"
#include "codec/goroutine_internal.h"
#include "wire/json_text.h"

/* runtime/runtime2.go, waitReasonStrings, and traceback.go, gStatusStrings, of Go 1.20 to 1.27. */
static bool state_of(gs_str words, enum gs_state *ret)
{
    static const struct {
        gs_str words;
        enum gs_state state;
    } table[] = {
#define STATE(words, state) {{words, sizeof(words) - 1}, state}
        STATE("chan receive", GS_STATE_CHAN_RECEIVE),
        STATE("chan send", GS_STATE_CHAN_SEND),
        STATE("select", GS_STATE_SELECT),
        STATE("IO wait", GS_STATE_IO_WAIT),
        STATE("sync.Mutex.Lock", GS_STATE_MUTEX),
        STATE("sync.RWMutex.RLock", GS_STATE_RWMUTEX_READ),
        STATE("sync.RWMutex.Lock", GS_STATE_RWMUTEX_WRITE),
        STATE("sync.WaitGroup.Wait", GS_STATE_WAITGROUP),
        STATE("sync.Cond.Wait", GS_STATE_COND),
        STATE("semacquire", GS_STATE_SEMACQUIRE),
        STATE("sleep", GS_STATE_SLEEP),
        STATE("syscall", GS_STATE_SYSCALL),
        STATE("select (no cases)", GS_STATE_SELECT_NONE),
        STATE("chan receive (nil chan)", GS_STATE_CHAN_RECEIVE_NIL),
        STATE("chan send (nil chan)", GS_STATE_CHAN_SEND_NIL),
        STATE("synctest.Run", GS_STATE_SYSTEM),
        STATE("synctest.Wait", GS_STATE_SYSTEM),
        STATE("GC assist marking", GS_STATE_SYSTEM),
        STATE("GC assist wait", GS_STATE_SYSTEM),
        STATE("GC sweep wait", GS_STATE_SYSTEM),
        STATE("GC scavenge wait", GS_STATE_SYSTEM),
        STATE("GC worker (idle)", GS_STATE_SYSTEM),
        STATE("GC worker (active)", GS_STATE_SYSTEM),
        STATE("GC mark termination", GS_STATE_SYSTEM),
        STATE("GC weak to strong wait", GS_STATE_SYSTEM),
        STATE("GOMAXPROCS updater (idle)", GS_STATE_SYSTEM),
        STATE("finalizer wait", GS_STATE_SYSTEM),
        STATE("cleanup wait", GS_STATE_SYSTEM),
        STATE("force gc (idle)", GS_STATE_SYSTEM),
        STATE("garbage collection", GS_STATE_SYSTEM),
        STATE("garbage collection scan", GS_STATE_SYSTEM),
        STATE("wait for GC cycle", GS_STATE_SYSTEM),
        STATE("dumping heap", GS_STATE_SYSTEM),
        STATE("panicwait", GS_STATE_SYSTEM),
        STATE("trace reader (blocked)", GS_STATE_SYSTEM),
        STATE("trace goroutine status", GS_STATE_SYSTEM),
        STATE("trace proc status", GS_STATE_SYSTEM),
        STATE("page trace flush", GS_STATE_SYSTEM),
        STATE("stopping the world", GS_STATE_SYSTEM),
        STATE("flushing proc caches", GS_STATE_SYSTEM),
        STATE("debug call", GS_STATE_SYSTEM),
        STATE("idle", GS_STATE_SYSTEM),
        STATE("waiting for cgo callback", GS_STATE_SYSTEM),
#undef STATE
    };
    for (size_t i = 0; i < GS_LEN(table); i++)
        if (gs_str_eq(words, table[i].words)) {
            *ret = table[i].state;
            return true;
        }
    return false;
}

/* What goroutineheader puts behind the words of any state. */
static gs_str without_marks(gs_str words)
{
    static const char *const marks[] = {" (leaked)", " (scan)", " (durable)"};
    for (size_t i = 0; i < GS_LEN(marks);) {
        if (gs_str_ends(words, marks[i])) {
            words.n -= strlen(marks[i]);
            i = 0;
        } else {
            i++;
        }
    }
    return words;
}

static gs_str take_until(gs_str *s, const char *separator)
{
    size_t n = strlen(separator);
    const char *at = s->n ? memmem(s->p, s->n, separator, n) : NULL;
    gs_str head = {s->p, at ? (size_t)(at - s->p) : s->n};
    size_t skip = at ? head.n + n : s->n;
    *s = (gs_str){s->p + skip, s->n - skip};
    return head;
}

/* What stands between the brackets. */
static void read_status(gs_str status, gs_dump_header *ret)
{
    static const char minutes[] = " minutes";
    const char *brace = gs_str_ends(status, "}") ? memchr(status.p, '{', status.n) : NULL;
    if (brace) {
        ret->labels = (gs_str){brace + 1, (size_t)(status.p + status.n - brace) - 2};
        status.n = (size_t)(brace - status.p);
        static const char *const before[] = {"labels:", " ", ","};
        for (size_t i = 0; i < GS_LEN(before); i++)
            if (gs_str_ends(status, before[i]))
                status.n -= strlen(before[i]);
    }
    gs_str words = without_marks(take_until(&status, ", "));
    if (!state_of(words, &ret->state))
        ret->state = GS_STATE_RUNNING; /* runnable, preempted, coroutine, what later versions add */
    while (status.n) {
        gs_str part = take_until(&status, ", ");
        uint64_t v;
        if (gs_str_ends(part, minutes) && gs_str_u64((gs_str){part.p, part.n - (sizeof minutes - 1)}, &v))
            ret->minutes = v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
    }
}

bool gs_dump_header_read(gs_str line, gs_dump_header *ret)
{
    static const char prefix[] = "goroutine ";
    const size_t start = sizeof prefix - 1;
    if (line.n < start + 4 || memcmp(line.p, prefix, start) != 0 || memcmp(line.p + line.n - 2, "]:", 2) != 0)
        return false;
    gs_str digits = {line.p + start, 0};
    while (start + digits.n < line.n && digits.p[digits.n] >= '0' && digits.p[digits.n] <= '9')
        digits.n++;
    *ret = (gs_dump_header){.labels = GS_STR("")};
    if (!gs_str_u64(digits, &ret->id))
        return false;
    /* A crash has " gp=0x1 m=0 mp=0x2" or " m=nil" before the brackets. */
    gs_str rest = {digits.p + digits.n, line.n - 2 - start - digits.n};
    const char *bracket = rest.n ? memchr(rest.p, '[', rest.n) : NULL;
    if (!bracket || bracket == rest.p || bracket[-1] != ' ')
        return false;
    size_t skip = (size_t)(bracket - rest.p) + 1;
    read_status((gs_str){rest.p + skip, rest.n - skip}, ret);
    return true;
}

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* One escape of a Go string behind its backslash; returns how many bytes it read, 0 for none. */
static size_t escape(gs_str s, char dst[4], size_t *ret_n)
{
    static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
    const char *simple = s.n && s.p[0] ? strchr(from, s.p[0]) : NULL;
    if (simple) {
        dst[0] = to[simple - from];
        *ret_n = 1;
        return 1;
    }
    size_t digits = !s.n ? 0 : s.p[0] == 'x' ? 2 : s.p[0] == 'u' ? 4 : s.p[0] == 'U' ? 8 : 0;
    uint32_t code = 0;
    if (!digits || s.n < 1 + digits)
        return 0;
    for (size_t i = 1; i <= digits; i++) {
        unsigned d = hex_digit(s.p[i]);
        if (d > 15)
            return 0;
        code = code << 4 | d;
    }
    if (digits == 2) { /* a byte */
        dst[0] = (char)code;
        *ret_n = 1;
    } else {
        *ret_n = gs_utf8_put(dst, code < 0x110000 && (code < 0xd800 || code > 0xdfff) ? code : 0xfffd);
    }
    return 1 + digits;
}

/* A quoted text, or a bare one up to one of `ends`; its length as read, 0 where there is none. */
static size_t read_text(gs_str s, const char *ends, char dst[GS_DUMP_LABEL_BYTES], gs_str *ret)
{
    size_t at = 0, n = 0;
    bool quoted = s.n && s.p[0] == '"';
    for (at = quoted; at < s.n && !(quoted ? s.p[at] == '"' : s.p[at] && strchr(ends, s.p[at]));) {
        char piece[4] = {s.p[at]};
        size_t piece_n = 1, read = 1;
        if (quoted && s.p[at] == '\\') {
            read = 1 + escape((gs_str){s.p + at + 1, s.n - at - 1}, piece, &piece_n);
            if (read == 1)
                return 0;
        }
        at += read;
        if (n + piece_n < GS_DUMP_LABEL_BYTES) {
            memcpy(dst + n, piece, piece_n);
            n += piece_n;
        }
    }
    if (quoted && at++ == s.n)
        return 0;
    *ret = (gs_str){dst, n};
    return at;
}

static gs_str skip_spaces(gs_str s, size_t n)
{
    while (n < s.n && s.p[n] == ' ')
        n++;
    return (gs_str){s.p + n, s.n - n};
}

void gs_dump_labels_read(gs_str text, gs_dump_labels *ret)
{
    ret->n = 0;
    while (text.n && ret->n < GS_MAX_LABELS) {
        gs_raw_label *l = &ret->v[ret->n];
        text = skip_spaces(text, 0);
        size_t n = read_text(text, ":", ret->text[ret->n][0], &l->key);
        if (n == 0 || n >= text.n || text.p[n] != ':')
            return;
        text = skip_spaces(text, n + 1);
        n = read_text(text, ",", ret->text[ret->n][1], &l->value);
        if (n == 0 && text.n)
            return;
        ret->n++;
        text = skip_spaces(text, n);
        if (!text.n || text.p[0] != ',')
            return;
        text = skip_spaces(text, 1);
    }
}

void gs_dump_file_line(gs_str text, gs_str *ret_file, int64_t *ret_line)
{
    size_t digits = 0;
    while (digits < text.n && text.p[text.n - 1 - digits] >= '0' && text.p[text.n - 1 - digits] <= '9')
        digits++;
    size_t colon = text.n - digits;
    *ret_file = GS_STR("");
    *ret_line = 0;
    if (!digits || colon < 2 || text.p[colon - 1] != ':')
        return;
    *ret_file = (gs_str){text.p, colon - 1};
    if (!gs_str_i64((gs_str){text.p + colon, digits}, ret_line))
        *ret_line = 0;
}
