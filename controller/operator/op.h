/* The operator's state, for the files of operator/ only. One loop thread owns all of it. */
#ifndef GS_OPERATOR_OP_H
#define GS_OPERATOR_OP_H

#include "base/map.h"
#include "base/rng.h"
#include "codec/metrics_text.h"
#include "codec/pod.h"
#include "codec/policy_json.h"
#include "core/ceiling.h"
#include "edge/notify.h"
#include "edge/s3.h"
#include "edge/scraper.h"
#include "engine/engine.h"
#include "io/http_server.h"
#include "io/workers.h"
#include "kube/client.h"
#include "kube/discovery.h"
#include "kube/events.h"
#include "kube/informer.h"
#include "kube/lease.h"
#include "kube/queue.h"
#include "operator/options.h"
#include "workload/owners.h"
#include "workload/rights.h"

#define GS_STATUS_COUNTS_MS 30000 /* changing counts are written no more often */
#define GS_STATUS_MIN_MS 1000     /* anything of one object is */
#define GS_SECRET_RECHECK_MS 30000

/* How the process ends; 0, 1 and 2 as everywhere. */
enum { OP_EXIT_CREDENTIALS = 3, OP_EXIT_NO_CRDS = 4, OP_EXIT_RIGHTS = 5 };

#define OP_UNDO_HOLDER "gostat-undo" /* of the Lease that `gostat undo` leaves */
#define OP_UNDO_HOLD_MS 600000

typedef struct op op;

/* One informer: a kind of object in one namespace, or in all. */
typedef struct op_watch {
    op *o;
    char *ns; /* NULL: all */
    gs_informer *informer;
    unsigned listing; /* counts listings: an object not seen in the newest one is gone */
    bool listed;      /* once at least */
    int (*on_object)(void *ctx, gs_str object, gs_error *err);
} op_watch;

/* A workload that has a pod which some policy selects. */
typedef struct op_workload {
    char *key;
    gs_workload_ref ref;
    struct op_pod **pods;
    size_t n, cap;
    struct op_policy *owner; /* as last reconciled */
} op_workload;

typedef struct op_pod {
    gs_pod *pod;
    op_workload *w;   /* NULL: no policy selects it, or its workload is not known yet */
    unsigned listing; /* in which it was last seen */
    bool watched;     /* the engine has it as a target */
    bool candidate;   /* it could be one, but for the operator's ceiling */
    bool within;      /* that ceiling; bounds.c */
    bool waiting;     /* for an owner to be known */
} op_pod;

typedef struct op_policy {
    op *o;
    char *key;       /* "ns/name" */
    gs_policy *p;    /* as the API server has it now */
    char *invalid;   /* why it could not be read; NULL: it is valid */
    bool in_force;   /* the engine has it */
    bool adopted;    /* its history went to the engine */
    bool unreadable; /* it has one that could not be read */
    size_t n_listed; /* workloads whose history its status holds */
    struct op_record *relist;
    unsigned listing;
    /* the Secrets it names */
    struct op_secret_read *secret_read;
    int64_t secret_checked_ms; /* mono; 0: never */
    bool secret_ok;
    struct op_access *access;       /* access.c; NULL: the policy does not run */
    struct op_audit *audit;         /* audit.c: its chain; NULL until adopted */
    uint64_t audit_version;         /* of the status write under way */
    struct op_notifier *notifier;   /* notifier.c: its queue; NULL: nothing to send */
    struct op_retention *retention; /* retention.c; NULL: no S3 */
    char secret_reason[48], secret_message[320];
    char limited[GS_LIMITED_LEN]; /* what of it the operator holds to less; "" */
    bool choose;                  /* its pods have changed: which are within the ceiling? */
    int above;                    /* pods that are not sampled for the ceiling */
    /* from the last reconciliation of its workloads */
    int matched, overlapped, without_port, host_network;
    char overlap_with[GS_OBJECT_LEN];
    gs_policy_status status, written;
    bool dirty, ever_written;
    int64_t written_ms;
    gs_kube_call *status_call, *finalizer_call;
    int64_t retry_ms; /* mono: not before */
    unsigned failures;
} op_policy;

typedef struct op_incident {
    op *o;
    gs_incident *i;
    char uid[GS_UID_LEN]; /* "" until it is known to exist */
    bool there;           /* it is, though its uid is not known yet */
    bool dirty, urgent, deleting;
    int64_t began_ms, written_ms, retry_ms; /* mono; began: the write under way */
    unsigned failures;
    gs_kube_call *call;
    struct op_note { /* Events that wait for the uid */
        bool warning;
        char reason[32], action[32], note[700];
    } notes[8];
    size_t n_notes;
} op_incident;

