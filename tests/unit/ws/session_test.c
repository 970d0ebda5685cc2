/* What no transcript can say of a session: sizes, random bytes that run short, input that is left as it
 * was, and the calls a connection makes beside the public ones. */
#include "unit/check.h"
#include "unit/failing_allocator.h"
#include "ws/session.h"

#include <stdlib.h>

typedef struct bench {
    failing_allocator memory;
    naru_ws_options options;
    naru_ws *ws;
    naru_buf out;
    uint8_t random[256];
    naru_entropy entropy;
    naru_ws_turn turn;
} bench;

static void set_up(bench *b, naru_ws_role role, const naru_ws_options *options, const naru_ws_deflate *deflate)
{
    *b = (bench){.options = options ? *options : (naru_ws_options){0}};
    failing_allocator_init(&b->memory, 0);
    CHECK_EQ(naru_ws_options_fill(&b->options), NARU_OK);
    for (size_t i = 0; i < sizeof b->random; i++) {
        b->random[i] = (uint8_t)(i * 7 + 1);
    }
    b->entropy = (naru_entropy){b->random, sizeof b->random, 0};
    naru_buf_init(&b->out, &b->memory.allocator);
    b->ws = naru_ws_new(role, &b->options, deflate, 0, &b->memory.allocator);
    b->turn = (naru_ws_turn){0, &b->entropy, &b->out};
}

static void tear_down(bench *b)
{
    naru_ws_free(b->ws);
    naru_buf_deinit(&b->out);
    CHECK_EQ(b->memory.live_bytes, 0);
}

TEST(idle_sessions_are_small)
{
    bench b;
    naru_ws_deflate deflate = {.enabled = true, .server_window_bits = 15, .client_window_bits = 15};
    CHECK(sizeof(naru__ws_lone) <= 72);
    set_up(&b, NARU_WS_SERVER, NULL, &deflate);
    CHECK(b.memory.live_bytes <= 160);
    tear_down(&b);
}

TEST(options_fill_once)
{
    naru_ws_options options = {0};
    CHECK_EQ(naru_ws_options_fill(&options), NARU_OK);
    CHECK_EQ(options.message_bytes_max, 1 << 20);
    CHECK_EQ(options.frame_bytes_max, (1 << 20) + (1 << 17) + 1024);
    CHECK_EQ(options.deflate.threshold_bytes, 64);
    naru_ws_options twice = options;
    CHECK_EQ(naru_ws_options_fill(&twice), NARU_OK);
    CHECK(memcmp(&twice, &options, sizeof options) == 0);
    options.message_bytes_max = NARU_UNLIMITED;
    options.frame_bytes_max = 0;
    CHECK_EQ(naru_ws_options_fill(&options), NARU_OK);
    CHECK(options.frame_bytes_max == NARU_UNLIMITED);
}

TEST(options_out_of_range_change_nothing)
{
    naru_ws_options bad[10] = {{0}};
    bad[0].deflate.server_window_bits_max = 8;
    bad[1].deflate.client_window_bits_max = 16;
    bad[2].deflate.level = 10;
    bad[3].deflate.memory_level = 10;
    bad[4].delivery = (naru_ws_delivery)3;
    bad[5].deflate.server_window_bits_max = 16;
    bad[6].deflate.client_window_bits_max = 8;
    bad[7].deflate.context_bytes_max = 128;
    bad[8].deflate.context_bytes_max = 65536;
    bad[9].deflate.context_bytes_max = 3000;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        naru_ws_options before = bad[i];
        CHECK_EQ(naru_ws_options_fill(&bad[i]), NARU_ERR_ARGUMENT);
        CHECK(memcmp(&bad[i], &before, sizeof before) == 0);
        CHECK_EQ(before.message_bytes_max, 0);
    }
}

