/* The defaults of an Engine.IO server and the ranges of what it is told. Source: the engine.io package, version 6. */
#include "engine_inside.h"

enum {
    PING_INTERVAL_MS = 25000,
    PING_TIMEOUT_MS = 20000,
    UPGRADE_TIMEOUT_MS = 10000,
    PAYLOAD_BYTES = 1000000,
    QUEUE_BYTES = 1 << 20,
    QUEUE_HIGH_BYTES = 64 << 10,
    QUEUE_LOW_BYTES = 16 << 10,
    SESSIONS = 10000,
    ADDRESS_SESSIONS = 256,
    ADDRESS_POLLING = 64,
    THRESHOLD_BYTES = 1024,
    ALL_TRANSPORTS = NARU_EIO_POLLING | NARU_EIO_WEBSOCKET
};

static void fill_u32(uint32_t *value, uint32_t otherwise)
{
    *value = *value != 0 ? *value : otherwise;
}

static void fill_u64(uint64_t *value, uint64_t otherwise)
{
    *value = *value != 0 ? *value : otherwise;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void fill(naru_eio_options *options)
{
    options->path = options->path ? options->path : "/engine.io";
    fill_u32(&options->ping_interval_ms, PING_INTERVAL_MS);
    fill_u32(&options->ping_timeout_ms, PING_TIMEOUT_MS);
    fill_u32(&options->upgrade_timeout_ms, UPGRADE_TIMEOUT_MS);
    fill_u64(&options->payload_bytes_max, PAYLOAD_BYTES);
    options->transports = options->transports != 0 ? options->transports : ALL_TRANSPORTS;
    fill_u64(&options->queue_bytes_max, QUEUE_BYTES);
    fill_u64(&options->queue_high_bytes, smaller(QUEUE_HIGH_BYTES, options->queue_bytes_max));
    fill_u64(&options->queue_low_bytes, smaller(QUEUE_LOW_BYTES, options->queue_high_bytes / 2));
    fill_u32(&options->sessions_max, SESSIONS);
    fill_u32(&options->address_sessions_max, ADDRESS_SESSIONS);
    fill_u32(&options->address_polling_max, ADDRESS_POLLING);
    fill_u32(&options->http_compression_threshold_bytes, THRESHOLD_BYTES);
    fill_u32(&options->ws_deflate.threshold_bytes, THRESHOLD_BYTES);
    options->cors.methods = options->cors.methods ? options->cors.methods : "GET,HEAD,PUT,PATCH,POST,DELETE";
    options->cookie.path = options->cookie.path ? options->cookie.path : "/";
}

static bool field_value(const char *text)
{
    return !text || naru_http_is_field_value(naru_span_of(text));
}

static bool cors_valid(const naru_eio_cors *cors)
{
    for (size_t i = 0; i < cors->origins_count; i++) {
        if (!cors->origins || !cors->origins[i] || !field_value(cors->origins[i])) {
            return false;
        }
    }
    return field_value(cors->methods) && field_value(cors->allowed_headers) && field_value(cors->exposed_headers);
}

static bool cookie_valid(const naru_eio_cookie *cookie)
{
    if (!cookie->name) {
        return true;
    }
    bool none = cookie->same_site == NARU_EIO_SAME_SITE_NONE;
    return naru_http_is_token(naru_span_of(cookie->name)) && (!none || cookie->secure) &&
           cookie->same_site <= NARU_EIO_SAME_SITE_UNSAID;
}

static bool valid(const naru_eio_options *options)
{
    bool lists = options->keep_headers_count == 0 || options->keep_headers;
    bool initial = options->initial_packet.size == 0 || options->initial_packet_kind == NARU_WS_TEXT ||
                   options->initial_packet_kind == NARU_WS_BINARY;
    return options->path[0] == '/' && (options->transports & ~(unsigned)ALL_TRANSPORTS) == 0 && lists && initial &&
           options->queue_high_bytes <= options->queue_bytes_max &&
           options->queue_low_bytes <= options->queue_high_bytes && options->queue_low_bytes <= UINT32_MAX &&
           options->ping_interval_ms != NARU_NEVER && options->ping_timeout_ms != NARU_NEVER &&
           options->upgrade_timeout_ms != NARU_NEVER && options->open_delay_ms < options->ping_interval_ms &&
           cors_valid(&options->cors) && cookie_valid(&options->cookie);
}

/* Its WebSockets have Engine.IO's heartbeat instead of their own, and its limits. A message fits in a frame whose type
 * byte counts too. */
static naru_status fill_conn(naru_eio_server *eio)
{
    const naru_eio_options *options = &eio->options;
    naru_conn_options *conn = &eio->conn.options;
    eio->conn = eio->server->conn_terms;
    conn->ws.message_bytes_max = options->payload_bytes_max;
    conn->ws.frame_bytes_max = 0;
    conn->ws.ping_interval_ms = NARU_NEVER;
    conn->ws.delivery = NARU_WS_MESSAGES;
    conn->ws.manual_pong = false;
    conn->ws.bare_close = true; /* as engine.io's */
    conn->ws.deflate = options->ws_deflate;
    conn->queue_bytes_max = options->queue_bytes_max;
    conn->queue_high_bytes = options->queue_high_bytes;
    conn->queue_low_bytes = options->queue_low_bytes;
    conn->queue_policy = NARU_QUEUE_REFUSE;
    return naru__conn_options_fill(conn);
}

naru_status naru__eio_options_fill(naru_eio_server *eio)
{
    naru_eio_options *options = &eio->options;
    fill(options);
    if (!valid(options)) {
        return NARU_ERR_ARGUMENT;
    }
    eio->engine = (naru__engine_options){.ping_interval_ms = options->ping_interval_ms,
                                         .ping_timeout_ms = options->ping_timeout_ms,
                                         .upgrade_timeout_ms = options->upgrade_timeout_ms,
                                         .queue_bytes_max = options->queue_bytes_max,
                                         .queue_high_bytes = options->queue_high_bytes,
                                         .queue_low_bytes = options->queue_low_bytes};
    return fill_conn(eio);
}
