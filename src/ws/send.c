/* Messages out: framed, masked and compressed straight into the caller's buffer.
 * Not for: control frames (control.c). Source: RFC 6455 5.1, 5.4, 5.6; RFC 7692 6.1, 7.2.1. */
#include "base/ascii.h"
#include "base/buf.h"
#include "deflate.h"
#include "frame.h"

enum { TAIL_BYTES = 4, MASK_BYTES = 4 };

static naru_entropy *masks(const naru_ws *ws, const naru_ws_turn *turn)
{
    return ws->role == NARU_WS_CLIENT ? turn->entropy : NULL;
}

static void drop_deflater(naru_ws *ws)
{
    if (ws->cold) {
        naru__ws_deflater_free(ws->cold->deflater);
        ws->cold->deflater = NULL;
    }
}

static naru__ws_deflater *deflater_of(naru_ws *ws)
{
    naru__ws_cold *cold = naru__ws_warm(ws);
    if (cold && !cold->deflater) {
        const naru_ws_deflate_options *options = &ws->options->deflate;
        cold->deflater = naru__ws_deflater_new(ws->allocator, ws->own_bits, options->level, options->memory_level);
    } else if (cold && (ws->flags & NARU__WS_OWN_STALE) != 0) {
        /* 7692 7.1.1: a distance counts from here through all that the peer inflated, frozen messages included. */
        naru__ws_deflater_reset(cold->deflater);
    }
    ws->flags &= (uint8_t)~NARU__WS_OWN_STALE;
    return cold ? cold->deflater : NULL;
}

/* Append what stands for `data` on the wire. 7692 7.2.1: of a message's end, the last four bytes are left
 * out. */
static naru_status compress(naru_ws *ws, naru_span data, bool last, const naru_ws_turn *turn)
{
    if (data.size == 0) {
        /* 7692 7.2.3.6: one byte is an empty block; what came before was flushed to a byte's edge. */
        return last ? naru__buf_append_byte(turn->out, 0) : NARU_OK;
    }
    naru__ws_deflater *deflater = deflater_of(ws);
    if (!deflater) {
        return NARU_ERR_MEMORY;
    }
    ws->cold->zlib_ms = turn->now_ms;
    naru_status status = naru__ws_deflater_append(deflater, data, turn->out);
    if (status == NARU_OK && last) {
        naru__buf_truncate(turn->out, naru__buf_size(turn->out) - TAIL_BYTES);
    }
    return status;
}

/* On failure out is as before, and the compressor goes: the peer has not seen what it remembers. A fresh
 * one may follow at any time, since it refers to nothing before itself. */
static naru_status append_compressed(naru_ws *ws, uint8_t first, naru_span data, const naru_ws_turn *turn)
{
    naru_buf *out = turn->out;
    size_t at = naru__buf_size(out);
    size_t gap = naru__ws_head_size(data.size) + (masks(ws, turn) ? MASK_BYTES : 0);
    if (!naru_buf_reserve(out, gap)) {
        return NARU_ERR_MEMORY;
    }
    naru_buf_commit(out, gap);
    naru_status status = compress(ws, data, (first & NARU__WS_FIN) != 0, turn);
    if (status == NARU_OK) {
        status = naru__ws_frame_close(out, at, gap, first, masks(ws, turn));
    }
    if (status != NARU_OK) {
        naru__buf_truncate(out, at);
        drop_deflater(ws);
    }
    return status;
}

static void forget(naru_ws *ws)
{
    if ((ws->flags & NARU__WS_OWN_FRESH) != 0 && ws->cold && ws->cold->deflater) {
        naru__ws_deflater_reset(ws->cold->deflater);
    }
}

static naru_status send_whole_compressed(naru_ws *ws, uint8_t first, naru_span data, const naru_ws_turn *turn)
{
    size_t at = naru__buf_size(turn->out);
    size_t spent = turn->entropy ? turn->entropy->used : 0;
    naru_status status = append_compressed(ws, first | NARU__WS_RSV1, data, turn);
    forget(ws);
    /* With a window that lives on, the peer must see these bytes; without, the smaller form may go. */
    bool fresh = (ws->flags & NARU__WS_OWN_FRESH) != 0;
    size_t plain = naru__ws_head_size(data.size) + (masks(ws, turn) ? MASK_BYTES : 0) + data.size;
    if (status != NARU_OK || !fresh || naru__buf_size(turn->out) - at <= plain) {
        return status;
    }
    naru__buf_truncate(turn->out, at);
    if (masks(ws, turn)) {
        turn->entropy->used = spent; /* nothing that it masked leaves */
    }
    return naru__ws_frame_append(turn->out, first, data, masks(ws, turn));
}

