/* Bytes inside Socket.IO data: where they stand, a placeholder {"_placeholder":true,"num":i} names one of the
 * attachments.
 *
 * In: naru__sio_intake takes what Engine.IO brings, texts and bytes, and gives whole packets, over both encodings
 * alike.
 * Out: naru__sio_data collects JSON and attachments.
 * Not for: MessagePack's bytes (msgpack.h). Source: Socket.IO protocol 5, "Binary"; socket.io-parser 4.2. */
#ifndef NARU_SOCKETIO_BINARY_H
#define NARU_SOCKETIO_BINARY_H

#include "packet.h"

/* ---- placeholders ------------------------------------------------------------------------------------------- */

/* Is the value a placeholder, an object whose "_placeholder" is true? num_out: its "num", UINT32_MAX if
 * that is none. */
bool naru__sio_placeholder(naru_json value, uint32_t *num_out);
/* Does each placeholder in data name one of `attachments`? One pass. */
bool naru__sio_placeholders_good(naru_json data, uint32_t attachments);

/* ---- in ----------------------------------------------------------------------------------------------------- */

/* A whole packet with its bytes. attachments[0 .. packet.attachments) are what the placeholders in packet.data name.
 * lifetime  until the next call on the intake, and as long as the message handed to that call. */
typedef struct naru__sio_message {
    naru__sio_packet packet;
    const naru_span *attachments;
} naru__sio_message;

/* The bytes that a value of the message's data stands for. false: it is not bytes. Only data of a message with
 * attachments has any: elsewhere a placeholder is an object like all others. */
bool naru__sio_message_bytes(const naru__sio_message *message, naru_json value, naru_span *bytes_out);

typedef enum naru__sio_encoding {
    NARU__SIO_AUTO = 0, /* told by the first message: bytes that begin a map are MessagePack */
    NARU__SIO_JSON = 1,
    NARU__SIO_MSGPACK = 2
} naru__sio_encoding;

/* One connection's packets on their way in. Idle it owns no memory. */
typedef struct naru__sio_intake {
    naru__sio_limits limits;
    naru__sio_encoding encoding; /* read it after the first message: what the peer speaks */
    uint32_t waiting;            /* attachments still to come */
    uint32_t spans_count;        /* how many `spans` has room for */
    naru_span *spans;            /* the attachments; those that are waited for are not set */
    naru__sio_packet packet;     /* in hand */
    naru_buf text;               /* the packet in hand, as JSON */
    naru_buf bytes;              /* attachments so far, one behind the other */
} naru__sio_intake;

void naru__sio_intake_init(naru__sio_intake *intake, naru__sio_encoding encoding, const naru__sio_limits *limits,
                           const naru_allocator *allocator);
void naru__sio_intake_deinit(naru__sio_intake *intake);

/* Hand over one message of Engine.IO.
 * errors    NARU_OK: message_out is a packet. NARU_MORE: attachments must follow. Negative: NARU_ERR_PROTOCOL (also a
 *           text where bytes were due, and bytes that nothing announced), NARU_ERR_TOO_BIG, NARU_ERR_MEMORY and those
 *           of naru__sio_packet_read; the connection must end, the intake takes nothing more but deinit. */
NARU_MUST_USE naru_status naru__sio_intake_text(naru__sio_intake *intake, naru_span text,
                                                naru__sio_message *message_out, naru_fault *fault_out);
NARU_MUST_USE naru_status naru__sio_intake_bytes(naru__sio_intake *intake, naru_span bytes,
                                                 naru__sio_message *message_out, naru_fault *fault_out);
/* The last message has been handled: give its memory back. Does nothing while attachments are waited for. */
void naru__sio_intake_rest(naru__sio_intake *intake);

/* ---- out ---------------------------------------------------------------------------------------------------- */

/* Data with bytes on its way out: write with naru_json_write_* on `json`, and naru__sio_data_bytes where bytes belong.
 * lifetime  the bytes are borrowed until the packet has been encoded; the text is owned. */
typedef struct naru__sio_data {
    naru_json_writer json;
    naru_buf text;
    uint32_t attachments_count;
    naru_span attachments[NARU__SIO_ATTACHMENTS_OUT_MAX];
} naru__sio_data;

/* It must not be moved while it is written to. */
void naru__sio_data_init(naru__sio_data *data, const naru_allocator *allocator);
void naru__sio_data_deinit(naru__sio_data *data);
/* errors    told by finish: NARU_ERR_TOO_MANY, beyond NARU__SIO_ATTACHMENTS_OUT_MAX. */
void naru__sio_data_bytes(naru__sio_data *data, naru_span bytes);
/* errors    as naru_json_writer_finish. value_out lives until deinit. */
NARU_MUST_USE naru_status naru__sio_data_finish(naru__sio_data *data, naru_json *value_out);

#endif
