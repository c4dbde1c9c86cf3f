/* Many pods at little cost: answers every request on every one of N loopback addresses with the same /metrics page.
 *
 *   target N PORT FILE [PACKED]     listens on 127.1.0.0 + 1 … N, PORT; FILE is the page; PACKED, the same in gzip, goes
 *                                   to those who accept it
 *
 * Prints "ready"; for each line on its stdin prints how many requests it has answered so far. Ends with its stdin. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    exit(1);
}

struct reply {
    char *p;
    size_t n;
};

static struct reply make_reply(const char *path, bool gzip)
{
    static char page[4 << 20];
    char head[256];
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path);
    size_t n = fread(page, 1, sizeof page, f);
    (void)fclose(f);
    int h = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n%s"
                     "Content-Length: %zu\r\n\r\n",
                     gzip ? "Content-Encoding: gzip\r\n" : "", n);
    char *reply = malloc((size_t)h + n);
    if (!reply)
        die("malloc");
    memcpy(reply, head, (size_t)h);
    memcpy(reply + h, page, n);
    return (struct reply){reply, (size_t)h + n};
}

static void listen_on(int epoll, unsigned i, int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(0x7f010000u + i)};
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)(unsigned)fd << 1 | 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (void *)&at, sizeof at) || listen(fd, 16) || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
        die("listen");
}

static void accept_all(int epoll, int listener)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, 0)) >= 0) {
        struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)(unsigned)fd << 1};
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
            die("epoll_ctl");
    }
}

/* A request fits into one segment, so a read that ends with an empty line is one. */
static bool answer(int fd, const struct reply *plain, const struct reply *packed)
{
    char request[8192];
    ssize_t got = recv(fd, request, sizeof request - 1, 0);
    request[got > 0 ? got : 0] = 0;
    const struct reply *r = packed->p && strcasestr(request, "gzip") ? packed : plain;
    if (got < 4 || memcmp(request + got - 4, "\r\n\r\n", 4) != 0 ||
        send(fd, r->p, r->n, MSG_NOSIGNAL) != (ssize_t)r->n) {
        (void)close(fd);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        (void)fprintf(stderr, "usage: %s N PORT FILE [PACKED]\n", argv[0]);
        return 2;
    }
    struct rlimit files;
    unsigned long answered = 0;
    char line[64];
    struct reply plain = make_reply(argv[3], false), packed = {0};
    if (argc > 4)
        packed = make_reply(argv[4], true);
    int epoll = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)STDIN_FILENO << 1}, events[256];
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev))
        die("stdin");
    for (unsigned i = 1; i <= (unsigned)atoi(argv[1]); i++)
        listen_on(epoll, i, atoi(argv[2]));
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;) {
        int k = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < k; i++) {
            int fd = (int)(events[i].data.u64 >> 1);
            if (events[i].data.u64 & 1) {
                accept_all(epoll, fd);
            } else if (fd != STDIN_FILENO) {
                answered += answer(fd, &plain, &packed);
            } else if (!fgets(line, sizeof line, stdin)) {
                return 0;
            } else {
                (void)printf("%lu\n", answered);
                (void)fflush(stdout);
            }
        }
    }
}
