/* What rooms may do with a naru_buf beyond its public calls. Source: none. */
#ifndef NARU_BASE_BUF_H
#define NARU_BASE_BUF_H

#include <naru/base.h>

static inline size_t naru__buf_size(const naru_buf *buf)
{
    return buf->end - buf->begin;
}

/* Drop bytes at the end until `size` are left; a smaller content stays as it is. */
void naru__buf_truncate(naru_buf *buf, size_t size);

NARU_MUST_USE naru_status naru__buf_append_byte(naru_buf *buf, uint8_t byte);

#endif
