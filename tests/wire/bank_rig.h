/* A real server and whoever talks to it, on one loop: the server goes down and comes up again on its port, says no when
 * it is told to, and closes when it is asked ("close 4001"). What happens on both banks is written to one log.
 *
 * Not for: what a test expects. */
#ifndef NARU_WIRE_BANK_RIG_H
#define NARU_WIRE_BANK_RIG_H

#include "unit/check.h"

#include <naru/naru.h>

#include <stdarg.h>
#include <stdlib.h>

enum { BANK_PATIENCE_MS = 20000, BANK_LOG_BYTES = 1 << 16 };

typedef struct bank {
    naru_loop *loop;
    naru_server *server; /* NULL: down */
    naru_server_options options;
    char address[128];
    char url[160];
    int answer;              /* an HTTP status; 0: welcome */
    const char *retry_after; /* with answer */
    naru_conn *conn;         /* the newest on the server; NULL: gone */
    bool quiet;              /* do not echo */
    unsigned asked;          /* requests so far */
    char token[64];          /* of the last one's Authorization */
    char log[BANK_LOG_BYTES];
} bank;

static inline void bank_note(bank *self, const char *format, ...) NARU_PRINTF(2, 3);
static inline void bank_note(bank *self, const char *format, ...)
{
    size_t used = strlen(self->log);
    va_list arguments;
    va_start(arguments, format);
    if (used > 0 && used < BANK_LOG_BYTES - 2) {
        self->log[used++] = ';';
        self->log[used] = '\0';
    }
    vsnprintf(self->log + used, BANK_LOG_BYTES - used, format, arguments);
    va_end(arguments);
}

static inline void bank__on_request(naru_request *request, void *user)
{
    bank *self = user;
    naru_span token = {0};
    self->asked++;
    (void)naru_http_head_find(naru_request_head(request), "Authorization", &token);
    snprintf(self->token, sizeof self->token, "%.*s", (int)token.size, token.size ? (const char *)token.data : "");
    if (self->answer == 0) {
        naru_span protocol = {0};
        (void)naru_request_protocol(request, 0, &protocol);
        if (naru_request_accept(request, protocol, NULL, self) == NARU_ERR_MEMORY) {
            (void)naru_request_reject(request, 503);
        }
        return;
    }
    if (self->retry_after) {
        CHECK_EQ(naru_request_add_field(request, "Retry-After", naru_span_of(self->retry_after)), NARU_OK);
    }
    CHECK_EQ(naru_request_reject(request, self->answer), NARU_OK);
}

static inline void bank__on_open(naru_conn *conn, void *user)
{
    bank *self = user;
    self->conn = conn;
    bank_note(self, "S open");
}

static inline void bank__on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    bank *self = user;
    const char *text = data.size ? (const char *)data.data : "";
    bank_note(self, "S %.*s", data.size < 40 ? (int)data.size : 40, text);
    if (data.size == 10 && memcmp(text, "close ", 6) == 0) {
        (void)naru_conn_close(conn, (uint16_t)strtoul(text + 6, NULL, 10), naru_span_of("asked"));
    } else if (!self->quiet) {
        (void)naru_conn_send(conn, kind, data, 0);
    }
}

static inline void bank__on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    bank *self = user;
    self->conn = self->conn == conn ? NULL : self->conn;
    bank_note(self, "S closed %u", info->code);
}

static inline bool bank_up(bank *self)
{
    char bound[128];
    naru_ws_route route = {
        .on_request = bank__on_request,
        .handler = {.on_open = bank__on_open, .on_message = bank__on_message, .on_close = bank__on_close}};
    bool up = naru_server_new(self->loop, &self->options, &self->server) == NARU_OK &&
              naru_server_route_ws(self->server, "/", &route, self) == NARU_OK &&
              naru_server_listen(self->server, self->address, NULL, bound) == NARU_OK;
    if (up) {
        memcpy(self->address, bound, sizeof bound);
        snprintf(self->url, sizeof self->url, "ws://%s/", bound);
    }
    return up;
}

/* Every connection breaks, and nobody listens any more. */
static inline void bank_down(bank *self)
{
    naru_server_free(self->server);
    self->server = NULL;
}

static inline void bank__logged(void *user, naru_log_level level, const char *line)
{
    (void)user;
    if (level <= NARU_LOG_ERROR) {
        fprintf(stderr, "%s\n", line);
    }
}

static inline bool bank_start(bank *self)
{
    memset(self, 0, sizeof *self);
    snprintf(self->address, sizeof self->address, "127.0.0.1:0");
    self->loop = naru_loop_new(&(naru_loop_options){.log = bank__logged});
    return self->loop && bank_up(self);
}

static inline void bank_stop(bank *self)
{
    bank_down(self);
    naru_loop_free(self->loop);
}

/* Turn the loop until the log has it. */
static inline bool bank_wait(bank *self, const char *wanted)
{
    uint64_t end_ms = naru_loop_now_ms(self->loop) + BANK_PATIENCE_MS;
    while (!strstr(self->log, wanted)) {
        if (naru_loop_turn(self->loop, BANK_PATIENCE_MS) < 0 || naru_loop_now_ms(self->loop) >= end_ms) {
            fprintf(stderr, "waited in vain for \"%s\"; there is \"%s\"\n", wanted, self->log);
            return false;
        }
    }
    return true;
}

/* Let everything that is under way happen; nothing here takes time. */
static inline void bank_settle(bank *self)
{
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(naru_loop_turn(self->loop, 0), NARU_OK);
    }
}

#endif
