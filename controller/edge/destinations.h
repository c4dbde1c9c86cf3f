/* Where a policy may have the controller connect to. Its owner may write any host: what the operator allows is checked on the
 * name, before anything is resolved, and again on the address that the socket is about to connect to, which alone is sure of
 * DNS. Loop thread only. */
#ifndef GS_EDGE_DESTINATIONS_H
#define GS_EDGE_DESTINATIONS_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

struct sockaddr;
typedef struct gs_destinations gs_destinations;

enum gs_destination { GS_DESTINATION_S3, GS_DESTINATION_WEBHOOK, GS_DESTINATION_ALERTMANAGER };
#define GS_DESTINATIONS 3

typedef struct gs_patterns {
    const char *const *v;
    size_t n;
} gs_patterns;

typedef struct gs_destination_flags {
    /* Of each kind: "s3.example.com", "s3.example.com:9000", "*.example.com" (its subdomains, at any depth), "192.0.2.1",
     * "[fd00::1]:9000". Without a port: any. None: any public address. */
    gs_patterns allow[GS_DESTINATIONS];
    /* Networks within 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7, 127/8 and ::1, which are refused otherwise. */
    gs_patterns private;
} gs_destination_flags;

/* An error names the flag and what it must be. */
int gs_destinations_new(const gs_destination_flags *f, gs_destinations **ret, gs_error *err);
void gs_destinations_free(gs_destinations *d);
GS_DEFINE_CLEANUP(gs_destinations *, gs_destinations_free)

/* A name and an address of the API server: no policy leads there. Where it may share the address with what is
 * allowed (loopback, an address that --allow-private has as such, with its whole length) only its port is refused. Again with the same: nothing happens. */
void gs_destinations_add_api(gs_destinations *d, const char *name, const struct sockaddr *addr, unsigned port);

/* Whether this URL's host may be asked at all: http or https, without user, a host in its plain spelling that a pattern allows.
 * An address in it is judged too. GS_REFUSED; the error names the host, never the rest of the URL (it may hold a key), and
 * the flag. */
int gs_destinations_name_allowed(const gs_destinations *d, enum gs_destination kind, gs_str url, gs_error *err);
/* To be asked with the address of the socket; never allows what GS_ADDR_NEVER holds. */
bool gs_destinations_addr_allowed(const gs_destinations *d, const struct sockaddr *addr);

#endif
