/* Letters and the audiences that travel with them. Source: none. */
#include "letter.h"

#include <stdatomic.h>
#include <string.h>

static size_t job_offset(size_t channel_bytes)
{
    size_t align = _Alignof(max_align_t);
    return (sizeof(naru__letter) + channel_bytes + align - 1) / align * align;
}

naru__letter *naru__letter_new(naru__letter_kind kind, naru_span channel)
{
    size_t bytes = sizeof(naru__letter) + channel.size;
    if (kind == NARU__LETTER_DELIVER) {
        bytes = job_offset(channel.size) + NARU__JOB_BYTES;
    }
    naru__letter *letter = naru__alloc(naru_allocator_default(), bytes);
    if (!letter) {
        return NULL;
    }
    *letter = (naru__letter){.kind = kind, .bytes = bytes, .channel_bytes = (uint32_t)channel.size};
    if (channel.size > 0) {
        memcpy(letter->channel, channel.data, channel.size);
    }
    return letter;
}

void naru__letter_free(naru__letter *letter)
{
    if (!letter) {
        return;
    }
    const naru_allocator *allocator = naru_allocator_default();
    for (size_t i = 0; i < letter->items_count; i++) {
        naru_publication_unref(letter->items[i]);
    }
    naru__free(allocator, letter->items, letter->items_room * sizeof *letter->items);
    naru_publication_unref(letter->publication);
    naru__envelope_unref(letter->envelope);
    while (letter->spares) {
        naru__letter *spare = letter->spares;
        letter->spares = spare->next;
        naru__letter_free(spare);
    }
    naru__free(allocator, letter, letter->bytes);
}

bool naru__letter_make_room(naru__letter *letter, size_t count)
{
    if (count == 0) {
        return true;
    }
    letter->items = naru__alloc(naru_allocator_default(), count * sizeof *letter->items);
    letter->items_room = letter->items ? count : 0;
    return letter->items != NULL;
}

naru__job *naru__letter_job(naru__letter *letter)
{
    naru__job *job = (naru__job *)(void *)((uint8_t *)letter + job_offset(letter->channel_bytes));
    return job;
}

/* A letter that carries a job bears no channel name of its own: the publication does. */
void naru__letter_release_job(naru__job *job)
{
    naru__letter_free((naru__letter *)(void *)((uint8_t *)job - job_offset(0)));
}

/* ---- audiences -------------------------------------------------------------------------------------------------- */

static size_t names_bytes(const naru_span *names, size_t count)
{
    size_t bytes = count * sizeof *names;
    for (size_t i = 0; i < count; i++) {
        bytes += names[i].size;
    }
    return bytes;
}

static const naru_span *put_names(uint8_t **at, uint8_t **text, const naru_span *names, size_t count)
{
    naru_span *copies = (naru_span *)(void *)*at;
    for (size_t i = 0; i < count; i++) {
        if (names[i].size > 0) {
            memcpy(*text, names[i].data, names[i].size);
        }
        copies[i] = (naru_span){*text, names[i].size};
        *text += names[i].size;
    }
    *at += count * sizeof *copies;
    return copies;
}

naru__envelope *naru__envelope_new(const naru_audience *audience)
{
    const naru_audience *from = audience;
    size_t ids = from->except_subscribers_count * sizeof(uint64_t);
    size_t bytes = sizeof(naru__envelope) + ids + names_bytes(from->channels, from->channels_count) +
                   names_bytes(from->except_channels, from->except_channels_count);
    naru__envelope *envelope = naru__alloc(naru_allocator_default(), bytes);
    if (!envelope) {
        return NULL;
    }
    *envelope = (naru__envelope){.audience = *audience, .bytes = bytes};
    atomic_init(&envelope->references, 1);
    uint8_t *at = (uint8_t *)(envelope + 1);
    if (ids > 0) {
        memcpy(at, from->except_subscribers, ids);
        envelope->audience.except_subscribers = (const uint64_t *)(void *)at;
        at += ids;
    }
    uint8_t *text = at + (from->channels_count + from->except_channels_count) * sizeof(naru_span);
    envelope->audience.channels = put_names(&at, &text, from->channels, from->channels_count);
    envelope->audience.except_channels = put_names(&at, &text, from->except_channels, from->except_channels_count);
    return envelope;
}

naru__envelope *naru__envelope_ref(naru__envelope *envelope)
{
    atomic_fetch_add_explicit(&envelope->references, 1, memory_order_relaxed);
    return envelope;
}

void naru__envelope_unref(naru__envelope *envelope)
{
    if (envelope && atomic_fetch_sub_explicit(&envelope->references, 1, memory_order_acq_rel) == 1) {
        naru__free(naru_allocator_default(), envelope, envelope->bytes);
    }
}
