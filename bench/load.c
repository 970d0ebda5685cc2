/* A closed-loop load generator for echo servers: N connections, each with D messages in flight; for each answer the
 * next message goes out. It shares no code with the server under test, and counts answers by their bytes, whose size is
 * known.
 *
 * The figure to compare is the server's CPU time per message (from /proc/PID/task/N/schedstat): it does not depend on
 * how fast this program is. Latency is that of a closed loop: with many connections it is mostly queueing.
 * Not for: conformance. Output: one line of JSON. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct settings {
    const char *host;
    uint16_t port;
    unsigned connections, depth;
    size_t size;
    bool text, raw;
    double seconds, warmup;
    int pid, cpu;
} settings;

typedef struct connection {
    int fd;
    size_t to_send;  /* bytes of messages that are owed to the server */
    size_t sent_at;  /* where in the block of frames the next byte stands */
    size_t answered; /* bytes of an answer that is not whole yet */
    uint64_t sent_ns;
} connection;

enum { BUCKETS = 64 * 16, BLOCK_BYTES = 1 << 20 };

typedef struct run {
    settings set;
    uint8_t *frames; /* depth frames in a row, twice, so that any run of depth frames is one piece */
    size_t frame_bytes, answer_bytes;
    uint64_t messages;
    uint64_t buckets[BUCKETS]; /* 16 to a doubling of nanoseconds */
    bool counting;
} run;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* ---- the server's CPU time ----------------------------------------------------------------------------------- */

static uint64_t task_cpu_ns(int pid, const char *task)
{
    char path[128];
    uint64_t ns = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%.32s/schedstat", pid, task);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%" SCNu64, &ns) != 1) {
            ns = 0;
        }
        fclose(file);
    }
    return ns;
}

static uint64_t cpu_ns(int pid)
{
    char path[64];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = pid > 0 ? opendir(path) : NULL;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        sum += task->d_name[0] == '.' ? 0 : task_cpu_ns(pid, task->d_name);
    }
    if (tasks) {
        closedir(tasks);
    }
    return sum;
}

/* ---- frames -------------------------------------------------------------------------------------------------- */

static size_t head_bytes(size_t size, bool masked)
{
    return (size < 126 ? 2 : size < 65536 ? 4 : 10) + (masked ? 4U : 0U);
}

static void put_frame(uint8_t *out, const settings *set)
{
    uint8_t mask[4];
    size_t size = set->size;
    size_t head = head_bytes(size, false);
    for (size_t i = 0; i < 4; i++) {
        mask[i] = (uint8_t)rand();
    }
    out[0] = set->text ? 0x81 : 0x82;
    out[1] = (uint8_t)(0x80 | (size < 126 ? size : size < 65536 ? 126 : 127));
    for (size_t i = 2; i < head; i++) {
        out[i] = (uint8_t)((uint64_t)size >> 8 * (head - 1 - i));
    }
    memcpy(out + head, mask, 4);
    for (size_t i = 0; i < size; i++) {
        out[head + 4 + i] = (uint8_t)('a' + i % 26) ^ mask[i % 4];
    }
}

static void make_frames(run *r)
{
    unsigned depth = r->set.depth;
    r->frame_bytes = head_bytes(r->set.size, true) + r->set.size;
    r->answer_bytes = r->set.raw ? r->frame_bytes : head_bytes(r->set.size, false) + r->set.size;
    r->frames = malloc(2 * depth * r->frame_bytes);
    if (!r->frames) {
        die("memory");
    }
    for (unsigned i = 0; i < depth; i++) {
        put_frame(r->frames + i * r->frame_bytes, &r->set);
    }
    memcpy(r->frames + depth * r->frame_bytes, r->frames, depth * r->frame_bytes);
}

/* ---- connections --------------------------------------------------------------------------------------------- */

