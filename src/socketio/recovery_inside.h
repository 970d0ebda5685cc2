/* What recovery.c (sessions) and recovery_log.c (events) share. Not for: anybody else. */
#ifndef NARU_SOCKETIO_RECOVERY_INSIDE_H
#define NARU_SOCKETIO_RECOVERY_INSIDE_H

#include "recovery.h"

/* One event, with all that it points to behind it in the same block. */
typedef struct naru__sio_record {
    uint64_t at_ms;
    size_t block_bytes;
    naru__sio_recovery_event event;
} naru__sio_record;

/* A pid. Away: in the list of those, with a snapshot. Alive: with an owner. */
typedef struct naru__sio_kept {
    struct naru__sio_kept *same_bucket;
    struct naru__sio_kept *newer; /* among those that are away */
    struct naru__sio_kept *older;
    void *owner; /* NULL: away */
    uint64_t expires_ms;
    uint64_t saved_position;                              /* where the log stood when it went */
    uint64_t replayed_position, replayed_position_before; /* from where it was given events once; and before that */
    bool replayed, replayed_before;
    uint8_t pid_size;
    uint8_t pid[NARU__SIO_PID_BYTES_MAX];
    naru__sio_recovery_session session; /* while away; its parts lie in the block */
    void *block;
    size_t block_bytes;
} naru__sio_kept;

struct naru__sio_recovery {
    const naru_allocator *allocator;
    naru__sio_recovery_options options;
    uint8_t epoch[NARU__SIO_EPOCH_BYTES_MAX];
    uint8_t epoch_size;
    /* The log: a ring of the positions last - count + 1 to last. */
    naru__sio_record **ring;
    uint32_t ring_size; /* 0 or a power of two */
    uint32_t count;
    uint64_t last;
    size_t log_bytes;
    /* The sessions. */
    naru__sio_kept **buckets;
    uint32_t buckets_count; /* 0 or a power of two */
    uint32_t kept_count;
    uint32_t away_count;
    naru__sio_kept *oldest;
    naru__sio_kept *newest;
    void *handed; /* the block of the session that was handed out */
    size_t handed_bytes;
};

/* The position that an offset stands for. false: it is not of this log. */
bool naru__sio_recovery_parse(const naru__sio_recovery *recovery, naru_span offset, uint64_t *position_out);
/* Are all events behind this position still here? */
bool naru__sio_recovery_reaches(const naru__sio_recovery *recovery, uint64_t position);
void naru__sio_recovery_log_clear(naru__sio_recovery *recovery);
void naru__sio_recovery_log_sweep(naru__sio_recovery *recovery, uint64_t now_ms);
/* When the oldest event is too old; UINT64_MAX: none. */
uint64_t naru__sio_recovery_log_until_ms(const naru__sio_recovery *recovery);

/* Copying spans one behind the other into one block: the arrays of spans first, then the bytes. */
typedef struct naru__sio_packer {
    naru_span *spans;
    uint8_t *bytes;
} naru__sio_packer;

static inline size_t naru__sio_spans_bytes(const naru_span *spans, uint32_t count)
{
    size_t bytes = count * sizeof spans[0];
    for (uint32_t i = 0; i < count; i++) {
        bytes += spans[i].size;
    }
    return bytes;
}
naru_span naru__sio_pack(naru__sio_packer *packer, naru_span bytes);
const naru_span *naru__sio_pack_all(naru__sio_packer *packer, const naru_span *spans, uint32_t count);

#endif
