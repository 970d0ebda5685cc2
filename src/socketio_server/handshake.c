/* What a client said when it came: its auth, and the first request of its session.
 *
 * Not for: reading requests (server/, engine_*). Source: socket.io's Handshake. */
#include "sio.h"

#include "base/buf.h"
#include <stdio.h>
#include <time.h>

/* ---- parts ------------------------------------------------------------------------------------------------------ */

/* "192.0.2.7:5000" and "[::1]:5000" without port and brackets; anything else as it is. */
static naru_span without_port(naru_span address)
{
    size_t colon = address.size;
    while (colon > 0 && address.data[colon - 1] != ':') {
        colon--;
    }
    if (colon <= 1 || address.data[0] == 'u') {
        return address;
    }
    bool brackets = address.data[0] == '[' && address.data[colon - 2] == ']';
    naru_span host = {address.data + brackets, colon - 1 - 2 * (size_t)brackets};
    return host;
}

static uint64_t issued_ms(const naru_eio *session)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t wall_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return wall_ms - (naru_loop_now_ms(naru_eio_loop(session)) - naru_eio_since_ms(session));
}

void naru_sio_socket_handshake(const naru_sio_socket *socket, naru_sio_handshake *handshake_out)
{
    naru_span origin;
    const naru_eio *session = socket->client ? socket->client->session : NULL;
    *handshake_out = (naru_sio_handshake){.auth = {(const uint8_t *)socket->auth, socket->auth_bytes}};
    if (session) {
        handshake_out->query = naru_eio_query(session);
        handshake_out->address = without_port(naru_eio_address(session));
        handshake_out->issued_ms = issued_ms(session);
        handshake_out->secure = naru_eio_is_tls(session);
        handshake_out->xdomain = naru_eio_header(session, "origin", &origin);
    }
}

bool naru_sio_socket_header(const naru_sio_socket *socket, const char *name, naru_span *value_out)
{
    return socket->client && naru_eio_header(socket->client->session, name, value_out);
}

naru_status naru_sio_socket_query(const naru_sio_socket *socket, const char *name, char *out, size_t out_bytes)
{
    return socket->client ? naru_eio_query_value(socket->client->session, name, out, out_bytes) : NARU_ERR_STATE;
}

/* ---- a query as JSON -------------------------------------------------------------------------------------------- */

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* As Node's querystring: `+` is a blank, a bad escape stands as it is. What is then no UTF-8 stays escaped. */
static naru_span decoded(naru_span text, naru_buf *out)
{
    naru__buf_truncate(out, 0);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i] == '+' ? ' ' : text.data[i];
        bool escape = byte == '%' && i + 2 < text.size && hex(text.data[i + 1]) >= 0 && hex(text.data[i + 2]) >= 0;
        if (escape) {
            byte = (uint8_t)(hex(text.data[i + 1]) * 16 + hex(text.data[i + 2]));
            i += 2;
        }
        if (naru__buf_append_byte(out, byte)) {
            return text;
        }
    }
    return naru_utf8_valid(naru_buf_span(out)) ? naru_buf_span(out) : text;
}

static bool next_pair(naru_span *rest, naru_span *key, naru_span *value)
{
    while (rest->size > 0) {
        size_t end = 0, equals = SIZE_MAX;
        while (end < rest->size && rest->data[end] != '&') {
            equals = rest->data[end] == '=' && equals == SIZE_MAX ? end : equals;
            end++;
        }
        size_t key_bytes = equals == SIZE_MAX ? end : equals;
        *key = (naru_span){rest->data, key_bytes};
        size_t from = equals == SIZE_MAX ? end : equals + 1;
        *value = (naru_span){rest->data + from, end - from};
        size_t step = end < rest->size ? end + 1 : end;
        rest->data += step;
        rest->size -= step;
        if (end > 0) {
            return true;
        }
    }
    return false;
}

static size_t count_of(naru_span query, naru_span wanted, naru_span *from)
{
    size_t count = 0;
    naru_span key, value;
    while (next_pair(&query, &key, &value)) {
        if (naru_span_equal(key, wanted)) {
            *from = count == 0 ? key : *from;
            count++;
        }
    }
    return count;
}

