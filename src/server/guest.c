/* The table of addresses. Its size is bounded: those with connections by connections_max, those without by IDLE_MAX,
 * behind which the oldest is forgotten. Buckets are found by SipHash with a key of this server's own, so that nobody
 * can choose addresses that share one.
 *
 * Not for: who is asked (arrive.c, upgrade.c). */
#include "server/guest.h"

#include "base/memory.h"
#include <string.h>

enum { BUCKETS = 4096, IDLE_MAX = 8192, IPV6_NETWORK_BYTES = 8 };

bool naru__guest_is_limited(const naru_server *server, const naru__peer *peer)
{
    const naru_server_options *options = &server->options;
    bool any = options->address_connections_max != UINT32_MAX || options->address_handshakes_per_second != UINT32_MAX;
    bool exempt = naru__peer_is_loopback(peer) && !options->address_limits_loopback;
    return any && peer->known && !exempt && !naru__trusts(server, peer);
}

naru__guest *naru__guest_new(naru_server *server, const naru__peer *peer)
{
    naru__guest *guest = naru__alloc_zero(server->allocator, sizeof *guest);
    if (guest) {
        guest->peer = *peer;
    }
    return guest;
}

/* ---- those without connections, oldest first ------------------------------------------------------------------- */

static void idle_remove(naru__guests *guests, naru__guest_address *address)
{
    *(address->older ? &address->older->younger : &guests->oldest) = address->younger;
    *(address->younger ? &address->younger->older : &guests->youngest) = address->older;
    address->older = address->younger = NULL;
    guests->idle--;
}

static void idle_add(naru__guests *guests, naru__guest_address *address)
{
    address->older = guests->youngest;
    *(guests->youngest ? &guests->youngest->younger : &guests->oldest) = address;
    guests->youngest = address;
    guests->idle++;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static naru__guest_address **bucket_of(naru_server *server, const uint8_t ip[16])
{
    return &server->guests.buckets[naru__sip(&server->routes.key, (naru_span){ip, 16}) % BUCKETS];
}

static void forget(naru_server *server, naru__guest_address *address)
{
    naru__guest_address **at = bucket_of(server, address->ip);
    while (*at != address) {
        at = &(*at)->next;
    }
    *at = address->next;
    idle_remove(&server->guests, address);
    naru__free(server->allocator, address, sizeof *address);
}

/* An address whose bucket is full again is like one that was never seen. */
static void forget_some(naru_server *server)
{
    naru__guests *guests = &server->guests;
    uint64_t now_us = naru_loop_now_ms(server->loop) * 1000;
    for (int i = 0; i < 2 && guests->oldest; i++) {
        if (guests->idle < IDLE_MAX && guests->oldest->handshakes > now_us) {
            return;
        }
        forget(server, guests->oldest);
    }
}

static naru__guest_address *address_new(naru_server *server, const uint8_t ip[16])
{
    naru__guest_address *address = naru__alloc_zero(server->allocator, sizeof *address);
    if (address) {
        naru__guest_address **bucket = bucket_of(server, ip);
        memcpy(address->ip, ip, 16);
        address->next = *bucket;
        *bucket = address;
        idle_add(&server->guests, address);
    }
    return address;
}

/* The address of a peer, without connections if it is new. NULL: no memory. */
static naru__guest_address *address_get(naru_server *server, const naru__peer *peer)
{
    uint8_t ip[16];
    naru__guests *guests = &server->guests;
    memcpy(ip, peer->ip, sizeof ip);
    if (!naru__peer_is_ipv4(peer)) {
        memset(ip + IPV6_NETWORK_BYTES, 0, sizeof ip - IPV6_NETWORK_BYTES);
    }
    if (!guests->buckets) {
        guests->buckets = naru__alloc_zero(server->allocator, BUCKETS * sizeof(naru__guest_address *));
    }
    if (!guests->buckets) {
        return NULL;
    }
    naru__guest_address *address = *bucket_of(server, ip);
    while (address && memcmp(address->ip, ip, sizeof ip) != 0) {
        address = address->next;
    }
    if (address) {
        return address;
    }
    forget_some(server);
    return address_new(server, ip);
}

/* ---- coming and going ------------------------------------------------------------------------------------------- */

naru_status naru__guest_enter(naru_server *server, naru__guest *guest)
{
    uint64_t most = server->options.address_connections_max;
    if (guest->address) {
        return NARU_OK;
    }
    naru__guest_address *address = address_get(server, &guest->peer);
    if (!address) {
        return NARU_ERR_MEMORY;
    }
    if (address->connections >= 2 * most) {
        return NARU_ERR_TOO_BIG;
    }
    if (address->connections++ == 0) {
        idle_remove(&server->guests, address);
    }
    guest->address = address;
    return address->connections > most ? NARU_FULL : NARU_OK;
}

void naru__guest_free(naru_server *server, naru__guest *guest)
{
    if (!guest) {
        return;
    }
    naru__guest_address *address = guest->address;
    if (address && --address->connections == 0) {
        idle_add(&server->guests, address);
    }
    naru__meter_free(server, guest->meter);
    naru__free(server->allocator, guest, sizeof *guest);
}

uint64_t naru__guest_handshake(naru_server *server, naru__guest *guest)
{
    uint32_t per_second = server->options.address_handshakes_per_second;
    if (!guest->address || per_second == UINT32_MAX) {
        return 0;
    }
    return naru__pace_take(&guest->address->handshakes, naru_loop_now_ms(server->loop), 1, per_second,
                           2 * (uint64_t)per_second, false);
}

void naru__guests_free(naru_server *server)
{
    while (server->guests.oldest) {
        forget(server, server->guests.oldest);
    }
    naru__free(server->allocator, server->guests.buckets, BUCKETS * sizeof(naru__guest_address *));
}
