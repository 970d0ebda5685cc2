/* Names by a name server of our own, on the loopback: the linker puts a step before c-ares' start that
 * points it there (--wrap). The server runs on the very loop that asks. */
#include <ares.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "harness.h"

static uint16_t server_port;

int __real_ares_init_options(ares_channel *channel, struct ares_options *options, int mask);
int __wrap_ares_init_options(ares_channel *channel, struct ares_options *options, int mask);
int __wrap_ares_init_options(ares_channel *channel, struct ares_options *options, int mask)
{
    char servers[32];
    options->timeout = 200;
    options->tries = 2;
    options->lookups = (char[]){"b"};
    options->ndots = 0;
    int status = __real_ares_init_options(
        channel, options, mask | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_NDOTS);
    snprintf(servers, sizeof servers, "127.0.0.1:%u", server_port);
    return status == ARES_SUCCESS ? ares_set_servers_ports_csv(*channel, servers) : status;
}

/* Knows what its fields say, and nothing else. */
typedef struct nameserver {
    int fd;
    naru_watch *watch;
    size_t questions;
    bool silent;
    unsigned drop; /* so many questions first */
    size_t ipv4_count;
    uint32_t ipv4[4];
    bool ipv6_loopback;
} nameserver;

/* One record whose name is the question's (1035 4.1.4: a pointer to byte 12). */
static size_t put_record(uint8_t *out, uint8_t type, const void *data, uint8_t size)
{
    const uint8_t head[12] = {0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, size};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, data, size);
    return sizeof head + size;
}

static size_t put_answers(const nameserver *self, uint8_t type, uint8_t *out, uint8_t *count)
{
    size_t size = 0;
    for (size_t i = 0; type == 1 && i < self->ipv4_count; i++) {
        uint32_t address = htonl(self->ipv4[i]);
        size += put_record(out + size, 1, &address, 4);
        ++*count;
    }
    if (type == 28 && self->ipv6_loopback) {
        size += put_record(out, 28, &in6addr_loopback, 16);
        ++*count;
    }
    return size;
}

static void question_comes(void *user, unsigned events)
{
    (void)events;
    nameserver *self = user;
    uint8_t message[1024];
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    ssize_t got = recvfrom(self->fd, message, 512, 0, (struct sockaddr *)&from, &from_size);
    if (got < 17) {
        return;
    }
    self->questions++;
    if (self->silent || self->drop > 0) {
        self->drop -= self->drop > 0;
        return;
    }
    size_t at = 12;
    while (message[at] != 0) {
        at += message[at] + 1u;
    }
    uint8_t type = message[at + 2];
    uint8_t count = 0;
    size_t end = at + 5 + put_answers(self, type, message + at + 5, &count);
    bool known = self->ipv4_count > 0 || self->ipv6_loopback;
    message[2] = 0x81;
    message[3] = known ? 0x80 : 0x83; /* NXDOMAIN */
    message[7] = count;
    message[9] = message[11] = 0;
    if (sendto(self->fd, message, end, 0, (struct sockaddr *)&from, from_size) < 0) {
        abort();
    }
}

static bool nameserver_open(nameserver *self, naru_loop *loop)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    self->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bool bound = bind(self->fd, (struct sockaddr *)&name, size) == 0 &&
                 getsockname(self->fd, (struct sockaddr *)&name, &size) == 0;
    server_port = ntohs(name.sin_port);
    self->watch = naru_watch_new(loop, self->fd, NARU_READABLE, question_comes, self);
    return bound && self->watch;
}

static void nameserver_close(nameserver *self)
{
    naru_watch_free(self->watch);
    close(self->fd);
}

static void reaches(nameserver names)
{
    bed on = {0};
    landing at;
    peer server, client;
    char host[128];
    REQUIRE(bed_open(&on));
    REQUIRE(nameserver_open(&names, on.loop));
    REQUIRE(landing_open(&at, &on, "127.0.0.1:0") == NARU_OK);
    peer_init(&server, &on);
    peer_init(&client, &on);
    at.next = &server;
    naru__dial dial = dial_to(&at, host);
    dial.host = "landing.example";
    client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    TURN_UNTIL(&on, client.ready + client.end == 1);
    CHECK_EQ(client.ready, 1);
    CHECK_EQ(client.end, 0);
    CHECK(names.questions >= 2);
    nameserver_close(&names);
    naru__listener_close(at.listener);
    peer_deinit(&client);
    peer_deinit(&server);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK); /* no timer, no socket of the question is left */
    bed_close(&on);
}

TEST(finds_a_host)
{
    reaches((nameserver){.ipv4 = {INADDR_LOOPBACK}, .ipv4_count = 1});
}

