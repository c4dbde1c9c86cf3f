/* A GostatPolicy as values: what the owner of a namespace wrote down, after defaults and validation.
 * Built by codec/policy_json; freed by its owner with gs_policy_free. Read-only once built, so any thread may read. */
#ifndef GS_CORE_POLICY_H
#define GS_CORE_POLICY_H

#include "base/cleanup.h"
#include "core/selector.h"
#include "core/window.h"

#include <stdint.h>

#define GS_NAMESPACE_LEN 64 /* a DNS label and its end */
#define GS_OBJECT_LEN 254   /* a Kubernetes object name and its end */
#define GS_UID_LEN 48
#define GS_REVISION_LEN 64 /* a label's value and its end */
#define GS_PATH_LEN 257
#define GS_URL_LEN 301
#define GS_MAX_POLICY_ACTIONS 4
#define GS_MAX_NOTIFY 8
#define GS_MAX_POD_VICTIMS 8 /* pods that one action may remove: maxPods */

enum gs_mode { GS_MODE_OBSERVE, GS_MODE_DRY_RUN, GS_MODE_ENFORCE };
enum gs_grade { GS_GRADE_NONE, GS_GRADE_SUSPECTED, GS_GRADE_PROBABLE, GS_GRADE_PROVEN };
/* ScaleOut: more replicas, taken back later. Replace: surge, make the leaking pods the first to go, scale back. Evict: the
 * eviction subresource. Restart: as kubectl rollout restart does it. */
enum gs_action_type { GS_ACTION_SCALE_OUT, GS_ACTION_REPLACE, GS_ACTION_EVICT, GS_ACTION_RESTART };
#define GS_ACTION_TYPES 4
enum gs_severity { GS_SEVERITY_LOW, GS_SEVERITY_MEDIUM, GS_SEVERITY_HIGH, GS_SEVERITY_P0 };
enum gs_sse { GS_SSE_NONE, GS_SSE_AES256, GS_SSE_KMS };
enum gs_notify_type { GS_NOTIFY_WECOM, GS_NOTIFY_SLACK, GS_NOTIFY_WEBHOOK, GS_NOTIFY_ALERTMANAGER };
enum gs_addressing { GS_ADDRESSING_PATH, GS_ADDRESSING_VIRTUAL_HOST };

/* How far a count may leave its usual range before it is remarkable, by what the workload does. */
enum gs_class { GS_CLASS_PAYMENT, GS_CLASS_CACHE, GS_CLASS_LOGIN, GS_CLASS_SEARCH, GS_CLASS_CUSTOM };

const char *gs_mode_name(enum gs_mode m);          /* "Observe" "DryRun" "Enforce" */
const char *gs_grade_name(enum gs_grade g);        /* "" "Suspected" "Probable" "Proven" */
const char *gs_action_name(enum gs_action_type a); /* "ScaleOut" "Replace" "Evict" "Restart" */
const char *gs_severity_name(enum gs_severity s);  /* "Low" "Medium" "High" "P0" */
const char *gs_notify_name(enum gs_notify_type t); /* "WeCom" "Slack" "Webhook" "Alertmanager" */
const char *gs_class_name(enum gs_class c);        /* "Payment" ... */
int gs_class_permille(enum gs_class c);            /* Payment 20, Cache 50, Login and Search 5; Custom 0: as given */

/* A container port by number or by name. */
typedef struct gs_port {
    int number;    /* 1..65535; 0: by name */
    char name[16]; /* IANA_SVC_NAME, at most 15 characters */
} gs_port;

typedef struct gs_endpoint_spec {
    bool https;
    gs_port pprof_port;
    char pprof_path[GS_PATH_LEN]; /* "/debug/pprof", no slash at the end */
    bool has_metrics;             /* false: sampled from the total line of goroutine?debug=1 */
    gs_port metrics_port;
    char metrics_path[GS_PATH_LEN];
    /* With https. */
    bool insecure;                   /* insecureSkipVerify */
    char server_name[GS_OBJECT_LEN]; /* "": the pod's IP */
    char ca_secret[GS_OBJECT_LEN];   /* "": the system's CAs */
    char ca_key[GS_OBJECT_LEN];
    char cert_secret[GS_OBJECT_LEN]; /* "": none. Keys tls.crt and tls.key */
    /* One of the two, or none. */
    char bearer_secret[GS_OBJECT_LEN];
    char bearer_key[GS_OBJECT_LEN];
    char basic_secret[GS_OBJECT_LEN]; /* keys username and password */
} gs_endpoint_spec;

typedef struct gs_detection {
    struct {
        bool enabled;
        int periods;            /* 2..15: rises in a row */
        int percent_per_minute; /* 1..1000 */
    } growth;
    struct {
        bool enabled;
        int64_t goroutines; /* above this count, and ... */
        int percent;        /* ... risen by this much over the window's minimum */
        int window_s;       /* 30..3600 */
    } surge;
    struct {
        bool enabled;
        int64_t goroutines; /* blocked at one site, IO wait not counted */
    } blocked;
    struct {
        bool enabled;
        int window_s; /* 1..3600, at least the sampling interval */
        int windows;  /* 2..8: successive windows whose minimum rises; also how long a site must grow for Probable */
    } floor;
    struct {
        bool enabled;
        int64_t static_goroutines; /* above this count, and ... */
        int samples;               /* 5..30: ... above the percentile of as many earlier samples, by the tolerance */
        int percentile;            /* 50..99 */
    } baseline;
    struct {
        enum gs_class class;
        int permille; /* 0..1000 */
    } tolerance;
    struct {
        bool enabled;
        int cpu_percent; /* 1..1000: of the pod's CPU limit, else of GOMAXPROCS; where neither is known it does not apply */
        int cpu_for_s;      /* 10..3600: so long without a break */
        int64_t goroutines; /* above this count for a minute */
        int64_t heap_inuse; /* bytes, above them for a minute */
    } resources;            /* each may be 0: off */
    bool leak_profile;      /* Auto: ask pods that offer it; false: Never */
} gs_detection;

