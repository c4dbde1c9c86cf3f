/* A WeCom group robot's message: markdown of its own subset, in which only headings, bold, links, inline code, quotes and
 * <font color> are known (developer.work.weixin.qq.com, path 91770). */
#include "codec/notice_internal.h"

#define LINK_LABEL "\n>**Evidence:** "
#define LINK_OPEN "[open](" /* and ")" */
#define TOO_LONG "the link is too long for WeCom: see the incident"

void gs_notice_wecom(const gs_notice *n, gs_json_writer *w)
{
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(GS_WECOM_MAX), url = GS_BUF(GS_WECOM_MAX), title = GS_BUF(256);
    gs_cleanup(gs_buf_done) gs_buf link = GS_BUF(GS_WECOM_MAX / 4 * 3);
    bool has = n->evidence_url && n->evidence_url[0];
    if (has && (gs_notice_url(n, &url) || gs_buf_addf(&link, LINK_LABEL LINK_OPEN "%s)", url.p)))
        (void)gs_buf_adds(&link, LINK_LABEL TOO_LONG);
    gs_notice_text t = {&gs_style_wecom, &out, GS_WECOM_MAX - link.n};
    gs_notice_title(n, &title);
    gs_notice_words(&t, "### <font color=\"%s\">%s</font>", n->kind == GS_NOTICE_RESOLVED ? "info" : "warning",
                    title.p);
    gs_notice_lines(n, &t);
    if (link.n)
        (void)gs_buf_add(&out, link.p, link.n);
    gs_jw_object(w, NULL);
    gs_jw_str(w, "msgtype", "markdown");
    gs_jw_object(w, "markdown");
    gs_jw_strn(w, "content", gs_buf_str(&out));
    gs_jw_end(w);
    gs_jw_end(w);
}
