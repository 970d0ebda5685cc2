/* --header, for the commands that have it. */
#ifndef NARU_APP_HEADERS_H
#define NARU_APP_HEADERS_H

#include <naru/http.h>

#include "options.h"

/* Is each of them "NAME: VALUE"? Answers OPTIONS_RUN, or EXIT_USAGE after one line on stderr. */
int headers_check(const cli_command *command, const option_list *headers);

/* Checked ones as fields, of which there is room for OPTION_LIST_MAX. Answers how many; they point into the list. */
size_t headers_read(const option_list *headers, naru_http_field *fields);

#endif
