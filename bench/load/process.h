/* Time, and what the server process has used of the machine. */
#ifndef NARU_BENCH_PROCESS_H
#define NARU_BENCH_PROCESS_H

#include <stdint.h>

uint64_t process_now_ns(void);
uint64_t process_own_cpu_ns(void);
uint64_t process_cpu_ns(int pid); /* of all threads, on the CPU; 0 where pid is 0 */
uint64_t process_rss_bytes(int pid);

#endif
