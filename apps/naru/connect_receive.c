/* naru connect: messages from the peer: counted, recorded, filtered, shown.
 *
 * Source: none. */
#include "connect_session.h"

/* The connection is not read from while more than this waits for stdout. */
enum { OUTPUT_HIGH_BYTES = 1024 * 1024 };

/* A text may hold NUL, which no C string can. */
static bool matches(const connect_session *session, naru_span data)
{
    regmatch_t all = {.rm_so = 0, .rm_eo = (regoff_t)data.size};
    const char *text = data.size > 0 ? (const char *)data.data : "";
    return !session->has_pattern || regexec(&session->pattern, text, 1, &all, REG_STARTEND) == 0;
}

void connect_receive_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    connect_session *session = user;
    uint64_t count = session->settings->count;
    if (count != 0 && session->received == count) {
        return;
    }
    connect_record_message(session, "received", kind, data);
    if (!matches(session, data)) {
        return;
    }
    session->received++;
    connect_show_message(session, kind, data);
    if (count != 0 && session->received == count) {
        connect_close_as_told(session);
        return;
    }
    connect_input_answered(session);
    if (!session->paused && output_waiting_bytes(&session->out) > OUTPUT_HIGH_BYTES) {
        session->paused = true;
        naru_client_pause(client);
    }
}
