/* <naru/ws.h>: the WebSocket protocol, both roles, without I/O: bytes and time in, events and bytes out. It runs
 * under any loop or none: examples/ has it over a socketpair and over libuv.
 *
 * Not for: sockets, TLS, threads (see <naru/server.h> and <naru/client.h>). Source: RFC 6455, RFC 7692. */
#ifndef NARU_WS_H
#define NARU_WS_H

#include <naru/base.h>
#include <naru/http.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One side of one WebSocket connection after its handshake. */
typedef struct naru_ws naru_ws;

/* ---- options ------------------------------------------------------------------------------------------------ */

typedef enum naru_ws_role { NARU_WS_SERVER = 0, NARU_WS_CLIENT = 1 } naru_ws_role;

typedef enum naru_ws_kind { NARU_WS_TEXT = 1, NARU_WS_BINARY = 2 } naru_ws_kind; /* the opcodes of 6455 5.2 */

/* How messages are handed over. Every limit and every check of UTF-8 holds in all three. */
typedef enum naru_ws_delivery {
    NARU_WS_MESSAGES = 0, /* whole */
    NARU_WS_CHUNKS,       /* as the bytes come, of whatever size: a message of any length in bounded memory */
    NARU_WS_FRAMES        /* one event a data frame, whole and inflated */
} naru_ws_delivery;

#define NARU_NEVER UINT32_MAX     /* for a time: off */
#define NARU_UNLIMITED UINT64_MAX /* for a limit in bytes: none; a limit is never off by accident */

/* What we want of permessage-deflate (RFC 7692). Window bits are 9 to 15; an offer that demands 8 from our deflater is
 * declined, since zlib has no raw deflate with 8. */
typedef struct naru_ws_deflate_options {
    bool enabled;                    /* offer it (client), take it (server); false is the default */
    bool server_no_context_takeover; /* client: ask for it. server: insist on it */
    bool client_no_context_takeover;
    uint8_t server_window_bits_max; /* 0: 15 */
    uint8_t client_window_bits_max; /* 0: 15 */
    uint8_t level;                  /* 1 to 9; 0: 6; 1 to 6 are made for speed, 7 to 9 for size */
    uint8_t memory_level;           /* 1 to 9; 0: 8; of what is taken for the time of compressing one message */
    uint32_t threshold_bytes;       /* shorter messages leave uncompressed; 0: 64; 1 compresses all */
    uint32_t idle_release_ms;       /* forget what we sent after sending nothing for so long; 0: 30000; NARU_NEVER */
    /* With context takeover: how far our messages refer back into what we sent, so much of which each connection keeps.
     * A power of two from 256 to 32768, at most our window; 0: twice the message, at least 2048, at most 16384. More
     * makes messages smaller and takes longer. */
    uint32_t context_bytes_max;
} naru_ws_deflate_options;

/* One frame as it is on the wire, for who looks on.
 * shapes    sent: ours, else the peer's. opcode: 0 continuation, 1 text, 2 binary, 8 Close, 9 ping, 10 pong. rsv: the
 *           reserved bits, the first of them, which says "compressed", is 4. payload_bytes: on the wire, so of a
 *           compressed frame before it is inflated. wire_bytes: with the head. control: the payload of a Close, ping
 *           or pong, unmasked; of a data frame empty.
 * lifetime  until the callback returns. source RFC 6455 5.2 */
typedef struct naru_ws_frame {
    bool sent, fin, masked;
    uint8_t rsv, opcode;
    uint64_t payload_bytes, wire_bytes;
    naru_span control;
} naru_ws_frame;

/* Everything a session may be told, with every limit: bytes, pieces, time. All zero is the default; 0 in a field is
 * that field's default, named here. naru_ws_options_fill turns zeros into the defaults. */
