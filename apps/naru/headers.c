/* "NAME: VALUE" of the command line, as fields of a request.
 *
 * Source: RFC 9110 5. */
#include "headers.h"

#include <string.h>

static naru_span trimmed(const char *text)
{
    naru_span span = naru_span_of(text);
    while (span.size > 0 && (span.data[0] == ' ' || span.data[0] == '\t')) {
        span.data++;
        span.size--;
    }
    while (span.size > 0 && (span.data[span.size - 1] == ' ' || span.data[span.size - 1] == '\t')) {
        span.size--;
    }
    return span;
}

int headers_check(const cli_command *command, const option_list *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        const char *colon = strchr(headers->items[i], ':');
        naru_span name = {(const uint8_t *)headers->items[i], colon ? (size_t)(colon - headers->items[i]) : 0};
        if (!naru_http_is_token(name) || strpbrk(headers->items[i], "\r\n")) {
            return options_complain(command, "--header wants 'NAME: VALUE', not '%s'", headers->items[i]);
        }
    }
    return OPTIONS_RUN;
}

size_t headers_read(const option_list *headers, naru_http_field *fields)
{
    for (size_t i = 0; i < headers->count; i++) {
        const char *colon = strchr(headers->items[i], ':');
        size_t name_bytes = colon ? (size_t)(colon - headers->items[i]) : 0;
        fields[i].name = (naru_span){(const uint8_t *)headers->items[i], name_bytes};
        fields[i].value = trimmed(colon ? colon + 1 : "");
    }
    return headers->count;
}
