/* The Sec-WebSocket-Extensions field, from both banks. What a server agrees to must be within what it may
 * agree to, and a client that had made the plain offer must understand the answer. */
#include "ws/extension.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A head with that field; NULL: it is no field value. */
static naru_http_head *head_with(naru_span value)
{
    naru_buf text;
    naru_buf_init(&text, NULL);
    expect(naru_buf_append(&text, naru_span_of("GET / HTTP/1.1\r\nHost: a\r\n")) == NARU_OK);
    naru_status status = naru_http_write_field(&text, naru_span_of("Sec-WebSocket-Extensions"), value);
    naru_http_head *head = naru_http_head_new(NARU_HTTP_REQUEST, NULL, NULL);
    expect(head && naru_http_write_end(&text) == NARU_OK);
    naru_input in = {text.data + text.begin, naru_buf_span(&text).size};
    if (status != NARU_OK || naru_http_head_feed(head, &in) != NARU_OK) {
        naru_http_head_free(head);
        head = NULL;
    }
    naru_buf_deinit(&text);
    return head;
}

static void check_answer(const naru_ws_deflate *deflate, const naru_ws_options *options)
{
    char text[NARU__WS_DEFLATE_TEXT_MAX];
    size_t size = naru__ws_deflate_answer(deflate, text);
    naru_http_head *head = head_with((naru_span){(const uint8_t *)text, size});
    naru_ws_deflate understood;
    expect(head != NULL);
    expect(deflate->server_window_bits >= 9 && deflate->server_window_bits <= 15);
    expect(deflate->client_window_bits >= 8 && deflate->client_window_bits <= 15);
    if (deflate->client_window_bits > 8) {
        expect(naru__ws_deflate_confirm(head, &options->deflate, &understood) == NARU_OK && understood.enabled);
        expect(understood.server_window_bits == deflate->server_window_bits);
        expect(understood.client_window_bits == deflate->client_window_bits);
    }
    naru_http_head_free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    naru_ws_options options = {.deflate = {.enabled = true}};
    expect(naru_ws_options_fill(&options) == NARU_OK);
    naru_http_head *head = head_with((naru_span){data, size});
    if (!head) {
        return 0;
    }
    naru_ws_deflate deflate;
    if (naru__ws_deflate_accept(head, &options.deflate, &deflate) == NARU_OK && deflate.enabled) {
        check_answer(&deflate, &options);
    }
    naru_status status = naru__ws_deflate_confirm(head, &options.deflate, &deflate);
    expect(status != NARU_OK || deflate.client_window_bits >= 9);
    naru_http_head_free(head);
    return 0;
}
