/* Credentials as fields of a request. */
#ifndef NARU_CLIENT_CREDENTIALS_H
#define NARU_CLIENT_CREDENTIALS_H

#include <naru/client.h>

/* Append a field of that name with Basic authorization. errors NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__credentials_write(naru_buf *out, const char *name, naru_span user, naru_span password);
/* May they stand in it? user: no colon; neither has control characters. */
bool naru__credentials_valid(naru_span user, naru_span password);
/* Append the Cookie field; of none, nothing. errors NARU_ERR_ARGUMENT: a name or a value that a cookie cannot have. */
NARU_MUST_USE naru_status naru__cookies_write(naru_buf *out, const naru_http_field *cookies, size_t count);

#endif
