#include "base/cleanup.h"
#include "io/http_server_internal.h"

#include <string.h>
#include <strings.h>

/* One "Name: value". False where it is malformed, or given twice where it must not be. */
static bool header(char *line, gs_http_head *r)
{
    char *value = strchr(line, ':');
    if (!value || value == line || strcspn(line, " \t") < (size_t)(value - line))
        return false;
    *value++ = 0;
    value += strspn(value, " \t");
    if (strcasecmp(line, "Connection") == 0 && strcasestr(value, "close"))
        r->close = true;
    if (strcasecmp(line, "Transfer-Encoding") == 0 ||
        (strcasecmp(line, "Content-Length") == 0 && strcmp(value, "0") != 0))
        r->has_body = true;
    if (strcasecmp(line, "Authorization") == 0) {
        if (r->authorization[0]) /* which of two counts is not ours to guess */
            return false;
        r->authorization = value;
    }
    return true;
}

/* A line feed alone, which others take for the end of a line: what such a header says depends on who reads it. */
static bool has_bare_line_feed(const char *head)
{
    for (const char *p = head; (p = strchr(p, '\n')); p++)
        if (p == head || p[-1] != '\r')
            return true;
    return false;
}

int gs_http_head_parse(char *head, gs_http_head *ret)
{
    if (has_bare_line_feed(head))
        return 400;
    char *rest = head, *line = strsep(&rest, "\r");
    char *method = strsep(&line, " "), *path = strsep(&line, " ");
    if (!path || !line || !*method || *path != '/')
        return 400;
    if (strcmp(line, "HTTP/1.1") != 0 && strcmp(line, "HTTP/1.0") != 0)
        return strncmp(line, "HTTP/", 5) == 0 ? 505 : 400;
    path[strcspn(path, "?#")] = 0;
    gs_http_head r = {.method = method, .path = path, .authorization = "", .close = strcmp(line, "HTTP/1.0") == 0};
    while (rest && *rest == '\n') {
        rest++;
        line = strsep(&rest, "\r");
        if (!*line) {
            *ret = r;
            return rest && strcmp(rest, "\n") == 0 ? 0 : 400;
        }
        if (!header(line, &r))
            return 400;
    }
    return 400;
}
