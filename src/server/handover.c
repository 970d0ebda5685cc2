/* A connection goes to another server of this process, on another thread, with the request that it has begun: whoever
 * answers it is there. The head is written out once more, and read there as if it had just come.
 *
 * Not for: who it goes to; sockets of which nothing was read (deal.c). Source: none. */
#include "server/exchange.h"

#include "base/buf.h"
#include "base/memory.h"
#include "server/deal.h"
#include "server/guest.h"

struct naru__luggage {
    naru__stream_parcel parcel;
    naru_buf bytes; /* the request, and what has come behind its head */
    naru__peer peer;
    bool told; /* by a proxy, or it counts for somebody */
};

/* ---- leaving ----------------------------------------------------------------------------------------------------- */

naru_status naru__exchange_leave(naru__exchange *exchange, const naru__handover *handover)
{
    naru_loop *loop = exchange->server->loop;
    if (exchange->phase != NARU__EXCHANGE_ASKED || naru_loop_backend(loop) == NARU_BACKEND_IO_URING ||
        exchange->stream->has_shots || exchange->ended != NARU_OK) {
        return NARU_ERR_STATE;
    }
    exchange->phase = NARU__EXCHANGE_LEAVING;
    exchange->handover = handover;
    exchange->request.on_cancel = NULL;
    exchange->paused = true;
    naru__stream_pause(exchange->stream);
    naru__loop_timer_stop(loop, &exchange->timer);
    naru__loop_defer(loop, &exchange->work);
    return NARU_OK;
}

/* A body that was read is nobody's: only POSTs have one that counts, and they leave before it. */
static bool is_left_out(const naru__exchange *exchange, naru_span name)
{
    static const char *const framing[] = {"Content-Length", "Transfer-Encoding", "Expect"};
    if (naru_span_equal(naru_http_head_method(exchange->request.head), naru_span_of("POST"))) {
        return false;
    }
    for (size_t i = 0; i < sizeof framing / sizeof framing[0]; i++) {
        if (naru_span_equal_nocase(name, naru_span_of(framing[i]))) {
            return true;
        }
    }
    return false;
}

static naru_status write_request(naru_buf *out, const naru__exchange *exchange)
{
    const naru_http_head *head = exchange->request.head;
    naru_status status = naru_buf_append(out, naru_http_head_method(head));
    status = status < 0 ? status : naru_buf_append(out, naru_span_of(" "));
    status = status < 0 ? status : naru_buf_append(out, naru_http_head_target(head));
    status =
        status < 0
            ? status
            : naru_buf_append(out, naru_span_of(naru_http_head_minor(head) == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n"));
    for (size_t i = 0; status >= 0 && i < naru_http_head_count(head); i++) {
        naru_http_field field = naru_http_head_at(head, i);
        if (!is_left_out(exchange, field.name)) {
            status = naru_buf_append(out, field.name);
            status = status < 0 ? status : naru_buf_append(out, naru_span_of(": "));
            status = status < 0 ? status : naru_buf_append(out, field.value);
            status = status < 0 ? status : naru_buf_append(out, naru_span_of("\r\n"));
        }
    }
    status = status < 0 ? status : naru_buf_append(out, naru_span_of("\r\n"));
    return status < 0 ? status : naru_buf_append(out, naru_buf_span(&exchange->held));
}

static naru__luggage *pack(naru__exchange *exchange)
{
    const naru_allocator *allocator = naru_allocator_default();
    naru__luggage *luggage = naru__alloc_zero(allocator, sizeof *luggage);
    if (!luggage) {
        return NULL;
    }
    naru_buf_init(&luggage->bytes, allocator);
    luggage->peer = exchange->peer;
    luggage->told = exchange->guest != NULL;
    naru_status status = write_request(&luggage->bytes, exchange);
    if (status < 0 || naru__stream_pack(exchange->stream, &luggage->parcel) < 0) {
        naru_buf_deinit(&luggage->bytes);
        naru__free(allocator, luggage, sizeof *luggage);
        return NULL;
    }
    return luggage;
}

void naru__exchange_depart(naru__exchange *exchange)
{
    naru_server *server = exchange->server;
    const naru__handover *handover = exchange->handover;
    naru__luggage *luggage = pack(exchange);
    if (!luggage) {
        naru__exchange_drop(exchange);
        return;
    }
    naru__exchange_free(exchange);
    naru__server_released(server);
    handover->send(handover, luggage);
}

/* ---- arriving ---------------------------------------------------------------------------------------------------- */

void naru__luggage_drop(naru__luggage *luggage)
{
    naru__stream_parcel_drop(&luggage->parcel);
    naru_buf_deinit(&luggage->bytes);
    naru__free(naru_allocator_default(), luggage, sizeof *luggage);
}

void naru__server_unpack(naru_server *server, naru__luggage *luggage)
{
    naru__arrival arrival = {.fd = luggage->parcel.fd,
                             .parcel = &luggage->parcel,
                             .peer = luggage->peer,
                             .told = luggage->told,
                             .bytes = naru_buf_span(&luggage->bytes)};
    arrival.until_ms = naru_loop_now_ms(server->loop) + server->options.handshake_timeout_ms;
    if (naru__server_refuses(server) || server->full) {
        naru__luggage_drop(luggage);
        return;
    }
    naru__hand_takes(server->hand);
    naru__server_took(server);
    if (naru__server_receive(server, &arrival) < 0) {
        naru__server_released(server);
        naru__luggage_drop(luggage);
        return;
    }
    naru_buf_deinit(&luggage->bytes);
    naru__free(naru_allocator_default(), luggage, sizeof *luggage);
}
