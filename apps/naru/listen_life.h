/* What keeps a server of the command line going: its certificate read again, its memory bounded, and its sockets handed
 * from one process to the next. */
#ifndef NARU_APP_LISTEN_LIFE_H
#define NARU_APP_LISTEN_LIFE_H

#include "listen.h"

typedef struct listen_life {
    const listen_settings *settings;
    const char *who;
    naru_tls *tls;
    naru_budget *budget;
    naru_succession *succession;
} listen_life;

/* Answers OPTIONS_RUN, or the exit status after one line on stderr; listen_life_close in any case. Meets the process
 * that serves now. */
int listen_life_open(listen_life *life, const cli_command *command, const listen_settings *settings, const char *who);
void listen_life_fill(const listen_life *life, naru_loop_options *loop, naru_server_options *server,
                      naru_listen_options *listen);
/* All addresses are listened on: be whom the next process meets, and hear SIGHUP. on_succeeded(user): it has come. */
NARU_MUST_USE naru_status listen_life_begin(listen_life *life, naru_loop *loop, void (*on_succeeded)(void *user),
                                            void *user);
/* How to stop. succeeded: another process serves now. */
naru_stop_options listen_life_stop(const listen_life *life, uint32_t deadline_ms, bool succeeded);
/* Leave the line, before the loop is freed and after the servers are. */
void listen_life_leave(listen_life *life);
/* After the loops. */
void listen_life_close(listen_life *life);

#endif
