/* A route that gives one thing from memory. Its tag is made of its bytes, so that two servers of one program agree. */
#include "server/content.h"

#include "base/sha1.h"
#include <stdio.h>

static void on_memory(naru_request *request, void *user)
{
    const naru__route *route = user;
    naru__exchange *exchange = naru__exchange_of(request);
    naru_status status = NARU_OK;
    if (!naru__content_method(exchange, &status)) {
        return;
    }
    naru__content content = {.fd = -1,
                             .data = route->body.data,
                             .bytes = route->body.size,
                             .etag = route->etag,
                             .type = (const char *)route->text.data,
                             .modified_s = -1};
    if (naru__content_respond(exchange, &content) < 0 && exchange->phase == NARU__EXCHANGE_ASKED) {
        naru__exchange_refuse(exchange, 503, "no memory for an answer", true);
    }
}

naru_status naru_server_route_memory(naru_server *server, const char *path, const char *content_type, naru_span body)
{
    naru__route *route = NULL;
    const char *type = content_type ? content_type : "application/octet-stream";
    if (!naru_http_is_field_value(naru_span_of(type)) || (body.size > 0 && !body.data)) {
        return NARU_ERR_ARGUMENT;
    }
    naru_status status = naru__route_add(server, path, type, NULL, &route);
    if (status < 0) {
        return status;
    }
    uint8_t digest[20];
    naru__sha1(body, digest);
    (void)snprintf(route->etag, sizeof route->etag, "\"%02x%02x%02x%02x%02x%02x%02x%02x\"", digest[0], digest[1],
                   digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]);
    route->body = body;
    route->on_request = on_memory;
    route->user = route;
    return NARU_OK;
}
