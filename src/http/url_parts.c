/* The parts of a URL, read from its cleaned text and written in their canonical form. The specified state
 * machine is cut down to what the four schemes can reach without a base URL. Source: WHATWG URL 4.4. */
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "host.h"
#include "percent.h"
#include "url.h"

static const naru__url_scheme schemes[] = {{"ws", 80}, {"wss", 443}, {"http", 80}, {"https", 443}};

static naru_status refuse(naru__url_parser *p, const char *reason)
{
    p->reason = reason;
    return NARU_ERR_ARGUMENT;
}

static naru_status append_text(naru__url_parser *p, const char *text)
{
    return naru_buf_append(p->out, naru_span_of(text));
}

static bool is_slash(uint8_t c)
{
    return c == '/' || c == '\\';
}

/* How many bytes of text stand before the first of the characters in `ends`. */
static size_t size_until(naru_span text, const char *ends)
{
    size_t size = 0;
    while (size < text.size && (text.data[size] == 0 || !strchr(ends, text.data[size]))) {
        size++;
    }
    return size;
}

static naru_span take(naru__url_parser *p, size_t size)
{
    naru_span taken = naru__span_first(p->rest, size);
    p->rest = naru__span_from(p->rest, size);
    return taken;
}

naru_status naru__url_scheme_read(naru__url_parser *p)
{
    size_t colon = size_until(p->rest, ":/?#\\");
    if (colon == p->rest.size || p->rest.data[colon] != ':') {
        return refuse(p, "The URL has no scheme.");
    }
    naru_span name = take(p, colon + 1);
    name.size--;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (naru_span_equal_nocase(name, naru_span_of(schemes[i].name))) {
            p->scheme = &schemes[i];
            naru_status status = append_text(p, schemes[i].name);
            return status == NARU_OK ? append_text(p, "://") : status;
        }
    }
    return refuse(p, "The URL's scheme is none of ws, wss, http and https.");
}

static naru_status append_part(naru__url_parser *p, naru_span text, naru__percent_set set, naru__range *part_out)
{
    size_t begin = naru__buf_size(p->out);
    naru_status status = naru__percent_append(p->out, text, set);
    *part_out = naru__range_of(begin, naru__buf_size(p->out) - begin);
    return status;
}

/* What stands before the last `@`: written only if any of it is there. */
static naru_status read_credentials(naru__url_parser *p, naru_span text)
{
    size_t colon = size_until(text, ":");
    naru_span password = naru__span_from(text, colon < text.size ? colon + 1 : colon);
    naru_status status = append_part(p, naru__span_first(text, colon), NARU__PERCENT_USERINFO, &p->username);
    if (status == NARU_OK && password.size > 0) {
        status = append_text(p, ":");
        if (status == NARU_OK) {
            status = append_part(p, password, NARU__PERCENT_USERINFO, &p->password);
        }
    }
    bool written = p->username.size > 0 || password.size > 0;
    return status == NARU_OK && written ? append_text(p, "@") : status;
}

static naru_status read_port(naru__url_parser *p, naru_span text)
{
    uint32_t port = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!naru__ascii_digit(text.data[i])) {
            return refuse(p, "The port is not a number.");
        }
        port = port * 10 + (uint32_t)(text.data[i] - '0');
        if (port > UINT16_MAX) {
            return refuse(p, "The port is beyond 65535.");
        }
    }
    p->url->port_given = text.size > 0 && port != p->scheme->port;
    p->url->port = text.size > 0 ? (uint16_t)port : p->scheme->port;
    if (!p->url->port_given) {
        return NARU_OK;
    }
    uint8_t digits[6];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + port % 10);
        port /= 10;
    } while (port > 0);
    digits[--at] = ':';
    return naru_buf_append(p->out, (naru_span){digits + at, sizeof digits - at});
}

/* The host's end: a colon outside of brackets. */
static size_t host_size(naru_span text)
{
    bool bracketed = false;
    size_t size = 0;
    for (; size < text.size && (bracketed || text.data[size] != ':'); size++) {
        bracketed = text.data[size] == '[' || (bracketed && text.data[size] != ']');
    }
    return size;
}

