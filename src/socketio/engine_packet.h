/* Engine.IO packets as they come in: one on a WebSocket, several in the payload of a POST; and the wrapping that JSONP
 * puts around them.
 *
 * Not for: what a packet means to its session (engine_session.h). Source: the Engine.IO protocol, revisions 3 and 4. */
#ifndef NARU_SOCKETIO_ENGINE_PACKET_H
#define NARU_SOCKETIO_ENGINE_PACKET_H

#include "socketio/engine_message.h"

enum {
    NARU__ENGINE_OPEN = '0',
    NARU__ENGINE_CLOSE = '1',
    NARU__ENGINE_PING = '2',
    NARU__ENGINE_PONG = '3',
    NARU__ENGINE_MESSAGE = '4',
    NARU__ENGINE_UPGRADE = '5',
    NARU__ENGINE_NOOP = '6'
};

typedef struct naru__engine_packet {
    char type; /* one of the above */
    bool binary;
    naru_span data;
} naru__engine_packet;

/* Read the packet that one WebSocket message is.
 *
 * shapes    frame: text is UTF-8 already.
 * lifetime  data points into frame, or into scratch where it came as base64.
 * errors    NARU_ERR_PROTOCOL: not a packet. NARU_ERR_MEMORY. packet_out is then unchanged. */
NARU_MUST_USE naru_status naru__engine_packet_read(naru_span frame, bool binary, int revision, naru_buf *scratch,
                                                   naru__engine_packet *packet_out);

/* ---- payloads ------------------------------------------------------------------------------------------------ */

/* A payload being read. Every packet takes at least a byte of it, so that its size bounds their number too. */
typedef struct naru__engine_payload {
    naru_span rest;
    uint8_t revision;
    bool octets; /* revision 3's binary form, application/octet-stream */
    bool ended;
} naru__engine_payload;

void naru__engine_payload_start(naru__engine_payload *payload, naru_span body, int revision, bool octets);
/* The next packet, as naru__engine_packet_read hands it over; text is checked to be UTF-8.
 * errors    NARU_END: no more. NARU_ERR_PROTOCOL: what follows cannot be read. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__engine_payload_next(naru__engine_payload *payload, naru_buf *scratch,
                                                    naru__engine_packet *packet_out);

/* How payloads for one client are written. */
typedef struct naru__engine_style {
    uint8_t revision;
    bool base64; /* the client takes no binary */
    bool octets; /* revision 3: there is a binary message among them */
} naru__engine_style;

/* Append one packet to a payload that begins at the front of out.
 * errors    NARU_ERR_MEMORY: out holds part of it. */
NARU_MUST_USE naru_status naru__engine_payload_add(naru_buf *out, naru__engine_message *message,
                                                   const naru__engine_style *style);
/* Append text to a payload as an open packet: '0' and the handshake's JSON. */
NARU_MUST_USE naru_status naru__engine_payload_add_open(naru_buf *out, naru_span json, const naru__engine_style *style);

/* ---- JSONP --------------------------------------------------------------------------------------------------- */

/* Append `___eio[index]("payload");`. index: digits. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__engine_jsonp_write(naru_buf *out, naru_span index, naru_span payload);
/* Append the payload that a form's field `d` holds.
 * errors    NARU_ERR_PROTOCOL: no such field, or a bad escape. NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__engine_jsonp_read(naru_span form, naru_buf *out);

#endif
