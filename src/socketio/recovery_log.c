/* The log of events that a session may miss: a ring, bounded by count, bytes and age; offsets; and who an event is for.
 * Not for: sessions (recovery.c). Source: Socket.IO 4.6, "Connection state recovery"; socket.io-adapter 2.5. */
#include "recovery_inside.h"

#include <string.h>

#include "base/ascii.h"
#include "base/memory.h"

/* ---- packing ------------------------------------------------------------------------------------------------ */

naru_span naru__sio_pack(naru__sio_packer *packer, naru_span bytes)
{
    naru_span packed = {packer->bytes, bytes.size};
    if (bytes.size > 0) {
        memcpy(packer->bytes, bytes.data, bytes.size);
        packer->bytes += bytes.size;
    }
    return packed;
}

const naru_span *naru__sio_pack_all(naru__sio_packer *packer, const naru_span *spans, uint32_t count)
{
    naru_span *packed = packer->spans;
    packer->spans += count;
    for (uint32_t i = 0; i < count; i++) {
        packed[i] = naru__sio_pack(packer, spans[i]);
    }
    return packed;
}

/* ---- offsets ------------------------------------------------------------------------------------------------ */

uint64_t naru__sio_recovery_position(const naru__sio_recovery *recovery)
{
    return recovery->last;
}

/* epoch, a dot, decimal digits. */
size_t naru__sio_recovery_offset(const naru__sio_recovery *recovery, uint64_t position,
                                 char out[NARU__SIO_OFFSET_BYTES_MAX])
{
    memcpy(out, recovery->epoch, recovery->epoch_size);
    size_t size = recovery->epoch_size;
    out[size++] = '.';
    char reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + position % 10);
        position /= 10;
    } while (position > 0);
    while (count > 0) {
        out[size++] = reversed[--count];
    }
    return size;
}

bool naru__sio_recovery_parse(const naru__sio_recovery *recovery, naru_span offset, uint64_t *position_out)
{
    size_t head = recovery->epoch_size;
    if (offset.size < head + 2 || offset.size > head + 20 || memcmp(offset.data, recovery->epoch, head) != 0 ||
        offset.data[head] != '.') {
        return false;
    }
    uint64_t position = 0;
    for (size_t i = head + 1; i < offset.size; i++) {
        if (!naru__ascii_digit(offset.data[i])) {
            return false;
        }
        position = position * 10 + (uint64_t)(offset.data[i] - '0'); /* 19 digits at most: no overflow */
    }
    *position_out = position;
    return true;
}

bool naru__sio_recovery_reaches(const naru__sio_recovery *recovery, uint64_t position)
{
    return position <= recovery->last && position >= recovery->last - recovery->count;
}

/* ---- the ring ----------------------------------------------------------------------------------------------- */

static naru__sio_record **slot(const naru__sio_recovery *recovery, uint64_t position)
{
    return &recovery->ring[position & (recovery->ring_size - 1)];
}

static void drop_oldest(naru__sio_recovery *recovery)
{
    naru__sio_record *record = *slot(recovery, recovery->last - recovery->count + 1);
    recovery->log_bytes -= record->block_bytes;
    recovery->count--;
    naru__free(recovery->allocator, record, record->block_bytes);
}

void naru__sio_recovery_log_clear(naru__sio_recovery *recovery)
{
    while (recovery->count > 0) {
        drop_oldest(recovery);
    }
    naru__free(recovery->allocator, recovery->ring, recovery->ring_size * sizeof recovery->ring[0]);
    recovery->ring = NULL;
    recovery->ring_size = 0;
}

uint64_t naru__sio_recovery_log_until_ms(const naru__sio_recovery *recovery)
{
    if (recovery->count == 0) {
        return UINT64_MAX;
    }
    const naru__sio_record *record = *slot(recovery, recovery->last - recovery->count + 1);
    return record->at_ms + recovery->options.away_ms_max;
}

void naru__sio_recovery_log_sweep(naru__sio_recovery *recovery, uint64_t now_ms)
{
    while (naru__sio_recovery_log_until_ms(recovery) <= now_ms) {
        drop_oldest(recovery);
    }
}

