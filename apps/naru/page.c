/* The chat page's routes, with the fields that keep a page from doing more than it should.
 *
 * Source: W3C Content Security Policy 3; Fetch, X-Content-Type-Options. */
#include "page.h"

static const struct {
    const char *name;
    const char *value;
} fields[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cache-Control", "no-cache"},
};

static void answer(naru_request *request, const page_file *file)
{
    naru_span method = naru_http_head_method(naru_request_head(request));
    if (!naru_span_equal(method, naru_span_of("GET")) && !naru_span_equal(method, naru_span_of("HEAD"))) {
        (void)naru_request_add_field(request, "Allow", naru_span_of("GET, HEAD"));
        (void)naru_request_reject(request, 405);
        return;
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        /* Without its policy the page is not given. */
        if (naru_request_add_field(request, fields[i].name, naru_span_of(fields[i].value)) != NARU_OK) {
            (void)naru_request_reject(request, 500);
            return;
        }
    }
    (void)naru_request_respond(request, 200, file->type, (naru_span){file->data, file->size});
}

static void on_request(naru_request *request, void *user)
{
    (void)user;
    naru_span path = naru_request_path(request);
    for (size_t i = 0; i < page_files_count; i++) {
        if (naru_span_equal(path, naru_span_of(page_files[i].path))) {
            answer(request, &page_files[i]);
            return;
        }
    }
    (void)naru_request_reject(request, 404);
}

naru_status page_route(naru_server *server)
{
    naru_status status = NARU_OK;
    for (size_t i = 0; status == NARU_OK && i < page_files_count; i++) {
        status = naru_server_route_http(server, page_files[i].path, on_request, NULL);
    }
    return status;
}