static void shake_hands(int fd, const settings *set)
{
    char text[1024];
    size_t got = 0;
    int size = snprintf(text, sizeof text,
                        "GET / HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        set->host, set->port);
    if (write(fd, text, (size_t)size) != size) {
        die("handshake");
    }
    while (got < 4 || !memmem(text, got, "\r\n\r\n", 4)) {
        ssize_t more = read(fd, text + got, sizeof text - got);
        if (more <= 0) {
            die("handshake's answer");
        }
        got += (size_t)more;
    }
    if (strncmp(text, "HTTP/1.1 101", 12) != 0) {
        fprintf(stderr, "load: refused: %.80s\n", text);
        exit(1);
    }
}

static int open_connection(const settings *set)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(set->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || inet_pton(AF_INET, set->host, &address.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        die("connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!set->raw) {
        shake_hands(fd, set);
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void send_owed(run *r, connection *c)
{
    size_t lap = r->set.depth * r->frame_bytes; /* never more is owed than this, so it is one piece */
    while (c->to_send > 0) {
        ssize_t sent = send(c->fd, r->frames + c->sent_at, c->to_send, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN) {
                return;
            }
            die("send");
        }
        c->to_send -= (size_t)sent;
        c->sent_at = (c->sent_at + (size_t)sent) % lap;
    }
}

static void note_latency(run *r, uint64_t ns, uint64_t count)
{
    unsigned log = ns < 16 ? 4 : 63 - (unsigned)__builtin_clzll(ns);
    unsigned bucket = log * 16 + (unsigned)((ns >> (log - 4)) & 15);
    r->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1] += count;
}

/* Watched by edges: a block that came full may not be all there is, so answer whether to ask again. */
static bool receive(run *r, connection *c, uint8_t *block)
{
    ssize_t got = recv(c->fd, block, BLOCK_BYTES, 0);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) {
            return false;
        }
        die(got == 0 ? "the server closed" : "recv");
    }
    c->answered += (size_t)got;
    size_t answers = c->answered / r->answer_bytes;
    c->answered %= r->answer_bytes;
    if (answers == 0) {
        return got == BLOCK_BYTES;
    }
    uint64_t now = now_ns();
    if (r->counting) {
        r->messages += answers;
        note_latency(r, now - c->sent_ns, answers);
    }
    c->sent_ns = now;
    c->to_send += answers * r->frame_bytes;
    send_owed(r, c);
    return got == BLOCK_BYTES;
}

static void turn_until(run *r, int epoll, uint64_t end_ns, uint8_t *block)
{
    struct epoll_event events[256];
    while (now_ns() < end_ns) {
        int ready = epoll_wait(epoll, events, 256, 100);
        for (int i = 0; i < ready; i++) {
            connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT && c->to_send > 0) {
                send_owed(r, c);
            }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                while (receive(r, c, block)) {
                }
            }
        }
    }
}

static double percentile_us(const run *r, double part)
{
    uint64_t wanted = (uint64_t)((double)r->messages * part);
    uint64_t seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += r->buckets[i];
        if (seen > wanted) {
            return (double)((uint64_t)(16 + i % 16) << (i / 16 - 4)) / 1000;
        }
    }
    return 0;
}

static settings read_settings(int argc, char **argv)
{
    static const struct option options[] = {
        {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'},   {"connections", 1, 0, 'c'}, {"depth", 1, 0, 'd'},
        {"size", 1, 0, 's'}, {"text", 0, 0, 't'},   {"raw", 0, 0, 'r'},         {"seconds", 1, 0, 'S'},
        {"pid", 1, 0, 'P'},  {"warmup", 1, 0, 'w'}, {"cpu", 1, 0, 'C'},         {0, 0, 0, 0},
    };
    settings set = {
        .host = "127.0.0.1", .connections = 64, .depth = 1, .size = 20, .seconds = 1, .warmup = 0.3, .cpu = -1};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'h':
            set.host = optarg;
            break;
        case 'p':
            set.port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            set.connections = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            set.depth = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            set.size = strtoul(optarg, NULL, 10);
            break;
        case 't':
            set.text = true;
            break;
        case 'r':
            set.raw = true;
            break;
        case 'S':
            set.seconds = strtod(optarg, NULL);
            break;
        case 'w':
            set.warmup = strtod(optarg, NULL);
            break;
        case 'P':
            set.pid = (int)strtol(optarg, NULL, 10);
            break;
        case 'C':
            set.cpu = (int)strtol(optarg, NULL, 10);
            break;
        default:
            exit(2);
        }
    }
    return set;
}

int main(int argc, char **argv)
{
    static run r;
    r.set = read_settings(argc, argv);
    if (r.set.cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET((size_t)r.set.cpu, &cpus);
        sched_setaffinity(0, sizeof cpus, &cpus);
    }
    make_frames(&r);
    uint8_t *block = malloc(BLOCK_BYTES);
    connection *all = calloc(r.set.connections, sizeof *all);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!block || !all || epoll < 0) {
        die("start");
    }
    for (unsigned i = 0; i < r.set.connections; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &all[i]};
        all[i].fd = open_connection(&r.set);
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    for (unsigned i = 0; i < r.set.connections; i++) {
        all[i].to_send = r.set.depth * r.frame_bytes;
        all[i].sent_ns = now_ns();
        send_owed(&r, &all[i]);
    }
    turn_until(&r, epoll, now_ns() + (uint64_t)(r.set.warmup * 1e9), block);
    r.counting = true;
    uint64_t cpu = cpu_ns(r.set.pid);
    uint64_t begin = now_ns();
    turn_until(&r, epoll, begin + (uint64_t)(r.set.seconds * 1e9), block);
    double elapsed = (double)(now_ns() - begin) / 1e9;
    cpu = cpu_ns(r.set.pid) - cpu;
    printf("{\"messages\":%" PRIu64 ",\"per_second\":%.0f,\"server_us\":%.4f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           r.messages, (double)r.messages / elapsed, r.messages ? (double)cpu / 1000 / (double)r.messages : 0,
           percentile_us(&r, 0.50), percentile_us(&r, 0.99));
    return r.messages == 0;
}
