/* naru connect: one line for each frame that the library tells of.
 *
 * The library answers pings, keeps the connection alive and closes it by itself: those frames are not seen here, nor
 * what a compressed frame's size was on the wire. Source: RFC 6455 5.2. */
#include "connect_session.h"

void connect_trace(connect_session *session, bool sent, const char *opcode, bool last, bool compressed, uint64_t bytes)
{
    if (!session->settings->trace) {
        return;
    }
    if (session->settings->json) {
        connect_json_frame(session, sent, opcode, last, compressed, bytes);
        return;
    }
    connect_notice(session, "%s %s%s%s, %llu bytes", sent ? "->" : "<-", opcode, last ? ", fin" : "",
                   compressed ? ", compressed" : "", (unsigned long long)bytes);
}
