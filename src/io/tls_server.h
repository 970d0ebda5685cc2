/* A server's TLS: from options to a context, and the options kept for reading them again. */
#ifndef NARU_IO_TLS_SERVER_H
#define NARU_IO_TLS_SERVER_H

#include <naru/tls.h>
#include <openssl/ssl.h>

/* Where it is told what went wrong. */
typedef struct naru__tls_reason {
    char *text; /* NULL: nowhere */
    size_t bytes;
} naru__tls_reason;

/* A context with all certificates of the options. errors as naru_tls_server_new. */
NARU_MUST_USE naru_status naru__tls_serve(const naru_tls_server_options *options, SSL_CTX **context_out,
                                          naru__tls_reason reason);

/* Options with all that they point at, in one block. errors NULL: no memory. */
typedef struct naru__tls_files naru__tls_files;
naru__tls_files *naru__tls_files_new(const naru_tls_server_options *options);
const naru_tls_server_options *naru__tls_files_options(const naru__tls_files *files);
void naru__tls_files_free(naru__tls_files *files); /* NULL is fine */

/* tls.c */
SSL_CTX *naru__tls_context_new(bool server); /* with what is allowed. errors NULL: no memory */
NARU_MUST_USE naru_status naru__tls_load_identity(SSL_CTX *context, const char *certificate_file, const char *key_file,
                                                  naru__tls_reason reason);
naru_status naru__tls_refuse(naru__tls_reason reason, const char *what, const char *file);

#endif
