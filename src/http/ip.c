/* IP addresses, read and written. Not for: host names (host.c). Source: WHATWG URL 3.5; RFC 5952 4. */
#include "ip.h"

#include "base/ascii.h"

/* ---- IPv6 ---------------------------------------------------------------------------------------------- */

/* One decimal number of the dotted end: 0 to 255, no leading zero. */
static bool read_octet(naru_span *rest, uint16_t *octet_out)
{
    unsigned value = 0;
    size_t i = 0;
    for (; i < rest->size && naru__ascii_digit(rest->data[i]); i++) {
        if (i > 0 && value == 0) {
            return false;
        }
        value = value * 10 + (unsigned)(rest->data[i] - '0');
        if (value > 255) {
            return false;
        }
    }
    *rest = naru__span_from(*rest, i);
    *octet_out = (uint16_t)value;
    return i > 0;
}

/* All of `text` is a dotted IPv4 address: the last two pieces. */
static bool read_dotted(naru_span text, uint16_t pieces_out[2])
{
    uint16_t octets[4];
    for (size_t i = 0; i < 4; i++) {
        if (i > 0) {
            if (text.size == 0 || text.data[0] != '.') {
                return false;
            }
            text = naru__span_from(text, 1);
        }
        if (!read_octet(&text, &octets[i])) {
            return false;
        }
    }
    pieces_out[0] = (uint16_t)(octets[0] << 8 | octets[1]);
    pieces_out[1] = (uint16_t)(octets[2] << 8 | octets[3]);
    return text.size == 0;
}

static size_t read_hex(naru_span text, uint16_t *piece_out)
{
    unsigned value = 0;
    size_t i = 0;
    for (; i < 4 && i < text.size && naru__ascii_hex(text.data[i]) >= 0; i++) {
        value = value << 4 | (unsigned)naru__ascii_hex(text.data[i]);
    }
    *piece_out = (uint16_t)value;
    return i;
}

/* The pieces read so far, `gap` of them before the `::`, if there was one, become all eight. */
static bool close_gap(uint16_t pieces[NARU__IPV6_PIECES], size_t count, size_t gap, bool has_gap)
{
    if (!has_gap) {
        return count == NARU__IPV6_PIECES;
    }
    if (count == NARU__IPV6_PIECES) {
        return false;
    }
    size_t behind = count - gap;
    for (size_t i = 0; i < behind; i++) {
        pieces[NARU__IPV6_PIECES - 1 - i] = pieces[count - 1 - i];
    }
    for (size_t i = gap; i < NARU__IPV6_PIECES - behind; i++) {
        pieces[i] = 0;
    }
    return true;
}

bool naru__ipv6_read(naru_span text, uint16_t pieces_out[NARU__IPV6_PIECES])
{
    size_t count = 0;
    size_t gap = 0;
    bool has_gap = text.size >= 2 && text.data[0] == ':' && text.data[1] == ':';
    if (has_gap) {
        text = naru__span_from(text, 2);
    }
    while (text.size > 0) {
        if (count == NARU__IPV6_PIECES) {
            return false;
        }
        size_t digits = read_hex(text, &pieces_out[count]);
        if (digits == 0) {
            return false;
        }
        if (digits < text.size && text.data[digits] == '.') {
            return count + 2 <= NARU__IPV6_PIECES && read_dotted(text, &pieces_out[count]) &&
                   close_gap(pieces_out, count + 2, gap, has_gap);
        }
        count++;
        text = naru__span_from(text, digits);
        if (text.size == 0) {
            break;
        }
        if (text.data[0] != ':' || text.size == 1) {
            return false;
        }
        text = naru__span_from(text, 1);
        if (text.data[0] == ':') {
            if (has_gap) {
                return false;
            }
            has_gap = true;
            gap = count;
            text = naru__span_from(text, 1);
        }
    }
    return close_gap(pieces_out, count, gap, has_gap);
}

/* 5952 4.2: the longest run of at least two zero pieces, the first of equals. */
static size_t longest_zeros(const uint16_t pieces[NARU__IPV6_PIECES], size_t *size_out)
{
    size_t best = NARU__IPV6_PIECES;
    *size_out = 1;
    for (size_t i = 0; i < NARU__IPV6_PIECES; i++) {
        size_t size = 0;
        while (i + size < NARU__IPV6_PIECES && pieces[i + size] == 0) {
            size++;
        }
        if (size > *size_out) {
            best = i;
            *size_out = size;
        }
    }
    return best;
}

