/* What a route's path may look like, and what its parameters stand for in a request. A parameter is always one whole
 * segment, so that pattern and path can be walked side by side and nothing has to be remembered from the match.
 *
 * Not for: finding the route (route.c). */
#include "server/exchange.h"

#include "base/ascii.h"
#include <string.h>

enum { SEGMENTS_MAX = 64, NAME_BYTES_MAX = 64 };

bool naru__path_segment(naru_span *rest, naru_span *segment_out)
{
    if (rest->size == 0) {
        return false;
    }
    naru_span inner = naru__span_from(*rest, 1);
    const uint8_t *slash = inner.size > 0 ? memchr(inner.data, '/', inner.size) : NULL;
    size_t size = slash ? (size_t)(slash - inner.data) : inner.size;
    *segment_out = naru__span_first(inner, size);
    *rest = naru__span_from(inner, size);
    return true;
}

bool naru__route_parameter(naru_span segment, naru_span *name_out)
{
    if (segment.size < 3 || segment.data[0] != '{' || segment.data[segment.size - 1] != '}') {
        return false;
    }
    *name_out = (naru_span){segment.data + 1, segment.size - 2};
    return true;
}

static bool name_valid(naru_span name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!naru__ascii_alpha(c) && c != '_' && (i == 0 || !naru__ascii_digit(c))) {
            return false;
        }
    }
    return name.size <= NAME_BYTES_MAX;
}

/* Is it the name of a parameter in the pattern's first `size` bytes? */
static bool named_before(naru_span path, size_t size, naru_span name)
{
    naru_span rest = naru__span_first(path, size), segment, other;
    while (naru__path_segment(&rest, &segment)) {
        if (naru__route_parameter(segment, &other) && naru_span_equal(other, name)) {
            return true;
        }
    }
    return false;
}

/* Braces are for whole segments, and a name stands for one of them. */
static bool segments_valid(naru_span path)
{
    naru_span rest = path, segment, name;
    for (size_t count = 0; naru__path_segment(&rest, &segment); count++) {
        size_t before = path.size - rest.size - segment.size - 1;
        bool braces =
            segment.size > 0 && (memchr(segment.data, '{', segment.size) || memchr(segment.data, '}', segment.size));
        bool parameter = naru__route_parameter(segment, &name);
        if (count >= SEGMENTS_MAX || braces != parameter) {
            return false;
        }
        if (parameter && (!name_valid(name) || named_before(path, before, name))) {
            return false;
        }
    }
    return true;
}

bool naru__route_pattern_valid(naru_span path)
{
    if (path.size == 0 || memchr(path.data, 0, path.size)) {
        return false;
    }
    if (path.size == 1 && path.data[0] == '*') {
        return true;
    }
    bool starred = path.data[path.size - 1] == '*';
    return path.data[0] == '/' && (!starred || path.data[path.size - 2] == '/') && segments_valid(path);
}

/* A prefix ends in a slash, behind which the star's part begins. */
bool naru_request_param(const naru_request *request, const char *name, naru_span *value_out)
{
    const naru__route *route = request->route;
    naru_span wanted = naru_span_of(name), rest = naru_buf_span(&request->path), value, segment, parameter;
    if (!route) {
        return false;
    }
    naru_span pattern = route->path;
    if (route->prefix && pattern.size > 0) {
        pattern.size--;
    }
    while (naru__path_segment(&pattern, &segment) && naru__path_segment(&rest, &value)) {
        if (naru__route_parameter(segment, &parameter) && naru_span_equal(parameter, wanted)) {
            *value_out = value;
            return true;
        }
    }
    if (!route->prefix || !naru_span_equal(wanted, naru_span_of("*"))) {
        return false;
    }
    *value_out = rest.size > 0 ? naru__span_from(rest, 1) : rest;
    return true;
}
