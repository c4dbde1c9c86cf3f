/* A GostatIncident between core/incident and JSON. Pure functions; any thread. */
#ifndef GS_CODEC_INCIDENT_JSON_H
#define GS_CODEC_INCIDENT_JSON_H

#include "base/err.h"
#include "core/incident.h"
#include "wire/json_write.h"

#define GS_INCIDENT_KIND "GostatIncident"

/* metadata.name: the workload's name cut to 40 (no trailing '-' or '.'), '-', 10 hex digits of
 * sha256(kind '\n' name '\n' uid '\n' pattern id). */
void gs_incident_make_name(const gs_workload_ref *w, const char *pattern_id, char ret[GS_OBJECT_LEN]);

/* The object to create: apiVersion, kind, metadata (name, namespace, labels gostat.dev/workload-kind, workload-name, cut
 * to a label's length, workload-uid and pattern), spec. No status: it is a subresource. */
void gs_incident_object(gs_json_writer *w, const gs_incident *i);
/* {"status":{…}}: everything of the status, lists whole. What is not known is null, so that as a merge patch it removes
 * what an earlier occurrence has left. */
void gs_incident_status_patch(gs_json_writer *w, const gs_incident *i);
/* One pattern as in the status; also used for the lines of `watch -o json`. Without a key: gs_jw_key comes first. The
 * score is rounded to hundredths, and the risk is that of the rounded score. */
void gs_pattern_json(gs_json_writer *w, const gs_pattern *p);
/* Within an object: one action as in the status, all but its pods; and these, as "pods", which the status has only where
 * there are some. */
void gs_action_members(gs_json_writer *w, const gs_action *a);
void gs_action_pods(gs_json_writer *w, const gs_action *a);
/* An object of the API server, to go on with it after a restart. Peaks start at the recorded counts. What the object
 * does not say is 0: the pods' bases, and last_shown_ms, which the caller sets to now. Pods are given the revision of the
 * incident. */
int gs_incident_from_json(gs_str object, gs_incident **ret, gs_error *err);

#endif
