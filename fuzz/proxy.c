/* Any bytes as a PROXY header, read piece by piece as a socket's are: never a byte more than belongs to it is asked
 * for, and what is complete names somebody or nobody. The same bytes as an address of X-Forwarded-For. */
#include "server/proxy.h"

#include <string.h>

#include "split.h"

enum { HELD_BYTES = 108 };

/* Up to the end of the line, or all there is. */
static size_t line_bytes(naru_span rest)
{
    const uint8_t *end = rest.size > 0 ? memchr(rest.data, '\n', rest.size) : NULL;
    return end ? (size_t)(end - rest.data) + 1 : rest.size;
}

static void read_header(naru_span rest)
{
    uint8_t held[HELD_BYTES];
    size_t size = 0;
    naru__proxy_need need;
    naru__peer peer;
    naru_status status = naru__proxy_read((naru_span){held, 0}, &need);
    while (status == NARU_MORE) {
        HOLD(need.bytes + need.skip + size <= NARU__PROXY_BYTES_MAX);
        HOLD(size + need.bytes <= HELD_BYTES);
        size_t room = HELD_BYTES - size;
        size_t want = need.bytes > 0 ? need.bytes : line_bytes(rest);
        want = want < room ? want : room;
        if (want == 0 || want > rest.size) {
            return;
        }
        memcpy(held + size, rest.data, want);
        size += want;
        rest = (naru_span){rest.data + want, rest.size - want};
        status = naru__proxy_read((naru_span){held, size}, &need);
    }
    HOLD(status == NARU_OK || status == NARU_ERR_PROTOCOL);
    if (status == NARU_OK) {
        status = naru__proxy_peer((naru_span){held, size}, &peer);
        HOLD(status == NARU_OK || status == NARU_ERR_PROTOCOL);
    }
}

/* What was understood is written so that it is understood again, as the same. */
static void read_address(naru_span text)
{
    naru__peer peer, again;
    naru__address address;
    char written[NARU__ADDRESS_TEXT_BYTES];
    if (!naru__peer_read(text, &peer)) {
        return;
    }
    naru__peer_address(&peer, &address);
    naru__address_format(&address, written, sizeof written);
    HOLD(naru__peer_read(naru_span_of(written), &again));
    HOLD(memcmp(peer.ip, again.ip, sizeof peer.ip) == 0 && peer.port == again.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_header((naru_span){data, size});
    read_address((naru_span){data, size});
    return 0;
}
