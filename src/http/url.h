/* What the files that read a URL share: url.c (the whole), url_clean.c (the text before it is read) and
 * url_parts.c (its parts, in order). Not for: anything outside of src/http. */
#ifndef NARU_HTTP_URL_H
#define NARU_HTTP_URL_H

#include <naru/http.h>

#include "head.h"

typedef struct naru__url_scheme {
    const char *name;
    uint16_t port;
} naru__url_scheme;

typedef struct naru__url_parser {
    naru_url *url;
    naru_buf *out;  /* url->text, which still grows and moves: the parts are ranges of it */
    naru_span rest; /* what is still to be read */
    const char *reason;
    const naru__url_scheme *scheme;
    naru__range username, password, host, path, query, fragment;
} naru__url_parser;

/* Append the text without what does not count in a URL, as UTF-8. errors NARU_ERR_MEMORY. source WHATWG
 * URL 4.4, 1 to 3. */
NARU_MUST_USE naru_status naru__url_clean(naru_buf *out, naru_span text);

/* Each reads one part from the front of p->rest and writes it.
 * errors    NARU_ERR_ARGUMENT or NARU_ERR_UNSUPPORTED: p->reason says why. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__url_scheme_read(naru__url_parser *p);
NARU_MUST_USE naru_status naru__url_authority_read(naru__url_parser *p);
NARU_MUST_USE naru_status naru__url_path_read(naru__url_parser *p);
NARU_MUST_USE naru_status naru__url_query_read(naru__url_parser *p);
NARU_MUST_USE naru_status naru__url_fragment_read(naru__url_parser *p);

#endif
