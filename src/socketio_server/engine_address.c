/* How many sessions one address has: a WebSocket is a connection, which the server counts, but a polling session is
 * only a name, and costs its client nothing to hold. Source: none. */
#include "engine_inside.h"

#include "base/memory.h"
#include "server/guest.h"
#include <string.h>

enum { IPV6_NETWORK_BYTES = 8 };

static bool limited(const naru_eio_server *eio, const naru__peer *peer)
{
    bool loopback = naru__peer_is_loopback(peer) && !eio->options.address_limits_loopback;
    return peer->known && !loopback && !naru__trusts(eio->server, peer);
}

static naru__eio_address **find(naru_eio_server *eio, const uint8_t ip[16])
{
    naru_span key = {ip, 16};
    naru__eio_address **link = &eio->addresses[naru__sip(&eio->key, key) % NARU__EIO_ADDRESS_BUCKETS];
    while (*link && memcmp((*link)->ip, ip, 16) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static naru__eio_address *find_or_make(naru_eio_server *eio, const naru__peer *peer)
{
    uint8_t ip[16] = {0};
    memcpy(ip, peer->ip, naru__peer_is_ipv4(peer) ? sizeof ip : IPV6_NETWORK_BYTES);
    naru__eio_address **link = find(eio, ip);
    if (!*link) {
        *link = naru__alloc_zero(eio->allocator, sizeof **link);
        if (*link) {
            memcpy((*link)->ip, ip, sizeof ip);
        }
    }
    return *link;
}

naru_status naru__eio_address_enter(naru_eio_server *eio, const naru_request *request, bool polling,
                                    naru__eio_address **address_out)
{
    const naru_eio_options *options = &eio->options;
    naru__peer peer = naru__exchange_who(naru__exchange_of(request));
    *address_out = NULL;
    if (!limited(eio, &peer)) {
        return NARU_OK;
    }
    naru__eio_address *address = find_or_make(eio, &peer);
    if (!address) {
        return NARU_ERR_MEMORY;
    }
    if (address->sessions >= options->address_sessions_max ||
        (polling && address->polling >= options->address_polling_max)) {
        return NARU_ERR_TOO_MANY;
    }
    address->sessions++;
    address->polling += polling;
    *address_out = address;
    return NARU_OK;
}

void naru__eio_address_leave(naru_eio_server *eio, naru__eio_address *address, bool polling)
{
    if (!address) {
        return;
    }
    address->sessions--;
    address->polling -= polling;
    if (address->sessions > 0) {
        return;
    }
    naru__eio_address **link = find(eio, address->ip);
    *link = address->next;
    naru__free(eio->allocator, address, sizeof *address);
}
