/* Which pages may read the answers. Source: the Fetch standard, 3.2 (CORS protocol); the npm package `cors` for which
 * fields come when. */
#include "engine_inside.h"

#include <stdio.h>

static bool used(const naru_eio_cors *cors)
{
    return cors->origins_count > 0 || cors->allow_origin;
}

static bool any(const naru_eio_cors *cors)
{
    return cors->origins_count == 1 && naru_span_equal(naru_span_of(cors->origins[0]), naru_span_of("*"));
}

bool naru__eio_cors_allows(const naru_eio_server *eio, naru_span origin)
{
    const naru_eio_cors *cors = &eio->options.cors;
    if (any(cors)) {
        return true;
    }
    for (size_t i = 0; i < cors->origins_count; i++) {
        if (naru_span_equal_nocase(naru_span_of(cors->origins[i]), origin)) {
            return true;
        }
    }
    return cors->allow_origin && cors->allow_origin(origin, eio->options.user);
}

static void add(naru_request *request, const char *name, const char *value)
{
    (void)naru_request_add_field(request, name, naru_span_of(value));
}

static bool is_preflight(const naru_request *request)
{
    return naru_span_equal(naru_http_head_method(naru_request_head(request)), naru_span_of("OPTIONS"));
}

static void add_origin(naru_eio_server *eio, naru_request *request)
{
    const naru_eio_cors *cors = &eio->options.cors;
    naru_span origin;
    if (any(cors) && !cors->credentials) {
        add(request, "Access-Control-Allow-Origin", "*");
    } else if (naru_http_head_find(naru_request_head(request), "Origin", &origin) &&
               naru__eio_cors_allows(eio, origin)) {
        (void)naru_request_add_field(request, "Access-Control-Allow-Origin", origin);
    }
}

/* What an answer depends on (9110 12.5.5). */
static void add_vary(const naru_eio_cors *cors, naru_request *request)
{
    bool by_origin = !any(cors) || cors->credentials;
    bool by_headers = is_preflight(request) && !cors->allowed_headers;
    if (by_origin && by_headers) {
        add(request, "Vary", "Origin, Access-Control-Request-Headers");
    } else if (by_origin || by_headers) {
        add(request, "Vary", by_origin ? "Origin" : "Access-Control-Request-Headers");
    }
}

static void add_preflight(const naru_eio_cors *cors, naru_request *request)
{
    naru_span asked;
    char seconds[16];
    add(request, "Access-Control-Allow-Methods", cors->methods);
    if (cors->allowed_headers) {
        add(request, "Access-Control-Allow-Headers", cors->allowed_headers);
    } else if (naru_http_head_find(naru_request_head(request), "Access-Control-Request-Headers", &asked)) {
        (void)naru_request_add_field(request, "Access-Control-Allow-Headers", asked);
    }
    if (cors->max_age_s > 0) {
        snprintf(seconds, sizeof seconds, "%u", (unsigned)cors->max_age_s);
        add(request, "Access-Control-Max-Age", seconds);
    }
}

void naru__eio_cors_fields(naru_eio_server *eio, naru_request *request)
{
    const naru_eio_cors *cors = &eio->options.cors;
    if (!used(cors)) {
        return;
    }
    add_origin(eio, request);
    add_vary(cors, request);
    if (cors->credentials) {
        add(request, "Access-Control-Allow-Credentials", "true");
    }
    if (is_preflight(request)) {
        add_preflight(cors, request);
    } else if (cors->exposed_headers) {
        add(request, "Access-Control-Expose-Headers", cors->exposed_headers);
    }
}

bool naru__eio_preflight(naru_eio_server *eio, naru_request *request)
{
    if (!used(&eio->options.cors) || !is_preflight(request)) {
        return false;
    }
    naru__eio_respond(eio, NULL, request, 204, NULL, (naru_span){0});
    return true;
}
