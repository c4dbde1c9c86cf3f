/* What client and server have in common; for the files of both only. */
#ifndef GS_IO_HTTP_TLS_H
#define GS_IO_HTTP_TLS_H

/* No Diffie-Hellman over finite fields: the other side chooses among them, and 8192 bits take 100 times as long as these. */
#define GS_HTTP_TLS_GROUPS "X25519:P-256:P-384:P-521"

#endif
