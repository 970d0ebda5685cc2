/* Connecting and listening: addresses, names, refusals, cancelling, too few descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "harness.h"
#include "io/address.h"

/* ---- addresses ----------------------------------------------------------------------------------------- */

static void listens(const char *address, const char *bound_prefix)
{
    bed on = {0};
    landing at;
    REQUIRE(bed_open(&on));
    CHECK_EQ(landing_open(&at, &on, address), NARU_OK);
    if (strncmp(at.bound, bound_prefix, strlen(bound_prefix)) != 0) {
        CHECK_STR(at.bound, bound_prefix);
    }
    CHECK(port_of(at.bound) > 0);
    naru__listener_close(at.listener);
    bed_close(&on);
}

TEST(listens_at_every_kind_of_address)
{
    listens("127.0.0.1:0", "127.0.0.1:");
    listens("localhost:0", "127.0.0.1:");
    listens("[::1]:0", "[::1]:");
    listens("[::]:0", "[::]:");
    listens(":0", "[::]:");
    listens("0.0.0.0:0", "0.0.0.0:");
}

TEST(refuses_what_is_no_address)
{
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "::1:80",
                                      "example.com:1",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:80x",
                                      "[::1:80",
                                      "[127.0.0.1]:0",
                                      "[localhost]:0",
                                      "unix:",
                                      "1.2.3.4.5:0",
                                      "127.0.0.1:000080"};
    bed on = {0};
    landing at;
    char longer[300];
    REQUIRE(bed_open(&on));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(landing_open(&at, &on, bad[i]), NARU_ERR_ARGUMENT);
    }
    memset(longer, 'a', sizeof longer);
    memcpy(longer, "unix:/", 6);
    longer[sizeof longer - 1] = '\0';
    CHECK_EQ(landing_open(&at, &on, longer), NARU_ERR_ARGUMENT);
    CHECK_EQ(on.log_lines, 0);
    CHECK_EQ(landing_open(&at, &on, "192.0.2.1:0"), NARU_ERR_SYSTEM); /* 5737: not ours */
    CHECK_EQ(on.log_lines, 1);
    bed_close(&on);
}

/* ":PORT" hears both families on one socket. */
TEST(listens_for_both_families)
{
    bed on = {0};
    landing at;
    REQUIRE(bed_open(&on));
    REQUIRE(landing_open(&at, &on, ":0") == NARU_OK);
    static const char *const hosts[] = {"127.0.0.1", "::1", "localhost"};
    for (size_t i = 0; i < 3; i++) {
        peer server, client;
        char host[128];
        peer_init(&server, &on);
        peer_init(&client, &on);
        at.next = &server;
        naru__dial dial = dial_to(&at, host);
        dial.host = hosts[i];
        client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
        REQUIRE(client.stream != NULL);
        TURN_UNTIL(&on, client.ready == 1 && server.ready == 1);
        peer_deinit(&client);
        peer_deinit(&server);
    }
    naru__listener_close(at.listener);
    bed_close(&on);
}

TEST(listens_on_one_port_from_several_loops)
{
    bed on = {0};
    landing first = {.bed = &on};
    landing second = {.bed = &on};
    REQUIRE(bed_open(&on));
    REQUIRE(naru__listener_open(on.loop, "127.0.0.1:0", true, 5, landing_accepted, &first, &first.listener,
                                first.bound) == NARU_OK);
    CHECK_EQ(naru__listener_open(on.loop, first.bound, true, 5, landing_accepted, &second, &second.listener, NULL),
             NARU_OK);
    naru__listener *third;
    CHECK_EQ(naru__listener_open(on.loop, first.bound, false, 5, landing_accepted, &second, &third, NULL),
             NARU_ERR_SYSTEM);
    naru__listener_close(first.listener);
    naru__listener_close(second.listener);
    naru__listener_close(NULL);
    bed_close(&on);
}

TEST(replaces_a_stale_socket_file_only)
{
    bed on = {0};
    landing first, second;
    char address[64];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat file;
    REQUIRE(bed_open(&on));
    snprintf(address, sizeof address, "unix:/tmp/naru-dial-test-%d", (int)getpid());
    const char *path = address + 5;
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(bind(stale, (struct sockaddr *)&name, sizeof name) == 0);
    close(stale);
    CHECK_EQ(stat(path, &file), 0);
    REQUIRE(landing_open(&first, &on, address) == NARU_OK);
    CHECK_STR(first.bound, address);
    CHECK_EQ(landing_open(&second, &on, address), NARU_ERR_SYSTEM); /* somebody listens */
    CHECK_EQ(stat(path, &file), 0);
    CHECK_EQ(unlink(path), 0);
    REQUIRE(landing_open(&second, &on, address) == NARU_OK);
    naru__listener_close(first.listener);
    CHECK_EQ(stat(path, &file), 0); /* that is the second one's */
    naru__listener_close(second.listener);
    CHECK_EQ(stat(path, &file), -1);
    int plain = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(plain);
    CHECK_EQ(landing_open(&first, &on, address), NARU_ERR_SYSTEM); /* a file of another kind stays */
    CHECK_EQ(unlink(path), 0);
    bed_close(&on);
}

