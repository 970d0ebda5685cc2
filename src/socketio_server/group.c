/* See group.h: who is in a group, what lies in their inboxes, and how they are woken.
 *
 * Not for: what letters say (group_read.c). Source: none. */
#include "group.h"

#include "base/memory.h"
#include "engine.h"

enum { RETRY_MS = 10 };

/* ---- the group -------------------------------------------------------------------------------------------------- */

naru_sio_group *naru_sio_group_new(void)
{
    naru_sio_group *group = naru__alloc_zero(naru_allocator_default(), sizeof *group);
    if (group) {
        pthread_mutex_init(&group->lock, NULL);
    }
    return group;
}

void naru_sio_group_free(naru_sio_group *group)
{
    if (!group) {
        return;
    }
    for (uint32_t i = 0; i < atomic_load(&group->count); i++) {
        naru__free(naru_allocator_default(), group->members[i], sizeof(naru__sio_member));
    }
    pthread_mutex_destroy(&group->lock);
    naru__free(naru_allocator_default(), group, sizeof *group);
}

size_t naru_sio_group_clients(const naru_sio_group *group)
{
    size_t clients = 0;
    uint32_t count = atomic_load_explicit(&group->count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        clients += atomic_load_explicit(&group->members[i]->clients, memory_order_relaxed);
    }
    return clients;
}

/* ---- waking ----------------------------------------------------------------------------------------------------- */

static void receive(void *user);

/* Under the lock, so that its loop is still there. */
static void wake(naru__sio_member *member)
{
    if (!member->told) {
        member->told = naru_loop_post(member->loop, receive, member) == NARU_OK;
        member->owed = !member->told;
    }
}

static void retry(naru__loop_timer *timer)
{
    naru__sio_member *self = (naru__sio_member *)((char *)timer - offsetof(naru__sio_member, retry));
    naru_sio_group *group = self->group;
    bool owed = false;
    pthread_mutex_lock(&group->lock);
    for (uint32_t i = 0; i < atomic_load(&group->count); i++) {
        naru__sio_member *member = group->members[i];
        if (member->io && member->owed) {
            wake(member);
            owed = owed || member->owed;
        }
    }
    pthread_mutex_unlock(&group->lock);
    if (owed) {
        naru__loop_timer_start(self->loop, timer, naru_loop_now_ms(self->loop) + RETRY_MS);
    }
}

