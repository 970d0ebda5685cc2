/* Streams with TLS: what a socket brought goes through the session into the loop's second block, what the
 * owner wrote through it into records.
 *
 * Not for: TLS itself (tls_session.c). Source: RFC 8446 6.1 (ends). */
#include <errno.h>

#include "base/buf.h"
#include "base/memory.h"
#include "stream_core.h"
#include "tls_session.h"

enum {
    AHEAD_BYTES = 256 << 10, /* ciphertext made before the socket takes some */
    OUTGROWN_BYTES =
        2 * AHEAD_BYTES, /* of ciphertext: only answers that the peer provokes, and does not read, get there */
    RECORD_BYTES = 16384,
    RECORD_OVERHEAD_BYTES = 64,
    ROUNDS_MAX = 8 /* sends in a turn, as long as the kernel takes everything */
};

bool naru__stream_tls_begin(naru__stream *stream, naru_tls *tls, bool server, const char *name)
{
    naru_loop *loop = stream->loop;
    if (!loop->decrypted) {
        loop->decrypted = naru__alloc(loop->below, loop->receive_bytes);
    }
    if (loop->decrypted) {
        stream->tls = naru__tls_session_new(tls, server, name, &loop->cache.allocator);
    }
    stream->phase = NARU__STREAM_TLS;
    return stream->tls != NULL;
}

/* Inside the TLS that is there already. */
static bool nest(naru__stream *stream, naru_tls *tls, const char *name)
{
    bool nested = naru__tls_session_nest(stream->tls, tls, name) == NARU_OK;
    stream->phase = nested ? NARU__STREAM_TLS : stream->phase;
    return nested;
}

naru_status naru__stream_start_tls(naru__stream *stream, naru_tls *tls, const char *name)
{
    if (stream->phase != NARU__STREAM_READY || naru__stream_queued(stream) > 0) {
        return NARU_ERR_STATE;
    }
    if (!(stream->tls ? nest(stream, tls, name) : naru__stream_tls_begin(stream, tls, false, name))) {
        return NARU_ERR_TLS;
    }
    /* The end of the turn goes on, with what has come so far: the client speaks first. */
    naru__stream_mark(stream, NARU__RESUMED);
    naru__stream_flush_later(stream);
    return NARU_OK;
}

void naru__stream_tls_free(naru__stream *stream)
{
    naru__tls_session_free(stream->tls, &stream->loop->cache.allocator);
    stream->tls = NULL;
}

void naru__stream_offer_http2(naru__stream *stream)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    if (stream->tls) {
        (void)SSL_set_alpn_protos(stream->tls->ssl, both, sizeof both - 1);
    }
}

bool naru__stream_chose_http2(const naru__stream *stream)
{
    const unsigned char *name = NULL;
    unsigned bytes = 0;
    if (stream->tls) {
        SSL_get0_alpn_selected(stream->tls->ssl, &name, &bytes);
    }
    return bytes == 2 && name[0] == 'h' && name[1] == '2';
}

