/* UTF-8 that arrives in pieces, refused at its first bad byte. Source: RFC 3629 4; RFC 6455 8.1. */
#ifndef NARU_BASE_UTF8_H
#define NARU_BASE_UTF8_H

#include <naru/base.h>

/* How far into a character the text so far has come. All zero is the start of a text. */
typedef struct naru__utf8 {
    uint32_t state;
} naru__utf8;

/* Take the next piece. true: good so far. false: the byte at piece[*bad_offset_out] cannot follow
 * (bad_offset_out may be NULL); the state is then spent. Linear, the fast way over ASCII and long runs. */
bool naru__utf8_feed(naru__utf8 *utf8, naru_span piece, size_t *bad_offset_out);
/* naru__mask in place and naru__utf8_feed of what comes out, in one pass over the memory. Every byte is unmasked,
 * whatever the answer; the answer is naru__utf8_feed's. */
bool naru__mask_utf8(uint8_t *bytes, size_t size, const uint8_t key[4], size_t phase, naru__utf8 *utf8,
                     size_t *bad_offset_out);
/* The same with a text that is whole. */
bool naru__mask_utf8_whole(uint8_t *bytes, size_t size, const uint8_t key[4]);
/* Does the text end at a character's end? */
static inline bool naru__utf8_complete(const naru__utf8 *utf8)
{
    return utf8->state == 0;
}

#endif
