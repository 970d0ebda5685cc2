/* Messages out: framed, masked and compressed straight into the caller's buffer.
 * Not for: control frames (control.c). Source: RFC 6455 5.1, 5.4, 5.6; RFC 7692 6.1, 7.2.1. */
#include "base/ascii.h"
#include "base/buf.h"
#include "deflate.h"
#include "frame.h"
#include "observe.h"

enum { TAIL_BYTES = 4, MASK_BYTES = 4, REACH_MIN = 2048, REACH_MAX = 16384 };

static naru_entropy *masks(const naru_ws *ws, const naru_ws_turn *turn)
{
    return ws->role == NARU_WS_CLIENT ? turn->entropy : NULL;
}

/* How far back a message refers. What is near is worth the most, and each byte of it costs time: so as far as the
 * message is long, twice, unless the application has said how far. A power of two. */
static uint32_t reach_of(const naru_ws *ws, size_t bytes)
{
    uint32_t window = (uint32_t)1 << ws->own_bits;
    uint32_t asked = ws->options->deflate.context_bytes_max;
    uint32_t most = asked != 0 ? asked : REACH_MAX;
    uint32_t reach = asked != 0 ? most : REACH_MIN;
    while (reach < most && reach / 2 < bytes) {
        reach *= 2;
    }
    return reach < window ? reach : window;
}

static void forget(naru_ws *ws)
{
    naru__ws_cold *cold = ws->cold;
    if (!cold || !cold->own.bytes) {
        return;
    }
    naru__ws_window_free(&cold->own, naru__ws_allocator(ws));
    if (!cold->delivered) { /* else an event may be what is being sent */
        naru__ws_cool(ws);
    }
}

/* What is said compressed is what the next message may refer to; its memory is taken before a byte of it is written, so
 * that nothing can fail after. 7692 7.1.1.1: but not behind a message that has to stand alone. */
static bool is_kept(const naru_ws *ws, uint8_t first)
{
    return (ws->flags & NARU__WS_OWN_FRESH) == 0 || (first & NARU__WS_FIN) == 0;
}

static naru_status prepare(naru_ws *ws, size_t bytes)
{
    naru__ws_cold *cold = naru__ws_warm(ws);
    if (!cold) {
        return NARU_ERR_MEMORY;
    }
    if ((ws->flags & NARU__WS_OWN_STALE) != 0) {
        /* 7692 7.1.1: a distance counts from here through all that the peer inflated, frozen messages included. */
        naru__ws_window_free(&cold->own, naru__ws_allocator(ws));
        ws->flags &= (uint16_t)~NARU__WS_OWN_STALE;
    }
    return naru__ws_window_ready(&cold->own, bytes, reach_of(ws, bytes), naru__ws_allocator(ws));
}

static naru_status remember(naru_ws *ws, naru_span data, const naru_ws_turn *turn)
{
    ws->cold->own_ms = turn->now_ms;
    return naru__ws_window_append(&ws->cold->own, data, reach_of(ws, data.size), naru__ws_allocator(ws));
}

/* Append what stands for `data` on the wire. 7692 7.2.1: of a message's end, the last four bytes are left
 * out. */
static naru_status compress(naru_ws *ws, naru_span data, bool last, const naru_ws_turn *turn)
{
    if (data.size == 0) {
        /* 7692 7.2.3.6: one byte is an empty block; what came before was flushed to a byte's edge. */
        return last ? naru__buf_append_byte(turn->out, 0) : NARU_OK;
    }
    const naru_ws_deflate_options *options = &ws->options->deflate;
    const naru__ws_effort effort = {ws->own_bits, options->level, options->memory_level};
    naru_status status = naru__ws_deflate_append(naru__ws_allocator(ws), effort, ws->cold ? &ws->cold->own : NULL,
                                                 reach_of(ws, data.size), data, turn->out);
    if (status == NARU_OK && last) {
        naru__buf_truncate(turn->out, naru__buf_size(turn->out) - TAIL_BYTES);
    }
    return status;
}

