/* Several threads that serve side by side: how connections come to them, how they are counted, and how they end. The
 * peers are in the test's own thread; the crew runs in another. */
#include "unit/check.h"

#include <naru/naru.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { THREADS = 4, PATIENCE_MS = 20000 };

static atomic_bool no_memory; /* for posts (--wrap) */
naru_status __real_naru_loop_post(naru_loop *loop, void (*call)(void *user), void *user);
naru_status __wrap_naru_loop_post(naru_loop *loop, void (*call)(void *user), void *user);
naru_status __wrap_naru_loop_post(naru_loop *loop, void (*call)(void *user), void *user)
{
    return atomic_load(&no_memory) ? NARU_ERR_MEMORY : __real_naru_loop_post(loop, call, user);
}

typedef struct site {
    naru_crew *crew;
    pthread_t thread;
    naru_status ran;
    char bound[128];
    atomic_uint opened[THREADS], torn, cpus[THREADS];
    atomic_bool counted;
    naru_server_counts counts;
} site;

typedef struct post {
    site *at;
    uint32_t number;
} post;

static post posts[THREADS];

static void on_open(naru_conn *conn, void *user)
{
    post *self = user;
    (void)conn;
    atomic_store(&self->at->cpus[self->number], (unsigned)sched_getcpu());
    atomic_fetch_add(&self->at->opened[self->number], 1);
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    (void)naru_conn_send(conn, kind, data, 0);
}

static naru_status set_up(naru_server *server, uint32_t thread, void *user, void **thread_user)
{
    naru_ws_route route = {.handler = {.on_open = on_open, .on_message = on_message}};
    posts[thread] = (post){user, thread};
    *thread_user = &posts[thread];
    return naru_server_route_ws(server, "/chat", &route, &posts[thread]);
}

static void tear_down(naru_server *server, uint32_t thread, void *user, void *thread_user)
{
    site *self = user;
    CHECK(thread_user == &posts[thread]);
    CHECK_EQ(naru_server_connections(server), 0u);
    atomic_fetch_add(&self->torn, 1);
}

static void *run(void *user)
{
    site *self = user;
    self->ran = naru_crew_run(self->crew);
    return NULL;
}

static void site_make(site *self, const naru_crew_options *options, const naru_server_options *server)
{
    naru_crew_options chosen = *options;
    *self = (site){0};
    chosen.threads = THREADS;
    chosen.set_up = set_up;
    chosen.tear_down = tear_down;
    chosen.server = server;
    chosen.user = self;
    REQUIRE(naru_crew_new(&chosen, &self->crew) == NARU_OK);
    CHECK_EQ(naru_crew_threads(self->crew), THREADS);
    for (uint32_t i = 0; i < THREADS; i++) {
        CHECK(naru_crew_user(self->crew, i) == &posts[i]);
    }
}

static void site_run(site *self, const char *address)
{
    CHECK_EQ(naru_crew_listen(self->crew, address, NULL, self->bound), NARU_OK);
    pthread_create(&self->thread, NULL, run, self);
}

static void site_end(site *self)
{
    naru_stop_options options = {.deadline_ms = 1000};
    CHECK_EQ(naru_crew_stop(self->crew, &options), NARU_OK);
    pthread_join(self->thread, NULL);
    CHECK_EQ(self->ran, NARU_OK);
    CHECK_EQ(atomic_load(&self->torn), THREADS);
}

static void on_counted(const naru_server_counts *counts, void *user)
{
    site *self = user;
    self->counts = *counts;
    atomic_store(&self->counted, true);
}

static naru_server_counts count(site *self)
{
    atomic_store(&self->counted, false);
    CHECK_EQ(naru_crew_count(self->crew, on_counted, self), NARU_OK);
    while (!atomic_load(&self->counted)) {
        sched_yield();
    }
    return self->counts;
}

/* ---- peers ------------------------------------------------------------------------------------------------------- */

static int dial(const site *self)
{
    struct sockaddr_in ip = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    bool is_local = strncmp(self->bound, "unix:", 5) == 0;
    ip.sin_port = htons((uint16_t)strtoul(strrchr(self->bound, ':') + 1, NULL, 10));
    snprintf(local.sun_path, sizeof local.sun_path, "%s", self->bound + 5);
    int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int done = is_local ? connect(fd, (struct sockaddr *)&local, sizeof local)
                        : connect(fd, (struct sockaddr *)&ip, sizeof ip);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return done == 0 ? fd : -1;
}

