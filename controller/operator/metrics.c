/* /metrics: of the process and of the engine; metrics_*.c have the other families. */
#include "operator/metrics_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static gs_str read_file(const char *path, char *dst, size_t cap)
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(dst, 1, cap, f) : 0;
    if (f)
        (void)fclose(f);
    return (gs_str){dst, n};
}

static uint64_t open_fds(void)
{
    uint64_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return 0;
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n - 1; /* the one that reads them */
}

static void own_process(gs_metrics *m)
{
    char stat[4096], statm[256], system[65536];
    struct rlimit files = {0};
    (void)getrlimit(RLIMIT_NOFILE, &files);
    gs_process_text t = {.stat = read_file("/proc/self/stat", stat, sizeof stat),
                         .statm = read_file("/proc/self/statm", statm, sizeof statm),
                         .system = read_file("/proc/stat", system, sizeof system),
                         .open_fds = open_fds(),
                         .max_fds = files.rlim_cur,
                         .ticks = sysconf(_SC_CLK_TCK),
                         .page = sysconf(_SC_PAGESIZE)};
    gs_metrics_process(m, &t);
}

static void engine(op *o, gs_metrics *m)
{
    gs_engine_stats s;
    gs_engine_get_stats(o->engine, &s);
    gs_metrics_family(m, "gostat_samples_total", "counter", "L1 samples of pods, by result.");
    gs_metrics_value(m, "gostat_samples_total", (double)s.samples, "result", "ok", NULL);
    gs_metrics_value(m, "gostat_samples_total", (double)s.sample_errors, "result", "error", NULL);
    gs_metrics_value(m, "gostat_samples_total", (double)s.sample_skips, "result", "skipped", NULL);
    gs_metrics_family(m, "gostat_profiles_total", "counter", "Goroutine profiles of pods, by result.");
    gs_metrics_value(m, "gostat_profiles_total", (double)s.profiles, "result", "ok", NULL);
    gs_metrics_value(m, "gostat_profiles_total", (double)s.profile_errors, "result", "error", NULL);
    op_counter(m, "gostat_profile_bytes_total", "Bytes of goroutine profiles as pods sent them.",
               (double)s.profile_bytes);
    gs_metrics_family(m, "gostat_suspicions_total", "counter", "Times that a rule made a pod suspicious, by rule.");
    for (unsigned k = 0; k < GS_RULES; k++)
        gs_metrics_value(m, "gostat_suspicions_total", (double)s.suspicions[k], "rule", gs_rule_name(1u << k), NULL);
    op_counter(m, "gostat_incidents_opened_total", "Incidents opened or reopened.", (double)s.incidents_opened);
    op_counter(m, "gostat_incidents_resolved_total", "Incidents resolved.", (double)s.incidents_resolved);
    op_gauge(m, "gostat_incidents_open", "Incidents that are open.", (double)s.open_incidents);
    gs_metrics_family(m, "gostat_actions_total", "counter", "Actions taken or refused.");
    gs_metrics_value(m, "gostat_actions_total", (double)s.events[GS_EVENT_ACTION], "result", "acted", NULL);
    gs_metrics_value(m, "gostat_actions_total", (double)s.events[GS_EVENT_REFUSED], "result", "refused", NULL);
    gs_metrics_family(m, "gostat_evidence_total", "counter", "Snapshots for the object store, by result.");
    gs_metrics_value(m, "gostat_evidence_total", (double)s.evidence_stored, "result", "stored", NULL);
    gs_metrics_value(m, "gostat_evidence_total", (double)s.evidence_errors, "result", "error", NULL);
    gs_metrics_value(m, "gostat_evidence_total", (double)s.evidence_dropped, "result", "dropped", NULL);
    op_gauge(m, "gostat_evidence_pending_bytes", "Snapshots waiting for the object store.",
             (double)s.pending_evidence_bytes);
    op_counter(m, "gostat_evidence_deleted_total", "Snapshots deleted from the object store, by retention.",
               (double)o->evidence_deleted);
    op_gauge(m, "gostat_evidence_stored_bytes", "Snapshots in the object stores of all policies, as last listed.",
             (double)op_retention_stored(o));
    op_gauge(m, "gostat_policies", "Policies in force.", (double)s.policies);
    op_gauge(m, "gostat_targets", "Pods being sampled.", (double)s.targets);
    op_gauge(m, "gostat_sample_groups", "Groups in which pods are sampled.", (double)s.groups);
    op_gauge(m, "gostat_sample_lag_seconds", "How far behind its schedule the last group was sampled.",
             (double)s.late_ms / 1000);
    op_counter(m, "gostat_reconciles_total", "Keys worked on.", (double)o->reconciles);
    op_audit_stats audit;
    op_audit_get_stats(o, &audit);
    op_counter(m, "gostat_audit_lines_total", "Decisions added to the audit log.", (double)audit.lines);
    op_counter(m, "gostat_audit_errors_total", "Failed writes of the audit log, and decisions that are not in it.",
               (double)audit.errors);
    op_gauge(m, "gostat_audit_waiting", "Lines of the audit log that its file or S3 does not have yet.",
             (double)audit.waiting);
}

static void notifications(op *o, gs_metrics *m)
{
    static const char *const outcomes[OP_NOTIFY_OUTCOMES] = {"sent", "failed", "no_secret", "given_up", "dropped"};
    gs_metrics_family(m, "gostat_notifications_total", "counter",
                      "Notices to people and services: sent, tries that failed, and those that never went out.");
    for (size_t t = 0; t < GS_LEN(o->notifications); t++)
        for (size_t k = 0; k < OP_NOTIFY_OUTCOMES; k++)
            gs_metrics_value(m, "gostat_notifications_total", (double)o->notifications[t][k], "type",
                             gs_notify_name((enum gs_notify_type)t), "outcome", outcomes[k], NULL);
    op_gauge(m, "gostat_notifications_waiting", "Notices that wait to be sent.", (double)op_notify_waiting(o));
}

void op_metrics(op *o, gs_buf *out)
{
    gs_metrics m = {.out = out};
    gs_metrics_family(&m, "gostat_build_info", "gauge", "Always 1: the version is in the label.");
    gs_metrics_value(&m, "gostat_build_info", 1, "version", GOSTAT_VERSION, NULL);
    own_process(&m);
    op_metrics_machinery(o, &m);
    engine(o, &m);
    notifications(o, &m);
    op_metrics_findings(o, &m);
    op_metrics_workloads(o, &m);
}
