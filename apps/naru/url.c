/* The URL that a person meant, from what they typed.
 *
 * Not for: parsing it; the library does. Source: none. */
#include "url.h"

#include <string.h>
#include <strings.h>

naru_status url_complete(naru_buf *out, const char *text)
{
    const char *before = "";
    if (text[0] == ':') {
        before = "ws://localhost";
    } else if (!strstr(text, "://") && strncasecmp(text, "ws+unix:", 8) != 0) {
        before = "ws://";
    }
    naru_status status = naru_buf_append(out, naru_span_of(before));
    if (status == NARU_OK) {
        status = naru_buf_append(out, (naru_span){(const uint8_t *)text, strlen(text) + 1});
    }
    return status;
}
