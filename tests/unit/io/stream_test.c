/* Plain streams over real sockets. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "harness.h"

static void echo_over(const char *address)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, address, &server, &client));
    server.echo = true;
    peer_send(&client, naru_span_of("hello"));
    peer_send(&client, naru_span_of(", landing"));
    TURN_UNTIL(&on, naru__buf_size(&client.got) == 14);
    CHECK_SPAN(naru_buf_span(&client.got), "hello, landing");
    CHECK_EQ(client.stream->sent, 14);
    CHECK_EQ(server.data, 1);               /* both writes of the turn left in one */
    CHECK(client.stream->out == NULL); /* and their memory is given back */
    CHECK(server.stream->out == NULL);
    CHECK(!server.stream->cold && !client.stream->cold); /* an idle one costs its struct alone */
    CHECK_EQ(naru__stream_get_phase(client.stream), NARU__STREAM_READY);
    CHECK(!naru__stream_is_tls(client.stream));
    peer_deinit(&client);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_END);
    CHECK_EQ(naru__stream_get_phase(server.stream), NARU__STREAM_ENDED);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(echoes_over_ipv4)
{
    echo_over("127.0.0.1:0");
}
TEST(echoes_over_ipv6)
{
    echo_over("[::1]:0");
}
TEST(echoes_over_unix)
{
    char address[64];
    snprintf(address, sizeof address, "unix:/tmp/naru-stream-test-%d", (int)getpid());
    echo_over(address);
    CHECK_EQ(access(address + 5, F_OK), -1);
}

TEST(names_its_peer)
{
    bed on = {0};
    peer server, client;
    char text[64];
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "[::1]:0", &server, &client));
    naru__stream_peer(server.stream, text, sizeof text);
    CHECK(strncmp(text, "[::1]:", 6) == 0);
    naru__stream_peer(server.stream, text, 4);
    CHECK_STR(text, "[::");
    peer_deinit(&client);
    peer_deinit(&server);
    int other = peer_serve(&server, &on, NULL);
    naru__stream_peer(server.stream, text, sizeof text);
    CHECK_STR(text, "unix:");
    peer_deinit(&server);
    close(other);
    bed_close(&on);
}

/* Bytes that were there before the stream was come after on_ready: peer_data checks it. */
TEST(announces_before_data)
{
    bed on = {0};
    peer server;
    int pair[2];
    REQUIRE(bed_open(&on));
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    REQUIRE(write(pair[1], "early", 5) == 5);
    peer_init(&server, &on);
    server.stream = naru__stream_accept(on.loop, pair[0], NULL, &peer_handler, &server);
    REQUIRE(server.stream != NULL);
    CHECK_EQ(server.ready, 0); /* not inside the call */
    TURN_UNTIL(&on, server.data == 1);
    CHECK_SPAN(naru_buf_span(&server.got), "early");
    peer_deinit(&server);
    close(pair[1]);
    bed_close(&on);
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 31 + (at >> 9));
}

static void check_pattern(naru_span bytes)
{
    size_t at = 0;
    while (at < bytes.size && bytes.data[at] == pattern(at)) {
        at++;
    }
    CHECK_EQ(at, bytes.size);
}

static uint8_t *make_pattern(size_t size)
{
    uint8_t *bytes = malloc(size);
    for (size_t at = 0; bytes && at < size; at++) {
        bytes[at] = pattern(at);
    }
    return bytes;
}

enum { BIG = 8 << 20 };

