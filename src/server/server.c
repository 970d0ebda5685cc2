/* The server as an object: its options, its connections' count, its list of WebSockets. */
#include "server/server.h"

#include "base/memory.h"
#include "server/budget.h"
#include "server/exchange.h"
#include "server/guest.h"
#include "server/route.h"
#include <string.h>
#include <time.h>

enum { TRUSTED_MAX = 1024 };

static void set_default(uint32_t *field, uint32_t value)
{
    *field = *field == 0 ? value : *field;
}

static naru_status options_fill(naru_server_options *options)
{
    bool listed = options->origin_policy == NARU_ORIGIN_LIST;
    if (options->origin_policy > NARU_ORIGIN_ANY || (listed && options->origins_count > 0 && !options->origins)) {
        return NARU_ERR_ARGUMENT;
    }
    if (options->rate_policy > NARU_RATE_CLOSE) {
        return NARU_ERR_ARGUMENT;
    }
    if (options->server_name && !naru_http_is_field_value(naru_span_of(options->server_name))) {
        return NARU_ERR_ARGUMENT;
    }
    options->body_bytes_max = options->body_bytes_max == 0 ? 1024 * 1024 : options->body_bytes_max;
    set_default(&options->handshake_timeout_ms, 10000);
    set_default(&options->idle_timeout_ms, 30000);
    set_default(&options->connections_max, 10000);
    set_default(&options->address_connections_max, 256);
    set_default(&options->address_handshakes_per_second, 50);
    set_default(&options->http2_streams_max, 100);
    return naru__conn_options_fill(&options->conn);
}

static char *copy_text(const naru_allocator *allocator, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = naru__alloc(allocator, bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

static void free_text(const naru_allocator *allocator, char *text)
{
    naru__free(allocator, text, text ? strlen(text) + 1 : 0);
}

/* Without randomness from the kernel the tables still work; only their order could then be foreseen. */
static void draw_key(naru_server *server)
{
    naru_entropy *entropy = naru__loop_entropy(server->loop);
    if (entropy->size - entropy->used >= sizeof server->routes.key) {
        memcpy(&server->routes.key, entropy->bytes + entropy->used, sizeof server->routes.key);
        entropy->used += sizeof server->routes.key;
    }
}

/* errors NARU_ERR_ARGUMENT: not a network. NARU_ERR_MEMORY. */
static naru_status read_trusted(naru_server *server)
{
    size_t count = server->options.trusted_proxies_count;
    if (count == 0) {
        return NARU_OK;
    }
    if (!server->options.trusted_proxies || count > TRUSTED_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    server->trusted = naru__alloc_zero(server->allocator, count * sizeof(naru__network));
    if (!server->trusted) {
        return NARU_ERR_MEMORY;
    }
    server->trusted_count = count;
    for (size_t i = 0; i < count; i++) {
        const char *text = server->options.trusted_proxies[i];
        if (!text || !naru__network_read(text, &server->trusted[i])) {
            return NARU_ERR_ARGUMENT;
        }
    }
    return NARU_OK;
}

naru_status naru_server_new(naru_loop *loop, const naru_server_options *options, naru_server **server_out)
{
    naru_server_options filled = options ? *options : (naru_server_options){0};
    naru_status status = options_fill(&filled);
    if (status < 0) {
        return status;
    }
    const naru_allocator *allocator = naru_loop_allocator(loop);
    naru_server *server = naru__alloc_zero(allocator, sizeof *server);
    char *name = filled.server_name ? copy_text(allocator, filled.server_name) : NULL;
    if (!server || (filled.server_name && !name)) {
        naru__free(allocator, server, sizeof *server);
        free_text(allocator, name);
        return NARU_ERR_MEMORY;
    }
    server->loop = loop;
    server->allocator = allocator;
    server->options = filled;
    server->name = name;
    draw_key(server);
    naru__server_stop_init(server);
    naru__server_count_init(server);
    status = read_trusted(server);
    if (status == NARU_OK && filled.budget) {
        status = naru__budget_join(server, filled.budget);
    }
    if (status < 0) {
        naru_server_free(server);
        return status;
    }
    *server_out = server;
    return NARU_OK;
}

void naru_server_free(naru_server *server)
{
    if (!server) {
        return;
    }
    server->freeing = true;
    naru__server_listen_end(server);
    naru__server_end_all(server);
    naru__server_stop_deinit(server);
    naru__budget_leave(server);
    naru__routes_free(server);
    naru__guests_free(server);
    naru__free(server->allocator, server->trusted, server->trusted_count * sizeof(naru__network));
    free_text(server->allocator, server->name);
    naru__free(server->allocator, server, sizeof *server);
}

/* ---- connections --------------------------------------------------------------------------------------------- */

size_t naru_server_connections(const naru_server *server)
{
    return server->connections;
}

void naru__server_adopt(naru_server *server, naru_conn *conn)
{
    conn->next = server->conns;
    conn->link = &server->conns;
    if (conn->next) {
        conn->next->link = &conn->next;
    }
    server->conns = conn;
    server->counts.websockets++;
    server->counts.websockets_opened++;
}

static void on_gone(naru_conn *conn, const naru_close_info *info)
{
    naru_server *server = naru__conn_terms_of(conn)->owner;
    naru__guest *guest = (naru__guest *)(uintptr_t)naru__stream_told(conn->stream);
    server->counts.websockets--;
    server->counts.dropped += info->dropped;
    naru__stream_tell(conn->stream, NULL);
    naru__spread_gone(server, conn);
    naru__guest_free(server, guest);
    *conn->link = conn->next;
    if (conn->next) {
        conn->next->link = conn->link;
    }
    naru__server_released(server);
}

void naru__server_count_init(naru_server *server)
{
    const naru_server_options *options = &server->options;
    bool metered = options->messages_per_second > 0 || options->message_bytes_per_second > 0;
    server->conn_terms = (naru__conn_terms){
        .allocator = server->allocator,
        .options = options->conn,
        .owner = server,
        .on_gone = on_gone,
        .counts = &server->conn_counts,
        .on_received = metered ? naru__meter_received : NULL,
    };
}

void naru_server_counters(const naru_server *server, naru_server_counts *counts_out)
{
    const naru__conn_counts *conns = &server->conn_counts;
    *counts_out = server->counts;
    counts_out->connections = server->connections;
    counts_out->messages_in = conns->messages_in;
    counts_out->message_bytes_in = conns->message_bytes_in;
    counts_out->messages_out = conns->messages_out;
    counts_out->message_bytes_out = conns->message_bytes_out;
    counts_out->pings_in = conns->pings_in;
    counts_out->pongs_in = conns->pongs_in;
}

/* None of them goes while this runs: what a callback ends is gone through by the loop, later. */
void naru_server_each(naru_server *server, void (*each)(naru_conn *conn, void *user), void *user)
{
    for (naru_conn *conn = server->conns; conn; conn = conn->next) {
        if (naru_conn_state(conn) == NARU_WS_OPEN) {
            each(conn, user);
        }
    }
}

/* ---- the time of day ----------------------------------------------------------------------------------------- */

naru_span naru__server_date(naru_server *server)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (server->date.text[0] == 0 || server->date.seconds != now.tv_sec) {
        naru__date_write(&server->date, now.tv_sec);
    }
    return (naru_span){(const uint8_t *)server->date.text, NARU__DATE_BYTES};
}
