/* Is it JSON, within limits? One pass, no recursion: a bit for each open level says whether it is an object.
 * Not for: values; walk.c reads them from text that passed here. Source: RFC 8259 2 to 9. */
#include <naru/json.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "scan.h"

enum { DEFAULT_BYTES = 1 << 20, DEFAULT_DEPTH = 128, DEFAULT_KEYS = 65536 };

typedef struct checker {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t depth;
    uint32_t depth_max;
    uint32_t keys_left;
    naru_status status;
    const char *rule;
    const char *text;
    uint64_t objects[NARU_JSON_DEPTH_MAX / 64];
} checker;

/* `at` stands at the first bad byte. */
static bool fail_with(checker *c, naru_status status, const char *rule, const char *text)
{
    c->status = status;
    c->rule = rule;
    c->text = text;
    return false;
}

static bool fail(checker *c, const char *rule, const char *text)
{
    return fail_with(c, NARU_ERR_PROTOCOL, rule, text);
}

/* The next byte that is not blank; 0, which no grammar has, at the end. */
static uint8_t peek(checker *c)
{
    if (c->at < c->end && *c->at <= ' ') {
        c->at = naru__json_skip_blanks(c->at, c->end);
    }
    return c->at < c->end ? *c->at : 0;
}

static bool in_object(const checker *c)
{
    uint32_t level = c->depth - 1;
    return c->objects[level / 64] >> (level % 64) & 1;
}

/* ---- scalars ------------------------------------------------------------------------------------------------ */

static bool check_escape(checker *c)
{
    if (c->end - c->at < 2) {
        return fail(c, "8259 7", "The text ends inside a string.");
    }
    uint8_t kind = c->at[1];
    if (kind != 'u') {
        if (kind == 0 || !memchr("\"\\/bfnrt", kind, 8)) {
            return fail(c, "8259 7", "A string has an escape that JSON does not have.");
        }
        c->at += 2;
        return true;
    }
    for (ptrdiff_t i = 2; i < 6; i++) {
        if (c->end - c->at <= i || naru__ascii_hex(c->at[i]) < 0) {
            return fail(c, "8259 7", "An escape \\u without its four hexadecimal digits.");
        }
    }
    c->at += 6;
    return true;
}

/* `at` stands at the opening quote. */
static bool check_string(checker *c)
{
    c->at++;
    for (;;) {
        c->at = naru__json_plain_end(c->at, c->end);
        if (c->at == c->end) {
            return fail(c, "8259 7", "The text ends inside a string.");
        }
        if (*c->at == '"') {
            c->at++;
            return true;
        }
        if (*c->at != '\\') {
            return fail(c, "8259 7", "A control character stands in a string.");
        }
        if (!check_escape(c)) {
            return false;
        }
    }
}

static bool check_digits(checker *c)
{
    if (c->at == c->end || !naru__ascii_digit(*c->at)) {
        return fail(c, "8259 6", "A number lacks a digit.");
    }
    while (c->at < c->end && naru__ascii_digit(*c->at)) {
        c->at++;
    }
    return true;
}

static bool check_exponent(checker *c)
{
    c->at++;
    if (c->at < c->end && (*c->at == '+' || *c->at == '-')) {
        c->at++;
    }
    return check_digits(c);
}

static bool check_fraction(checker *c)
{
    c->at++;
    return check_digits(c);
}

static bool check_number(checker *c)
{
    c->at += *c->at == '-';
    bool zero = c->at < c->end && *c->at == '0';
    if (zero) {
        c->at++;
    } else if (!check_digits(c)) {
        return false;
    }
    if (zero && c->at < c->end && naru__ascii_digit(*c->at)) {
        return fail(c, "8259 6", "A number begins with a needless zero.");
    }
    if (c->at < c->end && *c->at == '.' && !check_fraction(c)) {
        return false;
    }
    return c->at == c->end || (*c->at | 0x20) != 'e' || check_exponent(c);
}

static bool check_word(checker *c, const char *word, size_t size)
{
    if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0) {
        return fail(c, "8259 3", "Here a value is due, and this begins none.");
    }
    c->at += size;
    return true;
}

/* ---- structure ---------------------------------------------------------------------------------------------- */

/* A key and its colon. */
static bool check_key(checker *c)
{
    if (peek(c) != '"') {
        return fail(c, "8259 4", "Here a key is due.");
    }
    if (c->keys_left == 0) {
        return fail_with(c, NARU_ERR_TOO_MANY, "keys_max", "The text has more keys than are allowed.");
    }
    c->keys_left--;
    if (!check_string(c)) {
        return false;
    }
    if (peek(c) != ':') {
        return fail(c, "8259 4", "Here a colon is due.");
    }
    c->at++;
    return true;
}

