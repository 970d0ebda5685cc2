/* From what an application writes as a URL to the one that is dialled: resolved against a base, international
 * host names in their ASCII form, http made ws.
 *
 * Not for: the grammar of an absolute URL (http/). Source: WHATWG WebSockets 3.1, WHATWG URL 3.3 and 4.4, UTS 46. */
#include "base/ascii.h"
#include "client/client.h"
#include <idn2.h>
#include <string.h>

enum { URL_BYTES_MAX = 64 * 1024, HOST_BYTES_MAX = 4096 };

static naru_status refuse(const char **reason_out, const char *reason)
{
    *reason_out = reason;
    return NARU_ERR_ARGUMENT;
}

static bool is_slash(uint8_t c)
{
    return c == '/' || c == '\\';
}

/* WHATWG URL 4.4: controls and blanks at both ends go, tabs and line ends everywhere. */
static naru_status tidy(naru_buf *out, naru_span text)
{
    while (text.size > 0 && text.data[0] <= ' ') {
        text = naru__span_from(text, 1);
    }
    while (text.size > 0 && text.data[text.size - 1] <= ' ') {
        text.size--;
    }
    uint8_t *to = naru_buf_reserve(out, text.size);
    if (!to) {
        return NARU_ERR_MEMORY;
    }
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\t' && text.data[i] != '\n' && text.data[i] != '\r') {
            to[size++] = text.data[i];
        }
    }
    naru_buf_commit(out, size);
    return NARU_OK;
}

/* Does text begin with a scheme? Then rest_out is what follows its colon. */
static bool split_scheme(naru_span text, naru_span *scheme_out, naru_span *rest_out)
{
    if (text.size == 0 || !naru__ascii_alpha(text.data[0])) {
        return false;
    }
    for (size_t i = 1; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == ':') {
            *scheme_out = naru__span_first(text, i);
            *rest_out = naru__span_from(text, i + 1);
            return true;
        }
        if (!naru__ascii_alpha(c) && !naru__ascii_digit(c) && c != '+' && c != '-' && c != '.') {
            return false;
        }
    }
    return false;
}

/* ---- hosts -------------------------------------------------------------------------------------------------- */

/* The host in an absolute URL of these schemes: behind any number of slashes and the last `@`, without the port. */
static bool find_host(naru_span text, naru_span *host_out)
{
    naru_span scheme;
    naru_span rest;
    if (!split_scheme(text, &scheme, &rest)) {
        return false;
    }
    while (rest.size > 0 && is_slash(rest.data[0])) {
        rest = naru__span_from(rest, 1);
    }
    size_t begin = 0;
    size_t end = 0;
    for (; end < rest.size && !is_slash(rest.data[end]) && rest.data[end] != '?' && rest.data[end] != '#'; end++) {
        begin = rest.data[end] == '@' ? end + 1 : begin;
    }
    const uint8_t *colon = memchr(rest.data + begin, ':', end - begin);
    end = colon ? (size_t)(colon - rest.data) : end;
    *host_out = (naru_span){rest.data + begin, end - begin};
    return end > begin;
}

/* WHATWG URL 3.1, forbidden domain code points. The mapping can produce them (a full-width solidus becomes
 * `/`), and they must not reach the text that is parsed again. */
static bool is_domain(const char *name)
{
    for (const char *c = name; *c; c++) {
        if ((uint8_t)*c <= ' ' || (uint8_t)*c >= 0x7f || strchr("#/:<>?@[\\]^|%", *c)) {
            return false;
        }
    }
    return name[0] != '\0';
}

