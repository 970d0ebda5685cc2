/* A head that arrives in pieces: cut into lines, within limits. Each byte is looked at twice at most, as it
 * arrives and when its line is whole; nothing begins again. What the lines mean is in line.c, target.c and
 * field.c.
 *
 * Not for: bodies. Source: RFC 9112 2.2. */
#include "head.h"

#include "base/memory.h"

enum {
    LINE_BYTES_DEFAULT = 8192,
    HEAD_BYTES_DEFAULT = 16384,
    FIELDS_DEFAULT = 100,
    BYTES_AT_FIRST = 512,
    CRLF_BYTES = 2
};

/* Offsets are 32 bits wide, with room for a blank line. */
static const uint32_t HEAD_BYTES_LIMIT = UINT32_MAX - 16;

static naru_http_limits limits_or_defaults(const naru_http_limits *limits)
{
    naru_http_limits all = limits ? *limits : (naru_http_limits){0};
    all.line_bytes_max = all.line_bytes_max ? all.line_bytes_max : LINE_BYTES_DEFAULT;
    all.head_bytes_max = all.head_bytes_max ? all.head_bytes_max : HEAD_BYTES_DEFAULT;
    all.fields_max = all.fields_max ? all.fields_max : FIELDS_DEFAULT;
    all.head_bytes_max = all.head_bytes_max < HEAD_BYTES_LIMIT ? all.head_bytes_max : HEAD_BYTES_LIMIT;
    return all;
}

naru_http_head *naru_http_head_new(naru_http_role role, const naru_http_limits *limits, const naru_allocator *allocator)
{
    allocator = naru__allocator_or_default(allocator);
    naru_http_head *head = naru__alloc_zero(allocator, sizeof *head);
    if (!head) {
        return NULL;
    }
    head->allocator = allocator;
    head->role = role;
    head->limits = limits_or_defaults(limits);
    naru_buf_init(&head->bytes, allocator);
    return head;
}

void naru_http_head_free(naru_http_head *head)
{
    if (!head) {
        return;
    }
    naru_buf_deinit(&head->bytes);
    naru__free(head->allocator, head->fields, head->fields_capacity * sizeof *head->fields);
    naru__free(head->allocator, head, sizeof *head);
}

const naru_fault *naru_http_head_fault(const naru_http_head *head)
{
    return &head->fault;
}

naru_status naru__head_fail(naru_http_head *head, naru_status status, uint16_t http_status, size_t at, const char *rule,
                            const char *text)
{
    head->state = NARU__HEAD_FAILED;
    head->fault = (naru_fault){
        .status = status,
        .http_status = head->role == NARU_HTTP_REQUEST ? http_status : 0,
        .offset = (uint64_t)at + head->skipped,
        .rule = rule,
        .text = text,
    };
    return status;
}

naru_status naru__head_bad(naru_http_head *head, size_t at, const char *rule, const char *text)
{
    return naru__head_fail(head, NARU_ERR_PROTOCOL, 400, at, rule, text);
}

/* Move `size` bytes, which fit the limits, from the input to the head. */
static naru_status keep(naru_http_head *head, naru_input *in, size_t size)
{
    if (head->bytes.capacity == 0 && !naru_buf_reserve(&head->bytes, BYTES_AT_FIRST)) {
        return naru__head_fail(head, NARU_ERR_MEMORY, 503, 0, "memory", "No memory for the head.");
    }
    if (naru_buf_append(&head->bytes, (naru_span){in->data, size}) != NARU_OK) {
        return naru__head_fail(head, NARU_ERR_MEMORY, 503, head->bytes.end, "memory", "No memory for the head.");
    }
    in->data += size;
    in->size -= size;
    return NARU_OK;
}

static naru_status first_line(naru_http_head *head, naru_span line)
{
    if (line.size > 0) {
        head->state = NARU__HEAD_FIELDS;
        return head->role == NARU_HTTP_REQUEST ? naru__head_request_line(head, line)
                                               : naru__head_status_line(head, line);
    }
    /* 9112 2.2: a server should ignore an empty line before the request line. One is enough. */
    if (head->role != NARU_HTTP_REQUEST || head->skipped > 0) {
        return naru__head_bad(head, 0, "9112 2.2", "An empty line stands where the head should begin.");
    }
    naru_buf_take(&head->bytes, CRLF_BYTES);
    head->skipped = CRLF_BYTES;
    return NARU_OK;
}

