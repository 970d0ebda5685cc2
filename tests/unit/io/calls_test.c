/* What an echo and a connection cost in system calls, and what happens when one fails. The linker puts
 * these counters before the true calls (--wrap). */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "harness.h"

static struct {
    size_t receives, full_receives, sends, short_sends, waits, controls, accepts, options, closes, others;
} calls;

/* errno of the next call of a kind; 0: it goes through. */
static struct {
    int receive, send, wait, add, accept;
} fail;

static bool fails(int *error)
{
    if (*error == 0) {
        return false;
    }
    errno = *error;
    *error = 0;
    return true;
}

ssize_t __real_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
    calls.receives++;
    ssize_t got = fails(&fail.receive) ? -1 : __real_recv(fd, bytes, size, flags);
    calls.full_receives += got == (ssize_t)size;
    return got;
}
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    calls.sends++;
    ssize_t sent = fails(&fail.send) ? -1 : __real_send(fd, bytes, size, flags);
    calls.short_sends += sent != (ssize_t)size;
    return sent;
}
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    calls.others++;
    return __real_sendmsg(fd, message, flags);
}
int __real_epoll_wait(int fd, struct epoll_event *events, int events_max, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int events_max, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int events_max, int timeout_ms)
{
    calls.waits++;
    return fails(&fail.wait) ? -1 : __real_epoll_wait(fd, events, events_max, timeout_ms);
}
int __real_epoll_ctl(int fd, int operation, int of, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int operation, int of, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int operation, int of, struct epoll_event *event)
{
    calls.controls++;
    return operation == EPOLL_CTL_ADD && fails(&fail.add) ? -1 : __real_epoll_ctl(fd, operation, of, event);
}
int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    calls.accepts++;
    return fails(&fail.accept) ? -1 : __real_accept4(fd, address, size, flags);
}
int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    calls.options++;
    return __real_setsockopt(fd, level, option, value, size);
}
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    calls.closes++;
    return __real_close(fd);
}

enum { CLIENTS = 64, ROUNDS = 50 };

/* A server, and plain sockets that talk to it. */
typedef struct town {
    bed bed;
    landing at;
    peer servers[CLIENTS];
    int clients[CLIENTS];
    size_t arrived;
} town;

static void settle(naru__listener *listener, int fd, void *user)
{
    (void)listener;
    town *self = user;
    peer *server = &self->servers[self->arrived++];
    peer_init(server, &self->bed);
    server->echo = true;
    server->close_on_end = true;
    server->stream = naru__stream_accept(self->bed.loop, fd, NULL, &peer_handler, server);
}

static bool town_open(town *self)
{
    *self = (town){.bed.options.backend = NARU_BACKEND_EPOLL};
    return bed_open(&self->bed) && naru__listener_open(self->bed.loop, "127.0.0.1:0", false, 0, settle, self,
                                                       &self->at.listener, self->at.bound) == NARU_OK;
}

static bool join(town *self, size_t index)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_port = htons(port_of(self->at.bound));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->clients[index] = socket(AF_INET, SOCK_STREAM, 0);
    return connect(self->clients[index], (struct sockaddr *)&to, sizeof to) == 0;
}

static void town_close(town *self)
{
    for (size_t i = 0; i < self->arrived; i++) {
        __real_close(self->clients[i]);
    }
    naru__listener_close(self->at.listener);
    CHECK_EQ(naru_loop_run(self->bed.loop), NARU_OK);
    bed_close(&self->bed);
}

/* The sockets are ready before the loop looks, so the counts are exact. */
TEST(an_echo_is_one_receive_and_one_send)
{
    static town here;
    char bytes[20] = "twenty bytes of text";
    REQUIRE(town_open(&here));
    for (size_t i = 0; i < CLIENTS; i++) {
        REQUIRE(join(&here, i));
    }
    TURN_UNTIL(&here.bed, here.arrived == CLIENTS);
    CHECK_EQ(naru_loop_turn(here.bed.loop, 0), NARU_OK);
    memset(&calls, 0, sizeof calls);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < CLIENTS; i++) {
            REQUIRE(write(here.clients[i], bytes, sizeof bytes) == sizeof bytes);
        }
        CHECK_EQ(naru_loop_turn(here.bed.loop, 1000), NARU_OK);
        for (size_t i = 0; i < CLIENTS; i++) {
            REQUIRE(read(here.clients[i], bytes, sizeof bytes) == sizeof bytes);
        }
    }
    CHECK_EQ(calls.receives, CLIENTS * ROUNDS);
    CHECK_EQ(calls.sends, CLIENTS * ROUNDS);
    CHECK_EQ(calls.waits, ROUNDS); /* 0.016 a message */
    CHECK_EQ(calls.controls + calls.accepts + calls.options + calls.closes + calls.others, 0);
    town_close(&here);
}