static void push_back(bool through)
{
    bed on = {0};
    peer server, client;
    uint8_t *big = make_pattern(BIG);
    REQUIRE(big && bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    CHECK_EQ(setsockopt(server.stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)), 0);
    naru__stream_pause(client.stream);
    if (through) {
        peer_send(&server, (naru_span){big, 1000});
        CHECK_EQ(naru__stream_write_through(server.stream, (naru_span){big + 1000, BIG - 1000 - 10}), NARU_OK);
        CHECK_EQ(naru__stream_write_through(server.stream, (naru_span){big + BIG - 10, 10}), NARU_OK);
    } else {
        peer_send(&server, (naru_span){big, BIG});
    }
    naru__stream_want_drain(server.stream, 1000);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(naru_loop_turn(on.loop, 1), NARU_OK);
    }
    CHECK(naru__stream_out_size(server.stream) > 0); /* the kernel is full */
    CHECK_EQ(server.stream->sent + naru__stream_out_size(server.stream), BIG);
    CHECK_EQ(client.data, 0);
    CHECK_EQ(server.drain, 0);
    /* The rest with room, or each segment waits for a delayed acknowledgement. */
    CHECK_EQ(setsockopt(server.stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){1 << 20}, sizeof(int)), 0);
    naru__stream_resume(client.stream);
    TURN_UNTIL(&on, naru__buf_size(&client.got) == BIG);
    check_pattern(naru_buf_span(&client.got));
    TURN_UNTIL(&on, server.drain == 1);
    CHECK_EQ(server.stream->sent, BIG);
    CHECK(server.stream->out == NULL);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
    free(big);
}

TEST(waits_for_a_slow_reader)
{
    push_back(false);
}
TEST(writes_through_to_a_slow_reader)
{
    push_back(true);
}

TEST(writes_through_at_once)
{
    bed on = {0};
    peer server, client;
    char bytes[32];
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    peer_send(&server, naru_span_of("head "));
    CHECK_EQ(naru__stream_write_through(server.stream, naru_span_of("payload")), NARU_OK);
    CHECK_EQ(naru__stream_out_size(server.stream), 0); /* it has left, before the turn's end */
    CHECK_EQ(server.stream->sent, 12);
    CHECK_EQ(recv(client.stream->fd, bytes, sizeof bytes, 0), 12);
    CHECK(memcmp(bytes, "head payload", 12) == 0);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(drains_in_the_turn_that_sends_all)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    peer_send(&server, naru_span_of("all of it"));
    naru__stream_want_drain(server.stream, 0);
    CHECK_EQ(server.drain, 0);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(server.drain, 1);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(server.drain, 1); /* once for each asking */
    server.close_on_drain = true;
    naru__stream_want_drain(server.stream, 0);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(server.drain, 2);
    CHECK(server.stream == NULL);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(pauses_and_resumes)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    server.stop_at_data = true;
    peer_send(&client, naru_span_of("one"));
    TURN_UNTIL(&on, server.data == 1);
    peer_send(&client, naru_span_of("two"));
    naru__stream_shutdown(client.stream);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(naru_loop_turn(on.loop, 2), NARU_OK);
    }
    CHECK_EQ(server.data, 1);
    CHECK_EQ(server.end, 0);
    naru__stream_resume(server.stream);
    TURN_UNTIL(&on, server.data == 2);
    CHECK_EQ(server.end, 0); /* paused again */
    CHECK_SPAN(naru_buf_span(&server.got), "onetwo");
    server.stop_at_data = false;
    naru__stream_resume(server.stream);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_END);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(hears_of_a_reset_while_paused)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    naru__stream_pause(server.stream);
    naru__stream_abort(client.stream);
    client.stream = NULL;
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_ERR_CLOSED);
    CHECK_EQ(server.system_error, ECONNRESET);
    CHECK_STR(server.error, "connection reset by the peer");
    CHECK_EQ(naru_loop_turn(on.loop, 5), NARU_OK);
    CHECK_EQ(server.end, 1);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