/* A client with 63 unspent bytes does nothing at all; with 64 it goes on where it stood. */
TEST(too_little_entropy_changes_nothing)
{
    bench b;
    uint8_t ping[] = {0x89, 0x01, 'x'};
    naru_input in = {ping, sizeof ping};
    naru_ws_event event;
    set_up(&b, NARU_WS_CLIENT, NULL, NULL);
    b.entropy.used = sizeof b.random - 63;
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_ERR_ENTROPY);
    CHECK_EQ(in.size, sizeof ping);
    CHECK_EQ(naru_ws_send(b.ws, NARU_WS_TEXT, naru_span_of("x"), 0, &b.turn), NARU_ERR_ENTROPY);
    CHECK_EQ(naru_ws_send_part(b.ws, NARU_WS_TEXT, naru_span_of("x"), false, 0, &b.turn), NARU_ERR_ENTROPY);
    CHECK_EQ(naru_ws_ping(b.ws, naru_span_of("x"), &b.turn), NARU_ERR_ENTROPY);
    CHECK_EQ(naru_ws_pong(b.ws, naru_span_of("x"), &b.turn), NARU_ERR_ENTROPY);
    CHECK_EQ(naru_ws_close(b.ws, 1000, naru_span_of("x"), &b.turn), NARU_ERR_ENTROPY);
    b.turn.now_ms = 25000;
    CHECK_EQ(naru_ws_tick(b.ws, &b.turn), NARU_ERR_ENTROPY);
    CHECK_EQ(naru_buf_span(&b.out).size, 0);
    CHECK_EQ(b.entropy.used, sizeof b.random - 63);
    CHECK_EQ(naru_ws_get_state(b.ws), NARU_WS_OPEN);
    b.entropy.used = sizeof b.random - 64;
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_OK);
    CHECK_EQ(event.type, NARU_WS_EVENT_PING);
    CHECK_EQ(b.entropy.used, sizeof b.random - 60);
    tear_down(&b);
}

TEST(a_server_needs_no_entropy)
{
    bench b;
    set_up(&b, NARU_WS_SERVER, NULL, NULL);
    b.turn.entropy = NULL;
    CHECK_EQ(naru_ws_send(b.ws, NARU_WS_TEXT, naru_span_of("x"), 0, &b.turn), NARU_OK);
    CHECK_SPAN(naru_buf_span(&b.out), "\x81\x01x");
    tear_down(&b);
}

/* The event points into the input: no copy was made, no memory was taken. */
TEST(a_whole_message_is_not_copied)
{
    bench b;
    uint8_t frame[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
    naru_input in = {frame, sizeof frame};
    naru_ws_event event;
    set_up(&b, NARU_WS_SERVER, NULL, NULL);
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_OK);
    CHECK(event.data.data == frame + 6);
    CHECK_SPAN(event.data, "Hello");
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_MORE);
    CHECK_EQ(b.memory.calls, 1);
    tear_down(&b);
}

/* An event's bytes may be sent straight back: sending does not disturb them. */
TEST(an_event_may_be_echoed)
{
    bench b;
    uint8_t first[] = {0x02, 0x02, 'a', 'b'};
    uint8_t rest[] = {0x80, 0x01, 'c'};
    naru_input in = {first, sizeof first};
    naru_ws_event event;
    set_up(&b, NARU_WS_CLIENT, NULL, NULL);
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_MORE);
    in = (naru_input){rest, sizeof rest};
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_OK);
    CHECK_EQ(naru_ws_send(b.ws, NARU_WS_BINARY, event.data, 0, &b.turn), NARU_OK);
    CHECK_SPAN(event.data, "abc");
    tear_down(&b);
}

