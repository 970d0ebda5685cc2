/* serverSideEmit: an event from one loop's server to those of the other loops, and what they answer.
 *
 * Source: socket.io's Namespace.serverSideEmit. */
#include "group.h"

#include "base/memory.h"
#include "outgoing.h"

enum { ANSWERS_MS = 5000 };

static bool is_reserved(const char *event)
{
    static const char *const reserved[] = {"connect", "connection", "new_namespace"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (naru_span_equal(naru_span_of(event), naru_span_of(reserved[i]))) {
            return true;
        }
    }
    return false;
}

/* ---- hearing ---------------------------------------------------------------------------------------------------- */

naru_status naru_sio_on_server_side(naru_sio_namespace *nsp, const char *event, naru_sio_listener *fn, void *user)
{
    naru_sio *io = nsp->io;
    if (is_reserved(event)) {
        return NARU_ERR_ARGUMENT;
    }
    if (!nsp->server_side) {
        nsp->server_side = naru__alloc(io->allocator, sizeof *nsp->server_side);
        if (!nsp->server_side) {
            return NARU_ERR_MEMORY;
        }
        naru__sio_hooks_init(nsp->server_side, io->allocator, &io->sip);
    }
    return naru__sio_hooks_add_event(nsp->server_side, naru_span_of(event), (naru__sio_hook_fn *)fn, user, false);
}

void naru__sio_letter_call(naru_sio *io, const naru__sio_letter *letter)
{
    naru_sio_event event;
    naru__sio_event_state state;
    naru_sio_namespace *nsp = naru__sio_namespace_find(io, letter->nsp);
    naru__sio_packet packet = {.attachments = letter->attachments_count, .data = {letter->data}};
    if (!nsp || !nsp->server_side) {
        return;
    }
    naru__sio_event_init(&event, &state, io, &packet, letter->attachments, false);
    event.server_side = io;
    event.wants_answer = letter->question > 0;
    event.id = letter->question;
    event.from = letter->from;
    naru__sio_hook hook;
    naru__sio_hook_walk walk = naru__sio_walk_begin(naru__sio_hooks_event(nsp->server_side, event.name));
    while (naru__sio_walk_next(&walk, &hook)) {
        ((naru_sio_listener *)hook.fn)(NULL, &event, hook.user);
    }
    naru__sio_walk_end(&walk);
    naru__sio_event_deinit(&event);
}

naru_status naru__sio_answer_server(naru_sio *io, uint32_t to, uint64_t question, naru_sio_args args)
{
    naru_buf text;
    naru_span attachments[NARU__SIO_ATTACHMENTS_OUT_MAX];
    uint32_t count = 0;
    if (!io->member) {
        return NARU_ERR_STATE;
    }
    naru_buf_init(&text, io->allocator);
    naru_status status = naru__sio_args_write(&text, NULL, args, (naru_span){0}, attachments, &count);
    if (status == NARU_OK) {
        naru__sio_answer_letter(io, to, question, (naru_span){0}, naru_buf_span(&text), attachments, count);
    }
    naru_buf_deinit(&text);
    return status;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static naru_status tell(naru_sio_namespace *nsp, const char *event, naru_sio_args args, uint64_t question,
                        uint32_t *sent_out)
{
    naru_buf text;
    naru_span attachments[NARU__SIO_ATTACHMENTS_OUT_MAX];
    naru__sio_letter draft = {.kind = NARU__SIO_LETTER_SERVER_SIDE, .question = question, .nsp = naru__sio_name(nsp)};
    naru_buf_init(&text, nsp->io->allocator);
    naru_status status =
        naru__sio_args_write(&text, event, args, (naru_span){0}, attachments, &draft.attachments_count);
    if (status == NARU_OK) {
        draft.data = naru_buf_span(&text);
        draft.attachments = attachments;
        naru__sio_letter *letter = naru__sio_letter_new(nsp->io, &draft);
        status = letter ? naru__sio_publish_to_others(nsp->io, letter, sent_out) : NARU_ERR_MEMORY;
    }
    naru_buf_deinit(&text);
    return status;
}

naru_status naru_sio_server_side_emit(naru_sio_namespace *nsp, const char *event, naru_sio_args args,
                                      naru_sio_on_responses *on_responses, void *user)
{
    naru_sio *io = nsp->io;
    uint32_t others = naru__sio_others(io), sent = 0;
    if (is_reserved(event) || nsp->kind == NARU__SIO_PARENT) {
        return NARU_ERR_ARGUMENT;
    }
    if (!on_responses) {
        return others > 0 ? tell(nsp, event, args, 0, &sent) : NARU_OK;
    }
    naru__sio_poll *poll = naru__sio_poll_new(io, others > 0 ? ANSWERS_MS : 1, on_responses, user);
    if (!poll) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = others > 0 ? tell(nsp, event, args, naru__sio_poll_id(poll), &sent) : NARU_OK;
    if (status) {
        naru__sio_poll_cancel(poll);
        return status;
    }
    naru__sio_poll_expect(poll, sent);
    naru__sio_poll_start(poll);
    return NARU_OK;
}
