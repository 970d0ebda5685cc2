/* <naru/json.h>: JSON read where it lies and written into a buf. There is no tree and no recursion: a text is checked
 * once, within limits, and then each value is a piece of it. Nothing here makes a system call, and only the writer
 * and the unescaping of a string take memory.
 *
 *   naru_json value, name;
 *   if (naru_json_read(text, NULL, &value, &fault) == NARU_OK && naru_json_find(value, "name", &name)) ...
 *
 * Not for: trees, queries, schemas. Source: RFC 8259; what it leaves open is as in ECMAScript's JSON.parse. */
#ifndef NARU_JSON_H
#define NARU_JSON_H

#include <naru/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NARU_JSON_DEPTH_MAX = 1024 };

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* 0 in a field means its default. */
typedef struct naru_json_limits {
    size_t bytes_max;   /* of the text; 1 MiB */
    uint32_t depth_max; /* arrays and objects inside one another; 128, at most NARU_JSON_DEPTH_MAX */
    uint32_t keys_max;  /* members of all objects together; 65536 */
    bool trust_utf8;    /* the text is known to be UTF-8, as that of a WebSocket message is: do not look again */
} naru_json_limits;

typedef enum naru_json_kind {
    NARU_JSON_NONE = 0, /* no value: all zero */
    NARU_JSON_NULL = 1,
    NARU_JSON_BOOL = 2,
    NARU_JSON_NUMBER = 3,
    NARU_JSON_STRING = 4,
    NARU_JSON_ARRAY = 5,
    NARU_JSON_OBJECT = 6
} naru_json_kind;

/* One value of a checked text: exactly its bytes, without blanks around it. Passed by value.
 * lifetime  as long as the text; it owns nothing. Only what came from this header may be read as one. */
typedef struct naru_json {
    naru_span text;
} naru_json;

/* Is the text one JSON value and nothing else but blanks?
 *
 * shapes    limits NULL: the defaults. fault_out may be NULL; it gets the offset of the first bad byte.
 * errors    NARU_ERR_PROTOCOL: against the grammar. NARU_ERR_UTF8. NARU_ERR_TOO_BIG: bytes_max. NARU_ERR_TOO_MANY:
 *           depth_max or keys_max.
 * rules     the grammar exactly: no byte order mark, no comments, no trailing commas, no NaN. A \u escape that is half
 *           a pair is accepted, as JSON.parse does; unescaped it is U+FFFD, so strings are always UTF-8. Keys may come
 *           twice, and "__proto__" is a key like any other.
 * thread    any        source    RFC 8259 2 to 8 */
NARU_API NARU_MUST_USE naru_status naru_json_check(naru_span text, const naru_json_limits *limits,
                                                   naru_fault *fault_out);
/* The same, and the value. value_out is written only on NARU_OK. */
NARU_API NARU_MUST_USE naru_status naru_json_read(naru_span text, const naru_json_limits *limits, naru_json *value_out,
                                                  naru_fault *fault_out);

NARU_API naru_json_kind naru_json_kind_of(naru_json value);
NARU_API bool naru_json_is(naru_json value, naru_json_kind kind);

/* Values as numbers, bools and strings. Outputs are written only on NARU_OK.
 * errors    NARU_ERR_ARGUMENT: it is not of that kind; of a number: it is written with a fraction or an exponent and
 *           an integer was asked for. NARU_ERR_TOO_BIG: the number does not fit.
 * rules     double: the nearest one, ties to even; too small is 0; -0 stays -0. */
NARU_API NARU_MUST_USE naru_status naru_json_bool(naru_json value, bool *out);
NARU_API NARU_MUST_USE naru_status naru_json_int64(naru_json value, int64_t *out);
NARU_API NARU_MUST_USE naru_status naru_json_uint64(naru_json value, uint64_t *out);
NARU_API NARU_MUST_USE naru_status naru_json_double(naru_json value, double *out);

/* A string's characters. Without escapes they are a span of the text itself; else they are unescaped into scratch,
 * whose content is replaced.
 * lifetime  as long as the text, and until scratch changes.
 * errors    NARU_ERR_ARGUMENT: not a string. NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_json_string(naru_json value, naru_buf *scratch, naru_span *out);
/* The same into bytes of the caller. What is unescaped is never longer than value.text.
 * errors    NARU_ERR_ARGUMENT: not a string. NARU_ERR_TOO_BIG: more than capacity bytes; out is then spoilt. */
NARU_API NARU_MUST_USE naru_status naru_json_string_copy(naru_json value, char *out, size_t capacity, size_t *size_out);
/* A string without escapes as it stands, and false for everything else. */
NARU_API bool naru_json_string_plain(naru_json value, naru_span *out);
/* Is it a string of these characters, however they were escaped? */
NARU_API bool naru_json_string_equal(naru_json value, naru_span characters);

