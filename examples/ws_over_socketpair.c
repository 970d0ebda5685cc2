/* WebSocket without a network: a client's and a server's session at the two ends of a socketpair, with
 * nothing but poll() around them. The handshake, one message there and back, the closing handshake. */
#include <naru/http.h>
#include <naru/ws.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

typedef struct peer {
    int fd;
    naru_ws_role role;
    naru_http_head *head; /* of the other side */
    naru_ws_offer offer;  /* client: what it asked for */
    naru_ws *ws;          /* once the handshake is through */
    naru_buf out;
    bool done;
} peer;

static naru_ws_options options;
static uint8_t random_bytes[256];
static naru_entropy entropy;

static void need(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

/* Time and fresh random bytes for the next calls. */
static naru_ws_turn turn_of(peer *p)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    need(getrandom(random_bytes, sizeof random_bytes, 0) == sizeof random_bytes, "no random bytes");
    entropy = (naru_entropy){random_bytes, sizeof random_bytes, 0};
    return (naru_ws_turn){(uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000, &entropy, &p->out};
}

static void ask(peer *client)
{
    naru_url url;
    turn_of(client);
    need(naru_url_parse(&url, naru_span_of("ws://localhost/"), NULL, NULL) == NARU_OK, "no URL");
    need(!naru_ws_request_write(&client->out, &url, NULL, 0, &options, &entropy, &client->offer), "no request");
    need(!naru_http_write_end(&client->out), "no memory");
    naru_url_deinit(&url);
}

/* The other side's head is there: a server answers it, a client checks it and says the first word. */
static void shake_hands(peer *p, const naru_ws_turn *turn)
{
    bool server = p->role == NARU_WS_SERVER;
    naru_ws_request request;
    naru_ws_deflate deflate;
    naru_span protocol;
    naru_fault fault;
    if (server) {
        need(!naru_ws_request_check(p->head, &options, &request, &fault), "a bad request");
        need(!naru_ws_response_write(&p->out, &request, naru_span_of("")), "no memory");
        need(!naru_http_write_end(&p->out), "no memory");
    } else {
        need(!naru_ws_response_check(&p->offer, p->head, &protocol, &deflate, &fault), "a bad answer");
    }
    p->ws = naru_ws_new(p->role, &options, server ? &request.deflate : &deflate, turn->now_ms, NULL);
    need(p->ws != NULL, "no memory");
    need(server || !naru_ws_send(p->ws, NARU_WS_TEXT, naru_span_of("hello, ferry"), 0, turn), "not sent");
}

/* A server echoes; a client prints what came back and closes. */
static void handle(peer *p, const naru_ws_event *event, const naru_ws_turn *turn)
{
    if (event->type == NARU_WS_EVENT_MESSAGE && p->role == NARU_WS_SERVER) {
        need(!naru_ws_send(p->ws, event->kind, event->data, 0, turn), "not sent");
    } else if (event->type == NARU_WS_EVENT_MESSAGE) {
        printf("%.*s\n", (int)event->data.size, (const char *)event->data.data);
        need(!naru_ws_close(p->ws, 1000, naru_span_of("landed"), turn), "not closed");
    } else if (event->type == NARU_WS_EVENT_CLOSE) {
        printf("%s: closed, %u\n", p->role == NARU_WS_SERVER ? "server" : "client", event->close_code);
        p->done = true;
    }
}

static void take_bytes(peer *p)
{
    uint8_t block[4096];
    ssize_t size = recv(p->fd, block, sizeof block, 0);
    need(size > 0, "the other side is gone");
    naru_input in = {block, (size_t)size};
    naru_status status = p->ws ? NARU_OK : naru_http_head_feed(p->head, &in);
    if (!p->ws && status == NARU_OK) {
        naru_ws_turn turn = turn_of(p);
        shake_hands(p, &turn);
    }
    while (status == NARU_OK) {
        naru_ws_event event;
        naru_ws_turn turn = turn_of(p);
        status = naru_ws_next(p->ws, &in, &turn, &event);
        if (status == NARU_OK) {
            handle(p, &event, &turn);
        }
    }
    need(status == NARU_MORE || status == NARU_END, "the other side broke a rule");
}

static void send_bytes(peer *p)
{
    naru_span waiting = naru_buf_span(&p->out);
    ssize_t sent = waiting.size > 0 ? send(p->fd, waiting.data, waiting.size, MSG_NOSIGNAL) : 0;
    need(sent >= 0, "not sent");
    naru_buf_take(&p->out, (size_t)sent);
}

int main(void)
{
    int fds[2];
    peer peers[2];
    options.deflate.enabled = true;
    need(!naru_ws_options_fill(&options) && socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "no socketpair");
    for (int i = 0; i < 2; i++) {
        peers[i] = (peer){.fd = fds[i], .role = (naru_ws_role)i};
        peers[i].head = naru_http_head_new(i == 0 ? NARU_HTTP_REQUEST : NARU_HTTP_RESPONSE, NULL, NULL);
        naru_buf_init(&peers[i].out, NULL);
        need(peers[i].head != NULL, "no memory");
    }
    ask(&peers[NARU_WS_CLIENT]);
    while (!peers[0].done || !peers[1].done) {
        struct pollfd ready[2] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};
        send_bytes(&peers[0]);
        send_bytes(&peers[1]);
        need(poll(ready, 2, 5000) > 0, "nothing happens");
        for (int i = 0; i < 2; i++) {
            if (ready[i].revents) {
                take_bytes(&peers[i]);
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        naru_http_head_free(peers[i].head);
        naru_ws_free(peers[i].ws);
        naru_buf_deinit(&peers[i].out);
    }
    return 0;
}
