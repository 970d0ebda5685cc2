/* A client's session and a server's talk to each other: random messages, in random parts, through random
 * cuts, over every agreement on compression, with pings and time between them, until one closes. What one
 * sent the other must have got. The randomness has a seed, so that every run is the same. */
#include "unit/check.h"
#include "unit/failing_allocator.h"
#include <naru/ws.h>

#include <stdlib.h>

enum { MESSAGES = 20, BYTES_MAX = 70000, CUT_MAX = 3000, SEEDS = 2 };

typedef struct record {
    naru_ws_kind kind;
    naru_buf data;
} record;

typedef struct side {
    naru_ws *ws;
    naru_ws_options options;
    naru_buf out;
    record sent[MESSAGES];
    size_t sent_count;
    naru_buf incoming; /* of the message that is coming in parts */
    size_t received;
    size_t pings, pongs;
    bool closed;
} side;

typedef struct pair {
    failing_allocator memory;
    side sides[2];
    uint8_t random[128];
    naru_entropy entropy;
    uint64_t now_ms;
    uint64_t state;
} pair;

/* splitmix64 */
static uint64_t draw(pair *p)
{
    uint64_t z = p->state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}
static size_t below(pair *p, size_t n)
{
    return (size_t)(draw(p) % n);
}

static naru_ws_turn turn_of(pair *p, side *s)
{
    for (size_t i = 0; i < sizeof p->random; i++) {
        p->random[i] = (uint8_t)draw(p);
    }
    p->entropy = (naru_entropy){p->random, sizeof p->random, 0};
    return (naru_ws_turn){p->now_ms, &p->entropy, &s->out};
}

static size_t draw_size(pair *p)
{
    static const size_t edges[] = {0, 1, 125, 126, 127, 65535, 65536};
    switch (below(p, 4)) {
    case 0:
        return edges[below(p, sizeof edges / sizeof edges[0])];
    case 1:
        return below(p, BYTES_MAX);
    default:
        return below(p, 400);
    }
}

/* Text of one to four bytes a character, or binary; runs of either compress well or not at all. */
static void draw_message(pair *p, record *to)
{
    static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "naru ", "0"};
    size_t size = draw_size(p);
    size_t variety = 1 + below(p, 6);
    bool noise = below(p, 3) == 0;
    to->kind = below(p, 2) ? NARU_WS_TEXT : NARU_WS_BINARY;
    naru_buf_init(&to->data, NULL);
    while (naru_buf_span(&to->data).size < size) {
        uint8_t byte = (uint8_t)(noise ? draw(p) : below(p, variety));
        naru_span piece =
            to->kind == NARU_WS_TEXT ? naru_span_of(characters[below(p, variety)]) : (naru_span){&byte, 1};
        REQUIRE(naru_buf_append(&to->data, piece) == NARU_OK);
    }
}

static void send_in_parts(pair *p, side *s, record *message, unsigned flags)
{
    naru_span rest = naru_buf_span(&message->data);
    for (bool last = false; !last;) {
        size_t size = below(p, 5) == 0 ? 0 : below(p, rest.size + 1);
        naru_ws_turn turn = turn_of(p, s);
        last = below(p, 4) == 0;
        size = last ? rest.size : size;
        REQUIRE(naru_ws_send_part(s->ws, message->kind, (naru_span){rest.data, size}, last, flags, &turn) == NARU_OK);
        rest = (naru_span){rest.data ? rest.data + size : NULL, rest.size - size};
        if (below(p, 3) == 0) {
            REQUIRE(naru_ws_ping(s->ws, naru_span_of("between"), &turn) == NARU_OK);
            s->pings++;
        }
    }
}

static void send_one(pair *p, side *s)
{
    static const unsigned choices[] = {0, 0, NARU_WS_PLAIN, NARU_WS_COMPRESS, NARU_WS_VALID};
    record *message = &s->sent[s->sent_count++];
    unsigned flags = choices[below(p, 5)];
    draw_message(p, message);
    if (below(p, 3) == 0) {
        send_in_parts(p, s, message, flags);
        return;
    }
    naru_ws_turn turn = turn_of(p, s);
    REQUIRE(naru_ws_send(s->ws, message->kind, naru_buf_span(&message->data), flags, &turn) == NARU_OK);
}

static void take_message(side *from, side *to, const naru_ws_event *event)
{
    CHECK_EQ(event->first, to->incoming.allocator == NULL);
    if (event->first) {
        naru_buf_init(&to->incoming, NULL);
    }
    REQUIRE(naru_buf_append(&to->incoming, event->data) == NARU_OK);
    if (!event->last) {
        return;
    }
    REQUIRE(to->received < from->sent_count);
    const record *sent = &from->sent[to->received++];
    CHECK_EQ(event->kind, sent->kind);
    CHECK(naru_span_equal(naru_buf_span(&to->incoming), naru_buf_span(&sent->data)));
    naru_buf_deinit(&to->incoming);
    to->incoming = (naru_buf){0};
}

static void take_event(side *from, side *to, const naru_ws_event *event)
{
    switch (event->type) {
    case NARU_WS_EVENT_MESSAGE:
        take_message(from, to, event);
        break;
    case NARU_WS_EVENT_PING:
        break;
    case NARU_WS_EVENT_PONG:
        to->pongs++;
        break;
    case NARU_WS_EVENT_CLOSE:
        to->closed = true;
        CHECK_EQ(event->close_code, 4321);
        CHECK_SPAN(event->data, "the end");
        break;
    }
}

