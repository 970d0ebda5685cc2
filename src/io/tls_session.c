/* TLS sessions over OpenSSL, which reads from a span and writes to a buf by way of a BIO of our own; a session inside
 * another reads and writes what that one decrypts and encrypts, by a second kind of BIO.
 *
 * Not for: sockets (stream_tls.c), certificates (tls.c). Source: RFC 8446, RFC 6066 3, RFC 6125, OpenSSL's
 * manual pages. */
#include "tls_session.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "base/memory.h"

enum { RECORD_BYTES_MAX = 16384, RECORD_OVERHEAD_BYTES_MAX = 256 + 5, NAME_BYTES_MAX = 256 };

/* ---- the BIO ------------------------------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *out, size_t out_bytes, size_t *size_out)
{
    naru__tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (session->in.size == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    size_t size = session->in.size < out_bytes ? session->in.size : out_bytes;
    memcpy(out, session->in.data, size);
    session->in = (naru_span){session->in.data + size, session->in.size - size};
    *size_out = size;
    return 1;
}

static int bio_write(BIO *bio, const char *bytes, size_t size, size_t *written_out)
{
    naru__tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (naru_buf_append(&session->out, (naru_span){(const uint8_t *)bytes, size}) != NARU_OK) {
        session->out_of_memory = true;
        return 0;
    }
    *written_out = size;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* What failed below is what failed: OpenSSL's own queue is for the call above. */
static void carrier_failed(naru__tls_session *session, int result)
{
    int why = SSL_get_error(session->carrier, result);
    session->carrier_ended = why == SSL_ERROR_ZERO_RETURN;
    if (session->error == 0 && !session->carrier_ended) {
        session->error = ERR_peek_error();
    }
    ERR_clear_error();
}

static int carried_read(BIO *bio, char *out, size_t out_bytes, size_t *size_out)
{
    naru__tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    int result = session->carrier_ended ? 0 : SSL_read_ex(session->carrier, out, out_bytes, size_out);
    if (result == 1) {
        return 1;
    }
    if (!session->carrier_ended && SSL_get_error(session->carrier, result) == SSL_ERROR_WANT_READ) {
        BIO_set_retry_read(bio);
    } else if (!session->carrier_ended) {
        carrier_failed(session, result);
    }
    return 0;
}

static int carried_write(BIO *bio, const char *bytes, size_t size, size_t *written_out)
{
    naru__tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    int result = SSL_write_ex(session->carrier, bytes, size, written_out);
    if (result != 1) {
        carrier_failed(session, result);
    }
    return result;
}

static BIO_METHOD *bio_method; /* these live as long as the process */
static BIO_METHOD *carried_method;
static pthread_once_t bio_methods_once = PTHREAD_ONCE_INIT;

static BIO_METHOD *make_method(int (*reads)(BIO *, char *, size_t, size_t *),
                               int (*writes)(BIO *, const char *, size_t, size_t *))
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "naru");
    if (method) {
        BIO_meth_set_read_ex(method, reads);
        BIO_meth_set_write_ex(method, writes);
        BIO_meth_set_ctrl(method, bio_control);
    }
    return method;
}

static void make_methods(void)
{
    bio_method = make_method(bio_read, bio_write);
    carried_method = make_method(carried_read, carried_write);
}

