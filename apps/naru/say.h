/* One line to a person, on stderr, with nothing in it that could drive their terminal. */
#ifndef NARU_APP_SAY_H
#define NARU_APP_SAY_H

#include <stdbool.h>

#include <naru/base.h>

/* "who: message", in one write. */
void say(const char *who, const char *format, ...) NARU_PRINTF(2, 3);

/* Append text for a terminal or a log line: control characters, also those of U+0080 to U+009F, and bytes
 * that are not UTF-8 become \xNN. keep_lines: newline and tab stay. errors NARU_ERR_MEMORY: out holds a part
 * of it. */
NARU_MUST_USE naru_status say_escape(naru_buf *out, naru_span text, bool keep_lines);

#endif
