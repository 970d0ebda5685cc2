/* A peer that writes HTTP/2 frame by frame, rightly or wrongly, on top of server_rig.h.
 *
 * Not for: what a test expects. */
#ifndef NARU_WIRE_HTTP2_RIG_H
#define NARU_WIRE_HTTP2_RIG_H

#include <nghttp2/nghttp2.h>

#include "wire/server_rig.h"

enum { H2_PAYLOAD_MAX = 16384, H2_ANY = -1, H2_END = 0x1, H2_ACK = 0x1, H2_HEAD_END = 0x4, H2_PADDED = 0x8 };

typedef struct h2_frame {
    int type; /* H2_ANY: the connection has ended */
    unsigned flags;
    uint32_t id, size;
    uint8_t payload[H2_PAYLOAD_MAX];
} h2_frame;

typedef struct h2_peer {
    peer at;
    nghttp2_hd_inflater *inflater;
    h2_frame got;
    bool silent; /* it does not even acknowledge SETTINGS */
} h2_peer;

static inline uint32_t h2_number(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void h2_put(uint8_t *to, uint32_t number)
{
    to[0] = (uint8_t)(number >> 24);
    to[1] = (uint8_t)(number >> 16);
    to[2] = (uint8_t)(number >> 8);
    to[3] = (uint8_t)number;
}

static inline size_t h2_write(uint8_t *to, int type, unsigned flags, uint32_t id, const void *payload, size_t size)
{
    h2_put(to, (uint32_t)size << 8 | (uint32_t)type);
    to[4] = (uint8_t)flags;
    h2_put(to + 5, id);
    if (size > 0) {
        memcpy(to + 9, payload, size);
    }
    return size + 9;
}

static inline void h2_send(h2_peer *p, int type, unsigned flags, uint32_t id, const void *payload, size_t size)
{
    uint8_t bytes[H2_PAYLOAD_MAX + 9];
    peer_send_bytes(&p->at, bytes, h2_write(bytes, type, flags, id, payload, size));
}

/* A server that takes HTTP/2 without being told before. */
static inline void h2_listen(rig *self, const naru_server_options *options)
{
    char bound[128] = "";
    naru_listen_options listen = {.http2 = true};
    rig_open(self, options);
    if (naru_server_listen(self->server, "127.0.0.1:0", &listen, bound) != NARU_OK) {
        rig_die("cannot listen");
    }
    self->port = (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
}

static inline void h2_open_with(h2_peer *p, rig *self, const void *settings, size_t size)
{
    *p = (h2_peer){.inflater = NULL};
    peer_open(&p->at, self);
    if (nghttp2_hd_inflate_new(&p->inflater) != 0) {
        rig_die("no memory");
    }
    peer_send(&p->at, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    h2_send(p, NGHTTP2_SETTINGS, 0, 0, settings, size);
}

static inline void h2_open(h2_peer *p, rig *self)
{
    h2_open_with(p, self, NULL, 0);
}

static inline void h2_close(h2_peer *p)
{
    nghttp2_hd_inflate_del(p->inflater);
    peer_close(&p->at);
}

/* ---- heads ---------------------------------------------------------------------------------------------------- */

typedef struct h2_field {
    const char *name, *value;
} h2_field;

/* 7541 6.2.2: literal, not indexed, not Huffman. Values are shorter than 127 bytes. */
static inline size_t h2_pack(uint8_t *to, const h2_field *fields)
{
    size_t at = 0;
    for (; fields->name; fields++) {
        size_t name = strlen(fields->name), value = strlen(fields->value);
        to[at++] = 0;
        to[at++] = (uint8_t)name;
        memcpy(to + at, fields->name, name);
        at += name;
        to[at++] = (uint8_t)value;
        memcpy(to + at, fields->value, value);
        at += value;
    }
    return at;
}

static inline void h2_ask(h2_peer *p, uint32_t id, unsigned flags, const h2_field *fields)
{
    uint8_t block[H2_PAYLOAD_MAX];
    h2_send(p, NGHTTP2_HEADERS, flags | H2_HEAD_END, id, block, h2_pack(block, fields));
}

static inline void h2_get(h2_peer *p, uint32_t id, const char *path)
{
    const h2_field fields[] = {
        {":method", "GET"}, {":scheme", "http"}, {":path", path}, {":authority", "a.example"}, {NULL, NULL}};
    h2_ask(p, id, H2_END, fields);
}

static inline void h2_connect(h2_peer *p, uint32_t id, const char *path)
{
    const h2_field fields[] = {
        {":method", "CONNECT"},      {":protocol", "websocket"},      {":scheme", "http"}, {":path", path},
        {":authority", "a.example"}, {"sec-websocket-version", "13"}, {NULL, NULL}};
    h2_ask(p, id, 0, fields);
}

/* ---- what comes ------------------------------------------------------------------------------------------------ */

static inline const h2_frame *h2_next(h2_peer *p)
{
    h2_frame *got = &p->got;
    peer_wait_bytes(&p->at, 9);
    got->type = H2_ANY;
    if (p->at.size < 9) {
        return got;
    }
    got->size = h2_number(p->at.data) >> 8;
    peer_wait_bytes(&p->at, got->size + 9);
    if (p->at.size < got->size + 9 || got->size > sizeof got->payload) {
        return got;
    }
    got->type = p->at.data[3];
    got->flags = p->at.data[4];
    got->id = h2_number(p->at.data + 5);
    memcpy(got->payload, p->at.data + 9, got->size);
    peer_take(&p->at, got->size + 9);
    if (got->type == NGHTTP2_SETTINGS && !(got->flags & H2_ACK) && !p->silent) {
        h2_send(p, NGHTTP2_SETTINGS, H2_ACK, 0, NULL, 0); /* from now on the server's windows are as it told */
    }
    return got;
}

/* The next frame of that type, of that stream; or the connection's end. */
static inline const h2_frame *h2_wait(h2_peer *p, int type, int64_t id)
{
    const h2_frame *got = h2_next(p);
    while (got->type != H2_ANY && (got->type != type || (id != H2_ANY && got->id != id))) {
        got = h2_next(p);
    }
    return got;
}

/* The status of the next head, which has to be this stream's; 0: the connection ended. */
static inline int h2_status(h2_peer *p, uint32_t id)
{
    const h2_frame *got = h2_wait(p, NGHTTP2_HEADERS, id);
    int status = 0, flags = 0;
    uint8_t *in = p->got.payload;
    size_t left = got->type == NGHTTP2_HEADERS ? got->size : 0;
    while (left > 0 || (status && !(flags & NGHTTP2_HD_INFLATE_FINAL))) {
        nghttp2_nv field;
        ssize_t used = nghttp2_hd_inflate_hd2(p->inflater, &field, &flags, in, left, 1);
        if (used < 0) {
            rig_die("a head that cannot be read");
        }
        in += used;
        left -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) && field.namelen == 7 && memcmp(field.name, ":status", 7) == 0) {
            status = (field.value[0] - '0') * 100 + (field.value[1] - '0') * 10 + (field.value[2] - '0');
        }
    }
    nghttp2_hd_inflate_end_headers(p->inflater);
    return status;
}

/* The code of the next GOAWAY. */
static inline unsigned h2_goaway(h2_peer *p)
{
    const h2_frame *got = h2_wait(p, NGHTTP2_GOAWAY, 0);
    return got->type == NGHTTP2_GOAWAY ? h2_number(got->payload + 4) : 0xffff;
}

/* Of the next RST_STREAM of this stream. */
static inline unsigned h2_reset(h2_peer *p, uint32_t id)
{
    const h2_frame *got = h2_wait(p, NGHTTP2_RST_STREAM, id);
    return got->type == NGHTTP2_RST_STREAM ? h2_number(got->payload) : 0xffff;
}

/* A text message of at most 125 bytes, masked with zeros. */
static inline void h2_say(h2_peer *p, uint32_t id, const char *text)
{
    uint8_t bytes[131] = {0x81, (uint8_t)(0x80 | strlen(text))};
    memcpy(bytes + 6, text, strlen(text));
    h2_send(p, NGHTTP2_DATA, 0, id, bytes, strlen(text) + 6);
}

static inline void h2_check_echo(h2_peer *p, uint32_t id, const char *text)
{
    const h2_frame *got = h2_wait(p, NGHTTP2_DATA, id);
    CHECK_EQ(got->type, NGHTTP2_DATA);
    CHECK_EQ(got->size, strlen(text) + 2);
    CHECK(got->size == strlen(text) + 2 && memcmp(got->payload + 2, text, strlen(text)) == 0);
}

#endif
