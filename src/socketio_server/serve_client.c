/* The official client's scripts, beside the sessions: <path>/socket.io.js and its kin, with a strong ETag, ranges, and
 * compressed once for all who take that. Source: socket.io's Server.serve. */
#include "base/memory.h"
#include "bundles.h"
#include "engine.h"
#include "server/content.h"
#include "server/route.h"
#include "sio.h"
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 512, TAG_BYTES = 64 };

typedef struct naru__sio_served {
    const naru__sio_bundle *bundle;
    naru__route *route;
    naru_buf gzip; /* empty until somebody takes it */
    char tag[TAG_BYTES], gzip_tag[TAG_BYTES];
} naru__sio_served;

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static naru_span whole(const naru__sio_served *served)
{
    return (naru_span){served->bundle->begin, (size_t)(served->bundle->end - served->bundle->begin)};
}

/* A part is a part of the plain bytes. */
static bool wants_gzip(naru__sio_served *served, const naru_http_head *head)
{
    if (naru_http_head_count_of(head, "Range") > 0 || !naru__eio_accepts_gzip(head)) {
        return false;
    }
    return naru_buf_span(&served->gzip).size > 0 || naru__eio_gzip(whole(served), &served->gzip);
}

static void on_request(naru_request *request, void *user)
{
    naru__sio_served *served = user;
    naru__exchange *exchange = naru__exchange_of(request);
    naru_status status = NARU_OK;
    if (!naru__content_method(exchange, &status)) {
        return;
    }
    bool gzip = wants_gzip(served, naru_request_head(request));
    naru_span body = gzip ? naru_buf_span(&served->gzip) : whole(served);
    naru__content content = {.fd = -1,
                             .data = body.data,
                             .bytes = body.size,
                             .etag = gzip ? served->gzip_tag : served->tag,
                             .type = ends_with(served->bundle->name, ".map") ? "application/json"
                                                                             : "application/javascript; charset=utf-8",
                             .modified_s = -1};
    (void)naru_request_add_field(request, "Cache-Control", naru_span_of("public, max-age=0"));
    (void)naru_request_add_field(request, "Vary", naru_span_of("Accept-Encoding"));
    if (gzip) {
        (void)naru_request_add_field(request, "Content-Encoding", naru_span_of("gzip"));
    }
    if (naru__content_respond(exchange, &content) < 0 && exchange->phase == NARU__EXCHANGE_ASKED) {
        (void)naru_request_reject(request, 503);
    }
}

static naru_status serve(naru_sio *io, naru__sio_served *served, const naru__sio_bundle *bundle)
{
    char path[PATH_BYTES];
    const char *below = io->options.engine.path;
    size_t size = strlen(below);
    while (size > 0 && below[size - 1] == '/') {
        size--;
    }
    served->bundle = bundle;
    naru_buf_init(&served->gzip, io->allocator);
    (void)snprintf(served->tag, TAG_BYTES, "\"%s\"", naru__sio_bundles_version);
    (void)snprintf(served->gzip_tag, TAG_BYTES, "\"%s-gzip\"", naru__sio_bundles_version);
    int written = snprintf(path, sizeof path, "%.*s/%s", (int)size, below, bundle->name);
    if (written < 0 || (size_t)written >= sizeof path) {
        return NARU_ERR_ARGUMENT;
    }
    naru_status status = naru__route_add(io->server, path, NULL, NULL, &served->route);
    if (status >= 0) {
        served->route->on_request = on_request;
        served->route->user = served;
    }
    return status;
}

naru_status naru__sio_serve_client(naru_sio *io)
{
    if (naru__sio_bundles_count == 0) {
        naru__log(io->loop, NARU_LOG_INFO,
                  "Socket.IO: built without socket.io-client's scripts, so they are not served");
        return NARU_OK;
    }
    io->served = naru__alloc_zero(io->allocator, naru__sio_bundles_count * sizeof *io->served);
    naru_status status = io->served ? NARU_OK : NARU_ERR_MEMORY;
    for (size_t i = 0; status == NARU_OK && i < naru__sio_bundles_count; i++) {
        status = serve(io, &io->served[i], &naru__sio_bundles[i]);
    }
    return status;
}

/* What is left of a route when the Socket.IO server is gone and the server it was on is not. */
static void nobody(naru_request *request, void *user)
{
    (void)user;
    (void)naru_request_reject(request, 404);
}

void naru__sio_serve_client_free(naru_sio *io)
{
    for (size_t i = 0; io->served && i < naru__sio_bundles_count; i++) {
        naru_buf_deinit(&io->served[i].gzip);
        if (io->served[i].route) {
            io->served[i].route->on_request = nobody;
        }
    }
    naru__free(io->allocator, io->served, naru__sio_bundles_count * sizeof *io->served);
    io->served = NULL;
}
