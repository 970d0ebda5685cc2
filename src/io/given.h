/* Listening sockets that the process was started with, or got from elsewhere. */
#ifndef NARU_IO_GIVEN_H
#define NARU_IO_GIVEN_H

#include <naru/base.h>

/* The descriptor that an address names: "fd:N", or of systemd's the first that was not taken yet: "systemd:" any,
 * "systemd:NAME" one of that FileDescriptorName.
 * errors    NARU_MORE: another kind of address. NARU_ERR_ARGUMENT: not a number. NARU_ERR_SYSTEM: there is none. */
NARU_MUST_USE naru_status naru__given_socket(const char *address, int *fd_out);

#endif
