/* A server's TLS: one context with the first certificate, to which clients' handshakes begin, and one for each further
 * certificate, which SNI changes to. The further ones belong to the first and go with it.
 *
 * Session tickets are OpenSSL's own: their keys are drawn at random for each context, never leave the process, and end
 * with the context, that is at a reload. TLS 1.3 resumes with a fresh key exchange, so that a ticket key opens nothing
 * that was said.
 *
 * Not for: what client and server share (tls.c). Source: RFC 6066 3, RFC 6125 6.4, RFC 7301 3.2, RFC 4514, RFC 5077
 * 5.5, OpenSSL's manual pages. */
#include "tls_server.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/stream.h"
#include "stream_core.h"
#include "tls_session.h"

enum { IDENTITIES_MAX = 1024 };

/* ---- names ---------------------------------------------------------------------------------------------- */

typedef struct further {
    size_t count;
    size_t bytes; /* of this block */
    SSL_CTX *contexts[];
} further;

static void further_free(further *all)
{
    for (size_t i = 0; i < all->count; i++) {
        SSL_CTX_free(all->contexts[i]);
    }
    naru__free(naru_allocator_default(), all, all->bytes);
}

static void forget_further(void *parent, void *data, CRYPTO_EX_DATA *held, int index, long number, void *user)
{
    (void)parent;
    (void)held;
    (void)index;
    (void)number;
    (void)user;
    if (data) {
        further_free(data);
    }
}

static int further_index = -1; /* lives as long as the process */
static pthread_once_t further_once = PTHREAD_ONCE_INIT;

static void make_index(void)
{
    further_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, forget_further);
}

