/* The list that no_proxy is: which hosts are reached without a proxy.
 *
 * Source: curl(1), ENVIRONMENT (domains and CIDR blocks); ports as other readers of the variable have them. */
#include "client/proxy.h"
#include "base/ascii.h"
#include <arpa/inet.h>
#include <string.h>

enum { ADDRESS_BYTES_MAX = 16, ADDRESS_TEXT_BYTES = 48 };

/* ---- addresses ---------------------------------------------------------------------------------------------- */

static naru_span without_brackets(naru_span text)
{
    bool bracketed = text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']';
    return bracketed ? (naru_span){text.data + 1, text.size - 2} : text;
}

/* Answers 4 or 16, how many bytes the address has; 0: it is none. */
static size_t read_address(naru_span text, uint8_t bytes_out[ADDRESS_BYTES_MAX])
{
    char copy[ADDRESS_TEXT_BYTES];
    text = without_brackets(text);
    if (text.size == 0 || text.size >= sizeof copy) {
        return 0;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (inet_pton(AF_INET, copy, bytes_out) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, copy, bytes_out) == 1 ? 16 : 0;
}

/* Decimal digits only. false: none, or more than max. */
static bool read_number(naru_span text, unsigned max, unsigned *number_out)
{
    unsigned number = 0;
    if (text.size == 0) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!naru__ascii_digit(text.data[i])) {
            return false;
        }
        number = number * 10 + (unsigned)(text.data[i] - '0');
        if (number > max) {
            return false;
        }
    }
    *number_out = number;
    return true;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || (uint8_t)(a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* An address, or a block of them behind a slash. */
static bool address_matches(naru_span pattern, const uint8_t *host, size_t host_bytes)
{
    uint8_t bytes[ADDRESS_BYTES_MAX];
    const uint8_t *slash = memchr(pattern.data, '/', pattern.size);
    size_t address_size = slash ? (size_t)(slash - pattern.data) : pattern.size;
    unsigned bits_max = (unsigned)host_bytes * 8;
    unsigned bits = bits_max;
    if (slash && !read_number(naru__span_from(pattern, address_size + 1), bits_max, &bits)) {
        return false;
    }
    return read_address(naru__span_first(pattern, address_size), bytes) == host_bytes && same_bits(bytes, host, bits);
}

/* ---- names -------------------------------------------------------------------------------------------------- */

static naru_span without_last_dot(naru_span name)
{
    return name.size > 0 && name.data[name.size - 1] == '.' ? naru__span_first(name, name.size - 1) : name;
}

/* The domain itself, or one below it. */
static bool name_matches(naru_span pattern, naru_span host)
{
    if (pattern.size >= 2 && pattern.data[0] == '*' && pattern.data[1] == '.') {
        pattern = naru__span_from(pattern, 1);
    }
    if (pattern.size > 0 && pattern.data[0] == '.') {
        pattern = naru__span_from(pattern, 1);
    }
    pattern = without_last_dot(pattern);
    host = without_last_dot(host);
    if (pattern.size == 0 || pattern.size > host.size) {
        return false;
    }
    size_t before = host.size - pattern.size;
    return naru_span_equal_nocase(naru__span_from(host, before), pattern) &&
           (before == 0 || host.data[before - 1] == '.');
}

/* ---- the list ----------------------------------------------------------------------------------------------- */

/* Cut a port off the pattern's end; an IPv6 address has one only behind brackets. */
static bool port_matches(naru_span *pattern, uint16_t port)
{
    const uint8_t *colon = memrchr(pattern->data, ':', pattern->size);
    size_t before = colon ? (size_t)(colon - pattern->data) : 0;
    bool bare_ipv6 = colon && before > 0 && pattern->data[0] != '[' && memchr(pattern->data, ':', before);
    bool inside = colon && pattern->data[0] == '[' && pattern->data[before - 1] != ']';
    unsigned wanted;
    if (!colon || bare_ipv6 || inside) {
        return true;
    }
    if (!read_number(naru__span_from(*pattern, before + 1), UINT16_MAX, &wanted)) {
        return false;
    }
    pattern->size = before;
    return wanted == port;
}

static bool pattern_matches(naru_span pattern, naru_span host, uint16_t port)
{
    uint8_t address[ADDRESS_BYTES_MAX];
    if (naru_span_equal(pattern, naru_span_of("*"))) {
        return true;
    }
    if (!port_matches(&pattern, port) || pattern.size == 0) {
        return false;
    }
    size_t address_bytes = read_address(host, address);
    return address_bytes > 0 ? address_matches(pattern, address, address_bytes) : name_matches(pattern, host);
}

static bool separates(uint8_t c)
{
    return c == ',' || naru__ascii_blank(c);
}

bool naru__proxy_excepts(naru_span list, naru_span host, uint16_t port)
{
    size_t at = 0;
    while (at < list.size) {
        size_t begin = at;
        while (at < list.size && !separates(list.data[at])) {
            at++;
        }
        if (at > begin && pattern_matches((naru_span){list.data + begin, at - begin}, host, port)) {
            return true;
        }
        at++;
    }
    return false;
}
