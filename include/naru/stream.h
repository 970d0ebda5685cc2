/* <naru/stream.h>: a WebSocket as two streams, one to read and one to write, both with back-pressure: WebSocketStream
 * in C.
 *
 * One read and one write may be under way at a time. While nobody reads, nothing is taken from the peer (TCP pushes
 * back); while a write waits, the queue is above its high mark. So memory stays bounded by a message each way, whatever
 * the peer does. Over a client of one's own, or over a server's connection.
 *
 *   naru_stream_open -> on_opened -> read, write, read ... -> on_closed
 *
 * While nobody reads, pings are not answered either, so read on. Source: the WebSocketStream explainer. */
#ifndef NARU_STREAM_H
#define NARU_STREAM_H

#include <naru/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_stream naru_stream;

/* Any may be NULL. Callbacks run on the loop's thread, never inside a call on the same stream; it may be freed in any
 * of them. */
typedef struct naru_stream_handler {
    /* Once it is open. extensions: as the server answered; over a server's connection permessage-deflate or empty.
     * lifetime  protocol and extensions until the callback returns */
    void (*on_opened)(naru_stream *stream, naru_span protocol, naru_span extensions, void *user);
    /* Once, and last, also if it was never open. info: code, reason, clean. failure: NULL if it was closed in order. Of
     * a server's connection phase, status, text and fault count. lifetime  until the callback returns */
    void (*on_closed)(naru_stream *stream, const naru_close_info *info, const naru_client_failure *failure, void *user);
} naru_stream_handler;

/* A read has ended.
 * shapes    status NARU_OK: a whole message. NARU_END: the peer has closed in order, and all was read; so does every
 *           later read. Else why it was lost. lifetime  data until it returns */
typedef void naru_stream_read_fn(naru_stream *stream, naru_status status, naru_ws_kind kind, naru_span data,
                                 void *user);
/* A write has ended. shapes status NARU_OK: there is room for the next one. Else the stream has ended before there
 * was; whether the message arrived is not known. */
typedef void naru_stream_write_fn(naru_stream *stream, naru_status status, void *user);

/* As naru_client_open, with its errors. options->conn.ws.delivery must be NARU_WS_MESSAGES (NARU_ERR_ARGUMENT). */
NARU_API NARU_MUST_USE naru_status naru_stream_open(naru_loop *loop, const char *url,
                                                    const naru_client_options *options,
                                                    const naru_stream_handler *handler, void *user,
                                                    naru_stream **stream_out, const char **reason_out);
/* For a server's connection: make a stream, then naru_request_accept(request, protocol, naru_stream_conn_handler(),
 * stream). If the request is lost before that, free the stream. The server's delivery must be NARU_WS_MESSAGES.
 * errors    NULL: no memory. */
NARU_API NARU_MUST_USE naru_stream *naru_stream_new(naru_loop *loop, const naru_stream_handler *handler, void *user);
NARU_API const naru_conn_handler *naru_stream_conn_handler(void);
/* Aborts if it is not closed yet; no callback comes any more. NULL is fine. */
NARU_API void naru_stream_free(naru_stream *stream);

/* Read one message; done comes from the loop, once, unless it is cancelled. Before it is open too.
 * errors    NARU_ERR_STATE: a read is under way. */
NARU_API naru_status naru_stream_read(naru_stream *stream, naru_stream_read_fn *done, void *user);
/* Forget the read that is under way, if one is: done does not come, and no message is lost. */
NARU_API void naru_stream_read_cancel(naru_stream *stream);
/* Write one message, which is copied; done (NULL: nobody wants to know) comes from the loop, once, as soon as there is
 * room for the next one.
 * errors    NARU_ERR_STATE: not open yet, or a write is under way. NARU_END: closing or closed. NARU_ERR_UTF8,
 *           NARU_ERR_TOO_BIG, NARU_ERR_MEMORY as naru_conn_send. done does not come then. */
NARU_API naru_status naru_stream_write(naru_stream *stream, naru_ws_kind kind, naru_span data, unsigned flags,
                                       naru_stream_write_fn *done, void *user);
/* Forget who waits for the write under way. Its message is sent all the same; there is no room before it has left. */
NARU_API void naru_stream_write_cancel(naru_stream *stream);
/* Close both sides behind what was written; what was not read is dropped. shapes and errors as naru_client_close. */
NARU_API naru_status naru_stream_close(naru_stream *stream, uint16_t code, naru_span reason);
/* Give up at once, opening too, dropping what was written. on_closed follows. */
NARU_API void naru_stream_abort(naru_stream *stream);

/* What is below, to ask it; not to send, read or pause. NULL: it is the other one, or gone. */
NARU_API naru_client *naru_stream_client(const naru_stream *stream);
NARU_API naru_conn *naru_stream_conn(const naru_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
