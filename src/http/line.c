/* The first line of a head: request line or status line. Not for: cutting lines (head.c). Source: RFC
 * 9112 2.3, 3, 4. */
#include <string.h>

#include "base/ascii.h"
#include "chars.h"
#include "head.h"

static const uint64_t ONES = 0x0101010101010101U;
static const uint64_t HIGH_BITS = 0x8080808080808080U;

/* Is any of eight bytes below 0x20 or 0x7f? May say yes for bytes beside such a one, never no for one. */
static bool may_hold_control(const uint8_t *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    uint64_t deletes = word ^ 0x7f * ONES;
    uint64_t below = (word - 0x20 * ONES) & ~word;
    uint64_t zero = (deletes - ONES) & ~deletes;
    return ((below | zero) & HIGH_BITS) != 0;
}

static size_t scan_bytes(const uint8_t *text, size_t size)
{
    size_t i = 0;
    while (i < size && naru__char_is(text[i], NARU__CHAR_FIELD)) {
        i++;
    }
    return i;
}

size_t naru__line_scan(const uint8_t *text, size_t size)
{
    size_t i = 0;
    while (size - i >= 8) {
        if (may_hold_control(text + i)) {
            size_t fine = scan_bytes(text + i, 8);
            if (fine < 8) {
                return i + fine;
            }
        }
        i += 8;
    }
    return i + scan_bytes(text + i, size - i);
}

/* The version at bytes[at], all of `text`. 9112 2.3: a higher minor version is handled as the highest one
 * known. */
static naru_status take_version(naru_http_head *head, naru_span text, size_t at)
{
    static const char shape[] = "HTTP/0.0";
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool digit = shape[i] == '0';
        if (i >= text.size || (digit ? !naru__ascii_digit(text.data[i]) : text.data[i] != (uint8_t)shape[i])) {
            return naru__head_bad(head, at + i, "9112 2.3", "The HTTP version is malformed.");
        }
    }
    if (text.data[5] != '1') {
        return naru__head_fail(head, NARU_ERR_PROTOCOL, 505, at + 5, "9110 15.6.6", "Only HTTP/1.x is spoken here.");
    }
    head->minor = text.data[7] == '0' ? 0 : 1;
    return NARU_OK;
}

naru_status naru__head_request_line(naru_http_head *head, naru_span line)
{
    size_t at = head->line;
    size_t method = naru__chars_count(line, NARU__CHAR_TOKEN);
    if (method == 0 || method == line.size || line.data[method] != ' ') {
        return naru__head_bad(head, at + method, "9112 3.1", "The method is not a token and a single blank.");
    }
    naru_span rest = naru__span_from(line, method + 1);
    size_t target = naru__chars_count(rest, NARU__CHAR_TARGET);
    if (target == 0 || (target < rest.size && rest.data[target] != ' ')) {
        return naru__head_bad(head, at + method + 1 + target, "9112 3.2", "A character that no request target has.");
    }
    if (target == rest.size) {
        return naru__head_bad(head, at + line.size, "9112 3", "The request line has no HTTP version.");
    }
    size_t version_at = method + 1 + target + 1;
    naru_span version = naru__span_from(line, version_at);
    naru_status status = take_version(head, version, at + version_at);
    if (status != NARU_OK) {
        return status;
    }
    if (version.size > 8) {
        return naru__head_bad(head, at + version_at + 8, "9112 3", "The request line goes on behind the version.");
    }
    head->method = naru__range_of(at, method);
    head->target = naru__range_of(at + method + 1, target);
    return naru__head_target(head);
}

/* 9110 15: three digits; what lies above 599 is passed on, to be treated as an error of the server. */
static bool read_status(naru_span text, int *status_out)
{
    if (text.size < 3) {
        return false;
    }
    int status = 0;
    for (size_t i = 0; i < 3; i++) {
        if (!naru__ascii_digit(text.data[i])) {
            return false;
        }
        status = status * 10 + (text.data[i] - '0');
    }
    *status_out = status;
    return status >= 100 && (text.size == 3 || text.data[3] == ' ');
}

naru_status naru__head_status_line(naru_http_head *head, naru_span line)
{
    enum { VERSION_BYTES = 8, STATUS_AT = VERSION_BYTES + 1, REASON_AT = STATUS_AT + 4 };
    size_t at = head->line;
    naru_status status = take_version(head, line, at);
    if (status != NARU_OK) {
        return status;
    }
    if (line.size == VERSION_BYTES || line.data[VERSION_BYTES] != ' ') {
        return naru__head_bad(head, at + VERSION_BYTES, "9112 4", "No single blank follows the version.");
    }
    if (!read_status(naru__span_from(line, STATUS_AT), &head->status)) {
        return naru__head_bad(head, at + STATUS_AT, "9112 4", "The status is not three digits from 100 on.");
    }
    /* The blank before an empty reason is missing so often, and means so little, that it is not asked for. */
    size_t reason_at = line.size < REASON_AT ? line.size : REASON_AT;
    head->reason = naru__range_of(at + reason_at, line.size - reason_at);
    return NARU_OK;
}
