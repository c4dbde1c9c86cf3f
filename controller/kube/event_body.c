#include "kube/event_body.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json_write.h"

#include <stdio.h>

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

char *gs_event_object_key(const gs_kube_object_ref *r)
{
    return gs_sprintf("%s\n%s\n%s\n%s\n%s", or_empty(r->api_version), or_empty(r->kind), or_empty(r->ns),
                      or_empty(r->name), or_empty(r->uid));
}

char *gs_event_key(const gs_kube_event *ev)
{
    gs_autofree char *regarding = gs_event_object_key(&ev->regarding);
    gs_autofree char *related = ev->related ? gs_event_object_key(ev->related) : NULL;
    return gs_sprintf("%s\n%s\n%d\n%s\n%s\n%s", regarding, or_empty(related), (int)ev->type, or_empty(ev->reason),
                      or_empty(ev->action), or_empty(ev->note));
}

void gs_event_name(const char *object, uint64_t unique, char ret[GS_EVENT_NAME_MAX + 1])
{
    size_t n = 0, room = GS_EVENT_NAME_MAX - 17;
    for (const char *p = or_empty(object); *p && n < room; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        /* A part between dots starts and ends with a letter or a digit. */
        if (alnum)
            ret[n++] = c;
        else if (n && ret[n - 1] != '-' && ret[n - 1] != '.')
            ret[n++] = c == '.' ? '.' : '-';
    }
    while (n && (ret[n - 1] == '-' || ret[n - 1] == '.'))
        n--;
    (void)snprintf(ret + n, 18, "%s%016llx", n ? "." : "", (unsigned long long)unique);
}

/* At most max bytes, cut between characters. */
static gs_str cut(const char *s, size_t max)
{
    gs_str v = gs_str_of(s);
    if (v.n <= max)
        return v;
    v.n = max;
    while (v.n && ((unsigned char)v.p[v.n] & 0xc0) == 0x80)
        v.n--;
    return v;
}

static void write_ref(gs_json_writer *j, const char *key, const gs_kube_object_ref *r)
{
    gs_jw_object(j, key);
    gs_jw_str(j, "apiVersion", or_empty(r->api_version));
    gs_jw_str(j, "kind", or_empty(r->kind));
    if (r->ns)
        gs_jw_str(j, "namespace", r->ns);
    gs_jw_str(j, "name", or_empty(r->name));
    if (r->uid)
        gs_jw_str(j, "uid", r->uid);
    if (r->resource_version)
        gs_jw_str(j, "resourceVersion", r->resource_version);
    gs_jw_end(j);
}

int gs_event_body(gs_buf *out, const gs_kube_event *ev, const char *controller, const char *instance, const char *ns,
                  const char *name, int64_t wall_ms, gs_error *err)
{
    char now[GS_TIME_LEN];
    gs_json_writer j;
    gs_time_format_micro(wall_ms, now);
    gs_jw_init(&j, out);
    gs_jw_object(&j, NULL);
    gs_jw_str(&j, "apiVersion", "events.k8s.io/v1");
    gs_jw_str(&j, "kind", "Event");
    gs_jw_object(&j, "metadata");
    gs_jw_str(&j, "name", name);
    gs_jw_str(&j, "namespace", ns);
    gs_jw_end(&j);
    gs_jw_str(&j, "eventTime", now);
    gs_jw_strn(&j, "reportingController", cut(controller, GS_EVENT_WORD_MAX));
    gs_jw_strn(&j, "reportingInstance", cut(instance, GS_EVENT_WORD_MAX));
    gs_jw_strn(&j, "reason", cut(ev->reason, GS_EVENT_WORD_MAX));
    gs_jw_strn(&j, "action", cut(ev->action, GS_EVENT_WORD_MAX));
    gs_jw_str(&j, "type", ev->type == GS_KUBE_WARNING ? "Warning" : "Normal");
    gs_jw_strn(&j, "note", cut(ev->note, GS_EVENT_NOTE_MAX));
    write_ref(&j, "regarding", &ev->regarding);
    if (ev->related)
        write_ref(&j, "related", ev->related);
    gs_jw_end(&j);
    return gs_jw_finish(&j, err);
}

int gs_event_series(gs_buf *out, uint64_t count, int64_t wall_ms, gs_error *err)
{
    char now[GS_TIME_LEN];
    gs_json_writer j;
    gs_time_format_micro(wall_ms, now);
    gs_jw_init(&j, out);
    gs_jw_object(&j, NULL);
    gs_jw_object(&j, "series");
    gs_jw_uint(&j, "count", count);
    gs_jw_str(&j, "lastObservedTime", now);
    gs_jw_end(&j);
    gs_jw_end(&j);
    return gs_jw_finish(&j, err);
}
