/* Whatever an incident says, and whatever is said about it: valid JSON within each service's limits, and no markup but
 * ours. Fields are cut from the input at zero bytes. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "codec/notice.h"
#include "fuzz.h"
#include "wire/json_cursor.h"

typedef struct input {
    gs_str left;
    char field[4096];
} input;

static const char *next(input *in)
{
    const char *end = in->left.n ? memchr(in->left.p, 0, in->left.n) : NULL;
    size_t n = end ? (size_t)(end - in->left.p) : in->left.n;
    (void)gs_str_copy(in->field, sizeof in->field, (gs_str){in->left.p, n});
    in->left.p += end ? n + 1 : n;
    in->left.n -= end ? n + 1 : n;
    return in->field;
}

static gs_incident *incident(input *in)
{
    char leaf[513], frame[1025], value[513];
    const char *frames[] = {frame};
    const gs_label labels[] = {{"route", value}};
    const gs_label_set set = {.v = labels, .n = 1, .count = 1};
    gs_workload_ref w = {.api_version = "apps/v1", .uid = "u"};
    (void)gs_str_copy(w.kind, sizeof w.kind, gs_str_of(next(in)));
    (void)gs_str_copy(w.ns, sizeof w.ns, gs_str_of(next(in)));
    (void)gs_str_copy(w.name, sizeof w.name, gs_str_of(next(in)));
    (void)gs_str_copy(leaf, sizeof leaf, gs_str_of(next(in)));
    (void)gs_str_copy(frame, sizeof frame, gs_str_of(next(in)));
    (void)gs_str_copy(value, sizeof value, gs_str_of(next(in)));
    const gs_site s = {.id = "p0123456789",
                       .leaf = leaf,
                       .entry = leaf,
                       .key_frames = frames,
                       .n_key_frames = 1,
                       .labels = &set,
                       .n_labels = 1,
                       .created_by = ""};
    gs_incident *i = gs_incident_new(&w, &s);
    (void)gs_str_copy(i->name, sizeof i->name, gs_str_of(next(in)));
    for (size_t k = in->left.n % 5; k > 0; k--)
        (void)gs_incident_show(i, next(in), "", k, 1);
    i->reasons = (unsigned)in->left.n % (1u << GS_REASONS);
    return i;
}

static size_t count(gs_str s, char c)
{
    size_t n = 0;
    for (size_t k = 0; k < s.n; k++)
        n += s.p[k] == c;
    return n;
}

/* The string under path, whole. */
static gs_str text_at(gs_str json, const char *const path[], gs_buf *out)
{
    gs_str raw;
    gs_json_cursor c;
    out->n = 0;
    FUZZ_CHECK(gs_json_find(json, path, &raw));
    gs_json_cursor_init(&c, raw);
    FUZZ_CHECK(gs_json_read_string_buf(&c, out));
    return gs_buf_str(out);
}

static void check_wecom(gs_str json, gs_buf *text)
{
    gs_str content = text_at(json, (const char *[]){"markdown", "content", NULL}, text);
    FUZZ_CHECK(content.n <= GS_WECOM_MAX && count(content, '<') == 2 && count(content, '`') % 2 == 0);
}

static void check_slack(gs_str json, gs_buf *text)
{
    gs_json_cursor c;
    gs_str blocks, block;
    size_t n = 0;
    FUZZ_CHECK(gs_json_find(json, (const char *[]){"blocks", NULL}, &blocks));
    gs_json_cursor_init(&c, blocks);
    FUZZ_CHECK(gs_json_enter_array(&c));
    for (; gs_json_next_element(&c); n++) {
        FUZZ_CHECK(gs_json_raw(&c, &block));
        gs_str s = text_at(block, (const char *[]){"text", "text", NULL}, text);
        FUZZ_CHECK(s.n > 0 && s.n <= (n ? GS_SLACK_SECTION_MAX : GS_SLACK_HEADER_MAX));
        FUZZ_CHECK(n != 1 || (count(s, '<') + count(s, '>') == 0 && count(s, '`') % 2 == 0));
        FUZZ_CHECK(n != 2 || (count(s, '<') <= 1 && count(s, '>') == count(s, '<')));
    }
    FUZZ_CHECK(n <= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {.left = {(const char *)data, size}};
    char words[4096], url[4096], cluster[256];
    gs_cleanup(gs_incident_free) gs_incident *i = incident(&in);
    (void)gs_str_copy(words, sizeof words, gs_str_of(next(&in)));
    (void)gs_str_copy(url, sizeof url, gs_str_of(next(&in)));
    (void)gs_str_copy(cluster, sizeof cluster, gs_str_of(next(&in)));
    const gs_notice n = {.kind = (enum gs_notice_kind)(size % GS_NOTICES),
                         .incident = i,
                         .cluster = cluster,
                         .text = words,
                         .evidence_url = url,
                         .now_ms = 1767225600000,
                         .ends_ms = 1767225900000};
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(1u << 20);
    for (int t = GS_NOTIFY_WECOM; t <= GS_NOTIFY_ALERTMANAGER; t++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(GS_MAX_NOTICE_BYTES);
        gs_json_cursor c;
        FUZZ_CHECK(gs_notice_body((enum gs_notify_type)t, &n, &out, NULL) == 0);
        gs_json_cursor_init(&c, gs_buf_str(&out));
        FUZZ_CHECK(gs_json_skip(&c) && gs_json_cursor_finish(&c, NULL) == 0);
        if (t == GS_NOTIFY_WECOM)
            check_wecom(gs_buf_str(&out), &text);
        if (t == GS_NOTIFY_SLACK)
            check_slack(gs_buf_str(&out), &text);
    }
    return 0;
}
