/* The application's arguments as the JSON of a packet, and the bytes among them as its attachments.
 *
 * Not for: packets' heads (socketio/packet.h). Source: Socket.IO protocol 5, "Packet encoding". */
#include "outgoing.h"

#include "base/buf.h"
#include "socketio/engine_packet.h"
#include <stdio.h>
#include <string.h>

typedef struct args_writer {
    naru_json_writer json;
    const naru_allocator *allocator;
    naru_span *attachments;
    uint32_t count;
    naru_status status;
} args_writer;

size_t naru__sio_args_attachments(naru_sio_args args)
{
    size_t count = 0;
    for (size_t i = 0; i < args.count; i++) {
        bool one = args.values[i].kind == NARU_SIO_BYTES;
        count += one ? 1 : args.values[i].attachments_count;
    }
    return count;
}

static void write_placeholder(naru_json_writer *json, uint32_t num)
{
    char text[48];
    int size = snprintf(text, sizeof text, "{\"_placeholder\":true,\"num\":%u}", num);
    naru_json_write_raw(json, (naru_span){(const uint8_t *)text, (size_t)size});
}

/* ---- JSON with placeholders ------------------------------------------------------------------------------------- */

/* An object that is open, and what of a placeholder was seen in it. */
typedef struct shift {
    naru_buf *out;
    const uint8_t *copied; /* up to here it is in out */
    uint32_t by;
    bool keyed_num, keyed_mark; /* the value that comes next is that of "num", of "_placeholder" */
    bool is_placeholder;
    naru_json num;
} shift;

static naru_status copy_to(shift *s, const uint8_t *end)
{
    naru_span piece = {s->copied, (size_t)(end - s->copied)};
    s->copied = end;
    return naru_buf_append(s->out, piece);
}

static naru_status shift_num(shift *s)
{
    uint64_t num;
    if (naru_json_uint64(s->num, &num)) {
        return NARU_ERR_ARGUMENT;
    }
    char text[24];
    int size = snprintf(text, sizeof text, "%llu", (unsigned long long)num + s->by);
    naru_status status = copy_to(s, s->num.text.data);
    s->copied += s->num.text.size;
    return status ? status : naru_buf_append(s->out, (naru_span){(const uint8_t *)text, (size_t)size});
}

static naru_status shift_token(shift *s, const naru_json_token *token)
{
    bool flag;
    switch (token->kind) {
    case NARU_JSON_TOKEN_KEY:
        s->keyed_num = naru_json_string_equal(token->value, naru_span_of("num"));
        s->keyed_mark = naru_json_string_equal(token->value, naru_span_of("_placeholder"));
        return NARU_OK;
    case NARU_JSON_TOKEN_VALUE:
        if (s->keyed_num) {
            s->num = token->value;
        } else if (s->keyed_mark) {
            s->is_placeholder = naru_json_bool(token->value, &flag) == NARU_OK && flag;
        }
        s->keyed_num = s->keyed_mark = false;
        return NARU_OK;
    case NARU_JSON_TOKEN_OBJECT_END:
        if (s->is_placeholder && s->num.text.size > 0 && shift_num(s)) {
            return NARU_ERR_ARGUMENT;
        }
        break;
    default:
        break;
    }
    s->is_placeholder = s->keyed_num = s->keyed_mark = false;
    s->num = (naru_json){0};
    return NARU_OK;
}

/* The same JSON, its placeholders counting from `by`. They have been checked: each has a num and nothing inside. */
static naru_status shift_placeholders(naru_span json, uint32_t by, naru_buf *out)
{
    shift s = {.out = out, .copied = json.data, .by = by};
    naru_span rest = json;
    naru_json_token token;
    while (naru_json_token_next(&rest, &token)) {
        naru_status status = shift_token(&s, &token);
        if (status) {
            return status;
        }
    }
    return copy_to(&s, json.data + json.size);
}

