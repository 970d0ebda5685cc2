/* The parts of one `naru connect`, and what they may do to each other. */
#ifndef NARU_APP_CONNECT_SESSION_H
#define NARU_APP_CONNECT_SESSION_H

#include "connect.h"
#include "editor.h"
#include "input.h"
#include "output.h"

typedef struct connect_session {
    const connect_settings *settings;
    naru_loop *loop;
    naru_client *client;
    naru_timer *finish;
    output out;
    input in;
    editor *editor; /* a person types; else NULL */
    bool terminal;  /* stdout is one */
    bool person;    /* so is stdin */
    bool colours;
    bool open;    /* on_open has come, on_close has not */
    bool over;    /* on_close has come */
    bool paused;  /* stdout has enough for now */
    bool closing; /* we have asked for the end */
    bool reading; /* the pipe's reader was started */
    bool ended;   /* stdin has come to its end */
    uint16_t our_code;
    int status; /* the exit status, -1 until it is known; the first reason stays */
    uint64_t received;
    uint64_t records; /* from stdin */
    uint64_t buffered_bytes;
} connect_session;

void connect_decide(connect_session *session, int status);
void connect_close(connect_session *session, uint16_t code, naru_span reason);
void connect_close_as_told(connect_session *session); /* with --close-code and --close-reason */
/* Ours is the fault: say it, close, exit with EXIT_OWN. */
void connect_fail(connect_session *session, const char *format, ...) NARU_PRINTF(2, 3);

/* For the output's on_progress and the timer session->finish; user is the session. */
void connect_on_output(void *user);
void connect_on_finish(void *user);
extern const naru_client_handler connect_handler;

/* connect_input.c: stdin, once the connection is open. stop is harmless at any time. */
void connect_input_start(connect_session *session);
void connect_input_resume(connect_session *session);
void connect_input_stop(connect_session *session);
/* Was it the pong that the end of the input waits for? */
bool connect_input_pong(connect_session *session, naru_span data);
/* connect_send.c: one record of stdin, or one line that was typed, as a message. Answers as
 * input_handler.on_record. */
naru_status connect_send(connect_session *session, naru_span record);
/* connect_slash.c: a line that begins with a slash. */
void connect_slash(connect_session *session, naru_span line);
/* connect_show.c: what came in, and what happened. */
void connect_show_message(connect_session *session, naru_ws_kind kind, naru_span data);
void connect_notice(connect_session *session, const char *format, ...) NARU_PRINTF(2, 3);
/* connect_report.c: the opening and the failure in full. */
void connect_report_open(connect_session *session);
void connect_report_redirect(connect_session *session, const naru_client_hop *hop);
void connect_report_failure(connect_session *session, const naru_client_failure *failure);
void connect_report_close(connect_session *session, const naru_close_info *info);

#endif
