/* JSON laid out for a person. */
#ifndef NARU_APP_PRETTY_H
#define NARU_APP_PRETTY_H

#include <naru/base.h>

/* Append text, which is JSON, with a line for each member, indented by two; every token stays as it was sent.
 * false: it is not JSON, or there is no memory; out is as before. */
bool pretty_write(naru_buf *out, naru_span text);

#endif
