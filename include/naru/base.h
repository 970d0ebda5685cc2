/* <naru/base.h>: what every other header stands on: statuses, borrowed bytes, owned bytes, the allocator, faults and
 * entropy. Nothing here makes a system call.
 *
 * Not for: protocols. Source: none but the C standard. */
#ifndef NARU_BASE_H
#define NARU_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define NARU_API __attribute__((visibility("default")))
#define NARU_MUST_USE __attribute__((warn_unused_result))
#define NARU_PRINTF(format_index, first_index) __attribute__((format(printf, format_index, first_index)))
#else
#define NARU_API
#define NARU_MUST_USE
#define NARU_PRINTF(format_index, first_index)
#endif

/* ---- status ------------------------------------------------------------------------------------------------- */

/* What a fallible call answers: 0 is fine, a positive value is a normal answer, a negative one a failure. Values are
 * stable: new ones are added at the end of each group. */
typedef enum naru_status {
    NARU_OK = 0,
    NARU_MORE = 1, /* all input was taken, and it was not enough: feed more */
    NARU_FULL = 2, /* done, and the queue is now above its high mark: wait for drain */
    NARU_END = 3,  /* nothing more will come */

    NARU_ERR_MEMORY = -1,      /* the allocator answered NULL */
    NARU_ERR_ARGUMENT = -2,    /* the caller's argument breaks a rule that this function's comment states */
    NARU_ERR_STATE = -3,       /* the call does not fit the object's state: not open, closing, already answered */
    NARU_ERR_ENTROPY = -4,     /* too few random bytes were handed over: refill and call again, nothing was changed */
    NARU_ERR_PROTOCOL = -5,    /* the peer broke a rule of the protocol */
    NARU_ERR_TOO_BIG = -6,     /* the peer passed a limit that counts bytes */
    NARU_ERR_TOO_MANY = -7,    /* the peer passed a limit that counts pieces or their rate */
    NARU_ERR_UTF8 = -8,        /* text that is not UTF-8 */
    NARU_ERR_DEFLATE = -9,     /* compressed bytes that do not inflate */
    NARU_ERR_TIMEOUT = -10,    /* a deadline passed */
    NARU_ERR_CLOSED = -11,     /* the connection ended without a closing handshake */
    NARU_ERR_REFUSED = -12,    /* the peer or a policy said no */
    NARU_ERR_NAME = -13,       /* a host name did not resolve */
    NARU_ERR_CONNECT = -14,    /* no address of the host took the connection */
    NARU_ERR_TLS = -15,        /* the TLS handshake, a certificate or a record failed */
    NARU_ERR_SYSTEM = -16,     /* the operating system refused; the log hook got errno's text */
    NARU_ERR_UNSUPPORTED = -17 /* known, and deliberately not done; the function's comment says why */
} naru_status;

/* The status's name ("NARU_ERR_UTF8") and one English sentence for it. Never NULL, static, any thread. */
NARU_API const char *naru_status_name(naru_status status);
NARU_API const char *naru_status_text(naru_status status);

/* What went wrong with a connection, in full. A failed object fills it once.
 *
 * shapes    close_code: 6455 7.4 code that was or would be sent, 0 none. http_status: the status that answers a bad
 *           request or that the server gave, 0 none. offset: bytes of the peer's stream before the first bad one.
 *           rule: where it is written ("6455 5.5"), never NULL once filled. text: one fixed English sentence.
 * lifetime  rule and text are static. */
typedef struct naru_fault {
    naru_status status;
    uint16_t close_code;
    uint16_t http_status;
    uint64_t offset;
    const char *rule;
    const char *text;
} naru_fault;

/* ---- borrowed bytes ----------------------------------------------------------------------------------------- */

/* Bytes that belong to somebody else. data may be NULL only if size is 0. */
typedef struct naru_span {
    const uint8_t *data;
    size_t size;
} naru_span;

