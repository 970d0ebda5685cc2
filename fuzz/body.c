/* A body read whole and in pieces: the same content, the same end. The first byte says how it is framed, the
 * second limits it and seeds the pieces. */
#include <naru/http.h>

#include "split.h"

static const char *const heads[] = {
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
};

static naru_status start(naru_http_body *body, size_t which, uint64_t bytes_max)
{
    naru_http_role role = which == 2 ? NARU_HTTP_RESPONSE : NARU_HTTP_REQUEST;
    naru_http_head *head = naru_http_head_new(role, NULL, NULL);
    HOLD(head);
    uint8_t *copy = fuzz_copy(naru_span_of(heads[which]));
    naru_input in = {copy, strlen(heads[which])};
    HOLD(naru_http_head_feed(head, &in) == NARU_OK);
    naru_status status = naru_http_body_start(body, head, true, bytes_max);
    free(copy);
    naru_http_head_free(head);
    return status;
}

static naru_status drain(naru_http_body *body, naru_input *in, naru_buf *content)
{
    naru_status status;
    naru_span piece;
    while ((status = naru_http_body_next(body, in, &piece)) == NARU_OK) {
        HOLD(piece.size > 0);
        HOLD(naru_buf_append(content, piece) == NARU_OK);
    }
    HOLD(status != NARU_MORE || in->size == 0);
    return status;
}

static naru_status read_all(naru_http_body body, naru_span text, uint32_t seed, naru_buf *content, size_t *taken_out)
{
    naru_status status = NARU_MORE;
    size_t at = 0;
    while (status == NARU_MORE && at < text.size) {
        size_t size = seed > 0 ? fuzz_piece(&seed, text.size - at) : text.size;
        uint8_t *copy = fuzz_copy((naru_span){text.data + at, size});
        naru_input in = {copy, size};
        status = drain(&body, &in, content);
        at += size - in.size;
        free(copy);
    }
    *taken_out = at;
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    naru_http_body body;
    if (size < 2 || start(&body, data[0] % 3, data[1]) != NARU_OK) {
        return 0;
    }
    naru_span text = {data + 2, size - 2};
    naru_buf whole = {0};
    naru_buf pieces = {0};
    size_t taken;
    size_t pieces_taken;
    naru_status status = read_all(body, text, 0, &whole, &taken);
    HOLD(read_all(body, text, data[1] + 1U, &pieces, &pieces_taken) == status);
    HOLD(taken == pieces_taken);
    HOLD(naru_span_equal(naru_buf_span(&whole), naru_buf_span(&pieces)));
    HOLD(naru_buf_span(&whole).size <= data[1]);
    naru_buf_deinit(&whole);
    naru_buf_deinit(&pieces);
    return 0;
}
