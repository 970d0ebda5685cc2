/* Field lines, and the fields that decide where the message ends or whom it is for: Host, Content-Length and
 * Transfer-Encoding. Where two readings are possible, the head is refused, so that no other reader can
 * disagree.
 *
 * Not for: what fields mean to applications. Source: RFC 9110 5, 7.2, 8.6; RFC 9112 3.2, 5, 6. */
#include "base/ascii.h"
#include "chars.h"
#include "head.h"
#include "host.h"

enum { FIELDS_AT_FIRST = 16 };

static naru_status take_host(naru_http_head *head, naru_span value, size_t at)
{
    if (head->has_host) {
        return naru__head_bad(head, head->line, "9112 3.2", "There are two Host fields.");
    }
    head->has_host = true;
    /* 9110 7.2: empty when the target has no authority. */
    if (value.size > 0 && !naru__host_port_valid(value, false)) {
        return naru__head_bad(head, at, "9112 3.2", "The Host field is not a host.");
    }
    return NARU_OK;
}

static naru_status both_lengths(naru_http_head *head)
{
    return naru__head_bad(head, head->line, "9112 6.3", "Content-Length stands beside Transfer-Encoding.");
}

static naru_status take_length(naru_http_head *head, naru_span value, size_t at)
{
    if (head->chunked) {
        return both_lengths(head);
    }
    if (head->has_length) {
        return naru__head_bad(head, head->line, "9112 6.3", "There are two Content-Length fields.");
    }
    head->has_length = true;
    if (value.size == 0) {
        return naru__head_bad(head, at, "9110 8.6", "Content-Length is empty.");
    }
    for (size_t i = 0; i < value.size; i++) {
        if (!naru__ascii_digit(value.data[i])) {
            return naru__head_bad(head, at + i, "9110 8.6", "Content-Length is not a number.");
        }
        uint64_t digit = (uint64_t)(value.data[i] - '0');
        if (head->length > (UINT64_MAX - digit) / 10) {
            return naru__head_bad(head, at + i, "9110 8.6", "Content-Length is beyond 64 bits.");
        }
        head->length = head->length * 10 + digit;
    }
    return NARU_OK;
}

static naru_status take_encoding(naru_http_head *head, naru_span value, size_t at)
{
    if (head->has_length) {
        return both_lengths(head);
    }
    if (head->chunked) {
        return naru__head_bad(head, head->line, "9112 6.1", "There are two Transfer-Encoding fields.");
    }
    if (head->minor == 0) {
        return naru__head_bad(head, head->line, "9112 6.1", "HTTP/1.0 has no Transfer-Encoding.");
    }
    if (!naru_span_equal_nocase(value, naru_span_of("chunked"))) {
        return naru__head_bad(head, at, "9112 6.1", "No Transfer-Encoding but chunked is understood.");
    }
    head->chunked = true;
    return NARU_OK;
}

/* The lengths of the three names differ: most fields are let pass by one look at a number. */
static naru_status take_framing(naru_http_head *head, naru__field field)
{
    naru_span name = naru__head_span(head, field.name);
    naru_span value = naru__head_span(head, field.value);
    if (name.size == 4 && head->role == NARU_HTTP_REQUEST && naru_span_equal_nocase(name, naru_span_of("host"))) {
        return take_host(head, value, field.value.begin);
    }
    if (name.size == 14 && naru_span_equal_nocase(name, naru_span_of("content-length"))) {
        return take_length(head, value, field.value.begin);
    }
    if (name.size == 17 && naru_span_equal_nocase(name, naru_span_of("transfer-encoding"))) {
        return take_encoding(head, value, field.value.begin);
    }
    return NARU_OK;
}

static naru_status add(naru_http_head *head, naru__field field)
{
    if (head->fields_count == head->limits.fields_max) {
        return naru__head_fail(head, NARU_ERR_TOO_MANY, 431, head->line, "6585 5", "The head has too many fields.");
    }
    if (head->fields_count == head->fields_capacity) {
        uint32_t capacity = head->fields_capacity ? head->fields_capacity * 2 : FIELDS_AT_FIRST;
        naru__field *grown = head->allocator->resize(head->allocator->user, head->fields,
                                                     head->fields_capacity * sizeof *grown, capacity * sizeof *grown);
        if (!grown) {
            return naru__head_fail(head, NARU_ERR_MEMORY, 503, head->line, "memory", "No memory for the fields.");
        }
        head->fields = grown;
        head->fields_capacity = capacity;
    }
    head->fields[head->fields_count++] = field;
    head->name_sizes |= (uint64_t)1 << field.name.size % 64;
    return NARU_OK;
}

naru_status naru__head_field(naru_http_head *head, naru_span line)
{
    if (naru__ascii_blank(line.data[0])) {
        return naru__head_bad(head, head->line, "9112 5.2", "A field line begins with a blank.");
    }
    size_t name = naru__chars_count(line, NARU__CHAR_TOKEN);
    if (name == line.size) {
        return naru__head_bad(head, head->line + name, "9112 5", "A field line has no colon.");
    }
    if (line.data[name] != ':' || name == 0) {
        return naru__head_bad(head, head->line + name, "9112 5.1", "A field name is not a token and a colon.");
    }
    naru_span value = naru__span_trim(naru__span_from(line, name + 1));
    naru__field field = {naru__range_of(head->line, name),
                         naru__range_of((size_t)(value.data - head->bytes.data), value.size)};
    naru_status status = add(head, field);
    return status == NARU_OK ? take_framing(head, field) : status;
}

naru_status naru__head_finish(naru_http_head *head)
{
    if (head->role == NARU_HTTP_REQUEST && head->minor >= 1 && !head->has_host) {
        return naru__head_bad(head, head->line, "9112 3.2", "An HTTP/1.1 request has no Host field.");
    }
    head->state = NARU__HEAD_COMPLETE;
    return NARU_OK;
}
