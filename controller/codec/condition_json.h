/* metav1.Condition lists. */
#ifndef GS_CODEC_CONDITION_JSON_H
#define GS_CODEC_CONDITION_JSON_H

#include "core/condition.h"
#include "wire/json_cursor.h"
#include "wire/json_write.h"

/* Those that have a type and a status. */
void gs_conditions_write(gs_json_writer *w, const char *key, const gs_condition *v, size_t n);
/* The list at the cursor, into those of v[0..n) that are free or have the same type; more of them are left out. */
void gs_conditions_read(gs_json_cursor *c, gs_condition *v, size_t n);

/* A time, null for 0. */
void gs_time_write(gs_json_writer *w, const char *key, int64_t wall_ms);
/* The time at the cursor, null being 0; anything else makes the cursor fail. */
bool gs_time_read(gs_json_cursor *c, int64_t *ret_wall_ms);

#endif
