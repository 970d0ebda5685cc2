/* A raw connection's TLS: blocking by poll, like the connection itself.
 *
 * Not for: judging it (probe_tls.c). Source: RFC 8446, RFC 9525. */
#include "probe_secure.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { SECURE_BYTES_MAX = 1 << 20 };

static void tell_error(char *out, size_t out_bytes, const char *otherwise)
{
    unsigned long error = ERR_peek_last_error();
    const char *text = error ? ERR_reason_error_string(error) : NULL;
    snprintf(out, out_bytes, "%s", text ? text : otherwise);
    ERR_clear_error();
}

bool probe_secure_open(probe_target *target, const char *ca_file, bool insecure, char *reason, size_t reason_bytes)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    bool made = context &&
                (ca_file ? SSL_CTX_load_verify_file(context, ca_file) : SSL_CTX_set_default_verify_paths(context)) == 1;
    if (!made) {
        tell_error(reason, reason_bytes, "out of memory");
        SSL_CTX_free(context);
        return false;
    }
    SSL_CTX_set_verify(context, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    target->secure = context;
    target->insecure = insecure;
    return true;
}

void probe_secure_close(probe_target *target)
{
    SSL_CTX_free(target->secure);
}

/* 9525 6.3, 6066 3: an address is checked as one, and is no server name. */
static bool set_name(SSL *secure, const probe_target *target)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(secure), target->host) == 1) {
        if (target->insecure) {
            return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(secure), NULL, 0) == 1;
        }
        return true;
    }
    return SSL_set_tlsext_host_name(secure, target->host) == 1 &&
           (target->insecure || SSL_set1_host(secure, target->host) == 1);
}

static bool set_way(SSL *secure, const probe_secure_way *way)
{
    const char *alpn = way && way->alpn ? way->alpn : "\x08http/1.1";
    if (way && way->version_max > 0) {
        /* What is asked for here is weak on purpose: whether the server takes it is the question. */
        SSL_set_security_level(secure, 0);
        if (SSL_set_min_proto_version(secure, TLS1_VERSION) != 1 ||
            SSL_set_max_proto_version(secure, way->version_max) != 1 ||
            SSL_set_cipher_list(secure, "ALL:@SECLEVEL=0") != 1) {
            return false;
        }
    }
    return SSL_set_alpn_protos(secure, (const unsigned char *)alpn, (unsigned)strlen(alpn)) == 0;
}

static bool wait_for(const probe_peer *peer, int error, uint64_t deadline_ms)
{
    short events = error == SSL_ERROR_WANT_READ ? POLLIN : error == SSL_ERROR_WANT_WRITE ? POLLOUT : 0;
    return events != 0 && probe_peer_wait(peer, events, deadline_ms) != 0;
}

static void tell_failure(const probe_peer *peer, int error)
{
    probe_target *target = peer->target;
    long verified = SSL_get_verify_result(peer->secure);
    if (!target->insecure && verified != X509_V_OK) {
        snprintf(target->secure_failure, sizeof target->secure_failure, "%s", X509_verify_cert_error_string(verified));
        ERR_clear_error();
    } else {
        tell_error(target->secure_failure, sizeof target->secure_failure,
                   error == SSL_ERROR_WANT_READ ? "the server says nothing" : "the connection ended");
    }
}

bool probe_secure_begin(probe_peer *peer, const probe_secure_way *way, uint64_t deadline_ms)
{
    SSL *secure = SSL_new(peer->target->secure);
    peer->secure = secure;
    if (!secure || !set_name(secure, peer->target) || !set_way(secure, way) || SSL_set_fd(secure, peer->fd) != 1) {
        tell_error(peer->target->secure_failure, sizeof peer->target->secure_failure, "out of memory");
        return false;
    }
    for (;;) {
        ERR_clear_error();
        int done = SSL_connect(secure);
        int error = SSL_get_error(secure, done);
        if (done == 1) {
            return true;
        }
        if (!wait_for(peer, error, deadline_ms)) {
            tell_failure(peer, error);
            return false;
        }
    }
}

/* What recv and send would answer. */
static ssize_t answer_of(probe_peer *peer, int done)
{
    int error = SSL_get_error(peer->secure, done);
    if (error == SSL_ERROR_ZERO_RETURN) {
        peer->notified = true;
        return 0;
    }
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static int at_most(size_t bytes)
{
    return (int)(bytes < SECURE_BYTES_MAX ? bytes : SECURE_BYTES_MAX);
}

ssize_t probe_secure_recv(probe_peer *peer, void *at, size_t bytes)
{
    ERR_clear_error();
    int done = SSL_read(peer->secure, at, at_most(bytes));
    return done > 0 ? done : answer_of(peer, done);
}

ssize_t probe_secure_send(probe_peer *peer, const void *at, size_t bytes)
{
    ERR_clear_error();
    int done = SSL_write(peer->secure, at, at_most(bytes));
    return done > 0 ? done : answer_of(peer, done);
}

bool probe_secure_pending(const probe_peer *peer)
{
    return peer->secure && SSL_pending(peer->secure) > 0;
}

void probe_secure_end(probe_peer *peer)
{
    SSL_free(peer->secure);
    peer->secure = NULL;
}
