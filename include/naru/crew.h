/* <naru/crew.h>: one server over several threads. Each thread has a loop and a server of its own, made by the same
 * set-up, and shares nothing with the others: a connection stays on its thread for life.
 *
 * Source: socket(7), SO_REUSEPORT. */
#ifndef NARU_CREW_H
#define NARU_CREW_H

#include <naru/server.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_crew naru_crew;

/* 0 and NULL mean the default that is named. */
typedef struct naru_crew_options {
    uint32_t threads;                  /* one for each CPU that this process may use; at most 1024 */
    const naru_loop_options *loop;     /* of each loop; its log is called by all threads. The defaults */
    const naru_server_options *server; /* of each server, whose limits count for each thread. The defaults */
    /* Routes and all else that one thread's server needs. Called in naru_crew_new, for one thread after the other; what
     * it puts into *thread_user is naru_crew_user. Anything but NARU_OK ends naru_crew_new with it. */
    naru_status (*set_up)(naru_server *server, uint32_t thread, void *user, void **thread_user);
    /* The thread's server has stopped and is about to be freed: called on its thread, for whomever set_up was. */
    void (*tear_down)(naru_server *server, uint32_t thread, void *user, void *thread_user);
    void *user;
    /* Thread 0 accepts for all and gives each connection to the thread that has fewest, which costs a wake-up a
     * connection. Otherwise each thread has a listening socket and the kernel chooses by a hash: free of cost, and even
     * over thousands, while of 16 connections to 4 threads one thread may get none and another 11 (as measured).
     * Addresses of which there can be only one socket (unix:, fd:, systemd:) are dealt out in any case. */
    bool deal;
    bool pin; /* thread N stays on the Nth of the CPUs that this process may use */
} naru_crew_options;

/* Make the loops and the servers. options NULL: the defaults, and no routes.
 * errors    NARU_ERR_ARGUMENT, NARU_ERR_MEMORY, NARU_ERR_SYSTEM: the kernel refuses a loop; or what set_up answered. */
NARU_API NARU_MUST_USE naru_status naru_crew_new(const naru_crew_options *options, naru_crew **crew_out);
/* Accept connections at an address, as naru_server_listen; reuse_port is chosen here. Before naru_crew_run. */
NARU_API NARU_MUST_USE naru_status naru_crew_listen(naru_crew *crew, const char *address,
                                                    const naru_listen_options *options, char *bound_out);
/* Run until naru_crew_stop is through. The calling thread becomes thread 0; the others are started, with the signals
 * blocked that it has blocked, so call naru_loop_signal on loop 0 before. Once.
 * errors    NARU_ERR_SYSTEM: a thread cannot be started, or a loop cannot wait. NARU_ERR_STATE: it has run. */
NARU_API NARU_MUST_USE naru_status naru_crew_run(naru_crew *crew);
/* Stop every server (naru_server_stop_with, each with these options; NULL: the defaults), then naru_crew_run returns.
 * Asked twice before it has begun, the last one counts.
 * errors    none: all that it needs is there since naru_crew_new. thread: any, while the crew lives. */
NARU_API naru_status naru_crew_stop(naru_crew *crew, const naru_stop_options *options);
/* Have counted(counts, user) called with the sums over all servers, on one of the crew's threads, or here where none
 * runs. errors NARU_ERR_MEMORY: it will not be called. thread: any, while the crew lives. */
NARU_API naru_status naru_crew_count(naru_crew *crew, void (*counted)(const naru_server_counts *counts, void *user),
                                     void *user);
/* Not while it runs. What has not run is freed without a word. NULL is fine. */
NARU_API void naru_crew_free(naru_crew *crew);

NARU_API uint32_t naru_crew_threads(const naru_crew *crew);
/* Of one thread, for that thread alone once it runs; to be posted to by anyone. The server is NULL when it has
 * ended. */
NARU_API naru_loop *naru_crew_loop(const naru_crew *crew, uint32_t thread);
NARU_API naru_server *naru_crew_server(const naru_crew *crew, uint32_t thread);
NARU_API void *naru_crew_user(const naru_crew *crew, uint32_t thread);

#ifdef __cplusplus
}
#endif
#endif
