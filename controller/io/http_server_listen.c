#include "io/http_server_internal.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "host:port", ":port", "[v6]:port" -> host ("" for all) and port. */
static int split_address(const char *address, char host[256], const char **ret_port, gs_error *err)
{
    const char *colon = strrchr(address, ':');
    gs_str h = {address, colon ? (size_t)(colon - address) : 0};
    uint64_t port;
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = (gs_str){h.p + 1, h.n - 2};
    else if (memchr(h.p, ':', h.n))
        colon = NULL; /* an IPv6 address without brackets: where does the port begin? */
    if (!colon || !gs_str_u64(gs_str_of(colon + 1), &port) || port > 65535 || !gs_str_copy(host, 256, h))
        return gs_error_set(err, GS_TERMINAL,
                            "listen address \"%s\": want HOST:PORT, :PORT or [IPV6]:PORT, like 127.0.0.1:8080",
                            address);
    *ret_port = colon + 1;
    return 0;
}

static int open_listener(const struct addrinfo *a)
{
    int on = 1, off = 0;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 64) == 0)
        return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

int gs_http_listen(const char *address, int *ret_port, gs_error *err)
{
    char host[256], bound[NI_MAXSERV];
    const char *port = NULL;
    int rc = split_address(address, host, &port, err);
    if (rc)
        return rc;
    struct addrinfo *all = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int gai = getaddrinfo(host[0] ? host : NULL, port, &hints, &all);
    if (gai)
        return gs_error_set(err, GS_TERMINAL, "listen address \"%s\": %s", address, gai_strerror(gai));
    /* For all addresses IPv6 first: its socket takes IPv4, too. Where there is no IPv6, the IPv4 entry works. */
    int fd = -1;
    for (int pass = 0; pass < 2 && fd < 0; pass++)
        for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
            if ((a->ai_family == AF_INET6) == (pass == (host[0] ? 1 : 0)))
                fd = open_listener(a);
    int why = errno;
    freeaddrinfo(all);
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
        getnameinfo((struct sockaddr *)&ss, len, NULL, 0, bound, sizeof bound, NI_NUMERICSERV)) {
        if (fd >= 0)
            (void)close(fd);
        return gs_error_set(err, why == EADDRINUSE ? GS_CONFLICT : GS_TERMINAL, "listen on %s: %s", address,
                            strerror(why));
    }
    uint64_t n = 0;
    (void)gs_str_u64(gs_str_of(bound), &n);
    *ret_port = (int)n;
    return fd;
}
