/* What the targets for request and response heads share. The first byte seeds the pieces; the rest is the
 * head. */
#ifndef NARU_FUZZ_HEAD_H
#define NARU_FUZZ_HEAD_H

#include <naru/http.h>

#include "split.h"

/* Feed until an answer other than NARU_MORE; *taken_out: how much was taken. */
static inline naru_status fuzz_head_feed(naru_http_head *head, naru_span text, uint32_t seed, size_t *taken_out)
{
    naru_status status = NARU_MORE;
    size_t at = 0;
    while (status == NARU_MORE && at < text.size) {
        size_t size = seed > 0 ? fuzz_piece(&seed, text.size - at) : text.size;
        uint8_t *copy = fuzz_copy((naru_span){text.data + at, size});
        naru_input in = {copy, size};
        status = naru_http_head_feed(head, &in);
        HOLD(status != NARU_MORE || in.size == 0);
        at += size - in.size;
        free(copy);
    }
    *taken_out = at;
    return status;
}

static inline void fuzz_head_field(naru_http_field field)
{
    HOLD(naru_http_is_token(field.name));
    HOLD(naru_http_is_field_value(field.value));
}

static inline void fuzz_head_same(const naru_http_head *a, const naru_http_head *b)
{
    HOLD(naru_http_head_count(a) == naru_http_head_count(b));
    HOLD(naru_http_head_count(a) <= 100);
    for (size_t i = 0; i < naru_http_head_count(a); i++) {
        fuzz_head_field(naru_http_head_at(a, i));
        HOLD(naru_span_equal(naru_http_head_at(a, i).name, naru_http_head_at(b, i).name));
        HOLD(naru_span_equal(naru_http_head_at(a, i).value, naru_http_head_at(b, i).value));
    }
    HOLD(naru_span_equal(naru_http_head_method(a), naru_http_head_method(b)));
    HOLD(naru_span_equal(naru_http_head_path(a), naru_http_head_path(b)));
    HOLD(naru_span_equal(naru_http_head_query(a), naru_http_head_query(b)));
    HOLD(naru_span_equal(naru_http_head_reason(a), naru_http_head_reason(b)));
    HOLD(naru_http_head_status(a) == naru_http_head_status(b));
    HOLD(naru_http_head_minor(a) == naru_http_head_minor(b));
    HOLD(naru_http_head_keeps_alive(a) == naru_http_head_keeps_alive(b));
}

static inline void fuzz_head(naru_http_role role, naru_span text)
{
    if (text.size == 0) {
        return;
    }
    uint32_t seed = text.data[0] + 1U;
    text = (naru_span){text.data + 1, text.size - 1};
    naru_http_head *whole = naru_http_head_new(role, NULL, NULL);
    naru_http_head *pieces = naru_http_head_new(role, NULL, NULL);
    size_t taken;
    size_t pieces_taken;
    HOLD(whole && pieces);
    naru_status status = fuzz_head_feed(whole, text, 0, &taken);
    HOLD(fuzz_head_feed(pieces, text, seed, &pieces_taken) == status);
    if (status == NARU_OK) {
        HOLD(taken == pieces_taken && taken <= 16384 + 2);
        fuzz_head_same(whole, pieces);
    }
    if (status < 0) {
        const naru_fault *a = naru_http_head_fault(whole);
        const naru_fault *b = naru_http_head_fault(pieces);
        HOLD(a->status == status && b->status == status && a->offset == b->offset && a->text == b->text);
        HOLD(a->http_status == b->http_status && a->offset <= text.size);
    }
    naru_http_head_free(whole);
    naru_http_head_free(pieces);
}

#endif
