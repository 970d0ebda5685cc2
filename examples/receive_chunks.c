/* A message of any size, received as its bytes come: what is kept is a counter and a checksum, never the message.
 *
 *   ./receive_chunks [ADDRESS] */
#include <naru/naru.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct tally {
    uint64_t bytes;
    uint32_t sum; /* Adler's two sums, as zlib's adler32 */
} tally;

static void on_open(naru_conn *conn, void *user)
{
    (void)user;
    naru_conn_set_user(conn, calloc(1, sizeof(tally)));
    if (!naru_conn_user(conn)) {
        naru_conn_abort(conn);
    }
}

static void add(tally *self, naru_span data)
{
    uint32_t low = self->sum & 0xffff, high = self->sum >> 16;
    for (size_t i = 0; i < data.size; i++) {
        low = (low + data.data[i]) % 65521;
        high = (high + low) % 65521;
    }
    self->sum = high << 16 | low;
    self->bytes += data.size;
}

static void on_part(naru_conn *conn, const naru_ws_event *part, void *user)
{
    char answer[64];
    tally *self = user;
    if (part->first) {
        *self = (tally){.sum = 1};
    }
    add(self, part->data);
    if (part->last) {
        snprintf(answer, sizeof answer, "%" PRIu64 " bytes, %08" PRIx32, self->bytes, self->sum);
        naru_conn_send(conn, NARU_WS_TEXT, naru_span_of(answer), 0);
    }
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn, (void)info;
    free(user);
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.handler = {.on_open = on_open, .on_part = on_part, .on_close = on_close}};
    naru_server_options options = {.conn.ws = {.delivery = NARU_WS_CHUNKS, .message_bytes_max = NARU_UNLIMITED}};
    char bound[128];
    if (!loop || naru_server_new(loop, &options, &server) || naru_server_route_ws(server, "/", &route, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
