/* How a connection ends that speaks HTTP: refusals, deadlines, and the slow good-bye. A socket that is closed with
 * unread bytes resets, and the reset may overtake our last answer: so we end our side, drop what still comes within a
 * limit, and close when the peer has ended its own. Source: RFC 9112 9.6. */
#include "server/exchange.h"

#include "base/buf.h"
#include "server/bad.h"
#include "server/respond.h"
#include <stdio.h>

void naru__exchange_drop(naru__exchange *exchange)
{
    if (exchange->phase == NARU__EXCHANGE_GONE) {
        return;
    }
    naru_server *server = exchange->server;
    bool told = exchange->phase == NARU__EXCHANGE_ASKED || exchange->phase == NARU__EXCHANGE_BODY;
    void (*on_cancel)(void *) = told ? exchange->request.on_cancel : NULL;
    void *user = exchange->request.cancel_user;
    naru__stream_close(exchange->stream);
    naru__exchange_free(exchange);
    naru__server_released(server);
    if (on_cancel) {
        on_cancel(user);
    }
}

void naru__exchange_close(naru__exchange *exchange)
{
    exchange->phase = NARU__EXCHANGE_FLUSHING;
    naru_buf_deinit(&exchange->held);
    naru__stream_shutdown(exchange->stream);
    naru__exchange_unpause(exchange);
    if (naru__stream_out_size(exchange->stream) == 0) {
        naru__exchange_linger(exchange);
        return;
    }
    naru__stream_want_drain(exchange->stream, 0);
    naru__exchange_time(exchange, exchange->server->options.idle_timeout_ms);
}

void naru__exchange_linger(naru__exchange *exchange)
{
    exchange->phase = NARU__EXCHANGE_LINGERING;
    if (exchange->ended != NARU_OK) {
        naru__exchange_drop(exchange);
        return;
    }
    naru__exchange_time(exchange, exchange->server->options.conn.ws.close_timeout_ms);
}

void naru__exchange_drain(naru__exchange *exchange, size_t bytes)
{
    exchange->drained += bytes;
    if (exchange->drained > NARU__LINGER_BYTES_MAX) {
        naru__exchange_drop(exchange);
    }
}

/* ---- refusals ------------------------------------------------------------------------------------------------ */

static void log_refusal(const naru__exchange *exchange, int status, const char *text)
{
    char peer[128];
    naru_span path = naru_buf_span(&exchange->request.path);
    naru__exchange_peer(exchange, peer, sizeof peer);
    naru__log(exchange->server->loop, NARU_LOG_INFO, "%s refused: %d %s (%.*s)", peer, status, text,
              path.size > 200 ? 200 : (int)path.size, path.size > 0 ? (const char *)path.data : "");
}

/* The fields that a status cannot do without (9110 15.5.6, 15.5.22; 6455 4.4). */
static naru_status needed_fields(naru_request *request, int status)
{
    naru_status done = NARU_OK;
    if (status == 405) {
        done = naru__request_field(request, "Allow", naru_span_of("GET"));
    } else if (status == 204) {
        done = naru__request_field(request, "Allow", naru_span_of("GET, HEAD, OPTIONS"));
    } else if (status == 426) {
        done = naru__request_field(request, "Upgrade", naru_span_of("websocket"));
        done = done < 0 ? done : naru__request_field(request, "Sec-WebSocket-Version", naru_span_of("13"));
    } else if (request->retry_after_s > 0) {
        char seconds[16];
        int size = snprintf(seconds, sizeof seconds, "%u", (unsigned)request->retry_after_s);
        done = naru__request_field(request, "Retry-After", (naru_span){(const uint8_t *)seconds, (size_t)size});
    }
    return done;
}

