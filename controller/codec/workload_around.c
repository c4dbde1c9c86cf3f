/* What stands around a workload: its autoscaler, its ReplicaSets, its pods. */
#include "base/clock.h"
#include "codec/workload.h"
#include "wire/json_map.h"

typedef struct owner {
    char kind[64], uid[GS_UID_LEN];
    bool controller;
} owner;

static const gs_json_field owner_fields[] = {
    {GS_FIELD_STRING(owner, "kind", kind)},
    {GS_FIELD_STRING(owner, "uid", uid)},
    {GS_FIELD_BOOL(owner, "controller", controller)},
    {0},
};

static int keep_controlling(void *ctx, void *item, gs_error *err)
{
    const owner *o = item;
    owner *ret = ctx;
    (void)err;
    if (o->controller)
        *ret = *o;
    return 0;
}

static const gs_json_list owner_list = {
    .path = "metadata.ownerReferences", .table = owner_fields, .size = sizeof(owner), .each = keep_controlling};

/* The controlling one; all empty where there is none. */
static int read_owners(gs_str raw, owner *ret, gs_error *err)
{
    owner one;
    *ret = (owner){0};
    return gs_json_map_each(raw, &owner_list, GS_UNKNOWN_IGNORE, &one, ret, err);
}

typedef struct autoscaler {
    char name[GS_OBJECT_LEN], version[GS_VERSION_LEN];
    gs_str owners, keda;
    char target_version[320], target_kind[64], target_name[GS_OBJECT_LEN];
    int min, max;
} autoscaler;

static const gs_json_field keda_labels[] = {
    {GS_FIELD_RAW(autoscaler, "scaledobject.keda.sh/name", keda)},
    {0},
};

static const gs_json_field autoscaler_metadata[] = {
    {GS_FIELD_STRING(autoscaler, "name", name), .required = true},
    {GS_FIELD_STRING(autoscaler, "resourceVersion", version), .required = true},
    {GS_FIELD_RAW(autoscaler, "ownerReferences", owners)},
    {GS_FIELD_INLINE(autoscaler, "labels", keda_labels)},
    {0},
};

static const gs_json_field target[] = {
    {GS_FIELD_STRING(autoscaler, "apiVersion", target_version)},
    {GS_FIELD_STRING(autoscaler, "kind", target_kind)},
    {GS_FIELD_STRING(autoscaler, "name", target_name)},
    {0},
};

static const gs_json_field autoscaler_spec[] = {
    {GS_FIELD_INLINE(autoscaler, "scaleTargetRef", target)},
    {GS_FIELD_INT(autoscaler, "minReplicas", min, 0, INT32_MAX)},
    {GS_FIELD_INT(autoscaler, "maxReplicas", max, 0, INT32_MAX)},
    {0},
};

static const gs_json_field autoscaler_root[] = {
    {GS_FIELD_INLINE(autoscaler, "metadata", autoscaler_metadata), .required = true},
    {GS_FIELD_INLINE(autoscaler, "spec", autoscaler_spec)},
    {0},
};

/* Of "apps/v1" "apps": an autoscaler may name another version of the same group, or none. */
static gs_str group_of(const char *api_version)
{
    const char *slash = strchr(api_version, '/');
    return (gs_str){api_version, slash ? (size_t)(slash - api_version) : 0};
}

int gs_autoscaler_from_json(gs_str object, const gs_workload_ref *w, gs_workload_facts *f, char version[GS_VERSION_LEN],
                            gs_error *err)
{
    autoscaler d = {.min = 1}; /* what an absent minReplicas means */
    owner o = {0};
    int e = gs_json_map_decode_str(object, autoscaler_root, &d, GS_UNKNOWN_IGNORE, "", err);
    if (e == 0)
        e = read_owners(d.owners, &o, err);
    if (e < 0)
        return e;
    if (!gs_streq(d.target_kind, w->kind) || !gs_streq(d.target_name, w->name) ||
        (d.target_version[0] && !gs_str_eq(group_of(d.target_version), group_of(w->api_version))))
        return 0;
    memcpy(f->autoscaler, d.name, sizeof f->autoscaler);
    f->keda = f->keda || d.keda.n > 0 || gs_streq(o.kind, "ScaledObject");
    f->hpa_min = d.min;
    f->hpa_max = d.max;
    memcpy(version, d.version, sizeof d.version);
    return 0;
}

typedef struct replicaset {
    char uid[GS_UID_LEN];
    gs_str owners;
    int wanted, there;
} replicaset;

static const gs_json_field replicaset_metadata[] = {
    {GS_FIELD_STRING(replicaset, "uid", uid), .required = true},
    {GS_FIELD_RAW(replicaset, "ownerReferences", owners)},
    {0},
};

static const gs_json_field replicaset_spec[] = {
    {GS_FIELD_INT(replicaset, "replicas", wanted, 0, INT32_MAX)},
    {0},
};

static const gs_json_field replicaset_status[] = {
    {GS_FIELD_INT(replicaset, "replicas", there, 0, INT32_MAX)},
    {0},
};

static const gs_json_field replicaset_root[] = {
    {GS_FIELD_INLINE(replicaset, "metadata", replicaset_metadata), .required = true},
    {GS_FIELD_INLINE(replicaset, "spec", replicaset_spec)},
    {GS_FIELD_INLINE(replicaset, "status", replicaset_status)},
    {0},
};

