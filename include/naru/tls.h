/* <naru/tls.h>: certificates and checks, made once and shared by many connections. OpenSSL 3 is behind it and not seen.
 *
 * TLS 1.2 at least, no compression, no renegotiation, no early data, ALPN http/1.1. A client checks the chain and the
 * name unless told not to. Source: RFC 8446, RFC 9325. */
#ifndef NARU_TLS_H
#define NARU_TLS_H

#include <naru/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reference counted; immutable once made, so that threads may share it. */
typedef struct naru_tls naru_tls;

typedef struct naru_tls_server_options {
    const char *certificate_file; /* PEM, the leaf first, then its chain */
    const char *key_file;         /* PEM; NULL: in certificate_file */
    const char *client_ca_file;   /* PEM; not NULL: clients must show a certificate that it signed */
} naru_tls_server_options;

typedef struct naru_tls_client_options {
    const char *ca_file;          /* PEM; NULL: the system's authorities */
    const char *certificate_file; /* our own, if the server wants one; NULL: none */
    const char *key_file;         /* NULL: in certificate_file */
    const char *server_name;      /* for SNI and the check; NULL: the URL's host */
    bool insecure;                /* check nothing. Only for trying things out */
    const char *pinned_key;       /* accept only this public key: the SHA-256 of its SubjectPublicKeyInfo (DER) in
                                   * base64, or several, separated by `;`. Checked beside all else, and with insecure
                                   * alone; NULL: any */
} naru_tls_client_options;

/* errors    NARU_ERR_ARGUMENT: a pinned key is no SHA-256 in base64, or there are more than 16; reason is told too.
 *           NARU_ERR_TLS: a file cannot be read or does not fit; reason (may be NULL, else reason_bytes long) is
 * told which
 *           and why. NARU_ERR_MEMORY. *tls_out is unchanged on failure. */
NARU_API NARU_MUST_USE naru_status naru_tls_server_new(const naru_tls_server_options *options, naru_tls **tls_out,
                                                       char *reason, size_t reason_bytes);
NARU_API NARU_MUST_USE naru_status naru_tls_client_new(const naru_tls_client_options *options, naru_tls **tls_out,
                                                       char *reason, size_t reason_bytes);
NARU_API naru_tls *naru_tls_ref(naru_tls *tls);
NARU_API void naru_tls_unref(naru_tls *tls); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