/* WHATWG URL 3.3: domain to ASCII, as UTS 46 without its transition and without STD3 rules. */
static naru_status append_ascii_host(naru_buf *out, naru_span host)
{
    naru_buf decoded;
    naru_buf_init(&decoded, out->allocator);
    naru_status status = host.size > HOST_BYTES_MAX ? NARU_ERR_ARGUMENT : naru_url_decode(host, &decoded);
    if (!status) {
        status = naru_buf_append(&decoded, (naru_span){(const uint8_t *)"", 1});
    }
    if (!status) {
        const char *name = (const char *)naru_buf_span(&decoded).data;
        char *ascii = NULL;
        int answer = idn2_to_ascii_8z(name, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
        if (answer == IDN2_MALLOC) {
            status = NARU_ERR_MEMORY;
        } else if (answer != IDN2_OK || strlen(name) + 1 != naru_buf_span(&decoded).size || !is_domain(ascii)) {
            status = NARU_ERR_ARGUMENT;
        } else {
            status = naru_buf_append(out, naru_span_of(ascii));
        }
        idn2_free(ascii);
    }
    naru_buf_deinit(&decoded);
    return status;
}

static naru_status parse_international(naru_url *url, naru_span text, const naru_allocator *allocator,
                                       const char **reason_out)
{
    naru_span host;
    if (!find_host(text, &host)) {
        return refuse(reason_out, "the URL has no host");
    }
    naru_buf ascii;
    naru_buf_init(&ascii, allocator);
    size_t before = (size_t)(host.data - text.data);
    naru_status status = naru_buf_append(&ascii, naru__span_first(text, before));
    if (!status) {
        status = append_ascii_host(&ascii, host);
        if (status == NARU_ERR_ARGUMENT) {
            refuse(reason_out, "the URL's host is no valid international domain name");
        }
    }
    if (!status) {
        status = naru_buf_append(&ascii, naru__span_from(text, before + host.size));
    }
    if (!status) {
        status = naru_url_parse(url, naru_buf_span(&ascii), allocator, reason_out);
    }
    naru_buf_deinit(&ascii);
    return status == NARU_ERR_UNSUPPORTED ? refuse(reason_out, "the URL's host is no domain name") : status;
}

static naru_status parse_absolute(naru_url *url, naru_span text, const naru_allocator *allocator,
                                  const char **reason_out)
{
    naru_status status = naru_url_parse(url, text, allocator, reason_out);
    return status == NARU_ERR_UNSUPPORTED ? parse_international(url, text, allocator, reason_out) : status;
}

/* ---- relative URLs ------------------------------------------------------------------------------------------ */

static naru_status append_parts(naru_buf *out, const naru_span *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        naru_status status = naru_buf_append(out, parts[i]);
        if (status) {
            return status;
        }
    }
    return NARU_OK;
}

static naru_span up_to_last_slash(naru_span path)
{
    while (path.size > 0 && path.data[path.size - 1] != '/') {
        path.size--;
    }
    return path;
}

/* WHATWG URL 4.4, relative state: write the absolute URL that `rest` means from base. */
static naru_status resolve(naru_buf *out, naru_span rest, const naru_url *base)
{
    naru_span text = naru_buf_span(&base->text);
    naru_span origin = {text.data, (size_t)(base->path.data - text.data)};
    naru_span mark = naru_span_of(base->query_given ? "?" : "");
    uint8_t first = rest.size > 0 ? rest.data[0] : '\0';
    if (is_slash(first) && rest.size > 1 && is_slash(rest.data[1])) {
        return append_parts(out, (naru_span[]){base->scheme, naru_span_of(":"), rest}, 3);
    }
    if (is_slash(first)) {
        return append_parts(out, (naru_span[]){origin, rest}, 2);
    }
    if (first == '?') {
        return append_parts(out, (naru_span[]){origin, base->path, rest}, 3);
    }
    if (first == '#' || first == '\0') {
        return append_parts(out, (naru_span[]){origin, base->path, mark, base->query, rest}, 5);
    }
    return append_parts(out, (naru_span[]){origin, up_to_last_slash(base->path), rest}, 3);
}

/* What of text is relative to base: all of it without a scheme, or what follows base's own scheme unless that is `//`
 * (WHATWG URL 4.4, special relative or authority state). */
static bool is_relative(naru_span text, const naru_url *base, naru_span *rest_out)
{
    naru_span scheme;
    naru_span rest;
    if (!split_scheme(text, &scheme, &rest)) {
        *rest_out = text;
        return true;
    }
    *rest_out = rest;
    return base && naru_span_equal_nocase(scheme, base->scheme) &&
           !(rest.size > 1 && rest.data[0] == '/' && rest.data[1] == '/');
}

