/* <naru/http.h>: HTTP/1.1 heads, bodies, URLs and cookies as bytes in and facts out. Strict, incremental without ever
 * starting again, linear in time. Nothing here makes a system call.
 *
 * Not for: sockets, routes, files. Source: RFC 9110, RFC 9112, RFC 6265, WHATWG URL. */
#ifndef NARU_HTTP_H
#define NARU_HTTP_H

#include <naru/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- heads -------------------------------------------------------------------------------------------------- */

typedef enum naru_http_role { NARU_HTTP_REQUEST = 0, NARU_HTTP_RESPONSE = 1 } naru_http_role;

/* 0 in a field means its default. */
typedef struct naru_http_limits {
    uint32_t line_bytes_max; /* request or status line without its CRLF; 8192; passed: 414 */
    uint32_t head_bytes_max; /* whole head with both CRLFs; 16384; passed: 431 */
    uint32_t fields_max;     /* header fields; 100; passed: 431 */
} naru_http_limits;

typedef struct naru_http_field {
    naru_span name;  /* as sent; compare with naru_span_equal_nocase */
    naru_span value; /* without the blanks around it; bytes 0x80-0xff are passed on unaltered */
} naru_http_field;

/* One head being read, and then read. It owns a copy of the head's bytes. */
typedef struct naru_http_head naru_http_head;

/* shapes    limits NULL: the defaults. allocator NULL: the default one.
 * errors    NULL: no memory. thread any, one at a time. */
NARU_API NARU_MUST_USE naru_http_head *naru_http_head_new(naru_http_role role, const naru_http_limits *limits,
                                                          const naru_allocator *allocator);
NARU_API void naru_http_head_free(naru_http_head *head); /* NULL is fine */

/* Take bytes from the front of `in` up to the end of the head.
 *
 * lifetime  nothing of `in` is kept. On NARU_OK in stands at the first byte behind the head; calling again takes
 *           nothing.
 * errors    NARU_MORE: feed more. Anything negative: the head is bad, naru_http_head_fault says how, with the status
 *           that answers it (400, 414, 431, 505); every later call answers the same.
 * rules     CRLF only, no bare LF or CR, no obs-fold, no blank before the colon, no NUL, token names; at most one
 *           empty line is skipped before a request line; HTTP/1.0 and HTTP/1.1, a higher 1.x being read as 1.1
 *           (9110 2.5), any other major version is 505; one Host in an HTTP/1.1 request, none that is no host.
 *           Targets: visible ASCII without `#`; `*` only for OPTIONS, host:port for CONNECT and only for it; of
 *           absolute URIs only http, https, ws and wss, without user information.
 *           Content-Length: digits only, at most one field, one value, not beside Transfer-Encoding; Transfer-Encoding:
 *           exactly `chunked`, only in HTTP/1.1.
 * source    RFC 9112 2 to 6 */
NARU_API NARU_MUST_USE naru_status naru_http_head_feed(naru_http_head *head, naru_input *in);
NARU_API const naru_fault *naru_http_head_fault(const naru_http_head *head);

/* The parts of a complete head. All spans live as long as the head. */
NARU_API naru_span naru_http_head_method(const naru_http_head *head);
NARU_API naru_span naru_http_head_target(const naru_http_head *head); /* as sent */
NARU_API naru_span naru_http_head_path(const naru_http_head *head);   /* up to `?`; of absolute-form: its path */
NARU_API naru_span naru_http_head_query(const naru_http_head *head);  /* behind `?`, empty when there is none */
NARU_API int naru_http_head_minor(const naru_http_head *head);        /* 1 for HTTP/1.1, 0 for HTTP/1.0 */
NARU_API int naru_http_head_status(const naru_http_head *head);       /* of a response */
NARU_API naru_span naru_http_head_reason(const naru_http_head *head);
NARU_API size_t naru_http_head_count(const naru_http_head *head);
NARU_API naru_http_field naru_http_head_at(const naru_http_head *head, size_t index);
/* The value of the first field of that name, without case. false: there is none, value_out is unchanged. */
NARU_API bool naru_http_head_find(const naru_http_head *head, const char *name, naru_span *value_out);
/* How many fields have that name. */
NARU_API size_t naru_http_head_count_of(const naru_http_head *head, const char *name);
/* Does a comma-separated list field (all fields of that name joined, RFC 9110 5.3) hold this token, without case? */
NARU_API bool naru_http_head_has_token(const naru_http_head *head, const char *name, const char *token);
/* May the connection carry another request behind this one (Connection, version)? */
NARU_API bool naru_http_head_keeps_alive(const naru_http_head *head);

/* Walk the members of a comma-separated list value; quoted strings may hold commas. Start with *rest = the value.
 * false: no more. Empty members are skipped (RFC 9110 5.6.1). */
NARU_API bool naru_http_list_next(naru_span *rest, naru_span *member_out);
NARU_API bool naru_http_is_token(naru_span text);       /* RFC 9110 5.6.2, at least one character */
NARU_API bool naru_http_is_field_value(naru_span text); /* RFC 9110 5.5: no controls but tab, no outer blanks */
/* The usual phrase ("Not Found"); "" for a status without one. Static. */
NARU_API const char *naru_http_reason(int status);

/* ---- bodies ------------------------------------------------------------------------------------------------- */

