/* Looking into a head that is complete. Not for: reading it (head.c). Source: RFC 9110 5.3, RFC 9112 9.3. */
#include "head.h"

#include <assert.h>

static const naru_span nothing = {(const uint8_t *)"", 0};

static naru_span part(const naru_http_head *head, naru__range range)
{
    return range.size > 0 ? naru__head_span(head, range) : nothing;
}

naru_span naru_http_head_method(const naru_http_head *head)
{
    return part(head, head->method);
}

naru_span naru_http_head_target(const naru_http_head *head)
{
    return part(head, head->target);
}

naru_span naru_http_head_path(const naru_http_head *head)
{
    /* 9110 4.2.3: an empty path of an absolute http URI is `/`. */
    return head->path_is_root ? naru_span_of("/") : part(head, head->path);
}

naru_span naru_http_head_query(const naru_http_head *head)
{
    return part(head, head->query);
}

int naru_http_head_minor(const naru_http_head *head)
{
    return head->minor;
}

int naru_http_head_status(const naru_http_head *head)
{
    return head->status;
}

naru_span naru_http_head_reason(const naru_http_head *head)
{
    return part(head, head->reason);
}

size_t naru_http_head_count(const naru_http_head *head)
{
    return head->fields_count;
}

naru_http_field naru_http_head_at(const naru_http_head *head, size_t index)
{
    assert(index < head->fields_count);
    naru__field field = head->fields[index];
    return (naru_http_field){part(head, field.name), part(head, field.value)};
}

/* The first field of that name at `from` or behind it; fields_count if there is none. */
static size_t find_from(const naru_http_head *head, naru_span name, size_t from)
{
    if (!(head->name_sizes >> name.size % 64 & 1)) {
        return head->fields_count;
    }
    for (; from < head->fields_count; from++) {
        naru__range range = head->fields[from].name;
        if (range.size == name.size && naru_span_equal_nocase(naru__head_span(head, range), name)) {
            break;
        }
    }
    return from;
}

bool naru_http_head_find(const naru_http_head *head, const char *name, naru_span *value_out)
{
    size_t index = find_from(head, naru_span_of(name), 0);
    if (index == head->fields_count) {
        return false;
    }
    *value_out = part(head, head->fields[index].value);
    return true;
}

size_t naru_http_head_count_of(const naru_http_head *head, const char *name)
{
    naru_span wanted = naru_span_of(name);
    size_t count = 0;
    for (size_t i = find_from(head, wanted, 0); i < head->fields_count; i = find_from(head, wanted, i + 1)) {
        count++;
    }
    return count;
}

static bool list_has(naru_span list, naru_span token)
{
    naru_span member;
    if (list.size <= token.size) { /* mostly it is all there is */
        return naru_span_equal_nocase(list, token);
    }
    while (naru_http_list_next(&list, &member)) {
        if (naru_span_equal_nocase(member, token)) {
            return true;
        }
    }
    return false;
}

bool naru_http_head_has_token(const naru_http_head *head, const char *name, const char *token)
{
    naru_span wanted = naru_span_of(name);
    for (size_t i = find_from(head, wanted, 0); i < head->fields_count; i = find_from(head, wanted, i + 1)) {
        if (list_has(part(head, head->fields[i].value), naru_span_of(token))) {
            return true;
        }
    }
    return false;
}

bool naru_http_head_keeps_alive(const naru_http_head *head)
{
    if (naru_http_head_has_token(head, "connection", "close")) {
        return false;
    }
    return head->minor >= 1 || naru_http_head_has_token(head, "connection", "keep-alive");
}