/* What became of notices, or of one try to send it. */
enum op_notify_outcome { OP_NOTIFY_SENT, OP_NOTIFY_FAILED, OP_NOTIFY_NO_SECRET, OP_NOTIFY_GIVEN_UP, OP_NOTIFY_DROPPED };
#define OP_NOTIFY_OUTCOMES 5

/* What is brought in line with what is wanted, for controller_runtime_*: a pod gets its workload, a workload's pods their
 * policy, and what is known of policies and incidents is written. */
enum op_controller { OP_RECONCILE_POD, OP_RECONCILE_WORKLOAD, OP_RECONCILE_POLICY, OP_RECONCILE_INCIDENT };
#define OP_CONTROLLERS 4
typedef struct op_reconciled {
    uint64_t done, failed;
    gs_histogram seconds;
} op_reconciled;

typedef struct op_requests { /* rest client metrics by verb and code class */
    char verb[12];
    int code;
    uint64_t n;
} op_requests;

#define OP_API_NAMES 2
typedef struct op_api { /* where the API server is: a place that no policy leads to */
    char *names[OP_API_NAMES];
    unsigned port;
    bool resolving;
    int64_t resolved_ms; /* mono; 0: never */
} op_api;

struct op {
    op_options opt;
    gs_clock clock;
    gs_rng rng;
    gs_loop *loop;
    gs_workers *workers;
    gs_kube *kube;
    gs_kube_lease *lease;
    char lease_ns[GS_NAMESPACE_LEN];
    struct op_start *start; /* start.c */
    gs_timer *undo_timer;   /* undo.c */
    int64_t undone_ms;      /* mono: since when undo waits for the audit log only; 0: it does not */
    gs_kube_events *events;
    gs_kube_discovery *discovery;
    gs_scraper *scraper;
    gs_s3 *s3;
    gs_notify *notify;
    struct op_audit_log *audit_log; /* audit.c */
    gs_destinations *destinations;  /* bounds.c, with the next two */
    gs_ceiling ceiling;
    op_api api;
    gs_engine *engine;
    gs_actuator actuator;
    struct op_serving *serving; /* serve.c */
    gs_timer *engine_timer, *tick_timer;
    op_watch **watches;
    size_t n_watches, cap_watches;
    gs_kube_queue *queue; /* of workload keys, and "pod:ns/name" */
    gs_map *pods;         /* "ns/name" -> op_pod */
    gs_map *workloads;    /* key -> op_workload */
    gs_owners *owners;
    gs_rights *rights;         /* NULL: it is not asked what the API server allows */
    gs_map *policies;          /* "ns/name" -> op_policy */
    gs_map *incidents;         /* "ns/name" -> op_incident */
    gs_map *acts;              /* under way: see actuator.c */
    struct op_record *records; /* under way and waiting, in the order they came: see record.c */
    gs_map *puts;              /* under way: see store_evidence.c */
    bool leading, synced, stopping;
    char leader[GS_OBJECT_LEN]; /* who leads, as far as is known; "" nobody */
    bool heard;                 /* the API server has answered the lease */
    int exit_code;
    char identity[GS_OBJECT_LEN];
    op_requests requests[64];
    size_t n_requests;
    gs_histogram request_seconds, queue_seconds, work_seconds;
    op_reconciled reconciled[OP_CONTROLLERS];
    uint64_t notifications[GS_NOTIFY_ALERTMANAGER + 1][OP_NOTIFY_OUTCOMES];
    uint64_t reconciles, seq;
    uint64_t evidence_deleted; /* snapshots, by retention.c */
};

static inline int64_t op_mono(const op *o)
{
    return gs_mono(&o->clock);
}
static inline int64_t op_wall(const op *o)
{
    return gs_wall(&o->clock);
}
/* Nothing is sampled or begun, all policies are as if they were being deleted: undo.c. */
static inline bool op_undoing(const op *o)
{
    return o->opt.command == OP_UNDO;
}

extern const gs_kube_resource OP_PODS, OP_POLICIES, OP_INCIDENTS, OP_AUTOSCALERS, OP_SECRETS;

/* operator.c */
int op_run(const op_options *opt, gs_error *err);
void op_go(op *o);   /* the start checks are passed */
void op_stop(op *o); /* in order: no action any more, then the last Events, then the Lease */
/* Starts an informer with ctx = its op_watch; on_list_begin is set here. */
void op_watch_start(op *o, const char *ns, const gs_informer_options *options);
void op_watch_listed(op_watch *w); /* to be called at the end of on_list_end */
bool op_watch_covers(const op_watch *w, const char *ns);

/* start.c */
void op_start(op *o);
void op_start_stop(op *o);

/* undo.c */
void op_undo_start(op *o);
void op_undo_tick(op *o);