static size_t write_hex(uint16_t piece, char *out)
{
    size_t written = 0;
    for (unsigned shift = 16; shift > 0; shift -= 4) {
        unsigned rest = (unsigned)piece >> (shift - 4);
        if (rest > 0 || shift == 4) {
            out[written++] = "0123456789abcdef"[rest & 15];
        }
    }
    return written;
}

size_t naru__ipv6_write(const uint16_t pieces[NARU__IPV6_PIECES], char out[NARU__IPV6_TEXT_BYTES_MAX])
{
    size_t zeros_size;
    size_t zeros = longest_zeros(pieces, &zeros_size);
    size_t written = 0;
    out[written++] = '[';
    for (size_t i = 0; i < NARU__IPV6_PIECES; i++) {
        if (i == zeros) {
            out[written++] = ':';
            out[written++] = ':';
            i += zeros_size - 1;
            continue;
        }
        if (i > 0 && i != zeros + zeros_size) {
            out[written++] = ':';
        }
        written += write_hex(pieces[i], out + written);
    }
    out[written++] = ']';
    return written;
}

/* ---- IPv4 ---------------------------------------------------------------------------------------------- */

/* The label at the front, and what follows its dot. */
static naru_span take_label(naru_span *rest)
{
    size_t size = 0;
    while (size < rest->size && rest->data[size] != '.') {
        size++;
    }
    naru_span label = naru__span_first(*rest, size);
    *rest = naru__span_from(*rest, size < rest->size ? size + 1 : size);
    return label;
}

/* Decimal, octal or hexadecimal; what is beyond 32 bits becomes UINT64_MAX. false: no number. */
static bool read_number(naru_span text, uint64_t *number_out)
{
    unsigned radix = 10;
    if (text.size == 0) {
        return false;
    }
    if (text.size >= 2 && text.data[0] == '0' && naru__ascii_lower(text.data[1]) == 'x') {
        radix = 16;
        text = naru__span_from(text, 2);
    } else if (text.size >= 2 && text.data[0] == '0') {
        radix = 8;
        text = naru__span_from(text, 1);
    }
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = naru__ascii_hex(text.data[i]);
        if (digit < 0 || (unsigned)digit >= radix) {
            return false;
        }
        number = number > UINT32_MAX ? UINT64_MAX : number * radix + (unsigned)digit;
    }
    *number_out = number;
    return true;
}

static bool all_digits(naru_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!naru__ascii_digit(text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

/* A dot at the very end does not count. */
static naru_span without_last_dot(naru_span host)
{
    if (host.size > 1 && host.data[host.size - 1] == '.') {
        host.size--;
    }
    return host;
}

bool naru__ipv4_looks_like(naru_span host)
{
    host = without_last_dot(host);
    size_t begin = host.size;
    while (begin > 0 && host.data[begin - 1] != '.') {
        begin--;
    }
    naru_span last = naru__span_from(host, begin);
    uint64_t number;
    return all_digits(last) || read_number(last, &number);
}

bool naru__ipv4_read(naru_span host, uint32_t *address_out)
{
    naru_span rest = without_last_dot(host);
    uint64_t address = 0;
    for (unsigned count = 0; count < 4; count++) {
        uint64_t number;
        bool last = true;
        for (size_t i = 0; i < rest.size; i++) {
            last = last && rest.data[i] != '.';
        }
        if (!read_number(take_label(&rest), &number)) {
            return false;
        }
        if (last) {
            uint64_t room = (uint64_t)1 << (8 * (4 - count));
            *address_out = (uint32_t)(address << (8 * (4 - count) % 32) | number);
            return number < room;
        }
        if (number > 255) {
            return false;
        }
        address = address << 8 | number;
    }
    return false;
}

size_t naru__ipv4_write(uint32_t address, char out[NARU__IPV4_TEXT_BYTES_MAX])
{
    size_t written = 0;
    for (unsigned shift = 32; shift > 0; shift -= 8) {
        unsigned octet = address >> (shift - 8) & 255;
        if (octet >= 100) {
            out[written++] = (char)('0' + octet / 100);
        }
        if (octet >= 10) {
            out[written++] = (char)('0' + octet / 10 % 10);
        }
        out[written++] = (char)('0' + octet % 10);
        if (shift > 8) {
            out[written++] = '.';
        }
    }
    return written;
}
