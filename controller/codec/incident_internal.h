/* Words that the writer and the reader of incidents share. */
#ifndef GS_CODEC_INCIDENT_INTERNAL_H
#define GS_CODEC_INCIDENT_INTERNAL_H

#include "core/incident.h"

#define GS_PATTERN_LABEL "gostat.dev/pattern"
#define GS_REASON_SITE_GROWS "SiteGrows"

/* status.gradeReasons: the rule that raised suspicion, in one word. */
const char *gs_rule_reason(unsigned rule);

#endif
