/* URLs of the schemes ws, wss, http and https, read as browsers read them and written in one canonical form. The specified
 * state machine is cut down to what these four can reach without a base URL, and walks the parts in order.
 *
 * Not for: relative references, other schemes, IDNA. Source: WHATWG URL 4.4, 4.5. */
#include <naru/http.h>

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "host.h"
#include "percent.h"

static const size_t TEXT_BYTES_MAX = 65536;

typedef struct scheme {
    const char *name;
    uint16_t port;
} scheme;

static const scheme schemes[] = {{"ws", 80}, {"wss", 443}, {"http", 80}, {"https", 443}};

/* A part of url->text, which still grows and moves. */
typedef struct range {
    size_t begin, size;
} range;

typedef struct parser {
    naru_url *url;
    naru_buf *out;
    naru_span rest; /* what is still to be read */
    const char *reason;
    const scheme *scheme;
    range username, password, host, path, query, fragment;
} parser;

static naru_status refuse(parser *p, const char *reason)
{
    p->reason = reason;
    return NARU_ERR_ARGUMENT;
}

static naru_status append_text(parser *p, const char *text)
{
    return naru_buf_append(p->out, naru_span_of(text));
}

/* ---- cleaning ------------------------------------------------------------------------------------------------ */

/* How many bytes at the front one U+FFFD stands for, or one good character. The Encoding Standard replaces the longest
 * front of a character that was still good, and at least one byte. */
static size_t character_size(naru_span text, bool *good_out)
{
    naru__utf8 utf8 = {0};
    size_t size = 0;
    while (size < text.size && naru__utf8_feed(&utf8, (naru_span){text.data + size, 1}, NULL)) {
        size++;
        if (naru__utf8_complete(&utf8)) {
            *good_out = true;
            return size;
        }
    }
    *good_out = false;
    return size > 0 ? size : 1;
}

/* C0 controls and blanks at both ends do not count. */
static naru_span trim(naru_span text)
{
    while (text.size > 0 && text.data[0] <= 0x20) {
        text = naru__span_from(text, 1);
    }
    while (text.size > 0 && text.data[text.size - 1] <= 0x20) {
        text.size--;
    }
    return text;
}

/* Nor do tabs and line ends anywhere; what is not UTF-8 becomes U+FFFD. */
static naru_status clean(naru_buf *out, naru_span text)
{
    text = trim(text);
    while (text.size > 0) {
        bool good;
        size_t size = character_size(text, &good);
        uint8_t c = text.data[0];
        if (c != '\t' && c != '\n' && c != '\r') {
            naru_span kept = good ? naru__span_first(text, size) : naru_span_of("\xef\xbf\xbd");
            if (naru_buf_append(out, kept) != NARU_OK) {
                return NARU_ERR_MEMORY;
            }
        }
        text = naru__span_from(text, size);
    }
    return NARU_OK;
}

/* ---- parts --------------------------------------------------------------------------------------------------- */

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

static naru_span take(parser *p, size_t size)
{
    naru_span taken = naru__span_first(p->rest, size);
    p->rest = naru__span_from(p->rest, size);
    return taken;
}

static naru_status read_scheme(parser *p)
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

static naru_status append_part(parser *p, naru_span text, naru__percent_set set, range *part_out)
{
    part_out->begin = naru__buf_size(p->out);
    naru_status status = naru__percent_append(p->out, text, set);
    part_out->size = naru__buf_size(p->out) - part_out->begin;
    return status;
}

/* What stands before the last `@`: written only if any of it is there. */
static naru_status read_credentials(parser *p, naru_span text)
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

static naru_status read_port(parser *p, naru_span text)
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

static naru_status read_authority(parser *p)
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
    p->host.begin = naru__buf_size(p->out);
    naru_status status = naru__host_append(p->out, naru__span_first(text, host), &p->reason);
    p->host.size = naru__buf_size(p->out) - p->host.begin;
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
static void shorten_path(parser *p)
{
    naru_span text = naru_buf_span(p->out);
    size_t end = text.size;
    while (end > p->path.begin && text.data[end - 1] != '/') {
        end--;
    }
    naru__buf_truncate(p->out, end > p->path.begin ? end - 1 : end);
}

static naru_status read_segment(parser *p, naru_span segment, bool last)
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

static naru_status read_path(parser *p)
{
    p->path.begin = naru__buf_size(p->out);
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
    p->path.size = naru__buf_size(p->out) - p->path.begin;
    return NARU_OK;
}

static naru_status read_query(parser *p)
{
    p->url->query_given = p->rest.size > 0 && p->rest.data[0] == '?';
    if (!p->url->query_given) {
        return NARU_OK;
    }
    naru_span query = naru__span_from(take(p, size_until(p->rest, "#")), 1);
    naru_status status = append_text(p, "?");
    return status == NARU_OK ? append_part(p, query, NARU__PERCENT_QUERY, &p->query) : status;
}

static naru_status read_fragment(parser *p)
{
    p->url->fragment_given = p->rest.size > 0;
    if (!p->url->fragment_given) {
        return NARU_OK;
    }
    naru_span fragment = naru__span_from(take(p, p->rest.size), 1);
    naru_status status = append_text(p, "#");
    return status == NARU_OK ? append_part(p, fragment, NARU__PERCENT_FRAGMENT, &p->fragment) : status;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static naru_status read_all(parser *p)
{
    static naru_status (*const steps[])(parser *) = {read_scheme, read_authority, read_path, read_query, read_fragment};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        naru_status status = steps[i](p);
        if (status != NARU_OK) {
            return status;
        }
    }
    return NARU_OK;
}

static naru_span part(const naru_url *url, range r)
{
    return (naru_span){url->text.data + r.begin, r.size};
}

static void set_spans(naru_url *url, const parser *p)
{
    url->scheme = part(url, (range){0, strlen(p->scheme->name)});
    url->username = part(url, p->username);
    url->password = part(url, p->password);
    url->host = part(url, p->host);
    url->path = part(url, p->path);
    url->query = part(url, p->query);
    url->fragment = part(url, p->fragment);
}

/* Clean the text and read what is left of it. */
static naru_status parse(parser *p, naru_span text)
{
    naru_buf cleaned;
    naru_buf_init(&cleaned, p->out->allocator);
    naru_status status = clean(&cleaned, text);
    if (status == NARU_OK) {
        p->rest = naru_buf_span(&cleaned);
        status = read_all(p);
    }
    naru_buf_deinit(&cleaned);
    return status;
}

naru_status naru_url_parse(naru_url *url, naru_span text, const naru_allocator *allocator, const char **reason_out)
{
    memset(url, 0, sizeof *url);
    naru_buf_init(&url->text, allocator);
    parser p = {.url = url, .out = &url->text, .reason = "No memory for the URL."};
    naru_status status = NARU_ERR_TOO_BIG;
    if (text.size <= TEXT_BYTES_MAX) {
        status = parse(&p, text);
    } else {
        p.reason = "The URL is longer than 64 KiB.";
    }
    if (status == NARU_OK) {
        set_spans(url, &p);
        return NARU_OK;
    }
    naru_url_deinit(url);
    if (reason_out) {
        *reason_out = p.reason;
    }
    return status;
}

void naru_url_deinit(naru_url *url)
{
    naru_buf_deinit(&url->text);
    memset(url, 0, sizeof *url);
}
