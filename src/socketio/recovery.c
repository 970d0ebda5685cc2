/* Sessions by their private id: alive, away, come back, expired. Not for: the events they miss (recovery_log.c).
 * Source: Socket.IO 4.6, "Connection state recovery". */
#include "recovery.h"

#include <string.h>

#include "base/ascii.h"
#include "base/memory.h"
#include "recovery_inside.h"

enum { DEFAULT_AWAY_MS = 120000, DEFAULT_LOG_BYTES = 4 << 20, DEFAULT_EVENTS = 10000, DEFAULT_SESSIONS = 10000 };

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static bool good_epoch(naru_span epoch)
{
    for (size_t i = 0; i < epoch.size; i++) {
        uint8_t c = epoch.data[i];
        if (!naru__ascii_alpha(c) && !naru__ascii_digit(c) && c != '-' && c != '_') {
            return false;
        }
    }
    return epoch.size > 0 && epoch.size <= NARU__SIO_EPOCH_BYTES_MAX;
}

static naru__sio_recovery_options with_defaults(const naru__sio_recovery_options *options)
{
    naru__sio_recovery_options o = options ? *options : (naru__sio_recovery_options){0};
    o.away_ms_max = o.away_ms_max ? o.away_ms_max : DEFAULT_AWAY_MS;
    o.log_bytes_max = o.log_bytes_max ? o.log_bytes_max : DEFAULT_LOG_BYTES;
    o.events_max = o.events_max ? o.events_max : DEFAULT_EVENTS;
    o.sessions_max = o.sessions_max ? o.sessions_max : DEFAULT_SESSIONS;
    return o;
}

naru_status naru__sio_recovery_new(naru_span epoch, const naru__sio_recovery_options *options,
                                   const naru_allocator *allocator, naru__sio_recovery **out)
{
    if (!good_epoch(epoch)) {
        return NARU_ERR_ARGUMENT;
    }
    allocator = naru__allocator_or_default(allocator);
    naru__sio_recovery *recovery = naru__alloc_zero(allocator, sizeof *recovery);
    if (!recovery) {
        return NARU_ERR_MEMORY;
    }
    recovery->allocator = allocator;
    recovery->options = with_defaults(options);
    recovery->epoch_size = (uint8_t)epoch.size;
    memcpy(recovery->epoch, epoch.data, epoch.size);
    *out = recovery;
    return NARU_OK;
}

static void drop_handed(naru__sio_recovery *recovery)
{
    naru__free(recovery->allocator, recovery->handed, recovery->handed_bytes);
    recovery->handed = NULL;
    recovery->handed_bytes = 0;
}

/* ---- by pid ------------------------------------------------------------------------------------------------- */

/* FNV-1a. Pids are drawn by the server, so that nobody can choose those of one bucket. */
static uint32_t hash(naru_span pid)
{
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < pid.size; i++) {
        h = (h ^ pid.data[i]) * 16777619U;
    }
    return h;
}

static naru_span pid_of(const naru__sio_kept *kept)
{
    return (naru_span){kept->pid, kept->pid_size};
}

static naru__sio_kept **bucket(const naru__sio_recovery *recovery, naru_span pid)
{
    return &recovery->buckets[hash(pid) & (recovery->buckets_count - 1)];
}

static naru__sio_kept *find(const naru__sio_recovery *recovery, naru_span pid)
{
    if (recovery->kept_count == 0) {
        return NULL;
    }
    naru__sio_kept *kept = *bucket(recovery, pid);
    while (kept && !naru_span_equal(pid_of(kept), pid)) {
        kept = kept->same_bucket;
    }
    return kept;
}

static bool grow_buckets(naru__sio_recovery *recovery)
{
    uint32_t old_count = recovery->buckets_count;
    uint32_t count = old_count ? old_count * 2 : 16;
    naru__sio_kept **old = recovery->buckets;
    naru__sio_kept **fresh = naru__alloc_zero(recovery->allocator, count * sizeof fresh[0]);
    if (!fresh) {
        return false;
    }
    recovery->buckets = fresh;
    recovery->buckets_count = count;
    for (uint32_t i = 0; i < old_count; i++) {
        while (old[i]) {
            naru__sio_kept *kept = old[i];
            naru__sio_kept **to = bucket(recovery, pid_of(kept));
            old[i] = kept->same_bucket;
            kept->same_bucket = *to;
            *to = kept;
        }
    }
    naru__free(recovery->allocator, old, old_count * sizeof old[0]);
    return true;
}

/* Out of the list of those that are away. */
static void unlist(naru__sio_recovery *recovery, naru__sio_kept *kept)
{
    *(kept->older ? &kept->older->newer : &recovery->oldest) = kept->newer;
    *(kept->newer ? &kept->newer->older : &recovery->newest) = kept->older;
    recovery->away_count--;
}

