/* Any bytes as a Cookie field, and its pairs as cookies to be written: what is written is read back as the
 * same. */
#include <naru/http.h>

#include "split.h"

static void write_back(naru_span name, naru_span value)
{
    naru_cookie cookie = {.name = name, .value = value, .path = value, .domain = name, .secure = true};
    naru_buf out = {0};
    naru_status status = naru_cookie_write(&out, &cookie);
    HOLD(status == NARU_OK || naru_buf_span(&out).size == 0);
    if (status == NARU_OK) {
        naru_span rest = naru_buf_span(&out);
        naru_span name_again;
        naru_span value_again;
        HOLD(naru_http_is_field_value(rest));
        HOLD(naru_cookie_next(&rest, &name_again, &value_again));
        HOLD(naru_span_equal(name, name_again) && naru_span_equal(value, value_again));
    }
    naru_buf_deinit(&out);
}

static void walk_list(naru_span text)
{
    naru_span member;
    size_t total = 0;
    size_t size = text.size;
    while (naru_http_list_next(&text, &member)) {
        HOLD(member.size > 0);
        total += member.size;
    }
    HOLD(total <= size && text.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy((naru_span){data, size});
    naru_span rest = {copy, size};
    naru_span name;
    naru_span value;
    while (naru_cookie_next(&rest, &name, &value)) {
        HOLD(name.size > 0 && name.size + value.size < size);
        write_back(name, value);
    }
    HOLD(rest.size == 0);
    walk_list((naru_span){copy, size});
    free(copy);
    return 0;
}
