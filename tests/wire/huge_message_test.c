/* A message of any size, from the server to its client and back, in bounded memory: both ends run in this process, on
 * one loop, and together they may not grow by a mebibyte.
 *
 *   huge_message_test MEBIBYTES [unmeasured]    unmeasured: the memory is not ours to judge, as under sanitizers */
#include <naru/naru.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/check.h"

enum { BLOCK = 64 << 10, SAMPLE_PARTS = 256, GROWTH_KIB_MAX = 1024 };

/* Blocks of noise, each of which begins with its number, so that nothing can be lost, doubled or out of place. */
static struct {
    uint8_t noise[BLOCK];
    uint64_t bytes;
    naru_loop *loop;
    naru_server *server;
    naru_client *client;
    uint64_t sent, received;
    size_t parts, pings, pongs, messages_done, sources_done;
    long base_kib, peak_kib;
    bool wrong, closed;
} the;

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*s %ld", &pages) != 1) {
        pages = 0;
    }
    if (file) {
        fclose(file);
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void sample(void)
{
    long now_kib = resident_kib();
    the.peak_kib = now_kib > the.peak_kib ? now_kib : the.peak_kib;
}

/* ---- bytes ------------------------------------------------------------------------------------------------ */

static size_t at_block(uint64_t at, size_t size, uint8_t number[8], size_t *from_out)
{
    uint64_t block = at / BLOCK;
    size_t from = (size_t)(at % BLOCK);
    memcpy(number, &block, 8);
    *from_out = from;
    return size < BLOCK - from ? size : BLOCK - from;
}

static naru_status pull(void *user, uint8_t *into, size_t room, size_t *got_out)
{
    (void)user;
    size_t from;
    uint8_t number[8];
    uint64_t left = the.bytes - the.sent;
    size_t size = at_block(the.sent, left < room ? (size_t)left : room, number, &from);
    memcpy(into, the.noise + from, size);
    for (size_t i = from; i < 8 && i - from < size; i++) {
        into[i - from] = number[i];
    }
    the.sent += size;
    *got_out = size;
    return size > 0 ? NARU_OK : NARU_END;
}

static void check(naru_span data)
{
    while (data.size > 0 && !the.wrong) {
        size_t from;
        uint8_t number[8];
        size_t size = at_block(the.received, data.size, number, &from);
        size_t head = from < 8 ? (size < 8 - from ? size : 8 - from) : 0;
        the.wrong = (head > 0 && memcmp(data.data, number + from, head) != 0) ||
                    (size > head && memcmp(data.data + head, the.noise + from + head, size - head) != 0);
        the.received += size;
        data = (naru_span){data.data + size, data.size - size};
    }
}

/* ---- both sides ------------------------------------------------------------------------------------------- */

static void done(naru_conn *conn, naru_status status, void *user)
{
    (void)conn, (void)user;
    CHECK_EQ(status, NARU_OK);
    the.sources_done++;
}

static const naru_source source = {pull, done};

/* true: the message is through. Now and then the receiver pings, to be answered between the fragments. */
static bool take(const naru_ws_event *part, bool *ping_out)
{
    check(part->data);
    *ping_out = ++the.parts % SAMPLE_PARTS == 1;
    if (*ping_out) {
        the.pings++;
        sample();
    }
    if (part->last) {
        CHECK_EQ(the.received, the.bytes);
        the.messages_done++;
        the.received = 0;
        the.sent = 0;
    }
    return part->last;
}

static void server_open(naru_conn *conn, void *user)
{
    (void)user;
    CHECK_EQ(naru_conn_send_source(conn, NARU_WS_BINARY, the.bytes, &source, NULL, 0), NARU_OK);
}

static void server_part(naru_conn *conn, const naru_ws_event *part, void *user)
{
    (void)user;
    bool ping;
    if (take(part, &ping)) {
        CHECK_EQ(naru_conn_close(conn, 1000, naru_span_of("")), NARU_OK);
    } else if (ping) {
        CHECK_EQ(naru_conn_ping(conn, naru_span_of("")), NARU_OK);
    }
}

static void server_pong(naru_conn *conn, naru_span data, int32_t rtt_ms, void *user)
{
    (void)conn, (void)data, (void)rtt_ms, (void)user;
    the.pongs++;
}

static void client_part(naru_client *client, const naru_ws_event *part, void *user)
{
    (void)user;
    bool ping;
    if (take(part, &ping)) {
        CHECK_EQ(naru_client_send_source(client, NARU_WS_BINARY, NARU_UNLIMITED, &source, NULL, 0), NARU_OK);
    } else if (ping) {
        CHECK_EQ(naru_client_ping(client, naru_span_of("")), NARU_OK);
    }
}

static void client_pong(naru_client *client, naru_span data, int32_t rtt_ms, void *user)
{
    (void)client, (void)data, (void)rtt_ms, (void)user;
    the.pongs++;
}

static void client_close(naru_client *client, const naru_close_info *info, void *user)
{
    (void)client, (void)user;
    CHECK_EQ(info->code, 1000);
    the.closed = true;
    naru_loop_stop(the.loop);
}

static const naru_ws_options any_size = {
    .message_bytes_max = NARU_UNLIMITED,
    .fragments_max = UINT32_MAX,
    .control_rate_max = NARU_NEVER,
    .delivery = NARU_WS_CHUNKS,
};

static void both_ways(uint64_t bytes)
{
    static const naru_client_handler handler = {
        .on_part = client_part, .on_pong = client_pong, .on_close = client_close};
    naru_client_options options = {.conn.ws = any_size};
    char url[160], bound[128];
    the.bytes = bytes;
    the.messages_done = the.sources_done = the.pings = the.pongs = 0;
    the.closed = false;
    REQUIRE(naru_server_listen(the.server, "127.0.0.1:0", NULL, bound) == NARU_OK);
    snprintf(url, sizeof url, "ws://%s/", bound);
    REQUIRE(naru_client_open(the.loop, url, &options, &handler, NULL, &the.client, NULL) == NARU_OK);
    CHECK_EQ(naru_loop_run(the.loop), NARU_OK);
    sample();
    CHECK(the.closed);
    CHECK(!the.wrong);
    CHECK_EQ(the.messages_done, 2);
    CHECK_EQ(the.sources_done, 2);
    CHECK(the.pings > 0 && the.pongs + 2 >= the.pings); /* the last of each way may be overtaken by the end */
    naru_client_free(the.client);
}

static uint64_t mebibytes;
static bool measured;

TEST(both_ways_in_bounded_memory)
{
    naru_ws_route route = {
        .handler = {.on_open = server_open, .on_part = server_part, .on_pong = server_pong},
    };
    naru_server_options options = {.conn.ws = any_size};
    uint64_t state = 1;
    for (size_t i = 0; i < BLOCK; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        the.noise[i] = (uint8_t)(state >> 56);
    }
    the.loop = naru_loop_new(NULL);
    REQUIRE(the.loop && naru_server_new(the.loop, &options, &the.server) == NARU_OK);
    REQUIRE(naru_server_route_ws(the.server, "/", &route, NULL) == NARU_OK);
    both_ways(1 << 20); /* what code and first use cost is not what a message costs */
    the.base_kib = the.peak_kib = resident_kib();
    both_ways(mebibytes << 20);
    long grown_kib = the.peak_kib - the.base_kib;
    fprintf(stderr, "%llu MiB each way: grew by %ld KiB\n", (unsigned long long)mebibytes, grown_kib);
    CHECK(!measured || grown_kib <= GROWTH_KIB_MAX);
    naru_server_free(the.server);
    naru_loop_free(the.loop);
}

int main(int argc, char **argv)
{
    mebibytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 64;
    measured = argc < 3;
    static const check_test tests[] = {{"both ways in bounded memory", both_ways_in_bounded_memory}};
    return check__main(tests, 1, 1, argv);
}