/* Its block becomes the one that is handed out, until the next call. */
static void hand_out(naru__sio_recovery *recovery, naru__sio_kept *kept)
{
    recovery->handed = kept->block;
    recovery->handed_bytes = kept->block_bytes;
    kept->block = NULL;
    kept->block_bytes = 0;
}

static void forget(naru__sio_recovery *recovery, naru__sio_kept *kept)
{
    naru__sio_kept **link = bucket(recovery, pid_of(kept));
    while (*link != kept) {
        link = &(*link)->same_bucket;
    }
    *link = kept->same_bucket;
    recovery->kept_count--;
    if (!kept->owner) {
        unlist(recovery, kept);
    }
    naru__free(recovery->allocator, kept->block, kept->block_bytes);
    naru__free(recovery->allocator, kept, sizeof *kept);
}

void naru__sio_recovery_free(naru__sio_recovery *recovery)
{
    if (!recovery) {
        return;
    }
    for (uint32_t i = 0; i < recovery->buckets_count; i++) {
        while (recovery->buckets[i]) {
            forget(recovery, recovery->buckets[i]);
        }
    }
    drop_handed(recovery);
    naru__sio_recovery_log_clear(recovery);
    naru__free(recovery->allocator, recovery->buckets, recovery->buckets_count * sizeof recovery->buckets[0]);
    naru__free(recovery->allocator, recovery, sizeof *recovery);
}

/* ---- alive and away ----------------------------------------------------------------------------------------- */

