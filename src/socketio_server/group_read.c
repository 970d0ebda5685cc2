/* A letter of another loop that has come, or one of our own that waited for its turn: do here what it says.
 *
 * Not for: events between servers, which call the application (server_side.c). Source: none. */
#include "group.h"

static void count_asked(naru_sio *io, const naru__sio_letter *letter, size_t asked)
{
    naru__sio_letter draft = {.kind = NARU__SIO_LETTER_COUNT, .question = letter->question, .count = (uint32_t)asked};
    naru__sio_letter *answer = naru__sio_letter_new(io, &draft);
    if (answer) {
        naru__sio_send_to(io, letter->from, answer);
    }
}

/* Of our own the poll is here already. */
static void read_question(naru_sio *io, const naru_sio_target *target, const naru__sio_letter *letter)
{
    if (letter->from == io->member->index) {
        naru__sio_poll *poll = naru__sio_poll_find(io, letter->question);
        if (poll) {
            naru__sio_emit_letter(target, letter, poll);
            naru__sio_poll_heard_of(poll, 0);
        }
        return;
    }
    naru__sio_poll *poll = naru__sio_poll_for(io, letter->timeout_ms, letter->from, letter->question);
    if (poll) {
        naru__sio_emit_letter(target, letter, poll);
        count_asked(io, letter, naru__sio_poll_asked(poll));
        naru__sio_poll_start(poll);
    }
}

static void read_fetch(naru_sio *io, const naru_sio_target *target, const naru__sio_letter *letter)
{
    naru_buf json;
    naru_buf_init(&json, io->allocator);
    if (naru__sio_found_write(target, &json) == NARU_OK) {
        naru__sio_answer_letter(io, letter->from, letter->question, (naru_span){0}, naru_buf_span(&json), NULL, 0);
    }
    naru_buf_deinit(&json);
}

static naru_sio_namespace *namespace_of(naru_sio *io, const naru__sio_letter *letter)
{
    if (letter->parent == 0) {
        return naru__sio_namespace_find(io, letter->nsp);
    }
    naru_sio_namespace *parent = io->parents;
    for (uint32_t i = 1; parent && i < letter->parent; i++) {
        parent = parent->next;
    }
    return parent;
}

static void read_for_target(naru_sio *io, const naru__sio_letter *letter)
{
    naru_sio_target target = {.nsp = namespace_of(io, letter),
                              .rooms_more = letter->rooms,
                              .rooms_more_count = letter->rooms_count,
                              .except_more = letter->except,
                              .except_more_count = letter->except_count,
                              .is_volatile = letter->is_volatile,
                              .no_compress = letter->no_compress,
                              .is_local = true};
    naru_status status = NARU_OK;
    if (!target.nsp) {
        if (letter->question > 0 && letter->kind == NARU__SIO_LETTER_EVENT) {
            count_asked(io, letter, 0);
        } else if (letter->question > 0) {
            naru__sio_answer_letter(io, letter->from, letter->question, (naru_span){0}, naru_span_of("[]"), NULL, 0);
        }
        return;
    }
    switch (letter->kind) {
    case NARU__SIO_LETTER_JOIN:
        status = naru_sio_sockets_join(target, letter->id);
        break;
    case NARU__SIO_LETTER_LEAVE:
        status = naru_sio_sockets_leave(target, letter->id);
        break;
    case NARU__SIO_LETTER_DISCONNECT:
        status = naru_sio_disconnect_sockets(target, letter->close);
        break;
    case NARU__SIO_LETTER_FETCH:
        read_fetch(io, &target, letter);
        break;
    default:
        if (letter->question > 0) {
            read_question(io, &target, letter);
        } else {
            naru__sio_emit_letter(&target, letter, NULL);
        }
    }
    (void)status; /* without memory: as with a socket of our own, of which nobody is told */
}

static void read_answer(naru_sio *io, const naru__sio_letter *letter)
{
    naru_sio_event event;
    naru__sio_event_state state;
    naru__sio_poll *poll = naru__sio_poll_find(io, letter->question);
    naru__sio_packet packet = {.attachments = letter->attachments_count, .data = {letter->data}};
    if (!poll) {
        return; /* too late */
    }
    naru__sio_event_init(&event, &state, io, &packet, letter->attachments, true);
    naru__sio_poll_answered(poll, letter->id, &event);
    naru__sio_event_deinit(&event);
}

void naru__sio_letter_read(naru_sio *io, const naru__sio_letter *letter)
{
    naru__sio_poll *poll;
    switch (letter->kind) {
    case NARU__SIO_LETTER_COUNT:
        poll = naru__sio_poll_find(io, letter->question);
        if (poll) {
            naru__sio_poll_heard_of(poll, letter->count);
        }
        break;
    case NARU__SIO_LETTER_ANSWER:
        read_answer(io, letter);
        break;
    default:
        read_for_target(io, letter);
    }
}
