/* Packets that carry descriptors between processes of one user. */
#ifndef NARU_IO_DESCRIPTORS_H
#define NARU_IO_DESCRIPTORS_H

#include <naru/base.h>

enum { NARU__DESCRIPTORS_MAX = 32, NARU__DESCRIPTORS_BYTES_MAX = 8192 };

typedef struct naru__packet {
    uint8_t bytes[NARU__DESCRIPTORS_BYTES_MAX];
    size_t size;
    int fds[NARU__DESCRIPTORS_MAX]; /* a receiver's own, close-on-exec */
    size_t fds_count;
} naru__packet;

/* errors    NARU_ERR_CLOSED: it did not go whole. */
NARU_MUST_USE naru_status naru__packet_send(int fd, const naru__packet *packet);
/* errors    NARU_MORE: none is there, or none came in time. NARU_ERR_CLOSED: none will come. NARU_ERR_TOO_BIG: it was
 * cut, and its descriptors are closed. */
NARU_MUST_USE naru_status naru__packet_receive(int fd, naru__packet *packet_out);
/* Is the process at the other end of a Unix socket of our own effective user? */
bool naru__peer_is_same_user(int fd);

#endif