naru_status naru__sio_recovery_enter(naru__sio_recovery *recovery, naru_span pid, void *owner)
{
    drop_handed(recovery);
    if (pid.size == 0 || pid.size > NARU__SIO_PID_BYTES_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    if (find(recovery, pid)) {
        return NARU_ERR_STATE;
    }
    if (recovery->kept_count == recovery->buckets_count && !grow_buckets(recovery)) {
        return NARU_ERR_MEMORY;
    }
    naru__sio_kept *kept = naru__alloc_zero(recovery->allocator, sizeof *kept);
    if (!kept) {
        return NARU_ERR_MEMORY;
    }
    kept->owner = owner;
    kept->pid_size = (uint8_t)pid.size;
    memcpy(kept->pid, pid.data, pid.size);
    naru__sio_kept **at = bucket(recovery, pid);
    kept->same_bucket = *at;
    *at = kept;
    recovery->kept_count++;
    return NARU_OK;
}

static naru__sio_kept *find_owned(const naru__sio_recovery *recovery, naru_span pid, const void *owner)
{
    naru__sio_kept *kept = find(recovery, pid);
    return kept && kept->owner && kept->owner == owner ? kept : NULL;
}

void naru__sio_recovery_leave(naru__sio_recovery *recovery, naru_span pid, void *owner)
{
    drop_handed(recovery);
    naru__sio_kept *kept = find_owned(recovery, pid, owner);
    if (kept) {
        forget(recovery, kept);
    }
}

static naru_status snapshot(naru__sio_recovery *recovery, naru__sio_kept *kept,
                            const naru__sio_recovery_session *session)
{
    size_t bytes = naru__sio_spans_bytes(session->rooms, session->rooms_count) + session->pid.size + session->sid.size +
                   session->data.size;
    naru_span *spans = naru__alloc(recovery->allocator, bytes);
    if (!spans) {
        return NARU_ERR_MEMORY;
    }
    naru__sio_packer packer = {spans, (uint8_t *)(spans + session->rooms_count)};
    kept->session = *session;
    kept->session.rooms = naru__sio_pack_all(&packer, session->rooms, session->rooms_count);
    kept->session.pid = naru__sio_pack(&packer, session->pid);
    kept->session.sid = naru__sio_pack(&packer, session->sid);
    kept->session.data = naru__sio_pack(&packer, session->data);
    kept->block = spans;
    kept->block_bytes = bytes;
    return NARU_OK;
}

/* By when they expire: nearly always the newest. */
static void list(naru__sio_recovery *recovery, naru__sio_kept *kept)
{
    naru__sio_kept *older = recovery->newest;
    while (older && older->expires_ms > kept->expires_ms) {
        older = older->older;
    }
    kept->older = older;
    kept->newer = older ? older->newer : recovery->oldest;
    *(kept->newer ? &kept->newer->older : &recovery->newest) = kept;
    *(older ? &older->newer : &recovery->oldest) = kept;
    recovery->away_count++;
}

/* Nobody's, and to be listed. Otherwise it is forgotten. */
static naru_status put_away(naru__sio_recovery *recovery, naru__sio_kept *kept,
                            const naru__sio_recovery_session *session)
{
    naru_status status = recovery->away_count >= recovery->options.sessions_max ? NARU_ERR_TOO_MANY : NARU_OK;
    if (status == NARU_OK) {
        status = snapshot(recovery, kept, session);
    }
    if (status != NARU_OK) {
        forget(recovery, kept);
        return status;
    }
    kept->owner = NULL;
    return NARU_OK;
}

naru_status naru__sio_recovery_save(naru__sio_recovery *recovery, const naru__sio_recovery_session *session,
                                    void *owner, uint64_t now_ms)
{
    drop_handed(recovery);
    naru__sio_kept *kept = find_owned(recovery, session->pid, owner);
    naru_status status = kept ? put_away(recovery, kept, session) : NARU_ERR_STATE;
    if (status == NARU_OK) {
        kept->expires_ms = now_ms + recovery->options.away_ms_max;
        kept->saved_position = recovery->last;
        list(recovery, kept);
    }
    return status;
}

naru_status naru__sio_recovery_give_back(naru__sio_recovery *recovery, const naru__sio_recovery_session *session,
                                         void *owner)
{
    drop_handed(recovery);
    naru__sio_kept *kept = find_owned(recovery, session->pid, owner);
    naru_status status = kept ? put_away(recovery, kept, session) : NARU_ERR_STATE;
    if (status == NARU_OK) {
        kept->replayed = kept->replayed_before;
        kept->replayed_position = kept->replayed_position_before;
        list(recovery, kept);
    }
    return status;
}

/* ---- coming back -------------------------------------------------------------------------------------------- */

/* From where to replay for a client that has seen everything up to `seen`. */
static uint64_t replay_from(const naru__sio_kept *kept, uint64_t seen)
{
    bool saw_all = kept->session.sent > 0 && seen >= kept->session.sent;
    return saw_all && seen < kept->saved_position ? kept->saved_position : seen;
}

static bool has_missed(const naru__sio_recovery *recovery, const naru__sio_recovery_session *session, uint64_t after)
{
    naru__sio_recovery_event event;
    return naru__sio_recovery_replay(recovery, session, &after, &event);
}

/* May it come back, and from where on has it missed events? */
static bool may_return(const naru__sio_recovery *recovery, const naru__sio_kept *kept, naru_span offset,
                       uint64_t *seen_out, uint64_t *after_out)
{
    *seen_out = kept->session.position;
    if (offset.size > 0 && !naru__sio_recovery_parse(recovery, offset, seen_out)) {
        return false;
    }
    if (*seen_out > recovery->last || (kept->replayed && *seen_out <= kept->replayed_position)) {
        return false;
    }
    *after_out = replay_from(kept, *seen_out);
    return naru__sio_recovery_reaches(recovery, *after_out);
}

naru_status naru__sio_recovery_restore(naru__sio_recovery *recovery, naru_span pid, naru_span offset, void *owner,
                                       uint64_t now_ms, naru__sio_recovery_restored *out)
{
    drop_handed(recovery);
    *out = (naru__sio_recovery_restored){0};
    naru__sio_recovery_log_sweep(recovery, now_ms);
    naru__sio_kept *kept = find(recovery, pid);
    if (!kept || (!kept->owner && kept->expires_ms <= now_ms)) {
        return NARU_ERR_REFUSED; /* one that expired is left for naru__sio_recovery_expire to tell */
    }
    if (kept->owner) {
        out->ghost = kept->owner;
        return NARU_ERR_STATE;
    }
    out->session = kept->session;
    hand_out(recovery, kept);
    uint64_t seen;
    if (!may_return(recovery, kept, offset, &seen, &out->after)) {
        forget(recovery, kept);
        return NARU_ERR_REFUSED;
    }
    unlist(recovery, kept);
    kept->owner = owner;
    kept->replayed_before = kept->replayed;
    kept->replayed_position_before = kept->replayed_position;
    kept->replayed = has_missed(recovery, &out->session, out->after);
    kept->replayed_position = seen;
    return NARU_OK;
}

/* ---- time --------------------------------------------------------------------------------------------------- */

bool naru__sio_recovery_expire(naru__sio_recovery *recovery, uint64_t now_ms, naru__sio_recovery_session *session_out)
{
    drop_handed(recovery);
    naru__sio_recovery_log_sweep(recovery, now_ms);
    naru__sio_kept *kept = recovery->oldest;
    if (!kept || kept->expires_ms > now_ms) {
        return false;
    }
    *session_out = kept->session;
    hand_out(recovery, kept);
    forget(recovery, kept);
    return true;
}

uint64_t naru__sio_recovery_expire_at_ms(const naru__sio_recovery *recovery)
{
    uint64_t log = naru__sio_recovery_log_until_ms(recovery);
    uint64_t session = recovery->oldest ? recovery->oldest->expires_ms : UINT64_MAX;
    return log < session ? log : session;
}