static void retry_if(naru__sio_member *self, bool owed)
{
    if (owed && !naru__timer_running(&self->retry.timer)) {
        naru__loop_timer_start(self->loop, &self->retry, naru_loop_now_ms(self->loop) + RETRY_MS);
    }
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Under the lock. */
static void take_inbox(naru__sio_member *self)
{
    if (self->inbox) {
        *self->read_end = self->inbox;
        self->read_end = self->inbox_end;
        self->inbox = NULL;
        self->inbox_end = &self->inbox;
        self->inbox_bytes = 0;
        atomic_store_explicit(&self->has_mail, false, memory_order_relaxed);
    }
}

static naru__sio_copy *pop(naru__sio_copy **list, naru__sio_copy ***end)
{
    naru__sio_copy *copy = *list;
    if (copy) {
        *list = copy->next;
        *end = *list ? *end : list;
    }
    return copy;
}

/* Letters that call the application wait for the loop: reading may be in the middle of a call of its own. */
static void read_all(naru__sio_member *self)
{
    naru__sio_copy *copy;
    self->reading = true;
    while ((copy = pop(&self->read, &self->read_end)) != NULL) {
        if (copy->letter->kind == NARU__SIO_LETTER_SERVER_SIDE) {
            copy->next = NULL;
            *self->calls_end = copy;
            self->calls_end = &copy->next;
            naru__loop_defer(self->loop, &self->call);
            continue;
        }
        naru__sio_letter_read(self->io, copy->letter);
        naru__sio_letter_unref(copy->letter);
    }
    self->reading = false;
}

static void call_all(naru__deferred *deferred)
{
    naru__sio_member *self = (naru__sio_member *)((char *)deferred - offsetof(naru__sio_member, call));
    naru__sio_copy *copy;
    read_all(self);
    while ((copy = pop(&self->calls, &self->calls_end)) != NULL) {
        naru__sio_letter_call(self->io, copy->letter);
        naru__sio_letter_unref(copy->letter);
    }
}

static void let_in(naru_sio *io, naru__sio_arriving *arriving)
{
    while (arriving) {
        naru__sio_arriving *next = arriving->next;
        if (io) {
            naru__server_unpack(io->server, arriving->luggage);
        } else {
            naru__luggage_drop(arriving->luggage);
        }
        naru__free(naru_allocator_default(), arriving, sizeof *arriving);
        arriving = next;
    }
}

static void receive(void *user)
{
    naru__sio_member *self = user;
    pthread_mutex_lock(&self->group->lock);
    naru__sio_arriving *arriving = self->arriving;
    self->arriving = NULL;
    self->told = false;
    take_inbox(self);
    pthread_mutex_unlock(&self->group->lock);
    if (self->io) {
        read_all(self);
        let_in(self->io, arriving);
    }
}

void naru__sio_group_look(naru_sio *io)
{
    naru__sio_member *self = io->member;
    if (!atomic_load_explicit(&self->has_mail, memory_order_acquire) || self->reading || self->walking > 0) {
        return;
    }
    pthread_mutex_lock(&self->group->lock);
    take_inbox(self);
    pthread_mutex_unlock(&self->group->lock);
    read_all(self);
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

/* Under the lock. Letters to others are counted, which each of them may have too many of. */
static void put(naru__sio_member *member, naru__sio_letter *letter, uint32_t number)
{
    naru__sio_copy *copy = &letter->copies[number];
    atomic_fetch_add_explicit(&letter->references, 1, memory_order_relaxed);
    copy->letter = letter;
    copy->next = NULL;
    *member->inbox_end = copy;
    member->inbox_end = &copy->next;
    member->inbox_bytes += letter->bytes;
    atomic_store_explicit(&member->has_mail, true, memory_order_release);
    wake(member);
}

static bool is_crowded(const naru_sio_group *group, const naru__sio_letter *letter)
{
    for (uint32_t i = 0; i < letter->copies_count; i++) {
        const naru__sio_member *member = group->members[i];
        if (member->io && member->inbox_bytes > 0 && member->inbox_bytes + letter->bytes > NARU__SIO_INBOX_BYTES_MAX) {
            return true;
        }
    }
    return false;
}

/* own: this loop gets a copy too. errors NARU_ERR_TOO_MANY: nobody has got one. */
static naru_status put_all(naru_sio *io, naru__sio_letter *letter, bool own, uint32_t *sent_out)
{
    naru__sio_member *self = io->member;
    naru_sio_group *group = self->group;
    bool owed = false;
    uint32_t sent = 0;
    pthread_mutex_lock(&group->lock);
    bool crowded = is_crowded(group, letter);
    for (uint32_t i = 0; !crowded && i < letter->copies_count; i++) {
        naru__sio_member *member = group->members[i];
        if (member->io && (member != self || own)) {
            put(member, letter, i);
            owed = owed || member->owed;
            sent++;
        }
    }
    if (!own) {
        take_inbox(self);
    }
    pthread_mutex_unlock(&group->lock);
    naru__sio_letter_unref(letter);
    retry_if(self, owed);
    if (sent_out) {
        *sent_out = sent;
    }
    return crowded ? NARU_ERR_TOO_MANY : NARU_OK;
}

naru_status naru__sio_publish(naru_sio *io, naru__sio_letter *letter, uint32_t *sent_out)
{
    naru__sio_member *self = io->member;
    bool later = self->reading || self->walking > 0;
    naru_status status = put_all(io, letter, later, sent_out);
    if (!later) {
        read_all(self);
    }
    return status ? status : later ? NARU_MORE : NARU_OK;
}

naru_status naru__sio_publish_to_others(naru_sio *io, naru__sio_letter *letter, uint32_t *sent_out)
{
    naru__sio_member *self = io->member;
    naru_status status = put_all(io, letter, false, sent_out);
    if (!self->reading && self->walking == 0) {
        read_all(self);
    } else if (self->read && !self->reading) {
        naru__loop_defer(self->loop, &self->call); /* taken out, and not to be read in this call */
    }
    return status;
}

void naru__sio_send_to(naru_sio *io, uint32_t to, naru__sio_letter *letter)
{
    naru_sio_group *group = io->member->group;
    naru__sio_member *member = group->members[to];
    bool owed = false;
    pthread_mutex_lock(&group->lock);
    if (member->io && !(member->inbox_bytes > NARU__SIO_INBOX_BYTES_MAX)) {
        put(member, letter, 0);
        owed = member->owed;
    }
    pthread_mutex_unlock(&group->lock);
    naru__sio_letter_unref(letter);
    retry_if(io->member, owed);
}

bool naru__sio_goes_round(const naru_sio_target *target)
{
    return naru__sio_others(target->nsp->io) > 0 && !target->is_local && !target->only;
}

/* ---- connections that belong to another one --------------------------------------------------------------------- */

static void send_connection(const naru__handover *handover, naru__luggage *luggage)
{
    naru__sio_member *member =
        (naru__sio_member *)(void *)((char *)(uintptr_t)handover - offsetof(naru__sio_member, handover));
    naru__sio_arriving *arriving = naru__alloc(naru_allocator_default(), sizeof *arriving);
    if (!arriving) {
        naru__luggage_drop(luggage);
        return;
    }
    pthread_mutex_lock(&member->group->lock);
    bool there = member->io != NULL;
    if (there) {
        *arriving = (naru__sio_arriving){member->arriving, luggage};
        member->arriving = arriving;
        wake(member);
    }
    pthread_mutex_unlock(&member->group->lock);
    if (!there) {
        naru__luggage_drop(luggage);
        naru__free(naru_allocator_default(), arriving, sizeof *arriving);
    }
}

static bool hand_over(void *owner, uint32_t index, naru_request *request)
{
    naru_sio *io = owner;
    naru_sio_group *group = io->member->group;
    if (index >= atomic_load_explicit(&group->count, memory_order_acquire)) {
        return false;
    }
    naru__sio_member *member = group->members[index];
    pthread_mutex_lock(&group->lock);
    bool there = member->io != NULL;
    pthread_mutex_unlock(&group->lock);
    return there && naru__exchange_leave(naru__exchange_of(request), &member->handover) == NARU_OK;
}

/* ---- coming and going ------------------------------------------------------------------------------------------- */

static naru__sio_member *member_new(naru_sio_group *group, naru_sio *io)
{
    naru__sio_member *member = naru__alloc_zero(naru_allocator_default(), sizeof *member);
    if (member) {
        member->group = group;
        member->loop = io->loop;
        member->io = io;
        member->inbox_end = &member->inbox;
        member->read_end = &member->read;
        member->calls_end = &member->calls;
        member->handover.send = send_connection;
        member->call.run = call_all;
        member->retry.fire = retry;
    }
    return member;
}

/* Connections are handed over by their descriptors, and nobody knows what an io_uring has read from one. */
naru_status naru__sio_group_join(naru_sio_group *group, naru_sio *io)
{
    if (io->options.recovery.enabled || naru_loop_backend(io->loop) == NARU_BACKEND_IO_URING) {
        return NARU_ERR_ARGUMENT;
    }
    naru__sio_member *member = member_new(group, io);
    if (!member) {
        return NARU_ERR_MEMORY;
    }
    pthread_mutex_lock(&group->lock);
    uint32_t count = atomic_load(&group->count);
    bool full = count == NARU__SIO_MEMBERS_MAX;
    if (!full) {
        member->index = count;
        group->members[count] = member;
        atomic_store_explicit(&group->count, count + 1, memory_order_release);
    }
    pthread_mutex_unlock(&group->lock);
    if (full) {
        naru__free(naru_allocator_default(), member, sizeof *member);
        return NARU_ERR_TOO_MANY;
    }
    io->member = member;
    naru__eio_server_share(io->engine, member->index, hand_over);
    return NARU_OK;
}

static void drop(naru__sio_copy *copy)
{
    while (copy) {
        naru__sio_copy *next = copy->next;
        naru__sio_letter_unref(copy->letter);
        copy = next;
    }
}

void naru__sio_group_leave(naru_sio *io)
{
    naru__sio_member *self = io->member;
    if (!self) {
        return;
    }
    pthread_mutex_lock(&self->group->lock);
    self->io = NULL;
    take_inbox(self);
    naru__sio_arriving *arriving = self->arriving;
    self->arriving = NULL;
    pthread_mutex_unlock(&self->group->lock);
    naru__loop_defer_cancel(self->loop, &self->call);
    naru__loop_timer_stop(self->loop, &self->retry);
    drop(self->read);
    drop(self->calls);
    self->read = self->calls = NULL;
    self->read_end = &self->read;
    self->calls_end = &self->calls;
    let_in(NULL, arriving);
    io->member = NULL;
}