typedef struct gs_s3_spec {
    char endpoint[GS_URL_LEN]; /* http(s)://host[:port] */
    char region[65];
    char bucket[64];
    char prefix[GS_PATH_LEN]; /* "" or without slashes at its ends */
    enum gs_addressing addressing;
    char credentials_secret[GS_OBJECT_LEN];
    char ca_secret[GS_OBJECT_LEN]; /* "": the system's CAs */
    char ca_key[GS_OBJECT_LEN];
    enum gs_sse sse;
    char kms_key_id[256]; /* with GS_SSE_KMS; "": the bucket's own */
    int presign_s;        /* 60..604800: lifetime of the link in notifications */
} gs_s3_spec;

/* How long evidence is kept, by the incident's severity (P0 as high), and how much of it under the policy's prefix. */
typedef struct gs_retention {
    int high_days, medium_days, low_days; /* 1..3650, high >= medium >= low */
    int64_t max_bytes;
} gs_retention;

/* One destination. Secrets are of the policy's namespace, and labelled for gostat. */
typedef struct gs_notify_spec {
    char name[GS_NAMESPACE_LEN];
    enum gs_notify_type type;
    char url_secret[GS_OBJECT_LEN], url_key[GS_OBJECT_LEN];
    char hmac_secret[GS_OBJECT_LEN], hmac_key[GS_OBJECT_LEN]; /* Webhook only; "": none */
    enum gs_severity min_severity;
} gs_notify_spec;

typedef struct gs_scale_out {
    int step;         /* replicas added at once */
    int max_replicas; /* never above */
    int64_t hold_s; /* 30..86400: then it is judged: added pods Ready, growth of each pod lower, or it is taken back */
    int64_t max_hold_s; /* never longer, at least hold_s */
} gs_scale_out;

typedef struct gs_replace {
    int max_pods; /* 1..GS_MAX_POD_VICTIMS at once */
    int ready_s;  /* 0..3600: so long must the new pods be Ready before the leaking ones go */
} gs_replace;

typedef struct gs_evict {
    int max_pods; /* 1..GS_MAX_POD_VICTIMS at once */
} gs_evict;

typedef struct gs_action_spec {
    enum gs_action_type type;
    gs_scale_out scale_out;
    gs_replace replace;
    gs_evict evict;
} gs_action_spec;

/* For each workload. */
typedef struct gs_limits {
    int64_t cooldown_s;
    int max_actions_per_hour;  /* 1..60 */
    int min_available_percent; /* 0..100: of the replicas, before and while an action runs */
    int max_added_replicas;    /* 1..1000: by ScaleOut, over the workload */
} gs_limits;

typedef struct gs_policy {
    char ns[GS_NAMESPACE_LEN];
    char name[GS_OBJECT_LEN];
    char uid[GS_UID_LEN];
    char resource_version[32];
    int64_t generation;
    int64_t created_ms; /* wall; the older of two overlapping policies wins */
    bool deleting;      /* deletionTimestamp is set */
    bool has_finalizer; /* ours */
    enum gs_mode mode;
    bool suspend;
    bool allow_host_network; /* pods on the host's network too, where the operator allows it */
    gs_selector selector;
    gs_endpoint_spec endpoint;
    int interval_s, timeout_s, profile_interval_s;
    gs_detection detection;
    unsigned snapshot_kinds; /* 1u << enum gs_profile_kind: profiles that are kept as evidence */
    int cpu_s;               /* 1..600 */
    int trace_s;             /* 1..60 */
    int64_t full_dump_max;   /* goroutines; above it no debug=2 dump is asked for. 0: never */
    bool has_s3;
    gs_s3_spec s3;
    gs_retention retention;
    enum gs_grade min_grade;
    gs_action_spec actions[GS_MAX_POLICY_ACTIONS];
    size_t n_actions;
    gs_limits limits;
    gs_window windows[GS_MAX_WINDOWS];
    size_t n_windows;
    gs_notify_spec notify[GS_MAX_NOTIFY];
    size_t n_notify;
    /* Not the owner's: what core/ceiling.h holds it to. 0: none. */
    int64_t max_profile_bytes; /* of one profile, as sent */
    int max_namespace_actions; /* in any hour, over all policies of the namespace */
} gs_policy;

/* All defaults of the API set; the names empty, no selector, no S3, no actions. */
gs_policy *gs_policy_new(void);
void gs_policy_free(gs_policy *p);
GS_DEFINE_CLEANUP(gs_policy *, gs_policy_free)

/* Of two policies that select the same workload: does a own it? The older one does, then the smaller name. */
bool gs_policy_before(const gs_policy *a, const gs_policy *b);

#endif