int gs_replicaset_from_json(gs_str object, gs_owned *ret, gs_error *err)
{
    replicaset d = {0};
    owner o = {0};
    int e = gs_json_map_decode_str(object, replicaset_root, &d, GS_UNKNOWN_IGNORE, "", err);
    if (e == 0)
        e = read_owners(d.owners, &o, err);
    if (e < 0)
        return e;
    *ret = (gs_owned){.replicas = d.wanted > d.there ? d.wanted : d.there};
    memcpy(ret->uid, d.uid, sizeof ret->uid);
    memcpy(ret->owner_uid, o.uid, sizeof ret->owner_uid);
    return 0;
}

typedef struct pod {
    gs_pod_seen seen;
    char template_hash[GS_REVISION_LEN], controller_hash[GS_REVISION_LEN], phase[32];
    gs_str deleted, owners, cost, node, conditions;
} pod;

static const gs_json_field pod_labels[] = {
    {GS_FIELD_STRING(pod, "pod-template-hash", template_hash)},
    {GS_FIELD_STRING(pod, "controller-revision-hash", controller_hash)},
    {0},
};

static const gs_json_field pod_annotations[] = {
    {GS_FIELD_RAW(pod, GS_DELETION_COST_KEY, cost)},
    {0},
};

static const gs_json_field pod_metadata[] = {
    {GS_FIELD_STRING(pod, "name", seen.facts.name), .required = true},
    {GS_FIELD_STRING(pod, "uid", seen.facts.uid), .required = true},
    {GS_FIELD_STRING(pod, "resourceVersion", seen.version), .required = true},
    {GS_FIELD_RAW(pod, "deletionTimestamp", deleted)},
    {GS_FIELD_RAW(pod, "ownerReferences", owners)},
    {GS_FIELD_INLINE(pod, "labels", pod_labels)},
    {GS_FIELD_INLINE(pod, "annotations", pod_annotations)},
    {0},
};

static const gs_json_field pod_spec[] = {
    {GS_FIELD_RAW(pod, "nodeName", node)},
    {0},
};

static const gs_json_field pod_status[] = {
    {GS_FIELD_STRING(pod, "phase", phase)},
    {GS_FIELD_RAW(pod, "conditions", conditions)},
    {0},
};

static const gs_json_field pod_root[] = {
    {GS_FIELD_INLINE(pod, "metadata", pod_metadata), .required = true},
    {GS_FIELD_INLINE(pod, "spec", pod_spec)},
    {GS_FIELD_INLINE(pod, "status", pod_status)},
    {0},
};

typedef struct condition {
    gs_str type, status, since; /* raw: people add types of any length */
} condition;

static const gs_json_field condition_fields[] = {
    {GS_FIELD_RAW(condition, "type", type)},
    {GS_FIELD_RAW(condition, "status", status)},
    {GS_FIELD_RAW(condition, "lastTransitionTime", since)},
    {0},
};

/* The inside of a raw string; empty for anything else. */
static gs_str inside(gs_str raw)
{
    bool quoted = raw.n > 2 && raw.p[0] == '"';
    return quoted ? (gs_str){raw.p + 1, raw.n - 2} : (gs_str){0};
}

static int read_condition(void *ctx, void *item, gs_error *err)
{
    const condition *d = item;
    gs_pod_facts *f = ctx;
    (void)err;
    if (!gs_str_is(inside(d->type), "Ready"))
        return 0;
    f->ready = gs_str_is(inside(d->status), "True");
    if (!f->ready || !gs_time_parse(inside(d->since), &f->ready_ms))
        f->ready_ms = 0;
    return 0;
}

static const gs_json_list condition_list = {
    .path = "status.conditions", .table = condition_fields, .size = sizeof(condition), .each = read_condition};

/* What is no number counts as 0, as it does for the ReplicaSet's controller. */
static void read_cost(gs_str raw, gs_pod_facts *f)
{
    int64_t cost = 0;
    f->has_cost = raw.n > 0 && !gs_str_is(raw, "null");
    if (f->has_cost && gs_str_i64(inside(raw), &cost) && cost >= INT32_MIN && cost <= INT32_MAX)
        f->cost = (int)cost;
}

int gs_pod_facts_from_json(gs_str object, gs_pod_seen *ret, gs_error *err)
{
    pod d = {0};
    owner o = {0};
    condition c;
    int e = gs_json_map_decode_str(object, pod_root, &d, GS_UNKNOWN_IGNORE, "", err);
    if (e == 0)
        e = read_owners(d.owners, &o, err);
    if (e == 0)
        e = gs_json_map_each(d.conditions, &condition_list, GS_UNKNOWN_IGNORE, &c, &d.seen.facts, err);
    if (e < 0)
        return e;
    gs_pod_facts *f = &d.seen.facts;
    memcpy(f->revision, d.template_hash[0] ? d.template_hash : d.controller_hash, sizeof f->revision);
    memcpy(d.seen.owner_uid, o.uid, sizeof d.seen.owner_uid);
    read_cost(d.cost, f);
    f->assigned = inside(d.node).n > 0;
    f->running = gs_streq(d.phase, "Running");
    f->terminating = d.deleted.n > 0 && !gs_str_is(d.deleted, "null");
    d.seen.finished = gs_streq(d.phase, "Succeeded") || gs_streq(d.phase, "Failed");
    *ret = d.seen;
    return 0;
}
