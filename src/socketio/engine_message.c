/* A message's life and its ways to be written. Source: see engine_message.h. */
#include "engine_message.h"

#include "base/memory.h"
#include <string.h>

naru__engine_message *naru__engine_message_new(const naru_allocator *allocator, bool binary, size_t size,
                                               uint8_t **payload_out)
{
    if (size > SIZE_MAX / 4) {
        return NULL;
    }
    const naru_allocator *from = naru__allocator_or_default(allocator);
    naru__engine_message *message = naru__alloc(from, sizeof *message + 1 + size);
    if (!message) {
        return NULL;
    }
    uint8_t *bytes = (uint8_t *)(message + 1);
    bytes[0] = binary ? 0x04 : '4';
    *message = (naru__engine_message){
        .allocator = from, .refs = 1, .binary = binary, .size = size, .units = SIZE_MAX, .bytes = bytes};
    *payload_out = bytes + 1;
    return message;
}

naru__engine_message *naru__engine_message_ref(naru__engine_message *message)
{
    message->refs += message->allocator != NULL;
    return message;
}

static size_t base64_bytes(const naru__engine_message *message)
{
    return (message->size + 2) / 3 * 4;
}

void naru__engine_message_unref(naru__engine_message *message)
{
    if (!message || !message->allocator || --message->refs > 0) {
        return;
    }
    for (size_t i = 0; i < NARU__ENGINE_FRAMES; i++) {
        if (message->frames[i]) {
            message->release_frame(message->frames[i]);
        }
    }
    naru__free(message->allocator, message->base64, message->base64 ? base64_bytes(message) + 1 : 0);
    naru__free(message->allocator, message, sizeof *message + 1 + message->size);
}

naru__engine_message *naru__engine_control(char type)
{
#define CONTROL(digit)                                                                                                 \
    {                                                                                                                  \
        .bytes = (const uint8_t *)(digit)                                                                              \
    }
    static naru__engine_message controls[] = {CONTROL("1"), CONTROL("2"), CONTROL("3"),
                                              CONTROL("4"), CONTROL("5"), CONTROL("6")};
#undef CONTROL
    return &controls[type - '1'];
}

naru_span naru__engine_message_base64(naru__engine_message *message)
{
    size_t size = base64_bytes(message);
    if (!message->base64) {
        message->base64 = naru__alloc(message->allocator, size + 1);
        if (!message->base64) {
            return (naru_span){0};
        }
        naru_base64_encode((naru_span){message->bytes + 1, message->size}, message->base64);
    }
    return (naru_span){(const uint8_t *)message->base64, size};
}

/* Every byte that begins a character is a unit, and one of four bytes is a pair of them. */
size_t naru__engine_units(naru_span text)
{
    size_t units = 0;
    for (size_t i = 0; i < text.size; i++) {
        units += (size_t)((text.data[i] & 0xc0) != 0x80) + (size_t)(text.data[i] >= 0xf0);
    }
    return units;
}

size_t naru__engine_message_units(naru__engine_message *message)
{
    if (!message->allocator) {
        return 0;
    }
    if (message->units == SIZE_MAX) {
        message->units = naru__engine_units((naru_span){message->bytes + 1, message->size});
    }
    return message->units;
}

naru__engine_form naru__engine_message_form(const naru__engine_message *message, int revision, bool base64)
{
    if (!message->binary) {
        return NARU__ENGINE_FORM_TEXT;
    }
    if (base64) {
        return NARU__ENGINE_FORM_BASE64;
    }
    return revision == 3 ? NARU__ENGINE_FORM_TYPED : NARU__ENGINE_FORM_BYTES;
}

naru_span naru__engine_message_frame(const naru__engine_message *message, naru__engine_form form)
{
    if (form == NARU__ENGINE_FORM_BYTES) {
        return (naru_span){message->bytes + 1, message->size};
    }
    return (naru_span){message->bytes, message->size + 1};
}