size_t naru__stream_tls_backlog(const naru__stream *stream)
{
    return naru__buf_size(&stream->tls->out);
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

static void fail(naru__stream *stream, naru_status why)
{
    char text[NARU__STREAM_ERROR_BYTES];
    naru__tls_session *session = stream->tls;
    naru__tls_explain(session, text, sizeof text);
    /* The alert that tells the peer; if it does not leave now, never. */
    if (naru__buf_size(&session->out) > 0 && !naru__stream_has(stream, NARU__BLOCKED | NARU__BROKEN)) {
        naru__stream_transmit(stream, naru_buf_span(&session->out));
    }
    naru_buf_deinit(&session->out);
    naru_buf_deinit(&session->held);
    naru__stream_fail(stream, why, 0, text);
}

void naru__stream_tls_ended(naru__stream *stream)
{
    /* 8446 6.1: without close_notify nobody knows whether this is all that was sent. */
    naru__stream_fail(stream, NARU_ERR_CLOSED, 0, naru__tls_ended_text(stream->tls));
}

/* ---- in ------------------------------------------------------------------------------------------------ */

/* Keep what the session has not taken. */
static void hold(naru__stream *stream)
{
    naru__tls_session *session = stream->tls;
    naru_span rest = session->in;
    session->in = (naru_span){NULL, 0};
    size_t held = naru__buf_size(&session->held);
    if (held > 0) {
        naru_buf_take(&session->held, held - rest.size); /* it comes from there */
    } else if (naru_buf_append(&session->held, rest) != NARU_OK) {
        session->out_of_memory = true;
    }
}

/* Fill the loop's second block. */
static naru_status decrypt(naru__stream *stream, size_t *filled_out)
{
    naru_loop *loop = stream->loop;
    naru_status status = NARU_OK;
    size_t filled = 0;
    while (status == NARU_OK && filled < loop->receive_bytes) {
        size_t size = 0;
        status = naru__tls_read(stream->tls, loop->decrypted + filled, loop->receive_bytes - filled, &size);
        filled += status == NARU_OK ? size : 0;
    }
    *filled_out = filled;
    return status;
}

/* Decrypt and hand on until nothing is left. NARU_OK: stopped by the owner, who may have begun another handshake. */
static naru_status deliver(naru__stream *stream)
{
    naru_status status = NARU_OK;
    while (status == NARU_OK) {
        size_t filled;
        status = decrypt(stream, &filled);
        if (filled > 0) {
            naru__stream_hand_over(stream, stream->loop->decrypted, filled);
            if (naru__stream_has(stream, NARU__CLOSED | NARU__PAUSED) || !stream->tls->handshaken) {
                return NARU_OK;
            }
        }
    }
    return status;
}

static naru_status shake_hands(naru__stream *stream)
{
    naru_status status = naru__tls_handshake(stream->tls);
    if (status == NARU_OK) {
        stream->phase = NARU__STREAM_READY;
        naru__stream_flush_later(stream);
        if (stream->handler->on_ready) {
            stream->handler->on_ready(stream);
        }
    }
    return status;
}

/* `in` has bytes; or the handshake begins. */
static void advance(naru__stream *stream)
{
    naru__tls_session *session = stream->tls;
    naru_status status = session->handshaken ? NARU_OK : shake_hands(stream);
    if (status == NARU_OK && !naru__stream_has(stream, NARU__CLOSED | NARU__PAUSED)) {
        status = deliver(stream);
    }
    if (naru__stream_has(stream, NARU__CLOSED)) {
        return;
    }
    if (status == NARU_OK) {
        hold(stream);
    } else {
        session->in = (naru_span){NULL, 0};
        naru_buf_deinit(&session->held);
    }
    if (naru__buf_size(&session->out) > 0) {
        naru__stream_flush_later(stream);
    }
    if (session->out_of_memory) {
        fail(stream, NARU_ERR_MEMORY);
    } else if (status == NARU_END) {
        naru__stream_end_read(stream);
    } else if (status < 0) {
        fail(stream, status);
    } else if (naru__buf_size(&session->out) > OUTGROWN_BYTES) {
        naru__stream_fail(stream, NARU_ERR_TLS, 0, "TLS failed: the peer asks for answers and does not read them");
    }
}

void naru__stream_tls_start(naru__stream *stream)
{
    advance(stream);
}

void naru__stream_tls_received(naru__stream *stream, uint8_t *bytes, size_t size)
{
    stream->tls->in = (naru_span){bytes, size};
    advance(stream);
}

void naru__stream_tls_resumed(naru__stream *stream)
{
    stream->tls->in = naru_buf_span(&stream->tls->held);
    advance(stream);
}

/* ---- out ----------------------------------------------------------------------------------------------- */

static naru_status encrypt(naru__stream *stream)
{
    naru__tls_session *session = stream->tls;
    size_t plain = naru__stream_queued(stream);
    plain = plain < AHEAD_BYTES ? plain : (size_t)AHEAD_BYTES;
    /* One block for all records, instead of one that doubles. */
    if (!naru_buf_reserve(&session->out, plain + (plain / RECORD_BYTES + 1) * RECORD_OVERHEAD_BYTES)) {
        return NARU_ERR_MEMORY;
    }
    while (naru__stream_queued(stream) > 0 && naru__buf_size(&session->out) < AHEAD_BYTES) {
        size_t taken = 0;
        naru_status status = naru__tls_write(session, naru__stream_out_front(stream), &taken);
        if (status != NARU_OK) {
            return status;
        }
        naru__stream_out_took(stream, taken);
    }
    return NARU_OK;
}

static naru_status make_records(naru__stream *stream)
{
    naru__tls_session *session = stream->tls;
    if (!session->handshaken) {
        return NARU_OK;
    }
    if (session->notified) {
        naru__stream_out_drop(stream); /* written behind the end */
        return NARU_OK;
    }
    naru_status status = naru__stream_queued(stream) > 0 ? encrypt(stream) : NARU_OK;
    if (status == NARU_OK && naru__stream_has(stream, NARU__SHUTDOWN) && naru__stream_queued(stream) == 0) {
        naru__tls_notify_close(session);
    }
    return status;
}

/* false: nothing more in this turn. */
static bool send_records(naru__stream *stream)
{
    naru_buf *records = &stream->tls->out;
    size_t size = naru__buf_size(records);
    size_t sent = size > 0 ? naru__stream_transmit(stream, naru_buf_span(records)) : 0;
    if (sent == SIZE_MAX) {
        return false;
    }
    naru_buf_take(records, sent);
    return sent == size;
}

static void give_memory_back(naru__stream *stream)
{
    if (stream->out && naru__stream_queued(stream) == 0) {
        naru__stream_reclaim_out(stream);
    }
    if (naru__buf_size(&stream->tls->out) == 0) {
        naru_buf_deinit(&stream->tls->out);
    }
}

naru_buf *naru__stream_tls_records(naru__stream *stream)
{
    naru_status status = make_records(stream);
    if (status != NARU_OK) {
        fail(stream, status);
        return NULL;
    }
    return &stream->tls->out;
}

void naru__stream_tls_sent(naru__stream *stream, size_t size)
{
    naru_buf_take(&stream->tls->out, size);
    give_memory_back(stream);
    if (naru__stream_queued(stream) > 0) {
        naru__stream_flush_later(stream);
    }
}

void naru__stream_tls_flush(naru__stream *stream)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        naru_status status = make_records(stream);
        if (status != NARU_OK) {
            fail(stream, status);
            return;
        }
        if (!send_records(stream) || !stream->tls->handshaken || naru__stream_queued(stream) == 0) {
            give_memory_back(stream);
            return;
        }
    }
    naru__stream_flush_later(stream);
}
