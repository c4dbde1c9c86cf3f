#include "core/window.h"

#include <strings.h>

#define HORIZON_DAYS (4 * 366)
#define DAY_MINUTES 1440
#define MINUTE_MS 60000

typedef struct field {
    const char *name, *range;
    int min, max, top; /* top: what is taken beyond max, as 7 for Sunday */
    const char *words; /* three letters each, the first one for min; NULL: none */
} field;

static const field FIELDS[] = {
    {"minute", "0-59", 0, 59, 59, NULL},
    {"hour", "0-23", 0, 23, 23, NULL},
    {"day of month", "1-31", 1, 31, 31, NULL},
    {"month", "1-12 or JAN-DEC", 1, 12, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    {"day of week", "0-7 or SUN-SAT", 0, 6, 7, "SUNMONTUEWEDTHUFRISAT"},
};

static bool parse_value(const field *f, gs_str s, int *ret)
{
    uint64_t v;
    if (gs_str_u64(s, &v) && v >= (uint64_t)f->min && v <= (uint64_t)f->top) {
        *ret = (int)v;
        return true;
    }
    for (int k = 0; f->words && s.n == 3 && k <= f->max - f->min; k++)
        if (strncasecmp(s.p, f->words + 3 * (size_t)k, 3) == 0) {
            *ret = f->min + k;
            return true;
        }
    return false;
}

/* What stands before the byte; what stands behind it is left in *s. False: there is none, and all of *s is the first. */
static bool cut(gs_str *s, char at, gs_str *ret_first)
{
    const char *p = s->n ? memchr(s->p, at, s->n) : NULL;
    if (!p) {
        *ret_first = *s;
        *s = (gs_str){0};
        return false;
    }
    *ret_first = (gs_str){s->p, (size_t)(p - s->p)};
    *s = (gs_str){p + 1, s->n - ret_first->n - 1};
    return true;
}

/* One of a list: "*", "n", "n-m", each perhaps with "/step"; "n/step" goes on to the field's end. */
static bool parse_part(const field *f, gs_str part, uint64_t *bits)
{
    uint64_t step = 1;
    int from = f->min, to = f->max;
    gs_str first, range;
    bool stepped = cut(&part, '/', &range);
    if (stepped && (!gs_str_u64(part, &step) || step == 0 || step > (uint64_t)f->top))
        return false;
    if (!gs_str_is(range, "*")) {
        bool has_end = cut(&range, '-', &first);
        if (!parse_value(f, first, &from))
            return false;
        if (has_end && !parse_value(f, range, &to))
            return false;
        if (!has_end)
            to = stepped && from < f->max ? f->max : from;
        else if (to == f->min && from > to && f->top > f->max)
            to = f->top; /* FRI-SUN */
        if (from > to)
            return false;
    }
    for (int v = from; v <= to; v += (int)step)
        *bits |= 1ull << (v > f->max ? f->min : v);
    return true;
}

static int parse_field(const field *f, gs_str text, uint64_t *ret, gs_error *err)
{
    uint64_t bits = 0;
    gs_str rest = text, part;
    for (bool more = true; more;) {
        more = cut(&rest, ',', &part);
        if (!parse_part(f, part, &bits))
            return gs_error_set(err, GS_TERMINAL,
                                "%s: must be \"*\" or %s, as a list of n, n-m, */step or n-m/step, got \"%.*s\"",
                                f->name, f->range, (int)text.n, text.p);
    }
    *ret = bits;
    return 0;
}

static bool split(gs_str text, gs_str ret[5])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        while (i < text.n && text.p[i] != ' ' && text.p[i] != '\t')
            i++;
        if (i > from) {
            if (n == 5)
                return false;
            ret[n++] = (gs_str){text.p + from, i - from};
        } else {
            i++;
        }
    }
    return n == 5;
}

static bool ever(const gs_cron *c)
{
    if (!c->any_weekday || c->any_day) /* some weekday comes in every month */
        return true;
    for (int month = 1; month <= 12; month++)
        if (c->months >> month & 1 && c->days & ((2ull << gs_month_days(2000, month)) - 1))
            return true;
    return false;
}

int gs_cron_parse(gs_str text, gs_cron *ret, gs_error *err)
{
    gs_str fields[5];
    uint64_t bits[5];
    if (text.n >= GS_SCHEDULE_LEN)
        return gs_error_set(err, GS_TERMINAL, "must have at most %d characters, has %zu", GS_SCHEDULE_LEN - 1, text.n);
    if (!split(text, fields))
        return gs_error_set(err, GS_TERMINAL,
                            "must be five fields: minute, hour, day of month, month, day of week, got \"%.*s\"",
                            (int)text.n, text.p);
    for (size_t k = 0; k < 5; k++)
        if (parse_field(&FIELDS[k], fields[k], &bits[k], err) < 0)
            return -GS_TERMINAL;
    gs_cron c = {.minutes = bits[0],
                 .hours = (uint32_t)bits[1],
                 .days = (uint32_t)bits[2],
                 .months = (uint16_t)bits[3],
                 .weekdays = (uint8_t)bits[4],
                 .any_day = memchr(fields[2].p, '*', fields[2].n) && bits[2] == 0xfffffffe,
                 .any_weekday = memchr(fields[4].p, '*', fields[4].n) && bits[4] == 0x7f};
    if (!ever(&c))
        return gs_error_set(err, GS_TERMINAL, "\"%.*s\" never comes: none of its months has such a day", (int)text.n,
                            text.p);
    *ret = c;
    return 0;
}

