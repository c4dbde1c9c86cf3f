#include "cli/report.h"
#include "cli/term.h"

/* As text anywhere in the page, attribute values in quotes included. What a terminal must not see is spelled out here
 * too: text that changes its direction would lie about the name. */
static void put_str(gs_buf *b, gs_str text)
{
    gs_cleanup(gs_buf_done) gs_buf plain = GS_BUF(GS_REPORT_PIECE);
    (void)gs_term_text(&plain, text, GS_TERM_ANY);
    for (size_t i = 0; i < plain.n; i++) {
        char c = plain.p[i];
        if (c == '&')
            (void)gs_buf_adds(b, "&amp;");
        else if (c == '<')
            (void)gs_buf_adds(b, "&lt;");
        else if (c == '>')
            (void)gs_buf_adds(b, "&gt;");
        else if (c == '"')
            (void)gs_buf_adds(b, "&quot;");
        else if (c == '\'')
            (void)gs_buf_adds(b, "&#39;");
        else
            (void)gs_buf_add(b, &c, 1);
    }
}

static void put(gs_buf *b, const char *text)
{
    put_str(b, gs_str_of(text));
}

static void put_page_head(gs_buf *b)
{
    (void)gs_buf_adds(
        b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
           "<meta name=\"viewport\" content=\"width=device-width\">\n"
           "<title>gostat report</title>\n<style>\n"
           ":root{color-scheme:light dark;--line:#d5d9de;--soft:#5b6570;--ground:#fff;--text:#1b1f24;--card:#f6f8fa;"
           "--high:#b3261e;--medium:#8a5a00}\n"
           "@media(prefers-color-scheme:dark){:root{--line:#363d46;--soft:#9aa5b1;--ground:#14171b;--text:#e6e9ed;"
           "--card:#1c2026;--high:#ff8a80;--medium:#f0b95a}}\n"
           "body{margin:2rem auto;max-width:64rem;padding:0 1rem;background:var(--ground);color:var(--text);"
           "font:15px/1.5 system-ui,sans-serif}\n"
           "code,pre{font:13px/1.5 ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}\n"
           "h2 code{font-size:16px}h2{font-size:16px;margin:0 0 .3rem}\n"
           "article{background:var(--card);border:1px solid var(--line);border-radius:6px;margin:0 0 1rem;"
           "padding:.8rem 1rem}\n"
           "table{border-collapse:collapse}th,td{padding:.15rem 1rem .15rem 0;text-align:left;vertical-align:top}\n"
           "th{color:var(--soft);font-weight:500}td.n{text-align:right;font-variant-numeric:tabular-nums}\n"
           "summary{cursor:pointer;color:var(--soft)}.High{color:var(--high);font-weight:600}"
           ".Medium{color:var(--medium);font-weight:600}\n"
           "</style>\n</head>\n<body>\n");
}

static void put_inputs(const gs_report *r, size_t top, gs_buf *b, gs_output *out)
{
    (void)gs_buf_addf(b, "<h1>Goroutines: %llu, patterns: %zu</h1>\n", (unsigned long long)r->goroutines,
                      r->n_patterns);
    if (r->truncated)
        (void)gs_buf_adds(b, "<p class=\"High\">Truncated: what was cut off is not counted.</p>\n");
    if (r->cut)
        (void)gs_buf_addf(b,
                          "<p>Not in them: %llu, whose stacks were cut off or are among too many different ones.</p>\n",
                          (unsigned long long)r->cut);
    (void)gs_buf_adds(b, "<table>\n<tr><th>input</th><th>format</th><th>bytes</th><th>goroutines</th></tr>\n");
    for (size_t i = 0; i < r->n_inputs; i++) {
        const gs_profile_file *f = &r->inputs[i];
        (void)gs_buf_adds(b, "<tr><td><code>");
        put(b, f->name);
        (void)gs_buf_addf(b, "</code></td><td>%s</td><td class=\"n\">%llu</td><td class=\"n\">%llu%s</td></tr>\n",
                          gs_dump_format_name(f->format), (unsigned long long)f->bytes,
                          (unsigned long long)f->profile->total, f->profile->truncated ? " (truncated)" : "");
        (void)gs_output_flush(out, b);
    }
    (void)gs_buf_adds(b, "</table>\n");
    (void)gs_buf_addf(b, "<p>%zu of %zu patterns, by score times count.</p>\n", gs_report_shown(r->n_patterns, top),
                      r->n_patterns);
}

static void row(gs_buf *b, const char *what, const char *text)
{
    (void)gs_buf_addf(b, "<tr><th>%s</th><td>", what);
    put(b, text);
    (void)gs_buf_adds(b, "</td></tr>\n");
}

