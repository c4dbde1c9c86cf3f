/* A Kubernetes client: authentication, requests, errors, retries. Read this header first.
 *
 * A gs_kube has one connection pool for ordinary requests and one for watches. Requests beyond `max_in_flight` wait in
 * the order they came. Loop thread only. Objects go in and out as JSON bytes: decoding is the caller's.
 *
 * Tokens are read again, and exec plugins run again, when they are due or the API server says 401: requests wait meanwhile.
 *
 * Starting a call never fails: what goes wrong comes through `done`, which is called exactly once, on the loop thread
 * and never from within the starting function, unless the call is cancelled or the client is freed first.
 *
 * Retries (kube/retry.h decides): 429, 5xx and connection errors after Retry-After or 0.8..30 s with jitter. Reads are
 * retried until opts.deadline_ms; writes only on 429 with Retry-After or where the request never left (connection
 * refused), since anything else may have been done: read the object again and decide. */
#ifndef GS_KUBE_CLIENT_H
#define GS_KUBE_CLIENT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"
#include "kube/config.h"

typedef struct gs_kube gs_kube;
typedef struct gs_kube_call gs_kube_call;

typedef struct gs_kube_options {
    const char *user_agent;    /* NULL: "gostat/<version>" of io/http.h */
    const char *field_manager; /* NULL: the server takes the user agent's first word */
    unsigned max_in_flight;    /* 0: 16; watches do not count */
    size_t max_queued;         /* waiting requests; 0: 10,000; beyond: GS_NO_MEMORY */
    const gs_clock *clock;     /* copied; NULL: the system's */
    /* Each HTTP exchange: code 0 where there was no answer. `resource` as "pods" or "deployments/scale"; for a watch it
     * is called when the watch ends. May be NULL. */
    void (*on_request)(void *ctx, const char *verb, const char *resource, int code, int64_t elapsed_ms);
    void *ctx;
} gs_kube_options;

/* The configuration is copied. */
int gs_kube_new(gs_loop *l, const gs_kube_config *c, const gs_kube_options *o, gs_kube **ret, gs_error *err);
/* Drops all calls without calling back. Not from within a callback of this client; free informers and such first. */
void gs_kube_free(gs_kube *k);
GS_DEFINE_CLEANUP(gs_kube *, gs_kube_free)

/* A kind of object. Usually a constant; it must outlive every call, informer and such that names it. */
typedef struct gs_kube_resource {
    const char *group; /* "" for core */
    const char *version;
    const char *resource; /* plural, lower case: "pods" */
    bool namespaced;
} gs_kube_resource;

/* An object or a collection; percent-encoded here. Strings are copied by the call. */
typedef struct gs_kube_path {
    const gs_kube_resource *resource;
    const char *ns;   /* NULL: all namespaces (collections), or not namespaced */
    const char *name; /* NULL: the collection */
    const char
        *sub; /* "status", "scale", "eviction"; "proxy/metrics": the path that the proxied one is asked; or NULL */
} gs_kube_path;

typedef struct gs_kube_reply {
    gs_error err; /* kind GS_OK on success; status is the HTTP code, message that of the API server, cut */
    gs_str body;  /* the object on success; lives until done returns */
    char
        reason[64]; /* the API server's word for a failure: "AlreadyExists", "Conflict", "NotFound", "Expired"; or "" */
    int64_t retry_after_ms; /* when the API server wants to be asked again, -1: it did not say */
    bool budget;            /* of an eviction that failed: a PodDisruptionBudget does not allow it now */
} gs_kube_reply;
typedef void (*gs_kube_done)(void *ctx, const gs_kube_reply *reply);

/* NULL as options: all defaults. */
typedef struct gs_kube_opts {
    int64_t timeout_ms;  /* of one attempt; 0: 30 s */
    int64_t deadline_ms; /* of all attempts and waits together; 0: 60 s; below 0: one attempt only */
    bool dry_run;        /* the API server checks a write and forgets it */
} gs_kube_opts;

gs_kube_call *gs_kube_get(gs_kube *k, const gs_kube_path *p, const gs_kube_opts *o, gs_kube_done done, void *ctx);
/* POST; p->name is NULL unless p->sub is set ("eviction"). */
gs_kube_call *gs_kube_create(gs_kube *k, const gs_kube_path *p, gs_str object, const gs_kube_opts *o, gs_kube_done done,
                             void *ctx);
/* JSON merge patch. With metadata.resourceVersion in it the server refuses (GS_CONFLICT) where the object has
 * changed. */
gs_kube_call *gs_kube_patch(gs_kube *k, const gs_kube_path *p, gs_str patch, const gs_kube_opts *o, gs_kube_done done,
                            void *ctx);
/* PUT; the same precondition by metadata.resourceVersion. */
gs_kube_call *gs_kube_replace(gs_kube *k, const gs_kube_path *p, gs_str object, const gs_kube_opts *o,
                              gs_kube_done done, void *ctx);
/* uid, resource_version: preconditions, each may be NULL. Background propagation. */
gs_kube_call *gs_kube_delete(gs_kube *k, const gs_kube_path *p, const char *uid, const char *resource_version,
                             const gs_kube_opts *o, gs_kube_done done, void *ctx);
/* policy/v1 Eviction of the pod p names (sub is not set); uid: precondition, may be NULL. One attempt only, whatever the
 * options say: where a budget refuses (reply->budget), or the API server has too much to do (429 without it), the caller
 * has to look at the pod again first. */
gs_kube_call *gs_kube_evict(gs_kube *k, const gs_kube_path *p, const char *uid, const gs_kube_opts *o,
                            gs_kube_done done, void *ctx);
/* The resources of one group and version, as APIResourceList; r->resource is not looked at. Private to discovery.c. */
gs_kube_call *gs_kube_get_group(gs_kube *k, const gs_kube_resource *r, const gs_kube_opts *o, gs_kube_done done,
                                void *ctx);
/* Ends the call, done will not be called. NULL is fine. From any callback, until done was entered. */
void gs_kube_cancel(gs_kube_call *c);

/* For list.c, informer.c and what is proxied: a GET whose body is handed on as it arrives. One attempt, no retries (but a 401 reads the
 * token again and asks once more, before any data). */
typedef struct gs_kube_stream {
    gs_kube_path path;
    const char *query;       /* "limit=500&…", already encoded; or NULL */
    const char *verb;        /* for on_request: "LIST", "GET" or "WATCH" (which uses the pool for watches) */
    int64_t timeout_ms;      /* 0: none */
    int64_t idle_timeout_ms; /* 0: none */
    size_t max_bytes;        /* of the whole body */
    int (*on_data)(void *ctx, const char *p, size_t n, gs_error *err); /* non-zero ends the call with *err */
    gs_kube_done done;                                                 /* reply->body is empty on success */
    void *ctx;
} gs_kube_stream;
gs_kube_call *gs_kube_stream_start(gs_kube *k, const gs_kube_stream *s);

typedef struct gs_kube_stats {
    size_t in_flight, queued, watches;
    uint64_t requests, retries, token_reads;
} gs_kube_stats;
gs_kube_stats gs_kube_get_stats(const gs_kube *k);

const gs_clock *gs_kube_clock(const gs_kube *k);
gs_loop *gs_kube_loop(const gs_kube *k);

#endif
