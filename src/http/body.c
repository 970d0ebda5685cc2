/* Bodies: of a known length, in chunks, or up to the connection's end. A machine over single bytes where the
 * framing is and over runs where the content is. Chunk extensions are skipped, trailers checked and dropped.
 *
 * Not for: content codings. Source: RFC 9112 6, 7.1. */
#include "base/ascii.h"
#include "chars.h"
#include "head.h"

enum { KIND_NONE, KIND_LENGTH, KIND_CHUNKED, KIND_UNTIL_CLOSE };

enum {
    STATE_DATA, /* also of the kinds without chunks */
    STATE_SIZE_FIRST,
    STATE_SIZE,
    STATE_EXTENSION_BLANK, /* behind the size: only blanks may come before the `;` */
    STATE_EXTENSION,
    STATE_SIZE_LF,
    STATE_DATA_CR,
    STATE_DATA_LF,
    STATE_TRAILER_FIRST,
    STATE_TRAILER_NAME,
    STATE_TRAILER_VALUE,
    STATE_TRAILER_LF,
    STATE_END_LF,
    STATE_DONE,
    STATE_BAD,
    STATE_TOO_BIG
};

enum {
    FRAMING_BYTES_MAX = 8192,
    /* What a chunk's own framing may cost without counting: a size line, and one byte for each byte of
       content. */
    FRAMING_BYTES_FREE = 16
};

static bool status_has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

/* 9112 6.3: how long the body is, by the first rule that fits. */
static uint8_t kind_of(const naru_http_head *head, bool has_body)
{
    bool response = head->role == NARU_HTTP_RESPONSE;
    if (response && (!has_body || status_has_no_body(head->status))) {
        return KIND_NONE;
    }
    if (head->chunked) {
        return KIND_CHUNKED;
    }
    if (head->has_length) {
        return KIND_LENGTH;
    }
    return response ? KIND_UNTIL_CLOSE : KIND_NONE;
}

naru_status naru_http_body_start(naru_http_body *body, const naru_http_head *head, bool has_body, uint64_t bytes_max)
{
    if (head->state != NARU__HEAD_COMPLETE) {
        return NARU_ERR_STATE;
    }
    *body = (naru_http_body){.bytes_max = bytes_max, .kind = kind_of(head, has_body), .state = STATE_DATA};
    if (body->kind == KIND_CHUNKED) {
        body->state = STATE_SIZE_FIRST;
    }
    if (body->kind == KIND_LENGTH) {
        body->left = head->length;
        body->state = head->length > bytes_max ? STATE_TOO_BIG : STATE_DATA;
    }
    return body->state == STATE_TOO_BIG ? NARU_ERR_TOO_BIG : NARU_OK;
}

bool naru_http_body_until_close(const naru_http_body *body)
{
    return body->kind == KIND_UNTIL_CLOSE;
}

/* Hand out at most `left` bytes of the input. */
static naru_status take_content(naru_http_body *body, naru_input *in, uint64_t left, naru_span *piece_out)
{
    size_t size = in->size < left ? in->size : (size_t)left;
    *piece_out = (naru_span){in->data, size};
    in->data += size;
    in->size -= size;
    body->total += size;
    return NARU_OK;
}

static naru_status next_until_close(naru_http_body *body, naru_input *in, naru_span *piece_out)
{
    if (in->size == 0) {
        return NARU_MORE;
    }
    if (body->total == body->bytes_max) {
        body->state = STATE_TOO_BIG;
        return NARU_ERR_TOO_BIG;
    }
    return take_content(body, in, body->bytes_max - body->total, piece_out);
}

static naru_status next_of_length(naru_http_body *body, naru_input *in, naru_span *piece_out)
{
    if (body->left == 0) {
        body->state = STATE_DONE;
        return NARU_END;
    }
    if (in->size == 0) {
        return NARU_MORE;
    }
    naru_status status = take_content(body, in, body->left, piece_out);
    body->left -= piece_out->size;
    return status;
}

/* ---- chunks -------------------------------------------------------------------------------------------- */

/* One more digit of the chunk's size, as long as the chunk can still fit. */
static uint8_t take_digit(naru_http_body *body, uint8_t c)
{
    uint64_t room = body->bytes_max - body->total;
    uint64_t digit = (uint64_t)naru__ascii_hex(c);
    if (body->left > room >> 4 || (body->left << 4 | digit) > room) {
        return STATE_TOO_BIG;
    }
    body->left = body->left << 4 | digit;
    return STATE_SIZE;
}

static uint8_t in_size(naru_http_body *body, uint8_t c)
{
    if (naru__ascii_hex(c) >= 0) {
        return take_digit(body, c);
    }
    if (body->state == STATE_SIZE_FIRST) {
        return STATE_BAD;
    }
    if (c == '\r') {
        return STATE_SIZE_LF;
    }
    return c == ';' ? STATE_EXTENSION : naru__ascii_blank(c) ? STATE_EXTENSION_BLANK : STATE_BAD;
}

