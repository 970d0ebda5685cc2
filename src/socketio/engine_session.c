/* A session's queue, its requests, its packets and its end. Source: see engine_session.h. */
#include "engine_session.h"

#include "base/buf.h"
#include "base/memory.h"

void naru__engine_session_init(naru__engine_session *session, const naru__engine_options *options,
                               const naru_allocator *allocator, int revision, naru__engine_way transport,
                               uint64_t now_ms)
{
    *session = (naru__engine_session){.options = options,
                                      .allocator = naru__allocator_or_default(allocator),
                                      .upgrade_ms = UINT64_MAX,
                                      .noop_ms = UINT64_MAX,
                                      .revision = (uint8_t)revision,
                                      .transport = (uint8_t)transport};
    naru__engine_heartbeat_start(session, now_ms);
}

/* ---- the queue ----------------------------------------------------------------------------------------------- */

static bool grow(naru__engine_session *session)
{
    naru__engine_queue *queue = &session->queue;
    const naru_allocator *allocator = session->allocator;
    if (queue->capacity > UINT32_MAX / 2) {
        return false;
    }
    uint32_t capacity = queue->capacity > 0 ? queue->capacity * 2 : 4;
    naru__engine_message **ring = naru__alloc(allocator, capacity * sizeof(naru__engine_message *));
    if (!ring) {
        return false;
    }
    for (uint32_t i = 0; i < queue->count; i++) {
        ring[i] = queue->ring[(queue->first + i) % queue->capacity];
    }
    naru__free(allocator, queue->ring, queue->capacity * sizeof(naru__engine_message *));
    queue->ring = ring;
    queue->first = 0;
    queue->capacity = capacity;
    return true;
}

static uint64_t cost(const naru__engine_message *message)
{
    return message->allocator ? (uint64_t)message->size + NARU__ENGINE_MESSAGE_OVERHEAD : 0;
}

static naru_status push(naru__engine_session *session, naru__engine_message *message)
{
    naru__engine_queue *queue = &session->queue;
    if (queue->count == queue->capacity && !grow(session)) {
        return NARU_ERR_MEMORY;
    }
    queue->ring[(queue->first + queue->count++) % queue->capacity] = naru__engine_message_ref(message);
    queue->bytes += cost(message);
    return NARU_OK;
}

