/* The line of processes one step at a time: who may follow, who dies on the way, what nobody takes. Predecessor and
 * successor are two servers on one loop, and the joining, which waits, has a thread of its own. */
#include "wire/server_rig.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

typedef struct line_rig {
    rig at;
    char folder[64], line[96], path[96]; /* path: without "unix:" */
    naru_succession *first;
    char other[128]; /* where the predecessor listens too */
    unsigned succeeded;
} line_rig;

static void on_succeeded(void *user)
{
    ((line_rig *)user)->succeeded++;
}

static void line_open(line_rig *self)
{
    char bound[128], reason[128];
    *self = (line_rig){0};
    rig_open(&self->at, NULL);
    rig_route_echo(&self->at, "/chat");
    snprintf(self->folder, sizeof self->folder, "/tmp/naru-line-XXXXXX");
    if (!mkdtemp(self->folder)) {
        rig_die("no folder");
    }
    snprintf(self->line, sizeof self->line, "unix:%s/line", self->folder);
    snprintf(self->path, sizeof self->path, "%s/line", self->folder);
    CHECK_EQ(naru_succession_join(self->line, 0, &self->first, reason, sizeof reason), NARU_OK);
    CHECK(!naru_succession_has_predecessor(self->first));
    naru_listen_options options = {.succession = self->first};
    CHECK_EQ(naru_server_listen(self->at.server, "127.0.0.1:0", &options, bound), NARU_OK);
    self->at.port = (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
    snprintf(self->other, sizeof self->other, "unix:%s/other", self->folder);
    CHECK_EQ(naru_server_listen(self->at.server, self->other, &options, bound), NARU_OK);
    CHECK_EQ(naru_succession_begin(self->first, self->at.loop, on_succeeded, self), NARU_OK);
    CHECK_EQ(naru_succession_begin(self->first, self->at.loop, on_succeeded, self), NARU_ERR_STATE);
}

static void line_close(line_rig *self)
{
    naru_server_free(self->at.server);
    naru_succession_free(self->first);
    naru_loop_free(self->at.loop);
    CHECK(access(self->path, F_OK) != 0);
    CHECK_EQ(rmdir(self->folder), 0); /* nothing is left in it */
}

/* ---- joining in a thread ----------------------------------------------------------------------------------------- */

typedef struct joining {
    const char *line;
    naru_succession *succession;
    naru_status status;
    _Atomic bool done;
} joining;

static void *join_now(void *user)
{
    joining *self = user;
    self->status = naru_succession_join(self->line, 0, &self->succession, NULL, 0);
    self->done = true;
    return NULL;
}

static naru_succession *join(line_rig *self)
{
    joining next = {.line = self->line};
    pthread_t thread;
    pthread_create(&thread, NULL, join_now, &next);
    RIG_UNTIL(&self->at, next.done);
    pthread_join(thread, NULL);
    CHECK_EQ(next.status, NARU_OK);
    if (next.status != NARU_OK || !naru_succession_has_predecessor(next.succession)) {
        rig_die("cannot follow");
    }
    return next.succession;
}

static bool serves(line_rig *self)
{
    peer p;
    bool good = peer_upgrade(&p, &self->at, RIG_UPGRADE("/chat")) && peer_echoes(&p, "hello");
    peer_close(&p);
    return good;
}

TEST(who_dies_on_the_way_has_changed_nothing)
{
    line_rig self;
    line_open(&self);
    for (int i = 0; i < 4; i++) {
        naru_succession *next = join(&self);
        naru_server *server = NULL;
        naru_listen_options options = {.succession = next};
        REQUIRE(naru_server_new(self.at.loop, NULL, &server) == NARU_OK);
        if (i > 0) { /* it listens already, and dies before or after its place in the line */
            CHECK_EQ(naru_server_listen(server, self.other, &options, NULL), NARU_OK);
        }
        if (i % 2) {
            naru_server_free(server);
        }
        naru_succession_free(next);
        if (i % 2 == 0) {
            naru_server_free(server);
        }
        CHECK(serves(&self));
        CHECK(access(self.other + 5, F_OK) == 0);
    }
    CHECK(access(self.path, F_OK) == 0);
    RIG_UNTIL(&self.at, rig_logged(&self.at, "has broken off before it had begun; we go on"));
    CHECK_EQ(self.succeeded, 0u);
    line_close(&self);
}

static void on_stopped(void *user)
{
    ((line_rig *)user)->succeeded += 10;
}

/* One socket goes over, with its file; the other one stays, and who waits there is served by the predecessor. */
TEST(what_nobody_takes_is_served_to_its_end)
{
    line_rig self;
    rig next = {0};
    peer queued, later;
    char bound[128];
    line_open(&self);
    naru_succession *second = join(&self);
    next.loop = self.at.loop;
    CHECK_EQ(naru_server_new(next.loop, NULL, &next.server), NARU_OK);
    rig_route_echo(&next, "/chat");
    naru_listen_options options = {.succession = second};
    CHECK_EQ(naru_server_listen(next.server, self.other, &options, bound), NARU_OK);
    CHECK_STR(bound, self.other);
    CHECK_EQ(naru_succession_begin(second, next.loop, NULL, NULL), NARU_OK);
    RIG_UNTIL(&self.at, self.succeeded == 1);
    peer_open(&queued, &self.at);
    naru_stop_options gently = {.finish_requests = true};
    naru_server_stop_with(self.at.server, &gently, on_stopped, &self);
    peer_send(&queued, RIG_UPGRADE("/chat"));
    answer a = peer_answer(&queued, true);
    CHECK_EQ(a.status, 101);
    answer_free(&a);
    peer_close(&queued);
    RIG_UNTIL(&self.at, self.succeeded == 11);
    /* The file of the socket that went over is the successor's now. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, self.other + 5, strlen(self.other + 5) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    peer_init(&later, &self.at, fd);
    peer_send(&later, RIG_UPGRADE("/chat"));
    a = peer_answer(&later, true);
    CHECK_EQ(a.status, 101);
    CHECK(peer_echoes(&later, "from the successor"));
    answer_free(&a);
    peer_close(&later);
    CHECK_EQ(naru_server_connections(self.at.server), 0u);
    naru_server_free(self.at.server);
    naru_succession_free(self.first);
    self.at.server = next.server;
    self.first = second;
    line_close(&self);
}

/* ---- who may not ------------------------------------------------------------------------------------------------- */

static int connect_packets(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

/* 0: it connected, was given nothing, and was let go; 1: something came; 2: it could not connect. */
static int try_as_somebody_else(const char *path)
{
    char byte;
    if (setuid(65534) != 0) {
        return 3;
    }
    int fd = connect_packets(path);
    return fd < 0 ? 2 : recv(fd, &byte, 1, 0) == 0 ? 0 : 1;
}

static int run_as_somebody_else(line_rig *self)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(try_as_somebody_else(self->path));
    }
    RIG_UNTIL(&self->at, waitpid(pid, &status, WNOHANG) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The file keeps others out; and were it open, the kernel says who they are. */
TEST(other_users_may_not)
{
    line_rig self;
    line_open(&self);
    struct stat file;
    CHECK_EQ(stat(self.path, &file), 0);
    CHECK_EQ(file.st_mode & 0777, 0600);
    if (geteuid() == 0) {
        chmod(self.folder, 0777);
        CHECK_EQ(run_as_somebody_else(&self), 2);
        chmod(self.path, 0666);
        CHECK_EQ(run_as_somebody_else(&self), 0);
        CHECK(rig_logged(&self.at, "a process of another user is turned away"));
    }
    line_close(&self);
}

/* Nonsense instead of an answer is a successor that has broken off. */
TEST(nonsense_changes_nothing)
{
    static const char *const answers[] = {"taken ", "taken 111111", "x", "taken 1111x"};
    line_rig self;
    line_open(&self);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        int fd = connect_packets(self.path);
        char bytes[512];
        REQUIRE(fd >= 0);
        RIG_UNTIL(&self.at, recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0);
        CHECK(send(fd, answers[i], strlen(answers[i]), MSG_NOSIGNAL) > 0);
        RIG_UNTIL(&self.at, recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) == 0);
        close(fd);
    }
    CHECK_EQ(self.succeeded, 0u);
    CHECK(serves(&self));
    line_close(&self);
}

/* ---- what joining may find --------------------------------------------------------------------------------------- */

static int listen_packets(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4) != 0) {
        rig_die("cannot listen");
    }
    return fd;
}

