/* What the files that read a head share. Not for: anything outside of src/http. */
#ifndef NARU_HTTP_HEAD_H
#define NARU_HTTP_HEAD_H

#include <naru/http.h>

/* A part of the head's bytes, which may still move. */
typedef struct naru__range {
    uint32_t begin;
    uint32_t size;
} naru__range;

typedef struct naru__field {
    naru__range name;
    naru__range value;
} naru__field;

typedef enum naru__head_state {
    NARU__HEAD_FIRST_LINE,
    NARU__HEAD_FIELDS,
    NARU__HEAD_COMPLETE,
    NARU__HEAD_FAILED
} naru__head_state;

struct naru_http_head {
    const naru_allocator *allocator;
    naru_buf bytes; /* from the first line on, as far as it has come */
    naru__field *fields;
    uint32_t fields_count;
    uint32_t fields_capacity;
    uint64_t name_sizes; /* bit n: a field's name has n bytes, or n and a multiple of 64 */
    naru_http_limits limits;
    naru_http_role role;
    naru__head_state state;
    uint32_t line;   /* where the line being read begins in bytes */
    uint8_t skipped; /* bytes of an empty line before the first */
    bool saw_cr;     /* the last byte was a CR */
    bool has_host, has_length, chunked;
    bool path_is_root; /* absolute-form without a path */
    int minor;
    int status;
    uint64_t length; /* Content-Length */
    naru__range method, target, path, query, reason;
    naru_fault fault;
};

static inline naru_span naru__head_span(const naru_http_head *head, naru__range range)
{
    return (naru_span){head->bytes.data + range.begin, range.size};
}
static inline naru__range naru__range_of(size_t begin, size_t size)
{
    return (naru__range){(uint32_t)begin, (uint32_t)size};
}

/* Each fails the head for good and answers the failure. at: an index into bytes. http_status counts for
 * requests. */
naru_status naru__head_bad(naru_http_head *head, size_t at, const char *rule, const char *text);
naru_status naru__head_fail(naru_http_head *head, naru_status status, uint16_t http_status, size_t at, const char *rule,
                            const char *text);

/* How many bytes at the front are no control characters, a tab being none of them. */
size_t naru__line_scan(const uint8_t *text, size_t size);
/* The first line, whole and without its CRLF: bytes[head->line ..]. */
NARU_MUST_USE naru_status naru__head_request_line(naru_http_head *head, naru_span line);
NARU_MUST_USE naru_status naru__head_status_line(naru_http_head *head, naru_span line);
/* The target's form, its path and its query. */
NARU_MUST_USE naru_status naru__head_target(naru_http_head *head);
/* One field line, likewise. */
NARU_MUST_USE naru_status naru__head_field(naru_http_head *head, naru_span line);
/* What only a whole head can break. */
NARU_MUST_USE naru_status naru__head_finish(naru_http_head *head);

#endif