/* Once half a message is there, its buffer is as big as the message and no bigger. */
TEST(a_big_message_is_sized_exactly)
{
    enum { SIZE = 1 << 20, STEP = 10000 };
    bench b;
    uint8_t head[] = {0x82, 0x7f, 0, 0, 0, 0, 0, 0x10, 0, 0};
    uint8_t *payload = calloc(1, SIZE);
    naru_input in = {head, sizeof head};
    naru_ws_event event;
    REQUIRE(payload != NULL);
    set_up(&b, NARU_WS_CLIENT, NULL, NULL);
    naru_status status = naru_ws_next(b.ws, &in, &b.turn, &event);
    for (size_t done = 0; done < SIZE; done += STEP) {
        CHECK_EQ(status, NARU_MORE);
        in = (naru_input){payload + done, SIZE - done < STEP ? SIZE - done : STEP};
        status = naru_ws_next(b.ws, &in, &b.turn, &event);
        CHECK(b.memory.live_bytes <= 2 * (done + STEP) + 1024);
        CHECK(b.memory.live_bytes <= SIZE + 1024);
    }
    CHECK_EQ(status, NARU_OK);
    CHECK_EQ(event.data.size, SIZE);
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_MORE);
    CHECK_EQ(b.memory.live_bytes, sizeof(naru__ws_lone));
    free(payload);
    tear_down(&b);
}

/* Hand over one piece of the peer's stream, which lies in `bytes`, and say what came of it. */
static naru_status hear_piece(bench *b, char *bytes, naru_ws_event *event_out)
{
    naru_input in = {(uint8_t *)bytes, strlen(bytes)};
    naru_status status = naru_ws_next(b->ws, &in, &b->turn, event_out);
    CHECK_EQ(in.size, 0);
    return status;
}

TEST(long_messages_may_come_in_parts)
{
    bench b;
    naru_ws_event event;
    naru_ws_options options = {.parts_from_bytes = 10};
    set_up(&b, NARU_WS_CLIENT, &options, NULL);
    size_t idle_bytes = b.memory.live_bytes;
    CHECK_EQ(hear_piece(&b, (char[]){"\202\012abc"}, &event), NARU_OK);
    CHECK(event.first && !event.last && naru_span_equal(event.data, naru_span_of("abc")));
    CHECK_EQ(hear_piece(&b, (char[]){"defg"}, &event), NARU_OK);
    CHECK(!event.first && !event.last && event.data.size == 4);
    CHECK_EQ(hear_piece(&b, (char[]){"hij"}, &event), NARU_OK);
    CHECK(!event.first && event.last && event.data.size == 3);
    CHECK_EQ(b.memory.live_bytes, idle_bytes);
    tear_down(&b);
}

TEST(short_and_fragmented_messages_come_whole)
{
    bench b;
    naru_ws_event event;
    naru_ws_options options = {.parts_from_bytes = 10};
    set_up(&b, NARU_WS_CLIENT, &options, NULL);
    CHECK_EQ(hear_piece(&b, (char[]){"\202\011abc"}, &event), NARU_MORE);
    CHECK_EQ(hear_piece(&b, (char[]){"defghi"}, &event), NARU_OK);
    CHECK(event.first && event.last && event.data.size == 9);
    CHECK_EQ(hear_piece(&b, (char[]){"\002\012abcdefghij"}, &event), NARU_MORE);
    CHECK_EQ(hear_piece(&b, (char[]){"\200\001k"}, &event), NARU_OK);
    CHECK(event.first && event.last && event.data.size == 11);
    CHECK_EQ(hear_piece(&b, (char[]){"\202\012abcdefghij"}, &event), NARU_OK);
    CHECK(event.first && event.last && event.data.size == 10);
    tear_down(&b);
}