static void row_code(gs_buf *b, const char *what, const char *text)
{
    (void)gs_buf_addf(b, "<tr><th>%s</th><td><code>", what);
    put(b, text);
    (void)gs_buf_adds(b, "</code></td></tr>\n");
}

static void put_labels(const gs_report_pattern *p, gs_buf *b)
{
    for (size_t i = 0; i < p->n_labels; i++) {
        (void)gs_buf_addf(b, "<tr><th>%s</th><td>%llu with <code>", i ? "" : "labels",
                          (unsigned long long)p->labels[i].count);
        for (size_t k = 0; k < p->labels[i].n; k++) {
            (void)gs_buf_adds(b, k ? " " : "");
            put(b, p->labels[i].v[k].key);
            (void)gs_buf_adds(b, "=");
            put(b, p->labels[i].v[k].value);
        }
        (void)gs_buf_adds(b, "</code></td></tr>\n");
    }
}

static void put_frames(const gs_report_pattern *p, gs_buf *b)
{
    (void)gs_buf_adds(b, "<details><summary>frames and sites</summary>\n<pre>");
    for (size_t k = 0; k < p->primary->n_key_frames; k++) {
        put(b, p->primary->key_frames[k]);
        (void)gs_buf_adds(b, "\n");
    }
    (void)gs_buf_adds(b, "</pre>\n<table>\n");
    for (size_t i = 0; i < p->n_sites && i < GS_REPORT_SITES_SHOWN; i++) {
        (void)gs_buf_addf(b, "<tr><td class=\"n\">%llu</td><td><code>%s</code></td><td><code>",
                          (unsigned long long)p->sites[i].count, p->sites[i].site->id);
        put(b, p->sites[i].site->leaf);
        (void)gs_buf_adds(b, "</code></td></tr>\n");
    }
    (void)gs_buf_adds(b, "</table>\n");
    if (p->n_sites > GS_REPORT_SITES_SHOWN)
        (void)gs_buf_addf(b, "<p>and %zu more sites</p>\n", p->n_sites - GS_REPORT_SITES_SHOWN);
    (void)gs_buf_adds(b, "</details>\n");
}

static void put_pattern(const gs_report *r, const gs_report_pattern *p, size_t rank, gs_buf *b)
{
    const gs_site *s = p->primary;
    char text[GS_WAITING_TEXT_LEN];
    (void)gs_buf_addf(b, "<article id=\"%s\">\n<h2>%zu. <code>", s->id, rank);
    put(b, s->leaf);
    (void)gs_buf_adds(b, "</code></h2>\n<table>\n");
    if (s->leaf_file && s->leaf_file[0]) {
        (void)gs_buf_adds(b, "<tr><th>open</th><td><code>");
        put(b, s->leaf_file);
        (void)gs_buf_addf(b, ":%lld</code></td></tr>\n", (long long)s->leaf_line);
    }
    row(b, "what", gs_report_waiting_text(p, text));
    (void)gs_buf_addf(b, "<tr><th>risk</th><td><span class=\"%s\">%s</span>, score %.2f</td></tr>\n",
                      gs_risk_name(p->risk), gs_risk_name(p->risk), p->score);
    if (s->boundary)
        row(b, "boundary", gs_boundary_name(s->boundary));
    if (p->found)
        row(b, "found", gs_report_found_text(r, p->found, text));
    row_code(b, "entry", s->entry);
    if (p->created_by[0])
        row_code(b, "created by", p->created_by);
    put_labels(p, b);
    row_code(b, "id", s->id);
    (void)gs_buf_adds(b, "</table>\n");
    put_frames(p, b);
    (void)gs_buf_adds(b, "</article>\n");
}

static void put_packages(const gs_report *r, size_t top, gs_buf *b, gs_output *out)
{
    (void)gs_buf_adds(b, "<h2>By package of the innermost function</h2>\n<table>\n");
    for (size_t i = 0; i < gs_report_shown(r->n_packages, top); i++) {
        (void)gs_buf_addf(b, "<tr><td class=\"n\">%llu</td><td><code>", (unsigned long long)r->packages[i].count);
        put_str(b, r->packages[i].package);
        (void)gs_buf_adds(b, "</code></td></tr>\n");
        (void)gs_output_flush(out, b);
    }
    (void)gs_buf_adds(b, "</table>\n");
}

void gs_report_html(const gs_report *r, size_t top, gs_output *out)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_REPORT_PIECE);
    put_page_head(&b);
    put_inputs(r, top, &b, out);
    (void)gs_output_flush(out, &b);
    for (size_t i = 0; i < gs_report_shown(r->n_patterns, top); i++) {
        put_pattern(r, &r->patterns[i], i + 1, &b);
        (void)gs_output_flush(out, &b);
    }
    put_packages(r, top, &b, out);
    (void)gs_buf_adds(&b, "</body>\n</html>\n");
    (void)gs_output_flush(out, &b);
}
