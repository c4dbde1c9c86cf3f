/* Every cap of the project, with its reason. Bytes unless the name says otherwise. */
#ifndef GS_BASE_LIMITS_H
#define GS_BASE_LIMITS_H

/* What pods send. */
#define GS_MAX_METRICS_BYTES (8u << 20)       /* a /metrics page; usual ones have 5 to 100 KB */
#define GS_MAX_METRICS_LINE (64u << 10)       /* one line of it */
#define GS_MAX_PROFILE_WIRE_BYTES (32u << 20) /* a goroutine profile as sent (gzip); 70,000 goroutines: some 100 KB */
#define GS_MAX_PROFILE_BYTES (128u << 20)     /* the same unpacked */
#define GS_MAX_DUMP_BYTES (16u << 20)         /* a full dump, not packed; 5,000 goroutines: some 5 MB */
#define GS_MAX_HEAP_BYTES (64u << 20)     /* a heap profile as sent; usual ones have under 1 MB. Streamed, not held */
#define GS_MAX_CPU_BYTES (32u << 20)      /* a CPU profile as sent; 10 minutes of 64 busy cores: some 10 MB */
#define GS_MAX_TRACE_BYTES (256u << 20)   /* a runtime trace; a busy program makes 1 to 20 MB a second */
#define GS_MAX_PROFILE_SITES 4096         /* different sites kept from one profile, the largest first */
#define GS_MAX_PROFILE_STACKS (1u << 14)  /* different stacks of one profile; more are counted, not looked at */
#define GS_MAX_PROFILE_ENTRIES (1u << 21) /* strings, functions, locations or lines of one profile */
#define GS_MAX_FRAMES 128                 /* frames of one stack that are looked at */
#define GS_MAX_LABELS 16                  /* pprof labels kept for a site */
#define GS_MAX_NAME 512                   /* a function name or file, cut beyond */

/* What the API server and the object store send. */
#define GS_MAX_OBJECT_BYTES (3u << 20)   /* one object; etcd refuses more than 1.5 MB */
#define GS_MAX_REPLY_BYTES (4u << 20)    /* a reply to GET, CREATE, PATCH */
#define GS_MAX_SECRET_VALUE (256u << 10) /* one value of a Secret: a key, a token, CAs */
#define GS_MAX_PEM_BYTES (16u << 10) /* certificates for pods: read for each connection, 2 ms; 256 KB would take 50 */
#define GS_MAX_STORE_REPLY_BYTES (64u << 10) /* an S3 reply: XML errors */
#define GS_MAX_STORE_PAGE_BYTES (4u << 20)   /* a page of an S3 listing: 500 keys, each of up to 3 KB escaped */
#define GS_MAX_RETENTION_SNAPSHOTS 50000     /* looked at in one run, 300 bytes each; more are for the next runs */
#define GS_MAX_STORE_PAGES 2000              /* of one listing, a million keys: a store may answer for ever */
#define GS_MAX_HEADER_BYTES (64u << 10)      /* all headers of a reply */
#define GS_LIST_PAGE 500                     /* objects in a LIST page */

/* Files. */
#define GS_MAX_YAML_BYTES (1u << 20)
#define GS_MAX_NESTING 64               /* JSON, YAML and protobuf */
#define GS_MAX_FILE_BYTES (16u << 20)   /* certificates, kubeconfigs, tokens */
#define GS_MAX_REPORT_INPUTS 1000       /* profiles that one `gostat analyze` puts together; each is held decoded */
#define GS_MAX_REPORT_BYTES (64u << 20) /* a report as JSON */

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
#define GS_MAX_PENDING_EVIDENCE_BYTES (64u << 20) /* dumps waiting for S3, over all policies; of one, a quarter */

/* What `gostat backtest` reads. */
#define GS_MAX_CSV_LINE (16u << 10)    /* one record of a CSV file */
#define GS_MAX_CSV_COLUMNS 256         /* the exports of some tools have a column for each metric */
#define GS_MAX_SERIES_LINES 100000000u /* a month of 5 s samples of 190 pods; half a minute of CPU */
#define GS_MAX_SERIES_DAYS 400         /* from the first sample to the last: a year, and the weeks around it */
#define GS_MAX_SERIES_PODS 10000       /* different pods of one workload */
#define GS_MAX_BACKTEST_PROFILES 1000  /* --profile files: one every 5 s for over an hour */
#define GS_MAX_BACKTEST_PROFILE_BYTES (256u << 20) /* all of them, which are kept as they are */
#define GS_MAX_MATRIX_BYTES (32u << 20)            /* one answer of a Prometheus server, unpacked */
#define GS_MAX_MATRIX_VALUES (4u << 20)            /* values of one such answer, pods times points, known or not */
#define GS_MAX_RANGE_POINTS 11000                  /* points of one series in one answer: Prometheus' own limit */
#define GS_MAX_RANGE_REQUESTS 100                  /* for one query: more points make the step longer */
#define GS_MAX_QUERY 4096                          /* a PromQL expression; it becomes part of a URL */

/* What is kept of one goroutine profile while it is read, beside its sites and stacks. */
#define GS_MAX_PROFILE_FUNCTIONS (1u << 16)  /* different functions; a large program's stacks have some thousands */
#define GS_MAX_PROFILE_LABEL_SETS (1u << 13) /* combinations of labels; more are not told apart */
#define GS_MAX_PROFILE_WAITS (1u << 15)      /* different minutes, over all sites; more are left out of the median */
#define GS_MAX_PROFILE_GOROUTINES (1u << 21) /* goroutine ids; twice what fits into the 64 MiB where Go cuts a dump */
#define GS_MAX_DUMP_BLOCK (1u << 20)         /* one goroutine of a dump: 100 frames of at most 1 KB each, and noise */
#define GS_MAX_DUMP_PREFACE (4u << 20)       /* log lines before the first goroutine of a crash */

/* What is sent to people and to other services. */
#define GS_MAX_NOTICE_BYTES (1u << 20) /* the body of one notice; a webhook's holds all patterns of an incident */
#define GS_MAX_NOTICE_URL 8192         /* a presigned link: a key of 1 KB and a session token, escaped */
#define GS_MAX_NOTICE_REPLY_BYTES (16u << 10) /* what a destination answers; only WeCom's number is read */

/* What `gostat audit verify` reads, and what waits to be written to the audit log. */
#define GS_MAX_AUDIT_CHAINS 100000    /* policies; each has a chain of its own */
#define GS_MAX_AUDIT_LINES (1u << 24) /* lines of which the digest is kept, over all chains: 640 MB */
#define GS_MAX_AUDIT_WAITING 4096     /* lines of one policy while its status or its S3 cannot be written: 8 MB */

/* What `gostat policy lint` tells. */
#define GS_MAX_LINT_FINDINGS 1000     /* of one file; nobody reads more at once */
#define GS_MAX_LINT_BYTES (64u << 20) /* all of them as JSON */

/* What an exec plugin of the user's kubeconfig writes. */
#define GS_MAX_EXEC_BYTES (256u << 10) /* an ExecCredential: a token of some KB, or a certificate chain and its key */
#define GS_MAX_EXEC_LOG (16u << 10)    /* its stderr, of which one line is told */

/* Who reads our own /metrics. */
#define GS_MAX_REVIEWED_TOKENS 256 /* of which the API server's answer is kept: a few scrapers, and who tries */

/* What the API server allows the controller itself. */
#define GS_MAX_RIGHTS_KNOWN 4096 /* answers kept: six for each namespace that has incidents */

#endif
