/* What `gostat analyze` tells: the patterns of some profiles, put together and ranked. Pure functions; any thread.
 *
 * Sites are summed by id over all inputs. Sites that clustering put together in any input are one pattern; its primary
 * site, the one with the most goroutines, gives it id, names and frames. A report borrows its inputs' strings. */
#ifndef GS_CLI_REPORT_H
#define GS_CLI_REPORT_H

#include "base/buf.h"
#include "cli/output.h"
#include "cli/profile_file.h"
#include "core/score.h"
#include "wire/json_write.h"

/* Why a pattern counts as found: bits. */
enum gs_found {
    GS_FOUND_RISK = 1 << 0,    /* risk High, and at least GS_CLUSTER_MIN_WEIGHT goroutines */
    GS_FOUND_BLOCKED = 1 << 1, /* detection.blocked's default: that many blocked at one site of one input */
    GS_FOUND_LEAKED = 1 << 2,  /* named by the runtime's leak profile, and not just a daemon in select {} */
};

typedef struct gs_site_sum {
    const gs_site *site; /* as in the input that has most goroutines of it */
    uint64_t count;      /* over all inputs */
} gs_site_sum;

typedef struct gs_report_pattern {
    const gs_site *primary;
    uint64_t count;
    enum gs_state state; /* of the sites with most goroutines */
    double score;        /* mean over its goroutines, 0..1 */
    enum gs_risk risk;
    unsigned found;                     /* of enum gs_found */
    const char *created_by;             /* "": not known */
    gs_label_set labels[GS_LABEL_SETS]; /* the largest first; counts are at least that, a site keeps its largest only */
    size_t n_labels;
    bool has_wait; /* minutes; p50 is the median of its sites' medians, each weighed with its goroutines */
    uint32_t wait_min, wait_p50, wait_max;
    const gs_site_sum *sites; /* the largest first: the primary, and those alike */
    size_t n_sites;
} gs_report_pattern;

typedef struct gs_package_sum {
    gs_str package; /* import path of the leaf functions */
    uint64_t count;
} gs_package_sum;

typedef struct gs_report {
    const gs_profile_file *inputs; /* the caller's */
    size_t n_inputs;
    uint64_t goroutines;         /* those at sites that were cut too */
    uint64_t cut;                /* goroutines at such sites: in no pattern */
    bool truncated;              /* some input is */
    uint64_t blocked_from;       /* goroutines at one site: from so many on it is GS_FOUND_BLOCKED */
    unsigned found;              /* of all patterns */
    gs_report_pattern *patterns; /* by score times count, the largest first, then by count, then by id */
    size_t n_patterns;
    gs_package_sum *packages; /* the largest first */
    size_t n_packages;
    gs_site_sum *sites; /* those of all patterns */
} gs_report;

/* detection.blocked's default, goroutines. */
uint64_t gs_report_blocked_from(void);

/* The inputs must outlive the report. */
void gs_report_make(const gs_profile_file *inputs, size_t n, gs_report *ret);
void gs_report_done(gs_report *r);
GS_DEFINE_CLEANUP_VALUE(gs_report, gs_report_done)

/* How the report looks. top: so many patterns and packages at most; 0: all. */
int gs_report_json(const gs_report *r, size_t top, gs_buf *out, gs_error *err); /* gostat.dev/report/v1, one line */
void gs_report_text(const gs_report *r, size_t top, gs_output *out);
void gs_report_html(const gs_report *r, size_t top, gs_output *out); /* one page that needs nothing from elsewhere */

/* For people: "the runtime reports it as leaked; risk High". Returns ret. */
#define GS_FOUND_TEXT_LEN 128
const char *gs_report_found_text(const gs_report *r, unsigned found, char ret[GS_FOUND_TEXT_LEN]);
/* "17 goroutines in chan send, waiting 2 to 31 min, half of them at least 14 min", of what is known. Returns ret. */
#define GS_WAITING_TEXT_LEN 160
const char *gs_report_waiting_text(const gs_report_pattern *p, char ret[GS_WAITING_TEXT_LEN]);

#define GS_REPORT_SITES_SHOWN 6    /* of a pattern, to people: the primary and five alike */
#define GS_REPORT_PIECE (1u << 20) /* bytes: one pattern for people; its names, frames and labels are capped */

/* How many of n are shown. */
static inline size_t gs_report_shown(size_t n, size_t top)
{
    return top && top < n ? top : n;
}

/* What analyze and diff tell of an input: an object under key, or in an array (key NULL). */
void gs_profile_file_json(gs_json_writer *w, const char *key, const gs_profile_file *f);

#endif
