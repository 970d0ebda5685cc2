/* URLs of the schemes ws, wss, http and https, read as browsers read them and written in one canonical form.
 *
 * Not for: relative references, other schemes, IDNA. Source: WHATWG URL 4.4, 4.5. */
#include "url.h"

#include <string.h>

static const size_t TEXT_BYTES_MAX = 65536;

static naru_status read_all(naru__url_parser *p)
{
    static naru_status (*const steps[])(naru__url_parser *) = {naru__url_scheme_read, naru__url_authority_read,
                                                               naru__url_path_read, naru__url_query_read,
                                                               naru__url_fragment_read};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        naru_status status = steps[i](p);
        if (status != NARU_OK) {
            return status;
        }
    }
    return NARU_OK;
}

static naru_span part(const naru_url *url, naru__range r)
{
    return (naru_span){url->text.data + r.begin, r.size};
}

static void set_spans(naru_url *url, const naru__url_parser *p)
{
    url->scheme = part(url, naru__range_of(0, strlen(p->scheme->name)));
    url->username = part(url, p->username);
    url->password = part(url, p->password);
    url->host = part(url, p->host);
    url->path = part(url, p->path);
    url->query = part(url, p->query);
    url->fragment = part(url, p->fragment);
}

/* Clean the text and read what is left of it. */
static naru_status parse(naru__url_parser *p, naru_span text)
{
    naru_buf cleaned;
    naru_buf_init(&cleaned, p->out->allocator);
    naru_status status = naru__url_clean(&cleaned, text);
    if (status == NARU_OK) {
        p->rest = naru_buf_span(&cleaned);
        status = read_all(p);
    }
    naru_buf_deinit(&cleaned);
    return status;
}

naru_status naru_url_parse(naru_url *url, naru_span text, const naru_allocator *allocator, const char **reason_out)
{
    memset(url, 0, sizeof *url);
    naru_buf_init(&url->text, allocator);
    naru__url_parser p = {.url = url, .out = &url->text, .reason = "No memory for the URL."};
    naru_status status = NARU_ERR_TOO_BIG;
    if (text.size <= TEXT_BYTES_MAX) {
        status = parse(&p, text);
    } else {
        p.reason = "The URL is longer than 64 KiB.";
    }
    if (status == NARU_OK) {
        set_spans(url, &p);
        return NARU_OK;
    }
    naru_url_deinit(url);
    if (reason_out) {
        *reason_out = p.reason;
    }
    return status;
}

void naru_url_deinit(naru_url *url)
{
    naru_buf_deinit(&url->text);
    memset(url, 0, sizeof *url);
}
