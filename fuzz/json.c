/* Any bytes as JSON. What passes the check is walked by every way there is; what the writer makes of it passes too, and
 * says the same: strings their characters, numbers their value. */
#include <naru/json.h>

#include <string.h>

#include "split.h"

static void write_string(naru_json_writer *w, naru_json value, bool key, naru_buf *scratch)
{
    naru_span characters;
    HOLD(naru_json_string(value, scratch, &characters) == NARU_OK);
    HOLD(naru_utf8_valid(characters) && characters.size <= value.text.size - 2);
    HOLD(naru_json_string_equal(value, characters));
    if (key) {
        naru_json_write_key(w, characters);
    } else {
        naru_json_write_string(w, characters);
    }
}

static void write_number(naru_json_writer *w, naru_json value)
{
    double number;
    int64_t whole;
    uint64_t natural;
    if (naru_json_int64(value, &whole) == NARU_OK) {
        naru_json_write_int64(w, whole);
    } else if (naru_json_uint64(value, &natural) == NARU_OK) {
        naru_json_write_uint64(w, natural);
    } else if (naru_json_double(value, &number) == NARU_OK) {
        naru_json_write_double(w, number);
    } else {
        naru_json_write_raw(w, value.text);
    }
}

static void write_value(naru_json_writer *w, naru_json value, naru_buf *scratch)
{
    bool yes;
    switch (naru_json_kind_of(value)) {
    case NARU_JSON_STRING:
        write_string(w, value, false, scratch);
        return;
    case NARU_JSON_NUMBER:
        write_number(w, value);
        return;
    case NARU_JSON_BOOL:
        HOLD(naru_json_bool(value, &yes) == NARU_OK);
        naru_json_write_bool(w, yes);
        return;
    default:
        HOLD(naru_json_is(value, NARU_JSON_NULL));
        naru_json_write_null(w);
        return;
    }
}

static void write_token(naru_json_writer *w, naru_json_token token, naru_buf *scratch)
{
    switch (token.kind) {
    case NARU_JSON_TOKEN_VALUE:
        write_value(w, token.value, scratch);
        return;
    case NARU_JSON_TOKEN_KEY:
        write_string(w, token.value, true, scratch);
        return;
    case NARU_JSON_TOKEN_ARRAY:
        naru_json_write_array(w);
        return;
    case NARU_JSON_TOKEN_ARRAY_END:
        naru_json_write_array_end(w);
        return;
    case NARU_JSON_TOKEN_OBJECT:
        naru_json_write_object(w);
        return;
    case NARU_JSON_TOKEN_OBJECT_END:
        naru_json_write_object_end(w);
        return;
    }
}

/* All of it, as the writer writes it. */
static naru_buf rewrite(naru_json value, uint32_t flags)
{
    naru_buf out = {0};
    naru_buf scratch = {0};
    naru_json_writer w;
    naru_json_token token;
    naru_json_writer_init(&w, &out, flags);
    for (naru_span rest = value.text; naru_json_token_next(&rest, &token);) {
        write_token(&w, token, &scratch);
    }
    HOLD(naru_json_writer_finish(&w) == NARU_OK);
    naru_buf_deinit(&scratch);
    return out;
}

/* One level: each element is a checked value of its own, and is found where it stands. */
static void walk(naru_json value)
{
    static const naru_json_limits deep = {.depth_max = NARU_JSON_DEPTH_MAX, .keys_max = UINT32_MAX};
    naru_json_iter iter = naru_json_each(value);
    naru_json key;
    naru_json each;
    size_t count = 0;
    while (naru_json_next(&iter, &key, &each)) {
        HOLD(naru_json_check(each.text, &deep, NULL) == NARU_OK);
        HOLD(naru_json_is(key, NARU_JSON_STRING) == naru_json_is(value, NARU_JSON_OBJECT));
        count++;
    }
    HOLD(count == naru_json_count(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy((naru_span){data, size});
    naru_fault fault = {0};
    naru_json value;
    naru_status status = naru_json_read((naru_span){copy, size}, NULL, &value, &fault);
    HOLD(status == NARU_OK || (fault.status == status && fault.offset <= size));
    if (status == NARU_OK) {
        walk(value);
        naru_buf once = rewrite(value, NARU_JSON_ESCAPE_LINES);
        naru_json again;
        HOLD(naru_json_read(naru_buf_span(&once), &(naru_json_limits){.bytes_max = SIZE_MAX}, &again, NULL) == NARU_OK);
        naru_buf twice = rewrite(again, NARU_JSON_ESCAPE_LINES);
        HOLD(naru_span_equal(naru_buf_span(&once), naru_buf_span(&twice)));
        naru_buf_deinit(&once);
        naru_buf_deinit(&twice);
    }
    free(copy);
    return 0;
}
