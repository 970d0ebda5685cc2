/* Where requests come in. Before the body of a POST is read its head is looked at: who may not send one is told so
 * before it has cost anything, and the session knows that one is under way.
 * Source: the engine.io package, version 6: Server.handleRequest. */
#include "engine_inside.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 512 };

void naru__eio_handle(naru_eio_server *eio, naru_request *request)
{
    naru__eio_question question;
    naru_eio *session = NULL;
    if (naru__eio_preflight(eio, request)) {
        return;
    }
    naru__eio_question_read(&question, naru_request_head(request));
    if (naru__eio_verify(eio, request, &question, &session) < 0) {
        return;
    }
    naru_span method = naru_http_head_method(naru_request_head(request));
    if (!session) {
        naru__eio_handshake(eio, request, eio->user, false);
    } else if (naru_request_is_upgrade(request)) {
        naru__eio_probe(session, request);
    } else if (naru_span_equal(method, naru_span_of("GET"))) {
        naru__eio_get(session, request);
    } else if (naru_span_equal(method, naru_span_of("POST"))) {
        naru__eio_post(session, request, &question);
    } else {
        naru__eio_respond(eio, session, request, 500, NULL, (naru_span){0});
    }
}

/* The claim of a POST whose body was read is given back while the application holds on to it. */
static void give_back(naru_eio_server *eio, naru_request *request, naru_span id)
{
    naru_eio *session = naru__eio_table_find(eio, id);
    if (session && session->post == request) {
        session->post = NULL;
        naru__engine_session_posted(&session->core);
    }
}

static void on_request(naru_request *request, void *user)
{
    naru_eio_server *eio = user;
    const naru_eio_options *options = &eio->options;
    naru__eio_question question;
    if (!options->use && !eio->elsewhere) {
        naru__eio_handle(eio, request);
        return;
    }
    /* Once it is answered there is no head to read the id from. */
    naru__eio_question_read(&question, naru_request_head(request));
    if (naru__eio_leaves(eio, request, &question)) {
        return;
    }
    if (!options->use || options->use(request, options->user)) {
        naru__eio_handle(eio, request);
    } else {
        give_back(eio, request, naru_span_of(question.sid));
    }
}

void naru_eio_server_handle(naru_eio_server *eio, naru_request *request)
{
    naru__eio_handle(eio, request);
}

void naru__eio_on_head(naru_request *request, void *user)
{
    naru_eio_server *eio = user;
    naru__eio_question question;
    naru_eio *session = NULL;
    const naru_http_head *head = naru_request_head(request);
    if (!naru_span_equal(naru_http_head_method(head), naru_span_of("POST"))) {
        return;
    }
    naru__eio_question_read(&question, head);
    if (naru__eio_leaves(eio, request, &question)) {
        return;
    }
    if (naru__eio_verify(eio, request, &question, &session) == NARU_OK && session) {
        naru__eio_post_begin(session, request);
    }
}

/* What is left of the routes when the Engine.IO server is gone and the server it was on is not. */
static void nobody(naru_request *request, void *user)
{
    (void)user;
    (void)naru_request_reject(request, 404);
}

static naru_status add(naru_eio_server *eio, const char *path, const naru_ws_route *ws, size_t index)
{
    naru__route *route = NULL;
    naru_status status = naru__route_add(eio->server, path, NULL, ws, &route);
    if (status < 0) {
        return status;
    }
    route->on_request = on_request;
    route->user = eio;
    route->own_origin = true;
    route->conn = ws ? &eio->conn : NULL;
    route->on_head = ws ? NULL : naru__eio_on_head;
    route->body_bytes_max = eio->options.payload_bytes_max;
    eio->routes[index] = route;
    return NARU_OK;
}

naru_status naru__eio_routes_add(naru_eio_server *eio)
{
    char exact[PATH_BYTES], below[PATH_BYTES];
    static const naru_ws_route ws = {.on_request = on_request};
    size_t size = strlen(eio->options.path);
    while (size > 1 && eio->options.path[size - 1] == '/') {
        size--;
    }
    if (size + 3 > PATH_BYTES) {
        return NARU_ERR_ARGUMENT;
    }
    snprintf(exact, sizeof exact, "%.*s", (int)size, eio->options.path);
    snprintf(below, sizeof below, "%.*s/*", (int)(size > 1 ? size : 0), eio->options.path);
    naru_status status = add(eio, exact, NULL, 0);
    status = status < 0 ? status : add(eio, below, NULL, 1);
    status = status < 0 ? status : add(eio, exact, &ws, 2);
    return status < 0 ? status : add(eio, below, &ws, 3);
}

void naru__eio_routes_end(naru_eio_server *eio)
{
    for (size_t i = 0; i < NARU__EIO_ROUTES; i++) {
        naru__route *route = eio->routes[i];
        if (route) {
            route->on_request = nobody;
            route->on_head = NULL;
            route->conn = NULL;
        }
    }
}
