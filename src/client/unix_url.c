/* ws+unix:SOCKET:/PATH: a WebSocket over a unix socket, as one URL.
 *
 * Only for what the application writes: a server must not lead its clients to sockets of their machine.
 * Source: the form that the ws package for Node.js reads. */
#include "base/ascii.h"
#include "base/buf.h"
#include "client/client.h"
#include <string.h>

static const char SCHEME[] = "ws+unix:";
enum { SCHEME_BYTES = sizeof SCHEME - 1, TEXT_BYTES_MAX = 64 * 1024 };

bool naru__client_is_unix_url(const char *text)
{
    naru_span given = naru_span_of(text);
    return given.size >= SCHEME_BYTES &&
           naru_span_equal_nocase(naru__span_first(given, SCHEME_BYTES), naru_span_of(SCHEME));
}

static naru_status refuse(const char **reason_out, const char *reason)
{
    *reason_out = reason;
    return NARU_ERR_ARGUMENT;
}

static naru_status take_socket(naru_buf *address, naru_span socket, const char **reason_out)
{
    if (socket.size == 0 || socket.data[0] != '/') {
        return refuse(reason_out, "the socket of a ws+unix URL is no absolute path");
    }
    naru_status status = naru_buf_append(address, naru_span_of("unix:"));
    if (!status) {
        status = naru_url_decode(socket, address);
    }
    naru_span whole = naru_buf_span(address);
    if (status == NARU_ERR_ARGUMENT || (!status && memchr(whole.data, '\0', whole.size))) {
        return refuse(reason_out, "the socket of a ws+unix URL is not properly percent-encoded");
    }
    return status;
}

static naru_status take_path(naru_url *url, naru_span path, const naru_allocator *allocator, const char **reason_out)
{
    naru_buf text;
    naru_buf_init(&text, allocator);
    naru_status status = naru_buf_append(&text, naru_span_of("ws://localhost"));
    if (!status) {
        status = naru_buf_append(&text, path);
    }
    if (!status) {
        status = naru_buf_append(&text, (naru_span){(const uint8_t *)"", 1});
    }
    if (!status) {
        status = naru__client_url_parse(url, (const char *)naru_buf_span(&text).data, NULL, allocator, reason_out);
    }
    naru_buf_deinit(&text);
    return status;
}

naru_status naru__client_unix_url_parse(naru_url *url, const char *text, naru_buf *address,
                                        const naru_allocator *allocator, const char **reason_out)
{
    naru_span rest = naru__span_from(naru_span_of(text), SCHEME_BYTES);
    if (rest.size > TEXT_BYTES_MAX) {
        return refuse(reason_out, "the URL is longer than 64 KiB");
    }
    if (rest.size >= 2 && rest.data[0] == '/' && rest.data[1] == '/') {
        rest = naru__span_from(rest, 2);
    }
    const uint8_t *colon = rest.size > 0 ? memchr(rest.data, ':', rest.size) : NULL;
    naru_span socket = {rest.data, colon ? (size_t)(colon - rest.data) : rest.size};
    naru_span path = colon ? naru__span_from(rest, socket.size + 1) : (naru_span){NULL, 0};
    if (path.size > 0 && path.data[0] != '/' && path.data[0] != '?') {
        return refuse(reason_out, "the path of a ws+unix URL does not begin with a slash");
    }
    naru_status status = take_socket(address, socket, reason_out);
    return status ? status : take_path(url, path, allocator, reason_out);
}
