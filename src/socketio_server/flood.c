/* How fast a session, and an address with all its sessions, may send: buckets that hold two seconds' worth.
 *
 * Not for: how many sessions an address may have (the engine's options). Source: none. */
#include "base/memory.h"
#include "io/peer.h"
#include "server/guest.h"
#include "sio.h"
#include <string.h>

enum { BURST_SECONDS = 2, IPV6_NETWORK_BYTES = 8 };

struct naru__sio_flow {
    uint64_t events, bytes; /* see naru__pace_take */
};

struct naru__sio_guest {
    uint64_t events;
    size_t sessions;
    uint8_t ip[16]; /* of IPv6 its network alone */
};

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static bool address_of(const naru__sio_client *client, uint8_t ip[16])
{
    const naru_sio_options *options = &client->io->options;
    naru__peer peer;
    if (!naru__peer_read(naru_eio_address(client->session), &peer) || !peer.known ||
        (naru__peer_is_loopback(&peer) && !options->engine.address_limits_loopback)) {
        return false;
    }
    memcpy(ip, peer.ip, 16);
    if (!naru__peer_is_ipv4(&peer)) {
        memset(ip + IPV6_NETWORK_BYTES, 0, 16 - IPV6_NETWORK_BYTES);
    }
    return true;
}

static naru_status enter(naru__sio_client *client)
{
    naru_sio *io = client->io;
    uint8_t ip[16];
    if (io->options.address_events_per_second == 0 || !address_of(client, ip)) {
        return NARU_OK;
    }
    naru__sio_guest *guest = naru__sio_map_get(&io->guests, (naru_span){ip, sizeof ip});
    if (!guest) {
        guest = naru__alloc_zero(io->allocator, sizeof *guest);
        if (!guest) {
            return NARU_ERR_MEMORY;
        }
        memcpy(guest->ip, ip, sizeof ip);
        if (naru__sio_map_put(&io->guests, (naru_span){guest->ip, sizeof guest->ip}, guest)) {
            naru__free(io->allocator, guest, sizeof *guest);
            return NARU_ERR_MEMORY;
        }
    }
    guest->sessions++;
    client->guest = guest;
    return NARU_OK;
}

static void leave(naru__sio_client *client)
{
    naru__sio_guest *guest = client->guest;
    client->guest = NULL;
    if (guest && --guest->sessions == 0) {
        naru__sio_map_remove(&client->io->guests, (naru_span){guest->ip, sizeof guest->ip});
        naru__free(client->io->allocator, guest, sizeof *guest);
    }
}

/* ---- sessions --------------------------------------------------------------------------------------------------- */

naru_status naru__sio_flood_begin(naru__sio_client *client)
{
    const naru_sio_options *options = &client->io->options;
    if (options->events_per_second > 0 || options->bytes_per_second > 0) {
        client->flow = naru__alloc_zero(client->io->allocator, sizeof *client->flow);
        if (!client->flow) {
            return NARU_ERR_MEMORY;
        }
    }
    return enter(client);
}

void naru__sio_flood_end(naru__sio_client *client)
{
    naru__free(client->io->allocator, client->flow, sizeof *client->flow);
    client->flow = NULL;
    leave(client);
}

/* What is too much is not counted where it is dropped: who goes on at the limit's pace is heard at the limit's pace. */
static bool too_fast(const naru_sio *io, uint64_t *full_us, uint64_t units, uint64_t per_second)
{
    return per_second > 0 && units > 0 &&
           naru__pace_take(full_us, naru_loop_now_ms(io->loop), units, per_second, per_second * BURST_SECONDS, false) >
               0;
}

static bool is_flood(naru__sio_client *client, size_t bytes, bool event)
{
    const naru_sio_options *options = &client->io->options;
    bool flood = false;
    if (client->flow) {
        flood = too_fast(client->io, &client->flow->bytes, bytes, options->bytes_per_second) ||
                (event && too_fast(client->io, &client->flow->events, 1, options->events_per_second));
    }
    if (client->guest && event && !flood) {
        flood = too_fast(client->io, &client->guest->events, 1, options->address_events_per_second);
    }
    return flood;
}

bool naru__sio_flood(naru__sio_client *client, size_t bytes, bool event)
{
    if ((!client->flow && !client->guest) || !is_flood(client, bytes, event)) {
        return false;
    }
    if (client->io->options.flood_policy == NARU_SIO_FLOOD_CLOSE) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
    }
    return event;
}
