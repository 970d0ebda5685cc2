/* Any bytes as a URL: what is written is read back as the same, and its parts add up. */
#include <naru/http.h>

#include "split.h"

static void check_parts(const naru_url *url)
{
    naru_span text = naru_buf_span(&url->text);
    const uint8_t *end = text.data + text.size;
    HOLD(url->host.size > 0 && url->path.size > 0 && url->path.data[0] == '/');
    HOLD(url->path.data >= url->host.data + url->host.size);
    HOLD(url->query.data + url->query.size <= end && url->fragment.data + url->fragment.size <= end);
    HOLD(url->query.size == 0 || url->query_given);
    HOLD(url->fragment.size == 0 || url->fragment_given);
    for (size_t i = 0; i < text.size; i++) {
        HOLD(text.data[i] > 0x20 && text.data[i] < 0x7f);
    }
}

/* The target of a request for it passes the writer. */
static void check_target(const naru_url *url)
{
    naru_buf out = {0};
    HOLD(naru_http_write_request(&out, "GET", url->path) == NARU_OK);
    HOLD(url->query.size == 0 || naru_http_write_request(&out, "GET", url->query) == NARU_OK);
    naru_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    naru_url url;
    naru_url again;
    const char *reason = NULL;
    uint8_t *copy = fuzz_copy((naru_span){data, size});
    naru_status status = naru_url_parse(&url, (naru_span){copy, size}, NULL, &reason);
    free(copy);
    if (status != NARU_OK) {
        HOLD(reason != NULL && naru_buf_span(&url.text).size == 0);
        return 0;
    }
    check_parts(&url);
    check_target(&url);
    /* Percent-encoding may have made it longer than a URL may be. */
    status = naru_url_parse(&again, naru_buf_span(&url.text), NULL, NULL);
    HOLD(status == NARU_OK || naru_buf_span(&url.text).size > 65536);
    if (status == NARU_OK) {
        HOLD(naru_span_equal(naru_buf_span(&url.text), naru_buf_span(&again.text)));
        HOLD(url.port == again.port && url.port_given == again.port_given);
    }
    naru_url_deinit(&again);
    naru_url_deinit(&url);
    return 0;
}
