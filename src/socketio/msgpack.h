/* Socket.IO packets in MessagePack, as socket.io-msgpack-parser has them: {type, data, nsp, id, options}, one binary
 * message each, bytes inline. What comes in is turned into the JSON form with attachments, so that one reader serves
 * both; what goes out is made from that form.
 * Not for: MessagePack at large. Source: the MessagePack specification; socket.io-msgpack-parser 3, notepack.io 2.2. */
#ifndef NARU_SOCKETIO_MSGPACK_H
#define NARU_SOCKETIO_MSGPACK_H

#include "packet.h"

/* Read a packet. Its data and namespace are written to text as JSON, the bytes in it stay where they are.
 *
 * shapes    spans: room for attachments_max spans of the limits; packet_out->attachments says how many were written.
 *           text: its content is replaced. The type of a packet with bytes is the binary one.
 * lifetime  packet_out points into text, spans into message.
 * errors    as naru__sio_packet_read; NARU_ERR_MEMORY. NARU_ERR_TOO_BIG also when the JSON passes json.bytes_max.
 * rules     undefined (ext d4 00 00) is null in an array and absent in a map; a Date of notepack is its ISO string; NaN
 *           and infinities are null. Map keys are strings. Keys of the packet that nobody knows are skipped.
 * thread    any */
NARU_MUST_USE naru_status naru__sio_msgpack_read(naru_span message, const naru__sio_limits *limits, naru_buf *text,
                                                 naru_span *spans, naru__sio_packet *packet_out, naru_fault *fault_out);

/* Append the packet; packet->attachments spans take the places of the placeholders.
 * errors    NARU_ERR_MEMORY, out is as it was. NARU_ERR_ARGUMENT: as naru__sio_packet_write, or a
 *           placeholder that names none. */
NARU_MUST_USE naru_status naru__sio_msgpack_write(naru_buf *out, const naru__sio_packet *packet,
                                                  const naru_span *spans);

#endif
