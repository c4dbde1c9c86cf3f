/* What the writer and the two readers of incidents share. */
#ifndef GS_CODEC_INCIDENT_INTERNAL_H
#define GS_CODEC_INCIDENT_INTERNAL_H

#include "core/incident.h"
#include "wire/json_cursor.h"

#define GS_PATTERN_LABEL "gostat.dev/pattern"
#define GS_SCORE_LEN 5 /* "0.82" and its end */

/* status.gradeReasons: the rule that raised suspicion, in one word. */
const char *gs_rule_reason(unsigned rule);

/* Into an object or array that may be null. */
bool gs_incident_enter(gs_json_cursor *c, bool object);
uint64_t gs_incident_read_count(gs_json_cursor *c);
/* The index of a word in an enum of n names; `otherwise` where it is none of them. */
int gs_incident_read_word(gs_json_cursor *c, const char *(*name)(int i), int n, int otherwise);
double gs_incident_read_score(gs_json_cursor *c); /* 0 where it is no score */

/* status.patterns, in incident_read_pattern.c. */
void gs_incident_read_patterns(gs_json_cursor *c, gs_incident *i);

#endif
