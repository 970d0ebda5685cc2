/* May the page that asks for a WebSocket have one? Origin's forms other than scheme://host[:port] ("null", with a user,
 * with a path) are nobody's host. Source: RFC 6455 10.2, RFC 6454 7. */
#include "server/origin.h"

#include "base/ascii.h"
#include <string.h>

typedef struct authority {
    naru_span host;
    uint32_t port;
} authority;

static bool host_char(uint8_t c, bool bracketed)
{
    return naru__ascii_alpha(c) || naru__ascii_digit(c) || c == '-' || c == '.' || c == '_' || (bracketed && c == ':');
}

/* The host with its brackets; 0: it is none. */
static size_t host_bytes(naru_span text)
{
    bool bracketed = text.size > 0 && text.data[0] == '[';
    size_t size = bracketed;
    while (size < text.size && host_char(text.data[size], bracketed)) {
        size++;
    }
    if (!bracketed) {
        return size;
    }
    return size > 1 && size < text.size && text.data[size] == ']' ? size + 1 : 0;
}

static bool port_read(naru_span text, uint32_t *port_out)
{
    uint32_t port = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!naru__ascii_digit(text.data[i])) {
            return false;
        }
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    *port_out = port;
    return text.size >= 1 && text.size <= 5 && text.data[0] != '0' && port <= UINT16_MAX;
}

static bool authority_read(naru_span text, uint32_t default_port, authority *out)
{
    size_t host = host_bytes(text);
    if (host == 0) {
        return false;
    }
    out->host = naru__span_first(text, host);
    out->port = default_port;
    text = naru__span_from(text, host);
    return text.size == 0 || (text.data[0] == ':' && port_read(naru__span_from(text, 1), &out->port));
}

static bool take_prefix(naru_span *text, const char *prefix)
{
    size_t size = strlen(prefix);
    if (text->size < size || !naru_span_equal_nocase(naru__span_first(*text, size), naru_span_of(prefix))) {
        return false;
    }
    *text = naru__span_from(*text, size);
    return true;
}

/* 9112 3.2.2: the authority of a target in absolute form stands above Host. */
static bool host_of(const naru_http_head *head, naru_span *out)
{
    naru_span target = naru_http_head_target(head);
    if (take_prefix(&target, "http://") || take_prefix(&target, "https://") || take_prefix(&target, "ws://") ||
        take_prefix(&target, "wss://")) {
        size_t size = 0;
        while (size < target.size && target.data[size] != '/' && target.data[size] != '?') {
            size++;
        }
        *out = naru__span_first(target, size);
        return true;
    }
    return naru_http_head_find(head, "Host", out);
}

/* A Host without a port has the port that the page's own scheme means, since TLS may have ended before us. */
static bool same_host(naru_span origin, const naru_http_head *head)
{
    uint32_t port = take_prefix(&origin, "https://") ? 443 : take_prefix(&origin, "http://") ? 80 : 0;
    authority page, here;
    naru_span host;
    return port > 0 && authority_read(origin, port, &page) && host_of(head, &host) &&
           authority_read(host, port, &here) && page.port == here.port && naru_span_equal_nocase(page.host, here.host);
}

static bool listed(naru_span origin, const naru_server_options *options)
{
    for (size_t i = 0; i < options->origins_count; i++) {
        if (naru_span_equal_nocase(origin, naru_span_of(options->origins[i]))) {
            return true;
        }
    }
    return false;
}

bool naru__origin_allowed(const naru_http_head *head, const naru_server_options *options)
{
    naru_span origin;
    size_t count = naru_http_head_count_of(head, "Origin");
    if (options->origin_policy == NARU_ORIGIN_ANY || count == 0) {
        return true;
    }
    if (count > 1 || !naru_http_head_find(head, "Origin", &origin)) {
        return false;
    }
    return options->origin_policy == NARU_ORIGIN_LIST ? listed(origin, options) : same_host(origin, head);
}