static naru_status check_kind(naru_ws_kind kind)
{
    return kind == NARU_WS_TEXT || kind == NARU_WS_BINARY ? NARU_OK : NARU_ERR_ARGUMENT;
}

naru_status naru_ws_send(naru_ws *ws, naru_ws_kind kind, naru_span data, unsigned flags, const naru_ws_turn *turn)
{
    if (ws->state != NARU_WS_OPEN || ws->sending != 0) {
        return NARU_ERR_STATE;
    }
    if (check_kind(kind) != NARU_OK) {
        return NARU_ERR_ARGUMENT;
    }
    if (!naru__ws_turn_ready(ws, turn)) {
        return NARU_ERR_ENTROPY;
    }
    if (kind == NARU_WS_TEXT && (flags & NARU_WS_VALID) == 0 && !naru_utf8_valid(data)) {
        return NARU_ERR_UTF8;
    }
    uint8_t first = (uint8_t)(NARU__WS_FIN | kind);
    if (naru__ws_wants_compression(ws, data.size, flags)) {
        return send_whole_compressed(ws, first, data, turn);
    }
    return naru__ws_frame_append(turn->out, first, data, masks(ws, turn));
}

/* The text so far with this piece: utf8_out is what to keep if the piece leaves. */
static naru_status check_part_text(const naru_ws *ws, naru_span data, bool last, naru__utf8 *utf8_out)
{
    naru__utf8 utf8 = ws->sending != 0 ? ws->sending_utf8 : (naru__utf8){0};
    if (!naru__utf8_feed(&utf8, data, NULL) || (last && !naru__utf8_complete(&utf8))) {
        return NARU_ERR_UTF8;
    }
    *utf8_out = utf8;
    return NARU_OK;
}

static naru_status append_part(naru_ws *ws, uint8_t message, naru_span data, bool last, const naru_ws_turn *turn)
{
    uint8_t first = (uint8_t)((last ? NARU__WS_FIN : 0) | (ws->sending == 0 ? message & NARU__WS_KIND : 0));
    if ((message & NARU__WS_COMPRESSED) == 0) {
        return naru__ws_frame_append(turn->out, first, data, masks(ws, turn));
    }
    first |= ws->sending == 0 ? NARU__WS_RSV1 : 0; /* 7692 6.1: on the first fragment only */
    naru_status status = append_compressed(ws, first, data, turn);
    if (last) {
        forget(ws);
    }
    return status;
}

naru_status naru_ws_send_part(naru_ws *ws, naru_ws_kind kind, naru_span data, bool last, unsigned flags,
                              const naru_ws_turn *turn)
{
    if (ws->state != NARU_WS_OPEN) {
        return NARU_ERR_STATE;
    }
    bool other = ws->sending != 0 && (ws->sending & NARU__WS_KIND) != (uint8_t)kind;
    if (check_kind(kind) != NARU_OK || other) {
        return NARU_ERR_ARGUMENT;
    }
    if (!naru__ws_turn_ready(ws, turn)) {
        return NARU_ERR_ENTROPY;
    }
    naru__utf8 utf8 = {0};
    bool check = kind == NARU_WS_TEXT && (flags & NARU_WS_VALID) == 0;
    if (check && check_part_text(ws, data, last, &utf8) != NARU_OK) {
        return NARU_ERR_UTF8;
    }
    bool compressed = naru__ws_wants_compression(ws, data.size, flags);
    uint8_t message = ws->sending != 0 ? ws->sending : (uint8_t)(kind | (compressed ? NARU__WS_COMPRESSED : 0));
    naru_status status = append_part(ws, message, data, last, turn);
    if (status == NARU_OK) {
        ws->sending = last ? 0 : message;
        ws->sending_utf8 = utf8;
    }
    return status;
}

naru_status naru_ws_send_head(naru_ws *ws, naru_ws_kind kind, uint64_t payload_bytes, const naru_ws_turn *turn)
{
    if (ws->role == NARU_WS_CLIENT) {
        return NARU_ERR_UNSUPPORTED;
    }
    if (ws->state != NARU_WS_OPEN || ws->sending != 0) {
        return NARU_ERR_STATE;
    }
    if (check_kind(kind) != NARU_OK || payload_bytes > INT64_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    uint8_t *room = naru_buf_reserve(turn->out, NARU__WS_HEAD_MAX);
    if (!room) {
        return NARU_ERR_MEMORY;
    }
    naru_buf_commit(turn->out, naru__ws_head_write(room, (uint8_t)(NARU__WS_FIN | kind), false, payload_bytes));
    return NARU_OK;
}