static bool on_day(const gs_cron *c, int month, int day, int weekday)
{
    bool d = c->days >> day & 1, w = c->weekdays >> weekday & 1;
    if (!(c->months >> month & 1))
        return false;
    if (!c->any_day && !c->any_weekday)
        return d || w;
    return d && w;
}

/* The first matching minute of a day from this one on; DAY_MINUTES: none. */
static int next_minute(const gs_cron *c, int minute)
{
    while (minute < DAY_MINUTES) {
        if (!(c->hours >> (minute / 60) & 1)) {
            minute = (minute / 60 + 1) * 60;
            continue;
        }
        uint64_t rest = c->minutes >> (minute % 60);
        if (rest)
            return minute + __builtin_ctzll(rest);
        minute = (minute / 60 + 1) * 60;
    }
    return DAY_MINUTES;
}

/* A walk over the openings from a time on: is it open then, and until when? */
typedef struct walk {
    const gs_window *w;
    int64_t wall_ms, duration_ms;
    bool open;
    int64_t until_ms; /* the end as far as it is known, or the next opening */
    int last;         /* the last matching minute of a day */
    bool dense;       /* on a day without a change of offset, each opening lasts until the next one begins */
} walk;

static void measure(walk *k)
{
    const gs_cron *c = &k->w->cron;
    k->dense = true;
    k->last = next_minute(c, 0);
    for (int m = k->last; m < DAY_MINUTES; m = next_minute(c, m + 1)) {
        if (m - k->last > k->w->duration_min)
            k->dense = false;
        k->last = m;
    }
}

/* All openings of one day, in their order; true: that is the end of it. */
static bool walk_day(walk *k, gs_local day)
{
    for (int m = next_minute(&k->w->cron, 0); m < DAY_MINUTES; m = next_minute(&k->w->cron, m + 1)) {
        day.hour = m / 60;
        day.minute = m % 60;
        int64_t at = gs_zone_instant(k->w->zone, &day) * 1000;
        if (at <= k->wall_ms - k->duration_ms)
            continue;
        if (at > k->wall_ms && (!k->open || at > k->until_ms)) {
            if (!k->open)
                k->until_ms = at;
            return true;
        }
        k->open = true;
        k->until_ms = at + k->duration_ms;
        /* A window that is open for days need not be walked minute by minute. */
        if (k->dense) {
            gs_local last = day;
            last.hour = k->last / 60;
            last.minute = k->last % 60;
            int64_t last_at = gs_zone_instant(k->w->zone, &last) * 1000;
            if (last_at - at == (k->last - m) * (int64_t)MINUTE_MS) {
                k->until_ms = last_at + k->duration_ms;
                return false;
            }
        }
    }
    return false;
}

static void next_day(gs_local *l)
{
    l->weekday = (l->weekday + 1) % 7;
    if (l->day++ < gs_month_days(l->year, l->month))
        return;
    l->day = 1;
    if (l->month++ < 12)
        return;
    l->month = 1;
    l->year++;
}

bool gs_window_open(const gs_window *w, int64_t wall_ms, int64_t *ret_until_ms)
{
    walk k = {.w = w, .wall_ms = wall_ms, .duration_ms = (int64_t)w->duration_min * MINUTE_MS, .until_ms = INT64_MAX};
    gs_local day;
    measure(&k);
    /* Where the clocks showed this time or a later one before, the openings of those times are over. */
    gs_zone_local(w->zone, (wall_ms - k.duration_ms) / 1000, &day);
    day.second = 0;
    for (int n = w->duration_min / DAY_MINUTES + HORIZON_DAYS; n >= 0; n--) {
        if (on_day(&w->cron, day.month, day.day, day.weekday) && walk_day(&k, day)) {
            *ret_until_ms = k.until_ms;
            return k.open;
        }
        next_day(&day);
    }
    *ret_until_ms = k.open && k.until_ms < wall_ms + (HORIZON_DAYS - 1) * 86400000LL ? k.until_ms : INT64_MAX;
    return k.open;
}

bool gs_windows_allow(const gs_window *v, size_t n, int64_t wall_ms, const gs_window **ret_window,
                      int64_t *ret_until_ms)
{
    const gs_window *deny = NULL, *next = NULL;
    int64_t deny_until = 0, next_allow = INT64_MAX, next_deny = INT64_MAX, allow_until = 0;
    bool limited = false;
    for (size_t i = 0; i < n; i++) {
        int64_t until;
        bool open = gs_window_open(&v[i], wall_ms, &until);
        if (v[i].deny && !open) {
            next_deny = until < next_deny ? until : next_deny;
        } else if (v[i].deny && (!deny || until > deny_until)) {
            deny = &v[i];
            deny_until = until;
        } else if (!v[i].deny) {
            limited = true;
            if (open) {
                allow_until = until > allow_until ? until : allow_until;
            } else if (!next || until < next_allow) {
                next = &v[i];
                next_allow = until;
            }
        }
    }
    if (!limited)
        allow_until = INT64_MAX;
    bool allowed = !deny && allow_until > wall_ms;
    *ret_window = allowed ? NULL : deny ? deny : next;
    *ret_until_ms = deny ? deny_until : !allowed ? next_allow : allow_until < next_deny ? allow_until : next_deny;
    return allowed;
}
