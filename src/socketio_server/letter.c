/* A letter: one block with all that it says, frozen, shared by the inboxes that it lies in. See group.h. */
#include "group.h"

#include "base/memory.h"
#include <string.h>

static size_t spans_bytes(const naru_span *spans, uint32_t count)
{
    size_t bytes = count * sizeof *spans;
    for (uint32_t i = 0; i < count; i++) {
        bytes += spans[i].size;
    }
    return bytes;
}

static size_t bytes_of(const naru__sio_letter *draft, uint32_t copies)
{
    return sizeof *draft + copies * sizeof(naru__sio_copy) + draft->nsp.size + draft->data.size + draft->id.size +
           spans_bytes(draft->attachments, draft->attachments_count) + spans_bytes(draft->rooms, draft->rooms_count) +
           spans_bytes(draft->except, draft->except_count);
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

static const naru_span *put_all(naru_span **spans, uint8_t **at, const naru_span *list, uint32_t count)
{
    naru_span *copies = *spans;
    *spans += count;
    for (uint32_t i = 0; i < count; i++) {
        copies[i] = put(at, list[i]);
    }
    return copies;
}

naru__sio_letter *naru__sio_letter_new(naru_sio *io, const naru__sio_letter *draft)
{
    uint32_t copies = atomic_load_explicit(&io->member->group->count, memory_order_acquire);
    size_t bytes = bytes_of(draft, copies);
    naru__sio_letter *letter = naru__alloc(naru_allocator_default(), bytes);
    if (!letter) {
        return NULL;
    }
    *letter = *draft;
    atomic_init(&letter->references, 1);
    letter->from = io->member->index;
    letter->bytes = bytes;
    letter->copies = (naru__sio_copy *)(letter + 1);
    letter->copies_count = copies;
    naru_span *spans = (naru_span *)(letter->copies + copies);
    uint8_t *at = (uint8_t *)(spans + draft->attachments_count + draft->rooms_count + draft->except_count);
    letter->attachments = put_all(&spans, &at, draft->attachments, draft->attachments_count);
    letter->rooms = put_all(&spans, &at, draft->rooms, draft->rooms_count);
    letter->except = put_all(&spans, &at, draft->except, draft->except_count);
    letter->nsp = put(&at, draft->nsp);
    letter->data = put(&at, draft->data);
    letter->id = put(&at, draft->id);
    return letter;
}

void naru__sio_letter_unref(naru__sio_letter *letter)
{
    if (atomic_fetch_sub_explicit(&letter->references, 1, memory_order_acq_rel) == 1) {
        naru__free(naru_allocator_default(), letter, letter->bytes);
    }
}

/* ---- to whom ---------------------------------------------------------------------------------------------------- */

static uint32_t number_of(const naru_sio_namespace *parent)
{
    uint32_t number = 1;
    for (const naru_sio_namespace *at = parent->io->parents; at != parent; at = at->next) {
        number++;
    }
    return number;
}

static naru_span *append(naru_span *to, const naru_span *from, size_t count)
{
    if (count > 0) {
        memcpy(to, from, count * sizeof *from);
    }
    return to + count;
}

/* Of the sender the others know its id, which is the name of a room. */
naru_status naru__sio_letter_address(naru__sio_letter *draft, const naru_sio_target *target, naru__sio_names *names)
{
    size_t rooms = target->rooms_count + target->rooms_more_count;
    size_t except = target->except_count + target->except_more_count + (target->sender ? 1 : 0);
    bool parent = target->nsp->kind == NARU__SIO_PARENT;
    if (rooms > UINT32_MAX || except > UINT32_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    names->bytes = (rooms + except + 1) * sizeof(naru_span);
    names->names = naru__alloc(naru_allocator_default(), names->bytes);
    if (!names->names) {
        return NARU_ERR_MEMORY;
    }
    naru_span *at = append(names->names, target->rooms, target->rooms_count);
    at = append(at, target->rooms_more, target->rooms_more_count);
    draft->rooms = names->names;
    draft->rooms_count = (uint32_t)rooms;
    draft->except = at;
    draft->except_count = (uint32_t)except;
    at = append(at, target->except, target->except_count);
    at = append(at, target->except_more, target->except_more_count);
    if (target->sender) {
        *at = naru__sio_id(target->sender);
    }
    draft->parent = parent ? number_of(target->nsp) : 0;
    draft->nsp = parent ? (naru_span){0} : naru__sio_name(target->nsp);
    draft->is_volatile = target->is_volatile;
    draft->no_compress = target->no_compress;
    draft->timeout_ms = target->timeout_ms;
    return NARU_OK;
}

void naru__sio_names_free(naru__sio_names *names)
{
    naru__free(naru_allocator_default(), names->names, names->bytes);
}

/* ---- orders and answers ----------------------------------------------------------------------------------------- */

naru_status naru__sio_publish_order(const naru_sio_target *target, naru__sio_letter_kind kind, naru_span room,
                                    bool close)
{
    naru__sio_letter draft = {.kind = kind, .id = room, .close = close};
    naru__sio_names names = {0};
    if (!naru__sio_target_good(target)) {
        return NARU_ERR_ARGUMENT;
    }
    if (!naru__sio_goes_round(target)) {
        return NARU_OK;
    }
    naru_status status = naru__sio_letter_address(&draft, target, &names);
    naru__sio_letter *letter = status == NARU_OK ? naru__sio_letter_new(target->nsp->io, &draft) : NULL;
    naru__sio_names_free(&names);
    if (!letter) {
        return status ? status : NARU_ERR_MEMORY;
    }
    return naru__sio_publish(target->nsp->io, letter, NULL);
}

void naru__sio_answer_letter(naru_sio *io, uint32_t to, uint64_t question, naru_span id, naru_span data,
                             const naru_span *attachments, uint32_t attachments_count)
{
    naru__sio_letter draft = {.kind = NARU__SIO_LETTER_ANSWER,
                              .question = question,
                              .id = id,
                              .data = data,
                              .attachments = attachments,
                              .attachments_count = attachments_count};
    naru__sio_letter *letter = io->member ? naru__sio_letter_new(io, &draft) : NULL;
    if (letter) { /* without memory for it, time will be up for who asked */
        naru__sio_send_to(io, to, letter);
    }
}
