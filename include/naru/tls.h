/* <naru/tls.h>: certificates and checks, made once and shared by many connections. OpenSSL 3 is behind it and not seen.
 *
 * TLS 1.2 at least, no compression, no renegotiation, no early data, ALPN http/1.1 and, if asked for, h2. A client
 * checks the chain and the name unless told not to. Source: RFC 8446, RFC 9325. */
#ifndef NARU_TLS_H
#define NARU_TLS_H

#include <naru/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reference counted. Threads may share it; all but naru_tls_reload leaves it as it was made. */
typedef struct naru_tls naru_tls;

/* A certificate and its key. */
typedef struct naru_tls_identity {
    const char *certificate_file; /* PEM, the leaf first, then its chain */
    const char *key_file;         /* PEM; NULL: in certificate_file */
} naru_tls_identity;

typedef struct naru_tls_server_options {
    const char *certificate_file; /* PEM, the leaf first, then its chain */
    const char *key_file;         /* PEM; NULL: in certificate_file */
    const char *client_ca_file;   /* PEM; not NULL: clients must show a certificate that it signed */
    bool client_optional;         /* with client_ca_file: they may also show none; a bad one still ends the handshake */
    /* More of them: the first whose certificate is for the name that the client asks for (SNI), wildcards included;
     * without such a name or such a certificate, the one above. At most 1024; copied. */
    const naru_tls_identity *identities;
    size_t identities_count;
    /* Offer HTTP/2 as well, and prefer it (ALPN h2, then http/1.1). Servers speak it with whoever chooses it: requests
     * as over HTTP/1.1, and WebSockets by extended CONNECT. source RFC 9113 3.2, RFC 8441 */
    bool http2;
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
    bool no_resumption;           /* do not remember sessions (16 names at most, each used once), which make the next
                                   * handshake with the same name short: then no server can tell that we come again */
} naru_tls_client_options;

/* errors    NARU_ERR_ARGUMENT: a pinned key is no SHA-256 in base64, or there are more than 16; reason is told too.
 *           NARU_ERR_TLS: a file cannot be read or does not fit; reason (may be NULL, else reason_bytes long) is
 * told which
 *           and why. NARU_ERR_MEMORY. *tls_out is unchanged on failure. */
NARU_API NARU_MUST_USE naru_status naru_tls_server_new(const naru_tls_server_options *options, naru_tls **tls_out,
                                                       char *reason, size_t reason_bytes);
/* Read a server's files again, and use what they hold from the next handshake on; connections that are there stay as
 * they are. If anything does not fit, all stays as it was. It also draws new keys for session tickets, so that sessions
 * from before it begin with a whole handshake: reload now and then, where TLS 1.2 clients are to have forward secrecy.
 *
 * shapes    options NULL: the files that it was made from, by the same names.
 * errors    as naru_tls_server_new. NARU_ERR_STATE: it is a client's. thread: any. */
NARU_API NARU_MUST_USE naru_status naru_tls_reload(naru_tls *tls, const naru_tls_server_options *options, char *reason,
                                                   size_t reason_bytes);
NARU_API NARU_MUST_USE naru_status naru_tls_client_new(const naru_tls_client_options *options, naru_tls **tls_out,
                                                       char *reason, size_t reason_bytes);
NARU_API naru_tls *naru_tls_ref(naru_tls *tls);
NARU_API void naru_tls_unref(naru_tls *tls); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
