/* When healing is allowed: cron schedules in IANA time zones. Deny beats allow; without an Allow window it is always
 * allowed. Plain values and pure functions.
 *
 * A schedule has five fields, as crontab(5) has them: minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC,
 * day of week 0-7 (0 and 7 are Sunday) or SUN-SAT; each a list of "*", "n", "n-m", with an optional "/step" ("n/step" goes on
 * to the end). Where both days are restricted, either will do. A window opens at each local time that matches, and lasts for
 * its duration in real time. DST: a local time that does not exist opens the window at the first instant after the gap; one
 * that exists twice opens it at the first of the two. */
#ifndef GS_CORE_WINDOW_H
#define GS_CORE_WINDOW_H

#include "base/err.h"
#include "core/zone.h"

#define GS_MAX_WINDOWS 8
#define GS_SCHEDULE_LEN 101
#define GS_ZONE_LEN 65

typedef struct gs_cron {
    uint64_t minutes;          /* bit n: minute n */
    uint32_t hours;            /* bit n: hour n */
    uint32_t days;             /* bits 1..31 */
    uint16_t months;           /* bits 1..12 */
    uint8_t weekdays;          /* bits 0..6, Sunday first */
    bool any_day, any_weekday; /* the field is "*" */
} gs_cron;

/* -GS_TERMINAL: err says which field is wrong and what is expected; a schedule that no date ever matches ("0 0 30 2 *")
 * is refused too. */
int gs_cron_parse(gs_str text, gs_cron *ret, gs_error *err);

typedef struct gs_window {
    char name[64];
    bool deny; /* effect Deny, else Allow */
    char schedule[GS_SCHEDULE_LEN];
    gs_cron cron;                /* of schedule */
    int duration_min;            /* 1..10080: a week */
    char time_zone[GS_ZONE_LEN]; /* "Asia/Shanghai"; "UTC" by default */
    const gs_zone *zone;         /* NULL: UTC. Not owned; lives as long as the process */
} gs_window;

/* Whether the window is open at wall_ms (Unix, milliseconds), and when that changes next: the end of the current
 * opening, overlapping ones joined, or the next opening; INT64_MAX where it does not change within four years. */
bool gs_window_open(const gs_window *w, int64_t wall_ms, int64_t *ret_until_ms);

/* Over all windows of a policy. *ret_window: the one that stands in the way (a Deny that is open, or the Allow that opens
 * next); NULL where healing is allowed. *ret_until_ms: when to ask again. */
bool gs_windows_allow(const gs_window *v, size_t n, int64_t wall_ms, const gs_window **ret_window,
                      int64_t *ret_until_ms);

#endif
