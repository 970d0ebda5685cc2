/* What the Socket.IO server uses of Engine.IO beyond its public face: one message for many sessions, and room for its
 * own state in each session's block. */
#ifndef NARU_SOCKETIO_SERVER_ENGINE_H
#define NARU_SOCKETIO_SERVER_ENGINE_H

#include <naru/engineio_server.h>

/* One message that many sessions are sent, frozen. Each way to write it (a WebSocket frame, base64, revision 3) is made
 * once, when the first session needs it. */
typedef struct naru__engine_message naru__eio_shared;

/* A copy of data with one reference. shapes flags: as of naru_ws_send. errors NULL: no memory. */
NARU_MUST_USE naru__eio_shared *naru__eio_shared_new(naru_eio_server *eio, naru_ws_kind kind, naru_span data,
                                                     unsigned flags);
/* The same, to be filled by the caller: data_out points at `bytes` bytes, to be written before the first send. */
NARU_MUST_USE naru__eio_shared *naru__eio_shared_blank(naru_eio_server *eio, naru_ws_kind kind, size_t bytes,
                                                       unsigned flags, uint8_t **data_out);
naru__eio_shared *naru__eio_shared_ref(naru__eio_shared *shared);
void naru__eio_shared_unref(naru__eio_shared *shared); /* NULL is fine */
/* As naru_eio_send; the session takes a reference of its own. Text is not checked: the caller vouches for it. */
naru_status naru__eio_send_shared(naru_eio *session, naru__eio_shared *shared);

/* As naru_eio_send of a text that is known to be UTF-8, without a copy on its way to a WebSocket: in front of its first
 * byte stands '4', the type that it gets there. */
naru_status naru__eio_send_typed(naru_eio *session, naru_span data, unsigned flags);

/* As naru_eio_server_new, and every session's block has `extra_bytes` zero bytes more for the caller's own state, good
 * from before on_connection until on_close has returned. */
NARU_MUST_USE naru_status naru__eio_server_new(naru_server *server, const naru_eio_options *options,
                                               const naru_eio_handler *handler, void *user, size_t extra_bytes,
                                               naru_eio_server **eio_out);
void *naru__eio_extra(naru_eio *session); /* aligned for any type */
/* What stands on top of the engine: its sessions' user is the application's, who may choose it in allow_request. */
void naru__eio_server_set_owner(naru_eio_server *eio, void *owner);
void *naru__eio_server_owner(const naru_eio_server *eio);

/* Its sessions' ids say that they are of number `index`; a request for a session of another number goes to
 * elsewhere(owner, number, request) first: true: it has left. */
typedef bool naru__eio_elsewhere(void *owner, uint32_t index, naru_request *request);
void naru__eio_server_share(naru_eio_server *eio, uint32_t index, naru__eio_elsewhere *elsewhere);

/* Close for the peer's mistake in the layer above: engine.io's close reason is then `reason`. */
void naru__eio_close_for(naru_eio *session, naru_eio_close_reason reason, const char *description);
/* Does the client take gzip, and a body in it. false: no memory. */
bool naru__eio_accepts_gzip(const naru_http_head *head);
bool naru__eio_gzip(naru_span body, naru_buf *out);

#endif