/* A span over a NUL-terminated string without its NUL; NULL gives the empty span. Any thread. */
NARU_API naru_span naru_span_of(const char *text);
NARU_API bool naru_span_equal(naru_span a, naru_span b);
/* Equal when ASCII letters are compared without case, as HTTP compares names. */
NARU_API bool naru_span_equal_nocase(naru_span a, naru_span b);

/* Bytes on their way into a parser, and how far it has come: a call takes from the front. The parser may change the
 * bytes in place (unmasking), and events may point into them.
 * lifetime  the bytes must stay until the events made from them have been handled. */
typedef struct naru_input {
    uint8_t *data;
    size_t size;
} naru_input;

/* ---- memory ------------------------------------------------------------------------------------------------- */

/* The one way naru takes memory. resize(user, NULL, 0, n) allocates, resize(user, p, old, 0) frees and answers NULL,
 * anything else moves. old_bytes is always what was asked for p. NULL for new_bytes > 0 means no memory; p is then
 * unchanged. Blocks are aligned for any type.
 * thread    called on the thread that owns the object. */
typedef struct naru_allocator {
    void *(*resize)(void *user, void *block, size_t old_bytes, size_t new_bytes);
    void *user;
} naru_allocator;

/* malloc, realloc and free. Never NULL, static, any thread. NULL where an allocator is asked for means this one. */
NARU_API const naru_allocator *naru_allocator_default(void);

/* Owned bytes that grow at the end and are taken from the front. All zero is the empty one.
 * data[begin .. end) is the content; begin moves when content is taken. Do not write the fields. */
typedef struct naru_buf {
    const naru_allocator *allocator;
    uint8_t *data;
    size_t begin;
    size_t end;
    size_t capacity;
} naru_buf;

/* allocator NULL: the default one. It must outlive the buf. */
NARU_API void naru_buf_init(naru_buf *buf, const naru_allocator *allocator);
/* Gives the memory back; the buf is empty and may be used again. */
NARU_API void naru_buf_deinit(naru_buf *buf);
NARU_API naru_span naru_buf_span(const naru_buf *buf);
/* Make room for `bytes` more at the end and answer where to write them; then naru_buf_commit what was written.
 * errors    NULL: no memory, the buf is unchanged. */
NARU_API NARU_MUST_USE uint8_t *naru_buf_reserve(naru_buf *buf, size_t bytes);
NARU_API void naru_buf_commit(naru_buf *buf, size_t bytes);
/* errors    NARU_ERR_MEMORY, the buf is unchanged. */
NARU_API NARU_MUST_USE naru_status naru_buf_append(naru_buf *buf, naru_span bytes);
/* Drop bytes at the front (at most the content's size). An emptied buf keeps its memory; see naru_buf_deinit. */
NARU_API void naru_buf_take(naru_buf *buf, size_t bytes);

/* ---- randomness --------------------------------------------------------------------------------------------- */

/* Random bytes that the caller drew and a dry room spends: masks and nonces (6455 5.3, 10.3: unpredictable). Each is
 * used once. Hand over at least 64 unspent bytes with each call that may send; a server's side spends none. */
typedef struct naru_entropy {
    const uint8_t *bytes;
    size_t size; /* of bytes */
    size_t used; /* how many of them are spent */
} naru_entropy;

/* ---- text --------------------------------------------------------------------------------------------------- */

/* Is it UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF)? Any thread. */
NARU_API bool naru_utf8_valid(naru_span text);

/* Base64 with padding (RFC 4648 4). encode writes 4 * ceil(size / 3) characters and no NUL, and answers how many.
 * decode is strict: no blanks, padding required, spare bits zero; out holds 3 * (size / 4) bytes.
 * errors    decode: NARU_ERR_PROTOCOL, out may be written to in part. Any thread. */
NARU_API size_t naru_base64_encode(naru_span bytes, char *out);
NARU_API NARU_MUST_USE naru_status naru_base64_decode(naru_span text, uint8_t *out, size_t *out_size);

#ifdef __cplusplus
}
#endif
#endif
