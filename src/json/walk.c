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

/* On the way through an array or object. Marks pair up in checked text, so that counting them is enough. */
typedef struct passage {
    size_t depth;
    bool in_string;
    const uint8_t *escaped; /* what follows a backslash says nothing */
} passage;

/* Is this mark the end of all? */
static inline bool take_mark(passage *p, const uint8_t *at)
{
    uint8_t mark = *at;
    if (at == p->escaped) {
        return false;
    }
    if (mark == '"') {
        p->in_string = !p->in_string;
    } else if (mark == '\\') {
        p->escaped = at + 1;
    } else if (!p->in_string) {
        p->depth = (mark | 0x20) == '{' ? p->depth + 1 : p->depth - 1;
        return p->depth == 0;
    }
    return false;
}

static bool is_mark(uint8_t byte)
{
    return byte == '"' || byte == '\\' || (byte | 0x20) == '{' || (byte | 0x20) == '}';
}

/* [ and { differ in one bit, as ] and } do. */
static inline naru__json_pair marks_of(const uint8_t *at)
{
    naru__json_vec bytes = naru__json_load(at);
    naru__json_vec folded = bytes | 0x20;
    return (naru__json_pair)((folded == '{') | (folded == '}') | (bytes == '"') | (bytes == '\\'));
}

/* The mark that ends all among eight bytes; NULL: none of them. */
static inline const uint8_t *take_marks(passage *p, const uint8_t *at, uint64_t marks)
{
    while (marks) {
        size_t first = naru__json_first(marks);
        if (take_mark(p, at + first)) {
            return at + first;
        }
        marks = naru__json_without(marks, first);
    }
    return NULL;
}

static const uint8_t *container_end(const uint8_t *at, const uint8_t *end)
{
    passage p = {0};
    for (; end - at >= 16; at += 16) {
        naru__json_pair marks = marks_of(at);
        const uint8_t *last = take_marks(&p, at, marks[0]);
        last = last ? last : take_marks(&p, at + 8, marks[1]);
        if (last) {
            return last + 1;
        }
    }
    for (; at < end; at++) {
        if (is_mark(*at) && take_mark(&p, at)) {
            return at + 1;
        }
    }
    return end;
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