/* A ring that has become empty is given back: most sessions have nothing waiting. */
naru__engine_message *naru__engine_session_pop(naru__engine_session *session)
{
    naru__engine_queue *queue = &session->queue;
    if (queue->count == 0) {
        return NULL;
    }
    naru__engine_message *message = queue->ring[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    queue->bytes -= cost(message);
    if (queue->count == 0) {
        naru__free(session->allocator, queue->ring, queue->capacity * sizeof(naru__engine_message *));
        *queue = (naru__engine_queue){0};
        session->pong_queued = false;
    }
    if (session->over_high && queue->bytes <= session->options->queue_low_bytes) {
        session->over_high = false;
        naru__engine_do(session, NARU__ENGINE_DO_DRAINED);
    }
    return message;
}

static void drop_queue(naru__engine_session *session)
{
    session->over_high = false;
    for (naru__engine_message *message = NULL; (message = naru__engine_session_pop(session)) != NULL;) {
        naru__engine_message_unref(message);
    }
}

void naru__engine_session_deinit(naru__engine_session *session)
{
    drop_queue(session);
}

naru_status naru__engine_session_send(naru__engine_session *session, naru__engine_message *message)
{
    const naru__engine_options *options = session->options;
    uint64_t bytes = session->queue.bytes;
    if (session->state != NARU__ENGINE_IS_OPEN) {
        return NARU_ERR_STATE;
    }
    bool fits = bytes == 0 || (bytes <= options->queue_bytes_max && cost(message) <= options->queue_bytes_max - bytes);
    naru_status status = fits ? push(session, message) : NARU_ERR_TOO_BIG;
    if (status < 0) {
        session->over_high = session->over_high || status == NARU_ERR_TOO_BIG;
        return status;
    }
    if (session->get) {
        naru__engine_do(session, NARU__ENGINE_DO_ANSWER);
    }
    session->over_high = session->over_high || session->queue.bytes > options->queue_high_bytes;
    return session->queue.bytes > options->queue_high_bytes ? NARU_FULL : NARU_OK;
}

void naru__engine_session_control(naru__engine_session *session, char type)
{
    if (session->transport == NARU__ENGINE_WEBSOCKET) {
        naru__engine_do(session, type == NARU__ENGINE_PING ? NARU__ENGINE_DO_PING : NARU__ENGINE_DO_PONG);
        return;
    }
    /* However many pings one POST holds, one answer is enough. */
    if (type == NARU__ENGINE_PONG && session->pong_queued) {
        return;
    }
    if (push(session, naru__engine_control(type)) < 0) {
        naru__engine_session_fail(session, NARU__ENGINE_TRANSPORT_ERROR, "no memory");
        return;
    }
    session->pong_queued = session->pong_queued || type == NARU__ENGINE_PONG;
    if (session->get) {
        naru__engine_do(session, NARU__ENGINE_DO_ANSWER);
    }
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

static void end(naru__engine_session *session, naru__engine_reason reason, const char *description)
{
    session->reason = (uint8_t)reason;
    session->description = description;
    naru__engine_do(session, NARU__ENGINE_DO_TELL_CLOSED);
    session->actions = (uint16_t)(session->actions & ~(1u << NARU__ENGINE_DO_DRAINED | 1u << NARU__ENGINE_DO_PING |
                                                       1u << NARU__ENGINE_DO_PONG));
    session->over_high = false;
    if (session->probe) {
        naru__engine_upgrade_end(session);
        naru__engine_do(session, NARU__ENGINE_DO_END_PROBE);
    }
}

static void forget(naru__engine_session *session)
{
    session->state = NARU__ENGINE_IS_CLOSED;
    if (session->get) {
        naru__engine_do(session, NARU__ENGINE_DO_ANSWER);
    }
    naru__engine_do(session, NARU__ENGINE_DO_END);
    naru__engine_do(session, NARU__ENGINE_DO_FORGET);
}

void naru__engine_session_fail(naru__engine_session *session, naru__engine_reason reason, const char *description)
{
    if (session->state == NARU__ENGINE_IS_CLOSED) {
        return;
    }
    bool told = session->state == NARU__ENGINE_IS_CLOSING;
    drop_queue(session);
    if (!told) {
        end(session, reason, description);
    }
    forget(session);
}

/* A switch that is decided but not done still has to be done, for its queue. */
void naru__engine_session_close(naru__engine_session *session, naru__engine_reason reason, uint64_t now_ms)
{
    if (session->state != NARU__ENGINE_IS_OPEN) {
        return;
    }
    end(session, reason, NULL);
    bool answered = session->get && session->queue.count == 0;
    if (session->transport == NARU__ENGINE_WEBSOCKET || answered) {
        forget(session);
        return;
    }
    session->state = NARU__ENGINE_IS_CLOSING;
    session->upgrade_ms = now_ms + NARU__ENGINE_CLOSE_MS;
    if (session->get) {
        naru__engine_do(session, NARU__ENGINE_DO_ANSWER);
    }
}

/* ---- polling ------------------------------------------------------------------------------------------------- */

naru_status naru__engine_session_get(naru__engine_session *session, uint64_t now_ms)
{
    if (session->state == NARU__ENGINE_IS_CLOSED || session->transport != NARU__ENGINE_POLLING) {
        return NARU_ERR_STATE;
    }
    if (session->get) {
        naru__engine_session_fail(session, NARU__ENGINE_TRANSPORT_ERROR, "overlap from client");
        return NARU_ERR_STATE;
    }
    session->get = true;
    if (session->queue.count > 0) {
        naru__engine_do(session, NARU__ENGINE_DO_ANSWER);
    } else if (session->state == NARU__ENGINE_IS_CLOSING) {
        session->late = true;
        forget(session);
    }
    naru__engine_upgrade_let_go(session, now_ms);
    return NARU_OK;
}

naru_status naru__engine_session_post(naru__engine_session *session)
{
    if (session->state == NARU__ENGINE_IS_CLOSED || session->transport != NARU__ENGINE_POLLING) {
        return NARU_ERR_STATE;
    }
    if (session->post) {
        naru__engine_session_fail(session, NARU__ENGINE_TRANSPORT_ERROR, "data request overlap from client");
        return NARU_ERR_STATE;
    }
    session->post = true;
    return NARU_OK;
}

void naru__engine_session_posted(naru__engine_session *session)
{
    session->post = false;
}

void naru__engine_session_broken(naru__engine_session *session)
{
    session->get = false;
    session->actions = (uint16_t)(session->actions & ~(1u << NARU__ENGINE_DO_ANSWER));
    if (session->transport == NARU__ENGINE_POLLING) {
        naru__engine_session_fail(session, NARU__ENGINE_TRANSPORT_ERROR, "poll connection closed prematurely");
    }
}

static bool any_binary(const naru__engine_queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++) {
        if (queue->ring[(queue->first + i) % queue->capacity]->binary) {
            return true;
        }
    }
    return false;
}

static naru_status write_queue(naru__engine_session *session, naru_buf *out, const naru__engine_style *style)
{
    naru_status status = NARU_OK;
    while (status >= 0) {
        naru__engine_message *message = naru__engine_session_pop(session);
        if (!message) {
            break;
        }
        status = naru__engine_payload_add(out, message, style);
        naru__engine_message_unref(message);
    }
    return status;
}

/* Behind the switch the queue belongs to the WebSocket; a client that has said goodbye is told nothing more. */
naru_status naru__engine_session_payload(naru__engine_session *session, naru_buf *out, bool *octets_out)
{
    naru__engine_style style = {.revision = session->revision, .base64 = session->base64};
    bool polling = session->transport == NARU__ENGINE_POLLING;
    bool says_close = session->state != NARU__ENGINE_IS_OPEN && !session->client_closed && polling;
    session->get = false;
    style.octets = session->revision == 3 && !session->base64 && polling && any_binary(&session->queue);
    naru_status status = polling ? write_queue(session, out, &style) : NARU_OK;
    /* JavaScript clients hand messages on a tick later, and a close at once: it waits for the next request. */
    bool last = naru__buf_size(out) == 0;
    if (status >= 0 && last && (!says_close || session->late)) {
        status = naru__engine_payload_add(out, naru__engine_control(NARU__ENGINE_NOOP), &style);
    }
    if (status >= 0 && last && says_close) {
        status = naru__engine_payload_add(out, naru__engine_control(NARU__ENGINE_CLOSE), &style);
    }
    if (status < 0) {
        naru__engine_session_fail(session, NARU__ENGINE_TRANSPORT_ERROR, "no memory");
    }
    *octets_out = style.octets;
    return status;
}

/* ---- packets ------------------------------------------------------------------------------------------------- */

/* Open, upgrade and noop mean nothing from a client that is through with its handshake. */
static naru_status take(naru__engine_session *session, const naru__engine_packet *packet, uint64_t now_ms)
{
    switch (packet->type) {
    case NARU__ENGINE_MESSAGE:
        naru__engine_heartbeat_heard(session, now_ms);
        return NARU_OK;
    case NARU__ENGINE_CLOSE:
        session->client_closed = true;
        naru__engine_session_fail(session, NARU__ENGINE_TRANSPORT_CLOSE, NULL);
        return NARU_END;
    case NARU__ENGINE_PING:
    case NARU__ENGINE_PONG:
        if (naru__engine_heartbeat_packet(session, packet->type, now_ms)) {
            return NARU_MORE;
        }
        naru__engine_session_fail(session, NARU__ENGINE_TRANSPORT_ERROR, "invalid heartbeat direction");
        return NARU_END;
    default:
        naru__engine_heartbeat_heard(session, now_ms);
        return NARU_MORE;
    }
}

naru_status naru__engine_session_packet(naru__engine_session *session, naru__engine_way way,
                                        const naru__engine_packet *packet, uint64_t now_ms)
{
    if (way == NARU__ENGINE_PROBE) {
        return naru__engine_upgrade_packet(session, packet, now_ms);
    }
    /* What a POST brings that was on its way when the transport changed still counts. */
    if (session->state != NARU__ENGINE_IS_OPEN) {
        return NARU_END;
    }
    return take(session, packet, now_ms);
}

void naru__engine_session_garbled(naru__engine_session *session, naru__engine_way way)
{
    static const naru__engine_packet nonsense = {.type = NARU__ENGINE_NOOP};
    if (way == NARU__ENGINE_PROBE) {
        (void)naru__engine_upgrade_packet(session, &nonsense, 0);
    } else {
        naru__engine_session_fail(session, NARU__ENGINE_PARSE_ERROR, NULL);
    }
}

void naru__engine_session_ended(naru__engine_session *session, naru__engine_way way, bool clean)
{
    if (way == NARU__ENGINE_PROBE) {
        naru__engine_upgrade_end(session);
        return;
    }
    naru__engine_session_fail(session, clean ? NARU__ENGINE_TRANSPORT_CLOSE : NARU__ENGINE_TRANSPORT_ERROR, NULL);
}

/* ---- time ---------------------------------------------------------------------------------------------------- */

uint64_t naru__engine_session_deadline_ms(const naru__engine_session *session)
{
    if (session->state == NARU__ENGINE_IS_CLOSED) {
        return UINT64_MAX;
    }
    uint64_t at_ms = session->upgrade_ms;
    if (session->state == NARU__ENGINE_IS_OPEN && session->heartbeat_ms < at_ms) {
        at_ms = session->heartbeat_ms;
    }
    return session->probed && session->get && session->noop_ms < at_ms ? session->noop_ms : at_ms;
}

void naru__engine_session_tick(naru__engine_session *session, uint64_t now_ms)
{
    if (session->state == NARU__ENGINE_IS_CLOSING && now_ms >= session->upgrade_ms) {
        naru__engine_session_fail(session, NARU__ENGINE_FORCED_CLOSE, NULL);
    }
    if (session->state == NARU__ENGINE_IS_OPEN) {
        naru__engine_upgrade_tick(session, now_ms);
        naru__engine_heartbeat_tick(session, now_ms);
    }
}

naru__engine_action naru__engine_session_next(naru__engine_session *session)
{
    for (unsigned action = 1; session->actions != 0; action++) {
        if (session->actions & 1u << action) {
            session->actions = (uint16_t)(session->actions & ~(1u << action));
            return (naru__engine_action)action;
        }
    }
    return NARU__ENGINE_DO_NONE;
}
