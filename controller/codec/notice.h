/* What people are told about an incident, in the words of each service. Pure functions; any thread.
 *
 * WeCom group robot: {"msgtype":"markdown","markdown":{"content":…}}, content at most 4096 bytes of UTF-8.
 * Slack incoming webhook: {"text":…,"blocks":[…]}, a section's text at most 3000 characters, a header's 150, at most 50 blocks.
 * Webhook: {"schema":"gostat.dev/notice/v1",…}, everything below by name.
 * Alertmanager v2: [{"labels","annotations","startsAt","endsAt","generatorURL"}], to POST at /api/v2/alerts. */
#ifndef GS_CODEC_NOTICE_H
#define GS_CODEC_NOTICE_H

#include "base/buf.h"
#include "base/err.h"
#include "core/heal_step.h"

enum gs_notice_kind {
    GS_NOTICE_OPENED, /* or opened again */
    GS_NOTICE_GRADED, /* surer than before */
    GS_NOTICE_ACTION, /* done, dry run, or refused: text tells */
    GS_NOTICE_RESOLVED
};
#define GS_NOTICES 4

typedef struct gs_notice {
    enum gs_notice_kind kind;
    const gs_incident *incident;
    const char *cluster;      /* "" */
    const char *text;         /* of the event: what was done or refused, and why */
    const char *evidence_url; /* presigned; "": none yet */
    int64_t now_ms, ends_ms;  /* wall; ends: for Alertmanager, when a firing alert goes out unless it is told again */
    /* For Alertmanager, which knows an alert by its labels: the severity it was last told. Where that is another one now,
     * that alert is ended in the same body. */
    bool has_told;
    enum gs_severity told;
} gs_notice;

#define GS_WECOM_MAX 4096
#define GS_SLACK_SECTION_MAX 3000
#define GS_SLACK_HEADER_MAX 150

/* "opened" "graded" "action" "resolved" */
const char *gs_notice_kind_name(enum gs_notice_kind k);

/* Appends the body. Texts that came from pods (function names, labels) are escaped for the service and cut at a
 * character's border so that the limits hold; the link is never cut (one that does not fit by itself is left out, and the
 * message says so). -GS_NO_MEMORY at out's cap; a webhook's body is the longest, and has at most some 200 KB. */
int gs_notice_body(enum gs_notify_type t, const gs_notice *n, gs_buf *out, gs_error *err);

#endif