TEST(a_begun_frame_holds_nothing_else)
{
    bench b;
    naru_ws_event event;
    set_up(&b, NARU_WS_SERVER, NULL, NULL);
    CHECK_EQ(naru_ws_send_begin(b.ws, NARU_WS_TEXT, 10, &b.turn), NARU_OK);
    CHECK_EQ(naru_ws_send_part(b.ws, NARU_WS_TEXT, naru_span_of("01234"), false, 0, &b.turn), NARU_OK);
    /* Two pings, masked with zeros: the newest is answered, behind the frame. */
    char pings[] = "\211\201____a\211\201____b";
    memset(pings + 2, 0, 4);
    memset(pings + 9, 0, 4);
    naru_input in = {(uint8_t *)pings, sizeof pings - 1};
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_OK);
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_OK);
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_MORE);
    CHECK_EQ(naru_ws_ping(b.ws, naru_span_of("p"), &b.turn), NARU_ERR_STATE);
    CHECK_EQ(naru_ws_close(b.ws, 1000, naru_span_of(""), &b.turn), NARU_ERR_STATE);
    CHECK_EQ(naru_ws_send(b.ws, NARU_WS_TEXT, naru_span_of("x"), 0, &b.turn), NARU_ERR_STATE);
    CHECK_EQ(naru_ws_deadline_ms(b.ws), UINT64_MAX);
    CHECK_EQ(naru_ws_send_part(b.ws, NARU_WS_BINARY, naru_span_of("56789"), true, 0, &b.turn), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_ws_send_part(b.ws, NARU_WS_TEXT, naru_span_of("56789"), false, 0, &b.turn), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_ws_send_part(b.ws, NARU_WS_TEXT, naru_span_of("56789+"), true, 0, &b.turn), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_ws_send_part(b.ws, NARU_WS_TEXT, naru_span_of("5678\377"), true, 0, &b.turn), NARU_ERR_UTF8);
    CHECK_EQ(naru_ws_send_part(b.ws, NARU_WS_TEXT, naru_span_of("56789"), true, 0, &b.turn), NARU_OK);
    CHECK_SPAN(naru_buf_span(&b.out), "\201\0120123456789\212\001b");
    CHECK_EQ(naru_ws_send(b.ws, NARU_WS_TEXT, naru_span_of("x"), 0, &b.turn), NARU_OK);
    tear_down(&b);
}

TEST(a_begun_frame_may_never_end)
{
    bench b;
    naru_ws_event event;
    set_up(&b, NARU_WS_SERVER, NULL, NULL);
    CHECK_EQ(naru_ws_send_begin(b.ws, NARU_WS_BINARY, 0, &b.turn), NARU_OK);
    CHECK_SPAN(naru_buf_span(&b.out), "\202\0");
    CHECK_EQ(naru_ws_send_begin(b.ws, NARU_WS_BINARY, 3, &b.turn), NARU_OK);
    naru_input in = {(uint8_t[]){0xff, 0xff}, 2};
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_ERR_PROTOCOL);
    CHECK_SPAN(naru_buf_span(&b.out), "\202\0\202\003"); /* no Close in its middle */
    CHECK_EQ(naru_ws_send_part(b.ws, NARU_WS_BINARY, naru_span_of("abc"), true, 0, &b.turn), NARU_ERR_STATE);
    tear_down(&b);
}

/* A message in many small fragments does not move at each of them. */
TEST(fragments_are_gathered_in_few_moves)
{
    bench b;
    naru_ws_event event;
    naru_status status = NARU_MORE;
    set_up(&b, NARU_WS_CLIENT, NULL, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t frame[] = {(uint8_t)((i == 999 ? 0x80 : 0) | (i == 0 ? 2 : 0)), 0x01, 'x'};
        naru_input in = {frame, sizeof frame};
        status = naru_ws_next(b.ws, &in, &b.turn, &event);
    }
    CHECK_EQ(status, NARU_OK);
    CHECK_EQ(event.data.size, 1000);
    CHECK(b.memory.calls < 20);
    tear_down(&b);
}

/* A connection that is not being read is not silent by its peer's fault. */
TEST(touch_moves_the_ping)
{
    bench b;
    set_up(&b, NARU_WS_SERVER, NULL, NULL);
    b.turn.now_ms = 25000;
    CHECK_EQ(naru_ws_tick(b.ws, &b.turn), NARU_OK);
    CHECK_EQ(naru_ws_deadline_ms(b.ws), 35000);
    naru__ws_touch(b.ws, 34000);
    CHECK_EQ(naru_ws_deadline_ms(b.ws), 59000);
    tear_down(&b);
}

