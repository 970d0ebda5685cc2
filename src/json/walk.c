/* Values of checked text: what kind, which elements, which members. Nothing here judges the grammar again, but
 * nothing reads beyond its text either. Not for: text that nobody checked. Source: RFC 8259 3 to 5. */
#include "walk.h"

#include "scan.h"

naru_json_kind naru_json_kind_of(naru_json value)
{
    if (value.text.size == 0) {
        return NARU_JSON_NONE;
    }
    switch (value.text.data[0]) {
    case '{':
        return NARU_JSON_OBJECT;
    case '[':
        return NARU_JSON_ARRAY;
    case '"':
        return NARU_JSON_STRING;
    case 't':
    case 'f':
        return NARU_JSON_BOOL;
    case 'n':
        return NARU_JSON_NULL;
    default:
        return NARU_JSON_NUMBER;
    }
}

bool naru_json_is(naru_json value, naru_json_kind kind)
{
    return naru_json_kind_of(value) == kind;
}

naru_status naru_json_bool(naru_json value, bool *out)
{
    if (!naru_json_is(value, NARU_JSON_BOOL)) {
        return NARU_ERR_ARGUMENT;
    }
    *out = value.text.data[0] == 't';
    return NARU_OK;
}

/* ---- over values -------------------------------------------------------------------------------------------- */

/* The first bracket, brace or quote. [ and { differ in one bit, as ] and } do. */
static const uint8_t *mark_end(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 16) {
        naru__json_vec bytes = naru__json_load(at);
        naru__json_vec folded = bytes | 0x20;
        size_t hit = naru__json_hit((naru__json_pair)((folded == '{') | (folded == '}') | (bytes == '"')));
        if (hit < 16) {
            return at + hit;
        }
        at += 16;
    }
    while (at < end && (*at | 0x20) != '{' && (*at | 0x20) != '}' && *at != '"') {
        at++;
    }
    return at;
}

/* Marks pair up in checked text, so that counting them is enough. */
static const uint8_t *container_end(const uint8_t *at, const uint8_t *end)
{
    size_t depth = 0;
    while ((at = mark_end(at, end)) < end) {
        uint8_t mark = *at++;
        if (mark == '"') {
            at = naru__json_string_end(at, end);
            continue;
        }
        depth = (mark | 0x20) == '{' ? depth + 1 : depth - 1;
        if (depth == 0) {
            break;
        }
    }
    return at;
}

const uint8_t *naru__json_scalar_end(const uint8_t *at, const uint8_t *end)
{
    if (*at == '"') {
        return naru__json_string_end(at + 1, end);
    }
    while (at < end && *at != ',' && (*at | 0x20) != '}' && !naru__json_blank(*at)) {
        at++;
    }
    return at;
}

const uint8_t *naru__json_value_end(const uint8_t *at, const uint8_t *end)
{
    return (*at | 0x20) == '{' ? container_end(at, end) : naru__json_scalar_end(at, end);
}

const uint8_t *naru__json_skip_to_next(const uint8_t *at, const uint8_t *end, uint8_t mark)
{
    at = naru__json_skip_blanks(at, end);
    return at < end && *at == mark ? naru__json_skip_blanks(at + 1, end) : at;
}

/* ---- elements and members ----------------------------------------------------------------------------------- */

naru_json_iter naru_json_each(naru_json value)
{
    if (value.text.size < 2 || (value.text.data[0] | 0x20) != '{') {
        return (naru_json_iter){{NULL, 0}};
    }
    return (naru_json_iter){{value.text.data + 1, value.text.size - 2}};
}

bool naru_json_next(naru_json_iter *iter, naru_json *key_out, naru_json *value_out)
{
    if (iter->rest.size == 0) {
        return false;
    }
    const uint8_t *end = iter->rest.data + iter->rest.size;
    const uint8_t *at = naru__json_skip_to_next(iter->rest.data, end, ',');
    if (at == end) {
        iter->rest.size = 0;
        return false;
    }
    const uint8_t *behind = naru__json_value_end(at, end);
    naru_json key = {{NULL, 0}};
    const uint8_t *colon = *at == '"' ? naru__json_skip_blanks(behind, end) : end;
    if (colon < end && *colon == ':') {
        key = naru__json_between(at, behind);
        at = naru__json_skip_blanks(colon + 1, end);
        behind = at < end ? naru__json_value_end(at, end) : end;
    }
    if (key_out) {
        *key_out = key;
    }
    *value_out = naru__json_between(at, behind);
    iter->rest = (naru_span){behind, (size_t)(end - behind)};
    return true;
}

bool naru_json_find(naru_json object, const char *key, naru_json *value_out)
{
    naru_json_iter iter = naru_json_each(object);
    naru_span wanted = naru_span_of(key);
    naru_json name;
    naru_json value;
    bool found = false;
    while (naru_json_next(&iter, &name, &value)) {
        if (naru_json_string_equal(name, wanted)) {
            *value_out = value;
            found = true;
        }
    }
    return found;
}

bool naru_json_at(naru_json array, size_t index, naru_json *value_out)
{
    if (!naru_json_is(array, NARU_JSON_ARRAY)) {
        return false;
    }
    naru_json_iter iter = naru_json_each(array);
    naru_json value;
    for (size_t i = 0; naru_json_next(&iter, NULL, &value); i++) {
        if (i == index) {
            *value_out = value;
            return true;
        }
    }
    return false;
}

size_t naru_json_count(naru_json value)
{
    naru_json_iter iter = naru_json_each(value);
    naru_json each;
    size_t count = 0;
    while (naru_json_next(&iter, NULL, &each)) {
        count++;
    }
    return count;
}
