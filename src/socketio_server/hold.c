/* A packet middleware that takes its time: its event is held, a copy of it, and what its socket sends behind it waits
 * in order, within limits. Answers to our own questions do not wait: a middleware may ask the client something.
 *
 * Only the first of a socket's holds is ever the application's. One that the socket has left behind is nobody's but the
 * application's, and goes when that gives it back. Source: none; socket.io's Socket.use keeps no order. */
#include "base/memory.h"
#include "sio.h"

struct naru_sio_hold {
    naru_sio_hold *next;
    naru_sio_socket *socket; /* a reference */
    naru_sio_event event;
    naru__sio_event_state state;
    size_t bytes;
    uint32_t at; /* of the middleware, the next to be asked */
    naru_status verdict;
    bool taken;      /* the application has it */
    bool given_back; /* with the verdict */
    bool running;    /* its event is being dispatched further up the stack */
    bool orphan;     /* its socket has gone */
    naru__deferred go_on;
};

typedef struct naru__sio_holds {
    naru_sio_hold *first, **end;
    uint64_t bytes;
    uint32_t count;
} naru__sio_holds;

/* ---- a socket's list -------------------------------------------------------------------------------------------- */

static void go_on(naru__deferred *deferred);

static naru__sio_holds *holds_of(naru_sio_socket *socket)
{
    if (!socket->holds) {
        socket->holds = naru__alloc_zero(socket->nsp->io->allocator, sizeof(naru__sio_holds));
        if (socket->holds) {
            socket->holds->end = &socket->holds->first;
        }
    }
    return socket->holds;
}

static naru_sio_hold *hold_new(naru_sio_socket *socket, const naru_sio_event *event)
{
    naru_sio *io = socket->nsp->io;
    naru__sio_holds *holds = holds_of(socket);
    size_t bytes = sizeof(naru_sio_hold) + naru__sio_event_bytes(event);
    naru_sio_hold *hold = holds ? naru__alloc_zero(io->allocator, bytes) : NULL;
    if (!hold) {
        return NULL;
    }
    naru__sio_event_copy(&hold->event, &hold->state, io, event, hold + 1);
    hold->state.hold = hold;
    hold->state.answered = event->state->answered;
    hold->socket = naru_sio_socket_ref(socket);
    hold->bytes = bytes;
    hold->go_on.run = go_on;
    *holds->end = hold;
    holds->end = &hold->next;
    holds->bytes += bytes;
    holds->count++;
    return hold;
}

static void hold_free(naru_sio_hold *hold)
{
    naru_sio_socket *socket = hold->socket;
    naru__sio_event_deinit(&hold->event);
    naru__free(socket->nsp->io->allocator, hold, hold->bytes);
    naru_sio_socket_unref(socket);
}

static void holds_free(naru_sio_socket *socket)
{
    naru__free(socket->nsp->io->allocator, socket->holds, sizeof(naru__sio_holds));
    socket->holds = NULL;
}

/* The first one is through. */
static void pop(naru_sio_hold *hold)
{
    naru__sio_holds *holds = hold->socket->holds;
    holds->first = hold->next;
    holds->bytes -= hold->bytes;
    holds->count--;
    if (!holds->first) {
        holds_free(hold->socket);
    }
    hold_free(hold);
}

void naru__sio_holds_drop(naru_sio_socket *socket)
{
    naru_sio_hold *hold = socket->holds ? socket->holds->first : NULL;
    if (!socket->holds) {
        return;
    }
    holds_free(socket);
    while (hold) {
        naru_sio_hold *next = hold->next;
        hold->orphan = true;
        naru__loop_defer_cancel(socket->nsp->io->loop, &hold->go_on);
        if (!hold->running && (!hold->taken || hold->given_back)) {
            hold_free(hold);
        }
        hold = next;
    }
}

/* ---- waiting behind --------------------------------------------------------------------------------------------- */

