/* One leak in one workload, however many pods show it; or one resource of which its pods use too much.
 *
 * An incident is keyed by its workload and the id of its primary site; sites that grow along attach to it. It is owned
 * by the engine and changed on the loop thread only; codec/incident_json writes and reads its status.
 * Times are wall-clock milliseconds, 0 for none. */
#ifndef GS_CORE_INCIDENT_H
#define GS_CORE_INCIDENT_H

#include "base/limits.h"
#include "core/condition.h"
#include "core/counts.h"
#include "core/detect.h"
#include "core/policy.h"
#include "core/score.h"
#include "core/stack.h"

/* A site of a profile that grew, and how sure it is that this is a leak. */
typedef struct gs_grown {
    const gs_site *site;    /* of the newest profile */
    uint64_t base;          /* its count in the base */
    enum gs_grade grade;    /* NONE: it rises, no more */
    unsigned reasons;       /* enum gs_reason */
    bool named;             /* by a leak profile */
    const char *created_by; /* as a dump told; NULL: none was taken. The tracker's */
    double survived_ms;     /* how long its goroutines were seen to survive */
} gs_grown;

typedef struct gs_growth {
    gs_grown v[GS_MAX_INCIDENT_PATTERNS];
    size_t n; /* the highest grade first, then the largest count */
} gs_growth;

typedef struct gs_workload_ref {
    char api_version[64]; /* "apps/v1" */
    char kind[64];        /* "Deployment" */
    char ns[GS_NAMESPACE_LEN];
    char name[GS_OBJECT_LEN];
    char uid[GS_UID_LEN];
} gs_workload_ref;

/* A site as an incident remembers it: owns its strings. */
typedef struct gs_pattern {
    char id[GS_SITE_ID_LEN];
    uint64_t count; /* goroutines beyond the base, over all pods of the incident */
    enum gs_state state;
    enum gs_boundary boundary;
    double score;                    /* 0..1; its risk is gs_risk_of(score) */
    char *leaf, *entry, *created_by; /* created_by: "" while no dump told it */
    char *key_frames[GS_MAX_KEY_FRAMES];
    size_t n_key_frames;
    gs_label_set labels[GS_LABEL_SETS]; /* in memory of its own */
    size_t n_labels;
    gs_arena label_memory;
} gs_pattern;

void gs_pattern_set(gs_pattern *p, const gs_site *s); /* count and score are left as they were */
void gs_pattern_set_labels(gs_pattern *p, const gs_label_set *sets, size_t n); /* copies; at most GS_LABEL_SETS */
void gs_pattern_done(gs_pattern *p);

typedef struct gs_incident_pod {
    char name[GS_OBJECT_LEN];
    char revision[GS_REVISION_LEN];                 /* pod-template-hash; "" */
    uint64_t goroutines;                            /* of the whole process */
    uint64_t leaking;                               /* of the incident's sites, beyond the base */
    uint64_t per_pattern[GS_MAX_INCIDENT_PATTERNS]; /* the same by pattern */
    uint64_t base[GS_MAX_INCIDENT_PATTERNS];        /* what this pod had before it leaked */
    uint64_t peak;                                  /* of leaking */
    unsigned below;                                 /* successive profiles under half of the peak */
    bool adopted; /* from before a restart: it may be another process by now, and was not looked at since */
} gs_incident_pod;

/* What a grade rests on: gradeReasons. */
enum gs_reason {
    GS_REASON_FLOOR = 1 << 0,      /* FloorRises: the pod's minimum rose over all windows */
    GS_REASON_SITE = 1 << 1,       /* SiteGrows: between profiles */
    GS_REASON_COUNTS = 1 << 2,     /* CountsSurvive: the pod never had clearly fewer goroutines than the site had */
    GS_REASON_IDS = 1 << 3,        /* IdsSurvive: two dumps show the same goroutines */
    GS_REASON_LEAK = 1 << 4,       /* LeakProfile: the runtime's leak profile names the growing site */
    GS_REASON_LEAK_AGAIN = 1 << 5, /* LeakProfileGrows: and again, with more goroutines */
    GS_REASON_CPU = 1 << 6,        /* CpuHigh: the next three are of Resource incidents only */
    GS_REASON_GOROUTINES = 1 << 7, /* GoroutinesHigh */
    GS_REASON_HEAP = 1 << 8,       /* HeapHigh */
};
#define GS_REASONS 9
const char *gs_reason_name(unsigned reason);  /* of a single bit */
const char *gs_reason_words(unsigned reason); /* what it means, for people */

/* GoroutineLeak: of patterns. Resource: of a whole pod's CPU, goroutines or heap (detection.resources); it has no patterns,
 * its pattern_id is GS_RESOURCE_CPU and so on, and its grade Suspected: numbers, no stacks. */
enum gs_incident_type { GS_INCIDENT_LEAK, GS_INCIDENT_RESOURCE };
#define GS_RESOURCE_CPU "cpu"
#define GS_RESOURCE_GOROUTINES "goroutines"
#define GS_RESOURCE_HEAP "heap"
const char *gs_incident_type_name(enum gs_incident_type t); /* "GoroutineLeak" "Resource" */

/* INEFFECTIVE: it was done, did not help, and was taken back. */
enum gs_outcome {
    GS_OUTCOME_PENDING,
    GS_OUTCOME_SUCCEEDED,
    GS_OUTCOME_FAILED,
    GS_OUTCOME_UNDONE,
    GS_OUTCOME_REFUSED,
    GS_OUTCOME_INEFFECTIVE
};
enum gs_phase { GS_PHASE_OPEN, GS_PHASE_MITIGATING, GS_PHASE_RESOLVED };

