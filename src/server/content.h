/* Answering GET and HEAD with something that has validators and parts: a file, or bytes in memory. */
#ifndef NARU_SERVER_CONTENT_H
#define NARU_SERVER_CONTENT_H

#include "server/exchange.h"

typedef struct naru__content {
    int fd;              /* -1: data */
    const uint8_t *data; /* borrowed for the server's life */
    uint64_t bytes;
    const char *type;
    const char *etag;   /* strong, with its quotes */
    int64_t modified_s; /* seconds since 1970; negative: not known */
} naru__content;

/* Decide between 200, 206, 304, 412 and 416 and answer. Takes over content->fd in every case.
 * errors    NARU_ERR_MEMORY: not answered. */
NARU_MUST_USE naru_status naru__content_respond(naru__exchange *exchange, const naru__content *content);

/* What the request's conditions make of it (9110 13.2.2): 200, 206, 304, 412 or 416; for 206 the part. */
typedef struct naru__selection {
    int status;
    uint64_t offset;
    uint64_t bytes;
} naru__selection;
naru__selection naru__content_select(const naru_http_head *head, const naru__content *content);

/* GET or HEAD? If not, 405 is answered; status_out tells how that went. */
bool naru__content_method(naru__exchange *exchange, naru_status *status_out);

#endif
