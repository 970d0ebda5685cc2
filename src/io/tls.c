/* TLS contexts: certificates, authorities, and what is allowed. Shared by threads once made.
 *
 * Not for: connections (tls_session.c). Source: RFC 9325 3 and 4, RFC 7301, OpenSSL's manual pages. */
#include <naru/tls.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tls_server.h"
#include "tls_session.h"

struct naru_tls {
    atomic_uint references;
    pthread_mutex_t lock; /* for context, which a reload replaces */
    SSL_CTX *context;
    naru__tls_files *files; /* of a server; under the lock as well */
    char *server_name;      /* NULL: as dialled */
    bool checks_names;
};

static const unsigned char ALPN_HTTP[] = "\x08http/1.1";
enum { ALPN_HTTP_BYTES = sizeof ALPN_HTTP - 1 };

/* 9325 4.2: forward secrecy and authenticated encryption only; TLS 1.3 has nothing else. */
static const char TLS12_CIPHERS[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* SSL_new takes a reference of its own, so that a reload does not pull the context from under a connection. */
SSL *naru__tls_connection(const naru_tls *tls)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&tls->lock;
    pthread_mutex_lock(lock);
    SSL *ssl = SSL_new(tls->context);
    pthread_mutex_unlock(lock);
    return ssl;
}

bool naru__tls_checks_names(const naru_tls *tls)
{
    return tls->checks_names;
}

const char *naru__tls_server_name(const naru_tls *tls)
{
    return tls->server_name;
}

naru_tls *naru_tls_ref(naru_tls *tls)
{
    atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed);
    return tls;
}

void naru_tls_unref(naru_tls *tls)
{
    if (!tls || atomic_fetch_sub_explicit(&tls->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    SSL_CTX_free(tls->context);
    naru__tls_files_free(tls->files);
    pthread_mutex_destroy(&tls->lock);
    naru__free(naru_allocator_default(), tls->server_name, tls->server_name ? strlen(tls->server_name) + 1 : 0);
    naru__free(naru_allocator_default(), tls, sizeof *tls);
}

/* ---- what went wrong ----------------------------------------------------------------------------------- */

const char *naru__tls_error_text(unsigned long error)
{
    const char *text =
        ERR_SYSTEM_ERROR(error) ? strerrordesc_np(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    return text ? text : "unknown error";
}

naru_status naru__tls_refuse(naru__tls_reason reason, const char *what, const char *file)
{
    unsigned long error = ERR_peek_error();
    if (reason.text && reason.bytes > 0) {
        snprintf(reason.text, reason.bytes, "%s %s: %s", what, file, naru__tls_error_text(error));
    }
    ERR_clear_error();
    return ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE ? NARU_ERR_MEMORY : NARU_ERR_TLS;
}

static naru_status complain(naru__tls_reason reason, naru_status status, const char *text)
{
    if (reason.text && reason.bytes > 0) {
        snprintf(reason.text, reason.bytes, "%s", status == NARU_ERR_MEMORY ? naru_status_text(status) : text);
    }
    return status;
}

/* ---- what both sides share ----------------------------------------------------------------------------- */

/* A key with a password is refused, where OpenSSL would ask on the terminal. */
static int no_password(char *out, int out_bytes, int writing, void *user)
{
    (void)out;
    (void)out_bytes;
    (void)writing;
    (void)user;
    return 0;
}

static bool set_policy(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_default_passwd_cb(context, no_password);
    /* A server's tickets need no memory of ours; a cache would. A client's memory is tls_resume.c's. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, TLS12_CIPHERS) == 1;
}

SSL_CTX *naru__tls_context_new(bool server)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (context && !set_policy(context)) {
        SSL_CTX_free(context);
        context = NULL;
    }
    ERR_clear_error();
    return context;
}

/* Takes the context over. errors NULL: no memory. */
static naru_tls *tls_new(SSL_CTX *context)
{
    naru_tls *tls = context ? naru__alloc_zero(naru_allocator_default(), sizeof *tls) : NULL;
    if (!tls) {
        SSL_CTX_free(context);
        return NULL;
    }
    atomic_init(&tls->references, 1);
    pthread_mutex_init(&tls->lock, NULL);
    tls->context = context;
    return tls;
}

naru_status naru__tls_load_identity(SSL_CTX *context, const char *certificate_file, const char *key_file,
                                    naru__tls_reason reason)
{
    const char *key = key_file ? key_file : certificate_file;
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1) {
        return naru__tls_refuse(reason, "certificate file", certificate_file);
    }
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(context) != 1) {
        return naru__tls_refuse(reason, "key file", key);
    }
    return NARU_OK;
}

/* ---- the server's side --------------------------------------------------------------------------------- */

naru_status naru_tls_server_new(const naru_tls_server_options *options, naru_tls **tls_out, char *reason,
                                size_t reason_bytes)
{
    SSL_CTX *context = NULL;
    naru__tls_files *files = NULL;
    if (!options || !options->certificate_file || (options->identities_count > 0 && !options->identities)) {
        return NARU_ERR_ARGUMENT;
    }
    naru_status status = naru__tls_serve(options, &context, (naru__tls_reason){reason, reason_bytes});
    if (status != NARU_OK) {
        return status;
    }
    naru_tls *tls = tls_new(context);
    files = tls ? naru__tls_files_new(options) : NULL;
    if (!files) {
        naru_tls_unref(tls);
        return NARU_ERR_MEMORY;
    }
    tls->files = files;
    *tls_out = tls;
    return NARU_OK;
}

/* The files are read without the lock: a slow disk keeps nobody from shaking hands. Who reloads last wins. */
naru_status naru_tls_reload(naru_tls *tls, const naru_tls_server_options *options, char *reason, size_t reason_bytes)
{
    SSL_CTX *context = NULL;
    if (!tls->files) {
        return NARU_ERR_STATE;
    }
    if (options && (!options->certificate_file || (options->identities_count > 0 && !options->identities))) {
        return NARU_ERR_ARGUMENT;
    }
    pthread_mutex_lock(&tls->lock);
    naru__tls_files *files = naru__tls_files_new(options ? options : naru__tls_files_options(tls->files));
    pthread_mutex_unlock(&tls->lock);
    if (!files) {
        return NARU_ERR_MEMORY;
    }
    naru_status status =
        naru__tls_serve(naru__tls_files_options(files), &context, (naru__tls_reason){reason, reason_bytes});
    if (status != NARU_OK) {
        naru__tls_files_free(files);
        return status;
    }
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *old_context = tls->context;
    naru__tls_files *old_files = tls->files;
    tls->context = context;
    tls->files = files;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old_context);
    naru__tls_files_free(old_files);
    return NARU_OK;
}

/* ---- the client's side --------------------------------------------------------------------------------- */

static naru_status trust(SSL_CTX *context, const char *ca_file, naru__tls_reason reason)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (!ca_file) {
        return SSL_CTX_set_default_verify_paths(context) == 1
                   ? NARU_OK
                   : naru__tls_refuse(reason, "authorities of", "the system");
    }
    return SSL_CTX_load_verify_file(context, ca_file) == 1 ? NARU_OK : naru__tls_refuse(reason, "CA file", ca_file);
}