void naru__exchange_refuse(naru__exchange *exchange, int status, const char *text, bool close)
{
    naru_request *request = &exchange->request;
    bool asked = exchange->phase == NARU__EXCHANGE_ASKED || exchange->phase == NARU__EXCHANGE_BODY;
    void (*on_cancel)(void *) = asked && !exchange->calling ? request->on_cancel : NULL;
    void *user = request->cancel_user;
    naru_buf_take(&request->fields, naru__buf_size(&request->fields));
    if (status >= 400) {
        log_refusal(exchange, status, text);
        exchange->server->counts.refused++;
        exchange->server->counts.limited += status == 429;
    }
    exchange->keep = exchange->keep && !close;
    exchange->phase = NARU__EXCHANGE_SENDING;
    request->on_cancel = NULL;
    naru_status done = needed_fields(request, status);
    done = done < 0 ? done : naru__bad_answer(exchange, status, text);
    if (done < 0) {
        naru__exchange_drop(exchange);
    } else {
        naru__exchange_answered(exchange);
    }
    if (on_cancel) {
        on_cancel(user);
    }
}

/* ---- time ---------------------------------------------------------------------------------------------------- */

/* A slow peer may take as long as it likes, so long as bytes move; those in the kernel's buffer count, which may be
 * large. */
static void late_reader(naru__exchange *exchange)
{
    if (naru__exchange_moved(exchange) != exchange->moved_mark) {
        naru__exchange_time(exchange, exchange->server->options.idle_timeout_ms);
    } else {
        naru__log(exchange->server->loop, NARU_LOG_INFO, "connection ended: the peer does not read its answer");
        naru__exchange_drop(exchange);
    }
}

void naru__exchange_late(naru__loop_timer *timer)
{
    naru__exchange *exchange = (naru__exchange *)((char *)timer - offsetof(naru__exchange, timer));
    switch ((naru__exchange_phase)exchange->phase) {
    case NARU__EXCHANGE_HEAD:
        if (exchange->request.head) {
            naru__exchange_refuse(exchange, 408, "the request was not complete in time", true);
        } else {
            naru__exchange_close(exchange);
        }
        break;
    case NARU__EXCHANGE_BODY:
        naru__exchange_refuse(exchange, 408, "the request was not complete in time", true);
        break;
    case NARU__EXCHANGE_ASKED:
        naru__exchange_refuse(exchange, 503, "no answer was found in time", true);
        break;
    case NARU__EXCHANGE_SENDING:
    case NARU__EXCHANGE_FLUSHING:
        late_reader(exchange);
        break;
    case NARU__EXCHANGE_OPENING:
    case NARU__EXCHANGE_LINGERING:
        naru__exchange_drop(exchange);
        break;
    case NARU__EXCHANGE_ACCEPTED:
    case NARU__EXCHANGE_LEAVING:
    case NARU__EXCHANGE_GONE:
        break;
    }
}

/* Between two requests with nothing on its way: there is no answer that lingering would save, and a browser keeps such
 * a connection open for minutes. */
static bool is_idle(const naru__exchange *exchange)
{
    return exchange->phase == NARU__EXCHANGE_HEAD && !exchange->request.head && !exchange->work.queued &&
           naru__buf_size(&exchange->held) == 0 && naru__stream_out_size(exchange->stream) == 0;
}

/* Who was accepted may ask once, and what is asked is answered; a connection that waits for another request ends. */
static void finish(naru__exchange *exchange)
{
    if (exchange->begun && exchange->phase == NARU__EXCHANGE_HEAD && !exchange->request.head &&
        !exchange->work.queued) {
        naru__exchange_close(exchange);
    }
}

void naru__exchange_stop(naru__exchange *exchange)
{
    bool half_read =
        exchange->phase == NARU__EXCHANGE_BODY || (exchange->phase == NARU__EXCHANGE_HEAD && exchange->request.head);
    bool undecided = exchange->phase == NARU__EXCHANGE_ASKED && exchange->request.upgrade;
    if (exchange->calling || exchange->taking) {
        return;
    }
    if (exchange->server->finishing) {
        finish(exchange);
        return;
    }
    if (half_read || undecided) {
        naru__exchange_refuse(exchange, 503, "the server is going away", true);
    } else if (exchange->phase == NARU__EXCHANGE_OPENING || is_idle(exchange)) {
        naru__exchange_drop(exchange);
    } else if (exchange->phase == NARU__EXCHANGE_HEAD && !exchange->work.queued) {
        naru__exchange_close(exchange);
    }
}
