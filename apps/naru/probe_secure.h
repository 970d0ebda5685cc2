/* TLS below a raw connection of naru probe. */
#ifndef NARU_APP_PROBE_SECURE_H
#define NARU_APP_PROBE_SECURE_H

#include <sys/types.h>

#include "probe_peer.h"

/* What a handshake may ask for beside the usual. */
typedef struct probe_secure_way {
    int version_max;  /* as OpenSSL numbers them; 0: any */
    const char *alpn; /* each with its length before it; NULL: http/1.1 */
} probe_secure_way;

/* Make target->secure. ca_file NULL: the system's authorities. false: reason says why. */
bool probe_secure_open(probe_target *target, const char *ca_file, bool insecure, char *reason, size_t reason_bytes);
void probe_secure_close(probe_target *target);
/* The handshake on a connection that is there. way NULL: the usual. false: target->secure_failure says why. */
bool probe_secure_begin(probe_peer *peer, const probe_secure_way *way, uint64_t deadline_ms);
/* As recv and send, with EAGAIN; recv sets peer->notified on a close_notify. */
ssize_t probe_secure_recv(probe_peer *peer, void *at, size_t bytes);
ssize_t probe_secure_send(probe_peer *peer, const void *at, size_t bytes);
/* Is there something that poll does not know of? */
bool probe_secure_pending(const probe_peer *peer);
void probe_secure_end(probe_peer *peer);

#endif
