/* Proxies: which one, and how it is asked to reach a server. Bytes in and bytes out; the stream is route.c's.
 *
 *   proxy.c             its URL            proxy_environment.c   which one, by options and environment
 *   proxy_http.c        CONNECT            proxy_except.c        which hosts are reached without
 *   proxy_socks5.c      SOCKS5 */
#ifndef NARU_CLIENT_PROXY_H
#define NARU_CLIENT_PROXY_H

#include <naru/client.h>

enum { NARU__HOST_BYTES_MAX = 1024 }; /* of what is dialled; names have at most 253, paths of sockets 107 */

/* ---- proxy.c ------------------------------------------------------------------------------------------------ */

typedef enum naru__proxy_kind { NARU__PROXY_NONE = 0, NARU__PROXY_HTTP, NARU__PROXY_SOCKS5 } naru__proxy_kind;

/* All zero is none. */
typedef struct naru__proxy {
    naru__proxy_kind kind;
    bool has_credentials;
    bool resolves_here; /* names are resolved by us, and the proxy is told an address */
    bool secure;        /* it is spoken to by TLS */
    uint16_t port;
    naru_buf user, password; /* decoded */
    char host[NARU__HOST_BYTES_MAX];
} naru__proxy;

/* errors    NARU_ERR_ARGUMENT: *reason_out says why; NARU_ERR_MEMORY. proxy is none then.
 * shapes    text: as naru_client_options.proxy. */
NARU_MUST_USE naru_status naru__proxy_parse(naru__proxy *proxy, naru_span text, const naru_allocator *allocator,
                                            const char **reason_out);
void naru__proxy_deinit(naru__proxy *proxy);

/* Copy text with a NUL and without the brackets of an IPv6 address. false: empty or too long. */
NARU_MUST_USE bool naru__host_copy(char to[NARU__HOST_BYTES_MAX], naru_span text);

/* ---- proxy_environment.c ------------------------------------------------------------------------------------ */

/* The proxies of one client, for any URL that it may be led to. */
typedef struct naru__proxies {
    naru_buf plain;  /* for ws; empty: none */
    naru_buf secure; /* for wss */
    naru_buf except;
} naru__proxies;

NARU_MUST_USE naru_status naru__proxies_choose(naru__proxies *proxies, const naru_client_options *options,
                                               const naru_allocator *allocator);
void naru__proxies_deinit(naru__proxies *proxies);
/* The text of url's proxy; empty: none. */
naru_span naru__proxies_find(const naru__proxies *proxies, const naru_url *url);

/* ---- proxy_except.c ----------------------------------------------------------------------------------------- */

/* Does a no_proxy list name this host? host: as a naru_url has it. */
bool naru__proxy_excepts(naru_span list, naru_span host, uint16_t port);

/* ---- proxy_http.c ------------------------------------------------------------------------------------------- */

/* Append the CONNECT request for host (without brackets) and port. errors NARU_ERR_ARGUMENT: host has characters
 * that HTTP forbids; NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__proxy_http_write(naru_buf *out, const naru__proxy *proxy, const char *host,
                                                 uint16_t port);
/* Does this answer to CONNECT mean that the way is open? */
bool naru__proxy_http_agrees(const naru_http_head *head);

/* ---- proxy_socks5.c ----------------------------------------------------------------------------------------- */

typedef enum naru__socks5_step {
    NARU__SOCKS5_METHOD = 0,
    NARU__SOCKS5_LOGIN,
    NARU__SOCKS5_REPLY,
    NARU__SOCKS5_ADDRESS,
    NARU__SOCKS5_REST,
    NARU__SOCKS5_DONE,
    NARU__SOCKS5_FAILED
} naru__socks5_step;

typedef struct naru__socks5 {
    const naru__proxy *proxy; /* these two are borrowed */
    const char *host;
    uint16_t port;
    uint16_t skip; /* of the address that it bound */
    uint8_t step;
    uint8_t reply; /* 1928 6, what its reply says; 0: nothing bad so far */
    uint8_t have_bytes;
    uint8_t have[3];
    naru_status status; /* of the failure */
    const char *text;   /* what went wrong, static */
} naru__socks5;

/* Begin to ask for host (a name, or a numeric address without brackets) and port.
 * errors    NARU_ERR_NAME: the host is longer than the 255 bytes that there is room for. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__socks5_start(naru__socks5 *self, const naru__proxy *proxy, const char *host,
                                             uint16_t port, naru_buf *out);
/* Take bytes from the front of `in`, and append what is to be said next to out.
 * errors    NARU_OK: the way is open; `in` stands behind the answer. NARU_MORE. NARU_ERR_PROTOCOL,
 *           NARU_ERR_REFUSED: self->text says what, every later call answers the same. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__socks5_feed(naru__socks5 *self, naru_input *in, naru_buf *out);

#endif