/* Between messages a session holds the text that may be referred to, and nothing else. */
TEST(compression_costs_what_is_documented)
{
    bench b;
    naru_ws_deflate deflate = {.enabled = true, .server_window_bits = 15, .client_window_bits = 15};
    uint8_t hello[] = {0xc1, 0x87, 0, 0, 0, 0, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
    naru_input in = {hello, sizeof hello};
    naru_ws_event event;
    set_up(&b, NARU_WS_SERVER, NULL, &deflate);
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_OK);
    CHECK_SPAN(event.data, "Hello");
    CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_MORE);
    CHECK(b.memory.live_bytes <= 1024);
    CHECK_EQ(naru_ws_send(b.ws, NARU_WS_TEXT, naru_span_of("Hello"), NARU_WS_COMPRESS, &b.turn), NARU_OK);
    naru_buf_deinit(&b.out);
    CHECK(b.memory.live_bytes <= 1536);
    b.turn.now_ms = 30000;
    CHECK_EQ(naru_ws_tick(b.ws, &b.turn), NARU_OK);
    CHECK(b.memory.live_bytes <= 1024); /* the struct and the peer's window of five bytes */
    tear_down(&b);
}

/* Both sides say `bytes` of noise, again and again: what does the session keep of it? */
static void talk_keeps(const naru_ws_deflate *deflate, size_t bytes, size_t kept_max)
{
    bench b, peer;
    uint8_t *noise = malloc(bytes);
    uint32_t x = 3;
    naru_ws_event event;
    REQUIRE(noise != NULL);
    set_up(&b, NARU_WS_SERVER, NULL, deflate);
    set_up(&peer, NARU_WS_CLIENT, NULL, deflate);
    for (size_t said = 0; said < 200000; said += bytes) {
        for (size_t i = 0; i < bytes; i++) {
            x = x * 1664525U + 1013904223U;
            noise[i] = (uint8_t)(x >> 24);
        }
        naru_span data = {noise, bytes};
        CHECK_EQ(naru_ws_send(b.ws, NARU_WS_BINARY, data, NARU_WS_COMPRESS, &b.turn), NARU_OK);
        naru_buf_take(&b.out, naru_buf_span(&b.out).size);
        peer.entropy.used = 0;
        CHECK_EQ(naru_ws_send(peer.ws, NARU_WS_BINARY, data, NARU_WS_COMPRESS, &peer.turn), NARU_OK);
        naru_input in = {peer.out.data + peer.out.begin, naru_buf_span(&peer.out).size};
        CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_OK);
        CHECK(naru_span_equal(event.data, data));
        CHECK_EQ(naru_ws_next(b.ws, &in, &b.turn, &event), NARU_MORE);
        naru_buf_take(&peer.out, naru_buf_span(&peer.out).size);
    }
    naru_buf_deinit(&b.out);
    CHECK(b.memory.live_bytes <= kept_max);
    free(noise);
    tear_down(&b);
    tear_down(&peer);
}

TEST(compression_keeps_little_text)
{
    naru_ws_deflate deflate = {.enabled = true, .server_window_bits = 15, .client_window_bits = 15};
    talk_keeps(&deflate, 1024, (32 + 2) * 1024 + 512);
    talk_keeps(&deflate, 20000, (32 + 16) * 1024 + 512);
    deflate.client_window_bits = 10;
    deflate.server_window_bits = 9;
    talk_keeps(&deflate, 20000, 1024 + 512 + 512);
    deflate.client_no_context_takeover = true;
    deflate.server_no_context_takeover = true;
    talk_keeps(&deflate, 1024, 160);
}

/* Say `text` in two parts, and again whenever memory ran out. */
static void say(bench *b, const char *text)
{
    size_t half = strlen(text) / 2;
    naru_span parts[2] = {{(const uint8_t *)text, half}, naru_span_of(text + half)};
    for (int i = 0; i < 2; i++) {
        size_t before = naru_buf_span(&b->out).size;
        naru_status status = NARU_ERR_MEMORY;
        for (int tries = 0; tries < 2 && status == NARU_ERR_MEMORY; tries++) {
            status = naru_ws_send_part(b->ws, NARU_WS_TEXT, parts[i], i == 1, NARU_WS_COMPRESS, &b->turn);
            CHECK(status == NARU_OK || naru_buf_span(&b->out).size == before);
        }
        CHECK_EQ(status, NARU_OK);
    }
}