/* A peer that is gone altogether wakes a paused stream once, not for ever. */
TEST(does_not_spin_on_a_hang_up_while_paused)
{
    bed on = {0};
    peer server;
    REQUIRE(bed_open(&on));
    int other = peer_serve(&server, &on, NULL);
    naru__stream_pause(server.stream);
    REQUIRE(write(other, "last words", 10) == 10);
    close(other);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    }
    uint64_t begin_ms = harness_clock_ms();
    CHECK_EQ(naru_loop_turn(on.loop, 30), NARU_OK);
    CHECK(harness_clock_ms() - begin_ms >= 29);
    naru__stream_resume(server.stream);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_SPAN(naru_buf_span(&server.got), "last words");
    CHECK_EQ(server.why, NARU_END);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(half_closes_both_ways)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    peer_send(&client, naru_span_of("question"));
    naru__stream_shutdown(client.stream);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_END);
    CHECK_SPAN(naru_buf_span(&server.got), "question");
    peer_send(&server, naru_span_of("answer")); /* writing still works */
    TURN_UNTIL(&on, client.data == 1);
    CHECK_SPAN(naru_buf_span(&client.got), "answer");
    CHECK_EQ(client.end, 0);
    naru__stream_shutdown(server.stream);
    TURN_UNTIL(&on, client.end == 1);
    CHECK_EQ(client.why, NARU_END);
    uint64_t begin_ms = harness_clock_ms(); /* both sides over: nothing to wake up for */
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    }
    CHECK_EQ(naru_loop_turn(on.loop, 30), NARU_OK);
    CHECK(harness_clock_ms() - begin_ms >= 29);
    CHECK_EQ(server.end + client.end, 2);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(drains_when_writing_breaks_after_the_end)
{
    bed on = {0};
    peer server, client;
    uint8_t *big = make_pattern(BIG);
    REQUIRE(big && bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    naru__stream_pause(client.stream);
    naru__stream_shutdown(client.stream);
    TURN_UNTIL(&on, server.end == 1);
    peer_send(&server, (naru_span){big, BIG});
    naru__stream_want_drain(server.stream, 0);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(naru_loop_turn(on.loop, 1), NARU_OK);
    }
    CHECK_EQ(server.drain, 0);
    naru__stream_abort(client.stream);
    client.stream = NULL;
    TURN_UNTIL(&on, server.drain == 1);
    CHECK_EQ(server.end, 1);
    CHECK_EQ(naru__stream_out_size(server.stream), 0);
    CHECK_EQ(naru_loop_turn(on.loop, 5), NARU_OK);
    CHECK_EQ(server.drain, 1);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
    free(big);
}

/* What the peer sent before it broke off is read before its end is told, even if our own write finds out
 * first. */
TEST(reads_on_when_writing_breaks)
{
    bed on = {0};
    peer server;
    REQUIRE(bed_open(&on));
    int other = peer_serve(&server, &on, NULL);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    REQUIRE(write(other, "last words", 10) == 10);
    close(other);
    CHECK_EQ(naru__stream_write_through(server.stream, naru_span_of("too late")), NARU_OK);
    CHECK_EQ(server.end, 0); /* not inside the call */
    TURN_UNTIL(&on, server.end == 1);
    CHECK_SPAN(naru_buf_span(&server.got), "last words");
    CHECK_EQ(server.why, NARU_ERR_CLOSED);
    CHECK_EQ(server.system_error, EPIPE);
    peer_deinit(&server);
    bed_close(&on);
}

/* Nobody reads, so the failed write itself has to tell. */
TEST(tells_when_writing_breaks_during_a_pause)
{
    bed on = {0};
    peer server;
    REQUIRE(bed_open(&on));
    int other = peer_serve(&server, &on, NULL);
    naru__stream_pause(server.stream);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    close(other);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    }
    CHECK_EQ(server.end, 0);
    peer_send(&server, naru_span_of("too late"));
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(server.end, 1);
    CHECK_EQ(server.why, NARU_ERR_CLOSED);
    CHECK_EQ(server.system_error, EPIPE);
    peer_deinit(&server);
    bed_close(&on);
}

typedef struct closer {
    peer *victims[2];
} closer;

static void close_the_other(naru__stream *stream, uint8_t *bytes, size_t size)
{
    closer *self = stream->owner;
    (void)bytes;
    (void)size;
    for (size_t i = 0; i < 2; i++) {
        self->victims[i]->data++;
        peer_close(self->victims[i]);
    }
}

/* Two streams are ready in the same batch; whichever comes first closes both. */
TEST(a_stream_closed_by_a_neighbour_hears_nothing)
{
    static const naru__stream_handler handler = {.on_data = close_the_other};
    bed on = {0};
    peer peers[2];
    int pairs[2][2];
    closer both = {{&peers[0], &peers[1]}};
    REQUIRE(bed_open(&on));
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]) == 0);
        peer_init(&peers[i], &on);
        peers[i].stream = naru__stream_accept(on.loop, pairs[i][0], NULL, &handler, &both);
        REQUIRE(peers[i].stream != NULL);
    }
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(write(pairs[i][1], "x", 1) == 1);
    }
    CHECK_EQ(naru_loop_turn(on.loop, 1000), NARU_OK);
    CHECK_EQ(peers[0].data, 1);
    CHECK_EQ(peers[1].data, 1);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK); /* nothing is left */
    for (size_t i = 0; i < 2; i++) {
        char byte;
        CHECK(read(pairs[i][1], &byte, 1) <= 0); /* closed, or reset where the byte had not been read */
        close(pairs[i][1]);
        peer_deinit(&peers[i]);
    }
    bed_close(&on);
}

