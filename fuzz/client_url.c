/* The client's URLs: the first line is the base (empty: none), the rest is the URL. What is accepted is ws or
 * wss, has no fragment, and is taken again as it stands, without a base and without a change. */
#include "client/client.h"
#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_again(const naru_url *url)
{
    naru_url again;
    const char *reason = NULL;
    naru_span text = naru_buf_span(&url->text);
    char *copy = malloc(text.size + 1);
    check(copy != NULL);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    check(strlen(copy) == text.size);
    check(naru__client_url_parse(&again, copy, NULL, naru_allocator_default(), &reason) == NARU_OK);
    check(naru_span_equal(naru_buf_span(&again.text), text));
    check(naru_span_equal(again.host, url->host) && again.port == url->port);
    naru_url_deinit(&again);
    free(copy);
}

static void run(const char *base, const char *text)
{
    naru_url url;
    const char *reason = NULL;
    naru_status status = naru__client_url_parse(&url, text, base[0] ? base : NULL, naru_allocator_default(), &reason);
    if (status == NARU_OK) {
        check(naru_span_equal(url.scheme, naru_span_of("ws")) || naru_span_equal(url.scheme, naru_span_of("wss")));
        check(!url.fragment_given && url.host.size > 0 && url.path.size > 0 && url.path.data[0] == '/');
        check_again(&url);
    } else {
        check(status == NARU_ERR_ARGUMENT && reason && reason[0]);
    }
    naru_url_deinit(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t base_size = line ? (size_t)(line - data) : 0;
    size_t text_at = line ? base_size + 1 : 0;
    char *base = calloc(1, base_size + 1);
    char *text = calloc(1, size - text_at + 1);
    check(base && text);
    if (size > 0) {
        memcpy(base, data, base_size);
        memcpy(text, data + text_at, size - text_at);
    }
    run(base, text);
    free(base);
    free(text);
    return 0;
}