/* On failure out is as before, and so is what may be referred to. */
static naru_status append_compressed(naru_ws *ws, uint8_t first, naru_span data, const naru_ws_turn *turn)
{
    naru_buf *out = turn->out;
    size_t at = naru__buf_size(out);
    size_t gap = naru__ws_head_size(data.size) + (masks(ws, turn) ? MASK_BYTES : 0);
    bool kept = is_kept(ws, first) && data.size > 0;
    if ((kept && prepare(ws, data.size) != NARU_OK) || !naru_buf_reserve(out, gap)) {
        return NARU_ERR_MEMORY;
    }
    naru_buf_commit(out, gap);
    naru_status status = compress(ws, data, (first & NARU__WS_FIN) != 0, turn);
    if (status == NARU_OK) {
        status = naru__ws_frame_close(out, at, gap, first, masks(ws, turn));
    }
    if (status == NARU_OK && kept) {
        status = remember(ws, data, turn);
    }
    if (status != NARU_OK) {
        naru__buf_truncate(out, at);
    } else if (!is_kept(ws, first)) {
        forget(ws);
    }
    return status;
}

static naru_status send_whole_compressed(naru_ws *ws, uint8_t first, naru_span data, const naru_ws_turn *turn)
{
    size_t at = naru__buf_size(turn->out);
    size_t spent = turn->entropy ? turn->entropy->used : 0;
    naru_status status = append_compressed(ws, first | NARU__WS_RSV1, data, turn);
    bool fresh = (ws->flags & NARU__WS_OWN_FRESH) != 0;
    /* What the next message refers to must have been said compressed; if it refers to none, the smaller form may go. */
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
    size_t at = naru__buf_size(turn->out);
    naru_status status = naru__ws_wants_compression(ws, data.size, flags)
                             ? send_whole_compressed(ws, first, data, turn)
                             : naru__ws_frame_append(turn->out, first, data, masks(ws, turn));
    naru__ws_observe_sent(ws, status, turn->out, at);
    return status;
}

/* A text is cut in the middle of a character: there has to be a place to note it. */
static bool can_note_text(naru_ws *ws, naru__utf8 utf8)
{
    return naru__utf8_complete(&utf8) || naru__ws_warm(ws);
}

static void note_text(naru_ws *ws, naru__utf8 utf8)
{
    naru__ws_cold *cold = ws->cold;
    if (!cold) {
        return;
    }
    cold->sending_utf8 = utf8;
    if (!cold->delivered) { /* else an event may be what is being sent */
        naru__ws_cool(ws);
    }
}

/* The text so far with this piece: utf8_out is what to keep if the piece leaves. */
static naru_status check_part_text(const naru_ws *ws, naru_span data, bool last, naru__utf8 *utf8_out)
{
    naru__utf8 utf8 = ws->sending != 0 && ws->cold ? ws->cold->sending_utf8 : (naru__utf8){0};
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
    return append_compressed(ws, first, data, turn);
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
    if (naru__ws_in_begun_frame(ws) && naru__ws_begun_check(ws, kind, data.size, last) != NARU_OK) {
        return NARU_ERR_ARGUMENT;
    }
    naru__utf8 utf8 = {0};
    bool check = kind == NARU_WS_TEXT && (flags & NARU_WS_VALID) == 0;
    if (check && check_part_text(ws, data, last, &utf8) != NARU_OK) {
        return NARU_ERR_UTF8;
    }
    if (!can_note_text(ws, utf8)) {
        return NARU_ERR_MEMORY;
    }
    if (naru__ws_in_begun_frame(ws)) {
        ws->cold->sending_utf8 = utf8;
        return naru__ws_begun_piece(ws, kind, data, last, turn);
    }
    bool compressed = naru__ws_wants_compression(ws, data.size, flags);
    uint8_t message = ws->sending != 0 ? ws->sending : (uint8_t)(kind | (compressed ? NARU__WS_COMPRESSED : 0));
    size_t at = naru__buf_size(turn->out);
    naru_status status = append_part(ws, message, data, last, turn);
    naru__ws_observe_sent(ws, status, turn->out, at);
    if (status == NARU_OK) {
        ws->sending = last ? 0 : message;
        note_text(ws, utf8);
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
    size_t at = naru__buf_size(turn->out);
    naru_buf_commit(turn->out, naru__ws_head_write(room, (uint8_t)(NARU__WS_FIN | kind), false, payload_bytes));
    naru__ws_observe_sent(ws, NARU_OK, turn->out, at);
    return NARU_OK;
}
