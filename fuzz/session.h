/* What the fuzz targets of sessions share: a stream is replayed twice, whole and in pieces, and both must
 * tell the same. The first three bytes of an input choose limits, compression and pieces; the rest is the
 * peer's stream. */
#ifndef NARU_FUZZ_SESSION_H
#define NARU_FUZZ_SESSION_H

#include <naru/ws.h>
#include <stdlib.h>
#include <string.h>

typedef struct fuzz_story {
    uint64_t hash; /* of all events, parts of a message put together */
    uint64_t out_hash;
    naru_fault fault;
    naru_ws_state state;
} fuzz_story;

static void fuzz__expect(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void fuzz__mix(uint64_t *hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        *hash = (*hash ^ bytes[i]) * 0x100000001b3U;
    }
}

/* A part's bytes count when it comes, its message's nature when it ends: so all ways of delivery sum up to
 * the same, except for a message that never ended. */
static void fuzz__tell(fuzz_story *story, uint64_t *partial, const naru_ws_event *event)
{
    fuzz__mix(partial, event->data.data, event->data.size);
    if (event->last) {
        const int nature[] = {(int)event->type, (int)event->kind, event->compressed, event->close_code};
        fuzz__mix(&story->hash, nature, sizeof nature);
        fuzz__mix(&story->hash, partial, sizeof *partial);
        *partial = 0;
    }
}

static naru_status fuzz__feed(naru_ws *ws, const uint8_t *data, size_t size, const naru_ws_turn *turn,
                              fuzz_story *story, uint64_t partial[2])
{
    uint8_t *piece = malloc(size > 0 ? size : 1);
    fuzz__expect(piece != NULL);
    memcpy(piece, data, size);
    naru_input in = {piece, size};
    naru_status status = NARU_OK;
    while (status == NARU_OK) {
        naru_ws_event event;
        turn->entropy->used = 0;
        status = naru_ws_next(ws, &in, turn, &event);
        if (status == NARU_OK) {
            bool message = event.type == NARU_WS_EVENT_MESSAGE;
            fuzz__tell(story, &partial[message ? 0 : 1], &event);
        }
    }
    fuzz__expect(status < 0 || in.size == 0);
    free(piece);
    return status;
}

static fuzz_story fuzz__run(naru_ws_role role, const naru_ws_options *options, const naru_ws_deflate *deflate,
                            const uint8_t *data, size_t size, size_t step)
{
    static const uint8_t random[64] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
    naru_entropy entropy = {random, sizeof random, 0};
    naru_buf out;
    fuzz_story story = {0};
    uint64_t partial[2] = {0, 0};
    naru_buf_init(&out, NULL);
    naru_ws *ws = naru_ws_new(role, options, deflate, 0, NULL);
    fuzz__expect(ws != NULL);
    naru_ws_turn turn = {0, &entropy, &out};
    naru_status status = NARU_MORE;
    for (size_t done = 0; done < size && status >= 0;) {
        size_t piece = size - done < step ? size - done : step;
        status = fuzz__feed(ws, data + done, piece, &turn, &story, partial);
        done += piece;
    }
    naru_span sent = naru_buf_span(&out);
    fuzz__mix(&story.out_hash, sent.data, sent.size);
    story.fault = *naru_ws_fault(ws);
    story.state = naru_ws_get_state(ws);
    naru_ws_free(ws);
    naru_buf_deinit(&out);
    return story;
}

static void fuzz__same(const fuzz_story *a, const fuzz_story *b)
{
    fuzz__expect(a->hash == b->hash && a->out_hash == b->out_hash && a->state == b->state);
    fuzz__expect(a->fault.status == b->fault.status && a->fault.close_code == b->fault.close_code &&
                 a->fault.offset == b->fault.offset && a->fault.rule == b->fault.rule);
}

static int fuzz_session(naru_ws_role role, const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    naru_ws_options options = {
        .message_bytes_max = data[0] & 1 ? 300 : 100000,
        .frame_bytes_max = data[0] & 2 ? 200 : 0,
        .fragments_max = data[0] & 4 ? 3 : 0,
        .control_rate_max = data[0] & 8 ? 5 : 0,
    };
    const naru_ws_deflate deflate = {.enabled = data[1] & 1,
                                     .server_no_context_takeover = data[1] & 2,
                                     .client_no_context_takeover = data[1] & 4,
                                     .server_window_bits = data[1] & 8 ? 9 : 15,
                                     .client_window_bits = data[1] & 16 ? 9 : 15};
    fuzz__expect(naru_ws_options_fill(&options) == NARU_OK);
    fuzz_story whole = fuzz__run(role, &options, &deflate, data + 3, size - 3, size);
    for (int delivery = NARU_WS_MESSAGES; delivery <= NARU_WS_FRAMES; delivery++) {
        options.delivery = (naru_ws_delivery)delivery;
        fuzz_story pieces = fuzz__run(role, &options, &deflate, data + 3, size - 3, 1 + data[2] % 37U);
        fuzz__same(&whole, &pieces);
    }
    options.delivery = NARU_WS_MESSAGES;
    options.parts_from_bytes = 1 + data[1];
    fuzz_story streamed = fuzz__run(role, &options, &deflate, data + 3, size - 3, 1 + data[2] % 37U);
    fuzz__same(&whole, &streamed);
    return 0;
}

#endif
