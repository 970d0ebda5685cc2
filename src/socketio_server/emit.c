/* Events to one socket or to many: written when the first of them needs it, with the log's offset where sessions can be
 * recovered, and sent.
 *
 * Not for: whom a target means (target.c), the bytes (args.c, outgoing.c). Source: socket.io's Socket.emit and
 * BroadcastOperator.emit. */
#include "base/memory.h"
#include "group.h"
#include "outgoing.h"

typedef struct emission {
    naru__sio_out out;
    naru_sio_target target; /* of one namespace that is no parent */
    const char *event;
    naru_sio_args args;
    const naru__sio_letter *letter; /* that has all this written out; NULL: none */
    naru__sio_poll *poll;           /* NULL: no answers are wanted, or one */
    naru_status status;
    naru_sio_outcome outcome;
    bool written;
} emission;

static void emission_init(emission *e, const naru_sio_target *target, const char *event, naru_sio_args args)
{
    naru_sio_namespace *nsp = target->nsp;
    e->target = *target;
    e->event = event;
    e->args = args;
    e->letter = NULL;
    e->poll = NULL;
    e->status = NARU_OK;
    e->outcome = (naru_sio_outcome){0};
    e->written = false;
    naru__sio_out_init(&e->out, nsp->io, NARU__SIO_EVENT, naru__sio_name(nsp));
    e->out.is_volatile = target->is_volatile;
    e->out.is_shared = !target->only;
    e->out.flags |= target->no_compress ? NARU_WS_PLAIN : 0U;
}

/* ---- the log ---------------------------------------------------------------------------------------------------- */

/* Are its events numbered? Those that want an answer are not: the offset would not be the last argument over there. */
static bool is_numbered(const emission *e)
{
    return e->target.nsp->recovery && !e->out.packet.has_id;
}

static bool is_logged(const emission *e)
{
    return is_numbered(e) && !e->out.is_volatile;
}

typedef struct name_list {
    naru_span *names;
    uint32_t count;
    size_t bytes;
} name_list;

static bool names_join(name_list *list, const naru_allocator *allocator, naru_span first, const naru_span *a,
                       size_t a_count, const naru_span *b, size_t b_count)
{
    list->bytes = (1 + a_count + b_count) * sizeof(naru_span);
    list->names = naru__alloc(allocator, list->bytes);
    if (!list->names) {
        return false;
    }
    if (first.size > 0) {
        list->names[list->count++] = first;
    }
    for (size_t i = 0; i < a_count; i++) {
        list->names[list->count++] = a[i];
    }
    for (size_t i = 0; i < b_count; i++) {
        list->names[list->count++] = b[i];
    }
    return true;
}

