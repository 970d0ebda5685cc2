/* From the path that was sent to the one path that access rules, routes and files all look at. It is decoded first, so
 * that `%2e%2e` and `%2f` cannot mean one thing to a rule and another to the file system. Source: RFC 3986 5.2.4. */
#include "server/path.h"

#include "base/ascii.h"
#include "base/buf.h"
#include <naru/http.h>
#include <string.h>

/* 3986 5.2.4, in place: what is written never overtakes what is read. Answers the new size. */
static size_t remove_dots(uint8_t *path, size_t size)
{
    size_t written = 0;
    for (size_t at = 0; at < size;) {
        const uint8_t *slash = memchr(path + at + 1, '/', size - at - 1);
        size_t end = slash ? (size_t)(slash - path) : size;
        size_t segment = end - at - 1;
        bool one = segment == 1 && path[at + 1] == '.';
        bool two = segment == 2 && path[at + 1] == '.' && path[at + 2] == '.';
        if (two) {
            while (written > 0 && path[--written] != '/') {
            }
        }
        if (one || two) {
            if (end == size) {
                path[written++] = '/';
            }
        } else {
            memmove(path + written, path + at, segment + 1);
            written += segment + 1;
        }
        at = end;
    }
    if (written == 0) {
        path[written++] = '/';
    }
    return written;
}

static const char *fault_of(naru_span path)
{
    if (path.size == 0 || path.data[0] != '/') {
        return "the request's target is not a path";
    }
    if (memchr(path.data, 0, path.size)) {
        return "the path holds a NUL";
    }
    return naru_utf8_valid(path) ? NULL : "the path is not UTF-8";
}

naru_status naru__path_read(naru_span raw, naru_buf *out, const char **text_out)
{
    if (raw.size == 0) {
        raw = naru_span_of("/");
    }
    if (memchr(raw.data, '#', raw.size)) {
        *text_out = "the target holds a fragment";
        return NARU_ERR_PROTOCOL;
    }
    naru_status status = naru_url_decode(raw, out);
    if (status == NARU_ERR_ARGUMENT) {
        *text_out = "a bad escape in the path";
        return NARU_ERR_PROTOCOL;
    }
    if (status < 0) {
        return status;
    }
    naru_span path = naru_buf_span(out);
    *text_out = fault_of(path);
    if (*text_out) {
        return NARU_ERR_PROTOCOL;
    }
    naru__buf_truncate(out, remove_dots(out->data + out->begin, path.size));
    return NARU_OK;
}

naru_status naru__path_write(naru_span path, naru_buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < path.size; i++) {
        uint8_t c = path.data[i];
        bool plain = naru__ascii_alpha(c) || naru__ascii_digit(c) || (c && strchr("-._~/", c));
        const uint8_t escaped[3] = {'%', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15]};
        naru_status status = naru_buf_append(out, plain ? (naru_span){&c, 1} : (naru_span){escaped, 3});
        if (status < 0) {
            return status;
        }
    }
    return NARU_OK;
}