static naru_status copy_name(naru_tls *tls, const char *name)
{
    size_t bytes = strlen(name) + 1;
    tls->server_name = naru__alloc(naru_allocator_default(), bytes);
    if (!tls->server_name) {
        return NARU_ERR_MEMORY;
    }
    memcpy(tls->server_name, name, bytes);
    return NARU_OK;
}

static naru_status configure_client(naru_tls *tls, const naru_tls_client_options *options, naru__tls_reason reason)
{
    SSL_CTX *context = tls->context;
    naru_status status = NARU_OK;
    /* Unlike its kin, this call answers 0 when it is fine. */
    if (SSL_CTX_set_alpn_protos(context, ALPN_HTTP, ALPN_HTTP_BYTES) != 0) {
        return NARU_ERR_MEMORY;
    }
    if (!options->no_resumption && !naru__tls_remember(context)) {
        return NARU_ERR_MEMORY;
    }
    if (options->pinned_key) {
        status = naru__tls_pin(context, options->pinned_key);
    }
    if (status != NARU_OK) {
        return complain(reason, status, "the pinned key is no SHA-256 in base64, or there are more than 16");
    }
    tls->checks_names = !options->insecure;
    if (!options->insecure) {
        status = trust(context, options->ca_file, reason);
    }
    if (status == NARU_OK && options->certificate_file) {
        status = naru__tls_load_identity(context, options->certificate_file, options->key_file, reason);
    }
    if (status == NARU_OK && options->server_name) {
        status = copy_name(tls, options->server_name);
    }
    return status;
}

naru_status naru_tls_client_new(const naru_tls_client_options *options, naru_tls **tls_out, char *reason,
                                size_t reason_bytes)
{
    const naru_tls_client_options chosen = options ? *options : (naru_tls_client_options){0};
    naru_tls *tls = tls_new(naru__tls_context_new(false));
    if (!tls) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = configure_client(tls, &chosen, (naru__tls_reason){reason, reason_bytes});
    if (status != NARU_OK) {
        naru_tls_unref(tls);
        return status;
    }
    *tls_out = tls;
    return NARU_OK;
}