TEST(asks_again_when_nobody_answers)
{
    reaches((nameserver){.ipv4 = {INADDR_LOOPBACK}, .ipv4_count = 1, .drop = 2});
}

/* The port is taken on 127.0.0.1 only: ::1 refuses, and the next one is tried at once. */
TEST(tries_the_next_address_after_a_refusal)
{
    reaches((nameserver){.ipv4 = {INADDR_LOOPBACK}, .ipv4_count = 1, .ipv6_loopback = true});
}

/* 8305 5: an address that does not answer (here: its queue is full) is not waited for longer than 250 ms. */
TEST(does_not_wait_for_a_silent_address)
{
    bed on = {0};
    landing at;
    peer server, client;
    char host[128];
    int fillers[8];
    REQUIRE(bed_open(&on));
    REQUIRE(landing_open(&at, &on, "127.0.0.1:0") == NARU_OK);
    naru__dial dial = dial_to(&at, host);
    struct sockaddr_in silent = {.sin_family = AF_INET, .sin_port = htons(dial.port)};
    silent.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    int deaf = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(bind(deaf, (struct sockaddr *)&silent, sizeof silent) == 0);
    REQUIRE(listen(deaf, 0) == 0);
    for (size_t i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        CHECK(connect(fillers[i], (struct sockaddr *)&silent, sizeof silent) == 0 || errno == EINPROGRESS);
    }
    nameserver names = {.ipv4 = {INADDR_LOOPBACK + 1, INADDR_LOOPBACK}, .ipv4_count = 2};
    REQUIRE(nameserver_open(&names, on.loop));
    peer_init(&server, &on);
    peer_init(&client, &on);
    at.next = &server;
    dial.host = "landing.example";
    uint64_t begin_ms = harness_clock_ms();
    client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    TURN_UNTIL(&on, client.ready + client.end == 1 && server.ready == 1);
    CHECK_EQ(client.ready, 1);
    CHECK(harness_clock_ms() - begin_ms >= 249); /* the silent one was tried, and it came first */
    char text[64];
    naru__stream_peer(client.stream, text, sizeof text);
    CHECK_STR(text, at.bound);
    nameserver_close(&names);
    naru__listener_close(at.listener);
    peer_deinit(&client);
    peer_deinit(&server);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
    for (size_t i = 0; i < 8; i++) {
        close(fillers[i]);
    }
    close(deaf);
    bed_close(&on);
}

static void does_not_resolve(nameserver names, const char *error)
{
    bed on = {0};
    peer client;
    REQUIRE(bed_open(&on));
    REQUIRE(nameserver_open(&names, on.loop));
    peer_init(&client, &on);
    naru__dial dial = {.host = "nobody.example", .port = 1};
    client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    TURN_UNTIL(&on, client.end == 1);
    CHECK_EQ(client.why, NARU_ERR_NAME);
    CHECK_EQ(client.end_phase, NARU__STREAM_NAME);
    CHECK_STR(client.error, error);
    CHECK(names.questions > 0);
    nameserver_close(&names);
    peer_deinit(&client);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
    bed_close(&on);
}

TEST(tells_that_there_is_no_such_host)
{
    does_not_resolve((nameserver){0}, "host name \"nobody.example\" does not resolve: Domain name not found");
}

TEST(tells_that_no_server_answers)
{
    does_not_resolve((nameserver){.silent = true},
                     "host name \"nobody.example\" does not resolve: Timeout while contacting DNS servers");
}

/* Closed while the question is under way: nothing comes any more, and nothing is left to wait for. */
TEST(a_question_is_cancelled)
{
    bed on = {0};
    peer client;
    nameserver names = {.silent = true};
    REQUIRE(bed_open(&on));
    REQUIRE(nameserver_open(&names, on.loop));
    peer_init(&client, &on);
    naru__dial dial = {.host = "nobody.example", .port = 1};
    client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    TURN_UNTIL(&on, names.questions > 0);
    peer_deinit(&client);
    nameserver_close(&names);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK(!naru_loop_alive(on.loop));
    CHECK_EQ(client.end, 0);
    bed_close(&on);
}

TEST_MAIN({"finds a host", finds_a_host}, {"asks again when nobody answers", asks_again_when_nobody_answers},
          {"tries the next address after a refusal", tries_the_next_address_after_a_refusal},
          {"does not wait for a silent address", does_not_wait_for_a_silent_address},
          {"tells that there is no such host", tells_that_there_is_no_such_host},
          {"tells that no server answers", tells_that_no_server_answers},
          {"a question is cancelled", a_question_is_cancelled})
