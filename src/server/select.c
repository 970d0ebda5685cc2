/* What the request's conditions make of a content: all of it, a part, or word that nothing has changed.
 * Source: RFC 9110 13 (conditions), 14 (ranges). */
#include "server/content.h"

#include "base/ascii.h"

/* Does an If-Match or If-None-Match field name this tag? Ours is strong, so a weak one matches only where `weak` may.
 */
static bool names_etag(const naru_http_head *head, const char *field, const char *etag, bool weak)
{
    for (size_t i = 0; i < naru_http_head_count(head); i++) {
        naru_http_field at = naru_http_head_at(head, i);
        naru_span rest = at.value;
        naru_span member;
        if (!naru_span_equal_nocase(at.name, naru_span_of(field))) {
            continue;
        }
        while (naru_http_list_next(&rest, &member)) {
            bool is_weak = member.size > 2 && member.data[0] == 'W' && member.data[1] == '/';
            if (is_weak && weak) {
                member = naru__span_from(member, 2);
            }
            if (naru_span_equal(member, naru_span_of("*")) || naru_span_equal(member, naru_span_of(etag))) {
                return true;
            }
        }
    }
    return false;
}

/* Has it been changed since the field's date? `none` when there is no such field or nothing to compare. */
static bool changed_since(const naru_http_head *head, const char *field, const naru__content *content, bool none)
{
    naru_span value;
    int64_t since;
    if (content->modified_s < 0 || !naru_http_head_find(head, field, &value) || !naru__date_read(value, &since)) {
        return none;
    }
    return content->modified_s > since;
}

static bool digits(naru_span *text, uint64_t *value_out)
{
    uint64_t value = 0;
    size_t at = 0;
    while (at < text->size && naru__ascii_digit(text->data[at])) {
        uint64_t digit = (uint64_t)(text->data[at++] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *text = naru__span_from(*text, at);
    *value_out = value;
    return at > 0;
}

static const naru__selection not_satisfiable = {.status = 416};

/* 9110 14.1.2: first-last, first-, or -length. Several parts and everything unknown are answered with the whole. */
static naru__selection select_range(naru_span spec, uint64_t size)
{
    naru__selection whole = {200, 0, size};
    uint64_t first = 0, last = 0;
    const size_t unit = sizeof "bytes=" - 1;
    if (spec.size < unit || !naru_span_equal_nocase(naru__span_first(spec, unit), naru_span_of("bytes="))) {
        return whole;
    }
    spec = naru__span_trim(naru__span_from(spec, unit));
    bool has_first = digits(&spec, &first);
    if (spec.size == 0 || spec.data[0] != '-') {
        return whole;
    }
    spec = naru__span_from(spec, 1);
    bool has_last = digits(&spec, &last);
    if (spec.size > 0 || (!has_first && !has_last) || (has_first && has_last && last < first)) {
        return whole;
    }
    if (!has_first) {
        first = last < size ? size - last : 0;
        return last == 0 || size == 0 ? not_satisfiable : (naru__selection){206, first, size - first};
    }
    if (first >= size) {
        return not_satisfiable;
    }
    last = !has_last || last >= size ? size - 1 : last;
    return (naru__selection){206, first, last - first + 1};
}

/* 9110 13.1.5: the part only if it is still the same thing, by our tag or by our very date. */
static bool range_holds(const naru_http_head *head, const naru__content *content)
{
    naru_span value;
    if (!naru_http_head_find(head, "If-Range", &value)) {
        return true;
    }
    naru__date modified = {0};
    naru__date_write(&modified, content->modified_s);
    return naru_span_equal(value, naru_span_of(content->etag)) ||
           (content->modified_s >= 0 && naru_span_equal(value, naru_span_of(modified.text)));
}

naru__selection naru__content_select(const naru_http_head *head, const naru__content *content)
{
    naru__selection selection = {200, 0, content->bytes};
    bool match = naru_http_head_count_of(head, "If-Match") > 0;
    bool none_match = naru_http_head_count_of(head, "If-None-Match") > 0;
    naru_span range;
    if (match ? !names_etag(head, "If-Match", content->etag, false)
              : changed_since(head, "If-Unmodified-Since", content, false)) {
        selection.status = 412;
    } else if (none_match ? names_etag(head, "If-None-Match", content->etag, true)
                          : !changed_since(head, "If-Modified-Since", content, true)) {
        selection.status = 304;
    } else if (naru_span_equal(naru_http_head_method(head), naru_span_of("GET")) &&
               naru_http_head_count_of(head, "Range") == 1 && naru_http_head_find(head, "Range", &range) &&
               range_holds(head, content)) {
        selection = select_range(range, content->bytes);
    }
    return selection;
}
