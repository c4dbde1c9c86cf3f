#include "edge/zoneinfo.h"

#include "base/buf.h"
#include "base/map.h"
#include "codec/tzif.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIX "must be an IANA name such as \"Europe/Berlin\""

static gs_map *zones; /* name -> gs_zone, of all that were asked for and are there */

static void free_zone(void *z)
{
    gs_zone_free(z);
}

/* Letters, digits, '_', '+', '-' and single slashes within: no way out of the directory. */
static bool is_name(const char *s)
{
    char before = '/';
    for (; *s; before = *s++) {
        bool word = (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9');
        if (!word && !strchr("_+-", *s) && !(*s == '/' && before != '/'))
            return false;
    }
    return before != '/';
}

static int read_all(int fd, gs_buf *ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        errno = errno ? errno : EISDIR;
        return -1;
    }
    for (;;) {
        char *p = gs_buf_reserve(ret, 4096);
        if (!p) {
            errno = EFBIG;
            return -1;
        }
        ssize_t n = read(fd, p, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        ret->n += (size_t)n;
    }
}

static int load(const char *name, gs_zone **ret, gs_error *err)
{
    const char *set = getenv("ZONEINFO"), *dir = set && set[0] ? set : "/usr/share/zoneinfo";
    char path[4096];
    gs_cleanup(gs_buf_done) gs_buf bytes = GS_BUF(GS_MAX_TZIF_BYTES + 4096);
    if (access(dir, F_OK) < 0)
        return gs_error_set(err, GS_TERMINAL,
                            "%s: time zones are not installed (%.200s is missing): install the package tzdata, or set "
                            "ZONEINFO to their directory; \"UTC\" needs none",
                            name, dir);
    if (!is_name(name) || snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return gs_error_set(err, GS_TERMINAL, FIX ", got \"%s\"", name);
    errno = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int rc = fd < 0 ? -1 : read_all(fd, &bytes), why = errno;
    if (fd >= 0)
        (void)close(fd);
    if (rc < 0 && (why == ENOENT || why == ENOTDIR || why == EISDIR))
        return gs_error_set(err, GS_TERMINAL, FIX ", got \"%s\", which %.200s does not have", name, dir);
    if (rc < 0)
        return gs_error_set(err, GS_TERMINAL, "%.200s cannot be read: %s", path, strerror(why));
    if (gs_zone_from_tzif(gs_buf_str(&bytes), name, ret, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "%.200s", path);
    return 0;
}

static int find(const char *name, const gs_zone **ret, gs_error *err)
{
    gs_zone *z = NULL;
    if (gs_streq(name, "UTC") || !name[0]) {
        *ret = NULL;
        return 0;
    }
    if (!zones)
        zones = gs_map_new(free_zone);
    if (!(z = gs_map_get(zones, name))) {
        if (load(name, &z, err) < 0)
            return -GS_TERMINAL;
        gs_map_put(zones, name, z);
    }
    *ret = z;
    return 0;
}

int gs_zoneinfo_attach(gs_policy *p, gs_error *err)
{
    for (size_t i = 0; i < p->n_windows; i++)
        if (find(p->windows[i].time_zone, &p->windows[i].zone, err) < 0)
            return gs_error_wrap(err, GS_TERMINAL, "spec.healing.windows[%zu].timeZone", i);
    return 0;
}

void gs_zoneinfo_free(void)
{
    gs_map_free(zones);
    zones = NULL;
}
