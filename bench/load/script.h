/* What a connection sends, ready as bytes: a row of masked frames that is sent again and again.
 *
 * With compression the row is compressed as one stream. Its second lap, which follows a whole window of the first, can
 * be repeated for ever: what it refers to is the same each time. So the load costs no compression while it runs. */
#ifndef NARU_BENCH_SCRIPT_H
#define NARU_BENCH_SCRIPT_H

#include "wire.h"

typedef struct script {
    uint8_t *bytes;
    size_t *starts; /* of each frame, and the end: frames + 1 */
    size_t frames, repeat_from;
    char **texts; /* the messages, in turn */
    size_t texts_count, text_bytes;
    size_t payload_bytes; /* of one lap that is repeated, as sent */
} script;

script script_make(const load_settings *set, const wire_deflate *deflate);

/* Where one connection stands in the script. */
typedef struct script_place {
    size_t frame;  /* the next that has not left whole */
    size_t offset; /* bytes of it that have left */
    uint64_t owed; /* frames, this one included */
} script_place;

/* Send what is owed, until the wire would block. */
void script_send(const script *s, script_place *place, wire *w);

#endif
