/* The parts of one `naru connect`, and what they may do to each other. */
#ifndef NARU_APP_CONNECT_SESSION_H
#define NARU_APP_CONNECT_SESSION_H

#include <regex.h>
#include <stdio.h>

#include <naru/reconnect.h>

#include "connect.h"
#include "editor.h"
#include "input.h"
#include "output.h"

/* connect_pings.c: pings of our own, and what their answers told. */
typedef struct connect_pings {
    naru_timer *timer;
    uint64_t sent;
    uint64_t answered;
    uint64_t total_ms;
    int32_t shortest_ms;
    int32_t longest_ms;
} connect_pings;

/* connect_retry.c: the connections, one after the other. */
typedef struct connect_retry {
    naru_reconnector *reconnector;
    bool again;         /* there was one before */
    int failure_status; /* exit status of the failure just told; -1: none was told */
    int status;         /* of the connection that ended last */
} connect_retry;

/* connect_replay.c: a record that is read instead of stdin. */
typedef struct connect_replay {
    FILE *file;
    naru_timer *timer;
    char *line;
    size_t line_capacity;
    uint64_t lines;
    uint64_t last_ms; /* of the record */
    bool begun;       /* last_ms is known */
    bool loaded;      /* kind and data wait for their time */
    bool paused;
    naru_ws_kind kind;
    naru_buf data;
} connect_replay;

typedef struct connect_session {
    const connect_settings *settings;
    const char *url;
    const connect_trust *trust;
    naru_loop *loop;
    naru_client *client; /* the newest that was open */
    naru_timer *finish;
    output out;
    input in;
    editor *editor; /* a person types; else NULL */
    bool terminal;  /* stdout is one */
    bool person;    /* so is stdin */
    bool colours;
    bool open;    /* on_open has come, on_close has not */
    bool over;    /* nothing will come any more */
    bool paused;  /* stdout has enough for now */
    bool closing; /* we have asked for the end */
    bool started; /* stdin, or what stands for it, is being read */
    bool reading; /* the pipe's reader was started */
    bool ended;   /* stdin has come to its end */
    uint16_t our_code;
    int status; /* the exit status, -1 until it is known; the first reason stays */
    uint64_t received;
    uint64_t records; /* from stdin */
    uint64_t buffered_bytes;
    size_t once_sent;
    connect_pings pings;
    connect_retry retry;
    connect_replay replay;
    FILE *record;
    uint64_t record_start_ms;
    bool record_started;
    regex_t pattern;
    bool has_pattern;
} connect_session;

void connect_decide(connect_session *session, int status);
void connect_close(connect_session *session, uint16_t code, naru_span reason);
void connect_close_as_told(connect_session *session); /* with --close-code and --close-reason */
/* Ours is the fault: say it, close, exit with EXIT_OWN. */
void connect_fail(connect_session *session, const char *format, ...) NARU_PRINTF(2, 3);
/* There is no connection, and there will be none: leave once stdout has everything. */
void connect_leave(connect_session *session);

/* For the output's on_progress and the timer session->finish; user is the session. */
void connect_on_output(void *user);
void connect_on_finish(void *user);
extern const naru_client_handler connect_handler;

/* connect_input.c: stdin, once the connection is open. stop is harmless at any time. */
void connect_input_start(connect_session *session);
void connect_input_resume(connect_session *session);
void connect_input_again(connect_session *session);
void connect_input_stop(connect_session *session);
void connect_input_end(void *user); /* all is sent; user is the session */
/* Was it the pong that the end of the input waits for? */
bool connect_input_pong(connect_session *session, naru_span data);
void connect_input_answered(connect_session *session);
/* connect_send.c: one record of stdin, or one line that was typed, as a message. Answers as
 * input_handler.on_record. */
naru_status connect_send(connect_session *session, naru_span record);
naru_status connect_send_message(connect_session *session, naru_ws_kind kind, naru_span data);
naru_status connect_ping(connect_session *session, naru_span data);
void connect_complain(connect_session *session, const char *what); /* about the record that is being sent */
/* connect_slash.c: a line that begins with a slash. */
void connect_slash(connect_session *session, naru_span line);
/* connect_receive.c: messages from the peer. */
void connect_receive_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user);
/* connect_show.c: what came in, and what happened. */
void connect_show_message(connect_session *session, naru_ws_kind kind, naru_span data);
void connect_notice(connect_session *session, const char *format, ...) NARU_PRINTF(2, 3);
/* connect_report.c: the opening and the failure in full. */
void connect_report_open(connect_session *session);
void connect_report_redirect(connect_session *session, const naru_client_hop *hop);
void connect_report_failure(connect_session *session, const naru_client_failure *failure);
void connect_report_close(connect_session *session, const naru_close_info *info);
const char *connect_phase_name(naru_client_phase phase);
/* connect_json.c: the same as lines of JSON; and a command, which is answered as connect_send does. */
void connect_json_open(connect_session *session);
void connect_json_message(connect_session *session, naru_ws_kind kind, naru_span data);
void connect_json_control(connect_session *session, const char *event, naru_span data, int32_t rtt_ms);
void connect_json_failure(connect_session *session, const naru_client_failure *failure);
void connect_json_close(connect_session *session, const naru_close_info *info);
void connect_json_frame(connect_session *session, const naru_ws_frame *frame);
/* connect_command.c */
naru_status connect_command_run(connect_session *session, naru_span line);
/* connect_trace.c: one frame; its names and marks. connect_close_code: 0: it has none. */
void connect_trace(naru_client *client, const naru_ws_frame *frame, void *user);
const char *connect_opcode_name(uint8_t opcode);
int connect_close_code(const naru_ws_frame *frame);
bool connect_frame_compressed(const naru_ws_frame *frame);
/* connect_pings.c */
naru_status connect_pings_open(connect_session *session);
void connect_pings_start(connect_session *session);
void connect_pings_stop(connect_session *session);
bool connect_pings_pong(connect_session *session, int32_t rtt_ms); /* was it shown? */
void connect_pings_report(connect_session *session);
/* connect_record.c: event: "sent" or "received". */
bool connect_record_open(connect_session *session); /* false: after a notice */
void connect_record_message(connect_session *session, const char *event, naru_ws_kind kind, naru_span data);
void connect_record_close(connect_session *session, const naru_close_info *info);
bool connect_record_end(connect_session *session); /* false: it is not whole */
/* connect_replay.c */
bool connect_replay_open(connect_session *session); /* false: after a notice */
void connect_replay_resume(connect_session *session);
void connect_replay_stop(connect_session *session);
void connect_replay_free(connect_session *session);
/* connect_retry.c: target and what it points to are borrowed for the session's life. */
naru_status connect_retry_open(connect_session *session, const naru_reconnect_target *target,
                               const naru_client_handler *handler);
bool connect_retry_waits(const connect_session *session); /* for the next try */

#endif
