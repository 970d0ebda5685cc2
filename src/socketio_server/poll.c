/* A broadcast that asks: the answers are kept as they come, and handed over together when the last one is there or
 * time is up. Source: socket.io's BroadcastOperator, emit with an acknowledgement. */
#include "group.h"

#include "base/memory.h"
#include <string.h>

/* One answer: the event over a copy of its bytes, which stand behind it. */
typedef struct kept {
    struct kept *next;
    naru_sio_event event;
    naru__sio_event_state state;
    naru_span id; /* of who answered */
    size_t bytes;
} kept;

struct naru__sio_poll {
    naru_sio *io;
    naru__sio_poll *next, **link; /* all of the server's */
    naru__sio_awaited *awaited;
    kept *answers, **answers_end;
    size_t asked, answered, lost;
    uint64_t id;
    uint64_t question; /* of another loop's, member `to`; 0: this one's own */
    uint32_t to;
    uint32_t loops; /* that have not said yet whom they asked */
    uint32_t timeout_ms;
    bool started;
    naru__loop_timer timer;
    naru_sio_on_responses *on_responses;
    void *user;
};

static void free_answers(naru__sio_poll *poll)
{
    for (kept *answer = poll->answers, *next; answer; answer = next) {
        next = answer->next;
        naru__sio_event_deinit(&answer->event);
        naru__free(poll->io->allocator, answer, answer->bytes);
    }
}

static void poll_free(naru__sio_poll *poll)
{
    while (poll->awaited) {
        naru__sio_await_cancel(poll->awaited);
    }
    naru__loop_timer_stop(poll->io->loop, &poll->timer);
    *poll->link = poll->next;
    if (poll->next) {
        poll->next->link = poll->link;
    }
    free_answers(poll);
    naru__free(poll->io->allocator, poll, sizeof *poll);
}

void naru__sio_poll_cancel(naru__sio_poll *poll)
{
    poll_free(poll);
}

static void finish(naru__sio_poll *poll)
{
    naru__loop_timer_stop(poll->io->loop, &poll->timer);
    if (poll->question > 0) {
        poll_free(poll);
        return;
    }
    const naru_allocator *allocator = poll->io->allocator;
    size_t bytes = poll->answered * sizeof(naru_sio_response);
    naru_sio_response *responses = bytes > 0 ? naru__alloc(allocator, bytes) : NULL;
    size_t count = 0;
    for (kept *answer = poll->answers; responses && answer; answer = answer->next) {
        responses[count++] = (naru_sio_response){answer->id, &answer->event};
    }
    naru_status status = count == poll->asked && poll->loops == 0 ? NARU_OK : NARU_ERR_TIMEOUT;
    poll->on_responses(status, responses, count, poll->asked, poll->user);
    naru__free(allocator, responses, bytes);
    poll_free(poll);
}

static void fire(naru__loop_timer *timer)
{
    finish((naru__sio_poll *)((char *)timer - offsetof(naru__sio_poll, timer)));
}

naru__sio_poll *naru__sio_poll_new(naru_sio *io, uint32_t timeout_ms, naru_sio_on_responses *on_responses, void *user)
{
    naru__sio_poll *poll = naru__alloc_zero(io->allocator, sizeof *poll);
    if (poll) {
        poll->io = io;
        poll->id = ++io->polls_made;
        poll->answers_end = &poll->answers;
        poll->timeout_ms = timeout_ms;
        poll->timer.fire = fire;
        poll->on_responses = on_responses;
        poll->user = user;
        poll->next = io->polls;
        poll->link = &io->polls;
        if (poll->next) {
            poll->next->link = &poll->next;
        }
        io->polls = poll;
    }
    return poll;
}

void naru__sio_poll_add(naru__sio_poll *poll, naru__sio_awaited *awaited)
{
    awaited->next_of_poll = poll->awaited;
    awaited->link_of_poll = &poll->awaited;
    if (poll->awaited) {
        poll->awaited->link_of_poll = &awaited->next_of_poll;
    }
    poll->awaited = awaited;
    poll->asked++;
}

/* The last answer is there: say so from the loop, never inside the call that asked. */
static void check(naru__sio_poll *poll)
{
    if (poll->started && poll->loops == 0 && poll->answered == poll->asked) {
        naru__loop_timer_start(poll->io->loop, &poll->timer, naru_loop_now_ms(poll->io->loop));
    }
}

void naru__sio_poll_start(naru__sio_poll *poll)
{
    poll->started = true;
    naru__loop_timer_start(poll->io->loop, &poll->timer, naru_loop_now_ms(poll->io->loop) + poll->timeout_ms);
    check(poll);
}

void naru__sio_poll_lost(naru__sio_poll *poll)
{
    poll->lost++;
}

void naru__sio_poll_missed(naru__sio_poll *poll)
{
    poll->asked++;
    poll->lost++;
}

/* ---- of a group -------------------------------------------------------------------------------------------------- */

uint64_t naru__sio_poll_id(const naru__sio_poll *poll)
{
    return poll->id;
}

size_t naru__sio_poll_asked(const naru__sio_poll *poll)
{
    return poll->asked;
}

naru__sio_poll *naru__sio_poll_find(const naru_sio *io, uint64_t id)
{
    naru__sio_poll *poll = io->polls;
    while (poll && (poll->id != id || poll->question > 0)) {
        poll = poll->next;
    }
    return poll;
}

naru__sio_poll *naru__sio_poll_for(naru_sio *io, uint32_t timeout_ms, uint32_t to, uint64_t question)
{
    naru__sio_poll *poll = naru__sio_poll_new(io, timeout_ms, NULL, NULL);
    if (poll) {
        poll->to = to;
        poll->question = question;
    }
    return poll;
}

void naru__sio_poll_expect(naru__sio_poll *poll, size_t answers)
{
    poll->asked += answers;
}

void naru__sio_poll_spread(naru__sio_poll *poll, uint32_t loops)
{
    poll->loops += loops;
}

void naru__sio_poll_heard_of(naru__sio_poll *poll, size_t asked)
{
    poll->asked += asked;
    poll->loops -= poll->loops > 0;
    check(poll);
}

/* ---- keeping an answer ------------------------------------------------------------------------------------------ */

static kept *keep(naru_sio *io, naru_span id, const naru_sio_event *answer)
{
    size_t bytes = sizeof(kept) + naru__sio_event_bytes(answer) + id.size;
    kept *copy = naru__alloc_zero(io->allocator, bytes);
    if (!copy) {
        return NULL;
    }
    uint8_t *id_copy = (uint8_t *)copy + bytes - id.size;
    if (id.size > 0) {
        memcpy(id_copy, id.data, id.size);
    }
    copy->bytes = bytes;
    copy->id = (naru_span){id_copy, id.size};
    naru__sio_event_copy(&copy->event, &copy->state, io, answer, copy + 1);
    return copy;
}

void naru__sio_poll_answered(naru__sio_poll *poll, naru_span id, const naru_sio_event *answer)
{
    if (poll->question > 0) {
        naru__sio_answer_letter(poll->io, poll->to, poll->question, id, answer->array.text, answer->attachments,
                                answer->attachments_count);
        poll->answered++;
        check(poll);
        return;
    }
    kept *copy = keep(poll->io, id, answer);
    if (!copy) {
        poll->lost++;
        return;
    }
    *poll->answers_end = copy;
    poll->answers_end = &copy->next;
    poll->answered++;
    check(poll);
}

/* The server goes: whoever waits is told what there is. */
void naru__sio_polls_end(naru_sio *io)
{
    while (io->polls) {
        finish(io->polls);
    }
}