typedef struct naru_ws_options {
    uint64_t message_bytes_max;  /* of a message, after inflating; 1 MiB; passed: 1009 */
    uint64_t frame_bytes_max;    /* of one frame's payload on the wire; message_bytes_max + 1/8 + 1 KiB; passed: 1009 */
    uint32_t fragments_max;      /* frames in a message, empty ones too; 1024; passed: 1008 */
    uint32_t control_rate_max;   /* control frames received in a second; 100; passed: 1008; NARU_NEVER: off */
    uint32_t message_timeout_ms; /* from a message's first byte to its last; 60000; passed: 1008. Not in parts */
    uint32_t ping_interval_ms;   /* silence after which we send a ping; 25000; NARU_NEVER: off */
    uint32_t pong_timeout_ms;    /* silence after that ping; any byte counts as life; 10000; passed: 1006 */
    uint32_t close_timeout_ms;   /* from our Close to the end; 5000 */
    naru_ws_delivery delivery;
    /* With NARU_WS_MESSAGES: a message that is one uncompressed frame of at least so many bytes, and does not lie whole
     * in what was read, comes as it arrives, as with NARU_WS_CHUNKS. It needs no memory and no copy. 0: none do */
    uint64_t parts_from_bytes;
    bool manual_pong; /* pings are not answered by the session */
    bool trust_utf8;  /* do not check text that comes in; only for peers one controls */
    bool bare_close;  /* the Close that a broken rule is answered with has its code only, no reason */
    naru_ws_deflate_options deflate;
    /* Hears of every frame, both ways, also of those that the session answers by itself: of the peer's data frames once
     * their head is in and good, of its control frames once they are whole, of ours as they are appended to turn->out.
     * It runs inside the call that made or took the frame and must not call anything on the session. Not with a
     * naru_conn, whose handler has an on_frame of its own. NULL: nobody looks on, which costs nothing. */
    void (*on_frame)(naru_ws *ws, const naru_ws_frame *frame, void *user);
    void *on_frame_user;
} naru_ws_options;

/* Replace each 0 by its default and check the rest. Filling twice changes nothing.
 * errors    NARU_ERR_ARGUMENT: a value out of its range; options is unchanged. */
NARU_API NARU_MUST_USE naru_status naru_ws_options_fill(naru_ws_options *options);

/* ---- handshake ---------------------------------------------------------------------------------------------- */

/* What both sides agreed on. enabled false: no compression. */
typedef struct naru_ws_deflate {
    bool enabled;
    bool server_no_context_takeover;
    bool client_no_context_takeover;
    uint8_t server_window_bits; /* 9 to 15 (8 only for what the peer sends) */
    uint8_t client_window_bits;
    bool client_window_bits_given; /* the answer must name client_max_window_bits */
    bool server_window_bits_given;
} naru_ws_deflate;

/* Client: what the request said and the answer has to match. Plain data. */
typedef struct naru_ws_offer {
    char key[25];               /* Sec-WebSocket-Key, NUL-terminated */
    const naru_span *protocols; /* borrowed, offered in this order */
    size_t protocols_count;
    naru_ws_deflate_options deflate;
} naru_ws_offer;

/* Client: append a request up to its last own field; append more with naru_http_write_field, then naru_http_write_end.
 * Writes the request line, Host, Upgrade, Connection, Sec-WebSocket-Key, -Version, -Protocol and -Extensions.
 *
 * shapes    url: of scheme ws, wss, http or https. options: filled. entropy: 16 bytes are spent.
 * errors    NARU_ERR_ARGUMENT: a protocol that is no token or is there twice without regard to case. NARU_ERR_ENTROPY.
 *           NARU_ERR_MEMORY. On failure out is as before. source RFC 6455 4.1, RFC 7692 5 and 7.1 */
NARU_API NARU_MUST_USE naru_status naru_ws_request_write(naru_buf *out, const naru_url *url, const naru_span *protocols,
                                                         size_t protocols_count, const naru_ws_options *options,
                                                         naru_entropy *entropy, naru_ws_offer *offer_out);

/* Client: does the answer accept our offer?
 *
 * lifetime  protocol_out points into the head; empty when none was chosen.
 * errors    NARU_ERR_REFUSED: a status other than 101, it is in the fault. NARU_ERR_PROTOCOL: a 101 that breaks a rule:
 *           HTTP/1.0, missing tokens, wrong accept, an extension or a protocol that was not offered, one twice, a
 *           parameter out of range; a missing protocol when some were asked for. source RFC 6455 4.1, WHATWG 3.2 */
NARU_API NARU_MUST_USE naru_status naru_ws_response_check(const naru_ws_offer *offer, const naru_http_head *head,
                                                          naru_span *protocol_out, naru_ws_deflate *deflate_out,
                                                          naru_fault *fault_out);

/* Server: what a good upgrade request asks for. Spans point into the head. */
typedef struct naru_ws_request {
    char accept[29];     /* Sec-WebSocket-Accept, NUL-terminated */
    naru_span protocols; /* the list as sent (walk it with naru_http_list_next); empty when none. More fields: joined by
                            naru_ws_request_protocol */
    naru_ws_deflate deflate; /* the first offer that we can take */
    const naru_http_head *head;
} naru_ws_request;

/* Server: is it an upgrade request that 6455 4.2.1 allows, and which compression do we take?
 *
 * shapes    options: filled.
 * errors    NARU_ERR_PROTOCOL, with fault_out->http_status 400 (HTTP/1.0, bad or repeated fields, a body, an
 *           extension or protocol list off the grammar), 405 (not GET) or 426 (not a WebSocket upgrade, or a version
 *           other than 13). */
