/* A request that the library refuses, as the application's hook sees it. */
#ifndef NARU_SERVER_BAD_H
#define NARU_SERVER_BAD_H

#include "server/exchange.h"

enum { NARU__BAD_TYPE_BYTES = 128, NARU__BAD_BODY_BYTES_MAX = 64 * 1024 };

struct naru_bad_request {
    naru__exchange *exchange;
    int status;
    const char *text;
    bool replaced; /* the body is another */
    char type[NARU__BAD_TYPE_BYTES];
    naru_buf body;
};

/* Ask the application, if it wants to be asked, and answer. errors as naru__respond_body */
NARU_MUST_USE naru_status naru__bad_answer(naru__exchange *exchange, int status, const char *text);

#endif
