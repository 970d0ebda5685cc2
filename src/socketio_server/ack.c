/* See ack.h. */
#include "ack.h"

#include "base/memory.h"

enum { FIRST_BUCKETS = 16 };

static naru__sio_awaited **bucket_of(const naru__sio_acks *acks, const naru_sio_socket *socket, uint64_t id)
{
    uint64_t mixed = (id + ((uint64_t)(uintptr_t)socket >> 4)) * UINT64_C(0x9e3779b97f4a7c15);
    return &acks->buckets[(size_t)(mixed >> 32) & (acks->buckets_count - 1)];
}

static void insert(naru__sio_acks *acks, naru__sio_awaited *awaited)
{
    naru__sio_awaited **bucket = bucket_of(acks, awaited->socket, awaited->id);
    awaited->next_in_bucket = *bucket;
    *bucket = awaited;
}

static naru_status grow(naru_sio_namespace *nsp)
{
    naru__sio_acks bigger = nsp->acks;
    bigger.buckets_count = bigger.buckets_count ? bigger.buckets_count * 2 : FIRST_BUCKETS;
    bigger.buckets = naru__alloc_zero(nsp->io->allocator, bigger.buckets_count * sizeof(naru__sio_awaited *));
    if (!bigger.buckets) {
        return NARU_ERR_MEMORY;
    }
    for (size_t i = 0; i < nsp->acks.buckets_count; i++) {
        for (naru__sio_awaited *at = nsp->acks.buckets[i], *next; at; at = next) {
            next = at->next_in_bucket;
            insert(&bigger, at);
        }
    }
    naru__free(nsp->io->allocator, nsp->acks.buckets, nsp->acks.buckets_count * sizeof(naru__sio_awaited *));
    nsp->acks = bigger;
    return NARU_OK;
}

void naru__sio_acks_deinit(naru_sio_namespace *nsp)
{
    naru__free(nsp->io->allocator, nsp->acks.buckets, nsp->acks.buckets_count * sizeof(naru__sio_awaited *));
    nsp->acks = (naru__sio_acks){.next_id = nsp->acks.next_id};
}

static naru_status await(naru_sio_socket *socket, uint64_t id, naru__sio_awaited **awaited_out)
{
    naru_sio_namespace *nsp = socket->nsp;
    if (socket->awaited_count >= nsp->io->options.acks_per_socket_max) {
        return NARU_ERR_TOO_MANY;
    }
    if (nsp->acks.count >= nsp->acks.buckets_count && grow(nsp)) {
        return NARU_ERR_MEMORY;
    }
    naru__sio_awaited *awaited = naru__alloc_zero(nsp->io->allocator, sizeof *awaited);
    if (!awaited) {
        return NARU_ERR_MEMORY;
    }
    awaited->socket = socket;
    awaited->id = id;
    awaited->next = socket->awaited;
    awaited->link = &socket->awaited;
    if (awaited->next) {
        awaited->next->link = &awaited->next;
    }
    socket->awaited = awaited;
    socket->awaited_count++;
    nsp->acks.count++;
    insert(&nsp->acks, awaited);
    *awaited_out = awaited;
    return NARU_OK;
}

void naru__sio_await_cancel(naru__sio_awaited *awaited)
{
    naru_sio_namespace *nsp = awaited->socket->nsp;
    naru__sio_awaited **at = bucket_of(&nsp->acks, awaited->socket, awaited->id);
    while (*at != awaited) {
        at = &(*at)->next_in_bucket;
    }
    *at = awaited->next_in_bucket;
    *awaited->link = awaited->next;
    if (awaited->next) {
        awaited->next->link = awaited->link;
    }
    if (awaited->link_of_poll) {
        *awaited->link_of_poll = awaited->next_of_poll;
        if (awaited->next_of_poll) {
            awaited->next_of_poll->link_of_poll = awaited->link_of_poll;
        }
    }
    nsp->acks.count--;
    awaited->socket->awaited_count--;
    naru__loop_timer_stop(nsp->io->loop, &awaited->deadline);
    naru__free(nsp->io->allocator, awaited, sizeof *awaited);
}

static void settle(naru__sio_awaited *awaited, naru_status status, const naru_sio_event *answer)
{
    naru__sio_awaited copy = *awaited;
    naru_sio_socket_ref(copy.socket);
    naru__sio_await_cancel(awaited);
    if (copy.poll && answer) {
        naru__sio_poll_answered(copy.poll, naru__sio_id(copy.socket), answer);
    } else if (copy.poll) {
        naru__sio_poll_lost(copy.poll);
    } else {
        copy.on_answer(copy.socket, status, answer, copy.user);
    }
    naru_sio_socket_unref(copy.socket);
}

static void deadline(naru__loop_timer *timer)
{
    settle((naru__sio_awaited *)((char *)timer - offsetof(naru__sio_awaited, deadline)), NARU_ERR_TIMEOUT, NULL);
}

naru_status naru__sio_await(naru_sio_socket *socket, uint64_t id, uint32_t timeout_ms, naru_sio_on_answer *on_answer,
                            void *user, naru__sio_awaited **awaited_out)
{
    naru_status status = await(socket, id, awaited_out);
    if (status) {
        return status;
    }
    naru_loop *loop = socket->nsp->io->loop;
    naru__sio_awaited *awaited = *awaited_out;
    awaited->on_answer = on_answer;
    awaited->user = user;
    awaited->deadline.fire = deadline;
    if (timeout_ms > 0) {
        naru__loop_timer_start(loop, &awaited->deadline, naru_loop_now_ms(loop) + timeout_ms);
    }
    return NARU_OK;
}

naru_status naru__sio_await_for_poll(naru_sio_socket *socket, uint64_t id, naru__sio_poll *poll,
                                     naru__sio_awaited **awaited_out)
{
    naru_status status = await(socket, id, awaited_out);
    if (status == NARU_OK) {
        (*awaited_out)->poll = poll;
        naru__sio_poll_add(poll, *awaited_out);
    }
    return status;
}

void naru__sio_answered(naru_sio_socket *socket, uint64_t id, const naru_sio_event *answer)
{
    const naru__sio_acks *acks = &socket->nsp->acks;
    if (acks->count == 0) {
        return;
    }
    naru__sio_awaited *awaited = *bucket_of(acks, socket, id);
    while (awaited && (awaited->id != id || awaited->socket != socket)) {
        awaited = awaited->next_in_bucket;
    }
    if (awaited) {
        settle(awaited, NARU_OK, answer);
    }
}

void naru__sio_await_gone(naru_sio_socket *socket)
{
    while (socket->awaited) {
        settle(socket->awaited, NARU_ERR_CLOSED, NULL);
    }
}
