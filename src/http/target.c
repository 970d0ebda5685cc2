/* The four forms of a request target, and where path and query lie in it. Not for: decoding. Source: RFC
 * 9112 3.2. */
#include <string.h>

#include "base/ascii.h"
#include "head.h"
#include "host.h"

static size_t find(naru_span text, uint8_t c)
{
    const uint8_t *at = text.size > 0 ? memchr(text.data, c, text.size) : NULL;
    return at ? (size_t)(at - text.data) : text.size;
}

/* Path and query out of what begins at bytes[at]. */
static void split(naru_http_head *head, naru_span text, size_t at)
{
    size_t path = find(text, '?');
    head->path = naru__range_of(at, path);
    head->path_is_root = path == 0;
    head->query = path == text.size ? naru__range_of(at, 0) : naru__range_of(at + path + 1, text.size - path - 1);
}

/* The bytes of the scheme and its `://`, 0 if it is none that leads here. */
static size_t scheme_size(naru_span target)
{
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        naru_span scheme = naru_span_of(schemes[i]);
        if (target.size >= scheme.size && naru_span_equal_nocase(naru__span_first(target, scheme.size), scheme)) {
            return scheme.size;
        }
    }
    return 0;
}

static naru_status absolute_form(naru_http_head *head, naru_span target)
{
    size_t at = head->target.begin;
    size_t scheme = scheme_size(target);
    if (scheme == 0) {
        return naru__head_bad(head, at, "9112 3.2", "The request target has none of the four forms.");
    }
    naru_span rest = naru__span_from(target, scheme);
    size_t slash = find(rest, '/');
    size_t mark = find(rest, '?');
    size_t authority = slash < mark ? slash : mark;
    /* 9110 4.2.4: user information is an error; 4.2.1: an empty host too. */
    if (!naru__host_port_valid(naru__span_first(rest, authority), false)) {
        return naru__head_bad(head, at + scheme, "9110 4.2", "The request target's host is malformed.");
    }
    split(head, naru__span_from(rest, authority), at + scheme + authority);
    return NARU_OK;
}

static naru_status authority_form(naru_http_head *head, naru_span target)
{
    if (!naru__host_port_valid(target, true)) {
        return naru__head_bad(head, head->target.begin, "9112 3.2.3", "CONNECT needs a target of host and port.");
    }
    head->path = head->target;
    return NARU_OK;
}

naru_status naru__head_target(naru_http_head *head)
{
    naru_span target = naru__head_span(head, head->target);
    naru_span method = naru__head_span(head, head->method);
    if (naru_span_equal(method, naru_span_of("CONNECT"))) {
        return authority_form(head, target);
    }
    if (target.data[0] == '/') {
        split(head, target, head->target.begin);
        return NARU_OK;
    }
    if (!naru_span_equal(target, naru_span_of("*"))) {
        return absolute_form(head, target);
    }
    if (!naru_span_equal(method, naru_span_of("OPTIONS"))) {
        return naru__head_bad(head, head->target.begin, "9112 3.2.4", "Only OPTIONS may ask for `*`.");
    }
    head->path = head->target;
    return NARU_OK;
}
