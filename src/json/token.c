/* Checked text token by token, in one pass however deep. Source: RFC 8259 2. */
#include "scan.h"
#include "walk.h"

/* Commas and colons say nothing that the order does not. */
static const uint8_t *skip_marks(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ',' || *at == ':' || naru__json_blank(*at))) {
        at++;
    }
    return at;
}

static naru_json_token_kind kind_of(const uint8_t *at, const uint8_t *behind, const uint8_t *end)
{
    switch (*at) {
    case '[':
        return NARU_JSON_TOKEN_ARRAY;
    case ']':
        return NARU_JSON_TOKEN_ARRAY_END;
    case '{':
        return NARU_JSON_TOKEN_OBJECT;
    case '}':
        return NARU_JSON_TOKEN_OBJECT_END;
    case '"':
        behind = naru__json_skip_blanks(behind, end);
        return behind < end && *behind == ':' ? NARU_JSON_TOKEN_KEY : NARU_JSON_TOKEN_VALUE;
    default:
        return NARU_JSON_TOKEN_VALUE;
    }
}

bool naru_json_token_next(naru_span *rest, naru_json_token *token_out)
{
    if (rest->size == 0) {
        return false;
    }
    const uint8_t *end = rest->data + rest->size;
    const uint8_t *at = skip_marks(rest->data, end);
    if (at == end) {
        rest->size = 0;
        return false;
    }
    bool bracket = (*at | 0x20) == '{' || (*at | 0x20) == '}';
    const uint8_t *behind = bracket ? at + 1 : naru__json_scalar_end(at, end);
    token_out->kind = kind_of(at, behind, end);
    token_out->value = naru__json_between(at, behind);
    *rest = (naru_span){behind, (size_t)(end - behind)};
    return true;
}
