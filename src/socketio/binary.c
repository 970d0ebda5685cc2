/* Placeholders: what is one, and whether all of a packet's name something. And data with bytes on its way out.
 * Not for: what comes in (intake.c). Source: Socket.IO protocol 5; socket.io-parser 4.2, binary. */
#include "binary.h"

#include "base/buf.h"
#include "base/memory.h"

/* An index that no packet has: UINT32_MAX. */
static uint32_t index_of(naru_json num)
{
    uint64_t index;
    return naru_json_uint64(num, &index) == NARU_OK && index < UINT32_MAX ? (uint32_t)index : UINT32_MAX;
}

static bool is_true(naru_json value)
{
    bool yes;
    return naru_json_bool(value, &yes) == NARU_OK && yes;
}

bool naru__sio_placeholder(naru_json value, uint32_t *num_out)
{
    naru_json mark;
    naru_json num = {{NULL, 0}};
    if (!naru_json_find(value, "_placeholder", &mark) || !is_true(mark)) {
        return false;
    }
    *num_out = naru_json_find(value, "num", &num) ? index_of(num) : UINT32_MAX;
    return true;
}

/* What is known of an object that is still open. */
typedef struct level {
    uint32_t num;
    bool marked; /* "_placeholder" is true */
} level;

typedef enum key_kind { KEY_OTHER, KEY_MARK, KEY_NUM } key_kind;

static key_kind kind_of_key(naru_json key)
{
    if (naru_json_string_equal(key, naru_span_of("_placeholder"))) {
        return KEY_MARK;
    }
    return naru_json_string_equal(key, naru_span_of("num")) ? KEY_NUM : KEY_OTHER;
}

/* As JSON.parse, the last of several members of one name counts. */
static void take_member(level *open, key_kind key, naru_json value)
{
    if (key == KEY_MARK) {
        open->marked = is_true(value);
    } else if (key == KEY_NUM) {
        open->num = index_of(value);
    }
}

bool naru__sio_placeholders_good(naru_json data, uint32_t attachments)
{
    level levels[NARU_JSON_DEPTH_MAX + 1];
    size_t depth = 0;
    key_kind key = KEY_OTHER;
    naru_json_token token;
    levels[0] = (level){UINT32_MAX, false};
    for (naru_span rest = data.text; naru_json_token_next(&rest, &token);) {
        switch (token.kind) {
        case NARU_JSON_TOKEN_KEY:
            key = kind_of_key(token.value);
            continue;
        case NARU_JSON_TOKEN_ARRAY_END:
        case NARU_JSON_TOKEN_OBJECT_END:
            if (levels[depth].marked && levels[depth].num >= attachments) {
                return false;
            }
            depth -= depth > 0;
            break;
        default:
            take_member(&levels[depth], key, token.value);
            break;
        }
        bool opens = token.kind == NARU_JSON_TOKEN_ARRAY || token.kind == NARU_JSON_TOKEN_OBJECT;
        if (opens && depth == NARU_JSON_DEPTH_MAX) {
            return false;
        }
        if (opens) {
            levels[++depth] = (level){UINT32_MAX, false};
        }
        key = KEY_OTHER;
    }
    return true;
}

bool naru__sio_message_bytes(const naru__sio_message *message, naru_json value, naru_span *bytes_out)
{
    uint32_t num;
    if (message->packet.attachments == 0 || !naru__sio_placeholder(value, &num) || num >= message->packet.attachments) {
        return false;
    }
    *bytes_out = message->attachments[num];
    return true;
}

/* ---- out ---------------------------------------------------------------------------------------------------- */

void naru__sio_data_init(naru__sio_data *data, const naru_allocator *allocator)
{
    naru_buf_init(&data->text, allocator);
    naru_json_writer_init(&data->json, &data->text, 0);
    data->attachments_count = 0;
}

void naru__sio_data_deinit(naru__sio_data *data)
{
    naru_buf_deinit(&data->text);
}

void naru__sio_data_bytes(naru__sio_data *data, naru_span bytes)
{
    if (data->attachments_count == NARU__SIO_ATTACHMENTS_OUT_MAX) {
        data->json.status = data->json.status == NARU_OK ? NARU_ERR_TOO_MANY : data->json.status;
        return;
    }
    naru_json_write_object(&data->json);
    naru_json_write_key(&data->json, naru_span_of("_placeholder"));
    naru_json_write_bool(&data->json, true);
    naru_json_write_key(&data->json, naru_span_of("num"));
    naru_json_write_uint64(&data->json, data->attachments_count);
    naru_json_write_object_end(&data->json);
    data->attachments[data->attachments_count++] = bytes;
}

naru_status naru__sio_data_finish(naru__sio_data *data, naru_json *value_out)
{
    naru_status status = naru_json_writer_finish(&data->json);
    if (status == NARU_OK) {
        value_out->text = naru_buf_span(&data->text);
    }
    return status;
}
