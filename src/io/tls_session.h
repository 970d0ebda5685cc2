/* One side of one TLS connection, without its transport: ciphertext is fed in, and piles up to be sent. A client's may
 * carry a second one, whose records are its data: TLS to a server through a proxy that is spoken to by TLS itself.
 * Source: RFC 8446, RFC 5246, OpenSSL's manual pages. */
#ifndef NARU_IO_TLS_SESSION_H
#define NARU_IO_TLS_SESSION_H

#include <naru/tls.h>
#include <openssl/ssl.h>

typedef struct naru__tls_session {
    SSL *ssl;            /* what the data goes through */
    SSL *carrier;        /* what its records go through; NULL: they are what is sent */
    naru_span in;        /* ciphertext on its way in */
    naru_buf held;       /* ciphertext that waits for the end of a pause */
    naru_buf out;        /* ciphertext that is to be sent */
    unsigned long error; /* OpenSSL's, of the first failure */
    bool handshaken;
    bool notified; /* our close_notify has been written */
    bool out_of_memory;
    bool wrong_key;     /* not the pinned one */
    bool carrier_ended; /* its peer has said so: nothing more comes */
} naru__tls_session;

/* shapes    name: whom a client means, for SNI and the check, unless the context names somebody; NULL for
 *           a server.
 * errors    NULL: no memory. */
naru__tls_session *naru__tls_session_new(const naru_tls *tls, bool server, const char *name,
                                         const naru_allocator *allocator);
/* The client's side of another handshake inside the one that is done. errors NARU_ERR_TLS: the session is as it was. */
NARU_MUST_USE naru_status naru__tls_session_nest(naru__tls_session *session, const naru_tls *tls, const char *name);
void naru__tls_session_free(naru__tls_session *session, const naru_allocator *allocator); /* NULL is fine */

/* Go on with the handshake. errors NARU_MORE; NARU_OK: it is done; NARU_ERR_CLOSED, NARU_ERR_TLS,
 * NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__tls_handshake(naru__tls_session *session);
/* Decrypt some of `in`. errors NARU_MORE: nothing whole is left of it. NARU_END: close_notify.
 * NARU_ERR_CLOSED: the carrier has ended before it. NARU_ERR_TLS, NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__tls_read(naru__tls_session *session, uint8_t *out, size_t out_bytes, size_t *size_out);
/* Encrypt at most one record of plain's front into `out`. errors NARU_ERR_TLS, NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__tls_write(naru__tls_session *session, naru_span plain, size_t *taken_out);
void naru__tls_notify_close(naru__tls_session *session);
/* The transport has ended, and nobody said close_notify: in one sentence. Static. */
const char *naru__tls_ended_text(const naru__tls_session *session);
/* What the last failure was, in one sentence. */
void naru__tls_explain(const naru__tls_session *session, char *out, size_t out_bytes);

/* tls.c: what a context says. */
SSL *naru__tls_connection(const naru_tls *tls); /* by what it holds now. NULL: no memory */
bool naru__tls_checks_names(const naru_tls *tls);
const char *naru__tls_server_name(const naru_tls *tls); /* NULL: as dialled */
const char *naru__tls_error_text(unsigned long error);  /* static */

/* tls_resume.c */
/* Let a client's context remember sessions. false: no memory. */
NARU_MUST_USE bool naru__tls_remember(SSL_CTX *context);
/* Before the handshake with name: offer a session that is remembered of it. Nothing if there is none. */
void naru__tls_resume(SSL *ssl, const char *name);

/* tls_pin.c */
/* Accept only these keys: hashes as naru_tls_client_options.pinned_key. errors NARU_ERR_ARGUMENT, NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__tls_pin(SSL_CTX *context, const char *text);
/* After the handshake: is the peer's key a pinned one, if any is? */
bool naru__tls_pin_holds(const SSL *ssl);

#endif
