/* Comma-separated lists, tokens and field values. Source: RFC 9110 5.5, 5.6. */
#include <naru/http.h>

#include "base/ascii.h"
#include "chars.h"

/* Where the member at the front ends: at a comma outside of quotes. 9110 5.6.4: in quotes a backslash takes
 * the next character with it. */
static size_t member_size(naru_span text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        if (quoted && text.data[i] == '\\') {
            i++;
        } else if (text.data[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && text.data[i] == ',') {
            return i;
        }
    }
    return text.size;
}

bool naru_http_list_next(naru_span *rest, naru_span *member_out)
{
    while (rest->size > 0) {
        size_t size = member_size(*rest);
        naru_span member = naru__span_trim(naru__span_first(*rest, size));
        *rest = naru__span_from(*rest, size < rest->size ? size + 1 : size);
        if (member.size > 0) {
            *member_out = member;
            return true;
        }
    }
    return false;
}

bool naru_http_is_token(naru_span text)
{
    return text.size > 0 && naru__chars_all(text, NARU__CHAR_TOKEN);
}

bool naru_http_is_field_value(naru_span text)
{
    if (text.size == 0) {
        return true;
    }
    return !naru__ascii_blank(text.data[0]) && !naru__ascii_blank(text.data[text.size - 1]) &&
           naru__chars_all(text, NARU__CHAR_FIELD);
}