/* store.c: pods, under their workloads */
void op_store_watch(op *o, const char *ns);
void op_pod_detach(op *o, op_pod *p);
/* Puts the pod under its workload; false: that is not known yet (it will be reconciled then) or it has none. */
bool op_pod_attach(op *o, op_pod *p);
void op_store_free(op *o);
/* Of o->owners: the pod's workload may be known now. */
void op_pod_owner_known(void *o, const char *ns, const char *pod);

/* bounds.c: what the operator allows of policies */
int op_bounds_open(op *o, gs_error *err); /* an error names the flag */
void op_bounds_close(op *o);
void op_bounds_api(op *o, const char *server); /* the API server's URL */
void op_bounds_tick(op *o);
/* Holds a policy to the ceilings, before anyone uses it; see core/ceiling.h. */
int op_bounds_hold(const op *o, gs_policy *p, char limited[GS_LIMITED_LEN], gs_error *err);
/* Whether its S3 may be connected to, as far as the name tells; nothing is asked of it otherwise. */
int op_bounds_store(const op_policy *p, gs_error *err);
/* Chooses anew which pods are sampled, where pods have changed; false: nowhere. */
bool op_bounds_choose(op *o);

/* policies.c */
void op_policies_watch(op *o, const char *ns);
op_policy *op_policy_get(const op *o, const char *ns, const char *name);
bool op_policy_runs(const op_policy *p);    /* valid, not suspended, not being deleted: its pods are sampled */
bool op_policy_may_act(const op_policy *p); /* it runs, and the Secret of its evidence is in order */
void op_policy_dirty(op_policy *p);
void op_policies_tick(op *o);
bool op_policies_settled(const op *o);
bool op_policy_needs_secret(const op_policy *p);
void op_policies_free(op *o);

/* policy_status.c */
void op_policy_status(op_policy *p, gs_policy_status *ret);
void op_policy_write(op_policy *p);
void op_policy_finalizer(op_policy *p);
/* The finalizers of an object, ours added or left out, as a merge patch with its resourceVersion as precondition. */
int op_finalizer_patch(gs_str object, bool want, gs_buf *out, gs_error *err);

/* secrets.c */
void op_secret_check(op_policy *p);
void op_secret_forget(op_policy *p); /* ends a check under way, silently */
/* Reads what an S3 of a policy in this namespace needs. done has the credentials for the time of the call only. */
typedef struct op_secret_read op_secret_read;
typedef void (*op_secret_done)(void *ctx, const gs_s3_credentials *c, const char *reason, const gs_error *err);
op_secret_read *op_secret_read_start(op *o, const char *ns, const gs_s3_spec *s3, op_secret_done done, void *ctx);
/* A labelled Secret; object is valid within done, and empty where err says why. */
typedef struct op_secret_get op_secret_get;
typedef void (*op_secret_got)(void *ctx, gs_str object, const char *reason, const gs_error *err);
op_secret_get *op_secret_get_start(op *o, const char *ns, const char *name, op_secret_got done, void *ctx);
void op_secret_get_cancel(op_secret_get *g); /* NULL is fine */
/* One value of a labelled Secret; value is valid within done, terminated. */
typedef struct op_secret_value op_secret_value;
typedef void (*op_secret_value_done)(void *ctx, gs_str value, const char *reason, const gs_error *err);
op_secret_value *op_secret_value_start(op *o, const char *ns, const char *name, const char *key,
                                       op_secret_value_done done, void *ctx);
void op_secret_value_cancel(op_secret_value *v); /* NULL is fine */
/* A copy that outlives the call. */
typedef struct op_keys {
    gs_s3_credentials cred;
    gs_buf access, secret, token, ca;
} op_keys;
void op_keys_copy(op_keys *k, const gs_s3_credentials *c);
void op_keys_done(op_keys *k);                 /* wiped */
void op_secret_read_cancel(op_secret_read *r); /* done is not called; not from within it */

/* access.c: the Secrets of spec.endpoint, and what the engine asks the policy's pods with */
void op_access_set(op_policy *p); /* the policy is new, or has changed */
void op_access_tick(op_policy *p);
void op_access_forget(op_policy *p);
bool op_access_checked(const op_policy *p); /* its Secrets have been looked at: its pods may become targets */
/* Whether its pods are not asked; then a condition's reason and message, valid for now. */
bool op_access_trouble(const op_policy *p, const char **ret_reason, const char **ret_message);

/* reconcile.c */
void op_reconcile_start(op *o);
void op_reconcile_pod(op *o, const char *ns, const char *name); /* it changed, or what selects it did */
void op_reconcile_policy(op *o, const op_policy *p);            /* all pods of its namespace */
void op_pod_gone(op *o, op_pod *p);
void op_reconcile_count(op *o, op_policy *p); /* matched, overlapped, without_port, host_network: not allowed */

