/* Handshakes: N connections at once, each connects, asks for the upgrade, reads the answer's head, goes away and starts
 * again. Over Socket.IO it also reads the open packet, connects to the main namespace and reads the answer to that. A
 * floor (--raw) accepts and closes: there the connection ends with the server's end.
 *
 * The end is a reset, so that no port waits; a server sees it as any connection that breaks. */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "histogram.h"
#include "process.h"
#include "wire.h"

enum { EVENTS = 256, HEAD_BYTES_MAX = 4096, STUCK_MS = 10000 };

typedef struct guest {
    wire wire;
    size_t asked, got;
    uint64_t start_ns;
    bool joining; /* Socket.IO's CONNECT is out */
    char head[HEAD_BYTES_MAX];
} guest;

typedef struct shake_run {
    const load_settings *set;
    int epoll;
    char request[HEAD_BYTES_MAX];
    size_t request_bytes;
    histogram latencies;
    uint64_t done;
} shake_run;

static void come(shake_run *run, guest *g)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = g};
    g->asked = g->got = 0;
    g->joining = false;
    g->start_ns = process_now_ns();
    wire_start(&g->wire, run->set);
    if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, g->wire.fd, &event) != 0) {
        load_die("epoll_ctl");
    }
}

static void ask(const shake_run *run, guest *g)
{
    while (g->asked < run->request_bytes) {
        ssize_t sent = wire_send(&g->wire, run->request + g->asked, run->request_bytes - g->asked);
        if (sent <= 0) {
            return;
        }
        g->asked += (size_t)sent;
    }
}

/* The payload of the number-th frame behind the head has begun to come: its first byte; 0: it has not. The frames of a
 * handshake are short. */
static char packet_type(const guest *g, const char *frame, int number)
{
    const char *end = g->head + g->got;
    while (end - frame > 2) {
        const uint8_t *head = (const uint8_t *)frame;
        size_t head_bytes = head[1] == 126 ? 4 : 2;
        size_t size = head[1] == 126 ? (size_t)head[2] << 8 | head[3] : head[1];
        if ((size_t)(end - frame) < head_bytes + size) {
            return 0;
        }
        if (number-- == 0) {
            return frame[head_bytes];
        }
        frame += head_bytes + size;
    }
    return 0;
}

/* Engine.IO's open packet, answered with CONNECT; then Socket.IO's CONNECT. */
static bool hear_socketio(guest *g, const char *frames)
{
    static const char connect_packet[] = "\x81\x82\0\0\0\0"
                                         "40";
    enum { BYTES = sizeof connect_packet - 1 };
    if (!g->joining && packet_type(g, frames, 0) == '0') {
        g->joining = true;
        if (wire_send(&g->wire, connect_packet, BYTES) != BYTES) {
            load_refuse("Socket.IO", "CONNECT could not be sent");
        }
    }
    return packet_type(g, frames, 1) == '4';
}

/* Is this handshake over? */
static bool hear(const shake_run *run, guest *g)
{
    ssize_t got = wire_recv(&g->wire, g->head + g->got, HEAD_BYTES_MAX - 1 - g->got);
    if (got < 0) {
        return false;
    }
    if (run->set->raw) {
        return got == 0;
    }
    if (got == 0) {
        load_refuse("handshake", "the server closed");
    }
    g->got += (size_t)got;
    g->head[g->got] = 0;
    if (strncmp(g->head, "HTTP/1.1 101", g->got < 12 ? g->got : 12) != 0) {
        load_refuse("handshake", g->head);
    }
    const char *end = strstr(g->head, "\r\n\r\n");
    return end && (!run->set->socketio || hear_socketio(g, end + 4));
}

static void serve(shake_run *run, guest *g)
{
    if (!run->set->raw) {
        ask(run, g);
    }
    if (!hear(run, g)) {
        return;
    }
    histogram_add(&run->latencies, process_now_ns() - g->start_ns, 1);
    run->done++;
    wire_close(&g->wire);
    come(run, g);
}

static void turn_until(shake_run *run, uint64_t end_ns)
{
    struct epoll_event events[EVENTS];
    while (process_now_ns() < end_ns) {
        int ready = epoll_wait(run->epoll, events, EVENTS, STUCK_MS);
        if (ready == 0) {
            load_refuse("the server", "has stopped answering");
        }
        for (int i = 0; i < ready; i++) {
            serve(run, events[i].data.ptr);
        }
    }
}

int load_shake(const load_settings *set)
{
    static shake_run run;
    guest *guests = calloc(set->connections, sizeof *guests);
    run.set = set;
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    run.request_bytes = (size_t)wire_request(run.request, sizeof run.request, set);
    if (!guests || run.epoll < 0) {
        load_die("start");
    }
    for (unsigned i = 0; i < set->connections; i++) {
        come(&run, &guests[i]);
    }
    turn_until(&run, process_now_ns() + (uint64_t)(set->warmup_seconds * 1e9));
    memset(&run.latencies, 0, sizeof run.latencies);
    run.done = 0;
    uint64_t server = process_cpu_ns(set->pid);
    uint64_t own = process_own_cpu_ns();
    uint64_t start = process_now_ns();
    turn_until(&run, start + (uint64_t)(set->seconds * 1e9));
    double elapsed = (double)(process_now_ns() - start) / 1e9;
    server = process_cpu_ns(set->pid) - server;
    own = process_own_cpu_ns() - own;
    if (run.done == 0) {
        load_refuse("the server", "finished no handshake");
    }
    printf("{\"messages\":%" PRIu64 ",\"per_second\":%.0f,\"server_us\":%.4f,\"server_core\":%.3f,\"load_core\":%.3f,",
           run.done, (double)run.done / elapsed, (double)server / 1000 / (double)run.done,
           (double)server / 1e9 / elapsed, (double)own / 1e9 / elapsed);
    histogram_print(&run.latencies);
    printf("}\n");
    return 0;
}