typedef struct nonsense {
    int fd;
    const char *packet;
    size_t size;
} nonsense;

static void *talk_nonsense(void *user)
{
    const nonsense *self = user;
    int fd = accept(self->fd, NULL, NULL);
    CHECK(send(fd, self->packet, self->size, MSG_NOSIGNAL) > 0);
    char byte;
    (void)recv(fd, &byte, 1, 0);
    close(fd);
    return NULL;
}

TEST(what_joining_may_find)
{
    char folder[] = "/tmp/naru-line-XXXXXX", path[64], line[80], reason[128] = "";
    naru_succession *nobody = NULL;
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/line", folder);
    snprintf(line, sizeof line, "unix:%s", path);
    CHECK_EQ(naru_succession_join("127.0.0.1:1", 0, &nobody, NULL, 0), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_succession_join(NULL, 0, &nobody, NULL, 0), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_succession_join("unix:/nowhere/at/all", 0, &nobody, reason, sizeof reason), NARU_ERR_SYSTEM);
    CHECK_STR(reason, "/nowhere/at/all: No such file or directory");
    int fd = listen_packets(path);
    CHECK_EQ(naru_succession_join(line, 30, &nobody, reason, sizeof reason), NARU_ERR_TIMEOUT);
    static const char *const packets[] = {"hello", "naru1 x\0", "naru1 9999\0", "naru1 1\0\0", "naru1 2"};
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        pthread_t thread;
        nonsense talk = {dup(fd), packets[i], strlen(packets[i]) + 1};
        close(accept(fd, NULL, NULL)); /* the one before */
        pthread_create(&thread, NULL, talk_nonsense, &talk);
        CHECK_EQ(naru_succession_join(line, 5000, &nobody, reason, sizeof reason), NARU_ERR_PROTOCOL);
        pthread_join(thread, NULL);
        close(talk.fd);
        if (i + 1 < sizeof packets / sizeof packets[0]) {
            CHECK_EQ(naru_succession_join(line, 1, &nobody, NULL, 0), NARU_ERR_TIMEOUT);
        }
    }
    CHECK(nobody == NULL);
    close(fd); /* its file is left: nobody is there any more */
    CHECK_EQ(naru_succession_join(line, 0, &nobody, NULL, 0), NARU_OK);
    naru_succession_free(nobody);
    CHECK_EQ(rmdir(folder), 0);
}

TEST_MAIN({"who dies on the way has changed nothing", who_dies_on_the_way_has_changed_nothing},
          {"what nobody takes is served to its end", what_nobody_takes_is_served_to_its_end},
          {"other users may not", other_users_may_not}, {"nonsense changes nothing", nonsense_changes_nothing},
          {"what joining may find", what_joining_may_find})