static bool read_to(int fd, const char *end, char *text, size_t text_bytes)
{
    size_t size = 0;
    while (size + 1 < text_bytes) {
        ssize_t got = recv(fd, text + size, 1, 0);
        if (got != 1 && (got == 0 || errno != EINTR)) { /* an io_uring of this process may interrupt */
            return false;
        }
        size += got == 1;
        text[size] = 0;
        if (size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0) {
            return true;
        }
    }
    return false;
}

static bool upgrade(int fd)
{
    static const char ask[] = "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    char text[1024] = "";
    return fd >= 0 && send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL) > 0 && read_to(fd, "\r\n\r\n", text, sizeof text) &&
           strncmp(text, "HTTP/1.1 101", 12) == 0;
}

static bool echoes(int fd)
{
    static const char frame[] = "\x81\x82\0\0\0\0hi"; /* a mask of zeros */
    char text[8] = "";
    return send(fd, frame, 8, MSG_NOSIGNAL) == 8 && read_to(fd, "\x81\x02hi", text, sizeof text);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

TEST(the_fewest_get_the_next)
{
    enum { PEERS = 26 };
    site self;
    int fds[PEERS];
    naru_crew_options options = {.deal = true};
    site_make(&self, &options, NULL);
    CHECK_EQ(count(&self).accepted, 0u);
    site_run(&self, "127.0.0.1:0");
    for (int i = 0; i < PEERS; i++) {
        fds[i] = dial(&self);
        REQUIRE(upgrade(fds[i]) && echoes(fds[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        unsigned opened = atomic_load(&self.opened[i]);
        CHECK(opened == PEERS / THREADS || opened == PEERS / THREADS + 1);
    }
    naru_server_counts counts = count(&self);
    CHECK_EQ(counts.accepted, PEERS);
    CHECK_EQ(counts.websockets, PEERS);
    CHECK_EQ(counts.messages_in, PEERS);
    CHECK_EQ(counts.messages_out, PEERS);
    /* All of one thread go: it is the next one's turn until it has as many as the others. */
    for (int i = 0; i < PEERS; i += THREADS) {
        close(fds[i]);
    }
    while (count(&self).websockets != PEERS - (PEERS + THREADS - 1) / THREADS) {
        sched_yield();
    }
    unsigned before = atomic_load(&self.opened[0]);
    for (int i = 0; i < 5 * THREADS; i += THREADS) {
        fds[i] = dial(&self);
        REQUIRE(upgrade(fds[i]));
    }
    CHECK_EQ(atomic_load(&self.opened[0]) - before, 5u);
    site_end(&self);
    for (int i = 0; i < PEERS; i++) {
        close(fds[i]);
    }
    CHECK_EQ(count(&self).websockets, 0u);
    CHECK_EQ(count(&self).accepted, PEERS + 5u);
    CHECK_EQ(naru_crew_run(self.crew), NARU_ERR_STATE);
    CHECK(naru_crew_server(self.crew, 0) == NULL);
    naru_crew_free(self.crew);
}

TEST(the_kernel_chooses)
{
    enum { PEERS = 64 };
    site self;
    int fds[PEERS];
    naru_crew_options options = {.pin = true};
    site_make(&self, &options, NULL);
    site_run(&self, "127.0.0.1:0");
    for (int i = 0; i < PEERS; i++) {
        fds[i] = dial(&self);
        REQUIRE(upgrade(fds[i]) && echoes(fds[i]));
    }
    unsigned sum = 0;
    cpu_set_t all;
    CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    for (int i = 0; i < THREADS; i++) {
        sum += atomic_load(&self.opened[i]);
        int nth = i % CPU_COUNT(&all);
        size_t cpu = 0;
        while (!CPU_ISSET(cpu, &all) || nth-- > 0) {
            cpu++;
        }
        CHECK(atomic_load(&self.opened[i]) == 0 || atomic_load(&self.cpus[i]) == (unsigned)cpu);
    }
    CHECK_EQ(sum, PEERS);
    site_end(&self);
    for (int i = 0; i < PEERS; i++) {
        close(fds[i]);
    }
    naru_crew_free(self.crew);
}

/* One Unix socket is for all of them. */
TEST(one_socket_for_all)
{
    site self;
    char address[64];
    int fds[THREADS];
    snprintf(address, sizeof address, "unix:/tmp/naru-crew-%d", (int)getpid());
    naru_crew_options options = {0};
    site_make(&self, &options, NULL);
    site_run(&self, address);
    CHECK_STR(self.bound, address);
    for (int i = 0; i < THREADS; i++) {
        fds[i] = dial(&self);
        REQUIRE(upgrade(fds[i]) && echoes(fds[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(atomic_load(&self.opened[i]), 1u);
        close(fds[i]);
    }
    site_end(&self);
    CHECK(access(address + 5, F_OK) != 0);
    naru_crew_free(self.crew);
}

/* Full is full when all are; who comes then waits until one goes. */
TEST(all_may_be_full)
{
    enum { EACH = 2 };
    site self;
    int fds[EACH * THREADS];
    naru_crew_options options = {.deal = true};
    naru_server_options server = {.connections_max = EACH};
    site_make(&self, &options, &server);
    site_run(&self, "127.0.0.1:0");
    for (int i = 0; i < EACH * THREADS; i++) {
        fds[i] = dial(&self);
        REQUIRE(upgrade(fds[i]));
    }
    for (unsigned round = 0; round < 20; round++) {
        unsigned gone = round % (EACH * THREADS);
        int waiting = dial(&self);
        CHECK_EQ(count(&self).accepted, EACH * THREADS + round);
        close(fds[gone]);
        REQUIRE(upgrade(waiting) && echoes(waiting));
        fds[gone] = waiting;
    }
    site_end(&self);
    for (int i = 0; i < EACH * THREADS; i++) {
        close(fds[i]);
    }
    naru_crew_free(self.crew);
}

/* A stop that finishes: whoever waits in the queue, or is on its way to a thread, is served. */
TEST(who_is_dealt_out_last_is_served)
{
    enum { PEERS = 12 };
    for (int deal = 0; deal < 2; deal++) {
        site self;
        int fds[PEERS];
        naru_crew_options options = {.deal = deal};
        site_make(&self, &options, NULL);
        site_run(&self, "127.0.0.1:0");
        for (int i = 0; i < PEERS; i++) {
            fds[i] = dial(&self);
        }
        naru_stop_options gently = {.finish_requests = true, .spread_ms = 20};
        CHECK_EQ(naru_crew_stop(self.crew, &gently), NARU_OK);
        for (int i = 0; i < PEERS; i++) {
            char text[64] = "";
            CHECK(upgrade(fds[i]));
            CHECK(read_to(fds[i], "\x88\x0c\x03\xe9going away", text, sizeof text));
            close(fds[i]);
        }
        pthread_join(self.thread, NULL);
        CHECK_EQ(self.ran, NARU_OK);
        CHECK_EQ(count(&self).websockets_opened, PEERS);
        naru_crew_free(self.crew);
    }
}

static naru_status refuse_second(naru_server *server, uint32_t thread, void *user, void **thread_user)
{
    (void)server;
    (void)user;
    (void)thread_user;
    return thread == 1 ? NARU_ERR_REFUSED : NARU_OK;
}

/* No message between threads finds memory any more: they stop all the same. */
TEST(stopping_needs_no_memory)
{
    site self;
    site_make(&self, &(naru_crew_options){.deal = true}, NULL);
    site_run(&self, "127.0.0.1:0");
    (void)count(&self); /* it runs */
    atomic_store(&no_memory, true);
    CHECK_EQ(naru_loop_post(naru_crew_loop(self.crew, 1), NULL, NULL), NARU_ERR_MEMORY);
    site_end(&self);
    atomic_store(&no_memory, false);
    naru_crew_free(self.crew);
}

TEST(what_is_refused)
{
    naru_crew *crew = NULL;
    naru_crew_options many = {.threads = 1025}, refusing = {.threads = 3, .set_up = refuse_second};
    naru_crew_options two = {.threads = 2};
    CHECK_EQ(naru_crew_new(&many, &crew), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_crew_new(&refusing, &crew), NARU_ERR_REFUSED);
    CHECK(crew == NULL);
    REQUIRE(naru_crew_new(NULL, &crew) == NARU_OK);
    cpu_set_t all;
    CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    CHECK_EQ(naru_crew_threads(crew), CPU_COUNT(&all));
    naru_crew_free(crew);
    REQUIRE(naru_crew_new(&two, &crew) == NARU_OK);
    CHECK_EQ(naru_crew_listen(crew, "nowhere", NULL, NULL), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_crew_listen(crew, NULL, NULL, NULL), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_crew_listen(crew, "127.0.0.1:0", NULL, NULL), NARU_OK);
    naru_crew_free(crew); /* it has never run */
    naru_crew_free(NULL);
}

TEST_MAIN({"the fewest get the next", the_fewest_get_the_next}, {"the kernel chooses", the_kernel_chooses},
          {"one socket for all", one_socket_for_all}, {"all may be full", all_may_be_full},
          {"who is dealt out last is served", who_is_dealt_out_last_is_served},
          {"stopping needs no memory", stopping_needs_no_memory}, {"what is refused", what_is_refused})
