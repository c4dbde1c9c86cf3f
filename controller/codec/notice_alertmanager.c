/* Alerts for Alertmanager's API v2. Labels are what an alert is known by: nothing in them changes while the incident is
 * open but its severity, and then the alert of the earlier severity is ended along. */
#include "codec/notice_internal.h"

#include "codec/condition_json.h"

#define DESCRIPTION_MAX 3500 /* as long as the shortest of the services behind it takes */

static void label(gs_json_writer *w, const char *key, const char *value)
{
    if (value && value[0]) /* an empty label is no label */
        gs_jw_str(w, key, value);
}

static void labels(const gs_notice *n, enum gs_severity severity, gs_json_writer *w)
{
    const gs_incident *i = n->incident;
    gs_jw_object(w, "labels");
    label(w, "alertname", i->type == GS_INCIDENT_LEAK ? "GoroutineLeak" : "PodResources");
    label(w, "cluster", n->cluster);
    label(w, "namespace", i->workload.ns);
    label(w, "workload", i->workload.name);
    label(w, "kind", i->workload.kind);
    label(w, "incident", i->name);
    label(w, "policy", i->policy_name);
    label(w, "severity", gs_severity_name(severity));
    gs_jw_end(w);
}

static void annotations(const gs_notice *n, const char *url, gs_json_writer *w)
{
    const gs_workload_ref *ref = &n->incident->workload;
    gs_cleanup(gs_buf_done) gs_buf summary = GS_BUF(1024), description = GS_BUF(DESCRIPTION_MAX);
    gs_notice_text t = {&gs_style_plain, &description, DESCRIPTION_MAX};
    gs_notice_title(n, &summary);
    (void)gs_buf_addf(&summary, " in %s %s/%s", ref->kind, ref->ns, ref->name);
    gs_notice_lines(n, &t);
    gs_jw_object(w, "annotations");
    gs_jw_strn(w, "summary", gs_buf_str(&summary));
    gs_jw_strn(w, "description", gs_buf_str(&description));
    label(w, "evidence", url);
    gs_jw_end(w);
}

static void alert(const gs_notice *n, enum gs_severity severity, int64_t ends_ms, const char *url, gs_json_writer *w)
{
    const gs_incident *i = n->incident;
    int64_t from = i->start_ms ? i->start_ms : i->detection_ms ? i->detection_ms : n->now_ms;
    gs_jw_object(w, NULL);
    labels(n, severity, w);
    annotations(n, url, w);
    gs_time_write(w, "startsAt", from);
    gs_time_write(w, "endsAt", ends_ms < from ? from : ends_ms); /* one that ends before it starts is refused */
    if (url && url[0])
        gs_jw_str(w, "generatorURL", url);
    gs_jw_end(w);
}

void gs_notice_alertmanager(const gs_notice *n, gs_json_writer *w)
{
    const gs_incident *i = n->incident;
    gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(GS_MAX_NOTICE_URL);
    if (gs_notice_url(n, &url))
        gs_buf_done(&url);
    int64_t over = i->resolution_ms ? i->resolution_ms : n->now_ms;
    bool resolved = i->resolved || n->kind == GS_NOTICE_RESOLVED;
    gs_jw_array(w, NULL);
    alert(n, i->severity, resolved ? over : n->ends_ms, url.p, w);
    if (n->has_told && n->told != i->severity)
        alert(n, n->told, resolved ? over : n->now_ms, url.p, w);
    gs_jw_end(w);
}