/* Copied and shared, however many: gathered. */
TEST(shared_bytes_leave_in_the_turns_one_call)
{
    enum { PIECES = 20, SHOT = 2000 };
    bed on = {.options.backend = NARU_BACKEND_EPOLL};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    naru__shot *shot = naru__shot_new(SHOT);
    REQUIRE(shot != NULL);
    memset(shot->bytes, 'x', SHOT);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    memset(&calls, 0, sizeof calls);
    for (int i = 0; i < PIECES; i++) {
        peer_send(&server, naru_span_of("head"));
        CHECK_EQ(naru__stream_write_shot(server.stream, shot, naru__shot_span(shot)), NARU_OK);
    }
    CHECK_EQ(calls.sends + calls.others, 0);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(calls.sends, 0);
    CHECK_EQ(calls.others, 1);
    CHECK_EQ(calls.controls, 0);
    CHECK_EQ(server.stream->sent, PIECES * (4 + SHOT));
    naru__shot_unref(shot);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(a_connection_is_four_calls)
{
    static town here;
    REQUIRE(town_open(&here));
    memset(&calls, 0, sizeof calls);
    for (size_t i = 0; i < 5; i++) {
        REQUIRE(join(&here, i));
        TURN_UNTIL(&here.bed, here.arrived == i + 1);
        CHECK_EQ(naru_loop_turn(here.bed.loop, 0), NARU_OK);
    }
    CHECK_EQ(calls.accepts, 5); /* not one found nothing */
    CHECK_EQ(calls.controls, 5);
    CHECK_EQ(calls.options + calls.others + calls.receives + calls.sends + calls.closes, 0);
    for (size_t i = 0; i < 5; i++) {
        peer_close(&here.servers[i]);
    }
    CHECK_EQ(calls.controls, 10);
    CHECK_EQ(calls.closes, 5);
    town_close(&here);
}

/* EPOLLOUT is asked for when the kernel is full, and given up once all has left. Who has read as much as there was room
 * for asks to be told of more. */
TEST(blocking_and_full_reads_are_one_control_each)
{
    bed on = {.options.backend = NARU_BACKEND_EPOLL};
    peer server, client;
    enum { BIG = 8 << 20 };
    uint8_t *big = calloc(1, BIG);
    REQUIRE(big && bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    memset(&calls, 0, sizeof calls);
    peer_send(&server, (naru_span){big, BIG});
    TURN_UNTIL(&on, naru__buf_size(&client.got) == BIG && !server.stream->out);
    CHECK_EQ(calls.controls, calls.short_sends + 1 + calls.full_receives);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
    free(big);
}

/* Pausing and resuming before anything comes costs nothing. */
TEST(a_short_pause_is_free)
{
    bed on = {.options.backend = NARU_BACKEND_EPOLL};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    memset(&calls, 0, sizeof calls);
    naru__stream_pause(server.stream);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    naru__stream_resume(server.stream);
    CHECK_EQ(calls.controls, 0);
    naru__stream_pause(server.stream);
    peer_send(&client, naru_span_of("x"));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(naru_loop_turn(on.loop, 1), NARU_OK);
    }
    CHECK_EQ(calls.controls, 1);
    naru__stream_resume(server.stream);
    TURN_UNTIL(&on, server.data == 1);
    CHECK_EQ(calls.controls, 2);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

/* ---- failures ------------------------------------------------------------------------------------------ */

static void ends_with(int *failing, int error, naru_status why)
{
    bed on = {.options.backend = NARU_BACKEND_EPOLL};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    server.echo = true;
    peer_send(&client, naru_span_of("x"));
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    *failing = error;
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, why);
    CHECK_EQ(server.system_error, error);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(server.end, 1);
    CHECK_EQ(server.data, failing == &fail.send);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(a_failed_receive_ends_the_stream)
{
    ends_with(&fail.receive, ETIMEDOUT, NARU_ERR_CLOSED);
}

TEST(a_failed_send_ends_the_stream)
{
    ends_with(&fail.send, ENOMEM, NARU_ERR_CLOSED);
}

TEST(a_refused_descriptor_stays_the_callers)
{
    bed on = {.options.backend = NARU_BACKEND_EPOLL};
    peer server;
    int pair[2];
    REQUIRE(bed_open(&on));
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    peer_init(&server, &on);
    fail.add = ENOSPC;
    CHECK(naru__stream_accept(on.loop, pair[0], NULL, &peer_handler, &server) == NULL);
    CHECK(fcntl(pair[0], F_GETFD) >= 0);
    close(pair[0]);
    close(pair[1]);
    bed_close(&on);
}

TEST(a_dial_that_cannot_be_waited_for_fails)
{
    bed on = {.options.backend = NARU_BACKEND_EPOLL};
    landing at;
    peer client;
    char host[128];
    REQUIRE(bed_open(&on));
    REQUIRE(landing_open(&at, &on, "127.0.0.1:0") == NARU_OK);
    peer_init(&client, &on);
    naru__dial dial = dial_to(&at, host);
    client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    fail.add = ENOSPC;
    TURN_UNTIL(&on, client.end == 1);
    CHECK_EQ(client.why, NARU_ERR_CONNECT);
    CHECK_EQ(client.system_error, ENOSPC);
    naru__listener_close(at.listener);
    fail.add = ENOMEM;
    CHECK_EQ(landing_open(&at, &on, "127.0.0.1:0"), NARU_ERR_SYSTEM);
    peer_deinit(&client);
    bed_close(&on);
}

/* Taken out because of a hang-up during a pause, and refused when it is to be put back. */
TEST(a_resume_that_is_refused_ends_the_stream)
{
    bed on = {.options.backend = NARU_BACKEND_EPOLL};
    peer server;
    int pair[2];
    REQUIRE(bed_open(&on));
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    peer_init(&server, &on);
    server.stream = naru__stream_accept(on.loop, pair[0], NULL, &peer_handler, &server);
    REQUIRE(server.stream != NULL);
    naru__stream_pause(server.stream);
    close(pair[1]);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    fail.add = ENOMEM;
    naru__stream_resume(server.stream);
    CHECK_EQ(server.end, 0); /* not inside the call */
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_ERR_SYSTEM);
    CHECK_EQ(server.system_error, ENOMEM);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(a_failed_accept_is_tried_again)
{
    static town here;
    static const int errors[] = {ECONNABORTED, ENOBUFS, EINTR};
    REQUIRE(town_open(&here));
    for (size_t i = 0; i < 3; i++) {
        fail.accept = errors[i];
        REQUIRE(join(&here, i));
        TURN_UNTIL(&here.bed, here.arrived == i + 1);
    }
    CHECK_EQ(here.bed.log_lines, 1); /* of the second only */
    town_close(&here);
}

TEST(a_failed_wait_ends_the_loop)
{
    bed on = {.options.backend = NARU_BACKEND_EPOLL};
    landing at;
    REQUIRE(bed_open(&on));
    REQUIRE(landing_open(&at, &on, "127.0.0.1:0") == NARU_OK);
    fail.wait = EBADF;
    CHECK_EQ(naru_loop_run(on.loop), NARU_ERR_SYSTEM);
    CHECK_EQ(on.log_lines, 1);
    fail.wait = EINTR;
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    naru__listener_close(at.listener);
    bed_close(&on);
}

TEST_MAIN({"an echo is one receive and one send", an_echo_is_one_receive_and_one_send},
          {"shared bytes leave in the turn's one call", shared_bytes_leave_in_the_turns_one_call},
          {"a connection is four calls", a_connection_is_four_calls},
          {"blocking and full reads are one control each", blocking_and_full_reads_are_one_control_each},
          {"a short pause is free", a_short_pause_is_free},
          {"a failed receive ends the stream", a_failed_receive_ends_the_stream},
          {"a failed send ends the stream", a_failed_send_ends_the_stream},
          {"a refused descriptor stays the caller's", a_refused_descriptor_stays_the_callers},
          {"a dial that cannot be waited for fails", a_dial_that_cannot_be_waited_for_fails},
          {"a resume that is refused ends the stream", a_resume_that_is_refused_ends_the_stream},
          {"a failed accept is tried again", a_failed_accept_is_tried_again},
          {"a failed wait ends the loop", a_failed_wait_ends_the_loop})