static void log_event(emission *e)
{
    const naru_sio_target *target = &e->target;
    naru_sio *io = target->nsp->io;
    naru_span only = target->only ? naru__sio_id(target->only) : (naru_span){0};
    naru_span sender = target->sender ? naru__sio_id(target->sender) : (naru_span){0};
    name_list rooms = {0}, except = {0};
    bool there = names_join(&rooms, io->allocator, only, target->rooms, target->rooms_count, target->rooms_more,
                            target->rooms_more_count) &&
                 names_join(&except, io->allocator, sender, target->except, target->except_count, target->except_more,
                            target->except_more_count);
    if (!there) {
        /* For whom it is cannot be written down: nobody comes back across the gap. */
        naru__sio_recovery_deinit(target->nsp);
    }
    naru__sio_recovery_event event = {.data = e->out.packet.data.text,
                                      .attachments = e->out.attachments,
                                      .attachments_count = e->out.packet.attachments,
                                      .rooms = rooms.names,
                                      .rooms_count = rooms.count,
                                      .except = except.names,
                                      .except_count = except.count};
    naru_status status =
        there ? naru__sio_recovery_log(target->nsp->recovery, &event, naru_loop_now_ms(io->loop)) : NARU_OK;
    (void)status; /* not logged: the log has forgotten what came before it */
    naru__free(io->allocator, rooms.names, rooms.bytes);
    naru__free(io->allocator, except.names, except.bytes);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static naru_status write_event(emission *e)
{
    char text[NARU__SIO_OFFSET_BYTES_MAX];
    naru_span offset = {0};
    if (is_numbered(e)) {
        naru__sio_recovery *recovery = e->target.nsp->recovery;
        uint64_t position = naru__sio_recovery_position(recovery) + (is_logged(e) ? 1 : 0);
        offset = (naru_span){(uint8_t *)text, naru__sio_recovery_offset(recovery, position, text)};
    }
    e->written = true;
    e->status = e->letter ? naru__sio_out_write_json(&e->out, e->letter->data, e->letter->attachments,
                                                     e->letter->attachments_count)
                          : naru__sio_out_write(&e->out, e->event, e->args, offset);
    if (e->status == NARU_OK && is_logged(e)) {
        log_event(e);
    }
    return e->status;
}

static naru_status check(const naru_sio_target *target, const char *event)
{
    if (!naru__sio_target_good(target) || naru__sio_name_reserved(naru_span_of(event))) {
        return NARU_ERR_ARGUMENT;
    }
    return NARU_OK;
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static bool is_overheard(const naru_sio_namespace *nsp)
{
    return nsp->hooks.lists[NARU__SIO_HOOK_ANY_OUTGOING].count > 0 ||
           (nsp->parent && nsp->parent->hooks.lists[NARU__SIO_HOOK_ANY_OUTGOING].count > 0) ||
           (nsp->io->watch && nsp->io->watch->event);
}

static void overhear(emission *e, naru_sio_socket *socket)
{
    naru_sio_event event;
    naru__sio_event_state state;
    const naru__sio_watch *watch = socket->nsp->io->watch;
    naru__sio_event_init(&event, &state, socket->nsp->io, &e->out.packet, e->out.attachments, false);
    naru__sio_call_any(socket, &event, true);
    if (watch && watch->event) {
        watch->event(socket, &event, true);
    }
    naru__sio_event_deinit(&event);
}

static void expect(emission *e, naru_sio_socket *socket)
{
    naru__sio_awaited *awaited;
    if (naru__sio_await_for_poll(socket, e->out.packet.id, e->poll, &awaited)) {
        naru__sio_poll_missed(e->poll);
    }
}

static void send_to(naru_sio_socket *socket, void *user)
{
    emission *e = user;
    if ((!e->written && write_event(e)) || e->status) {
        return;
    }
    if (e->poll) {
        expect(e, socket);
    }
    naru_status status = naru__sio_out_send(&e->out, socket->client);
    e->outcome.sockets += status >= 0;
    e->outcome.full += status == NARU_FULL;
    e->outcome.refused += status < 0;
}

/* With listeners to what goes out the sockets are held, since those may do as they like. */
static naru_status send_overheard(emission *e)
{
    naru__sio_snapshot snapshot;
    naru_status status = naru__sio_snapshot_take(&snapshot, &e->target);
    for (size_t i = 0; status == NARU_OK && i < snapshot.count; i++) {
        naru_sio_socket *socket = snapshot.sockets[i];
        if (!e->written && write_event(e)) {
            break;
        }
        overhear(e, socket);
        if (socket->state == NARU__SIO_CONNECTED) {
            send_to(socket, e);
        }
    }
    naru__sio_snapshot_free(&snapshot);
    return status;
}

static naru_status send_all(emission *e)
{
    /* Those who are away may come back for it, though nobody is here now. */
    if (is_logged(e) && write_event(e)) {
        return e->status;
    }
    naru_status status =
        is_overheard(e->target.nsp) ? send_overheard(e) : naru__sio_target_walk(&e->target, send_to, e);
    return status ? status : e->status;
}

/* ---- to one ----------------------------------------------------------------------------------------------------- */

static naru_status send_one(emission *e, naru_sio_socket *socket)
{
    naru_status status = write_event(e);
    if (status) {
        return status;
    }
    if (is_overheard(socket->nsp)) {
        overhear(e, socket);
    }
    return socket->state == NARU__SIO_CONNECTED ? naru__sio_out_send(&e->out, socket->client) : NARU_ERR_STATE;
}

naru_status naru_sio_emit(naru_sio_socket *socket, const char *event, naru_sio_args args)
{
    naru_sio_target target = {.nsp = socket->nsp, .only = socket};
    naru_status status = naru_sio_socket_connected(socket) ? check(&target, event) : NARU_ERR_STATE;
    if (status) {
        return status;
    }
    emission e;
    emission_init(&e, &target, event, args);
    status = send_one(&e, socket);
    naru__sio_out_deinit(&e.out);
    return status;
}

naru_status naru_sio_emit_ack(naru_sio_socket *socket, uint32_t timeout_ms, const char *event, naru_sio_args args,
                              naru_sio_on_answer *on_answer, void *user)
{
    naru_sio_target target = {.nsp = socket->nsp, .only = socket};
    naru__sio_awaited *awaited;
    uint64_t id = socket->nsp->acks.next_id;
    naru_status status = naru_sio_socket_connected(socket) ? check(&target, event) : NARU_ERR_STATE;
    status = status ? status : naru__sio_await(socket, id, timeout_ms, on_answer, user, &awaited);
    if (status) {
        return status;
    }
    socket->nsp->acks.next_id++;
    emission e;
    emission_init(&e, &target, event, args);
    e.out.packet.has_id = true;
    e.out.packet.id = id;
    status = send_one(&e, socket);
    if (status < 0) {
        naru__sio_await_cancel(awaited);
    }
    naru__sio_out_deinit(&e.out);
    return status;
}

/* ---- to many ---------------------------------------------------------------------------------------------------- */

typedef struct wording {
    const char *event;
    naru_sio_args args;
    const naru__sio_letter *letter; /* instead of them */
} wording;

static naru_status emit_in(const naru_sio_target *target, const wording *words, naru__sio_poll *poll,
                           naru_sio_outcome *outcome)
{
    emission e;
    emission_init(&e, target, words->event, words->args);
    e.letter = words->letter;
    e.poll = poll;
    if (poll) {
        e.out.packet.has_id = true;
        e.out.packet.id = target->nsp->acks.next_id++;
    }
    naru_status status = send_all(&e);
    outcome->sockets += e.outcome.sockets;
    outcome->full += e.outcome.full;
    outcome->refused += e.outcome.refused;
    naru__sio_out_deinit(&e.out);
    return status;
}

static naru_status emit_all(const naru_sio_target *target, const wording *words, naru__sio_poll *poll,
                            naru_sio_outcome *outcome)
{
    if (target->nsp->kind != NARU__SIO_PARENT) {
        return emit_in(target, words, poll, outcome);
    }
    naru_status status = NARU_OK;
    naru_sio_target of_child = *target;
    naru_sio_namespace *child = NULL;
    while (status == NARU_OK && (child = naru__sio_next_child(target->nsp, child)) != NULL) {
        of_child.nsp = child;
        status = emit_in(&of_child, words, poll, outcome);
    }
    return status;
}

/* ---- on other loops --------------------------------------------------------------------------------------------- */

void naru__sio_emit_letter(const naru_sio_target *target, const naru__sio_letter *letter, naru__sio_poll *poll)
{
    naru_sio_outcome outcome = {0};
    wording words = {.letter = letter};
    naru_status status = emit_all(target, &words, poll, &outcome);
    (void)status; /* without memory nobody hears it here, as where it comes from */
}

/* errors as naru__sio_publish, and what the arguments are refused for. */
static naru_status tell_others(const naru_sio_target *target, const wording *words, naru__sio_poll *poll)
{
    naru_sio *io = target->nsp->io;
    naru__sio_letter draft = {.kind = NARU__SIO_LETTER_EVENT, .question = poll ? naru__sio_poll_id(poll) : 0};
    naru__sio_letter *letter = NULL;
    naru__sio_names names = {0};
    naru_span attachments[NARU__SIO_ATTACHMENTS_OUT_MAX];
    uint32_t sent = 0;
    naru_buf text;
    naru_buf_init(&text, io->allocator);
    naru_status status =
        naru__sio_args_write(&text, words->event, words->args, (naru_span){0}, attachments, &draft.attachments_count);
    if (status == NARU_OK && draft.attachments_count > io->options.attachments_max) {
        status = NARU_ERR_TOO_MANY;
    }
    status = status ? status : naru__sio_letter_address(&draft, target, &names);
    if (status == NARU_OK) {
        draft.data = naru_buf_span(&text);
        draft.attachments = attachments;
        letter = naru__sio_letter_new(io, &draft);
        status = letter ? naru__sio_publish(io, letter, &sent) : NARU_ERR_MEMORY;
    }
    if (poll && status >= 0) {
        naru__sio_poll_spread(poll, sent);
    }
    naru__sio_names_free(&names);
    naru_buf_deinit(&text);
    return status;
}

static naru_status emit_everywhere(const naru_sio_target *target, const wording *words, naru__sio_poll *poll,
                                   naru_sio_outcome *outcome)
{
    naru_status status = naru__sio_goes_round(target) ? tell_others(target, words, poll) : NARU_OK;
    if (status == NARU_OK) {
        status = emit_all(target, words, poll, outcome);
    }
    return status == NARU_MORE ? NARU_OK : status;
}

/* ---- the application's way -------------------------------------------------------------------------------------- */

naru_status naru_sio_emit_to(naru_sio_target target, const char *event, naru_sio_args args,
                             naru_sio_outcome *outcome_out)
{
    naru_sio_outcome outcome = {0};
    naru_status status = check(&target, event);
    if (status == NARU_OK) {
        wording words = {.event = event, .args = args};
        status = emit_everywhere(&target, &words, NULL, &outcome);
    }
    if (outcome_out) {
        *outcome_out = outcome;
    }
    return status;
}

naru_status naru_sio_emit_to_ack(naru_sio_target target, const char *event, naru_sio_args args,
                                 naru_sio_on_responses *on_responses, void *user)
{
    naru_sio_outcome outcome = {0};
    naru_status status = target.timeout_ms > 0 ? check(&target, event) : NARU_ERR_ARGUMENT;
    if (status) {
        return status;
    }
    naru__sio_poll *poll = naru__sio_poll_new(target.nsp->io, target.timeout_ms, on_responses, user);
    if (!poll) {
        return NARU_ERR_MEMORY;
    }
    wording words = {.event = event, .args = args};
    status = emit_everywhere(&target, &words, poll, &outcome);
    if (status) {
        naru__sio_poll_cancel(poll);
        return status;
    }
    naru__sio_poll_start(poll);
    return NARU_OK;
}
