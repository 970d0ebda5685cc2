/* Sockets that somebody else has made: listening ones, by number or from systemd, and connected ones with what was read
 * of them. */
#include "wire/memory_rig.h"

#include <sys/wait.h>

static int listen_somewhere(uint16_t *port_out)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        rig_die("cannot listen");
    }
    *port_out = ntohs(address.sin_port);
    return fd;
}

static bool serves_at(rig *self, uint16_t port)
{
    peer p;
    self->port = port;
    bool good = peer_upgrade(&p, self, RIG_UPGRADE("/chat")) && peer_echoes(&p, "hello");
    peer_close(&p);
    return good;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

TEST(a_listening_socket_by_its_number)
{
    rig self;
    uint16_t port;
    char address[32], bound[128];
    rig_open(&self, NULL);
    rig_route_echo(&self, "/chat");
    int fd = listen_somewhere(&port);
    snprintf(address, sizeof address, "fd:%d", fd);
    CHECK_EQ(naru_server_listen(self.server, address, NULL, bound), NARU_OK);
    CHECK_EQ(strtoul(strrchr(bound, ':') + 1, NULL, 10), port);
    CHECK(serves_at(&self, port));
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    rig_close(&self);
    CHECK(!is_open(fd));
}

TEST(what_is_no_listening_socket)
{
    static const char *const bad[] = {"fd:", "fd:x", "fd:-1", "fd:1x", "fd: 1", "fd:99999999999999999999"};
    rig self;
    char address[32];
    int pair[2];
    rig_open(&self, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(naru_server_listen(self.server, bad[i], NULL, NULL), NARU_ERR_ARGUMENT);
    }
    CHECK_EQ(naru_server_listen(self.server, "fd:999999", NULL, NULL), NARU_ERR_SYSTEM);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    snprintf(address, sizeof address, "fd:%d", pair[0]);
    CHECK_EQ(naru_server_listen(self.server, address, NULL, NULL), NARU_ERR_SYSTEM);
    CHECK(is_open(pair[0])); /* it is not taken */
    CHECK(rig_logged(&self, "listen on fd:"));
    close(pair[0]);
    close(pair[1]);
    rig_close(&self);
}

/* In a process of its own, whose descriptors begin where systemd's do. */
static void as_systemd_starts_it(void (*check)(const uint16_t *ports))
{
    pid_t child = fork();
    if (child == 0) {
        uint16_t ports[3];
        int fds[3];
        char pid[16];
        for (int i = 0; i < 3; i++) {
            fds[i] = fcntl(listen_somewhere(&ports[i]), F_DUPFD, 100);
        }
        for (int i = 0; i < 3; i++) {
            dup2(fds[i], 3 + i);
            close(fds[i]);
        }
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "3", 1);
        setenv("LISTEN_FDNAMES", "web:other:web", 1);
        int before = check__failures;
        check(ports);
        _exit(check__failures > before);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0);
}

static void by_name(const uint16_t *ports)
{
    rig self;
    rig_open(&self, NULL);
    rig_route_echo(&self, "/chat");
    CHECK_EQ(naru_server_listen(self.server, "systemd:none", NULL, NULL), NARU_ERR_SYSTEM);
    CHECK_EQ(naru_server_listen(self.server, "systemd:othe", NULL, NULL), NARU_ERR_SYSTEM);
    CHECK_EQ(naru_server_listen(self.server, "systemd:web", NULL, NULL), NARU_OK);
    CHECK(serves_at(&self, ports[0]));
    CHECK_EQ(naru_server_listen(self.server, "systemd:web", NULL, NULL), NARU_OK);
    CHECK(serves_at(&self, ports[2]));
    CHECK_EQ(naru_server_listen(self.server, "systemd:web", NULL, NULL), NARU_ERR_SYSTEM);
    CHECK_EQ(naru_server_listen(self.server, "systemd:", NULL, NULL), NARU_OK);
    CHECK(serves_at(&self, ports[1]));
    CHECK_EQ(naru_server_listen(self.server, "systemd:", NULL, NULL), NARU_ERR_SYSTEM);
    rig_close(&self);
}

static void of_another_process(const uint16_t *ports)
{
    (void)ports;
    rig self;
    rig_open(&self, NULL);
    setenv("LISTEN_PID", "1", 1);
    CHECK_EQ(naru_server_listen(self.server, "systemd:", NULL, NULL), NARU_ERR_SYSTEM);
    unsetenv("LISTEN_PID");
    CHECK_EQ(naru_server_listen(self.server, "systemd:", NULL, NULL), NARU_ERR_SYSTEM);
    rig_close(&self);
}

