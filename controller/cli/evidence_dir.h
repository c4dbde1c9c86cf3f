/* The engine's evidence store as files in a directory: DIR/local/<workload>/<incident>/<time>-<pod>-goroutine.pb.gz and
 * .json beside it, as the keys in S3 are. A file appears under its name only when all of it is on the disk and was
 * read back with the right SHA-256; the metadata comes last. What is taken from a process is written as it arrives, and
 * never held whole. Loop thread only. */
#ifndef GS_CLI_EVIDENCE_DIR_H
#define GS_CLI_EVIDENCE_DIR_H

#include "edge/scraper.h"
#include "engine/ports.h"
#include "io/workers.h"

typedef struct gs_evidence_dir gs_evidence_dir;

/* Makes the directory where it is missing (its parent must exist), and tries whether files can be made in it.
 * The workers must outlive the store. */
int gs_evidence_dir_new(const char *path, gs_workers *w, gs_evidence_dir **ret, gs_error *err);
/* What is being written is finished by its worker, and not answered; what is being taken is dropped. Before
 * gs_engine_free and gs_scraper_free. */
void gs_evidence_dir_free(gs_evidence_dir *d);
GS_DEFINE_CLEANUP(gs_evidence_dir *, gs_evidence_dir_free)

/* d NULL: evidence is not wanted at all. The scraper must outlive d. */
gs_evidence_store gs_evidence_dir_port(gs_evidence_dir *d, gs_scraper *s);

#endif