naru_status naru__url_authority_read(naru__url_parser *p)
{
    while (p->rest.size > 0 && is_slash(p->rest.data[0])) {
        take(p, 1);
    }
    naru_span text = take(p, size_until(p->rest, "/\\?#"));
    size_t credentials = text.size;
    while (credentials > 0 && text.data[credentials - 1] != '@') {
        credentials--;
    }
    if (credentials > 0) {
        naru_status status = read_credentials(p, naru__span_first(text, credentials - 1));
        if (status != NARU_OK) {
            return status;
        }
        text = naru__span_from(text, credentials);
    }
    size_t host = host_size(text);
    if (host == 0) {
        return refuse(p, "The URL has no host.");
    }
    size_t begin = naru__buf_size(p->out);
    naru_status status = naru__host_append(p->out, naru__span_first(text, host), &p->reason);
    p->host = naru__range_of(begin, naru__buf_size(p->out) - begin);
    if (status != NARU_OK) {
        return status;
    }
    return read_port(p, naru__span_from(text, host < text.size ? host + 1 : host));
}

/* How many dots a segment consists of, `%2e` being one; 0: it is none of `.` and `..`. */
static unsigned dots(naru_span segment)
{
    unsigned count = 0;
    while (segment.size > 0 && count < 3) {
        bool encoded = naru__percent_byte(segment) == '.';
        if (!encoded && segment.data[0] != '.') {
            return 0;
        }
        segment = naru__span_from(segment, encoded ? 3 : 1);
        count++;
    }
    return count < 3 ? count : 0;
}

/* Drop the last segment and the slash before it. */
static void shorten_path(naru__url_parser *p)
{
    naru_span text = naru_buf_span(p->out);
    size_t end = text.size;
    while (end > p->path.begin && text.data[end - 1] != '/') {
        end--;
    }
    naru__buf_truncate(p->out, end > p->path.begin ? end - 1 : end);
}

static naru_status read_segment(naru__url_parser *p, naru_span segment, bool last)
{
    unsigned count = dots(segment);
    if (count == 2) {
        shorten_path(p);
    }
    if (count > 0) {
        return last ? append_text(p, "/") : NARU_OK;
    }
    naru_status status = append_text(p, "/");
    return status == NARU_OK ? naru__percent_append(p->out, segment, NARU__PERCENT_PATH) : status;
}

naru_status naru__url_path_read(naru__url_parser *p)
{
    p->path = naru__range_of(naru__buf_size(p->out), 0);
    naru_span path = take(p, size_until(p->rest, "?#"));
    if (path.size > 0) {
        path = naru__span_from(path, 1);
    }
    for (;;) {
        size_t size = size_until(path, "/\\");
        bool last = size == path.size;
        naru_status status = read_segment(p, naru__span_first(path, size), last);
        if (status != NARU_OK) {
            return status;
        }
        if (last) {
            break;
        }
        path = naru__span_from(path, size + 1);
    }
    p->path = naru__range_of(p->path.begin, naru__buf_size(p->out) - p->path.begin);
    return NARU_OK;
}

naru_status naru__url_query_read(naru__url_parser *p)
{
    p->url->query_given = p->rest.size > 0 && p->rest.data[0] == '?';
    if (!p->url->query_given) {
        return NARU_OK;
    }
    naru_span query = naru__span_from(take(p, size_until(p->rest, "#")), 1);
    naru_status status = append_text(p, "?");
    return status == NARU_OK ? append_part(p, query, NARU__PERCENT_QUERY, &p->query) : status;
}

naru_status naru__url_fragment_read(naru__url_parser *p)
{
    p->url->fragment_given = p->rest.size > 0;
    if (!p->url->fragment_given) {
        return NARU_OK;
    }
    naru_span fragment = naru__span_from(take(p, p->rest.size), 1);
    naru_status status = append_text(p, "#");
    return status == NARU_OK ? append_part(p, fragment, NARU__PERCENT_FRAGMENT, &p->fragment) : status;
}
