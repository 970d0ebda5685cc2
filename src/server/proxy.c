/* Reading a PROXY header, without its socket (preface.c). A mistake in it ends the connection: without a header that
 * can be trusted nobody knows who is there. Source: haproxy's proxy-protocol.txt 2.1 and 2.2. */
#include "server/proxy.h"

#include "base/ascii.h"
#include <string.h>

enum { V1_BYTES_MIN = 15, V1_BYTES_MAX = 107, V2_BYTES = 16, SIGNATURE_BYTES = 12 };

static const uint8_t signature[SIGNATURE_BYTES] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                   0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
static const uint8_t name[6] = {'P', 'R', 'O', 'X', 'Y', ' '};

static bool begins(naru_span have, const uint8_t *with, size_t size)
{
    return memcmp(have.data, with, have.size < size ? have.size : size) == 0;
}

static naru_status read_v2(naru_span have, naru__proxy_need *need)
{
    if (have.size < V2_BYTES) {
        need->bytes = V2_BYTES - have.size;
        return NARU_MORE;
    }
    size_t total = V2_BYTES + ((size_t)have.data[14] << 8 | have.data[15]);
    if (have.data[12] >> 4 != 2 || total > NARU__PROXY_BYTES_MAX) {
        return NARU_ERR_PROTOCOL;
    }
    size_t useful = total < NARU__PROXY_LOOKED_AT ? total : (size_t)NARU__PROXY_LOOKED_AT;
    if (have.size >= useful) {
        return NARU_OK;
    }
    need->bytes = useful - have.size;
    need->skip = total - useful;
    return NARU_MORE;
}

static naru_status read_v1(naru_span have, naru__proxy_need *need)
{
    bool ended = have.size > 0 && have.data[have.size - 1] == '\n';
    if (have.size > V1_BYTES_MAX || (!ended && have.size == V1_BYTES_MAX)) {
        return NARU_ERR_PROTOCOL;
    }
    if (ended) {
        return NARU_OK;
    }
    need->bytes = have.size < V1_BYTES_MIN ? V1_BYTES_MIN - have.size : 0;
    return NARU_MORE;
}

naru_status naru__proxy_read(naru_span have, naru__proxy_need *need_out)
{
    *need_out = (naru__proxy_need){V1_BYTES_MIN, 0};
    if (have.size == 0) {
        return NARU_MORE;
    }
    if (begins(have, signature, sizeof signature)) {
        return read_v2(have, need_out);
    }
    return begins(have, name, sizeof name) ? read_v1(have, need_out) : NARU_ERR_PROTOCOL;
}

/* ---- version 1 ----------------------------------------------------------------------------------------------- */

/* Parts are set apart by exactly one blank. */
static naru_span next_part(naru_span *rest)
{
    const uint8_t *blank = rest->size > 0 ? memchr(rest->data, ' ', rest->size) : NULL;
    size_t size = blank ? (size_t)(blank - rest->data) : rest->size;
    naru_span part = naru__span_first(*rest, size);
    *rest = naru__span_from(*rest, blank ? size + 1 : size);
    return part;
}

static bool port_valid(naru_span text, uint16_t *port_out)
{
    uint32_t port = 0;
    for (size_t i = 0; i < text.size && i < 5; i++) {
        if (!naru__ascii_digit(text.data[i])) {
            return false;
        }
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    *port_out = (uint16_t)port;
    return text.size > 0 && text.size <= 5 && port <= UINT16_MAX && (text.size == 1 || text.data[0] != '0');
}

/* An address of the announced family and nothing around it. */
static bool address_valid(naru_span text, bool ipv4, naru__peer *peer_out)
{
    bool bare = text.size > 0 && text.data[0] != '[' && (ipv4 || !memchr(text.data, '.', text.size));
    bare = bare && (memchr(text.data, ':', text.size) == NULL) == ipv4;
    return bare && naru__peer_read(text, peer_out);
}

static naru_status peer_v1(naru_span line, naru__peer *peer_out)
{
    if (line.size < V1_BYTES_MIN || line.data[line.size - 2] != '\r') {
        return NARU_ERR_PROTOCOL;
    }
    naru_span rest = {line.data + sizeof name, line.size - sizeof name - 2};
    naru_span family = next_part(&rest);
    if (naru_span_equal(family, naru_span_of("UNKNOWN"))) {
        return NARU_OK;
    }
    bool ipv4 = naru_span_equal(family, naru_span_of("TCP4"));
    if (!ipv4 && !naru_span_equal(family, naru_span_of("TCP6"))) {
        return NARU_ERR_PROTOCOL;
    }
    naru_span from = next_part(&rest), to = next_part(&rest), from_port = next_part(&rest);
    naru__peer peer, destination;
    uint16_t port, other;
    if (!address_valid(from, ipv4, &peer) || !address_valid(to, ipv4, &destination) || !port_valid(from_port, &port) ||
        !port_valid(rest, &other)) {
        return NARU_ERR_PROTOCOL;
    }
    peer.port = port;
    *peer_out = peer;
    return NARU_OK;
}

/* ---- version 2 ----------------------------------------------------------------------------------------------- */

enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1, TCP_OVER_IPV4 = 0x11, TCP_OVER_IPV6 = 0x21 };

static naru_status peer_v2(naru_span head, naru__peer *peer_out)
{
    unsigned command = head.data[12] & 15;
    unsigned family = head.data[13];
    size_t bytes = family == TCP_OVER_IPV4 ? 4 : 16;
    if (command > COMMAND_PROXY) {
        return NARU_ERR_PROTOCOL;
    }
    if (command == COMMAND_LOCAL || (family != TCP_OVER_IPV4 && family != TCP_OVER_IPV6)) {
        return NARU_OK;
    }
    if (head.size < V2_BYTES + 2 * bytes + 4) {
        return NARU_ERR_PROTOCOL;
    }
    const uint8_t *at = head.data + V2_BYTES;
    naru__address address = {.size = sizeof address.ipv6};
    if (family == TCP_OVER_IPV4) {
        address.any.sa_family = AF_INET;
        memcpy(&address.ipv4.sin_addr, at, bytes);
        memcpy(&address.ipv4.sin_port, at + 2 * bytes, 2);
    } else {
        address.any.sa_family = AF_INET6;
        memcpy(&address.ipv6.sin6_addr, at, bytes);
        memcpy(&address.ipv6.sin6_port, at + 2 * bytes, 2);
    }
    *peer_out = naru__peer_of(&address);
    return NARU_OK;
}

naru_status naru__proxy_peer(naru_span head, naru__peer *peer_out)
{
    *peer_out = (naru__peer){.known = false};
    return head.data[0] == 'P' ? peer_v1(head, peer_out) : peer_v2(head, peer_out);
}
