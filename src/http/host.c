/* Hosts: checked as HTTP's fields write them, and made canonical as URLs want them. Not for: resolving them;
 * letters beyond ASCII, which need IDNA's tables. Source: RFC 9110 7.2; RFC 3986 3.2; WHATWG URL 3.5. */
#include "host.h"

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "chars.h"
#include "ip.h"
#include "percent.h"

/* ---- Host fields --------------------------------------------------------------------------------------- */

/* How many characters at the front are a host; 0: none. */
static size_t host_size(naru_span text)
{
    uint16_t pieces[NARU__IPV6_PIECES];
    if (text.size == 0 || text.data[0] != '[') {
        return naru__chars_count(text, NARU__CHAR_HOST);
    }
    const uint8_t *end = memchr(text.data, ']', text.size);
    if (!end) {
        return 0;
    }
    size_t size = (size_t)(end - text.data) + 1;
    return naru__ipv6_read((naru_span){text.data + 1, size - 2}, pieces) ? size : 0;
}

/* What follows the host. */
static bool port_valid(naru_span text, bool required)
{
    if (text.size == 0) {
        return !required;
    }
    unsigned port = 0;
    for (size_t i = 1; i < text.size; i++) {
        if (!naru__ascii_digit(text.data[i])) {
            return false;
        }
        port = port * 10 + (unsigned)(text.data[i] - '0');
        if (port > UINT16_MAX) {
            return false;
        }
    }
    return text.data[0] == ':' && (text.size > 1 || !required);
}

bool naru__host_port_valid(naru_span text, bool port_required)
{
    size_t host = host_size(text);
    return host > 0 && port_valid(naru__span_from(text, host), port_required);
}

/* ---- hosts of URLs ------------------------------------------------------------------------------------- */

static naru_status refuse(const char **reason_out, const char *reason)
{
    *reason_out = reason;
    return NARU_ERR_ARGUMENT;
}

static naru_status append_ipv6(naru_buf *out, naru_span text, const char **reason_out)
{
    uint16_t pieces[NARU__IPV6_PIECES];
    char written[NARU__IPV6_TEXT_BYTES_MAX];
    if (text.data[text.size - 1] != ']') {
        return refuse(reason_out, "The bracket of the host is not closed at its end.");
    }
    if (!naru__ipv6_read((naru_span){text.data + 1, text.size - 2}, pieces)) {
        return refuse(reason_out, "The host in brackets is not an IPv6 address.");
    }
    return naru_buf_append(out, (naru_span){(const uint8_t *)written, naru__ipv6_write(pieces, written)});
}

/* Undo percent-encoding, where a `%` without two digits stays, and make letters lower case. */
static naru_status append_decoded(naru_buf *out, naru_span text)
{
    while (text.size > 0) {
        int decoded = naru__percent_byte(text);
        uint8_t c = decoded < 0 ? text.data[0] : (uint8_t)decoded;
        if (naru__buf_append_byte(out, naru__ascii_lower(c)) != NARU_OK) {
            return NARU_ERR_MEMORY;
        }
        text = naru__span_from(text, decoded < 0 ? 1 : 3);
    }
    return NARU_OK;
}

/* WHATWG URL 3.1: forbidden domain code points. */
static bool forbidden(uint8_t c)
{
    return c <= 0x20 || c == 0x7f || strchr("#/:<>?@[\\]^|%", c) != NULL;
}

/* U+FFFD stands where bytes were no UTF-8 or somebody gave up on a character: IDNA forbids it. */
static bool has_replacement(naru_span text)
{
    naru_span wanted = naru_span_of("\xef\xbf\xbd");
    for (; text.size >= wanted.size; text = naru__span_from(text, 1)) {
        if (naru_span_equal(naru__span_first(text, wanted.size), wanted)) {
            return true;
        }
    }
    return false;
}

static naru_status check_domain(naru_span domain, const char **reason_out)
{
    bool ascii = true;
    for (size_t i = 0; i < domain.size; i++) {
        ascii = ascii && domain.data[i] < 0x80;
    }
    if (!ascii && (!naru_utf8_valid(domain) || has_replacement(domain))) {
        return refuse(reason_out, "The host is not UTF-8.");
    }
    for (size_t i = 0; i < domain.size; i++) {
        if (domain.data[i] < 0x80 && forbidden(domain.data[i])) {
            return refuse(reason_out, "The host holds a character that no host may have.");
        }
    }
    if (!ascii) {
        *reason_out = "The host has letters beyond ASCII; its IDNA form is needed.";
        return NARU_ERR_UNSUPPORTED;
    }
    return domain.size > 0 ? NARU_OK : refuse(reason_out, "The URL has no host.");
}

/* The domain at `before` in out is numbers: put the address in its place. */
static naru_status replace_by_ipv4(naru_buf *out, size_t before, const char **reason_out)
{
    uint32_t address;
    char written[NARU__IPV4_TEXT_BYTES_MAX];
    if (!naru__ipv4_read(naru__span_from(naru_buf_span(out), before), &address)) {
        return refuse(reason_out, "The host ends in a number and is not an IPv4 address.");
    }
    naru__buf_truncate(out, before);
    return naru_buf_append(out, (naru_span){(const uint8_t *)written, naru__ipv4_write(address, written)});
}

naru_status naru__host_append(naru_buf *out, naru_span text, const char **reason_out)
{
    size_t before = naru__buf_size(out);
    if (text.size > 0 && text.data[0] == '[') {
        return append_ipv6(out, text, reason_out);
    }
    naru_status status = append_decoded(out, text);
    if (status != NARU_OK) {
        return status;
    }
    naru_span domain = naru__span_from(naru_buf_span(out), before);
    status = check_domain(domain, reason_out);
    if (status != NARU_OK) {
        return status;
    }
    return naru__ipv4_looks_like(domain) ? replace_by_ipv4(out, before, reason_out) : NARU_OK;
}
