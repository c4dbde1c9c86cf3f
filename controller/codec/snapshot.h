/* Evidence: where it lies, and the metadata that lies beside it. */
#ifndef GS_CODEC_SNAPSHOT_H
#define GS_CODEC_SNAPSHOT_H

#include "core/incident.h"
#include "wire/json_write.h"

/* Whether the policy wants profiles of this kind kept. A full dump is kept where goroutine profiles are: whether one is
 * taken at all is up to fullDumpMaxGoroutines. */
bool gs_snapshot_wanted(const gs_policy *p, enum gs_profile_kind kind);

/* <prefix>/<namespace>/<workload>/<incident>/<20260101T000026Z>-<pod>-<kind>, the kind in lower case, without the
 * suffix (gs_snapshot_suffix, and ".json" for the metadata beside it).
 * All parts are Kubernetes names, or made of [A-Za-z0-9._-] by replacing everything else with '-'. */
void gs_snapshot_key(char *dst, size_t cap, const char *prefix, const gs_incident *i, const char *pod,
                     enum gs_profile_kind kind, int64_t wall_ms);
#define GS_SNAPSHOT_SUFFIX_MAX 8                                 /* of any of them, its end included */
const char *gs_snapshot_suffix(enum gs_profile_kind kind);       /* ".pb.gz", ".trace" or ".txt" */
const char *gs_snapshot_content_type(enum gs_profile_kind kind); /* as the store is told */

/* What is stored, but for key, digest and bytes. */
void gs_snapshot_evidence(gs_evidence *ret, const char *pod, enum gs_profile_kind kind, int64_t wall_ms);

/* {"schema":"gostat.dev/snapshot/v1", incident, workload, policy, pod, time, kind, sha256, bytes, goroutines, grade, patterns:[…], gostatVersion} */
void gs_snapshot_metadata(gs_json_writer *w, const gs_incident *i, const gs_evidence *e, uint64_t goroutines);

#endif
