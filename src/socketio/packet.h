/* One Socket.IO packet as text: <type>[<attachments>-][<namespace>,][<ack id>][<JSON>], read in place and written.
 * Not for: the bytes that follow a binary packet (binary.h), MessagePack (msgpack.h), who may send what when.
 * Source: Socket.IO protocol 5 and 4; socket.io-parser 4.2. */
#ifndef NARU_SOCKETIO_PACKET_H
#define NARU_SOCKETIO_PACKET_H

#include <naru/json.h>

typedef enum naru__sio_type {
    NARU__SIO_CONNECT = 0,
    NARU__SIO_DISCONNECT = 1,
    NARU__SIO_EVENT = 2,
    NARU__SIO_ACK = 3,
    NARU__SIO_CONNECT_ERROR = 4, /* protocol 4: ERROR */
    NARU__SIO_BINARY_EVENT = 5,
    NARU__SIO_BINARY_ACK = 6
} naru__sio_type;

enum {
    NARU__SIO_ATTACHMENTS_OUT_MAX = 10 /* JavaScript parsers from 4.2.6 on refuse more */
};

/* Largest ack id: what a JavaScript number holds exactly. */
#define NARU__SIO_ID_MAX UINT64_C(9007199254740991)

/* 0 in a field means its default. */
typedef struct naru__sio_limits {
    uint32_t attachments_max;     /* of a packet that comes in; 10 */
    uint32_t namespace_bytes_max; /* with its query; 256 */
    size_t attachment_bytes_max;  /* all attachments of a packet together; 1000000 */
    naru_json_limits json;
    bool query; /* protocol 4 (Engine.IO 3): a namespace may carry ?query */
} naru__sio_limits;

/* A packet. Reading never answers a type above CONNECT_ERROR with attachments 0, nor EVENT or ACK with more.
 * lifetime  as long as the text it was read from. */
typedef struct naru__sio_packet {
    naru__sio_type type;
    uint32_t attachments;
    bool has_id;
    uint64_t id;
    naru_span nsp;   /* "/" if it was left out; empty means "/" when writing */
    naru_span query; /* behind the `?`, protocol 4 only */
    naru_json data;  /* NARU_JSON_NONE: absent. EVENT: an array whose first element is the name */
    naru_json name;  /* that one, of a packet that was read */
} naru__sio_packet;

/* shapes    limits NULL: the defaults. fault_out may be NULL. packet_out is written only on NARU_OK.
 * errors    NARU_ERR_PROTOCOL, and those of naru_json_check; NARU_ERR_TOO_MANY: attachments; NARU_ERR_TOO_BIG:
 *           namespace, ack id. Each ends the connection.
 * rules     CONNECT: an object or nothing. DISCONNECT: nothing. EVENT: an array that begins with a number or a
 *           string that is no reserved name. ACK: an array. CONNECT_ERROR: a string or an object. Only EVENT and ACK
 *           have an id, ACK always. Attachments: 1 up to the limit. Of a binary packet each
 *           placeholder is known to name one of them.
 * thread    any */
NARU_MUST_USE naru_status naru__sio_packet_read(naru_span text, const naru__sio_limits *limits,
                                                naru__sio_packet *packet_out, naru_fault *fault_out);

/* The rules of above for a packet that did not come as text: type, id and data against each other. Sets name.
 * errors    NULL: fine. Else the fixed sentence that says what is wrong. */
const char *naru__sio_packet_wrong(naru__sio_packet *packet);

/* Append the packet. type EVENT or ACK with attachments becomes the binary one. data is raw JSON text.
 * errors    NARU_ERR_MEMORY: out is as it was. NARU_ERR_ARGUMENT: more than NARU__SIO_ATTACHMENTS_OUT_MAX, or a
 *           namespace with a comma or without its slash. */
NARU_MUST_USE naru_status naru__sio_packet_write(naru_buf *out, const naru__sio_packet *packet);

/* Names that are events of the library itself and that no peer may emit. */
bool naru__sio_name_reserved(naru_span name);

#endif
