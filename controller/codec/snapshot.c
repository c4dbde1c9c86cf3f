#include "codec/snapshot.h"

#include "base/clock.h"
#include "codec/incident_json.h"
#include "codec/policy_json.h"

#include <stdio.h>

/* One part of a key: nothing but [A-Za-z0-9._-], and never ".", ".." or a hidden file. An empty one is left out. */
static void add_part(char *dst, size_t cap, const char *part, const char *after)
{
    size_t n = strlen(dst), from = n;
    for (; *part && n + 1 < cap; part++) {
        char c = *part;
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                  (c == '.' && n > from);
        dst[n++] = ok ? c : '-';
    }
    dst[n] = 0;
    if (n > from)
        (void)snprintf(dst + n, cap - n, "%s", after);
}

/* How files of each kind are named. */
static const struct {
    const char *ending, *suffix, *content_type;
} forms[GS_PROFILE_KINDS] = {
    [GS_PROFILE_GOROUTINE] = {"-goroutine", ".pb.gz", "application/octet-stream"},
    [GS_PROFILE_LEAK] = {"-goroutineleak", ".pb.gz", "application/octet-stream"},
    [GS_PROFILE_DUMP] = {"-fulldump", ".txt", "text/plain; charset=utf-8"},
    [GS_PROFILE_HEAP] = {"-heap", ".pb.gz", "application/octet-stream"},
    [GS_PROFILE_CPU] = {"-cpu", ".pb.gz", "application/octet-stream"},
    [GS_PROFILE_TRACE] = {"-trace", ".trace", "application/octet-stream"},
};

bool gs_snapshot_wanted(const gs_policy *p, enum gs_profile_kind kind)
{
    enum gs_profile_kind listed = kind == GS_PROFILE_DUMP ? GS_PROFILE_GOROUTINE : kind;
    return p->snapshot_kinds >> listed & 1;
}

const char *gs_snapshot_suffix(enum gs_profile_kind kind)
{
    return forms[kind].suffix;
}

const char *gs_snapshot_content_type(enum gs_profile_kind kind)
{
    return forms[kind].content_type;
}

void gs_snapshot_key(char *dst, size_t cap, const char *prefix, const gs_incident *i, const char *pod,
                     enum gs_profile_kind kind, int64_t wall_ms)
{
    char time[GS_TIME_LEN];
    gs_time_format_compact(wall_ms, time);
    dst[0] = 0;
    (void)snprintf(dst, cap, "%s%s", prefix, prefix[0] ? "/" : ""); /* validated, and may have several parts */
    add_part(dst, cap, i->workload.ns, "/");
    add_part(dst, cap, i->workload.name, "/");
    add_part(dst, cap, i->name, "/");
    add_part(dst, cap, time, "-");
    add_part(dst, cap, pod, forms[kind].ending);
}

void gs_snapshot_evidence(gs_evidence *ret, const char *pod, enum gs_profile_kind kind, int64_t wall_ms)
{
    *ret = (gs_evidence){.time_ms = wall_ms};
    (void)gs_str_copy(ret->kind, sizeof ret->kind, gs_str_of(gs_profile_kind_name(kind)));
    (void)gs_str_copy(ret->pod, sizeof ret->pod, gs_str_of(pod));
}

void gs_snapshot_metadata(gs_json_writer *w, const gs_incident *i, const gs_evidence *e, uint64_t goroutines)
{
    char time[GS_TIME_LEN];
    gs_time_format(e->time_ms, time);
    gs_jw_object(w, NULL);
    gs_jw_str(w, "schema", "gostat.dev/snapshot/v1");
    gs_jw_str(w, "incident", i->name);
    gs_jw_object(w, "workload");
    gs_jw_str(w, "apiVersion", i->workload.api_version);
    gs_jw_str(w, "kind", i->workload.kind);
    gs_jw_str(w, "namespace", i->workload.ns);
    gs_jw_str(w, "name", i->workload.name);
    gs_jw_str(w, "uid", i->workload.uid);
    gs_jw_end(w);
    gs_jw_str(w, "policy", i->policy_name);
    gs_jw_str(w, "pod", e->pod);
    gs_jw_str(w, "time", time);
    gs_jw_str(w, "kind", e->kind);
    gs_jw_str(w, "sha256", e->sha256);
    gs_jw_uint(w, "bytes", e->bytes);
    gs_jw_uint(w, "goroutines", goroutines);
    gs_jw_str(w, "grade", gs_grade_name(i->grade));
    gs_jw_array(w, "patterns");
    for (size_t k = 0; k < i->n_patterns; k++)
        gs_pattern_json(w, &i->patterns[k]);
    gs_jw_end(w);
    gs_jw_str(w, "gostatVersion", GOSTAT_VERSION);
    gs_jw_end(w);
}
