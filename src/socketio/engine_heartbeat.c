/* Is the other side still there? In revision 4 the server pings and the client answers, in revision 3 the other way
 * round. One deadline serves both, and no switch of the transport ever stops it.
 * Source: the Engine.IO protocol, "Heartbeat"; the engine.io package, 6.6.12, for the extension. */
#include "engine_session.h"

static uint64_t patience_ms(const naru__engine_session *session)
{
    const naru__engine_options *options = session->options;
    return (uint64_t)options->ping_interval_ms + (session->revision == 3 ? options->ping_timeout_ms : 0);
}

void naru__engine_heartbeat_start(naru__engine_session *session, uint64_t now_ms)
{
    session->awaiting_pong = false;
    session->heartbeat_ms = now_ms + patience_ms(session);
}

/* What a timer comes late by is not given to the peer on top, unless the loop was away for long. */
static uint64_t due_since_ms(const naru__engine_session *session, uint64_t now_ms)
{
    return now_ms - session->heartbeat_ms <= NARU__ENGINE_LATE_MS ? session->heartbeat_ms : now_ms;
}

bool naru__engine_heartbeat_due(const naru__engine_session *session, uint64_t now_ms)
{
    return session->state == NARU__ENGINE_IS_OPEN && now_ms >= session->heartbeat_ms &&
           now_ms - session->heartbeat_ms <= NARU__ENGINE_LATE_MS;
}

void naru__engine_heartbeat_tick(naru__engine_session *session, uint64_t now_ms)
{
    if (now_ms < session->heartbeat_ms) {
        return;
    }
    if (session->revision == 3 || session->awaiting_pong) {
        naru__engine_session_fail(session, NARU__ENGINE_PING_TIMEOUT, NULL);
        return;
    }
    session->awaiting_pong = true;
    session->extended = false;
    session->heartbeat_ms = due_since_ms(session, now_ms) + session->options->ping_timeout_ms;
    naru__engine_session_control(session, NARU__ENGINE_PING);
}

bool naru__engine_heartbeat_packet(naru__engine_session *session, char type, uint64_t now_ms)
{
    bool ping = type == NARU__ENGINE_PING;
    if (ping != (session->revision == 3)) {
        return false;
    }
    if (ping || session->awaiting_pong) {
        naru__engine_heartbeat_start(session, now_ms);
    }
    if (ping) {
        naru__engine_session_control(session, NARU__ENGINE_PONG);
    }
    return true;
}

/* A client that is busy sending answers late: once for each ping that is as good as an answer for the time being. */
void naru__engine_heartbeat_heard(naru__engine_session *session, uint64_t now_ms)
{
    if (session->awaiting_pong && !session->extended) {
        session->extended = true;
        session->heartbeat_ms = now_ms + session->options->ping_timeout_ms;
    }
}
