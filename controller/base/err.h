/* Errors: a kind to decide on, a message for people.
 *
 * A gs_error is a plain value of fixed size, owned by the caller, so that reporting never allocates.
 * Functions that can fail return 0, or the negative of a kind, and take `gs_error *err` last; err may be NULL.
 * Each layer adds its context in front: "list pods: connect to 10.0.0.1: timed out".
 * Any thread. */
#ifndef GS_BASE_ERR_H
#define GS_BASE_ERR_H

#include <stdbool.h>

enum gs_kind {
    GS_OK = 0,
    GS_TRANSIENT = 1, /* try again later: network, 429, 5xx */
    GS_TERMINAL = 2,  /* the same input will fail again: malformed, refused by validation */
    GS_CONFLICT = 3,  /* someone else changed the object: read it again (409) */
    GS_GONE = 4,      /* the resourceVersion is too old: list again (410) */
    GS_NOT_FOUND = 5, /* 404 */
    GS_REFUSED = 6,   /* not allowed: 401, 403, a policy of ours */
    GS_NO_MEMORY = 7, /* a cap of base/limits.h was reached */
    GS_CANCELLED = 8, /* we are shutting down or the caller withdrew */
};

typedef struct gs_error {
    enum gs_kind kind;
    int status; /* HTTP status, 0 where there was none */
    char msg[508];
} gs_error;

/* Sets *err (may be NULL) and returns -kind. */
int gs_error_set(gs_error *err, enum gs_kind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts context in front of an error already set; returns -err->kind, or -fallback where err is NULL. */
int gs_error_wrap(gs_error *err, enum gs_kind fallback, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The one place that decides on retries. */
bool gs_kind_retryable(enum gs_kind kind);
const char *gs_kind_name(enum gs_kind kind);

/* The kind of an HTTP status: GS_OK for 2xx. */
enum gs_kind gs_kind_of_status(int status);

#endif
