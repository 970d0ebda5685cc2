/* Steps over checked text that walking and tokens share. Source: RFC 8259. */
#ifndef NARU_JSON_WALK_H
#define NARU_JSON_WALK_H

#include <naru/json.h>

/* Behind the value that begins at `at`. Never beyond end, whatever the text. */
const uint8_t *naru__json_value_end(const uint8_t *at, const uint8_t *end);
const uint8_t *naru__json_scalar_end(const uint8_t *at, const uint8_t *end);
/* Over blanks and one mark: a comma or a colon. */
const uint8_t *naru__json_skip_to_next(const uint8_t *at, const uint8_t *end, uint8_t mark);

static inline naru_json naru__json_between(const uint8_t *begin, const uint8_t *end)
{
    return (naru_json){{begin, (size_t)(end - begin)}};
}

#endif