/* How a body is read. Plain data: no memory to free. */
typedef struct naru_http_body {
    uint64_t left;      /* of the fixed body or of this chunk */
    uint64_t total;     /* body bytes seen */
    uint64_t bytes_max; /* more is NARU_ERR_TOO_BIG (413) */
    uint32_t line_bytes;
    uint32_t trailer_bytes;
    uint8_t kind;
    uint8_t state;
} naru_http_body;

/* Read the framing from a complete head. For a response say with has_body whether the request allows one (false
 * for HEAD); 1xx, 204 and 304 have none.
 * shapes    bytes_max: most body bytes accepted; 0 accepts only an empty body.
 * errors    NARU_ERR_TOO_BIG: Content-Length already says more. */
NARU_API NARU_MUST_USE naru_status naru_http_body_start(naru_http_body *body, const naru_http_head *head, bool has_body,
                                                        uint64_t bytes_max);
/* Take the next piece of the body from the front of `in`. piece_out points into `in`.
 * errors    NARU_OK: a piece of at least one byte. NARU_MORE: in is used up. NARU_END: the body is complete, in
 *           stands behind it. NARU_ERR_PROTOCOL: bad chunk. NARU_ERR_TOO_BIG: past bytes_max, or too much framing:
 *           trailers past 8 KiB, or chunk lines past 8 KiB when 16 bytes a chunk and one a byte of content are free.
 * A response without length ends with the connection: then NARU_END never comes. RFC 9112 6 and 7. */
NARU_API NARU_MUST_USE naru_status naru_http_body_next(naru_http_body *body, naru_input *in, naru_span *piece_out);
/* Does the body end only with the connection? */
NARU_API bool naru_http_body_until_close(const naru_http_body *body);

/* ---- URLs --------------------------------------------------------------------------------------------------- */

/* A parsed absolute URL of the schemes ws, wss, http, https, by the WHATWG rules: what a browser's WebSocket
 * constructor would make of it. Spans point into `text`, which the url owns.
 * shapes    host: lower case, IPv4 in dotted form, IPv6 in brackets, compressed. port: the number to connect to,
 *           also when the URL leaves it out. path begins with `/`. query without `?`. username and password as they
 *           stand in the URL, percent-encoded. */
typedef struct naru_url {
    naru_buf text; /* the serialised URL */
    naru_span scheme, username, password, host, path, query, fragment;
    uint16_t port;
    bool port_given; /* false: the scheme's default */
    bool query_given;
    bool fragment_given; /* `#` was there, even if nothing follows */
} naru_url;

/* errors    NARU_ERR_ARGUMENT: not a URL of these schemes; url is empty, reason_out (may be NULL) says why, static.
 *           NARU_ERR_UNSUPPORTED: a host with non-ASCII letters: turn it into its ASCII form (IDNA) first.
 *           NARU_ERR_MEMORY. Longer than 64 KiB is NARU_ERR_TOO_BIG. source WHATWG URL 4.4 */
NARU_API NARU_MUST_USE naru_status naru_url_parse(naru_url *url, naru_span text, const naru_allocator *allocator,
                                                  const char **reason_out);
NARU_API void naru_url_deinit(naru_url *url);
/* Is it one of the ports that browsers refuse (WHATWG Fetch 2.9, "bad port")? */
NARU_API bool naru_url_bad_port(uint16_t port);
/* Undo percent-encoding into buf. errors NARU_ERR_ARGUMENT: `%` without two hex digits. NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_url_decode(naru_span text, naru_buf *out);

/* ---- cookies ------------------------------------------------------------------------------------------------ */

/* Walk a Cookie field's value. Start with *rest = the value. false: no more. Pairs that are none are skipped.
 * source RFC 6265 5.4 and 4.2.1 */
NARU_API bool naru_cookie_next(naru_span *rest, naru_span *name_out, naru_span *value_out);

typedef enum naru_cookie_same_site {
    NARU_COOKIE_SAME_SITE_UNSET = 0,
    NARU_COOKIE_SAME_SITE_LAX,
    NARU_COOKIE_SAME_SITE_STRICT,
    NARU_COOKIE_SAME_SITE_NONE
} naru_cookie_same_site;

typedef struct naru_cookie {
    naru_span name, value, path, domain; /* path and domain: empty leaves the attribute out */
    int64_t max_age_s;                   /* used when has_max_age */
    bool has_max_age, secure, http_only;
    naru_cookie_same_site same_site;
} naru_cookie;

/* Append the value of a Set-Cookie field.
 * errors    NARU_ERR_ARGUMENT: a character that RFC 6265 4.1.1 forbids, or SameSite=None without Secure. */
NARU_API NARU_MUST_USE naru_status naru_cookie_write(naru_buf *out, const naru_cookie *cookie);

/* ---- writing ------------------------------------------------------------------------------------------------ */

/* Append a status line (reason NULL: the usual phrase), a request line, a field, or the end of a head. All check what
 * they write, so that no field can be smuggled in.
 * errors    NARU_ERR_ARGUMENT: a character that the grammar forbids; NARU_ERR_MEMORY. The buf is then unchanged. */
NARU_API NARU_MUST_USE naru_status naru_http_write_status(naru_buf *out, int status, const char *reason);
NARU_API NARU_MUST_USE naru_status naru_http_write_request(naru_buf *out, const char *method, naru_span target);
NARU_API NARU_MUST_USE naru_status naru_http_write_field(naru_buf *out, naru_span name, naru_span value);
NARU_API NARU_MUST_USE naru_status naru_http_write_end(naru_buf *out);

#ifdef __cplusplus
}
#endif
#endif