static void accept_then_close(naru__listener *listener, int fd, void *user)
{
    close(fd);
    ++*(unsigned *)user;
    naru__listener_close(listener);
}

TEST(accepts_no_more_once_closed)
{
    bed on = {0};
    unsigned accepted = 0;
    naru__listener *listener;
    char bound[128];
    REQUIRE(bed_open(&on));
    REQUIRE(naru__listener_open(on.loop, "127.0.0.1:0", false, 0, accept_then_close, &accepted, &listener, bound) ==
            NARU_OK);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port_of(bound))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int clients[3];
    for (size_t i = 0; i < 3; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        REQUIRE(connect(clients[i], (struct sockaddr *)&to, sizeof to) == 0);
    }
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
    CHECK_EQ(accepted, 1);
    for (size_t i = 0; i < 3; i++) {
        close(clients[i]);
    }
    bed_close(&on);
}

/* ---- too few descriptors ------------------------------------------------------------------------------- */

static void keep(naru__listener *listener, int fd, void *user)
{
    (void)listener;
    (void)fd;
    ++*(unsigned *)user;
}

/* In a child of its own: nobody may wait for ever, the loop must not spin, and it must recover. */
static int run_out_of_descriptors(void)
{
    bed on = {0};
    unsigned accepted = 0;
    naru__listener *listener;
    char bound[128];
    enum { CLIENTS = 20 };
    int clients[CLIENTS];
    if (!bed_open(&on) ||
        naru__listener_open(on.loop, "127.0.0.1:0", false, 0, keep, &accepted, &listener, bound) != NARU_OK) {
        return 1;
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port_of(bound))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int lowest_free = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        lowest_free = clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (clients[i] < 0 || connect(clients[i], (struct sockaddr *)&to, sizeof to) != 0) {
            return 2;
        }
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 3;
    }
    limit.rlim_cur = (rlim_t)lowest_free + 6;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 3;
    }
    size_t turns = 0;
    uint64_t begin_ms = harness_clock_ms();
    while (harness_clock_ms() - begin_ms < 150) {
        if (naru_loop_turn(on.loop, 150) != NARU_OK) {
            return 4;
        }
        turns++;
    }
    if (turns > 30 || accepted == 0 || accepted == CLIENTS) {
        return 5;
    }
    /* Those that were turned away know it. */
    size_t away = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        char byte;
        away += recv(clients[i], &byte, 1, MSG_DONTWAIT) == 0;
        close(clients[i]);
    }
    if (away != CLIENTS - accepted) {
        return 6;
    }
    if (on.log_lines != 1 || !strstr(on.log, "turned away")) {
        return 7;
    }
    int again = socket(AF_INET, SOCK_STREAM, 0);
    unsigned before = accepted;
    if (again < 0 || connect(again, (struct sockaddr *)&to, sizeof to) != 0) {
        return 8;
    }
    for (int i = 0; i < 50 && accepted == before; i++) {
        if (naru_loop_turn(on.loop, 100) != NARU_OK) {
            return 9;
        }
    }
    return accepted == before ? 10 : 0;
}

TEST(survives_too_few_descriptors)
{
    fflush(NULL);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        _exit(run_out_of_descriptors());
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

/* ---- dialling ------------------------------------------------------------------------------------------ */

static void dial_fails(const naru__dial *dial, naru_status why, naru__stream_phase phase, int system_error,
                       const char *error)
{
    bed on = {0};
    peer client;
    REQUIRE(bed_open(&on));
    peer_init(&client, &on);
    client.stream = naru__stream_connect(on.loop, dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    CHECK_EQ(naru__stream_get_phase(client.stream), NARU__STREAM_NAME);
    TURN_UNTIL(&on, client.end == 1);
    CHECK_EQ(client.why, why);
    CHECK_EQ(client.end_phase, phase);
    CHECK_EQ(client.system_error, system_error);
    if (!strstr(client.error, error)) {
        CHECK_STR(client.error, error);
    }
    CHECK_EQ(client.ready, 0);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(client.end, 1);
    peer_deinit(&client);
    bed_close(&on);
}

/* A port on which nobody listens: bound, so that nobody else gets it. */
static uint16_t dead_port(int *fd_out)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    *fd_out = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(*fd_out, (struct sockaddr *)&name, size) != 0 ||
        getsockname(*fd_out, (struct sockaddr *)&name, &size) != 0) {
        abort();
    }
    return ntohs(name.sin_port);
}