NARU_API NARU_MUST_USE naru_status naru_ws_request_check(const naru_http_head *head, const naru_ws_options *options,
                                                         naru_ws_request *request_out, naru_fault *fault_out);
/* Server: does the request ask for an upgrade to WebSocket at all (so that a route may serve pages too)? */
NARU_API bool naru_ws_request_wanted(const naru_http_head *head);
/* The index-th subprotocol asked for, over all Sec-WebSocket-Protocol fields. false: there are not so many. */
NARU_API bool naru_ws_request_protocol(const naru_ws_request *request, size_t index, naru_span *protocol_out);

/* Server: append the 101 up to its last own field; append more with naru_http_write_field, then naru_http_write_end.
 * shapes    protocol: one of those asked for; empty: none. errors NARU_ERR_ARGUMENT: it was not asked for.
 *           NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_ws_response_write(naru_buf *out, const naru_ws_request *request,
                                                          naru_span protocol);

/* Server: append a whole refusal for the fault's http_status, with the fields that status needs (405: Allow; 426:
 * Upgrade and Sec-WebSocket-Version: 13), Connection: close and the fault's text as its body. */
NARU_API NARU_MUST_USE naru_status naru_ws_refusal_write(naru_buf *out, const naru_fault *fault);

/* ---- session ------------------------------------------------------------------------------------------------ */

typedef enum naru_ws_state {
    NARU_WS_OPEN = 0,
    NARU_WS_CLOSING, /* our Close is out, the peer's is not in */
    NARU_WS_CLOSED,  /* both are through: end the transport (the server first, 6455 7.1.1) */
    NARU_WS_FAILED   /* naru_ws_fault says why; our Close, if one may be sent, is in turn->out */
} naru_ws_state;

/* What every call that may send is handed.
 * shapes    now_ms: a clock that never goes back; any start. entropy: a client's masks, see naru_entropy; a server's
 *           may be NULL. out: bytes for the peer are appended here; send them in order, and all of them. */
typedef struct naru_ws_turn {
    uint64_t now_ms;
    naru_entropy *entropy;
    naru_buf *out;
} naru_ws_turn;

typedef enum naru_ws_event_type {
    NARU_WS_EVENT_MESSAGE = 0, /* kind, data; with CHUNKS and FRAMES a part of it: first, last */
    NARU_WS_EVENT_PING,        /* data; answered already unless manual_pong */
    NARU_WS_EVENT_PONG,        /* data; rtt_ms */
    /* the peer's Close: close_code (1005: it had none), data is the reason; answered already */
    NARU_WS_EVENT_CLOSE
} naru_ws_event_type;

typedef struct naru_ws_event {
    naru_ws_event_type type;
    naru_ws_kind kind;
    bool first, last; /* both true for a whole message */
    bool compressed;  /* it came compressed */
    uint16_t close_code;
    int32_t rtt_ms; /* of a pong that answers our newest ping; else -1 */
    uint64_t left;  /* of a part: how much of its frame is still to come */
    naru_span data; /* until the next naru_ws_next, _tick, _end or _free on this session; sending it back is fine */
} naru_ws_event;

/* shapes    options: filled, borrowed for the session's life, shared by many. deflate: what the handshake agreed on;
 *           NULL: none. allocator NULL: the default one; it must outlive the session.
 * errors    NULL: no memory. thread any, one at a time. cost 72 bytes while idle, see tests */
NARU_API NARU_MUST_USE naru_ws *naru_ws_new(naru_ws_role role, const naru_ws_options *options,
                                            const naru_ws_deflate *deflate, uint64_t now_ms,
                                            const naru_allocator *allocator);
NARU_API void naru_ws_free(naru_ws *ws); /* NULL is fine */

/* Take bytes from the front of `in` until one event is ready. Call again with the rest until it answers NARU_MORE, at
 * which point all of `in` is taken.
 *
 * lifetime  event_out->data points into in's bytes (unmasked in place) or into the session, until the next
 *           naru_ws_next, naru_ws_tick, naru_ws_end or naru_ws_free.
 * errors    NARU_OK: event_out is filled. NARU_MORE: no event yet. NARU_END: both Closes are through, what still
 *           comes is dropped. NARU_ERR_ENTROPY, NARU_ERR_MEMORY (the session has failed with 1011), or the peer's
 *           mistake: the session has failed, its Close is in turn->out: send it, stop sending, drain, end. Every
 *           later call answers the same and takes nothing in. source RFC 6455 5 to 8, RFC 7692 7 */
NARU_API NARU_MUST_USE naru_status naru_ws_next(naru_ws *ws, naru_input *in, const naru_ws_turn *turn,
                                                naru_ws_event *event_out);