static uint8_t in_extension_blank(uint8_t c)
{
    return c == ';' ? STATE_EXTENSION : naru__ascii_blank(c) ? STATE_EXTENSION_BLANK : STATE_BAD;
}

/* A CR or LF in an extension could end the line for one reader and not for another: none but the last CRLF
 * passes. */
static uint8_t in_extension(uint8_t c)
{
    return c == '\r' ? STATE_SIZE_LF : naru__char_is(c, NARU__CHAR_FIELD) ? STATE_EXTENSION : STATE_BAD;
}

static uint8_t after_size_line(naru_http_body *body, uint8_t c)
{
    if (c != '\n') {
        return STATE_BAD;
    }
    if (body->left == 0) {
        return STATE_TRAILER_FIRST;
    }
    uint64_t free_bytes = body->left > FRAMING_BYTES_MAX ? FRAMING_BYTES_MAX : body->left + FRAMING_BYTES_FREE;
    body->line_bytes = body->line_bytes > free_bytes ? body->line_bytes - (uint32_t)free_bytes : 0;
    return STATE_DATA;
}

static uint8_t in_trailer(naru_http_body *body, uint8_t c)
{
    switch (body->state) {
    case STATE_TRAILER_FIRST:
        return c == '\r' ? STATE_END_LF : naru__char_is(c, NARU__CHAR_TOKEN) ? STATE_TRAILER_NAME : STATE_BAD;
    case STATE_TRAILER_NAME:
        return c == ':' ? STATE_TRAILER_VALUE : naru__char_is(c, NARU__CHAR_TOKEN) ? STATE_TRAILER_NAME : STATE_BAD;
    case STATE_TRAILER_VALUE:
        return c == '\r' ? STATE_TRAILER_LF : naru__char_is(c, NARU__CHAR_FIELD) ? STATE_TRAILER_VALUE : STATE_BAD;
    case STATE_TRAILER_LF:
        return c == '\n' ? STATE_TRAILER_FIRST : STATE_BAD;
    default:
        return c == '\n' ? STATE_DONE : STATE_BAD;
    }
}

static uint8_t step(naru_http_body *body, uint8_t c)
{
    switch (body->state) {
    case STATE_SIZE_FIRST:
    case STATE_SIZE:
        return in_size(body, c);
    case STATE_EXTENSION_BLANK:
        return in_extension_blank(c);
    case STATE_EXTENSION:
        return in_extension(c);
    case STATE_SIZE_LF:
        return after_size_line(body, c);
    case STATE_DATA_CR:
        return c == '\r' ? STATE_DATA_LF : STATE_BAD;
    case STATE_DATA_LF:
        return c == '\n' ? STATE_SIZE_FIRST : STATE_BAD;
    default:
        return in_trailer(body, c);
    }
}

/* The framing's cost is counted before the byte is looked at, so that it is bounded whatever the bytes are.
 */
static bool framing_too_big(naru_http_body *body)
{
    uint32_t *bytes = body->state >= STATE_TRAILER_FIRST ? &body->trailer_bytes : &body->line_bytes;
    return ++*bytes > FRAMING_BYTES_MAX;
}

/* Walk the framing up to content or the end. false: the input is used up before. */
static bool walk_framing(naru_http_body *body, naru_input *in)
{
    while (in->size > 0 && body->state != STATE_DATA && body->state < STATE_DONE) {
        body->state = framing_too_big(body) ? STATE_TOO_BIG : step(body, in->data[0]);
        in->data++;
        in->size--;
    }
    return body->state == STATE_DATA || body->state >= STATE_DONE;
}

static naru_status next_of_chunks(naru_http_body *body, naru_input *in, naru_span *piece_out)
{
    if (!walk_framing(body, in)) {
        return NARU_MORE;
    }
    if (body->state != STATE_DATA) {
        return naru_http_body_next(body, in, piece_out);
    }
    if (in->size == 0) {
        return NARU_MORE;
    }
    naru_status status = take_content(body, in, body->left, piece_out);
    body->left -= piece_out->size;
    if (body->left == 0) {
        body->state = STATE_DATA_CR;
    }
    return status;
}

naru_status naru_http_body_next(naru_http_body *body, naru_input *in, naru_span *piece_out)
{
    switch (body->state) {
    case STATE_DONE:
        return NARU_END;
    case STATE_BAD:
        return NARU_ERR_PROTOCOL;
    case STATE_TOO_BIG:
        return NARU_ERR_TOO_BIG;
    default:
        break;
    }
    switch (body->kind) {
    case KIND_CHUNKED:
        return next_of_chunks(body, in, piece_out);
    case KIND_UNTIL_CLOSE:
        return next_until_close(body, in, piece_out);
    case KIND_LENGTH:
        return next_of_length(body, in, piece_out);
    default:
        return NARU_END;
    }
}