static bool has_room(const naru_sio_socket *socket, const naru_sio_event *event)
{
    const naru_sio_options *options = &socket->nsp->io->options;
    const naru__sio_holds *holds = socket->holds;
    return holds->count < options->held_events_max && holds->bytes <= options->held_bytes_max &&
           naru__sio_event_bytes(event) <= options->held_bytes_max - holds->bytes;
}

bool naru__sio_hold_behind(naru_sio_socket *socket, const naru_sio_event *event)
{
    if (!socket->holds) {
        return false;
    }
    if (!has_room(socket, event) || !hold_new(socket, event)) {
        naru__sio_client_close(socket->client, NARU_SIO_FORCED_SERVER_CLOSE);
    }
    return true;
}

/* ---- going on --------------------------------------------------------------------------------------------------- */

/* Has the application let go of it? Then it may be freed. */
static bool is_ours(const naru_sio_hold *hold)
{
    return !hold->taken || hold->given_back;
}

/* Its event was dispatched to its end, or as far as it went. false: the next one has to wait. */
static bool settle(naru_sio_hold *hold, bool over)
{
    hold->running = false;
    if (hold->orphan) {
        if (is_ours(hold)) {
            hold_free(hold);
        }
        return false;
    }
    if (over) {
        pop(hold);
    }
    return over;
}

/* Those behind the one that is through, until another one is taken. */
static void run_rest(naru_sio_socket *socket)
{
    bool more = true;
    while (more && socket->holds) {
        naru_sio_hold *hold = socket->holds->first;
        hold->running = true;
        more = settle(hold, naru__sio_dispatch(socket, &hold->event, &hold->at));
    }
}

static void go_on(naru__deferred *deferred)
{
    naru_sio_hold *hold = (naru_sio_hold *)((char *)deferred - offsetof(naru_sio_hold, go_on));
    naru_sio_socket *socket = naru_sio_socket_ref(hold->socket);
    hold->taken = hold->given_back = false;
    hold->running = true;
    if (settle(hold, naru__sio_dispatch_on(socket, &hold->event, &hold->at, hold->verdict))) {
        run_rest(socket);
    }
    naru_sio_socket_unref(socket);
}

void naru__sio_hold_called(naru_sio_hold *hold, uint32_t at, bool over)
{
    hold->at = at;
    (void)settle(hold, over);
}

naru_status naru__sio_hold_verdict(const naru_sio_event *event, naru_status answered)
{
    naru_sio_hold *hold = event->state->hold;
    if (!hold || !hold->taken) {
        return answered;
    }
    hold->state.answered = hold->state.answered || event->state->answered;
    if (!hold->given_back) {
        return NARU_MORE;
    }
    hold->taken = hold->given_back = false;
    return hold->verdict;
}

bool naru__sio_hold_taken(const naru_sio_event *event)
{
    return event->state->hold && event->state->hold->taken;
}

/* ---- the application's way -------------------------------------------------------------------------------------- */

naru_sio_hold *naru_sio_event_hold(const naru_sio_event *event)
{
    naru_sio_socket *socket = event->socket;
    if (!event->state->asking || socket->state != NARU__SIO_CONNECTED) {
        return NULL;
    }
    naru_sio_hold *hold = event->state->hold ? event->state->hold : hold_new(socket, event);
    if (!hold || hold->taken) {
        return NULL;
    }
    event->state->hold = hold;
    hold->taken = hold->running = true;
    return hold;
}

const naru_sio_event *naru_sio_hold_event(const naru_sio_hold *hold)
{
    return &hold->event;
}

void naru_sio_hold_end(naru_sio_hold *hold, naru_status verdict)
{
    hold->given_back = true;
    hold->verdict = verdict;
    if (hold->running) {
        return;
    }
    if (hold->orphan) {
        hold_free(hold);
    } else {
        naru__loop_defer(hold->socket->nsp->io->loop, &hold->go_on);
    }
}