static void write_values(naru_json_writer *json, naru_span query, naru_span wanted, size_t count, naru_buf *scratch)
{
    naru_span key, value;
    if (count > 1) {
        naru_json_write_array(json);
    }
    while (next_pair(&query, &key, &value)) {
        if (naru_span_equal(key, wanted)) {
            naru_json_write_string(json, decoded(value, scratch));
        }
    }
    if (count > 1) {
        naru_json_write_array_end(json);
    }
}

/* A parameter that comes several times is an array, at the place of its first. */
static void write_query(naru_json_writer *json, naru_span query, naru_buf *scratch)
{
    enum { PAIRS_MAX = 256 };
    naru_span rest = query, key, value;
    naru_json_write_object(json);
    for (int i = 0; i < PAIRS_MAX && next_pair(&rest, &key, &value); i++) {
        naru_span first = key;
        size_t count = count_of(query, key, &first);
        if (first.data == key.data) {
            naru_json_write_key(json, decoded(key, scratch));
            write_values(json, query, key, count, scratch);
        }
    }
    naru_json_write_object_end(json);
}

naru_status naru__sio_query_json(naru_span query, naru_buf *json)
{
    naru_json_writer writer;
    naru_buf scratch;
    naru_buf_init(&scratch, json->allocator);
    naru_json_writer_init(&writer, json, 0);
    write_query(&writer, query, &scratch);
    naru_buf_deinit(&scratch);
    return naru_json_writer_finish(&writer);
}

/* ---- the whole as JSON ------------------------------------------------------------------------------------------ */

static void write_header(naru_span name, naru_span value, void *user)
{
    naru_json_writer *json = user;
    char lower[128];
    if (name.size >= sizeof lower || !naru_utf8_valid(value)) {
        return;
    }
    for (size_t i = 0; i < name.size; i++) {
        lower[i] = (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] | 0x20 : name.data[i]);
    }
    naru_json_write_key(json, (naru_span){(uint8_t *)lower, name.size});
    naru_json_write_string(json, value);
}

static void write_time(naru_json_writer *json, uint64_t at_ms)
{
    char text[80];
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t size = strftime(text, sizeof text, "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", &utc);
    naru_json_write_string(json, (naru_span){(uint8_t *)text, size});
}

static void write_url(naru_json_writer *json, const naru_sio *io, naru_span query, naru_buf *scratch)
{
    const char *path = io->options.engine.path;
    naru__buf_truncate(scratch, 0);
    if (naru_buf_append(scratch, naru_span_of(path)) || naru_buf_append(scratch, naru_span_of("/?")) ||
        naru_buf_append(scratch, query)) {
        json->status = NARU_ERR_MEMORY;
    }
    naru_json_write_string(json, naru_buf_span(scratch));
}

static void write_key(naru_json_writer *json, const char *key)
{
    naru_json_write_key(json, naru_span_of(key));
}

void naru__sio_handshake_write(const naru_sio_socket *socket, naru_json_writer *json, bool secret)
{
    naru_sio_handshake handshake;
    naru_buf scratch;
    naru_buf_init(&scratch, socket->nsp->io->allocator);
    naru_sio_socket_handshake(socket, &handshake);
    naru_json_write_object(json);
    write_key(json, "headers");
    naru_json_write_object(json);
    if (socket->client) {
        naru_eio_headers(socket->client->session, write_header, json);
    }
    naru_json_write_object_end(json);
    write_key(json, "time");
    write_time(json, handshake.issued_ms);
    write_key(json, "address");
    naru_json_write_string(json, handshake.address);
    write_key(json, "xdomain");
    naru_json_write_bool(json, handshake.xdomain);
    write_key(json, "secure");
    naru_json_write_bool(json, handshake.secure);
    write_key(json, "issued");
    naru_json_write_uint64(json, handshake.issued_ms);
    write_key(json, "url");
    write_url(json, socket->nsp->io, handshake.query, &scratch);
    write_key(json, "query");
    write_query(json, handshake.query, &scratch);
    if (secret) {
        write_key(json, "auth");
        naru_json_write_raw(json, handshake.auth.size > 0 ? handshake.auth : naru_span_of("{}"));
    }
    naru_json_write_object_end(json);
    naru_buf_deinit(&scratch);
}

naru_status naru_sio_socket_handshake_json(const naru_sio_socket *socket, naru_buf *out)
{
    naru_json_writer json;
    naru_json_writer_init(&json, out, 0);
    naru__sio_handshake_write(socket, &json, true);
    return naru_json_writer_finish(&json);
}
