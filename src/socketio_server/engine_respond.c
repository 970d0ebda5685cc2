/* Answers and refusals, with the fields that each has. Source: the engine.io package, version 6. */
#include "engine_inside.h"

#include <stdio.h>
#include <string.h>

static const char *const messages[] = {
    "Transport unknown", "Session ID unknown", "Bad handshake method",
    "Bad request",       "Forbidden",          "Unsupported protocol version",
};

void naru__eio_fields(naru_eio_server *eio, naru_eio *session, naru_request *request)
{
    const naru_eio_options *options = &eio->options;
    naru__eio_cors_fields(eio, request);
    if (options->initial_headers && session && session->begins) {
        options->initial_headers(session, request, options->user);
    }
    if (options->headers) {
        options->headers(session, request, options->user);
    }
}

void naru__eio_respond(naru_eio_server *eio, naru_eio *session, naru_request *request, int status, const char *type,
                       naru_span body)
{
    naru__eio_fields(eio, session, request);
    if (naru_request_respond(request, status, type, body) < 0) {
        (void)naru_request_set_timeout(request, 0);
    }
}

/* JSON's escapes. Cut where it does not fit. */
static void write_escaped(const char *text, char *out, size_t out_bytes)
{
    size_t size = 0;
    for (const char *at = text; *at && size + 7 < out_bytes; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\') {
            out[size++] = '\\';
            out[size++] = *at;
        } else if (byte < 0x20) {
            size += (size_t)snprintf(out + size, out_bytes - size, "\\u%04x", byte);
        } else {
            out[size++] = *at;
        }
    }
    out[size] = 0;
}

/* A client that asked for an upgrade gets the message as it is, and always 400. */
void naru__eio_refuse(naru_eio_server *eio, naru_request *request, naru_eio_error code, const char *message,
                      const char *context)
{
    char escaped[512], body[600];
    const naru_eio_options *options = &eio->options;
    const char *text = message ? message : messages[code];
    naru_eio_connection_error error = {code, text, context};
    if (options->connection_error) {
        options->connection_error(request, &error, options->user);
    }
    if (naru_request_is_upgrade(request)) {
        naru__eio_respond(eio, NULL, request, 400, "text/html", naru_span_of(text));
        return;
    }
    write_escaped(text, escaped, sizeof escaped);
    snprintf(body, sizeof body, "{\"code\":%d,\"message\":\"%s\"}", (int)code, escaped);
    naru__eio_respond(eio, NULL, request, code == NARU_EIO_FORBIDDEN ? 403 : 400, "application/json",
                      naru_span_of(body));
}
