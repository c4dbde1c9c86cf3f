/* Workloads, autoscalers, ReplicaSets and pods: each decoder gets every input; texts end, numbers are in range, and a
 * selector never holds more than a LIST may be asked with. */
#include "base/cleanup.h"
#include "codec/workload.h"
#include "fuzz.h"

#define ENDS(text) FUZZ_CHECK(memchr(text, 0, sizeof text))

static void workload(gs_str object, enum gs_workload_kind kind)
{
    gs_workload_facts f = {0};
    gs_workload_meta m;
    gs_error err = {0};
    int r = gs_workload_from_json(object, kind, &f, &m, &err);
    FUZZ_CHECK((r == 0) == (err.msg[0] == 0));
    if (r < 0)
        return;
    ENDS(m.uid);
    ENDS(m.version);
    ENDS(m.selector);
    ENDS(f.restarted_at);
    FUZZ_CHECK(f.replicas >= 0 && f.available >= -1 && !f.gone && !f.pods && !f.n_pods);
    FUZZ_CHECK(m.observed || f.rolling);
    FUZZ_CHECK(f.scalable || !f.can_replace);
}

static void pod(gs_str object)
{
    gs_pod_seen p;
    if (gs_pod_facts_from_json(object, &p, NULL) < 0)
        return;
    ENDS(p.facts.name);
    ENDS(p.facts.uid);
    ENDS(p.facts.revision);
    ENDS(p.owner_uid);
    ENDS(p.version);
    FUZZ_CHECK(p.facts.ready || !p.facts.ready_ms);
    FUZZ_CHECK(p.facts.has_cost || !p.facts.cost);
    FUZZ_CHECK(!(p.finished && p.facts.running));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_str object = {(const char *)data, size};
    static const gs_workload_ref w = {.api_version = "apps/v1", .kind = "Deployment", .name = "web"};
    gs_workload_facts f = {0};
    gs_owned owned;
    char version[GS_VERSION_LEN] = "", selector[64];
    for (int kind = GS_WORKLOAD_OTHER; kind <= GS_WORKLOAD_SCALE; kind++)
        workload(object, (enum gs_workload_kind)kind);
    if (gs_autoscaler_from_json(object, &w, &f, version, NULL) == 0) {
        ENDS(f.autoscaler);
        ENDS(version);
        FUZZ_CHECK(f.autoscaler[0] || !f.keda);
        FUZZ_CHECK(f.hpa_min >= 0 && f.hpa_max >= 0);
    }
    if (gs_replicaset_from_json(object, &owned, NULL) == 0) {
        ENDS(owned.uid);
        ENDS(owned.owner_uid);
        FUZZ_CHECK(owned.replicas >= 0);
    }
    pod(object);
    if (gs_label_selector_text(object, selector, sizeof selector, NULL) == 0)
        ENDS(selector);
    return 0;
}