/* incidents.c */
void op_incidents_watch(op *o, const char *ns);
void op_incident_changed(op *o, gs_incident *i, bool urgent);
void op_incident_event(op *o, enum gs_event e, const gs_workload_ref *w, const char *pod, const gs_incident *i,
                       const char *reason);
/* Whether the API server has all that matters of the workload's open incidents: their evidence, their actions. */
bool op_incidents_written(const op *o, const gs_workload_ref *w);
bool op_incidents_settled(const op *o); /* what is urgent about them is written */
void op_incidents_tick(op *o);
void op_incidents_free(op *o);

/* actuator.c */
void op_actuator_init(op *o, gs_actuator *ret);
void op_actuator_go_on(op *o); /* an incident was written, or a second has passed: facts may have waited for that */
void op_actuator_stop(op *o);  /* o->stopping is set: no step is taken any more */
void op_actuator_free(op *o);
/* record.c: one writer of a policy's status at a time. Healing records wait for a status_call to end, and a status is not
 * written while a record is: else an older head of the audit chain could overtake a newer one. */
bool op_record_running(const op *o, const op_policy *p);
void op_record_next(op *o, const char *ns, const char *policy); /* a status_call has ended */
/* Takes out of its status what is another policy's history by now, or spent: the next controller would believe it. False:
 * there is nothing of that kind. */
bool op_record_relist(op_policy *p);
void op_record_forget(op_policy *p);

/* store_evidence.c */
gs_evidence_store op_evidence_store(op *o);
void op_evidence_free(op *o);

/* audit.c: the chain of each policy. A line is queued, committed with the next write of the policy's status (the intent's,
 * for an action), and only then written to the log and, in batches, to the policy's S3 (<prefix>/<ns>/audit/<policy>/
 * <number of the first line>-<of the last one>-<time of the first>.jsonl).
 * The newest lines stay in the status (auditTail) until the log and S3 have them, so that a controller that takes over
 * writes again what it cannot know to be written. */
int op_audit_open(op *o, gs_error *err);          /* opt.audit_log */
void op_audit_adopt(op_policy *p, gs_str object); /* its status, as first read while leading */
void op_audit_decision(op *o, const gs_decision *d);
/* What a status write that is about to be sent must hold; NULL: nothing to say. The version is to be given back. */
const gs_audit_head *op_audit_head(op_policy *p, uint64_t *ret_version);
void op_audit_committed(op_policy *p, uint64_t version); /* that write is done */
/* Lines that wait, where they are so many that a write does not have the newest one (or the queue is full); else 0. */
size_t op_audit_behind(const op_policy *p);
bool op_audit_waiting(const op_policy *p); /* lines wait for a status write: it is due */
bool op_audit_storing(
    const op_policy *p);                /* lines are on their way to its S3, or will be soon; not after a failed try */
bool op_audit_sending(const op *o);     /* lines of any policy, also of one that is gone */
bool op_audit_lags(const op_policy *p); /* the status holds lines that may leave: no hurry */
typedef struct op_audit_stats {
    uint64_t lines, errors; /* decisions in a chain; failed writes, and decisions that are in none */
    size_t waiting;         /* lines that the log or S3 does not have yet */
} op_audit_stats;
void op_audit_get_stats(const op *o, op_audit_stats *ret);
void op_audit_tick(op *o);
void op_audit_forget(op_policy *p);
void op_audit_close(op *o);

/* notifier.c: a queue for each policy, deduplicated by incident, with retry and a rate limit. */
void op_notify_event(op *o, enum gs_event e, const gs_incident *i, const char *text); /* i has its name */
size_t op_notify_waiting(const op *o);
/* An entry whose destination the operator does not allow, and why; "" for none. */
const char *op_notify_refused(const op_policy *p);
void op_notify_tick(op *o);
void op_notify_forget(op_policy *p);

/* retention.c: old evidence and left-over uploads under the policy's own prefix. */
void op_retention_tick(op *o);
void op_retention_forget(op_policy *p);
uint64_t op_retention_stored(const op *o); /* bytes, over all policies, as last seen */

/* metrics.c, metrics_machinery.c */
void op_metrics(op *o, gs_buf *out);
void op_on_request(void *ctx, const char *verb, const char *resource, int code, int64_t elapsed_ms);
void op_on_reconciled(op *o, enum op_controller c, bool done, int64_t elapsed_ms);
void op_on_worked(void *ctx, int64_t queued_ms, int64_t worked_ms); /* of the queue */

/* serve.c */
int op_serve(op *o, gs_error *err);
void op_serve_stop(op *o);

#endif