static bool grow_ring(naru__sio_recovery *recovery)
{
    uint32_t size = recovery->ring_size ? recovery->ring_size * 2 : 16;
    naru__sio_record **fresh = naru__alloc(recovery->allocator, size * sizeof fresh[0]);
    if (!fresh) {
        return false;
    }
    for (uint32_t i = 0; i < recovery->count; i++) {
        uint64_t position = recovery->last - i;
        fresh[position & (size - 1)] = *slot(recovery, position);
    }
    naru__free(recovery->allocator, recovery->ring, recovery->ring_size * sizeof recovery->ring[0]);
    recovery->ring = fresh;
    recovery->ring_size = size;
    return true;
}

/* ---- taking an event ---------------------------------------------------------------------------------------- */

static size_t block_bytes(const naru__sio_recovery_event *event)
{
    return sizeof(naru__sio_record) + event->data.size +
           naru__sio_spans_bytes(event->attachments, event->attachments_count) +
           naru__sio_spans_bytes(event->rooms, event->rooms_count) +
           naru__sio_spans_bytes(event->except, event->except_count);
}

static naru__sio_record *copy(const naru_allocator *allocator, const naru__sio_recovery_event *event, size_t bytes,
                              uint64_t now_ms)
{
    naru__sio_record *record = naru__alloc(allocator, bytes);
    if (!record) {
        return NULL;
    }
    naru_span *spans = (naru_span *)(record + 1);
    size_t spans_count = (size_t)event->attachments_count + event->rooms_count + event->except_count;
    naru__sio_packer packer = {spans, (uint8_t *)(spans + spans_count)};
    *record = (naru__sio_record){.at_ms = now_ms, .block_bytes = bytes, .event = *event};
    record->event.attachments = naru__sio_pack_all(&packer, event->attachments, event->attachments_count);
    record->event.rooms = naru__sio_pack_all(&packer, event->rooms, event->rooms_count);
    record->event.except = naru__sio_pack_all(&packer, event->except, event->except_count);
    record->event.data = naru__sio_pack(&packer, event->data);
    return record;
}

static naru_status insert(naru__sio_recovery *recovery, const naru__sio_recovery_event *event, size_t bytes,
                          uint64_t now_ms)
{
    if (recovery->count == recovery->ring_size && !grow_ring(recovery)) {
        return NARU_ERR_MEMORY;
    }
    naru__sio_record *record = copy(recovery->allocator, event, bytes, now_ms);
    if (!record) {
        return NARU_ERR_MEMORY;
    }
    recovery->last++;
    recovery->count++;
    recovery->log_bytes += bytes;
    *slot(recovery, recovery->last) = record;
    return NARU_OK;
}

naru_status naru__sio_recovery_log(naru__sio_recovery *recovery, const naru__sio_recovery_event *event, uint64_t now_ms)
{
    size_t bytes = block_bytes(event);
    naru__sio_recovery_log_sweep(recovery, now_ms);
    naru_status status = bytes > recovery->options.log_bytes_max ? NARU_ERR_TOO_BIG : NARU_OK;
    while (status == NARU_OK && recovery->count > 0 &&
           (recovery->count >= recovery->options.events_max ||
            recovery->log_bytes > recovery->options.log_bytes_max - bytes)) {
        drop_oldest(recovery);
    }
    if (status == NARU_OK) {
        status = insert(recovery, event, bytes, now_ms);
    }
    if (status != NARU_OK) {
        naru__sio_recovery_log_clear(recovery);
        recovery->last++;
    }
    return status;
}

/* ---- who it is for ------------------------------------------------------------------------------------------ */

static bool share(const naru_span *a, uint32_t a_count, const naru_span *b, uint32_t b_count)
{
    for (uint32_t i = 0; i < a_count; i++) {
        for (uint32_t k = 0; k < b_count; k++) {
            if (naru_span_equal(a[i], b[k])) {
                return true;
            }
        }
    }
    return false;
}

static bool is_for(const naru__sio_recovery_event *event, const naru__sio_recovery_session *session)
{
    bool in = event->rooms_count == 0 || share(event->rooms, event->rooms_count, session->rooms, session->rooms_count);
    return in && !share(event->except, event->except_count, session->rooms, session->rooms_count);
}

bool naru__sio_recovery_replay(const naru__sio_recovery *recovery, const naru__sio_recovery_session *session,
                               uint64_t *position, naru__sio_recovery_event *event_out)
{
    if (!naru__sio_recovery_reaches(recovery, *position)) {
        return false;
    }
    while (*position < recovery->last) {
        (*position)++;
        const naru__sio_record *record = *slot(recovery, *position);
        if (is_for(&record->event, session)) {
            *event_out = record->event;
            return true;
        }
    }
    return false;
}
