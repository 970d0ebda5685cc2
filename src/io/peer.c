/* An internet address in few bytes, both families in one form, so that they are compared alike.
 *
 * Not for: Unix sockets, names. Source: RFC 4291 2.5.5.2, RFC 7239 6 (how proxies write addresses). */
#include "io/peer.h"

#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool naru__peer_is_ipv4(const naru__peer *peer)
{
    return memcmp(peer->ip, mapped, sizeof mapped) == 0;
}

bool naru__peer_is_loopback(const naru__peer *peer)
{
    static const uint8_t one[16] = {[15] = 1};
    return naru__peer_is_ipv4(peer) ? peer->ip[12] == 127 : memcmp(peer->ip, one, sizeof one) == 0;
}

naru__peer naru__peer_of(const naru__address *address)
{
    naru__peer peer = {.known = false};
    if (address->size == 0) {
        return peer;
    }
    if (address->any.sa_family == AF_INET) {
        memcpy(peer.ip, mapped, sizeof mapped);
        memcpy(peer.ip + sizeof mapped, &address->ipv4.sin_addr, 4);
    } else if (address->any.sa_family == AF_INET6) {
        memcpy(peer.ip, &address->ipv6.sin6_addr, 16);
    } else {
        return peer;
    }
    peer.port = naru__address_port(address);
    peer.known = true;
    return peer;
}

naru__peer naru__peer_of_socket(int fd)
{
    naru__address address = {.size = sizeof address.storage};
    if (getpeername(fd, &address.any, &address.size) != 0) {
        address.size = 0;
    }
    return naru__peer_of(&address);
}

void naru__peer_address(const naru__peer *peer, naru__address *address_out)
{
    *address_out = (naru__address){.size = 0};
    if (naru__peer_is_ipv4(peer)) {
        address_out->ipv4.sin_family = AF_INET;
        address_out->ipv4.sin_port = htons(peer->port);
        memcpy(&address_out->ipv4.sin_addr, peer->ip + sizeof mapped, 4);
        address_out->size = sizeof address_out->ipv4;
    } else {
        address_out->ipv6.sin6_family = AF_INET6;
        address_out->ipv6.sin6_port = htons(peer->port);
        memcpy(&address_out->ipv6.sin6_addr, peer->ip, 16);
        address_out->size = sizeof address_out->ipv6;
    }
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static bool read_port(naru_span text, uint16_t *port_out)
{
    unsigned port = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i >= 5) {
            return false;
        }
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    *port_out = (uint16_t)port;
    return text.size > 0 && port <= UINT16_MAX;
}

/* Where the host ends and the port begins. A bare IPv6 address has more than one colon and no port. */
static bool split(naru_span text, naru_span *host_out, naru_span *port_out)
{
    *port_out = (naru_span){NULL, 0};
    *host_out = text;
    if (text.size == 0) {
        return false;
    }
    const uint8_t *end = text.data + text.size;
    const uint8_t *colon = memchr(text.data, ':', text.size);
    if (text.data[0] == '[') {
        const uint8_t *close = memchr(text.data, ']', text.size);
        if (!close) {
            return false;
        }
        *host_out = (naru_span){text.data + 1, (size_t)(close - text.data - 1)};
        colon = close + 1 < end ? close + 1 : NULL;
        if (colon && *colon != ':') {
            return false;
        }
    } else if (colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1))) {
        *host_out = (naru_span){text.data, (size_t)(colon - text.data)};
    } else {
        return true;
    }
    if (colon) {
        *port_out = (naru_span){colon + 1, (size_t)(end - colon - 1)};
    }
    return !colon || port_out->size > 0;
}

bool naru__peer_read(naru_span text, naru__peer *peer_out)
{
    char host[64];
    naru_span name, port;
    naru__address address;
    uint16_t number = 0;
    if (!split(text, &name, &port) || (port.size > 0 && !read_port(port, &number)) || name.size == 0 ||
        name.size >= sizeof host || memchr(name.data, '%', name.size) || memchr(name.data, 0, name.size)) {
        return false;
    }
    memcpy(host, name.data, name.size);
    host[name.size] = '\0';
    bool bracketed = text.data[0] == '[';
    if (!naru__address_numeric(host, number, &address) || (bracketed && address.any.sa_family != AF_INET6)) {
        return false;
    }
    *peer_out = naru__peer_of(&address);
    return true;
}
