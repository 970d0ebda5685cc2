/* Shared bytes in a stream's queue: their place among copied ones, their memory, and what takes them out again. */
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "harness.h"
#include "identity.h"

/* splitmix64 */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

static size_t references(const naru__shot *shot)
{
    return atomic_load(&((naru__shot *)(uintptr_t)shot)->references);
}

enum { SHOT_BYTES = 5000, SHOTS = 4, PIECES = 1500 };

typedef struct cargo {
    naru__shot *shots[SHOTS];
    naru_buf expected;
    uint64_t random;
} cargo;

static void cargo_open(cargo *c, uint64_t seed)
{
    *c = (cargo){.random = seed};
    naru_buf_init(&c->expected, NULL);
    for (size_t i = 0; i < SHOTS; i++) {
        c->shots[i] = naru__shot_new(SHOT_BYTES);
        REQUIRE(c->shots[i] != NULL);
        for (size_t at = 0; at < SHOT_BYTES; at++) {
            c->shots[i]->bytes[at] = (uint8_t)draw(&c->random);
        }
    }
}

/* Nobody but the test refers to any of them. */
static void cargo_close(cargo *c)
{
    for (size_t i = 0; i < SHOTS; i++) {
        CHECK_EQ(references(c->shots[i]), 1);
        naru__shot_unref(c->shots[i]);
    }
    naru_buf_deinit(&c->expected);
}

/* A piece of some shot, by reference or as a copy. */
static void queue_piece(cargo *c, naru__stream *stream)
{
    naru__shot *shot = c->shots[draw(&c->random) % SHOTS];
    size_t from = draw(&c->random) % SHOT_BYTES;
    size_t size = draw(&c->random) % (SHOT_BYTES - from + 1);
    naru_span piece = {shot->bytes + from, draw(&c->random) % 3 == 0 ? size : size % 64};
    bool shared = draw(&c->random) % 2;
    REQUIRE((shared ? naru__stream_write_shot(stream, shot, piece)
                    : naru_buf_append(naru__stream_out(stream), piece)) == NARU_OK);
    REQUIRE(naru_buf_append(&c->expected, piece) == NARU_OK);
    naru__stream_flush_later(stream);
}

static void check_all_came(bed *on, cargo *c, peer *from, peer *to)
{
    TURN_UNTIL(on, naru__buf_size(&to->got) >= naru__buf_size(&c->expected));
    CHECK(naru_span_equal(naru_buf_span(&to->got), naru_buf_span(&c->expected)));
    CHECK_EQ(from->stream->sent, naru__buf_size(&c->expected));
    CHECK_EQ(naru__stream_queued(from->stream), 0);
    CHECK(from->stream->out == NULL);
    CHECK(!from->stream->has_shots);
}

static void mix(peer *server, peer *client, bed *on, uint64_t seed)
{
    cargo c;
    cargo_open(&c, seed);
    for (int i = 0; i < PIECES; i++) {
        queue_piece(&c, server->stream);
        if (draw(&c.random) % 40 == 0) {
            CHECK_EQ(naru_loop_turn(on->loop, 0), NARU_OK);
        }
    }
    check_all_came(on, &c, server, client);
    cargo_close(&c);
}

TEST(keep_their_place)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        bed on = {0};
        peer server, client;
        REQUIRE(bed_open(&on));
        REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
        mix(&server, &client, &on, seed);
        CHECK(server.stream->cold == NULL); /* the burst's memory is given back */
        peer_deinit(&client);
        peer_deinit(&server);
        bed_close(&on);
    }
}

TEST(keep_their_place_before_a_slow_reader)
{
    bed on = {0};
    peer server, client;
    cargo c;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    CHECK_EQ(setsockopt(server.stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)), 0);
    naru__stream_pause(client.stream);
    cargo_open(&c, 77);
    while (naru__stream_queued(server.stream) < 1 << 20) {
        queue_piece(&c, server.stream);
        if (draw(&c.random) % 64 == 0) {
            CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
        }
        CHECK_EQ(server.stream->sent + naru__stream_queued(server.stream), naru__buf_size(&c.expected));
    }
    naru__stream_want_drain(server.stream, 1000);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(server.drain, 0); /* shots count as queued */
    CHECK_EQ(setsockopt(server.stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){1 << 20}, sizeof(int)), 0);
    naru__stream_resume(client.stream);
    check_all_came(&on, &c, &server, &client);
    TURN_UNTIL(&on, server.drain == 1);
    cargo_close(&c);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

/* A reference, not a copy, and the stream lets go of it however it ends. */
TEST(are_let_go_of_when_the_stream_is)
{
    for (int way = 0; way < 3; way++) {
        bed on = {0};
        peer server, client;
        REQUIRE(bed_open(&on));
        REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
        naru__shot *shot = naru__shot_new(2000);
        REQUIRE(shot != NULL);
        memset(shot->bytes, 'x', shot->size);
        for (size_t i = 1; i <= 10; i++) {
            CHECK_EQ(naru__stream_write_shot(server.stream, shot, naru__shot_span(shot)), NARU_OK);
            CHECK_EQ(references(shot), 1 + i);
        }
        CHECK_EQ(naru__stream_queued(server.stream), 20000);
        CHECK_EQ(naru__stream_out_size(server.stream), 0);
        if (way == 0) {
            peer_close(&server);
        } else if (way == 1) {
            naru__stream_abort(client.stream); /* writing breaks */
            client.stream = NULL;
            naru__stream_shutdown(server.stream);
            TURN_UNTIL(&on, server.end == 1);
            peer_close(&server);
        } else {
            TURN_UNTIL(&on, naru__buf_size(&client.got) == 20000);
        }
        CHECK_EQ(references(shot), 1);
        naru__shot_unref(shot);
        peer_deinit(&client);
        peer_deinit(&server);
        bed_close(&on);
    }
}

