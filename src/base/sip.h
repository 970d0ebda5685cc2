/* SipHash-2-4: a hash whose collisions nobody can choose who does not know the key. Source: Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF", 2012. */
#ifndef NARU_BASE_SIP_H
#define NARU_BASE_SIP_H

#include <naru/base.h>

typedef struct naru__sip_key {
    uint64_t words[2];
} naru__sip_key;

uint64_t naru__sip(const naru__sip_key *key, naru_span bytes);

#endif
