/* What a proxy answers, to a whole client: the first byte chooses the proxy and whether there are credentials, the rest
 * is the answer, fed whole and in pieces. Both come to the same end, but for answers and bytes that come too
 * early, which are seen if they come in one piece: else they pass for a fast proxy's, or the server's. */
#include "client/client.h"
#include "split.h"
#include "base/buf.h"

typedef enum outcome { STILL_ASKING, THROUGH, FAILED } outcome;

typedef struct result {
    outcome outcome;
    naru_status status;
    char text[NARU__CLIENT_TEXT_BYTES];
} result;

static void note_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    result *self = user;
    (void)client;
    HOLD(failure->phase == NARU_PHASE_PROXY && failure->proxy);
    HOLD(failure->status < 0 && failure->text && failure->text[0]);
    HOLD(failure->body.size <= NARU__CLIENT_BODY_BYTES_MAX);
    self->outcome = FAILED;
    self->status = failure->status;
    snprintf(self->text, sizeof self->text, "%s", failure->text);
}

/* The stream never leaves this process: what is asked is thrown away. */
static void forget_questions(naru__stream *stream)
{
    HOLD(naru__stream_out_size(stream) <= 3 + 2 + 255 + 255 + 1024);
    if (stream->out) {
        naru_buf_take(stream->out, naru__buf_size(stream->out));
    }
}

static void feed(naru_client *client, const naru__stream_handler *asking, naru_span text, uint32_t seed)
{
    size_t at = 0;
    while (at < text.size && client->stream && client->stream->handler == asking) {
        size_t size = seed > 0 ? fuzz_piece(&seed, text.size - at) : text.size;
        uint8_t *copy = fuzz_copy((naru_span){text.data + at, size});
        forget_questions(client->stream);
        asking->on_data(client->stream, copy, size);
        free(copy);
        at += size;
    }
}

static result run(naru_loop *loop, const char *proxy, naru_span text, uint32_t seed)
{
    naru_client *client = NULL;
    result self = {.outcome = STILL_ASKING};
    naru_client_options options = {.proxy = proxy};
    naru_client_handler handler = {.on_error = note_error};
    HOLD(naru_client_open(loop, "ws://far.example/", &options, &handler, &self, &client, NULL) == NARU_OK);
    client->stream->phase = NARU__STREAM_READY;
    client->opening->route.in_proxy = true;
    const naru__stream_handler *asking = client->stream->handler;
    asking->on_ready(client->stream);
    feed(client, asking, text, seed);
    if (client->stream && client->stream->handler != asking) {
        self.outcome = THROUGH;
    }
    if (!client->stream) {
        naru__loop_defer_cancel(loop, &client->finish);
        naru__client_finish(&client->finish);
    }
    naru_client_free(client);
    HOLD(naru_loop_turn(loop, 0) == NARU_OK);
    return self;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const proxies[] = {"http://127.0.0.1:1", "http://me:you@127.0.0.1:1", "socks5h://127.0.0.1:1",
                                          "socks5h://me:you@127.0.0.1:1"};
    static naru_loop *loop;
    loop = loop ? loop : naru_loop_new(NULL);
    HOLD(loop != NULL);
    if (size == 0) {
        return 0;
    }
    const char *proxy = proxies[data[0] & 3];
    naru_span text = {data + 1, size - 1};
    result whole = run(loop, proxy, text, 0);
    result pieces = run(loop, proxy, text, (uint32_t)(data[0] >> 2) + 1);
    bool behind = whole.outcome == FAILED && (strstr(whole.text, "it sent more than its answer") ||
                                              strstr(whole.text, "it answered before it was asked"));
    HOLD(pieces.outcome == whole.outcome || (pieces.outcome == THROUGH && behind));
    if (pieces.outcome == FAILED && !behind) {
        HOLD(pieces.status == whole.status && strcmp(pieces.text, whole.text) == 0);
    }
    return 0;
}
