/* What both halves of the opening handshake share. Source: RFC 6455 1.3, 4.2.2. */
#include "handshake.h"

#include <string.h>

#include "base/sha1.h"

void naru__ws_accept(naru_span key, char accept_out[NARU__WS_ACCEPT_CHARS + 1])
{
    static const char fixed[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t text[NARU__WS_KEY_CHARS + sizeof fixed - 1];
    uint8_t digest[20];
    memcpy(text, key.data, NARU__WS_KEY_CHARS);
    memcpy(text + NARU__WS_KEY_CHARS, fixed, sizeof fixed - 1);
    naru__sha1((naru_span){text, sizeof text}, digest);
    accept_out[naru_base64_encode((naru_span){digest, sizeof digest}, accept_out)] = '\0';
}

bool naru__ws_field_is(const naru_http_head *head, const char *name, const char *value)
{
    naru_span found;
    return naru_http_head_count_of(head, name) == 1 && naru_http_head_find(head, name, &found) &&
           naru_span_equal_nocase(found, naru_span_of(value));
}

naru_status naru__ws_field_write(naru_buf *out, const char *name, naru_span value)
{
    return naru_http_write_field(out, naru_span_of(name), value);
}
