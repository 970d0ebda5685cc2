/* Dealing out: who gets the next connection, and how it gets there. A server that is full gets no more, and when all
 * are full, accepting waits.
 *
 * Not for: threads (crew.c). Source: none. */
#include "server/deal.h"

#include "base/memory.h"
#include <unistd.h>

/* A socket on its way to another thread. */
typedef struct parcel {
    naru__listening *listening; /* of the server that it goes to */
    int fd;
    naru__peer peer;
} parcel;

static uint32_t room_of(const naru__hand *hand)
{
    uint32_t held = atomic_load_explicit(&hand->held, memory_order_relaxed),
             most = hand->server->options.connections_max;
    return held < most ? most - held : 0;
}

/* The one that has fewest; of equals the next in turn. The first can always take it itself. */
static naru__hand *choose(naru__deal *deal, const naru__listening *listening)
{
    naru__hand *best = &deal->hands[0];
    uint32_t fewest = UINT32_MAX;
    for (uint32_t i = 0; i < deal->count; i++) {
        uint32_t at = (deal->next + i) % deal->count;
        naru__hand *hand = &deal->hands[at];
        uint32_t held = atomic_load_explicit(&hand->held, memory_order_relaxed);
        if (listening->dealt[at] && held < fewest) {
            best = hand;
            fewest = held;
        }
    }
    deal->next = (uint32_t)(best - deal->hands) + 1;
    return best;
}

static bool has_room(const naru__deal *deal)
{
    for (uint32_t i = 0; i < deal->count; i++) {
        if (room_of(&deal->hands[i]) > 0) {
            return true;
        }
    }
    return false;
}

/* ---- full, and not any more -------------------------------------------------------------------------------------- */

static void pause_if_full(naru__deal *deal)
{
    if (has_room(deal)) {
        return;
    }
    naru_server *first = deal->hands[0].server;
    atomic_store(&deal->full, true);
    if (has_room(deal)) { /* it came just now, and nobody will tell of it */
        atomic_store(&deal->full, false);
        return;
    }
    naru__log(first->loop, NARU_LOG_WARN, "every thread has as many connections as it may: accepting waits");
    naru__server_listen_pause(first, true);
}

static void go_on(void *user)
{
    naru__deal *deal = user;
    naru_server *first = deal->hands[0].server;
    if (first && !atomic_load(&deal->full)) {
        naru__server_listen_pause(first, false);
    }
}

void naru__deal_released(naru__hand *hand)
{
    naru__deal *deal = hand->deal;
    atomic_fetch_sub(&hand->held, 1);
    if (!atomic_exchange(&deal->full, false)) {
        return;
    }
    if (naru_loop_post(deal->loop, go_on, deal) < 0) {
        atomic_store(&deal->full, true); /* the next one that goes tries again */
    }
}

/* ---- on its way -------------------------------------------------------------------------------------------------- */

static void give_up(naru__hand *hand, int fd)
{
    close(fd);
    naru__deal_released(hand);
}

static void arrive(void *user)
{
    parcel arrived = *(parcel *)user;
    naru_server *server = arrived.listening->server;
    naru__free(naru_allocator_default(), user, sizeof arrived);
    naru__server_accept(server, naru__server_refuses(server) ? NULL : arrived.listening, arrived.fd, &arrived.peer);
}

static void send_to(naru__hand *hand, naru__listening *listening, int fd, const naru__peer *peer)
{
    const naru_allocator *allocator = naru_allocator_default();
    parcel *sent = naru__alloc(allocator, sizeof *sent);
    if (sent) {
        *sent = (parcel){listening, fd, *peer};
    }
    if (!sent || naru_loop_post(hand->server->loop, arrive, sent) < 0) {
        naru__free(allocator, sent, sizeof *sent);
        give_up(hand, fd);
    }
}

void naru__deal_out(naru__listening *listening, int fd, const naru__peer *peer)
{
    naru__hand *first = listening->server->hand;
    naru__deal *deal = first->deal;
    naru__hand *hand = choose(deal, listening);
    atomic_fetch_add(&hand->held, 1);
    if (hand == first) {
        naru__server_accept(hand->server, listening, fd, peer);
    } else {
        send_to(hand, listening->dealt[hand - deal->hands], fd, peer);
    }
    pause_if_full(deal);
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

static naru__listening *shadow_of(const naru__listening *listening, naru_server *server)
{
    naru__listening *shadow = naru__alloc_zero(server->allocator, sizeof *shadow);
    if (shadow) {
        shadow->server = server;
        shadow->tls = listening->tls ? naru_tls_ref(listening->tls) : NULL;
        shadow->proxy = listening->proxy;
        shadow->http2 = listening->http2;
        shadow->next = server->listenings;
        server->listenings = shadow;
    }
    return shadow;
}

naru_status naru__deal_listening(naru__deal *deal)
{
    naru__listening *listening = deal->hands[0].server->listenings;
    naru__listening **dealt = naru__alloc_zero(listening->server->allocator, deal->count * sizeof(naru__listening *));
    if (!dealt) {
        return NARU_ERR_MEMORY;
    }
    listening->dealt = dealt;
    listening->dealt_count = deal->count;
    dealt[0] = listening;
    for (uint32_t i = 1; i < deal->count; i++) {
        dealt[i] = shadow_of(listening, deal->hands[i].server);
        if (!dealt[i]) {
            return NARU_ERR_MEMORY;
        }
    }
    return NARU_OK;
}