/* Walk the elements of an array or the members of an object: start with naru_json_each, then call next until false.
 * A value that has neither elements nor members has none. */
typedef struct naru_json_iter {
    naru_span rest;
} naru_json_iter;
NARU_API naru_json_iter naru_json_each(naru_json value);
/* key_out: the member's key, a string; NARU_JSON_NONE in an array. NULL: not wanted. */
NARU_API bool naru_json_next(naru_json_iter *iter, naru_json *key_out, naru_json *value_out);
/* The member of that key, the last one if there are several (as JSON.parse). false: not an object, or no such key. */
NARU_API bool naru_json_find(naru_json object, const char *key, naru_json *value_out);
/* The element at `index`, from 0. false: not an array, or too short. Linear in the array's text. */
NARU_API bool naru_json_at(naru_json array, size_t index, naru_json *value_out);
/* How many elements or members. Linear in the text. */
NARU_API size_t naru_json_count(naru_json value);

/* ---- token by token ----------------------------------------------------------------------------------------- */

/* All of a value in one pass, for those who turn it into something else. */
typedef enum naru_json_token_kind {
    NARU_JSON_TOKEN_VALUE = 0, /* null, bool, number or string; `value` is it */
    NARU_JSON_TOKEN_KEY = 1,   /* `value` is the key, its value comes next */
    NARU_JSON_TOKEN_ARRAY = 2,
    NARU_JSON_TOKEN_ARRAY_END = 3,
    NARU_JSON_TOKEN_OBJECT = 4,
    NARU_JSON_TOKEN_OBJECT_END = 5
} naru_json_token_kind;

typedef struct naru_json_token {
    naru_json_token_kind kind;
    naru_json value;
} naru_json_token;

/* Start with *rest = value.text. false: no more. */
NARU_API bool naru_json_token_next(naru_span *rest, naru_json_token *token_out);

/* ---- writing ------------------------------------------------------------------------------------------------ */

enum {
    NARU_JSON_ESCAPE_LINES = 1 /* U+2028 and U+2029 as escapes: the text may stand in JavaScript */
};

/* One value on its way into a buf: commas and colons come by themselves. The first failure stays, and every later call
 * does nothing: it is enough to look at naru_json_writer_finish. Do not write the fields. */
typedef struct naru_json_writer {
    naru_buf *out;
    size_t start_bytes; /* what out held before */
    naru_status status;
    uint32_t flags;
    uint32_t depth;
    bool started; /* something stands before: the next one needs a comma, or is one too many */
    bool keyed;   /* a key was written, its value is due */
    uint64_t objects[NARU_JSON_DEPTH_MAX / 64]; /* a bit for each open level: is it an object? */
} naru_json_writer;

/* Appends to out, which must stay and which nobody else changes until the writer is finished. */
NARU_API void naru_json_writer_init(naru_json_writer *writer, naru_buf *out, uint32_t flags);
/* Done. On failure out is as it was before naru_json_writer_init.
 * errors    NARU_ERR_MEMORY. NARU_ERR_UTF8: a string was not UTF-8. NARU_ERR_TOO_MANY: too deep. NARU_ERR_STATE: no
 *           value, more than one, something left open, a key without a value, a value without a key, a wrong end. */
NARU_API NARU_MUST_USE naru_status naru_json_writer_finish(naru_json_writer *writer);

NARU_API void naru_json_write_array(naru_json_writer *writer);
NARU_API void naru_json_write_array_end(naru_json_writer *writer);
NARU_API void naru_json_write_object(naru_json_writer *writer);
NARU_API void naru_json_write_object_end(naru_json_writer *writer);
NARU_API void naru_json_write_key(naru_json_writer *writer, naru_span key);
NARU_API void naru_json_write_string(naru_json_writer *writer, naru_span characters);
NARU_API void naru_json_write_null(naru_json_writer *writer);
NARU_API void naru_json_write_bool(naru_json_writer *writer, bool value);
NARU_API void naru_json_write_int64(naru_json_writer *writer, int64_t value);
NARU_API void naru_json_write_uint64(naru_json_writer *writer, uint64_t value);
/* The shortest digits that read back as the same number, as JavaScript prints them; what is not finite is null.
 * source    ECMA-262 6.1.6.1.20, 25.5.2 */
NARU_API void naru_json_write_double(naru_json_writer *writer, double value);
/* JSON text as it stands, which the caller knows to be one value. */
NARU_API void naru_json_write_raw(naru_json_writer *writer, naru_span value);

#ifdef __cplusplus
}
#endif
#endif
