/* Evidence: where it lies, and the metadata that lies beside it. */
#ifndef GS_CODEC_SNAPSHOT_H
#define GS_CODEC_SNAPSHOT_H

#include "core/incident.h"
#include "wire/json_write.h"

/* Whether the policy wants profiles of this kind kept. Dumps are looked at, not kept. */
bool gs_snapshot_wanted(const gs_policy *p, enum gs_profile_kind kind);

/* <prefix>/<namespace>/<workload>/<incident>/<20260101T000026Z>-<pod>-<kind>, the kind in lower case, without the
 * suffix (.pb.gz, .json).
 * All parts are Kubernetes names, or made of [A-Za-z0-9._-] by replacing everything else with '-'. */
void gs_snapshot_key(char *dst, size_t cap, const char *prefix, const gs_incident *i, const char *pod,
                     enum gs_profile_kind kind, int64_t wall_ms);

/* {"schema":"gostat.dev/snapshot/v1", incident, workload, policy, pod, time, kind, sha256, bytes, goroutines, grade, patterns:[…], gostatVersion} */
void gs_snapshot_metadata(gs_json_writer *w, const gs_incident *i, const gs_evidence *e, uint64_t goroutines);

#endif
