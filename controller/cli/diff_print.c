#include "cli/diff.h"
#include "cli/term.h"

#include <inttypes.h>

static void write_ids(gs_json_writer *w, const gs_diff *d, const gs_diff_site *s)
{
    if (!d->has_ids) {
        gs_jw_null(w, "goroutines");
        return;
    }
    gs_jw_object(w, "goroutines");
    gs_jw_uint(w, "inBoth", s->in_both);
    gs_jw_uint(w, "onlyOld", s->only_old);
    gs_jw_uint(w, "onlyNew", s->only_new);
    gs_jw_array(w, "ids");
    for (size_t i = 0; i < s->n_ids; i++)
        gs_jw_uint(w, NULL, s->ids[i]);
    gs_jw_end(w);
    gs_jw_end(w);
}

static void write_site(gs_json_writer *w, const gs_diff *d, const gs_diff_site *s)
{
    gs_jw_object(w, NULL);
    gs_jw_str(w, "id", s->site->id);
    gs_jw_str(w, "change", gs_change_name(s->change));
    gs_jw_uint(w, "old", s->before);
    gs_jw_uint(w, "new", s->after);
    gs_jw_int(w, "delta", (int64_t)(s->after - s->before));
    gs_jw_str(w, "state", gs_state_name(s->site->state));
    gs_jw_strn(w, "leafFunction", gs_str_of(s->site->leaf));
    gs_jw_strn(w, "leafFile", gs_str_of(s->site->leaf_file));
    gs_jw_int(w, "leafLine", s->site->leaf_line);
    gs_jw_strn(w, "entryFunction", gs_str_of(s->site->entry));
    gs_jw_array(w, "keyFrames");
    for (size_t i = 0; i < s->site->n_key_frames; i++)
        gs_jw_strn(w, NULL, gs_str_of(s->site->key_frames[i]));
    gs_jw_end(w);
    write_ids(w, d, s);
    gs_jw_end(w);
}

int gs_diff_json(const gs_diff *d, size_t top, gs_buf *out, gs_error *err)
{
    gs_json_writer w;
    gs_jw_init(&w, out);
    gs_jw_object(&w, NULL);
    gs_jw_str(&w, "schema", "gostat.dev/diff/v1");
    gs_profile_file_json(&w, "old", d->older);
    gs_profile_file_json(&w, "new", d->newer);
    gs_jw_bool(&w, "truncated", d->older->profile->truncated || d->newer->profile->truncated);
    if (d->has_ids) {
        gs_jw_object(&w, "goroutines");
        gs_jw_uint(&w, "inBoth", d->in_both);
        gs_jw_uint(&w, "onlyOld", d->only_old);
        gs_jw_uint(&w, "onlyNew", d->only_new);
        gs_jw_end(&w);
    } else {
        gs_jw_null(&w, "goroutines");
    }
    gs_jw_object(&w, "counts");
    for (int c = 0; c < GS_CHANGES; c++)
        gs_jw_uint(&w, gs_change_name((enum gs_change)c), d->of[c]);
    gs_jw_end(&w);
    gs_jw_array(&w, "sites");
    for (size_t c = 0, first = 0; c < GS_CHANGES; first += d->of[c++])
        for (size_t i = 0; i < gs_report_shown(d->of[c], top); i++)
            write_site(&w, d, &d->sites[first + i]);
    gs_jw_end(&w);
    gs_jw_end(&w);
    int rc = gs_jw_finish(&w, err);
    return rc ? rc : gs_buf_adds(out, "\n");
}

/* For people. */

static void put(gs_buf *b, const char *text)
{
    (void)gs_term_text(b, gs_str_of(text), GS_TERM_ANY);
}

static void put_input(const char *what, const gs_profile_file *f, gs_buf *b)
{
    (void)gs_buf_addf(b, "%s  ", what);
    put(b, gs_streq(f->name, "-") ? "stdin" : f->name);
    (void)gs_buf_addf(b, ": %" PRIu64 " goroutines, %s%s\n", f->profile->total, gs_dump_format_name(f->format),
                      f->profile->truncated ? ", truncated: what was cut off is missing, and no change" : "");
}

static void put_head(const gs_diff *d, gs_buf *b)
{
    put_input("old", d->older, b);
    put_input("new", d->newer, b);
    if (!d->has_ids)
        return;
    (void)gs_buf_addf(b, "ids  %" PRIu64 " goroutines are in both, %" PRIu64 " only in old, %" PRIu64 " only in new\n",
                      d->in_both, d->only_old, d->only_new);
    if (!d->in_both)
        (void)gs_buf_adds(b, "     none is in both: are these dumps of one and the same process?\n");
}

static void put_site(const gs_diff *d, const gs_diff_site *s, gs_buf *b)
{
    (void)gs_buf_addf(b, "%+10" PRId64 "  %" PRIu64 " -> %" PRIu64 "  %s  %s\n", (int64_t)(s->after - s->before),
                      s->before, s->after, gs_state_name(s->site->state), s->site->id);
    (void)gs_buf_adds(b, "            ");
    put(b, s->site->leaf);
    if (s->site->leaf_file && s->site->leaf_file[0]) {
        (void)gs_buf_adds(b, "  ");
        put(b, s->site->leaf_file);
        (void)gs_buf_addf(b, ":%" PRId64, s->site->leaf_line);
    }
    (void)gs_buf_adds(b, "\n");
    if (!d->has_ids)
        return;
    (void)gs_buf_addf(b, "            %" PRIu64 " in both, %" PRIu64 " only in old, %" PRIu64 " only in new",
                      s->in_both, s->only_old, s->only_new);
    for (size_t i = 0; i < s->n_ids; i++)
        (void)gs_buf_addf(b, "%s%" PRIu64, i ? ", " : "; still there: ", s->ids[i]);
    (void)gs_buf_adds(b, s->in_both > s->n_ids ? " …\n" : "\n");
}

void gs_diff_text(const gs_diff *d, size_t top, gs_output *out)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_REPORT_PIECE);
    put_head(d, &b);
    for (size_t c = 0, first = 0; c < GS_CHANGES; first += d->of[c++]) {
        size_t shown = gs_report_shown(d->of[c], top);
        if (shown && shown < d->of[c])
            (void)gs_buf_addf(&b, "\n%s: %zu of %zu sites\n", gs_change_name((enum gs_change)c), shown, d->of[c]);
        else if (shown)
            (void)gs_buf_addf(&b, "\n%s: %zu site%s\n", gs_change_name((enum gs_change)c), shown,
                              shown == 1 ? "" : "s");
        for (size_t i = 0; i < shown; i++) {
            put_site(d, &d->sites[first + i], &b);
            (void)gs_output_flush(out, &b);
        }
    }
    (void)gs_output_flush(out, &b);
}
