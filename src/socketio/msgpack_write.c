/* A packet, whose data is JSON with placeholders, to MessagePack. MessagePack says how many before it says what: one
 * pass over the data counts, a second writes. Source: the MessagePack specification; notepack.io 2.2. */
#include <string.h>

#include "base/buf.h"
#include "binary.h"
#include "json/decimal.h"
#include "json/walk.h"
#include "msgpack.h"

typedef struct writer {
    naru_buf *out;
    naru_status status;
    const naru_span *spans;
    uint32_t spans_count;
    naru_buf counts;  /* uint32_t for each array and object, in the order in which they open */
    naru_buf scratch; /* unescaped strings */
    size_t counted;   /* how many of counts were used */
} writer;

static void put(writer *w, naru_span bytes)
{
    if (w->status == NARU_OK) {
        w->status = naru_buf_append(w->out, bytes);
    }
}

/* The first byte and `size` bytes of a number, the highest first. */
static void put_head(writer *w, uint8_t first, uint64_t value, size_t size)
{
    uint8_t bytes[9] = {first};
    for (size_t i = 0; i < size; i++) {
        bytes[1 + i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
    put(w, (naru_span){bytes, 1 + size});
}

/* Kinds that come in 8, 16 and 32 bits, one behind the other. */
static void put_size(writer *w, uint8_t first_of_8, uint64_t size)
{
    if (size <= UINT8_MAX) {
        put_head(w, first_of_8, size, 1);
    } else if (size <= UINT16_MAX) {
        put_head(w, (uint8_t)(first_of_8 + 1), size, 2);
    } else if (size <= UINT32_MAX) {
        put_head(w, (uint8_t)(first_of_8 + 2), size, 4);
    } else {
        w->status = NARU_ERR_ARGUMENT;
    }
}

static void put_string(writer *w, naru_span text)
{
    if (text.size < 32) {
        put_head(w, (uint8_t)(0xa0 | text.size), 0, 0);
    } else {
        put_size(w, 0xd9, text.size);
    }
    put(w, text);
}

static void put_uint(writer *w, uint64_t value)
{
    if (value < 0x80) {
        put_head(w, (uint8_t)value, 0, 0);
    } else if (value <= UINT32_MAX) {
        put_size(w, 0xcc, value);
    } else {
        put_head(w, 0xcf, value, 8);
    }
}

static void put_negative(writer *w, int64_t value)
{
    uint64_t bits = (uint64_t)value;
    if (value >= -32) {
        put_head(w, (uint8_t)bits, 0, 0);
    } else if (value >= INT8_MIN) {
        put_head(w, 0xd0, bits, 1);
    } else if (value >= INT16_MIN) {
        put_head(w, 0xd1, bits, 2);
    } else if (value >= INT32_MIN) {
        put_head(w, 0xd2, bits, 4);
    } else {
        put_head(w, 0xd3, bits, 8);
    }
}

static void put_open(writer *w, uint32_t count, bool map)
{
    if (count < 16) {
        put_head(w, (uint8_t)((map ? 0x80 : 0x90) | count), 0, 0);
    } else if (count <= UINT16_MAX) {
        put_head(w, map ? 0xde : 0xdc, count, 2);
    } else {
        put_head(w, map ? 0xdf : 0xdd, count, 4);
    }
}

/* ---- values ------------------------------------------------------------------------------------------------- */

static void put_json_string(writer *w, naru_json value)
{
    naru_span text;
    if (w->status == NARU_OK) {
        w->status = naru_json_string(value, &w->scratch, &text);
    }
    if (w->status == NARU_OK) {
        put_string(w, text);
    }
}

/* What is above all doubles is infinite, as JSON.parse reads it. */
static void put_number(writer *w, naru_json value)
{
    int64_t whole;
    uint64_t big;
    double number = 0;
    if (naru_json_int64(value, &whole) == NARU_OK) {
        if (whole >= 0) {
            put_uint(w, (uint64_t)whole);
        } else {
            put_negative(w, whole);
        }
    } else if (naru_json_uint64(value, &big) == NARU_OK) {
        put_uint(w, big);
    } else if (naru_json_double(value, &number) == NARU_OK) {
        put_head(w, 0xcb, naru__double_bits(number), 8);
    } else {
        put_head(w, 0xcb, value.text.data[0] == '-' ? UINT64_C(0xfff) << 52 : UINT64_C(0x7ff) << 52, 8);
    }
}

static void put_scalar(writer *w, naru_json value)
{
    switch (naru_json_kind_of(value)) {
    case NARU_JSON_STRING:
        put_json_string(w, value);
        return;
    case NARU_JSON_NUMBER:
        put_number(w, value);
        return;
    case NARU_JSON_BOOL:
        put_head(w, value.text.data[0] == 't' ? 0xc3 : 0xc2, 0, 0);
        return;
    default:
        put_head(w, 0xc0, 0, 0);
        return;
    }
}

/* ---- placeholders ------------------------------------------------------------------------------------------- */

/* Does an object begin here that may be a placeholder? Its first key says it, so that no other is walked twice. */
static bool may_be_placeholder(naru_span rest)
{
    naru_json_token key;
    return naru_json_token_next(&rest, &key) && key.kind == NARU_JSON_TOKEN_KEY &&
           (naru_json_string_equal(key.value, naru_span_of("_placeholder")) ||
            naru_json_string_equal(key.value, naru_span_of("num")));
}

/* The object has just opened; true: it is a placeholder, and rest is behind it. */
static bool take_placeholder(const writer *w, naru_span *rest, naru_json open, uint32_t *num_out)
{
    if (w->spans_count == 0 || !may_be_placeholder(*rest)) {
        return false;
    }
    const uint8_t *begin = open.text.data;
    const uint8_t *end = rest->data + rest->size;
    const uint8_t *behind = naru__json_value_end(begin, end);
    if (!naru__sio_placeholder(naru__json_between(begin, behind), num_out)) {
        return false;
    }
    *rest = (naru_span){behind, (size_t)(end - behind)};
    return true;
}

static void put_attachment(writer *w, uint32_t num)
{
    if (num >= w->spans_count) {
        w->status = w->status == NARU_OK ? NARU_ERR_ARGUMENT : w->status;
        return;
    }
    put_size(w, 0xc4, w->spans[num].size);
    put(w, w->spans[num]);
}

/* ---- two passes --------------------------------------------------------------------------------------------- */

static void bump(writer *w, size_t index)
{
    uint32_t count;
    uint8_t *at = w->counts.data + w->counts.begin + index * sizeof count;
    memcpy(&count, at, sizeof count);
    count++;
    memcpy(at, &count, sizeof count);
}

static bool opens(naru_json_token_kind kind)
{
    return kind == NARU_JSON_TOKEN_ARRAY || kind == NARU_JSON_TOKEN_OBJECT;
}

static void count(writer *w, naru_json data)
{
    static const uint32_t none = 0;
    size_t open[NARU_JSON_DEPTH_MAX];
    size_t depth = 0;
    size_t made = 0;
    uint32_t num;
    naru_json_token token;
    for (naru_span rest = data.text; w->status == NARU_OK && naru_json_token_next(&rest, &token);) {
        if (token.kind == NARU_JSON_TOKEN_KEY) {
            continue;
        }
        bool ends = token.kind == NARU_JSON_TOKEN_ARRAY_END || token.kind == NARU_JSON_TOKEN_OBJECT_END;
        if (ends) {
            depth -= depth > 0;
            continue;
        }
        if (depth > 0) {
            bump(w, open[depth - 1]);
        }
        bool bytes = token.kind == NARU_JSON_TOKEN_OBJECT && take_placeholder(w, &rest, token.value, &num);
        if (!opens(token.kind) || bytes) {
            continue;
        }
        if (depth == NARU_JSON_DEPTH_MAX) {
            w->status = NARU_ERR_ARGUMENT;
            return;
        }
        w->status = naru_buf_append(&w->counts, (naru_span){(const uint8_t *)&none, sizeof none});
        open[depth++] = made++;
    }
}

static uint32_t next_count(writer *w)
{
    uint32_t count_of_it;
    memcpy(&count_of_it, w->counts.data + w->counts.begin + w->counted * sizeof count_of_it, sizeof count_of_it);
    w->counted++;
    return count_of_it;
}

static void put_token(writer *w, naru_json_token token, naru_span *rest)
{
    uint32_t num;
    switch (token.kind) {
    case NARU_JSON_TOKEN_VALUE:
        put_scalar(w, token.value);
        return;
    case NARU_JSON_TOKEN_KEY:
        put_json_string(w, token.value);
        return;
    case NARU_JSON_TOKEN_ARRAY:
        put_open(w, next_count(w), false);
        return;
    case NARU_JSON_TOKEN_OBJECT:
        if (take_placeholder(w, rest, token.value, &num)) {
            put_attachment(w, num);
        } else {
            put_open(w, next_count(w), true);
        }
        return;
    default:
        return;
    }
}

static void put_data(writer *w, naru_json data)
{
    naru_json_token token;
    count(w, data);
    for (naru_span rest = data.text; w->status == NARU_OK && naru_json_token_next(&rest, &token);) {
        put_token(w, token, &rest);
    }
}

/* ---- the packet --------------------------------------------------------------------------------------------- */

static naru__sio_type plain_type(naru__sio_type type)
{
    if (type == NARU__SIO_BINARY_EVENT) {
        return NARU__SIO_EVENT;
    }
    return type == NARU__SIO_BINARY_ACK ? NARU__SIO_ACK : type;
}

static void put_packet(writer *w, const naru__sio_packet *packet)
{
    bool has_data = packet->data.text.size > 0;
    put_open(w, 2 + (uint32_t)has_data + packet->has_id, true);
    put_string(w, naru_span_of("type"));
    put_uint(w, plain_type(packet->type));
    if (has_data) {
        put_string(w, naru_span_of("data"));
        put_data(w, packet->data);
    }
    put_string(w, naru_span_of("nsp"));
    put_string(w, packet->nsp.size > 0 ? packet->nsp : naru_span_of("/"));
    if (packet->has_id) {
        put_string(w, naru_span_of("id"));
        put_uint(w, packet->id);
    }
}

naru_status naru__sio_msgpack_write(naru_buf *out, const naru__sio_packet *packet, const naru_span *spans)
{
    if (packet->attachments > NARU__SIO_ATTACHMENTS_OUT_MAX || (packet->nsp.size > 0 && packet->nsp.data[0] != '/')) {
        return NARU_ERR_ARGUMENT;
    }
    writer w = {.out = out, .spans = spans, .spans_count = packet->attachments};
    size_t before = naru__buf_size(out);
    naru_buf_init(&w.counts, out->allocator);
    naru_buf_init(&w.scratch, out->allocator);
    put_packet(&w, packet);
    naru_buf_deinit(&w.counts);
    naru_buf_deinit(&w.scratch);
    if (w.status != NARU_OK) {
        naru__buf_truncate(out, before);
    }
    return w.status;
}