static void close_inside(size_t which)
{
    bed on = {0};
    peer server, client;
    landing at;
    char host[128];
    REQUIRE(bed_open(&on));
    peer_init(&server, &on);
    peer_init(&client, &on);
    REQUIRE(landing_open(&at, &on, "127.0.0.1:0") == NARU_OK);
    at.next = &server;
    naru__dial dial = dial_to(&at, host);
    client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    server.close_on_ready = which == 0;
    client.close_on_ready = which == 1;
    server.close_on_data = which == 2;
    server.close_on_end = client.close_on_end = true;
    client.echo = true;
    peer_send(&client, naru_span_of("before it is connected"));
    naru__listener_pause(at.listener);
    naru__listener_resume(at.listener);
    TURN_UNTIL(&on, at.accepted == 1 && (server.stream == NULL || client.stream == NULL));
    naru__listener_close(at.listener);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK); /* the other side's end closes it */
    CHECK(server.stream == NULL);
    CHECK(client.stream == NULL);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(closes_in_on_ready_of_the_server)
{
    close_inside(0);
}
TEST(closes_in_on_ready_of_the_client)
{
    close_inside(1);
}
TEST(closes_in_on_data)
{
    close_inside(2);
}

TEST(closes_twice_and_outside_of_a_turn)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    naru__stream *kept = server.stream;
    peer_send(&server, naru_span_of("dropped"));
    naru__stream_close(kept);
    naru__stream_close(kept);
    naru__stream_abort(kept);
    naru__stream_shutdown(kept);
    naru__stream_want_drain(kept, 0);
    CHECK_EQ(naru__stream_write_through(kept, naru_span_of("nowhere")), NARU_OK);
    server.stream = NULL;
    TURN_UNTIL(&on, client.end == 1);
    CHECK_EQ(client.data, 0);
    CHECK_EQ(client.why, NARU_END);
    CHECK_EQ(server.drain + server.end, 0);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on); /* without a turn after the last close */
}

TEST(accepted_sockets_do_not_delay)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    int value = 0;
    socklen_t size = sizeof value;
    CHECK_EQ(getsockopt(server.stream->fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    CHECK_EQ(value, 1);
    CHECK(fcntl(server.stream->fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(client.stream->fd, F_GETFD) & FD_CLOEXEC);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST_MAIN({"echoes over ipv4", echoes_over_ipv4}, {"echoes over ipv6", echoes_over_ipv6},
          {"echoes over unix", echoes_over_unix}, {"names its peer", names_its_peer},
          {"announces before data", announces_before_data}, {"waits for a slow reader", waits_for_a_slow_reader},
          {"writes through to a slow reader", writes_through_to_a_slow_reader},
          {"writes through at once", writes_through_at_once},
          {"drains in the turn that sends all", drains_in_the_turn_that_sends_all},
          {"pauses and resumes", pauses_and_resumes}, {"hears of a reset while paused", hears_of_a_reset_while_paused},
          {"does not spin on a hang-up while paused", does_not_spin_on_a_hang_up_while_paused},
          {"half-closes both ways", half_closes_both_ways},
          {"drains when writing breaks after the end", drains_when_writing_breaks_after_the_end},
          {"tells when writing breaks during a pause", tells_when_writing_breaks_during_a_pause},
          {"reads on when writing breaks", reads_on_when_writing_breaks},
          {"a stream closed by a neighbour hears nothing", a_stream_closed_by_a_neighbour_hears_nothing},
          {"closes in on_ready of the server", closes_in_on_ready_of_the_server},
          {"closes in on_ready of the client", closes_in_on_ready_of_the_client},
          {"closes in on_data", closes_in_on_data},
          {"closes twice and outside of a turn", closes_twice_and_outside_of_a_turn},
          {"accepted sockets do not delay", accepted_sockets_do_not_delay})
