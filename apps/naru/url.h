/* The URL that a person meant. */
#ifndef NARU_APP_URL_H
#define NARU_APP_URL_H

#include <naru/base.h>

/* Append text to out, with ws:// before it if it names no scheme ("localhost:8080/echo") and localhost if it
 * names no host
 * (":8080/echo"), and with a NUL behind it. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status url_complete(naru_buf *out, const char *text);

#endif
