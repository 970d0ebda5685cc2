/* What every floor program begins with: a listening socket on a free port of the loopback, announced on stdout. */
#ifndef NARU_BENCH_LISTEN_H
#define NARU_BENCH_LISTEN_H

#include <stddef.h>

int listen_anywhere(void); /* not blocking; ends the process if it cannot */
_Noreturn void listen_die(const char *what);
/* A decimal argument, or the end of the process. */
size_t listen_number(const char *text);

#endif
