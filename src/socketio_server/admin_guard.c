/* Who of late has guessed at the Admin UI's password, and how often: after some wrong ones an address waits, unchecked.
 *
 * bcrypt makes each guess dear, to us too; this bounds how many there are. Loopback is not held up, as with the
 * other limits of addresses, unless the engine's address_limits_loopback says so. Of IPv6 a /64 counts as one.
 * Source: none. */
#include "admin.h"

#include "io/peer.h"
#include <string.h>

enum { WRONG_MAX = 10, WINDOW_MS = 60000, IPV6_NETWORK_BYTES = 8 };

/* Where the socket comes from. false: guesses from there are not counted. */
static bool origin_of(const naru_sio_socket *socket, uint8_t from[16])
{
    naru_sio_handshake handshake;
    naru__peer peer;
    naru_sio_socket_handshake(socket, &handshake);
    if (!naru__peer_read(handshake.address, &peer)) {
        return false;
    }
    if (naru__peer_is_loopback(&peer) && !socket->nsp->io->options.engine.address_limits_loopback) {
        return false;
    }
    memset(from, 0, sizeof peer.ip);
    memcpy(from, peer.ip, naru__peer_is_ipv4(&peer) ? sizeof peer.ip : IPV6_NETWORK_BYTES);
    return true;
}

/* The place of that address, or the one that has rested longest. */
static naru__admin_guesses *place_of(naru__sio_admin *admin, const uint8_t from[16])
{
    naru__admin_guesses *oldest = &admin->guesses[0];
    for (size_t i = 0; i < NARU__ADMIN_ORIGINS; i++) {
        naru__admin_guesses *place = &admin->guesses[i];
        if (place->count > 0 && memcmp(place->from, from, sizeof place->from) == 0) {
            return place;
        }
        if (place->until_ms < oldest->until_ms) {
            oldest = place;
        }
    }
    *oldest = (naru__admin_guesses){.until_ms = 0};
    memcpy(oldest->from, from, sizeof oldest->from);
    return oldest;
}

bool naru__admin_may_guess(naru__sio_admin *admin, const naru_sio_socket *socket)
{
    uint8_t from[16];
    uint64_t now_ms = naru_loop_now_ms(admin->io->loop);
    if (!origin_of(socket, from)) {
        return true;
    }
    naru__admin_guesses *place = place_of(admin, from);
    if (now_ms >= place->until_ms) {
        place->count = 0;
        place->until_ms = now_ms + WINDOW_MS;
    }
    if (place->count == WRONG_MAX) {
        return false;
    }
    place->count++;
    return true;
}

void naru__admin_guessed_right(naru__sio_admin *admin, const naru_sio_socket *socket)
{
    uint8_t from[16];
    if (origin_of(socket, from)) {
        *place_of(admin, from) = (naru__admin_guesses){.until_ms = 0};
    }
}
