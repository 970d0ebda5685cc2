/* Proxies whose word counts, and what they say in X-Forwarded-For and X-Forwarded-Proto. Anyone may send these fields;
 * what stands left of a hop that is not trusted is that hop's claim and no more.
 *
 * Source: RFC 7239 (whose Forwarded says the same in other words), the fields' common use. */
#include "server/guest.h"

#include "base/ascii.h"
#include <string.h>

bool naru__network_read(const char *text, naru__network *network_out)
{
    const char *slash = strchr(text, '/');
    naru_span host = {(const uint8_t *)text, slash ? (size_t)(slash - text) : strlen(text)};
    naru__network network = {.local = strcmp(text, "unix") == 0};
    naru__peer peer;
    if (network.local) {
        *network_out = network;
        return true;
    }
    if (!naru__peer_read(host, &peer) || peer.port != 0 || host.data[0] == '[') {
        return false;
    }
    unsigned most = naru__peer_is_ipv4(&peer) ? 32 : 128, bits = most;
    if (slash) {
        bits = 0;
        const char *digit = slash + 1;
        for (; naru__ascii_digit((uint8_t)*digit) && bits <= most; digit++) {
            bits = bits * 10 + (unsigned)(*digit - '0');
        }
        if (*digit || digit == slash + 1 || bits > most) {
            return false;
        }
    }
    network.bits = (uint8_t)(bits + 128 - most);
    memcpy(network.ip, peer.ip, sizeof network.ip);
    for (unsigned bit = network.bits; bit < 128; bit++) {
        if (network.ip[bit / 8] >> (7 - bit % 8) & 1) {
            return false;
        }
    }
    *network_out = network;
    return true;
}

static bool contains(const naru__network *network, const naru__peer *peer)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (network->local || !peer->known) {
        return network->local && !peer->known;
    }
    return memcmp(network->ip, peer->ip, whole) == 0 &&
           (rest == 0 || (network->ip[whole] ^ peer->ip[whole]) >> (8 - rest) == 0);
}

bool naru__trusts(const naru_server *server, const naru__peer *peer)
{
    for (size_t i = 0; i < server->trusted_count; i++) {
        if (contains(&server->trusted[i], peer)) {
            return true;
        }
    }
    return false;
}

/* Cut the last member off a list. false: there is none. */
static bool last_member(naru_span *list, naru_span *member_out)
{
    naru_span rest = naru__span_trim(*list);
    size_t at = rest.size;
    if (rest.size == 0) {
        return false;
    }
    while (at > 0 && rest.data[at - 1] != ',') {
        at--;
    }
    *member_out = naru__span_trim(naru__span_from(rest, at));
    *list = naru__span_first(rest, at > 0 ? at - 1 : 0);
    return true;
}

naru__peer naru__forwarded_for(const naru_server *server, const naru_http_head *head)
{
    naru__peer told = {.known = false}, hop;
    for (size_t i = naru_http_head_count(head); i > 0; i--) {
        naru_http_field field = naru_http_head_at(head, i - 1);
        naru_span member;
        if (!naru_span_equal_nocase(field.name, naru_span_of("X-Forwarded-For"))) {
            continue;
        }
        while (last_member(&field.value, &member)) {
            /* What cannot be read is where the trust ends: the proxy that wrote it is the last known. */
            if (!naru__peer_read(member, &hop)) {
                return told;
            }
            told = hop;
            if (!naru__trusts(server, &hop)) {
                return told;
            }
        }
    }
    return told;
}

bool naru__forwarded_tls(const naru_http_head *head)
{
    naru_span member = {0};
    for (size_t i = naru_http_head_count(head); i > 0; i--) {
        naru_http_field field = naru_http_head_at(head, i - 1);
        if (naru_span_equal_nocase(field.name, naru_span_of("X-Forwarded-Proto"))) {
            (void)last_member(&field.value, &member);
            break;
        }
    }
    return naru_span_equal_nocase(member, naru_span_of("https")) || naru_span_equal_nocase(member, naru_span_of("wss"));
}
