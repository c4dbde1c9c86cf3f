/* Where the lines of the audit log go: a file that is only appended to, or stdout. A file that was renamed away (logrotate)
 * is opened anew under its name. Loop thread only; a write blocks until the disk has it. */
#ifndef GS_EDGE_AUDIT_FILE_H
#define GS_EDGE_AUDIT_FILE_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

typedef struct gs_audit_file gs_audit_file;

/* "-" is stdout. The file is made where it is not there, for its owner to write and its group to read. -GS_TERMINAL says why
 * it cannot be. */
int gs_audit_file_open(const char *path, gs_audit_file **ret, gs_error *err);

/* n lines, without '\n', each by one write(2), then one fsync(2). Where it fails (-GS_TRANSIENT) no line is there in part;
 * the first ones may be there in whole: the caller writes all of them again. */
int gs_audit_file_write(gs_audit_file *f, char *const *lines, size_t n, gs_error *err);

void gs_audit_file_free(gs_audit_file *f);
GS_DEFINE_CLEANUP(gs_audit_file *, gs_audit_file_free)

#endif
