/* Messages frozen once and sent between a session's own ones, to a real client's session: whatever the windows and
 * the takeover, the client gets what was meant. The randomness has a seed, so that every run is the same. */
#include "ws/frozen.h"

#include "base/buf.h"
#include "unit/check.h"

#include <stdlib.h>

enum { FROZEN = 6, STEPS = 60, BYTES_MAX = 70000 };

typedef struct stage {
    uint64_t random;
    naru_ws_options options;
    naru_ws *server, *client;
    naru_buf wire;
    naru_buf frozen[FROZEN];
    naru__shot *plain[FROZEN];
    naru__shot *deflated[FROZEN][NARU__WS_FROZEN_CLASSES];
    size_t compressed; /* frozen messages that left so */
} stage;

/* splitmix64 */
static uint64_t draw(stage *s)
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}
static size_t below(stage *s, size_t n)
{
    return (size_t)(draw(s) % n);
}

static size_t draw_size(stage *s)
{
    static const size_t edges[] = {1, 126, 249, 250, 251, 511, 512, 513, 1024, 4096, 4097, 16384, 32768, 65535, 65536};
    size_t kind = below(s, 3);
    return kind == 0 ? edges[below(s, sizeof edges / sizeof edges[0])] : 1 + below(s, kind == 1 ? 600 : BYTES_MAX);
}

/* Words out of a few, and now and then what stood far before: matches at every distance, across messages too. */
static void draw_data(stage *s, naru_buf *to)
{
    static const char *const words[] = {"naru ", "ferry ", "landing ", "{\"price\":", "42.5, ", "\"name\":\"", "\"},"};
    size_t size = draw_size(s);
    naru_buf_init(to, NULL);
    while (naru__buf_size(to) < size) {
        size_t have = naru__buf_size(to);
        size_t left = size - have;
        if (have > 20 && below(s, 4) == 0) {
            uint8_t copy[400];
            size_t bytes = 1 + below(s, have < sizeof copy ? have : sizeof copy);
            memcpy(copy, naru_buf_span(to).data + below(s, have - bytes + 1), bytes);
            REQUIRE(naru_buf_append(to, (naru_span){copy, bytes < left ? bytes : left}) == NARU_OK);
        } else {
            naru_span word = naru_span_of(words[below(s, 7)]);
            word.size = word.size < left ? word.size : left;
            REQUIRE(naru_buf_append(to, word) == NARU_OK);
        }
    }
}

static void set_up(stage *s, const naru_ws_deflate *deflate, uint64_t seed)
{
    *s = (stage){.random = seed};
    s->options.message_timeout_ms = NARU_NEVER;
    s->options.deflate.level = (uint8_t)below(s, 10);
    s->options.deflate.memory_level = (uint8_t)below(s, 10);
    s->options.deflate.idle_release_ms = 500;
    REQUIRE(naru_ws_options_fill(&s->options) == NARU_OK);
    s->server = naru_ws_new(NARU_WS_SERVER, &s->options, deflate, 0, NULL);
    s->client = naru_ws_new(NARU_WS_CLIENT, &s->options, deflate, 0, NULL);
    REQUIRE(s->server && s->client);
    naru_buf_init(&s->wire, NULL);
    for (size_t i = 0; i < FROZEN; i++) {
        draw_data(s, &s->frozen[i]);
        s->plain[i] = naru__ws_freeze(NARU_WS_BINARY, naru_buf_span(&s->frozen[i]));
        REQUIRE(s->plain[i] != NULL);
    }
}

static void tear_down(stage *s)
{
    naru_ws_free(s->server);
    naru_ws_free(s->client);
    naru_buf_deinit(&s->wire);
    for (size_t i = 0; i < FROZEN; i++) {
        naru_buf_deinit(&s->frozen[i]);
        naru__shot_unref(s->plain[i]);
        for (size_t k = 0; k < NARU__WS_FROZEN_CLASSES; k++) {
            naru__shot_unref(s->deflated[i][k]);
        }
    }
}

/* The client gets exactly this one message. */
static void arrives(stage *s, naru_span expected)
{
    uint8_t random[64] = {0};
    naru_entropy entropy = {random, sizeof random, 0};
    naru_buf out;
    naru_buf_init(&out, NULL);
    naru_ws_turn turn = {0, &entropy, &out};
    naru_input in = {s->wire.data + s->wire.begin, naru__buf_size(&s->wire)};
    naru_ws_event event;
    REQUIRE(naru_ws_next(s->client, &in, &turn, &event) == NARU_OK);
    CHECK_EQ(event.type, NARU_WS_EVENT_MESSAGE);
    CHECK(naru_span_equal(event.data, expected));
    CHECK_EQ(naru_ws_next(s->client, &in, &turn, &event), NARU_MORE);
    CHECK_EQ(in.size, 0);
    naru_buf_take(&s->wire, naru__buf_size(&s->wire));
    naru_buf_deinit(&out);
}

static void send_frozen(stage *s)
{
    size_t i = below(s, FROZEN);
    naru_span data = naru_buf_span(&s->frozen[i]);
    unsigned which = naru__ws_frozen_class(s->server, data.size, below(s, 4) == 0 ? (unsigned)NARU_WS_PLAIN : 0);
    REQUIRE(which < NARU__WS_FROZEN_CLASSES);
    naru__shot *shot = s->plain[i];
    if (which > 0) {
        naru_status status = NARU_OK;
        if (!s->deflated[i][which]) {
            s->deflated[i][which] = naru__ws_freeze_deflated(s->server, NARU_WS_BINARY, data, which, &status);
        }
        REQUIRE(status == NARU_OK);
        shot = s->deflated[i][which] ? s->deflated[i][which] : shot;
        CHECK(!s->deflated[i][which] || shot->size < s->plain[i]->size);
    }
    if (shot != s->plain[i]) {
        naru__ws_frozen_sent(s->server);
        s->compressed++;
    }
    REQUIRE(naru_buf_append(&s->wire, naru__shot_span(shot)) == NARU_OK);
    arrives(s, data);
}

