/* Structured logging to stderr: a message and key=value pairs, as text or as one JSON object a line.
 * Levels: error (someone must act), warn, info (a state changed), debug. Never log secrets or bodies of remote answers.
 * One process-wide logger, set up once in main; any thread may log (one write(2) a line). */
#ifndef GS_BASE_LOG_H
#define GS_BASE_LOG_H

#include <stdbool.h>

enum gs_log_level { GS_LOG_ERROR, GS_LOG_WARN, GS_LOG_INFO, GS_LOG_DEBUG };

void gs_log_setup(enum gs_log_level level, bool json);
bool gs_log_on(enum gs_log_level level);

/* Pairs of strings, ended by NULL: gs_log(GS_LOG_INFO, "incident opened", "policy", key, "leaf", fn, NULL); */
void gs_log(enum gs_log_level level, const char *msg, ...) __attribute__((sentinel));

#define gs_log_error(...) gs_log(GS_LOG_ERROR, __VA_ARGS__, NULL)
#define gs_log_warn(...) gs_log(GS_LOG_WARN, __VA_ARGS__, NULL)
#define gs_log_info(...) gs_log(GS_LOG_INFO, __VA_ARGS__, NULL)
#define gs_log_debug(...)                                                                                              \
    do {                                                                                                               \
        if (gs_log_on(GS_LOG_DEBUG))                                                                                   \
            gs_log(GS_LOG_DEBUG, __VA_ARGS__, NULL);                                                                   \
    } while (0)

#endif
