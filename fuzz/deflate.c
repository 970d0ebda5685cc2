/* What one session compresses, in parts, the other must inflate to the same. */
#include <naru/ws.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Each part begins with a byte for its size; the message ends where that byte is 0 or the data do. */
static void send_all(naru_ws *ws, const uint8_t *data, size_t size, const naru_ws_turn *turn, naru_buf *plain)
{
    for (size_t at = 0; at < size;) {
        size_t part = data[at];
        at++;
        part = part < size - at ? part : size - at;
        bool last = part == 0 || at + part == size;
        naru_span piece = {data + at, part};
        expect(naru_ws_send_part(ws, NARU_WS_BINARY, piece, last, NARU_WS_COMPRESS, turn) == NARU_OK);
        expect(naru_buf_append(plain, piece) == NARU_OK);
        at += part;
    }
}

static void receive_all(naru_ws *ws, naru_buf *wire, const naru_ws_turn *turn, naru_buf *inflated)
{
    naru_span sent = naru_buf_span(wire);
    uint8_t *copy = malloc(sent.size > 0 ? sent.size : 1);
    expect(copy != NULL);
    memcpy(copy, sent.data ? sent.data : copy, sent.size);
    naru_input in = {copy, sent.size};
    naru_ws_event event;
    naru_status status = naru_ws_next(ws, &in, turn, &event);
    for (; status == NARU_OK; status = naru_ws_next(ws, &in, turn, &event)) {
        expect(naru_buf_append(inflated, event.data) == NARU_OK);
    }
    expect(status == NARU_MORE);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    naru_ws_options options = {.fragments_max = UINT32_MAX, .delivery = (naru_ws_delivery)(data[0] % 3)};
    options.deflate.level = (uint8_t)(1 + (data[0] >> 2) % 9);
    options.deflate.memory_level = (uint8_t)(1 + data[1] % 9);
    options.deflate.context_bytes_max = data[1] % 2 ? 0 : (uint32_t)256 << data[1] / 2 % 8;
    uint8_t bits = (uint8_t)(9 + (data[1] >> 4) % 7);
    naru_ws_deflate deflate = {.enabled = true,
                               .server_no_context_takeover = data[0] & 2,
                               .server_window_bits = bits,
                               .client_window_bits = 15};
    expect(naru_ws_options_fill(&options) == NARU_OK);
    naru_ws *server = naru_ws_new(NARU_WS_SERVER, &options, &deflate, 0, NULL);
    naru_ws *client = naru_ws_new(NARU_WS_CLIENT, &options, &deflate, 0, NULL);
    expect(server && client);
    static const uint8_t random[64];
    naru_entropy entropy = {random, sizeof random, 0};
    naru_buf wire, plain, inflated;
    naru_buf_init(&wire, NULL);
    naru_buf_init(&plain, NULL);
    naru_buf_init(&inflated, NULL);
    const naru_ws_turn turn = {0, &entropy, &wire};
    send_all(server, data + 2, size - 2, &turn, &plain);
    receive_all(client, &wire, &turn, &inflated);
    expect(naru_span_equal(naru_buf_span(&plain), naru_buf_span(&inflated)));
    naru_ws_free(server);
    naru_ws_free(client);
    naru_buf_deinit(&wire);
    naru_buf_deinit(&plain);
    naru_buf_deinit(&inflated);
    return 0;
}
