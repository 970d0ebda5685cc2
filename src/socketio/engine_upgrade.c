/* From polling to WebSocket: the client opens one beside, asks over it whether it works, stops polling, and says go.
 * Polling carries the session until then, and again if nothing comes of it.
 *
 * A client that wants to stop has to wait for the GET that hangs, and one that has been let go may poll once more: so
 * GETs are let go again and again until the switch. Source: the Engine.IO protocol, "Upgrade". */
#include "engine_session.h"

#include <string.h>

naru_status naru__engine_session_probe(naru__engine_session *session, uint64_t now_ms)
{
    if (session->state != NARU__ENGINE_IS_OPEN || session->transport != NARU__ENGINE_POLLING || session->probe) {
        return NARU_ERR_STATE;
    }
    session->probe = true;
    session->probed = false;
    session->upgrade_ms = now_ms + session->options->upgrade_timeout_ms;
    return NARU_OK;
}

void naru__engine_upgrade_end(naru__engine_session *session)
{
    session->probe = false;
    session->probed = false;
    session->upgrade_ms = UINT64_MAX;
    session->noop_ms = UINT64_MAX;
}

static naru_status let_down(naru__engine_session *session)
{
    naru__engine_upgrade_end(session);
    naru__engine_do(session, NARU__ENGINE_DO_END_PROBE);
    return NARU_END;
}

void naru__engine_upgrade_let_go(naru__engine_session *session, uint64_t now_ms)
{
    if (session->probed && session->get && now_ms >= session->noop_ms) {
        session->noop_ms = now_ms + NARU__ENGINE_NOOP_MS;
        naru__engine_do(session, NARU__ENGINE_DO_ANSWER);
    }
}

/* A GET that hangs is let go at once, or else the first that comes: the earlier the client is rid of it, the earlier it
 * can switch. */
static naru_status answer_probe(naru__engine_session *session, uint64_t now_ms)
{
    session->noop_ms = session->probed ? session->noop_ms : now_ms;
    session->probed = true;
    naru__engine_do(session, NARU__ENGINE_DO_PONG_PROBE);
    naru__engine_upgrade_let_go(session, now_ms);
    return NARU_MORE;
}

/* Whoever still polls gets a last answer: what is queued goes to the WebSocket. */
static naru_status change_over(naru__engine_session *session, uint64_t now_ms)
{
    naru__engine_upgrade_end(session);
    session->transport = NARU__ENGINE_WEBSOCKET;
    if (session->get) {
        naru__engine_do(session, NARU__ENGINE_DO_ANSWER);
    }
    if (session->heartbeat_ms <= now_ms) {
        session->heartbeat_ms = now_ms + 1;
    }
    naru__engine_do(session, NARU__ENGINE_DO_SWITCH);
    return NARU_MORE;
}

static bool says_probe(const naru__engine_packet *packet)
{
    return packet->type == NARU__ENGINE_PING && packet->data.size == 5 && memcmp(packet->data.data, "probe", 5) == 0;
}

naru_status naru__engine_upgrade_packet(naru__engine_session *session, const naru__engine_packet *packet,
                                        uint64_t now_ms)
{
    if (!session->probe) {
        return NARU_END;
    }
    if (says_probe(packet)) {
        return answer_probe(session, now_ms);
    }
    if (session->probed && packet->type == NARU__ENGINE_UPGRADE) {
        return change_over(session, now_ms);
    }
    return let_down(session);
}

void naru__engine_upgrade_tick(naru__engine_session *session, uint64_t now_ms)
{
    if (!session->probe) {
        return;
    }
    if (now_ms >= session->upgrade_ms) {
        (void)let_down(session);
        return;
    }
    naru__engine_upgrade_let_go(session, now_ms);
}