/* Some of what `from` has said reaches `to`, in a block of its own. */
static void carry(pair *p, side *from, side *to)
{
    naru_span waiting = naru_buf_span(&from->out);
    size_t size = waiting.size < CUT_MAX ? waiting.size : 1 + below(p, below(p, 4) ? CUT_MAX : waiting.size);
    uint8_t *block = malloc(size > 0 ? size : 1);
    REQUIRE(block != NULL);
    memcpy(block, waiting.data ? waiting.data : block, size);
    naru_buf_take(&from->out, size);
    naru_input in = {block, size};
    naru_status status = NARU_OK;
    while (status == NARU_OK) {
        naru_ws_event event;
        naru_ws_turn turn = turn_of(p, to);
        status = naru_ws_next(to->ws, &in, &turn, &event);
        if (status == NARU_OK) {
            take_event(from, to, &event);
        }
    }
    CHECK(status == NARU_MORE || status == NARU_END);
    CHECK_EQ(in.size, 0);
    free(block);
}

static void set_up(pair *p, const naru_ws_deflate *deflate, uint64_t seed)
{
    *p = (pair){.state = seed};
    failing_allocator_init(&p->memory, 0);
    for (int i = 0; i < 2; i++) {
        side *s = &p->sides[i];
        s->options.delivery = (naru_ws_delivery)below(p, 3);
        s->options.parts_from_bytes = below(p, 2) * 100;
        s->options.control_rate_max = NARU_NEVER;
        s->options.message_timeout_ms = NARU_NEVER;
        s->options.deflate.idle_release_ms = 500;
        s->options.deflate.level = (uint8_t)below(p, 10);
        s->options.deflate.memory_level = (uint8_t)below(p, 10);
        s->options.deflate.context_bytes_max = below(p, 2) ? 0 : (uint32_t)256 << below(p, 8);
        REQUIRE(naru_ws_options_fill(&s->options) == NARU_OK);
        naru_buf_init(&s->out, &p->memory.allocator);
        s->ws = naru_ws_new((naru_ws_role)i, &s->options, deflate, 0, &p->memory.allocator);
    }
}

static void let_time_pass(pair *p)
{
    p->now_ms += below(p, 1000);
    for (int i = 0; i < 2; i++) {
        naru_ws_turn turn = turn_of(p, &p->sides[i]);
        CHECK_EQ(naru_ws_tick(p->sides[i].ws, &turn), NARU_OK);
    }
}

static bool talking(const pair *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->sides[i].sent_count < MESSAGES || p->sides[1 - i].received < MESSAGES) {
            return true;
        }
    }
    return false;
}

static void close_both(pair *p)
{
    side *first = &p->sides[below(p, 2)];
    naru_ws_turn turn = turn_of(p, first);
    CHECK_EQ(naru_ws_close(first->ws, 4321, naru_span_of("the end"), &turn), NARU_OK);
    for (unsigned i = 0; i < 1000 && !(p->sides[0].closed && p->sides[1].closed); i++) {
        carry(p, &p->sides[i % 2], &p->sides[1 - i % 2]);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(p->sides[i].closed);
        CHECK_EQ(naru_ws_get_state(p->sides[i].ws), NARU_WS_CLOSED);
        CHECK_EQ(naru_ws_end(p->sides[i].ws), NARU_END);
        CHECK_EQ(p->sides[i].pongs, p->sides[i].pings);
    }
}

static void tear_down(pair *p)
{
    for (int i = 0; i < 2; i++) {
        naru_ws_free(p->sides[i].ws);
        naru_buf_deinit(&p->sides[i].out);
        for (size_t k = 0; k < p->sides[i].sent_count; k++) {
            naru_buf_deinit(&p->sides[i].sent[k].data);
        }
    }
    CHECK_EQ(p->memory.live_bytes, 0);
}

static void talk(const naru_ws_deflate *deflate, uint64_t seed)
{
    pair *p = malloc(sizeof *p);
    REQUIRE(p != NULL);
    set_up(p, deflate, seed);
    for (unsigned turns = 0; talking(p) && turns < 100000; turns++) {
        side *s = &p->sides[below(p, 2)];
        if (s->sent_count < MESSAGES && below(p, 4) == 0) {
            send_one(p, s);
        }
        carry(p, s, s == &p->sides[0] ? &p->sides[1] : &p->sides[0]);
        if (below(p, 16) == 0) {
            let_time_pass(p);
        }
    }
    CHECK_EQ(p->sides[0].received, MESSAGES);
    CHECK_EQ(p->sides[1].received, MESSAGES);
    for (unsigned i = 0; i < 1000; i++) {
        carry(p, &p->sides[i % 2], &p->sides[1 - i % 2]);
    }
    close_both(p);
    tear_down(p);
    free(p);
}

TEST(without_compression)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        talk(NULL, seed);
    }
}

/* Windows of every size on either side, with and without takeover. */
TEST(with_every_agreement)
{
    static const uint8_t bits[] = {9, 10, 12, 15};
    uint64_t seed = 100;
    for (unsigned i = 0; i < 64; i++) {
        naru_ws_deflate deflate = {.enabled = true,
                                   .server_no_context_takeover = i & 1,
                                   .client_no_context_takeover = i & 2,
                                   .server_window_bits = bits[i >> 2 & 3],
                                   .client_window_bits = bits[i >> 4 & 3]};
        for (unsigned k = 0; k < SEEDS; k++) {
            talk(&deflate, seed++);
        }
    }
}

TEST_MAIN({"without compression", without_compression}, {"with every agreement", with_every_agreement})