TEST(sockets_of_systemd)
{
    as_systemd_starts_it(by_name);
    as_systemd_starts_it(of_another_process);
}

/* ---- connected ones --------------------------------------------------------------------------------------------- */

/* Connect, and give the other end to the server as one that was accepted elsewhere. */
static naru_status adopt(rig *self, peer *p, naru_span bytes)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        rig_die("cannot make a pair");
    }
    peer_init(p, self, pair[0]);
    naru_status status = naru_server_adopt(self->server, pair[1], bytes, NULL);
    if (status != NARU_OK) {
        CHECK(is_open(pair[1]));
        close(pair[1]);
    }
    return status;
}

TEST(a_connection_with_what_was_read_of_it)
{
    static const char request[] = RIG_UPGRADE("/chat");
    const size_t size = sizeof request - 1;
    rig self;
    peer p;
    rig_open(&self, NULL);
    rig_route_echo(&self, "/chat");
    for (size_t cut = 0; cut <= size; cut += 7) {
        CHECK_EQ(adopt(&self, &p, (naru_span){(const uint8_t *)request, cut}), NARU_OK);
        peer_send_bytes(&p, request + cut, size - cut);
        answer a = peer_answer(&p, true);
        CHECK_EQ(a.status, 101);
        answer_free(&a);
        CHECK(peer_echoes(&p, "adopted"));
        peer_close(&p);
    }
    uint8_t early[512];
    memcpy(early, request, size);
    size_t frame = rig_frame(early + size, 1, "early", 5);
    CHECK_EQ(adopt(&self, &p, (naru_span){early, size + frame}), NARU_OK);
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, 101);
    answer_free(&a);
    CHECK(peer_expect_frame(&p, 1, "early", 5));
    peer_close(&p);
    CHECK_EQ(adopt(&self, &p, naru_span_of("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")),
             NARU_OK);
    shutdown(p.fd, SHUT_WR);
    a = peer_answer(&p, true);
    CHECK_EQ(a.status, 404);
    answer_free(&a);
    a = peer_answer(&p, true);
    CHECK_EQ(a.status, 404);
    answer_free(&a);
    peer_close(&p);
    RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
    rig_close(&self);
}

TEST(what_is_not_adopted)
{
    static uint8_t much[65537];
    rig self;
    peer p, q;
    uint16_t port;
    naru_server_options options = {.connections_max = 1};
    rig_open(&self, &options);
    int listening = listen_somewhere(&port);
    CHECK_EQ(naru_server_adopt(self.server, listening, (naru_span){0}, NULL), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_server_adopt(self.server, 999999, (naru_span){0}, NULL), NARU_ERR_ARGUMENT);
    CHECK_EQ(adopt(&self, &p, (naru_span){much, sizeof much}), NARU_ERR_ARGUMENT);
    peer_close(&p);
    CHECK_EQ(adopt(&self, &p, (naru_span){0}), NARU_OK);
    CHECK_EQ(adopt(&self, &q, (naru_span){0}), NARU_ERR_STATE); /* full */
    peer_close(&q);
    peer_close(&p);
    RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
    naru_server_stop(self.server, 0, NULL, NULL);
    CHECK_EQ(adopt(&self, &q, (naru_span){0}), NARU_ERR_STATE);
    peer_close(&q);
    close(listening);
    rig_close(&self);
}

TEST(each_allocation_fails_once)
{
    bool done = false;
    for (size_t i = 1; !done && i < 200; i++) {
        rig self = {0};
        peer p;
        rig_memory = (memory_rig){0};
        rig_open_on(&self, rig_memory_loop(NULL), NULL);
        rig_route_echo(&self, "/chat");
        rig_memory.calls = 0;
        rig_memory.fail_at = i;
        naru_status status = adopt(&self, &p, naru_span_of(RIG_UPGRADE("/chat")));
        CHECK(status == NARU_OK || status == NARU_ERR_MEMORY || status == NARU_ERR_SYSTEM);
        if (status == NARU_OK) {
            answer a = peer_answer(&p, true);
            CHECK(a.status == 101 || a.status == 503 || a.status == 0);
            answer_free(&a);
        }
        done = rig_memory.calls < i;
        rig_memory.fail_at = 0;
        peer_close(&p);
        RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
        rig_close(&self);
        CHECK_EQ(rig_memory.blocks, 0u);
    }
    CHECK(done);
}

TEST_MAIN({"a listening socket by its number", a_listening_socket_by_its_number},
          {"what is no listening socket", what_is_no_listening_socket}, {"sockets of systemd", sockets_of_systemd},
          {"a connection with what was read of it", a_connection_with_what_was_read_of_it},
          {"what is not adopted", what_is_not_adopted}, {"each allocation fails once", each_allocation_fails_once})