TEST(tells_a_refused_connection)
{
    int fd;
    char error[64];
    naru__dial dial = {.host = "127.0.0.1", .port = dead_port(&fd)};
    snprintf(error, sizeof error, "connection to 127.0.0.1:%u refused", dial.port);
    dial_fails(&dial, NARU_ERR_CONNECT, NARU__STREAM_CONNECT, ECONNREFUSED, error);
    dial.host = "a.localhost";
    dial_fails(&dial, NARU_ERR_CONNECT, NARU__STREAM_CONNECT, ECONNREFUSED, error); /* the last of two */
    close(fd);
}

TEST(tells_a_missing_socket_file)
{
    naru__dial dial = {.host = "unix:/nonexistent/socket"};
    dial_fails(&dial, NARU_ERR_CONNECT, NARU__STREAM_CONNECT, ENOENT, "connection to unix:/nonexistent/socket failed");
    dial.host = "unix:";
    dial_fails(&dial, NARU_ERR_CONNECT, NARU__STREAM_CONNECT, ENAMETOOLONG, "path is empty or too long");
}

/* 6761 6.4: "invalid" never resolves, and c-ares knows it without asking anyone; nor does a label of 64
 * bytes. */
TEST(tells_a_name_that_does_not_resolve)
{
    naru__dial dial = {
        .host = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
        .port = 80,
    };
    dial_fails(&dial, NARU_ERR_NAME, NARU__STREAM_NAME, 0, "does not resolve: ");
    dial.host = "nobody.onion"; /* 7686 2: must not be asked for */
    dial_fails(&dial, NARU_ERR_NAME, NARU__STREAM_NAME, 0, "host name \"nobody.onion\" does not resolve: ");
}

/* A listener whose queue is full drops what comes, so that a dial hangs. Answers its port; fillers fill it. */
static uint16_t deaf_open(int *deaf, int fillers[4])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    *deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(*deaf, (struct sockaddr *)&at, size) == 0 && listen(*deaf, 0) == 0 &&
          getsockname(*deaf, (struct sockaddr *)&at, &size) == 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&at, size);
    }
    return ntohs(at.sin_port);
}

/* Refused or not answered at all: closing at any stage leaves nothing behind, and the loop has nothing to wait for. */
TEST(a_dial_is_cancelled)
{
    int deaf, fillers[4];
    const uint16_t ports[] = {9, deaf_open(&deaf, fillers)};
    for (int run = 0; run < 6; run++) {
        bed on = {0};
        peer client;
        naru__dial dial = {.host = "127.0.0.1", .port = ports[run % 2]};
        REQUIRE(bed_open(&on));
        peer_init(&client, &on);
        client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
        REQUIRE(client.stream != NULL);
        for (int turn = 0; turn < run / 2; turn++) {
            CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
        }
        peer_deinit(&client);
        CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
        CHECK_EQ(client.ready, 0);
        bed_close(&on);
    }
    for (int i = 0; i < 4; i++) {
        close(fillers[i]);
    }
    close(deaf);
}

/* Every allocation fails in turn: the dial fails or the stream does, and nothing is lost. */
TEST(survives_no_memory)
{
    bool whole = false;
    for (size_t n = 1; n < 200 && !whole; n++) {
        bed on = {.fail_at = n, .options = {.cache_bytes_max = 1}};
        landing at;
        if (!bed_open(&on)) {
            bed_close(&on);
            continue;
        }
        if (landing_open(&at, &on, "127.0.0.1:0") != NARU_OK) {
            bed_close(&on);
            continue;
        }
        peer server, client;
        char host[128];
        peer_init(&server, &on);
        peer_init(&client, &on);
        server.close_on_end = client.close_on_end = true;
        at.next = &server;
        naru__dial dial = dial_to(&at, host);
        dial.host = "localhost";
        client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
        if (client.stream) {
            TURN_UNTIL(&on, client.ready + client.end > 0 && (client.end > 0 || at.accepted > 0));
            whole = client.ready == 1 && server.stream != NULL && !on.memory.failed;
        }
        naru__listener_close(at.listener);
        peer_deinit(&client);
        peer_deinit(&server);
        CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
        bed_close(&on);
    }
    CHECK(whole);
}

TEST_MAIN({"listens at every kind of address", listens_at_every_kind_of_address},
          {"refuses what is no address", refuses_what_is_no_address},
          {"listens for both families", listens_for_both_families},
          {"listens on one port from several loops", listens_on_one_port_from_several_loops},
          {"replaces a stale socket file only", replaces_a_stale_socket_file_only},
          {"accepts no more once closed", accepts_no_more_once_closed},
          {"survives too few descriptors", survives_too_few_descriptors},
          {"tells a refused connection", tells_a_refused_connection},
          {"tells a missing socket file", tells_a_missing_socket_file},
          {"tells a name that does not resolve", tells_a_name_that_does_not_resolve},
          {"a dial is cancelled", a_dial_is_cancelled}, {"survives no memory", survives_no_memory})
