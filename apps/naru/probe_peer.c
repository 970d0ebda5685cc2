/* A raw connection: blocking for its one user, with a deadline on everything.
 *
 * Not for: real use; the mask is a constant and nothing is checked. Source: RFC 6455 4.1, 5.2. */
#include "probe_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "probe_secure.h"

enum { READ_BYTES = 64 * 1024, IN_BYTES_MAX = 128 * 1024 * 1024 };

static uint64_t now_ms(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Wait for the events until the deadline. Answers what is ready, 0 for nothing. */
static short wait_for(int fd, short events, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now = now_ms();
        struct pollfd entry = {.fd = fd, .events = events};
        int left = now < deadline_ms ? (int)(deadline_ms - now) : 0;
        int ready = poll(&entry, 1, left);
        if (ready > 0) {
            return entry.revents;
        }
        if (ready == 0 || errno != EINTR) {
            return 0;
        }
    }
}

uint64_t probe_peer_deadline(const probe_peer *peer)
{
    return now_ms() + peer->target->timeout_ms;
}

static int connect_to(const struct addrinfo *address, uint64_t deadline_ms)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        socklen_t size = sizeof error;
        error = ETIMEDOUT;
        if (wait_for(fd, POLLOUT, deadline_ms) != 0) {
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        }
    }
    if (error != 0) {
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

short probe_peer_wait(const probe_peer *peer, short events, uint64_t deadline_ms)
{
    return (events & POLLIN) && probe_secure_pending(peer) ? POLLIN : wait_for(peer->fd, events, deadline_ms);
}

bool probe_peer_dial_tcp(probe_peer *peer, probe_target *target)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    *peer = (probe_peer){.target = target, .fd = -1};
    naru_buf_init(&peer->in, NULL);
    if (getaddrinfo(target->host, target->port, &hints, &found) != 0) {
        return false;
    }
    for (const struct addrinfo *at = found; at && peer->fd < 0; at = at->ai_next) {
        peer->fd = connect_to(at, probe_peer_deadline(peer));
    }
    freeaddrinfo(found);
    return peer->fd >= 0;
}

bool probe_peer_dial(probe_peer *peer, probe_target *target)
{
    return probe_peer_dial_tcp(peer, target) &&
           (!target->secure || probe_secure_begin(peer, NULL, probe_peer_deadline(peer)));
}

void probe_peer_close(probe_peer *peer)
{
    probe_secure_end(peer);
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    naru_buf_deinit(&peer->in);
    naru_http_head_free(peer->head);
    *peer = (probe_peer){.fd = -1};
}

static ssize_t receive(probe_peer *peer, void *at, size_t bytes)
{
    return peer->secure ? probe_secure_recv(peer, at, bytes) : recv(peer->fd, at, bytes, MSG_DONTWAIT);
}

