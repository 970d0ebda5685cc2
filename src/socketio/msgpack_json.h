/* Values of MessagePack on their way to JSON: what msgpack_json.c does for msgpack_read.c.
 * Not for: the packet around them. Source: the MessagePack specification; notepack.io 2.2. */
#ifndef NARU_SOCKETIO_MSGPACK_JSON_H
#define NARU_SOCKETIO_MSGPACK_JSON_H

#include <naru/json.h>

/* An array or map that is open: how many elements or members are still to come. */
typedef struct naru__msgpack_level {
    uint32_t left;
    bool map;
} naru__msgpack_level;

typedef struct naru__msgpack_reader {
    naru_span in;
    size_t at;
    naru_json_writer out;
    size_t json_bytes_max;
    naru_span *spans;
    uint32_t spans_count;
    uint32_t spans_max;
    size_t span_bytes_left;
    uint32_t keys_left;
    uint32_t depth_max;
    uint32_t depth;
    naru_fault *fault; /* may be NULL */
    naru_status status;
    naru__msgpack_level levels[NARU_JSON_DEPTH_MAX];
} naru__msgpack_reader;

/* All of these: false once something is wrong; status and fault then say what, and the first failure stays. */

bool naru__msgpack_fail(naru__msgpack_reader *r, naru_status status, const char *text);
/* `size` bytes, the highest first. */
bool naru__msgpack_uint(naru__msgpack_reader *r, size_t size, uint64_t *out);
/* A string's bytes; they stay in the message. */
bool naru__msgpack_key(naru__msgpack_reader *r, naru_span *out);
/* Does notepack's `undefined` come next, three bytes? */
bool naru__msgpack_at_undefined(const naru__msgpack_reader *r);
/* One whole value, appended to text as JSON. */
bool naru__msgpack_json(naru__msgpack_reader *r, naru_buf *text);

#endif
