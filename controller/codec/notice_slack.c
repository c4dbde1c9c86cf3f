/* A message for a Slack incoming webhook: a header, a section, and a section of its own for the link, which may be as long
 * as a whole one (docs.slack.dev, Block Kit and "Formatting message text"). */
#include "codec/notice_internal.h"

#define TOO_LONG "the link is too long for Slack: see the incident"

/* verbatim: no names or addresses in the text become links or mentions. */
static void section(gs_json_writer *w, gs_str text)
{
    gs_jw_object(w, NULL);
    gs_jw_str(w, "type", "section");
    gs_jw_object(w, "text");
    gs_jw_str(w, "type", "mrkdwn");
    gs_jw_strn(w, "text", text);
    gs_jw_bool(w, "verbatim", true);
    gs_jw_end(w);
    gs_jw_end(w);
}

static void header(gs_json_writer *w, gs_str text)
{
    gs_jw_object(w, NULL);
    gs_jw_str(w, "type", "header");
    gs_jw_object(w, "text");
    gs_jw_str(w, "type", "plain_text");
    gs_jw_strn(w, "text", text);
    gs_jw_bool(w, "emoji", false);
    gs_jw_end(w);
    gs_jw_end(w);
}

/* "&" is the only character of a URL here that Slack wants escaped. */
static void link_section(const gs_notice *n, gs_json_writer *w)
{
    gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(GS_SLACK_SECTION_MAX), text = GS_BUF(GS_SLACK_SECTION_MAX);
    int rc = gs_notice_url(n, &url);
    rc = rc ? rc : gs_buf_adds(&text, "*Evidence:* <");
    for (const char *p = url.p; !rc && p && *p; p++)
        rc = *p == '&' ? gs_buf_adds(&text, "&amp;") : gs_buf_add(&text, p, 1);
    rc = rc ? rc : gs_buf_adds(&text, "|open>");
    section(w, rc ? GS_STR("*Evidence:* " TOO_LONG) : gs_buf_str(&text));
}

void gs_notice_slack(const gs_notice *n, gs_json_writer *w)
{
    const gs_workload_ref *ref = &n->incident->workload;
    gs_cleanup(gs_buf_done) gs_buf title = GS_BUF(256), head = GS_BUF(GS_SLACK_HEADER_MAX);
    gs_cleanup(gs_buf_done) gs_buf fallback = GS_BUF(1024), lines = GS_BUF(GS_SLACK_SECTION_MAX);
    gs_notice_text plain = {&gs_style_plain, &head, GS_SLACK_HEADER_MAX};
    gs_notice_text marked = {&gs_style_slack, &fallback, fallback.max};
    gs_notice_text body = {&gs_style_slack, &lines, GS_SLACK_SECTION_MAX};
    gs_notice_title(n, &title);
    gs_notice_words(&plain, "%s, ", title.p);
    gs_notice_foreign(&plain, gs_str_of(ref->name), GS_SLACK_HEADER_MAX);
    gs_notice_words(&marked, "%s, ", title.p);
    gs_notice_foreign(&marked, gs_str_of(ref->ns), sizeof ref->ns);
    gs_notice_words(&marked, "/");
    gs_notice_foreign(&marked, gs_str_of(ref->name), sizeof ref->name);
    gs_notice_lines(n, &body);
    gs_jw_object(w, NULL);
    gs_jw_strn(w, "text", gs_buf_str(&fallback));
    gs_jw_array(w, "blocks");
    header(w, gs_buf_str(&head));
    section(w, gs_buf_str(&lines));
    if (n->evidence_url && n->evidence_url[0])
        link_section(n, w);
    gs_jw_end(w);
    gs_jw_end(w);
}