static ssize_t transmit(probe_peer *peer, naru_span bytes)
{
    return peer->secure ? probe_secure_send(peer, bytes.data, bytes.size)
                        : send(peer->fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Take in what is there. */
static void take_in(probe_peer *peer)
{
    uint8_t *at = naru_buf_reserve(&peer->in, READ_BYTES);
    ssize_t bytes = at ? receive(peer, at, READ_BYTES) : 0;
    if (bytes > 0) {
        naru_buf_commit(&peer->in, (size_t)bytes);
        peer->ended = naru_buf_span(&peer->in).size > IN_BYTES_MAX;
    } else if (bytes == 0 || (errno != EAGAIN && errno != EINTR)) {
        peer->ended = true;
    }
}

bool probe_peer_send(probe_peer *peer, naru_span bytes)
{
    while (bytes.size > 0 && !peer->broken) {
        short wanted = (short)(POLLOUT | (peer->ended ? 0 : POLLIN));
        short ready = probe_peer_wait(peer, wanted, probe_peer_deadline(peer));
        if (ready & POLLIN) {
            take_in(peer);
        }
        ssize_t sent = ready == 0 ? -1 : transmit(peer, bytes);
        if (sent >= 0) {
            bytes.data += sent;
            bytes.size -= (size_t)sent;
        } else if (ready == 0 || (errno != EAGAIN && errno != EINTR)) {
            peer->broken = true;
        }
    }
    return !peer->broken;
}

/* ---- frames -------------------------------------------------------------------------------------------------- */

static size_t write_length(uint8_t *at, size_t size)
{
    size_t bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
    at[0] = (uint8_t)(0x80 | (bytes == 0 ? size : bytes == 2 ? 126 : 127));
    for (size_t i = 0; i < bytes; i++) {
        at[1 + i] = (uint8_t)((uint64_t)size >> (8 * (bytes - 1 - i)));
    }
    return 1 + bytes;
}

bool probe_frame_write(naru_buf *out, uint8_t first, naru_span data)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    if (data.size > SIZE_MAX - 14) {
        return false;
    }
    uint8_t *at = naru_buf_reserve(out, data.size + 14);
    if (!at) {
        return false;
    }
    at[0] = first;
    size_t head = 1 + write_length(at + 1, data.size);
    memcpy(at + head, mask, sizeof mask);
    head += sizeof mask;
    for (size_t i = 0; i < data.size; i++) {
        at[head + i] = data.data[i] ^ mask[i & 3];
    }
    naru_buf_commit(out, head + data.size);
    return true;
}

bool probe_peer_send_frame(probe_peer *peer, uint8_t first, naru_span data)
{
    naru_buf bytes;
    naru_buf_init(&bytes, NULL);
    bool sent = probe_frame_write(&bytes, first, data) && probe_peer_send(peer, naru_buf_span(&bytes));
    naru_buf_deinit(&bytes);
    return sent;
}

/* How many bytes the frame at the front takes; 0: more are needed to tell, or for all of it. */
static size_t read_frame(naru_span in, probe_frame *frame_out)
{
    if (in.size < 2) {
        return 0;
    }
    uint64_t size = in.data[1] & 0x7f;
    size_t bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
    size_t head = 2 + bytes + (in.data[1] & 0x80 ? 4 : 0);
    if (in.size < head) {
        return 0;
    }
    size = bytes == 0 ? size : 0;
    for (size_t i = 0; i < bytes; i++) {
        size = size << 8 | in.data[2 + i];
    }
    if (size > in.size - head) {
        return 0;
    }
    *frame_out = (probe_frame){in.data[0], (in.data[1] & 0x80) != 0, {in.data + head, (size_t)size}};
    return head + (size_t)size;
}

probe_event probe_peer_read(probe_peer *peer, probe_frame *frame_out)
{
    uint64_t deadline_ms = probe_peer_deadline(peer);
    for (;;) {
        size_t taken = read_frame(naru_buf_span(&peer->in), frame_out);
        if (taken > 0) {
            /* Taking moves nothing: the frame's bytes stay where they are until more is read. */
            naru_buf_take(&peer->in, taken);
            return PROBE_FRAME;
        }
        if (peer->ended) {
            return PROBE_ENDED;
        }
        if (probe_peer_wait(peer, POLLIN, deadline_ms) == 0) {
            return PROBE_SILENCE;
        }
        take_in(peer);
    }
}

/* ---- the handshake ------------------------------------------------------------------------------------------- */

static bool put(naru_buf *out, const char *text)
{
    return naru_buf_append(out, naru_span_of(text)) == NARU_OK;
}

static bool put_headers(naru_buf *out, const option_list *headers)
{
    bool done = true;
    for (size_t i = 0; done && i < headers->count; i++) {
        done = put(out, headers->items[i]) && put(out, "\r\n");
    }
    return done;
}

static void draw_key(probe_peer *peer)
{
    uint8_t nonce[16] = "naru probe nonce";
    if (getrandom(nonce, sizeof nonce, GRND_NONBLOCK) != (ssize_t)sizeof nonce) {
        nonce[0] ^= (uint8_t)now_ms();
    }
    peer->key[naru_base64_encode((naru_span){nonce, sizeof nonce}, peer->key)] = '\0';
}

bool probe_request_write(probe_peer *peer, naru_buf *out, const char *fields)
{
    const probe_target *target = peer->target;
    draw_key(peer);
    bool done = put(out, "GET ") && naru_buf_append(out, target->url.path) == NARU_OK;
    if (done && target->url.query_given) {
        done = put(out, "?") && naru_buf_append(out, target->url.query) == NARU_OK;
    }
    return done && put(out, " HTTP/1.1\r\nHost: ") && put(out, target->authority) &&
           put(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: ") &&
           put(out, peer->key) && put(out, "\r\n") && put_headers(out, target->headers) && put(out, fields);
}

int probe_peer_answer(probe_peer *peer)
{
    uint64_t deadline_ms = probe_peer_deadline(peer);
    naru_http_head_free(peer->head);
    peer->head = naru_http_head_new(NARU_HTTP_RESPONSE, NULL, NULL);
    while (peer->head) {
        naru_span bytes = naru_buf_span(&peer->in);
        naru_input in = {peer->in.data ? peer->in.data + peer->in.begin : NULL, bytes.size};
        naru_status status = naru_http_head_feed(peer->head, &in);
        naru_buf_take(&peer->in, bytes.size - in.size);
        if (status == NARU_OK) {
            return naru_http_head_status(peer->head);
        }
        if (status != NARU_MORE || peer->ended || probe_peer_wait(peer, POLLIN, deadline_ms) == 0) {
            return 0;
        }
        take_in(peer);
    }
    return 0;
}

int probe_peer_open(probe_peer *peer, probe_target *target, const char *fields)
{
    naru_buf request;
    if (!probe_peer_dial(peer, target)) {
        return 0;
    }
    naru_buf_init(&request, NULL);
    bool sent = probe_request_write(peer, &request, fields) && put(&request, "\r\n") &&
                probe_peer_send(peer, naru_buf_span(&request));
    naru_buf_deinit(&request);
    return sent ? probe_peer_answer(peer) : 0;
}