static naru_status parse_against(naru_url *url, naru_span text, const naru_url *base, const naru_allocator *allocator,
                                 const char **reason_out)
{
    naru_span rest;
    if (!is_relative(text, base, &rest)) {
        return parse_absolute(url, text, allocator, reason_out);
    }
    if (!base) {
        return refuse(reason_out, "the URL is relative, and there is no base URL");
    }
    naru_buf whole;
    naru_buf_init(&whole, allocator);
    naru_status status = resolve(&whole, rest, base);
    if (!status) {
        status = parse_absolute(url, naru_buf_span(&whole), allocator, reason_out);
    }
    naru_buf_deinit(&whole);
    return status;
}

static naru_status parse_base(naru_url *base, const char *text, const naru_allocator *allocator,
                              const char **reason_out)
{
    naru_buf tidied;
    naru_buf_init(&tidied, allocator);
    naru_status status = tidy(&tidied, naru_span_of(text));
    if (!status) {
        status = parse_absolute(base, naru_buf_span(&tidied), allocator, reason_out);
    }
    naru_buf_deinit(&tidied);
    if (status == NARU_ERR_ARGUMENT) {
        refuse(reason_out, "the base URL is not an absolute URL of ws, wss, http or https");
    }
    return status;
}

/* ---- the constructor's rules -------------------------------------------------------------------------------- */

/* WHATWG WebSockets 3.1: http becomes ws, https becomes wss. */
static naru_status make_ws(naru_url *url, const naru_allocator *allocator, const char **reason_out)
{
    bool secure = naru_span_equal(url->scheme, naru_span_of("https"));
    if (!secure && !naru_span_equal(url->scheme, naru_span_of("http"))) {
        return NARU_OK;
    }
    naru_buf text;
    naru_buf_init(&text, allocator);
    naru_span behind = naru__span_from(naru_buf_span(&url->text), url->scheme.size);
    naru_status status = append_parts(&text, (naru_span[]){naru_span_of(secure ? "wss" : "ws"), behind}, 2);
    naru_url_deinit(url);
    if (!status) {
        status = naru_url_parse(url, naru_buf_span(&text), allocator, reason_out);
    }
    naru_buf_deinit(&text);
    return status;
}

static naru_status parse_tidied(naru_url *url, naru_span text, const char *base, const naru_allocator *allocator,
                                const char **reason_out)
{
    if (!base) {
        return parse_against(url, text, NULL, allocator, reason_out);
    }
    naru_url base_url;
    naru_status status = parse_base(&base_url, base, allocator, reason_out);
    if (status) {
        return status;
    }
    status = parse_against(url, text, &base_url, allocator, reason_out);
    naru_url_deinit(&base_url);
    return status;
}

naru_status naru__client_url_parse(naru_url *url, const char *text, const char *base, const naru_allocator *allocator,
                                   const char **reason_out)
{
    memset(url, 0, sizeof *url);
    if (!text) {
        return refuse(reason_out, "there is no URL");
    }
    if (strlen(text) > URL_BYTES_MAX || (base && strlen(base) > URL_BYTES_MAX)) {
        return refuse(reason_out, "the URL is longer than 64 KiB");
    }
    naru_buf tidied;
    naru_buf_init(&tidied, allocator);
    naru_status status = tidy(&tidied, naru_span_of(text));
    if (!status) {
        status = parse_tidied(url, naru_buf_span(&tidied), base, allocator, reason_out);
    }
    naru_buf_deinit(&tidied);
    if (!status) {
        status = make_ws(url, allocator, reason_out);
    }
    if (!status && url->fragment_given) {
        naru_url_deinit(url);
        status = refuse(reason_out, "the URL has a fragment (#), which a WebSocket's must not have");
    }
    return status == NARU_ERR_TOO_BIG ? refuse(reason_out, "the URL is longer than 64 KiB") : status;
}
