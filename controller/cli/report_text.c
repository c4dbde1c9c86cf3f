#include "cli/report.h"
#include "cli/term.h"

static void put(gs_buf *b, const char *text)
{
    (void)gs_term_text(b, gs_str_of(text), GS_TERM_ANY);
}

static void begin_line(gs_buf *b, const char *what)
{
    (void)gs_buf_addf(b, "     %-8s ", what);
}

static void line(gs_buf *b, const char *what, const char *text)
{
    begin_line(b, what);
    put(b, text);
    (void)gs_buf_adds(b, "\n");
}

static void put_head(const gs_report *r, size_t top, gs_buf *b, gs_output *out)
{
    for (size_t i = 0; i < r->n_inputs; i++) {
        const gs_profile_file *f = &r->inputs[i];
        put(b, f->name[0] == '-' && !f->name[1] ? "stdin" : f->name);
        (void)gs_buf_addf(b, ": %llu goroutines, %s%s\n", (unsigned long long)f->profile->total,
                          gs_dump_format_name(f->format), f->profile->truncated ? ", truncated" : "");
        (void)gs_output_flush(out, b);
    }
    (void)gs_buf_addf(b, "%llu goroutine%s in %zu pattern%s", (unsigned long long)r->goroutines,
                      r->goroutines == 1 ? "" : "s", r->n_patterns, r->n_patterns == 1 ? "" : "s");
    if (gs_report_shown(r->n_patterns, top) < r->n_patterns)
        (void)gs_buf_addf(b, ", of which the first %zu by score times count", top);
    (void)gs_buf_adds(b, "\n");
    if (r->cut)
        (void)gs_buf_addf(b, "not in them: %llu, whose stacks were cut off or are among too many different ones\n",
                          (unsigned long long)r->cut);
    if (r->truncated)
        (void)gs_buf_adds(b, "truncated: what was cut off is not counted\n");
}

static void put_labels(const gs_report_pattern *p, gs_buf *b)
{
    for (size_t i = 0; i < p->n_labels; i++) {
        begin_line(b, i ? "" : "labels");
        (void)gs_buf_addf(b, "%8llu ", (unsigned long long)p->labels[i].count);
        for (size_t k = 0; k < p->labels[i].n; k++) {
            (void)gs_buf_adds(b, " ");
            put(b, p->labels[i].v[k].key);
            (void)gs_buf_adds(b, "=");
            put(b, p->labels[i].v[k].value);
        }
        (void)gs_buf_adds(b, "\n");
    }
}

static void put_alike(const gs_report_pattern *p, gs_buf *b)
{
    for (size_t i = 1; i < p->n_sites && i < GS_REPORT_SITES_SHOWN; i++) {
        begin_line(b, i == 1 ? "alike" : "");
        (void)gs_buf_addf(b, "%8llu  ", (unsigned long long)p->sites[i].count);
        put(b, p->sites[i].site->leaf);
        (void)gs_buf_addf(b, "  %s\n", p->sites[i].site->id);
    }
    if (p->n_sites > GS_REPORT_SITES_SHOWN) {
        begin_line(b, "");
        (void)gs_buf_addf(b, "and %zu more sites\n", p->n_sites - GS_REPORT_SITES_SHOWN);
    }
}

static void put_pattern(const gs_report *r, const gs_report_pattern *p, size_t rank, gs_buf *b)
{
    const gs_site *s = p->primary;
    char waiting[GS_WAITING_TEXT_LEN], found[GS_FOUND_TEXT_LEN];
    (void)gs_buf_addf(b, "\n%3zu. ", rank);
    put(b, s->leaf);
    (void)gs_buf_adds(b, "\n");
    if (s->leaf_file && s->leaf_file[0]) {
        begin_line(b, "open");
        put(b, s->leaf_file);
        (void)gs_buf_addf(b, ":%lld\n", (long long)s->leaf_line);
    }
    line(b, "what", gs_report_waiting_text(p, waiting));
    begin_line(b, "risk");
    (void)gs_buf_addf(b, "%s, score %.2f%s%s\n", gs_risk_name(p->risk), p->score, s->boundary ? ", boundary " : "",
                      gs_boundary_name(s->boundary));
    if (p->found)
        line(b, "found", gs_report_found_text(r, p->found, found));
    line(b, "entry", s->entry);
    if (p->created_by[0])
        line(b, "created", p->created_by);
    for (size_t k = 0; k < s->n_key_frames; k++)
        line(b, k ? "" : "frames", s->key_frames[k]);
    put_labels(p, b);
    put_alike(p, b);
    line(b, "id", s->id);
}

void gs_report_text(const gs_report *r, size_t top, gs_output *out)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_REPORT_PIECE);
    put_head(r, top, &b, out);
    (void)gs_output_flush(out, &b);
    for (size_t i = 0; i < gs_report_shown(r->n_patterns, top); i++) {
        put_pattern(r, &r->patterns[i], i + 1, &b);
        (void)gs_output_flush(out, &b);
    }
    if (r->n_packages)
        (void)gs_buf_adds(&b, "\nby package of the innermost function\n");
    for (size_t i = 0; i < gs_report_shown(r->n_packages, top); i++) {
        begin_line(&b, "");
        (void)gs_buf_addf(&b, "%8llu  ", (unsigned long long)r->packages[i].count);
        (void)gs_term_text(&b, r->packages[i].package, GS_TERM_ANY);
        (void)gs_buf_adds(&b, "\n");
        (void)gs_output_flush(out, &b);
    }
}