/* 6066 3: a name that nobody here has is no reason to break off; the client sees whom it got. */
static int select_certificate(SSL *ssl, int *alert, void *user)
{
    const further *all = user;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    if (!name || X509_check_host(SSL_CTX_get0_certificate(SSL_get_SSL_CTX(ssl)), name, 0, 0, NULL) == 1) {
        return SSL_TLSEXT_ERR_OK;
    }
    for (size_t i = 0; i < all->count; i++) {
        if (X509_check_host(SSL_CTX_get0_certificate(all->contexts[i]), name, 0, 0, NULL) == 1) {
            return SSL_set_SSL_CTX(ssl, all->contexts[i]) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

/* ---- a context ------------------------------------------------------------------------------------------ */

/* 7301 3.2: a client that asks for other protocols only is told so. */
static const unsigned char http1[] = "\x08http/1.1", http2[] = "\x02h2";

/* Is it one of those that the client named? */
static bool choose(const unsigned char *wanted, const unsigned char **out, unsigned char *out_bytes,
                   const unsigned char *in, unsigned in_bytes)
{
    for (unsigned at = 0; at < in_bytes; at += in[at] + 1u) {
        if (in[at] == wanted[0] && in_bytes - at > in[at] && memcmp(in + at + 1, wanted + 1, in[at]) == 0) {
            *out = in + at + 1;
            *out_bytes = in[at];
            return true;
        }
    }
    return false;
}

static int select_http1(SSL *ssl, const unsigned char **out, unsigned char *out_bytes, const unsigned char *in,
                        unsigned in_bytes, void *user)
{
    (void)ssl;
    (void)user;
    return choose(http1, out, out_bytes, in, in_bytes) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int select_http2(SSL *ssl, const unsigned char **out, unsigned char *out_bytes, const unsigned char *in,
                        unsigned in_bytes, void *user)
{
    return choose(http2, out, out_bytes, in, in_bytes) ? SSL_TLSEXT_ERR_OK
                                                       : select_http1(ssl, out, out_bytes, in, in_bytes, user);
}

static naru_status ask_for_certificates(SSL_CTX *context, const naru_tls_server_options *options,
                                        naru__tls_reason reason)
{
    const char *ca_file = options->client_ca_file;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca_file);
    if (!names || SSL_CTX_load_verify_file(context, ca_file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return naru__tls_refuse(reason, "client CA file", ca_file);
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (options->client_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
                       NULL);
    return NARU_OK;
}

static naru_status make(const naru_tls_server_options *options, const naru_tls_identity *identity,
                        SSL_CTX **context_out, naru__tls_reason reason)
{
    static const unsigned char session_context[] = "naru";
    SSL_CTX *context = naru__tls_context_new(true);
    if (!context || SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1) != 1) {
        SSL_CTX_free(context);
        return NARU_ERR_MEMORY;
    }
    SSL_CTX_set_alpn_select_cb(context, options->http2 ? select_http2 : select_http1, NULL);
    naru_status status = identity->certificate_file
                             ? naru__tls_load_identity(context, identity->certificate_file, identity->key_file, reason)
                             : NARU_ERR_ARGUMENT;
    if (status == NARU_OK && options->client_ca_file) {
        status = ask_for_certificates(context, options, reason);
    }
    if (status != NARU_OK) {
        SSL_CTX_free(context);
        return status;
    }
    *context_out = context;
    return NARU_OK;
}

/* On failure what was added so far goes with the context. */
static naru_status add_further(SSL_CTX *context, const naru_tls_server_options *options, naru__tls_reason reason)
{
    size_t count = options->identities_count;
    size_t bytes = sizeof(further) + count * sizeof(SSL_CTX *);
    further *all = naru__alloc_zero(naru_allocator_default(), bytes);
    pthread_once(&further_once, make_index);
    if (!all || further_index < 0 || SSL_CTX_set_ex_data(context, further_index, all) != 1) {
        naru__free(naru_allocator_default(), all, bytes);
        return NARU_ERR_MEMORY;
    }
    all->bytes = bytes;
    for (; all->count < count; all->count++) {
        naru_status status = make(options, &options->identities[all->count], &all->contexts[all->count], reason);
        if (status != NARU_OK) {
            return status;
        }
    }
    SSL_CTX_set_tlsext_servername_callback(context, select_certificate);
    SSL_CTX_set_tlsext_servername_arg(context, all);
    return NARU_OK;
}

naru_status naru__tls_serve(const naru_tls_server_options *options, SSL_CTX **context_out, naru__tls_reason reason)
{
    SSL_CTX *context = NULL;
    naru_tls_identity first = {options->certificate_file, options->key_file};
    if (options->identities_count > IDENTITIES_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    naru_status status = make(options, &first, &context, reason);
    if (status == NARU_OK && options->identities_count > 0) {
        status = add_further(context, options, reason);
    }
    if (status != NARU_OK) {
        SSL_CTX_free(context);
        return status;
    }
    *context_out = context;
    return NARU_OK;
}

/* ---- options, kept --------------------------------------------------------------------------------------- */

struct naru__tls_files {
    naru_tls_server_options options;
    size_t bytes; /* of this block */
    naru_tls_identity identities[];
};

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *keep(char **at, const char *text)
{
    size_t bytes = text_bytes(text);
    char *copy = *at;
    if (!text) {
        return NULL;
    }
    memcpy(copy, text, bytes);
    *at += bytes;
    return copy;
}

naru__tls_files *naru__tls_files_new(const naru_tls_server_options *options)
{
    size_t bytes = sizeof(naru__tls_files) + options->identities_count * sizeof(naru_tls_identity) +
                   text_bytes(options->certificate_file) + text_bytes(options->key_file) +
                   text_bytes(options->client_ca_file);
    for (size_t i = 0; i < options->identities_count; i++) {
        bytes += text_bytes(options->identities[i].certificate_file) + text_bytes(options->identities[i].key_file);
    }
    naru__tls_files *files = naru__alloc_zero(naru_allocator_default(), bytes);
    if (!files) {
        return NULL;
    }
    char *at = (char *)(files->identities + options->identities_count);
    files->bytes = bytes;
    files->options = *options;
    files->options.identities = files->identities;
    files->options.certificate_file = keep(&at, options->certificate_file);
    files->options.key_file = keep(&at, options->key_file);
    files->options.client_ca_file = keep(&at, options->client_ca_file);
    for (size_t i = 0; i < options->identities_count; i++) {
        files->identities[i].certificate_file = keep(&at, options->identities[i].certificate_file);
        files->identities[i].key_file = keep(&at, options->identities[i].key_file);
    }
    return files;
}

const naru_tls_server_options *naru__tls_files_options(const naru__tls_files *files)
{
    return &files->options;
}

void naru__tls_files_free(naru__tls_files *files)
{
    naru__free(naru_allocator_default(), files, files ? files->bytes : 0);
}

/* ---- who is there ---------------------------------------------------------------------------------------- */

/* 4514 2.1: the most special part first. */
bool naru__stream_tls_subject(const naru__stream *stream, char *out, size_t out_bytes)
{
    const naru__stream *beneath = naru__stream_beneath(stream);
    if (beneath) {
        return naru__stream_tls_subject(beneath, out, out_bytes);
    }
    SSL *ssl = stream->tls ? stream->tls->ssl : NULL;
    X509 *certificate = ssl && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE ? SSL_get0_peer_certificate(ssl) : NULL;
    if (out_bytes > 0) {
        out[0] = '\0';
    }
    if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) {
        return false;
    }
    BIO *text = BIO_new(BIO_s_mem());
    bool written = text && X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0;
    char *bytes = NULL;
    long size = written ? BIO_get_mem_data(text, &bytes) : 0;
    if (written && out_bytes > 0) {
        snprintf(out, out_bytes, "%.*s", (int)size, bytes ? bytes : "");
    }
    BIO_free(text);
    ERR_clear_error();
    return written;
}