static bool attach_bio(naru__tls_session *session, SSL *ssl, bool carried)
{
    pthread_once(&bio_methods_once, make_methods);
    BIO_METHOD *method = carried ? carried_method : bio_method;
    BIO *bio = method ? BIO_new(method) : NULL;
    if (!bio) {
        return false;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return true;
}

/* ---- making -------------------------------------------------------------------------------------------- */

/* 6066 3: SNI has neither addresses nor a trailing dot. 6125 6: the certificate must be for this very
 * name. */
static bool set_name(SSL *ssl, const char *name, bool checks)
{
    char text[NAME_BYTES_MAX];
    size_t size = strnlen(name, sizeof text);
    if (size == sizeof text) {
        return false;
    }
    memcpy(text, name, size + 1);
    if (size > 0 && text[size - 1] == '.') {
        text[size - 1] = '\0';
    }
    naru__address address;
    X509_VERIFY_PARAM *verify = SSL_get0_param(ssl);
    if (naru__address_numeric(text, 0, &address)) {
        return !checks || X509_VERIFY_PARAM_set1_ip_asc(verify, text) == 1;
    }
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* An empty name would switch the check off. */
    return SSL_set_tlsext_host_name(ssl, text) == 1 &&
           (!checks || (text[0] && X509_VERIFY_PARAM_set1_host(verify, text, 0) == 1));
}

static bool begin_client(SSL *ssl, const naru_tls *tls, const char *name)
{
    const char *known = naru__tls_server_name(tls);
    SSL_set_connect_state(ssl);
    naru__tls_resume(ssl, known ? known : name);
    return set_name(ssl, known ? known : name, naru__tls_checks_names(tls));
}

naru__tls_session *naru__tls_session_new(const naru_tls *tls, bool server, const char *name,
                                         const naru_allocator *allocator)
{
    naru__tls_session *session = naru__alloc_zero(allocator, sizeof *session);
    if (!session) {
        return NULL;
    }
    naru_buf_init(&session->held, allocator);
    naru_buf_init(&session->out, allocator);
    session->ssl = naru__tls_connection(tls);
    if (!session->ssl || !attach_bio(session, session->ssl, false) ||
        !(server || begin_client(session->ssl, tls, name))) {
        naru__tls_session_free(session, allocator);
        ERR_clear_error();
        return NULL;
    }
    if (server) {
        SSL_set_accept_state(session->ssl);
    }
    return session;
}

naru_status naru__tls_session_nest(naru__tls_session *session, const naru_tls *tls, const char *name)
{
    SSL *inner = naru__tls_connection(tls);
    if (!inner || session->carrier || !attach_bio(session, inner, true) || !begin_client(inner, tls, name)) {
        SSL_free(inner);
        ERR_clear_error();
        return NARU_ERR_TLS;
    }
    session->carrier = session->ssl;
    session->ssl = inner;
    session->handshaken = false;
    return NARU_OK;
}

void naru__tls_session_free(naru__tls_session *session, const naru_allocator *allocator)
{
    if (!session) {
        return;
    }
    SSL_free(session->ssl);
    SSL_free(session->carrier);
    naru_buf_deinit(&session->held);
    naru_buf_deinit(&session->out);
    naru__free(allocator, session, sizeof *session);
}

/* ---- records ------------------------------------------------------------------------------------------- */

/* What OpenSSL's answer to the call just made means. */
static naru_status judge(naru__tls_session *session, int result)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return session->out_of_memory ? NARU_ERR_MEMORY : NARU_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return NARU_END;
    default:
        break;
    }
    if (session->error == 0) {
        session->error = ERR_peek_error();
    }
    ERR_clear_error();
    bool memory = session->out_of_memory || ERR_GET_REASON(session->error) == ERR_R_MALLOC_FAILURE;
    if (memory) {
        return NARU_ERR_MEMORY;
    }
    return session->carrier_ended ? NARU_ERR_CLOSED : NARU_ERR_TLS;
}

naru_status naru__tls_handshake(naru__tls_session *session)
{
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        session->wrong_key = !naru__tls_pin_holds(session->ssl);
        session->handshaken = !session->wrong_key;
        return session->wrong_key ? NARU_ERR_TLS : NARU_OK;
    }
    naru_status status = judge(session, result);
    return status == NARU_END ? NARU_ERR_TLS : status; /* close_notify instead of a handshake */
}

naru_status naru__tls_read(naru__tls_session *session, uint8_t *out, size_t out_bytes, size_t *size_out)
{
    ERR_clear_error();
    int result = SSL_read_ex(session->ssl, out, out_bytes, size_out);
    return result == 1 ? NARU_OK : judge(session, result);
}

naru_status naru__tls_write(naru__tls_session *session, naru_span plain, size_t *taken_out)
{
    /* A record that is carried fits into one of the carrier's. */
    size_t most = RECORD_BYTES_MAX - (session->carrier ? RECORD_OVERHEAD_BYTES_MAX : 0);
    size_t size = plain.size < most ? plain.size : most;
    ERR_clear_error();
    int result = SSL_write_ex(session->ssl, plain.data, size, taken_out);
    if (result == 1) {
        return NARU_OK;
    }
    naru_status status = judge(session, result);
    /* The BIO takes everything, so there is nothing to wait for. */
    return status == NARU_ERR_MEMORY ? status : NARU_ERR_TLS;
}

void naru__tls_notify_close(naru__tls_session *session)
{
    if (!session->notified) {
        session->notified = true;
        ERR_clear_error();
        SSL_shutdown(session->ssl);
        if (session->carrier) {
            SSL_shutdown(session->carrier);
        }
        ERR_clear_error();
    }
}

const char *naru__tls_ended_text(const naru__tls_session *session)
{
    return session->handshaken ? "connection ended without close_notify" : "connection ended during the TLS handshake";
}

void naru__tls_explain(const naru__tls_session *session, char *out, size_t out_bytes)
{
    long verified = SSL_get_verify_result(session->ssl);
    bool certificate =
        ERR_GET_LIB(session->error) == ERR_LIB_SSL && ERR_GET_REASON(session->error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    if (certificate && verified != X509_V_OK) {
        snprintf(out, out_bytes, "certificate verify failed: %s", X509_verify_cert_error_string(verified));
    } else if (session->wrong_key) {
        snprintf(out, out_bytes, "certificate verify failed: the server's public key is not the pinned one");
    } else if (session->carrier_ended) {
        snprintf(out, out_bytes, "%s", naru__tls_ended_text(session));
    } else if (session->out_of_memory) {
        snprintf(out, out_bytes, "TLS failed: no memory");
    } else {
        snprintf(out, out_bytes, "TLS failed: %s",
                 session->error ? naru__tls_error_text(session->error) : "the peer broke the handshake off");
    }
}
