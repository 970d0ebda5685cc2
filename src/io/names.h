/* Host names to addresses, without blocking. Source: RFC 6761 6.3, RFC 3484 by c-ares. */
#ifndef NARU_IO_NAMES_H
#define NARU_IO_NAMES_H

#include "address.h"
#include "io/loop.h"

enum { NARU__ADDRESSES_MAX = 16 };

/* One question under way. */
typedef struct naru__lookup naru__lookup;

/* What came out. count 0: error says why. Valid until the callback returns. */
typedef struct naru__lookup_answer {
    naru__address addresses[NARU__ADDRESSES_MAX]; /* the families take turns */
    size_t count;
    naru_status status;
    const char *error; /* static */
} naru__lookup_answer;

typedef void naru__lookup_fn(void *user, const naru__lookup_answer *answer);

/* Numeric hosts, localhost and its subdomains are answered without asking anyone; /etc/hosts before the
 * network. done comes from the loop, never inside this call, unless cancelled.
 * errors    NULL: no memory. */
naru__lookup *naru__lookup_start(naru_loop *loop, const char *host, uint16_t port, naru__lookup_fn *done, void *user);
void naru__lookup_cancel(naru__lookup *lookup); /* NULL is fine; not from done */

#endif