static naru_status write_checked(args_writer *writer, const naru_sio_value *value)
{
    uint32_t count = (uint32_t)value->attachments_count;
    for (uint32_t i = 0; i < count; i++) {
        writer->attachments[writer->count + i] = value->attachments[i];
    }
    if (count == 0 || writer->count == 0) {
        naru_json_write_raw(&writer->json, value->text);
        writer->count += count;
        return NARU_OK;
    }
    naru_buf shifted;
    naru_buf_init(&shifted, writer->allocator);
    naru_status status = shift_placeholders(value->text, writer->count, &shifted);
    if (status == NARU_OK) {
        naru_json_write_raw(&writer->json, naru_buf_span(&shifted));
        writer->count += count;
    }
    naru_buf_deinit(&shifted);
    return status;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static naru_status write_json(args_writer *writer, const naru_sio_value *value)
{
    naru_json json;
    naru_json_limits limits = {.bytes_max = SIZE_MAX};
    if (naru_json_read(value->text, &limits, &json, NULL)) {
        return NARU_ERR_ARGUMENT;
    }
    if (value->attachments_count > 0 && !naru__sio_placeholders_good(json, (uint32_t)value->attachments_count)) {
        return NARU_ERR_ARGUMENT;
    }
    return write_checked(writer, value);
}

static naru_status write_bytes(args_writer *writer, naru_span bytes)
{
    write_placeholder(&writer->json, writer->count);
    writer->attachments[writer->count++] = bytes;
    return NARU_OK;
}

static naru_status write_value(args_writer *writer, const naru_sio_value *value)
{
    switch (value->kind) {
    case NARU_SIO_NULL:
        naru_json_write_null(&writer->json);
        return NARU_OK;
    case NARU_SIO_BOOL:
        naru_json_write_bool(&writer->json, value->as.boolean);
        return NARU_OK;
    case NARU_SIO_INT:
        naru_json_write_int64(&writer->json, value->as.integer);
        return NARU_OK;
    case NARU_SIO_NUMBER:
        naru_json_write_double(&writer->json, value->as.number);
        return NARU_OK;
    case NARU_SIO_TEXT:
        naru_json_write_string(&writer->json, value->text);
        return NARU_OK;
    case NARU_SIO_BYTES:
        return write_bytes(writer, value->text);
    case NARU_SIO_JSON:
        return write_json(writer, value);
    case NARU_SIO_SPREAD:
        return value->text.size > 0 ? write_checked(writer, value) : NARU_OK;
    }
    return NARU_ERR_ARGUMENT;
}

/* An answer with what came, which needs no second look. */
static bool is_copy(const char *name, naru_sio_args args, naru_span offset)
{
    return !name && offset.size == 0 && args.count == 1 && args.values[0].kind == NARU_SIO_SPREAD &&
           args.values[0].attachments_count == 0;
}

static naru_status write_copy(naru_buf *text, naru_span members)
{
    uint8_t *to = members.size < SIZE_MAX - 2 ? naru_buf_reserve(text, members.size + 2) : NULL;
    if (!to) {
        return NARU_ERR_MEMORY;
    }
    to[0] = '[';
    if (members.size > 0) {
        memcpy(to + 1, members.data, members.size);
    }
    to[members.size + 1] = ']';
    naru_buf_commit(text, members.size + 2);
    return NARU_OK;
}

naru_status naru__sio_args_write(naru_buf *text, const char *name, naru_sio_args args, naru_span offset,
                                 naru_span *attachments_out, uint32_t *count_out)
{
    if (is_copy(name, args, offset)) {
        *count_out = 0;
        return write_copy(text, args.values[0].text);
    }
    args_writer writer = {.allocator = text->allocator, .attachments = attachments_out};
    if (naru__sio_args_attachments(args) > NARU__SIO_ATTACHMENTS_OUT_MAX) {
        return NARU_ERR_TOO_MANY;
    }
    naru_json_writer_init(&writer.json, text, 0);
    naru_json_write_array(&writer.json);
    if (name) {
        naru_json_write_string(&writer.json, naru_span_of(name));
    }
    naru_status status = NARU_OK;
    for (size_t i = 0; status == NARU_OK && i < args.count; i++) {
        status = write_value(&writer, &args.values[i]);
    }
    if (offset.size > 0) {
        naru_json_write_string(&writer.json, offset);
    }
    naru_json_write_array_end(&writer.json);
    *count_out = writer.count;
    naru_status finished = naru_json_writer_finish(&writer.json);
    return status ? status : finished;
}

/* ---- packets ---------------------------------------------------------------------------------------------------- */

static naru_status begin(naru__sio_out *out, uint32_t attachments)
{
    out->packet.attachments = attachments;
    for (uint32_t i = 0; i < attachments; i++) {
        out->shared_attachments[i] = NULL;
    }
    naru_status status = naru__buf_append_byte(&out->text, NARU__ENGINE_MESSAGE);
    return status ? status : naru__sio_packet_write(&out->text, &out->packet);
}

/* What is behind the packet's head is its data. */
static void measure(naru__sio_out *out, size_t head_bytes)
{
    naru_span text = naru_buf_span(&out->text);
    out->packet.data = (naru_json){{text.data + head_bytes, text.size - head_bytes}};
    out->bytes = text.size - 1;
    for (uint32_t i = 0; i < out->packet.attachments; i++) {
        out->bytes += out->attachments[i].size;
    }
}

naru_status naru__sio_out_write(naru__sio_out *out, const char *name, naru_sio_args args, naru_span offset)
{
    size_t attachments = naru__sio_args_attachments(args);
    if (attachments > NARU__SIO_ATTACHMENTS_OUT_MAX) {
        return NARU_ERR_TOO_MANY;
    }
    naru_status status = begin(out, (uint32_t)attachments);
    size_t head_bytes = naru_buf_span(&out->text).size;
    uint32_t count = 0;
    if (status == NARU_OK) {
        status = naru__sio_args_write(&out->text, name, args, offset, out->attachments, &count);
    }
    if (status == NARU_OK) {
        measure(out, head_bytes);
    }
    return status;
}

naru_status naru__sio_out_write_json(naru__sio_out *out, naru_span json, const naru_span *attachments, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        out->attachments[i] = attachments[i];
    }
    naru_status status = begin(out, count);
    size_t head_bytes = naru_buf_span(&out->text).size;
    if (status == NARU_OK) {
        status = naru_buf_append(&out->text, json);
    }
    if (status == NARU_OK) {
        measure(out, head_bytes);
    }
    return status;
}