const char *gs_outcome_name(enum gs_outcome o);
const char *gs_phase_name(enum gs_phase p);

typedef struct gs_evidence {
    char kind[24]; /* "Goroutine" */
    char pod[GS_OBJECT_LEN];
    char key[1025]; /* an S3 key, or a file name */
    char sha256[65];
    uint64_t bytes;
    int64_t time_ms;
} gs_evidence;

typedef struct gs_action {
    char id[16]; /* "a1": unique in its incident */
    enum gs_action_type type;
    bool dry_run;
    int from, to; /* replicas */
    int64_t time_ms;
    enum gs_outcome outcome;
    char reason[224]; /* of a refusal: its name, and its message */
    char pods[512];   /* names of those that it removes, ' ' between: gs_action_add_pod */
} gs_action;

typedef struct gs_incident {
    enum gs_incident_type type;
    char name[GS_OBJECT_LEN]; /* metadata.name, given by the recorder's side (it has the digest); "" until then */
    gs_workload_ref workload;
    char policy_name[GS_OBJECT_LEN], policy_uid[GS_UID_LEN]; /* in the workload's namespace */
    char pattern_id[GS_SITE_ID_LEN];                         /* the primary site: the incident's identity */
    enum gs_grade grade;
    unsigned reasons; /* of enum gs_reason */
    unsigned rules;   /* enum gs_rule that fired for it */
    enum gs_severity severity;
    double score; /* of the pattern with the highest */
    int64_t start_ms, detection_ms, localization_ms, resolution_ms;
    int occurrences;
    char revision[GS_REVISION_LEN]; /* that leaks, where only one does; "" */
    bool resolved;
    gs_pattern patterns[GS_MAX_INCIDENT_PATTERNS]; /* [0] is the primary one */
    size_t n_patterns;
    gs_incident_pod *pods; /* all that show it now, the worst first */
    size_t n_pods, cap_pods;
    gs_evidence evidence[GS_MAX_INCIDENT_EVIDENCE];
    size_t n_evidence;
    gs_action actions[GS_MAX_INCIDENT_ACTIONS]; /* oldest first */
    size_t n_actions;
    int action_seq;             /* of the last action's id */
    gs_condition conditions[2]; /* Resolved, EvidenceStored */
    int64_t last_shown_ms;      /* wall: when a pod last showed it */
} gs_incident;

gs_incident *gs_incident_new(const gs_workload_ref *w, const gs_site *primary);
void gs_incident_free(gs_incident *i);
GS_DEFINE_CLEANUP(gs_incident *, gs_incident_free)

enum gs_phase gs_incident_phase(const gs_incident *i); /* derived */
uint64_t gs_incident_leaking(const gs_incident *i);    /* over all pods */
gs_incident_pod *gs_incident_find_pod(gs_incident *i, const char *pod);
uint64_t gs_incident_goroutines(const gs_incident *i,
                                const char *pod); /* of the whole process; 0: it does not list the pod */
/* Index of the pattern with this id; -1 where the incident does not list it. */
int gs_incident_pattern(const gs_incident *i, const char *id);

/* The open incident that lists any of the grown sites of one profile, or was opened less than GS_ATTACH_MS ago on the
 * same pod; NULL: they are a new one. A resolved incident with the primary's id is returned too, to be reopened. */
#define GS_ATTACH_MS 120000
gs_incident *gs_incident_assign(gs_incident *const *list, size_t n, const gs_growth *grown, const char *pod,
                                int64_t wall_ms);

/* Of the grown sites the one that names the leak: the highest grade, then user code before libraries where it has at
 * least half as many goroutines, then the most goroutines, then the smaller id. grown->n > 0. */
const gs_grown *gs_incident_primary(const gs_growth *grown);

/* What a profile of one pod says: grown sites attach, known ones get their counts, grade and severity follow.
 * Returns true where something that a reader acts on changed (grade, severity, patterns, a new pod). */
typedef struct gs_observed {
    const char *pod, *revision; /* revision: "" where the pod has none */
    const gs_profile *profile;
    const gs_growth *grown;
    const gs_counts *base;
    unsigned rules; /* enum gs_rule that fired */
} gs_observed;
bool gs_incident_observe(gs_incident *i, const gs_observed *o, int64_t wall_ms);
/* What a dump of one pod tells beyond counts: who created the goroutines, how long they wait. */
void gs_incident_describe(gs_incident *i, const gs_profile *dump);

/* The pod shows a Resource incident: it is listed with its goroutines. True where it was not yet. */
bool gs_incident_show(gs_incident *i, const char *pod, const char *revision, uint64_t goroutines, int64_t wall_ms);
/* The pod is gone, or its process is a new one. */
void gs_incident_drop_pod(gs_incident *i, const char *pod);

/* Resolves once no pod has shown it for GS_RESOLVE_MS; true where it did so now. */
#define GS_RESOLVE_MS 30000
bool gs_incident_settle(gs_incident *i, int64_t wall_ms);
void gs_incident_reopen(gs_incident *i, int64_t wall_ms);

/* Appends; where the list is full the oldest refusal goes, else the oldest. */
gs_action *gs_incident_add_action(gs_incident *i, enum gs_action_type type, int64_t wall_ms);
/* A pod that the action removes. One that has no place there any more is left out: the audit log has all. */
void gs_action_add_pod(gs_action *a, gs_str name);
/* Appends; where the list is full a piece of an earlier occurrence goes, else the oldest of which there is a newer one of
 * its kind. */
void gs_incident_add_evidence(gs_incident *i, const gs_evidence *e);

#endif