static naru_status end_line(naru_http_head *head)
{
    naru_span line = {head->bytes.data + head->line, head->bytes.end - head->line - CRLF_BYTES};
    naru_status status;
    head->saw_cr = false;
    if (head->state == NARU__HEAD_FIRST_LINE) {
        status = first_line(head, line);
    } else if (line.size > 0) {
        status = naru__head_field(head, line);
    } else {
        status = naru__head_finish(head);
    }
    head->line = (uint32_t)head->bytes.end;
    return status;
}

static naru_status refuse_byte(naru_http_head *head, uint8_t byte)
{
    size_t at = head->bytes.end;
    if (byte == '\n') {
        return naru__head_bad(head, at, "9112 2.2", "A line ends with LF alone.");
    }
    return naru__head_bad(head, at, "9110 5.5", byte == 0 ? "A NUL in the head." : "A control character in the head.");
}

static naru_status too_long(naru_http_head *head)
{
    if (head->bytes.end >= head->limits.head_bytes_max) {
        return naru__head_fail(head, NARU_ERR_TOO_BIG, 431, head->bytes.end, "6585 5", "The head is too long.");
    }
    return naru__head_fail(head, NARU_ERR_TOO_BIG, 414, head->bytes.end, "9112 3", "The first line is too long.");
}

/* How many more bytes the line may have before its CR. */
static size_t line_room(const naru_http_head *head)
{
    size_t room = head->limits.head_bytes_max - head->bytes.end;
    size_t first_line_room = head->limits.line_bytes_max - (head->bytes.end - head->line);
    return head->state == NARU__HEAD_FIRST_LINE && first_line_room < room ? first_line_room : room;
}

/* Does the line end right behind `size` bytes of text, and fit with its end? */
static bool is_whole(const naru_http_head *head, const naru_input *in, size_t size)
{
    return in->size - size >= CRLF_BYTES && in->data[size] == '\r' && in->data[size + 1] == '\n' &&
           head->limits.head_bytes_max - head->bytes.end - size >= CRLF_BYTES;
}

/* Take text up to the line's CR, and the CR too; of a line that is all there, everything. */
static naru_status take_text(naru_http_head *head, naru_input *in)
{
    size_t room = line_room(head);
    size_t size = naru__line_scan(in->data, in->size < room ? in->size : room);
    bool whole = is_whole(head, in, size);
    naru_status status = keep(head, in, whole ? size + CRLF_BYTES : size);
    if (whole && status == NARU_OK) {
        return end_line(head);
    }
    if (status != NARU_OK || in->size == 0) {
        return status;
    }
    uint8_t next = in->data[0];
    if (head->bytes.end >= head->limits.head_bytes_max || (size == room && next != '\r')) {
        return too_long(head);
    }
    if (next != '\r') {
        return refuse_byte(head, next);
    }
    head->saw_cr = true;
    return keep(head, in, 1);
}

static naru_status take_line_feed(naru_http_head *head, naru_input *in)
{
    if (in->data[0] != '\n') {
        return naru__head_bad(head, head->bytes.end, "9112 2.2", "A CR is not followed by LF.");
    }
    if (head->bytes.end >= head->limits.head_bytes_max) {
        return too_long(head);
    }
    naru_status status = keep(head, in, 1);
    return status == NARU_OK ? end_line(head) : status;
}

naru_status naru_http_head_feed(naru_http_head *head, naru_input *in)
{
    while (head->state < NARU__HEAD_COMPLETE && in->size > 0) {
        naru_status status = head->saw_cr ? take_line_feed(head, in) : take_text(head, in);
        if (status != NARU_OK) {
            return status;
        }
    }
    if (head->state == NARU__HEAD_FAILED) {
        return head->fault.status;
    }
    return head->state == NARU__HEAD_COMPLETE ? NARU_OK : NARU_MORE;
}
