#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_LINE_MAX 8192

static enum gs_log_level log_level = GS_LOG_INFO;
static bool log_json;

void gs_log_setup(enum gs_log_level level, bool json)
{
    log_level = level;
    log_json = json;
}

bool gs_log_on(enum gs_log_level level)
{
    return level <= log_level;
}

/* What a peer sent may end up in a message: control characters must not forge lines or drive a terminal. */
static void add_quoted(gs_buf *b, const char *s)
{
    (void)gs_buf_adds(b, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            (void)gs_buf_addf(b, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            (void)gs_buf_addf(b, "\\u%04x", c);
        else
            (void)gs_buf_add(b, s, 1);
    }
    (void)gs_buf_adds(b, "\"");
}

void gs_log(enum gs_log_level level, const char *msg, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if (level > log_level)
        return;
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(LOG_LINE_MAX);
    char now[GS_TIME_LEN];
    gs_clock clock = gs_clock_system();
    gs_time_format_micro(gs_wall(&clock), now);
    if (log_json) {
        (void)gs_buf_addf(&b, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", now, names[level]);
        add_quoted(&b, msg);
    } else {
        (void)gs_buf_addf(&b, "%s %-5s ", now, names[level]);
        add_quoted(&b, msg);
    }
    va_list ap;
    va_start(ap, msg);
    for (const char *key; (key = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        if (!value)
            value = "";
        if (b.n + strlen(value) * 6 + strlen(key) + 16 > LOG_LINE_MAX)
            continue; /* a line stays whole: a pair that does not fit is left out */
        (void)gs_buf_addf(&b, log_json ? ",\"%s\":" : " %s=", key);
        add_quoted(&b, value);
    }
    va_end(ap);
    (void)gs_buf_adds(&b, log_json ? "}\n" : "\n");
    if (b.n && write(STDERR_FILENO, b.p, b.n) < 0)
        return; /* nobody is left to tell */
}