/* Random pieces are queued, some are dropped again: what comes is the rest. The first stays. */
static void drop_some(uint64_t seed)
{
    enum { COUNT = 60, SIZE = 1200 };
    bed on = {0};
    peer server, client;
    naru_buf expected;
    uint64_t random = seed;
    size_t begin[COUNT], size[COUNT];
    naru_buf_init(&expected, NULL);
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    naru__shot *shots[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        shots[i] = naru__shot_new(SIZE);
        REQUIRE(shots[i] != NULL);
        memset(shots[i]->bytes, (int)i + 1, SIZE);
        begin[i] = naru__stream_queued(server.stream);
        size[i] = 1 + draw(&random) % SIZE;
        naru_span piece = {shots[i]->bytes, size[i]};
        bool shared = draw(&random) % 2;
        CHECK_EQ(shared ? naru__stream_write_shot(server.stream, shots[i], piece)
                        : naru_buf_append(naru__stream_out(server.stream), piece),
                 NARU_OK);
    }
    size_t gone = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (i > 0 && draw(&random) % 2) {
            size_t two = i + 1 < COUNT && draw(&random) % 2; /* one range over two pieces */
            size_t bytes = size[i] + (two ? size[i + 1] : 0);
            naru__stream_drop_queued(server.stream, begin[i] - gone, bytes);
            gone += bytes;
            i += two;
        } else {
            CHECK_EQ(naru_buf_append(&expected, (naru_span){shots[i]->bytes, size[i]}), NARU_OK);
        }
    }
    CHECK_EQ(naru__stream_queued(server.stream), naru__buf_size(&expected));
    naru__stream_flush_later(server.stream);
    TURN_UNTIL(&on, naru__buf_size(&client.got) >= naru__buf_size(&expected));
    CHECK(naru_span_equal(naru_buf_span(&client.got), naru_buf_span(&expected)));
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_EQ(references(shots[i]), 1);
        naru__shot_unref(shots[i]);
    }
    naru_buf_deinit(&expected);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(are_dropped_whole)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        drop_some(seed);
    }
}

TEST(without_memory_nothing_is_queued)
{
    for (size_t fail_at = 1; fail_at <= 4; fail_at++) {
        bed on = {0};
        peer server, client;
        REQUIRE(bed_open(&on));
        REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
        naru__shot *shot = naru__shot_new(2000);
        REQUIRE(shot != NULL);
        memset(shot->bytes, 'x', shot->size);
        size_t taken = 0;
        on.memory.fail_at = on.memory.calls + fail_at;
        for (int i = 0; i < 100; i++) {
            naru_status status = naru__stream_write_shot(server.stream, shot, naru__shot_span(shot));
            CHECK(status == NARU_OK || status == NARU_ERR_MEMORY);
            taken += status == NARU_OK;
            CHECK_EQ(references(shot), 1 + taken);
        }
        on.memory.fail_at = 0;
        CHECK(taken >= 98);
        TURN_UNTIL(&on, naru__buf_size(&client.got) == 2000 * taken);
        CHECK_EQ(references(shot), 1);
        naru__shot_unref(shot);
        peer_deinit(&client);
        peer_deinit(&server);
        bed_close(&on);
    }
}

TEST(keep_their_place_under_tls)
{
    identity ca, good;
    REQUIRE(mkdtemp(identity_directory) && identity_make(&ca, "ca", NULL, NULL, 10) &&
            identity_make(&good, "good", "IP:127.0.0.1", &ca, 10));
    naru_tls *to_server = NULL, *to_client = NULL;
    char reason[256];
    CHECK_EQ(naru_tls_server_new(&(naru_tls_server_options){.certificate_file = good.file}, &to_server, reason,
                                 sizeof reason),
             NARU_OK);
    CHECK_EQ(naru_tls_client_new(&(naru_tls_client_options){.ca_file = ca.file}, &to_client, reason, sizeof reason),
             NARU_OK);
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers_tls(&on, "127.0.0.1:0", to_server, to_client, "127.0.0.1", &server, &client));
    mix(&server, &client, &on, 5);
    mix(&client, &server, &on, 6);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
    naru_tls_unref(to_server);
    naru_tls_unref(to_client);
    identity_free(&ca);
    identity_free(&good);
    rmdir(identity_directory);
}

TEST_MAIN({"keep their place", keep_their_place},
          {"keep their place before a slow reader", keep_their_place_before_a_slow_reader},
          {"are let go of when the stream is", are_let_go_of_when_the_stream_is},
          {"are dropped whole", are_dropped_whole},
          {"without memory nothing is queued", without_memory_nothing_is_queued},
          {"keep their place under TLS", keep_their_place_under_tls})
