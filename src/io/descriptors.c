/* Descriptors sent from process to process over a Unix socket of packets. Not for: what they mean.
 * Source: unix(7), cmsg(3). */
#include "descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union control {
    struct cmsghdr head; /* for its alignment */
    uint8_t bytes[CMSG_SPACE(NARU__DESCRIPTORS_MAX * sizeof(int))];
} control;

naru_status naru__packet_send(int fd, const naru__packet *packet)
{
    control with;
    struct iovec bytes = {(void *)(uintptr_t)packet->bytes, packet->size};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    size_t fds_bytes = packet->fds_count * sizeof(int);
    memset(&with, 0, sizeof with);
    if (packet->fds_count > 0) {
        message.msg_control = &with;
        message.msg_controllen = CMSG_SPACE(fds_bytes);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(fds_bytes);
        memcpy(CMSG_DATA(head), packet->fds, fds_bytes);
    }
    ssize_t sent = -1;
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)packet->size ? NARU_OK : NARU_ERR_CLOSED;
}

static void take_fds(struct msghdr *message, naru__packet *packet)
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
            size_t bytes = head->cmsg_len - CMSG_LEN(0);
            memcpy(packet->fds + packet->fds_count, CMSG_DATA(head), bytes);
            packet->fds_count += bytes / sizeof(int);
        }
    }
}

naru_status naru__packet_receive(int fd, naru__packet *packet_out)
{
    control with;
    struct iovec bytes = {packet_out->bytes, sizeof packet_out->bytes};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &with, .msg_controllen = sizeof with};
    ssize_t got = -1;
    packet_out->fds_count = 0;
    do {
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN ? NARU_MORE : NARU_ERR_CLOSED;
    }
    packet_out->size = (size_t)got;
    take_fds(&message, packet_out);
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t i = 0; i < packet_out->fds_count; i++) {
            close(packet_out->fds[i]);
        }
        packet_out->fds_count = 0;
        return NARU_ERR_TOO_BIG;
    }
    return got > 0 ? NARU_OK : NARU_ERR_CLOSED;
}

bool naru__peer_is_same_user(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}