static void hear(bench *b, naru_buf *wire, const char *text)
{
    naru_ws_event event;
    naru_input in = {wire->data + wire->begin, naru_buf_span(wire).size};
    CHECK_EQ(naru_ws_next(b->ws, &in, &b->turn, &event), NARU_OK);
    CHECK(naru_span_equal(event.data, naru_span_of(text)));
    CHECK_EQ(naru_ws_next(b->ws, &in, &b->turn, &event), NARU_MORE);
    naru_buf_take(wire, naru_buf_span(wire).size);
}

/* Memory may run out at any place of a compressed message: what is sent again, and all that follows, is understood. */
TEST(a_compressor_survives_running_out_of_memory)
{
    /* Long enough for several steps of the compressor, and the second refers to the first. */
    static char noise[6001];
    uint32_t x = 7;
    for (size_t i = 0; i + 1 < sizeof noise; i++) {
        x = x * 1664525U + 1013904223U;
        noise[i] = (char)(' ' + (x >> 24) % 90);
    }
    const char *const texts[] = {noise, noise + 500, "hello", noise + 100};
    naru_ws_deflate deflate = {.enabled = true, .server_window_bits = 15, .client_window_bits = 15};
    bool failed = true;
    for (size_t n = 2; failed; n++) {
        bench from, to;
        set_up(&from, NARU_WS_SERVER, NULL, &deflate);
        set_up(&to, NARU_WS_CLIENT, NULL, &deflate);
        from.memory.fail_at = n;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            say(&from, texts[i]);
            hear(&to, &from.out, texts[i]);
            naru_buf_deinit(&from.out);
        }
        failed = from.memory.failed;
        CHECK(failed || n > 5);
        tear_down(&from);
        tear_down(&to);
    }
}

/* T45: what does not compress neither hangs nor swells. */
TEST(noise_does_not_hang)
{
    enum { SIZE = 5 << 20 };
    bench b;
    naru_ws_deflate deflate = {.enabled = true, .server_window_bits = 15, .client_window_bits = 15};
    uint8_t *noise = malloc(SIZE);
    uint32_t x = 1;
    REQUIRE(noise != NULL);
    for (size_t i = 0; i < SIZE; i++) {
        x = x * 1664525U + 1013904223U;
        noise[i] = (uint8_t)(x >> 24);
    }
    set_up(&b, NARU_WS_SERVER, NULL, &deflate);
    CHECK_EQ(naru_ws_send(b.ws, NARU_WS_BINARY, (naru_span){noise, SIZE}, NARU_WS_COMPRESS, &b.turn), NARU_OK);
    CHECK(naru_buf_span(&b.out).size < SIZE + SIZE / 1000 + 64);
    free(noise);
    tear_down(&b);
}

TEST_MAIN({"idle sessions are small", idle_sessions_are_small}, {"options fill once", options_fill_once},
          {"options out of range change nothing", options_out_of_range_change_nothing},
          {"too little entropy changes nothing", too_little_entropy_changes_nothing},
          {"a server needs no entropy", a_server_needs_no_entropy},
          {"a whole message is not copied", a_whole_message_is_not_copied},
          {"an event may be echoed", an_event_may_be_echoed},
          {"a big message is sized exactly", a_big_message_is_sized_exactly},
          {"long messages may come in parts", long_messages_may_come_in_parts},
          {"short and fragmented messages come whole", short_and_fragmented_messages_come_whole},
          {"a begun frame holds nothing else", a_begun_frame_holds_nothing_else},
          {"a begun frame may never end", a_begun_frame_may_never_end},
          {"fragments are gathered in few moves", fragments_are_gathered_in_few_moves},
          {"touch moves the ping", touch_moves_the_ping},
          {"compression costs what is documented", compression_costs_what_is_documented},
          {"compression keeps little text", compression_keeps_little_text},
          {"a compressor survives running out of memory", a_compressor_survives_running_out_of_memory},
          {"noise does not hang", noise_does_not_hang})
