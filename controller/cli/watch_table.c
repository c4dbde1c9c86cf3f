#include "base/mem.h"
#include "cli/term.h"
#include "cli/watch.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAME_MAX (4u << 20)
#define NAME_MIN 12
#define NAME_MAX 40

#define ENTER "\033[?1049h\033[?25l" /* the other screen, no cursor */
#define LEAVE "\033[?25h\033[?1049l"
#define BOLD "\033[1m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

struct rows {
    gs_target_view *v;
    size_t n, cap;
    size_t leaking, unreachable;
};

static void add_row(void *ctx, const gs_target_view *v)
{
    struct rows *r = ctx;
    r->v = gs_grow(r->v, &r->cap, r->n + 1, sizeof *r->v);
    r->v[r->n++] = *v;
    r->leaking += v->grade != GS_GRADE_NONE;
    r->unreachable += v->unreachable;
}

static int worst_first(const void *a, const void *b)
{
    const gs_target_view *x = a, *y = b;
    if (x->grade != y->grade)
        return x->grade < y->grade ? 1 : -1;
    if (x->goroutines < y->goroutines || x->goroutines > y->goroutines)
        return x->goroutines < y->goroutines ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* One line of the screen, cut to its width. What stood there is erased first: behind a full line the cursor still
 * stands on the last column, and erasing would take that too. */
static void put_line(gs_buf *out, gs_str text, size_t width, const char *style)
{
    (void)gs_buf_addf(out, "\033[K%s", style);
    (void)gs_term_text(out, text, width);
    (void)gs_buf_addf(out, "%s\r\n", style[0] ? PLAIN : "");
}

static void describe_row(const gs_target_view *v, size_t name_width, gs_buf *line)
{
    char count[32] = "-", growth[32] = "-";
    if (v->goroutines >= 0) {
        (void)snprintf(count, sizeof count, "%.0f", v->goroutines);
        (void)snprintf(growth, sizeof growth, "x%.2f", v->growth_ratio);
    }
    gs_term_cell(line, gs_str_of(v->name), name_width);
    (void)gs_buf_addf(line, "  %10s  %7s  %-11s  %-9s  ", count, growth, v->unreachable ? "unreachable" : v->look,
                      gs_grade_name(v->grade));
    (void)gs_buf_adds(line, v->leaf);
    if (v->error[0])
        (void)gs_buf_addf(line, "%s%s", v->leaf[0] ? "; " : "", v->error);
}

static size_t name_width(const struct rows *r, size_t width)
{
    size_t longest = NAME_MIN, most = width / 3 > NAME_MIN ? width / 3 : NAME_MIN;
    for (size_t i = 0; i < r->n; i++)
        if (strlen(r->v[i].name) > longest)
            longest = strlen(r->v[i].name);
    if (longest > NAME_MAX)
        longest = NAME_MAX;
    return longest < most ? longest : most;
}

static void put_targets(const struct rows *r, size_t room, size_t width, bool colour, gs_buf *out)
{
    size_t names = name_width(r, width);
    gs_cleanup(gs_buf_done) gs_buf line = GS_BUF(16384);
    gs_term_cell(&line, GS_STR("TARGET"), names);
    (void)gs_buf_addf(&line, "  %10s  %7s  %-11s  %-9s  %s", "GOROUTINES", "GROWTH", "STATE", "GRADE", "LEAK; ERROR");
    put_line(out, gs_buf_str(&line), width, BOLD);
    size_t shown = r->n <= room ? r->n : room > 0 ? room - 1 : 0;
    for (size_t i = 0; i < shown; i++) {
        gs_buf_reset(&line);
        describe_row(&r->v[i], names, &line);
        put_line(out, gs_buf_str(&line), width, colour && r->v[i].grade ? RED : "");
    }
    if (shown < r->n && room > 0) {
        gs_buf_reset(&line);
        (void)gs_buf_addf(&line, "... and %zu more", r->n - shown);
        put_line(out, gs_buf_str(&line), width, "");
    }
}

void gs_watch_table_render(const gs_watch_table *t, const gs_engine *e, int64_t t_ms, size_t width, size_t height,
                           gs_buf *out)
{
    struct rows r = {0};
    char title[160];
    gs_engine_each_target(e, add_row, &r);
    if (r.n)
        qsort(r.v, r.n, sizeof *r.v, worst_first);
    (void)snprintf(title, sizeof title, "gostat watch: %zu targets, %zu leaking, %zu unreachable; %lld s; ^C ends", r.n,
                   r.leaking, r.unreachable, (long long)(t_ms / 1000));
    size_t lines = height > 3 ? height - 3 : 1; /* without title, heads, and the last, which would scroll */
    size_t kept = t->n_events < GS_WATCH_EVENTS_KEPT ? t->n_events : GS_WATCH_EVENTS_KEPT;
    size_t events = lines > r.n + 2 ? lines - r.n - 1 : 0; /* what is left below the targets and an empty line */
    events = events < kept ? events : kept;
    (void)gs_buf_adds(out, "\033[H");
    put_line(out, gs_str_of(title), width, "");
    put_targets(&r, lines, width, t->colour, out);
    if (events)
        put_line(out, GS_STR(""), width, "");
    for (size_t k = t->n_events - events; k < t->n_events; k++)
        put_line(out, gs_str_of(t->events[k % GS_WATCH_EVENTS_KEPT]), width, "");
    (void)gs_buf_adds(out, "\033[J");
    free(r.v);
}

void gs_watch_table_event(gs_watch_table *t, const gs_watch_event *e)
{
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(65536);
    gs_watch_event_text(e, &text);
    gs_str line = gs_buf_str(&text);
    if (line.n && line.p[line.n - 1] == '\n')
        line.n--;
    char *at = t->events[t->n_events++ % GS_WATCH_EVENTS_KEPT];
    (void)gs_str_copy(at, sizeof t->events[0], line);
}

void gs_watch_table_draw(gs_watch_table *t, const gs_engine *e, int64_t t_ms)
{
    struct winsize size = {0};
    gs_cleanup(gs_buf_done) gs_buf frame = GS_BUF(FRAME_MAX);
    if (ioctl(t->out->fd, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    if (!t->shown)
        (void)gs_buf_adds(&frame, ENTER);
    t->shown = true;
    gs_watch_table_render(t, e, t_ms, size.ws_col, size.ws_row, &frame);
    (void)gs_output_write(t->out, gs_buf_str(&frame));
}

void gs_watch_table_leave(gs_watch_table *t)
{
    if (t->shown)
        (void)gs_output_write(t->out, GS_STR(LEAVE));
    t->shown = false;
}