/* Its own data is often near what was frozen, so that a window wrongly thought shared would be referred to. */
static void send_own(stage *s, uint64_t now_ms)
{
    naru_buf own;
    draw_data(s, &own);
    size_t i = below(s, FROZEN);
    naru_span data = below(s, 2) ? naru_buf_span(&s->frozen[i]) : naru_buf_span(&own);
    naru_ws_turn turn = {now_ms, NULL, &s->wire};
    REQUIRE(naru_ws_send(s->server, NARU_WS_BINARY, data, below(s, 5) == 0 ? (unsigned)NARU_WS_PLAIN : 0, &turn) ==
            NARU_OK);
    arrives(s, data);
    naru_buf_deinit(&own);
}

static size_t talk(const naru_ws_deflate *deflate, uint64_t seed)
{
    stage s;
    uint64_t now_ms = 0;
    set_up(&s, deflate, seed);
    for (int i = 0; i < STEPS; i++) {
        if (below(&s, 2)) {
            send_frozen(&s);
        } else {
            send_own(&s, now_ms);
        }
        if (below(&s, 8) == 0) { /* the compressor may be given back in between */
            now_ms += 600;
            naru_ws_turn turn = {now_ms, NULL, &s.wire};
            CHECK_EQ(naru_ws_tick(s.server, &turn), NARU_OK);
        }
    }
    size_t compressed = s.compressed;
    tear_down(&s);
    return compressed;
}

TEST(between_own_messages_over_every_agreement)
{
    size_t compressed = 0;
    uint64_t seed = 1;
    for (uint8_t bits = 9; bits <= 15; bits++) {
        for (unsigned takeover = 0; takeover < 4; takeover++) {
            naru_ws_deflate deflate = {.enabled = true,
                                       .server_no_context_takeover = takeover & 1,
                                       .client_no_context_takeover = takeover & 2,
                                       .server_window_bits = bits,
                                       .client_window_bits = 15};
            for (int k = 0; k < 4; k++) {
                compressed += talk(&deflate, seed++);
            }
        }
    }
    CHECK(compressed > 7 * 4 * 4 * STEPS / 8);
}

TEST(without_compression)
{
    CHECK_EQ(talk(NULL, 9000), 0);
}

static naru_ws *session(naru_ws_options *options, uint8_t bits)
{
    naru_ws_deflate deflate = {.enabled = true, .server_window_bits = bits, .client_window_bits = 15};
    naru_ws *ws = naru_ws_new(NARU_WS_SERVER, options, &deflate, 0, NULL);
    CHECK(ws != NULL);
    return ws;
}

TEST(windows_make_a_class_only_where_they_matter)
{
    naru_ws_options options = {.deflate.threshold_bytes = 100};
    REQUIRE(naru_ws_options_fill(&options) == NARU_OK);
    naru_ws *nine = session(&options, 9), *fourteen = session(&options, 14), *fifteen = session(&options, 15);
    CHECK_EQ(naru__ws_frozen_class(nine, 99, 0), 0); /* the threshold is the session's */
    CHECK_EQ(naru__ws_frozen_class(nine, 99, NARU_WS_COMPRESS), 1);
    CHECK_EQ(naru__ws_frozen_class(nine, 100, 0), 1);
    CHECK_EQ(naru__ws_frozen_class(nine, 100, NARU_WS_PLAIN), 0);
    CHECK_EQ(naru__ws_frozen_class(nine, 512, 0), naru__ws_frozen_class(fifteen, 512, 0));
    CHECK(naru__ws_frozen_class(nine, 513, 0) != naru__ws_frozen_class(fifteen, 513, 0));
    CHECK_EQ(naru__ws_frozen_class(fourteen, 16384, 0), naru__ws_frozen_class(fifteen, 16384, 0));
    CHECK(naru__ws_frozen_class(fourteen, 16385, 0) != naru__ws_frozen_class(nine, 16385, 0));
    CHECK_EQ(naru__ws_frozen_class(fifteen, 1 << 24, 0), 1);
    naru_ws_free(nine);
    naru_ws_free(fourteen);
    naru_ws_free(fifteen);
}

/* What does not become smaller is not kept. */
TEST(noise_stays_plain)
{
    stage s = {.random = 5};
    uint8_t noise[3000];
    naru_status status = NARU_END;
    naru_ws_options options = {0};
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)draw(&s);
    }
    REQUIRE(naru_ws_options_fill(&options) == NARU_OK);
    naru_ws *ws = session(&options, 15);
    CHECK(!naru__ws_freeze_deflated(ws, NARU_WS_BINARY, (naru_span){noise, sizeof noise}, 1, &status));
    CHECK_EQ(status, NARU_OK);
    naru_ws_free(ws);
}

TEST_MAIN({"between own messages over every agreement", between_own_messages_over_every_agreement},
          {"without compression", without_compression},
          {"windows make a class only where they matter", windows_make_a_class_only_where_they_matter},
          {"noise stays plain", noise_stays_plain})