/* The peer's stream ended. errors NARU_END: cleanly. NARU_ERR_CLOSED: in the middle; the session has failed (1006). */
NARU_API naru_status naru_ws_end(naru_ws *ws);

enum {
    NARU_WS_PLAIN = 1,    /* do not compress this message */
    NARU_WS_COMPRESS = 2, /* compress it whatever the threshold */
    NARU_WS_VALID = 4     /* the caller vouches that the text is UTF-8 */
};

/* Append one message to turn->out. shapes flags: an or of the above; 0: compress by the threshold, check text.
 * errors    NARU_ERR_STATE: not open, or a message of parts is under way. NARU_ERR_UTF8. NARU_ERR_ENTROPY.
 *           NARU_ERR_MEMORY: out is as before and the session has failed if its compressor can no longer be trusted. */
NARU_API NARU_MUST_USE naru_status naru_ws_send(naru_ws *ws, naru_ws_kind kind, naru_span data, unsigned flags,
                                                const naru_ws_turn *turn);
/* Append one fragment. The first decides kind and compression, the rest must name the same kind; last ends the message.
 * Pings, pongs and a Close may go between. A text's characters may be cut anywhere. */
NARU_API NARU_MUST_USE naru_status naru_ws_send_part(naru_ws *ws, naru_ws_kind kind, naru_span data, bool last,
                                                     unsigned flags, const naru_ws_turn *turn);
/* Begin an uncompressed message of a known size as one frame: naru_ws_send_part then appends its payload piece by
 * piece, the last one exactly to the end. Meanwhile pongs wait, and no ping and no Close can leave: naru_ws_ping and
 * naru_ws_close answer NARU_ERR_STATE, and should the session fail or the peer close, the transport's end has to say
 * it.
 * errors    NARU_ERR_UNSUPPORTED: a client must mask. NARU_ERR_STATE, NARU_ERR_ARGUMENT, NARU_ERR_MEMORY. Of the
 *           pieces: NARU_ERR_ARGUMENT: another kind, too many bytes, or last at the wrong place. */
NARU_API NARU_MUST_USE naru_status naru_ws_send_begin(naru_ws *ws, naru_ws_kind kind, uint64_t bytes,
                                                      const naru_ws_turn *turn);
/* Append only the head of an uncompressed message; the caller sends exactly payload_bytes right behind it, without
 * copying them here. errors NARU_ERR_UNSUPPORTED: a client must mask. NARU_ERR_STATE, NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_ws_send_head(naru_ws *ws, naru_ws_kind kind, uint64_t payload_bytes,
                                                     const naru_ws_turn *turn);
/* errors    NARU_ERR_ARGUMENT: more than 125 bytes. NARU_ERR_STATE, NARU_ERR_ENTROPY, NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_ws_ping(naru_ws *ws, naru_span data, const naru_ws_turn *turn);
NARU_API NARU_MUST_USE naru_status naru_ws_pong(naru_ws *ws, naru_span data, const naru_ws_turn *turn);

/* Start the closing handshake. shapes code: 1000 to 1003, 1007 to 1014, 3000 to 4999; 0: a Close without a code,
 * then reason must be empty. reason: UTF-8, at most 123 bytes.
 * errors    NARU_ERR_ARGUMENT: of these. NARU_ERR_UTF8. NARU_ERR_STATE: not open. NARU_ERR_ENTROPY, NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_ws_close(naru_ws *ws, uint16_t code, naru_span reason,
                                                 const naru_ws_turn *turn);
NARU_API bool naru_ws_close_code_valid(uint16_t code); /* may it stand in a Close frame? */

/* When naru_ws_tick wants to be called next; UINT64_MAX: never. It may lie in the past by the time it is read.
 * Cheap. */
NARU_API uint64_t naru_ws_deadline_ms(const naru_ws *ws);
/* Let time pass: send a due ping, release idle memory, notice silence.
 * errors    NARU_OK. NARU_ERR_TIMEOUT: the session has failed; the fault says which time it was. If it was closed or
 *           failed before, its fault stays, and close_timeout_ms has passed since: end the transport.
 *           NARU_ERR_ENTROPY. NARU_ERR_MEMORY: the session has failed. */
NARU_API NARU_MUST_USE naru_status naru_ws_tick(naru_ws *ws, const naru_ws_turn *turn);

NARU_API naru_ws_state naru_ws_get_state(const naru_ws *ws);
/* Why it failed; status NARU_OK as long as it has not. Lives as long as the session. */
NARU_API const naru_fault *naru_ws_fault(const naru_ws *ws);
/* The code of the Close that we received (1005: none in it), 0 as long as there was none. */
NARU_API uint16_t naru_ws_close_code(const naru_ws *ws);

#ifdef __cplusplus
}
#endif
#endif
