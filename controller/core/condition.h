/* metav1.Condition values. Owned by what they describe; plain values. */
#ifndef GS_CORE_CONDITION_H
#define GS_CORE_CONDITION_H

#include "base/str.h"

typedef struct gs_condition {
    char type[32];
    char status[8]; /* "True" "False" "Unknown"; "" while unset */
    char reason[48];
    char message[320];
    int64_t observed_generation;
    int64_t transition_ms; /* wall; moves only when the status changes */
} gs_condition;

/* Finds the condition of this type in v[0..n), or takes the first unset one; NULL where all are taken. */
gs_condition *gs_condition_slot(gs_condition *v, size_t n, const char *type);

/* Sets it; true where anything that a reader sees has changed. */
bool gs_condition_set(gs_condition *c, const char *status, const char *reason, const char *message, int64_t generation,
                      int64_t wall_ms);

#endif
