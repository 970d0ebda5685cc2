/* An echo server under libuv's loop, ws_over_libuv PORT: libuv owns sockets and time, naru turns bytes
 * into events. */
#include <naru/http.h>
#include <naru/ws.h>

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

typedef struct client {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_shutdown_t shutdown;
    naru_http_head *head;
    naru_ws *ws; /* once the handshake is through */
    naru_buf out;
    int handles; /* that libuv has not closed yet */
    bool ending; /* our last byte is queued */
} client;

typedef struct packet {
    uv_write_t write;
    naru_buf bytes;
} packet;

static naru_ws_options options;

static void on_closed(uv_handle_t *handle)
{
    client *c = handle->data;
    if (--c->handles == 0) {
        naru_http_head_free(c->head);
        naru_ws_free(c->ws);
        naru_buf_deinit(&c->out);
        free(c);
    }
}

static void end(client *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp)) {
        uv_close((uv_handle_t *)&c->tcp, on_closed);
        uv_close((uv_handle_t *)&c->timer, on_closed);
    }
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    naru_buf_deinit(&((packet *)write)->bytes);
    free(write);
}

/* What the session left in out goes to libuv as it is; the next turn begins with an empty one. */
static bool flush(client *c)
{
    naru_span bytes = naru_buf_span(&c->out);
    packet *p = bytes.size > 0 ? malloc(sizeof *p) : NULL;
    if (!p) {
        return bytes.size == 0;
    }
    uv_buf_t buf = uv_buf_init((char *)c->out.data + c->out.begin, (unsigned)bytes.size);
    p->bytes = c->out;
    naru_buf_init(&c->out, NULL);
    return uv_write(&p->write, (uv_stream_t *)&c->tcp, &buf, 1, on_written) == 0 || (on_written(&p->write, 0), false);
}

static void on_timer(uv_timer_t *timer)
{
    client *c = timer->data;
    naru_ws_turn turn = {uv_now(timer->loop), NULL, &c->out};
    if (!c->ws || naru_ws_tick(c->ws, &turn) != NARU_OK || !flush(c)) {
        end(c); /* no handshake in time, or the session gave its peer up */
        return;
    }
    uint64_t at = naru_ws_deadline_ms(c->ws), now = uv_now(timer->loop);
    uv_timer_start(timer, on_timer, at > now ? at - now : 0, 0);
}

/* NARU_OK: the session stands. NARU_MORE: the request is not all there. */
static naru_status shake_hands(client *c, naru_input *in)
{
    naru_ws_request request;
    naru_fault fault;
    naru_status status = naru_http_head_feed(c->head, in);
    if (status < 0) {
        fault = *naru_http_head_fault(c->head);
    } else if (status == NARU_OK) {
        status = naru_ws_request_check(c->head, &options, &request, &fault);
    }
    if (status == NARU_OK) {
        c->ws = naru_ws_new(NARU_WS_SERVER, &options, &request.deflate, uv_now(c->tcp.loop), NULL);
        status = c->ws ? naru_ws_response_write(&c->out, &request, naru_span_of("")) : NARU_ERR_MEMORY;
        return status == NARU_OK ? naru_http_write_end(&c->out) : status;
    }
    return status < 0 && naru_ws_refusal_write(&c->out, &fault) != NARU_OK ? NARU_ERR_MEMORY : status;
}

/* NARU_MORE: all is well. NARU_END: both have closed. */
static naru_status echo(client *c, naru_input *in)
{
    naru_ws_turn turn = {uv_now(c->tcp.loop), NULL, &c->out};
    naru_ws_event event;
    naru_status status;
    while ((status = naru_ws_next(c->ws, in, &turn, &event)) == NARU_OK) {
        if (event.type == NARU_WS_EVENT_MESSAGE) {
            naru_status sent = naru_ws_send(c->ws, event.kind, event.data, NARU_WS_VALID, &turn);
            if (sent != NARU_OK) {
                return sent;
            }
        }
    }
    return status;
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    client *c = stream->data;
    naru_input in = {(uint8_t *)buf->base, size > 0 ? (size_t)size : 0};
    if (size < 0) {
        end(c);
        return;
    }
    if (c->ending) {
        return; /* read and dropped until the peer ends or the timer does: an unread byte would reset the connection */
    }
    naru_status status = c->ws ? NARU_OK : shake_hands(c, &in);
    status = status == NARU_OK ? echo(c, &in) : status;
    if (!flush(c)) {
        end(c);
        return;
    }
    if (c->ws) {
        on_timer(&c->timer);
    }
    c->ending = status != NARU_MORE;
    if (c->ending && uv_shutdown(&c->shutdown, stream, NULL) != 0) {
        end(c);
    }
}

/* One block for all: what points into it is used before the next read. */
static void lend_block(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char block[65536];
    (void)handle, (void)suggested;
    *buf = uv_buf_init(block, sizeof block);
}

static void on_connection(uv_stream_t *listener, int status)
{
    client *c = status == 0 ? calloc(1, sizeof *c) : NULL;
    if (!c) {
        return;
    }
    uv_tcp_init(listener->loop, &c->tcp);
    uv_timer_init(listener->loop, &c->timer);
    c->tcp.data = c->timer.data = c;
    c->handles = 2;
    naru_buf_init(&c->out, NULL);
    c->head = naru_http_head_new(NARU_HTTP_REQUEST, NULL, NULL);
    uv_timer_start(&c->timer, on_timer, 10000, 0);
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 || !c->head ||
        uv_read_start((uv_stream_t *)&c->tcp, lend_block, on_read) != 0) {
        end(c);
    }
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in address;
    int size = sizeof address;
    options.deflate.enabled = true;
    if (naru_ws_options_fill(&options) != NARU_OK || uv_tcp_init(loop, &listener) != 0 ||
        uv_ip4_addr("127.0.0.1", argc > 1 ? (int)strtol(argv[1], NULL, 10) : 9000, &address) != 0 ||
        uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&listener, 128, on_connection) != 0 ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size) != 0) {
        fprintf(stderr, "cannot listen\n");
        return 1;
    }
    printf("listening on ws://127.0.0.1:%d/\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
