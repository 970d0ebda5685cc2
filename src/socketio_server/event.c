/* An event as its listener reads it: over the bytes that came, unescaping only what is asked for.
 *
 * Not for: who hears it (dispatch.c), answers (answer.c). Source: none. */
#include "base/memory.h"
#include "sio.h"
#include <string.h>

/* ---- making one ------------------------------------------------------------------------------------------------- */

/* A string without its escapes: as it lies there, or in a scrap that lives as long as the event. */
static bool unescaped(const naru_sio_event *event, naru_json value, naru_span *out)
{
    if (naru_json_string_plain(value, out)) {
        return true;
    }
    if (!naru_json_is(value, NARU_JSON_STRING)) {
        return false;
    }
    size_t capacity = value.text.size;
    naru__sio_scrap *scrap = naru__alloc(event->allocator, sizeof *scrap + capacity);
    if (!scrap) {
        return false;
    }
    *scrap = (naru__sio_scrap){.next = event->state->scraps, .bytes = sizeof *scrap + capacity};
    event->state->scraps = scrap;
    size_t size = 0;
    if (naru_json_string_copy(value, (char *)scrap->text, capacity, &size)) {
        return false;
    }
    *out = (naru_span){scrap->text, size};
    return true;
}

/* The members behind the first `skipped` ones, without the comma before them. */
static naru_span members_of(naru_json array, naru_json name)
{
    naru_span text = array.text;
    const uint8_t *end = text.data + text.size - 1;
    const uint8_t *from = name.text.data ? name.text.data + name.text.size : text.data + 1;
    while (from < end && (*from == ',' || *from == ' ' || *from == '\t' || *from == '\n' || *from == '\r')) {
        from++;
    }
    return (naru_span){from, (size_t)(end - from)};
}

/* Of a packet that came it has been found; of one that was written it has not. */
static naru_json name_of(const naru__sio_packet *packet)
{
    naru_json name = packet->name;
    if (!name.text.data) {
        naru_json_iter iter = naru_json_each(packet->data);
        (void)naru_json_next(&iter, NULL, &name);
    }
    return name;
}

void naru__sio_event_init(naru_sio_event *event, naru__sio_event_state *state, naru_sio *io,
                          const naru__sio_packet *packet, const naru_span *attachments, bool is_answer)
{
    uint32_t count = packet->attachments;
    *state = (naru__sio_event_state){0};
    *event = (naru_sio_event){.array = packet->data,
                              .attachments = attachments,
                              .attachments_count = count,
                              .is_answer = is_answer,
                              .state = state,
                              .allocator = io->allocator};
    naru_json name = {0};
    if (!is_answer) {
        name = name_of(packet);
        /* A number may be an event's name too; it is heard under its digits. */
        if (!unescaped(event, name, &event->name)) {
            event->name = name.text;
        }
    }
    event->json = members_of(packet->data, name);
    event->spread = (naru_sio_value){
        .kind = NARU_SIO_SPREAD, .text = event->json, .attachments = attachments, .attachments_count = count};
}

void naru__sio_event_deinit(naru_sio_event *event)
{
    naru__sio_scrap *scrap = event->state->scraps;
    while (scrap) {
        naru__sio_scrap *next = scrap->next;
        naru__free(event->allocator, scrap, scrap->bytes);
        scrap = next;
    }
    event->state->scraps = NULL;
}

/* ---- copying it ------------------------------------------------------------------------------------------------- */

size_t naru__sio_event_bytes(const naru_sio_event *event)
{
    size_t bytes = event->array.text.size + event->attachments_count * sizeof(naru_span);
    for (uint32_t i = 0; i < event->attachments_count; i++) {
        bytes += event->attachments[i].size;
    }
    return bytes;
}

static naru_span put(uint8_t **at, naru_span bytes)
{
    naru_span copy = {*at, bytes.size};
    if (bytes.size > 0) {
        memcpy(*at, bytes.data, bytes.size);
    }
    *at += bytes.size;
    return copy;
}

void naru__sio_event_copy(naru_sio_event *copy, naru__sio_event_state *state, naru_sio *io, const naru_sio_event *event,
                          void *space)
{
    naru_span *spans = space;
    uint8_t *at = (uint8_t *)(spans + event->attachments_count);
    for (uint32_t i = 0; i < event->attachments_count; i++) {
        spans[i] = put(&at, event->attachments[i]);
    }
    naru__sio_packet packet = {.attachments = event->attachments_count, .data = {put(&at, event->array.text)}};
    naru__sio_event_init(copy, state, io, &packet, spans, event->is_answer);
    copy->socket = event->socket;
    copy->wants_answer = event->wants_answer;
    copy->id = event->id;
}

/* ---- reading it ------------------------------------------------------------------------------------------------- */

naru_span naru_sio_event_name(const naru_sio_event *event)
{
    return event->name;
}

naru_span naru_sio_event_json(const naru_sio_event *event)
{
    return event->json;
}

size_t naru_sio_event_count(const naru_sio_event *event)
{
    return naru_json_count(event->array) - (event->is_answer ? 0 : 1);
}

static bool argument(const naru_sio_event *event, size_t index, naru_json *value_out)
{
    naru_json_iter iter = naru_json_each(event->array);
    bool there = event->is_answer || naru_json_next(&iter, NULL, value_out);
    for (size_t i = 0; there && i <= index; i++) {
        there = naru_json_next(&iter, NULL, value_out);
    }
    return there;
}

naru_span naru_sio_event_arg(const naru_sio_event *event, size_t index)
{
    naru_json value;
    return argument(event, index, &value) ? value.text : (naru_span){0};
}

bool naru_sio_event_text(const naru_sio_event *event, size_t index, naru_span *value_out)
{
    naru_json value;
    return argument(event, index, &value) && unescaped(event, value, value_out);
}

bool naru_sio_event_number(const naru_sio_event *event, size_t index, double *value_out)
{
    naru_json value;
    return argument(event, index, &value) && naru_json_double(value, value_out) == NARU_OK;
}

bool naru_sio_event_int(const naru_sio_event *event, size_t index, int64_t *value_out)
{
    naru_json value;
    return argument(event, index, &value) && naru_json_int64(value, value_out) == NARU_OK;
}

bool naru_sio_event_bool(const naru_sio_event *event, size_t index, bool *value_out)
{
    naru_json value;
    return argument(event, index, &value) && naru_json_bool(value, value_out) == NARU_OK;
}

bool naru_sio_event_bytes(const naru_sio_event *event, size_t index, naru_span *value_out)
{
    naru_json value;
    uint32_t num;
    if (event->attachments_count == 0 || !argument(event, index, &value) || !naru__sio_placeholder(value, &num) ||
        num >= event->attachments_count) {
        return false;
    }
    *value_out = event->attachments[num];
    return true;
}

size_t naru_sio_event_attachments(const naru_sio_event *event)
{
    return event->attachments_count;
}

naru_span naru_sio_event_attachment(const naru_sio_event *event, size_t num)
{
    return num < event->attachments_count ? event->attachments[num] : (naru_span){0};
}

naru_sio_args naru_sio_event_args(const naru_sio_event *event)
{
    return (naru_sio_args){&event->spread, 1};
}

bool naru_sio_event_wants_answer(const naru_sio_event *event)
{
    return event->wants_answer && !event->state->answered;
}
