/* Every cap of the project, with its reason. Bytes unless the name says otherwise. */
#ifndef GS_BASE_LIMITS_H
#define GS_BASE_LIMITS_H

/* What pods send. */
#define GS_MAX_METRICS_BYTES (8u << 20)       /* a /metrics page; usual ones have 5 to 100 KB */
#define GS_MAX_METRICS_LINE (64u << 10)       /* one line of it */
#define GS_MAX_PROFILE_WIRE_BYTES (32u << 20) /* a goroutine profile as sent (gzip); 70,000 goroutines: some 100 KB */
#define GS_MAX_PROFILE_BYTES (128u << 20)     /* the same unpacked */
#define GS_MAX_PROFILE_SITES 4096             /* different sites kept from one profile, the largest first */
#define GS_MAX_PROFILE_STACKS (1u << 14)      /* different stacks of one profile; more are counted, not looked at */
#define GS_MAX_PROFILE_ENTRIES (1u << 21)     /* strings, functions, locations or lines of one profile */
#define GS_MAX_FRAMES 128                     /* frames of one stack that are looked at */
#define GS_MAX_LABELS 16                      /* pprof labels kept for a site */
#define GS_MAX_NAME 512                       /* a function name or file, cut beyond */

/* What the API server and the object store send. */
#define GS_MAX_OBJECT_BYTES (3u << 20)       /* one object; etcd refuses more than 1.5 MB */
#define GS_MAX_REPLY_BYTES (4u << 20)        /* a reply to GET, CREATE, PATCH */
#define GS_MAX_SECRET_VALUE (256u << 10)     /* one value of a Secret: a key, a token, CAs */
#define GS_MAX_STORE_REPLY_BYTES (64u << 10) /* an S3 reply: XML errors */
#define GS_MAX_HEADER_BYTES (64u << 10)      /* all headers of a reply */
#define GS_LIST_PAGE 500                     /* objects in a LIST page */

/* Files. */
#define GS_MAX_YAML_BYTES (1u << 20)
#define GS_MAX_NESTING 64             /* JSON, YAML and protobuf */
#define GS_MAX_FILE_BYTES (16u << 20) /* certificates, kubeconfigs, tokens */

/* What the engine keeps. */
#define GS_MAX_GROUP 64 /* targets that are sampled together */
#define GS_MAX_POLICIES 2000
#define GS_MAX_TARGETS 100000   /* pods, over all policies */
#define GS_MAX_INCIDENT_PODS 20 /* the worst pods listed in an incident */
#define GS_MAX_INCIDENT_PATTERNS 10
#define GS_MAX_INCIDENT_EVIDENCE 10
#define GS_MAX_INCIDENT_ACTIONS 20
#define GS_MAX_KEY_FRAMES 8
#define GS_MAX_SITE_SERIES 1000 /* gostat_site_* series on our own /metrics */
#define GS_MAX_WORKLOAD_SERIES 5000
#define GS_MAX_PENDING_EVIDENCE_BYTES (64u << 20) /* dumps waiting for S3, over all incidents */

#endif
