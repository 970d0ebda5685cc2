/* naru probe: what a check is, and what all of them use. */
#ifndef NARU_APP_PROBE_H
#define NARU_APP_PROBE_H

#include "probe_peer.h"

typedef enum probe_result {
    PROBE_PASS = 0,
    PROBE_LAX,  /* not what the rule's words say, and still safe for others */
    PROBE_FAIL, /* the rule is broken */
    PROBE_SKIP  /* cannot be told of this server */
} probe_result;

typedef struct probe_verdict {
    probe_result result;
    char text[200]; /* what was seen */
} probe_verdict;

typedef struct probe_check {
    const char *name;
    const char *rule;  /* where it is written */
    const char *about; /* what is expected */
    void (*run)(probe_target *target, const struct probe_check *check, probe_verdict *verdict);
    const void *data;
} probe_check;

typedef struct probe_group {
    const char *name;
    const probe_check *checks;
    size_t count;
} probe_group;

extern const probe_group probe_handshake;
extern const probe_group probe_framing;
extern const probe_group probe_control;
extern const probe_group probe_utf8;
extern const probe_group probe_closing;
extern const probe_group probe_deflate;
extern const probe_group probe_limits;
extern const probe_group probe_tls;

void probe_say(probe_verdict *verdict, probe_result result, const char *format, ...) NARU_PRINTF(3, 4);

/* What the server did in the end, after a ping with the text "probe" or without one. */
typedef enum probe_outcome_kind {
    OUTCOME_ALIVE = 0, /* it answered the ping */
    OUTCOME_CLOSED,    /* Close; code 1005: it had none */
    OUTCOME_ENDED,     /* the connection ended without a Close */
    OUTCOME_SILENT
} probe_outcome_kind;

typedef struct probe_outcome {
    probe_outcome_kind kind;
    uint16_t code;
    uint64_t messages;      /* that came before */
    uint64_t message_bytes; /* of the last one */
    bool same;              /* the last one was what `wanted` said */
    bool compressed;        /* the last one was */
} probe_outcome;

/* Read until one of the outcomes. wanted: the message to compare each with; may be empty. messages: so many have to
 * come, before or behind the pong: a server may answer pings sooner than messages that came before them. */
probe_outcome probe_read_outcome(probe_peer *peer, naru_span wanted, uint64_t messages);
/* How many messages can be waited for, when so many were sent. */
uint64_t probe_echoes(const probe_target *target, uint64_t sent);
bool probe_ping(probe_peer *peer); /* sends that ping */
/* Was it closed with this code? alive: the verdict when the server went on. */
void probe_judge_close(const probe_outcome *outcome, uint16_t code, probe_result alive, probe_verdict *verdict);
/* Did it go on? And if the server echoes: was the message the same? */
void probe_judge_alive(const probe_target *target, const probe_outcome *outcome, bool message, probe_verdict *verdict);
/* Open a connection for a check. false: the verdict says why not; the peer is closed. */
bool probe_open(probe_peer *peer, probe_target *target, const char *fields, probe_verdict *verdict);

/* A run for a check that is a table of frames: data is a probe_frames. */
typedef struct probe_frames {
    struct {
        uint8_t first;
        const char *data;
        size_t size;
    } frames[3];
    size_t count;
    uint16_t code; /* that is expected; 0: going on, with the message in `message` */
    const char *message;
    size_t message_bytes;
    probe_result alive;
} probe_frames;

/* The same on a connection that is open. deflate: was it agreed on? */
void probe_play_frames(probe_peer *peer, const probe_frames *frames, bool deflate, probe_verdict *verdict);
void probe_run_frames(probe_target *target, const probe_check *check, probe_verdict *verdict);

#endif