static bool push(checker *c, bool object)
{
    if (c->depth == c->depth_max) {
        return fail_with(c, NARU_ERR_TOO_MANY, "depth_max", "The text is nested deeper than is allowed.");
    }
    uint64_t bit = UINT64_C(1) << (c->depth % 64);
    uint64_t *word = &c->objects[c->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    c->depth++;
    c->at++;
    return true;
}

typedef enum outcome { BAD, WHOLE, OPENED } outcome;

/* After OPENED a value is due: the first element, or that of the first key. */
static outcome open_array(checker *c)
{
    if (!push(c, false)) {
        return BAD;
    }
    if (peek(c) != ']') {
        return OPENED;
    }
    c->at++;
    c->depth--;
    return WHOLE;
}

static outcome open_object(checker *c)
{
    if (!push(c, true)) {
        return BAD;
    }
    if (peek(c) != '}') {
        return check_key(c) ? OPENED : BAD;
    }
    c->at++;
    c->depth--;
    return WHOLE;
}

static outcome check_value(checker *c)
{
    uint8_t first = peek(c);
    switch (first) {
    case '"':
        return check_string(c) ? WHOLE : BAD;
    case '{':
        return open_object(c);
    case '[':
        return open_array(c);
    case 't':
        return check_word(c, "true", 4) ? WHOLE : BAD;
    case 'f':
        return check_word(c, "false", 5) ? WHOLE : BAD;
    case 'n':
        return check_word(c, "null", 4) ? WHOLE : BAD;
    default:
        break;
    }
    if (first != '-' && !naru__ascii_digit(first)) {
        (void)fail(c, "8259 3", "Here a value is due, and this begins none.");
        return BAD;
    }
    return check_number(c) ? WHOLE : BAD;
}

/* Behind a value: what closes closes, up to the comma before the next value or the end of all. */
static bool check_behind(checker *c)
{
    while (c->depth > 0) {
        bool object = in_object(c);
        uint8_t next = peek(c);
        if (next == ',') {
            c->at++;
            return !object || check_key(c);
        }
        if (next != (object ? '}' : ']')) {
            return fail(c, "8259 4", "Here a comma or the end of the array or object is due.");
        }
        c->at++;
        c->depth--;
    }
    return true;
}

static bool check_text(checker *c)
{
    do {
        outcome done = check_value(c);
        if (done == BAD || (done == WHOLE && !check_behind(c))) {
            return false;
        }
    } while (c->depth > 0);
    (void)peek(c);
    return c->at == c->end || fail(c, "8259 2", "Something follows the value.");
}

/* The whole text at once: that is as fast as reading it, and strings need not look at each character. */
static bool check_utf8(checker *c, naru_span text)
{
    naru__utf8 utf8 = {0};
    size_t bad = text.size;
    if (naru__utf8_feed(&utf8, text, &bad) && naru__utf8_complete(&utf8)) {
        return true;
    }
    c->at += bad;
    return fail_with(c, NARU_ERR_UTF8, "8259 8.1", "The text is not UTF-8.");
}

static void start(checker *c, naru_span text, const naru_json_limits *limits)
{
    c->at = text.data;
    c->end = text.data + text.size;
    c->depth = 0;
    c->depth_max = limits->depth_max ? limits->depth_max : DEFAULT_DEPTH;
    if (c->depth_max > NARU_JSON_DEPTH_MAX) {
        c->depth_max = NARU_JSON_DEPTH_MAX;
    }
    c->keys_left = limits->keys_max ? limits->keys_max : DEFAULT_KEYS;
    c->status = NARU_OK;
}

naru_status naru_json_check(naru_span text, const naru_json_limits *limits, naru_fault *fault_out)
{
    static const naru_json_limits defaults = {0};
    limits = limits ? limits : &defaults;
    if (!text.data) {
        text = naru_span_of("");
    }
    checker c;
    start(&c, text, limits);
    bool good = text.size <= (limits->bytes_max ? limits->bytes_max : DEFAULT_BYTES) ||
                fail_with(&c, NARU_ERR_TOO_BIG, "bytes_max", "The text is bigger than is allowed.");
    good = good && (limits->trust_utf8 || check_utf8(&c, text)) && check_text(&c);
    if (!good && fault_out) {
        *fault_out =
            (naru_fault){.status = c.status, .offset = (uint64_t)(c.at - text.data), .rule = c.rule, .text = c.text};
    }
    return c.status;
}

naru_status naru_json_read(naru_span text, const naru_json_limits *limits, naru_json *value_out, naru_fault *fault_out)
{
    naru_status status = naru_json_check(text, limits, fault_out);
    if (status != NARU_OK) {
        return status;
    }
    const uint8_t *end = text.data + text.size;
    const uint8_t *begin = naru__json_skip_blanks(text.data, end);
    while (naru__json_blank(end[-1])) {
        end--;
    }
    value_out->text = (naru_span){begin, (size_t)(end - begin)};
    return NARU_OK;
}
