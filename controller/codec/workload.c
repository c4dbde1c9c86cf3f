#include "codec/workload.h"

#include "wire/json_map.h"

enum gs_workload_kind gs_workload_kind_of(const char *api_version, const char *kind)
{
    static const char *const kinds[] = {[GS_WORKLOAD_DEPLOYMENT] = "Deployment",
                                        [GS_WORKLOAD_STATEFULSET] = "StatefulSet",
                                        [GS_WORKLOAD_DAEMONSET] = "DaemonSet",
                                        [GS_WORKLOAD_REPLICASET] = "ReplicaSet"};
    for (size_t k = 1; gs_streq(api_version, "apps/v1") && k < GS_LEN(kinds); k++)
        if (gs_streq(kind, kinds[k]))
            return (enum gs_workload_kind)k;
    return GS_WORKLOAD_OTHER;
}

/* Of all kinds together: what a kind does not have is absent. */
typedef struct workload {
    char uid[GS_UID_LEN], version[GS_VERSION_LEN];
    int64_t generation;
    int replicas, partition;
    bool paused;
    char strategy[32];
    gs_str selector, restarted_at; /* raw */
    gs_str status_selector;        /* raw: of a Scale a string */
    int64_t observed;
    int there, updated, available;                   /* status.replicas and so on */
    int desired, scheduled, renewed, available_on;   /* of a DaemonSet, in nodes */
    char old[GS_OBJECT_LEN], renewal[GS_OBJECT_LEN]; /* revisions of a StatefulSet */
} workload;

static const gs_json_field metadata[] = {
    {GS_FIELD_STRING(workload, "uid", uid)},
    {GS_FIELD_STRING(workload, "resourceVersion", version), .required = true},
    {GS_FIELD_INT(workload, "generation", generation, 0, INT64_MAX)},
    {0},
};

static const gs_json_field annotations[] = {
    {GS_FIELD_RAW(workload, GS_RESTARTED_AT_KEY, restarted_at)},
    {0},
};

static const gs_json_field template_metadata[] = {
    {GS_FIELD_INLINE(workload, "annotations", annotations)},
    {0},
};

static const gs_json_field template[] = {
    {GS_FIELD_INLINE(workload, "metadata", template_metadata)},
    {0},
};

static const gs_json_field rolling_update[] = {
    {GS_FIELD_INT(workload, "partition", partition, 0, INT32_MAX)},
    {0},
};

static const gs_json_field update_strategy[] = {
    {GS_FIELD_STRING(workload, "type", strategy)},
    {GS_FIELD_INLINE(workload, "rollingUpdate", rolling_update)},
    {0},
};

static const gs_json_field spec[] = {
    {GS_FIELD_INT(workload, "replicas", replicas, 0, INT32_MAX)},
    {GS_FIELD_BOOL(workload, "paused", paused)},
    {GS_FIELD_RAW(workload, "selector", selector)},
    {GS_FIELD_INLINE(workload, "template", template)},
    {GS_FIELD_INLINE(workload, "updateStrategy", update_strategy)},
    {0},
};

static const gs_json_field status[] = {
    {GS_FIELD_INT(workload, "observedGeneration", observed, 0, INT64_MAX)},
    {GS_FIELD_INT(workload, "replicas", there, 0, INT32_MAX)},
    {GS_FIELD_INT(workload, "updatedReplicas", updated, 0, INT32_MAX)},
    {GS_FIELD_INT(workload, "availableReplicas", available, 0, INT32_MAX)},
    {GS_FIELD_INT(workload, "desiredNumberScheduled", desired, 0, INT32_MAX)},
    {GS_FIELD_INT(workload, "currentNumberScheduled", scheduled, 0, INT32_MAX)},
    {GS_FIELD_INT(workload, "updatedNumberScheduled", renewed, 0, INT32_MAX)},
    {GS_FIELD_INT(workload, "numberAvailable", available_on, 0, INT32_MAX)},
    {GS_FIELD_STRING(workload, "currentRevision", old)},
    {GS_FIELD_STRING(workload, "updateRevision", renewal)},
    {GS_FIELD_RAW(workload, "selector", status_selector)},
    {0},
};

static const gs_json_field root[] = {
    {GS_FIELD_INLINE(workload, "metadata", metadata), .required = true},
    {GS_FIELD_INLINE(workload, "spec", spec)},
    {GS_FIELD_INLINE(workload, "status", status)},
    {0},
};

static bool older_pods(const workload *d, enum gs_workload_kind kind)
{
    switch (kind) {
    case GS_WORKLOAD_DEPLOYMENT:
        return d->updated < d->there;
    case GS_WORKLOAD_STATEFULSET:
        return !gs_streq(d->strategy, "OnDelete") && !gs_streq(d->old, d->renewal) &&
               d->updated < d->there - d->partition;
    case GS_WORKLOAD_DAEMONSET:
        return !gs_streq(d->strategy, "OnDelete") && d->renewed < d->scheduled;
    default:
        return false;
    }
}

/* A text that anybody may have written: cut, not refused. */
static void cut(gs_str raw, char *dst, size_t cap)
{
    gs_json_cursor c;
    gs_json_cursor_init(&c, raw);
    dst[0] = 0;
    if (raw.n && !gs_json_is_null(&c))
        (void)gs_json_read_string_cut(&c, dst, cap);
}

static int read_selector(const workload *d, enum gs_workload_kind kind, char *dst, gs_error *err)
{
    gs_json_cursor c;
    if (kind != GS_WORKLOAD_SCALE)
        return gs_label_selector_text(d->selector, dst, GS_LABEL_SELECTOR_LEN, err);
    if (!d->status_selector.n || gs_str_is(d->status_selector, "null"))
        return 0;
    gs_json_cursor_init(&c, d->status_selector);
    if (!gs_json_read_string(&c, dst, GS_LABEL_SELECTOR_LEN))
        return gs_error_set(err, GS_TERMINAL, "status.selector: must be a string of at most %d bytes",
                            GS_LABEL_SELECTOR_LEN - 1);
    return 0;
}

int gs_workload_from_json(gs_str object, enum gs_workload_kind kind, gs_workload_facts *f, gs_workload_meta *m,
                          gs_error *err)
{
    workload d = {0};
    gs_workload_meta meta = {0};
    int e = gs_json_map_decode_str(object, root, &d, GS_UNKNOWN_IGNORE, "", err);
    if (e == 0)
        e = read_selector(&d, kind, meta.selector, err);
    if (e < 0)
        return e;
    memcpy(meta.uid, d.uid, sizeof meta.uid);
    memcpy(meta.version, d.version, sizeof meta.version);
    meta.observed = kind == GS_WORKLOAD_SCALE || d.observed >= d.generation;
    bool daemons = kind == GS_WORKLOAD_DAEMONSET, scale = kind == GS_WORKLOAD_SCALE;
    bool rolls = (daemons || kind == GS_WORKLOAD_DEPLOYMENT || kind == GS_WORKLOAD_STATEFULSET) &&
                 !gs_streq(d.strategy, "OnDelete");
    *f = (gs_workload_facts){.scalable = kind != GS_WORKLOAD_OTHER && !daemons,
                             .can_replace = kind == GS_WORKLOAD_DEPLOYMENT,
                             .can_restart = rolls,
                             .replicas = daemons ? d.desired : d.replicas,
                             .available = scale     ? -1
                                          : daemons ? d.available_on
                                                    : d.available,
                             .paused = d.paused,
                             .rolling = !meta.observed || older_pods(&d, kind)};
    cut(d.restarted_at, f->restarted_at, sizeof f->restarted_at);
    *m = meta;
    return 0;
}
