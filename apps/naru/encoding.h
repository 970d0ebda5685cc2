/* Hexadecimal and base64 lines for binary messages. */
#ifndef NARU_APP_ENCODING_H
#define NARU_APP_ENCODING_H

#include "connect.h"

/* Append bytes in that form. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status encoding_write(naru_buf *out, connect_form form, naru_span bytes);

/* Append what a line in that form means. A carriage return at its end is not part of it; hexadecimal digits
 * come in pairs, with blanks between the pairs if one likes. errors    NARU_ERR_PROTOCOL: not that form.
 * NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status encoding_read(naru_buf *out, connect_form form, naru_span line);

#endif
