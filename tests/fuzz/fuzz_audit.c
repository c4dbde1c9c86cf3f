/* Audit logs as they may have become: no line is lost in counting, findings are told where they are, and what was read is
 * whole where it is read again: all of its good lines are repeated ones then. */
#include "codec/audit.h"
#include "fuzz.h"

#include <string.h>

typedef struct seen {
    uint64_t n, line;
    const char *file;
} seen;

static void on_found(void *ctx, const gs_audit_finding *f)
{
    seen *s = ctx;
    FUZZ_CHECK(f->what[0] && strlen(f->what) < sizeof f->what);
    FUZZ_CHECK(strcmp(f->file, s->file) == 0 && f->line == s->line);
    s->n++;
}

/* Lines get memory of their own, so that ASan sees a byte too many. */
static uint64_t feed(gs_audit_check *c, seen *s, const char *name, const char *p, size_t n)
{
    uint64_t lines = 0;
    s->file = name;
    gs_audit_check_file(c, name);
    while (n) {
        const char *end = memchr(p, '\n', n);
        size_t len = end ? (size_t)(end - p) : n;
        char *exact = malloc(len ? len : 1);
        FUZZ_CHECK(exact);
        memcpy(exact, p, len);
        s->line = ++lines;
        gs_audit_check_line(c, (gs_str){exact, len});
        free(exact);
        p += len + (end != NULL);
        n -= len + (end != NULL);
    }
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    seen s = {0};
    gs_audit_totals t;
    gs_audit_check *c = gs_audit_check_new(on_found, &s);
    uint64_t lines = feed(c, &s, "first", (const char *)data, size), once = s.n;
    lines += feed(c, &s, "second", (const char *)data, size);
    s.file = "--head";
    s.line = 0;
    gs_audit_check_head(c, "sha256:00");
    gs_audit_check_end(c, &t);
    FUZZ_CHECK(t.lines == lines && t.findings == s.n && t.open <= t.chains && t.chains <= lines);
    if (once == 0)
        FUZZ_CHECK(t.findings == 1 && t.repeated >= lines / 2);
    return 0;
}
