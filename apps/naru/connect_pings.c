/* naru connect: pings at an interval, and their round trips.
 *
 * Not for: the library's own pings after silence. Source: RFC 6455 5.5.2. */
#include "connect_session.h"

static void on_time(void *user)
{
    connect_session *session = user;
    if (session->open && connect_ping(session, naru_span_of("naru")) == NARU_OK) {
        session->pings.sent++;
    }
    connect_pings_start(session);
}

naru_status connect_pings_open(connect_session *session)
{
    if (session->settings->ping_ms == 0) {
        return NARU_OK;
    }
    session->pings.timer = naru_timer_new(session->loop, on_time, session);
    return session->pings.timer ? NARU_OK : NARU_ERR_MEMORY;
}

void connect_pings_start(connect_session *session)
{
    if (session->pings.timer && session->open) {
        naru_timer_start(session->pings.timer, session->settings->ping_ms);
    }
}

void connect_pings_stop(connect_session *session)
{
    if (session->pings.timer) {
        naru_timer_stop(session->pings.timer);
    }
}

bool connect_pings_pong(connect_session *session, int32_t rtt_ms)
{
    connect_pings *pings = &session->pings;
    if (!pings->timer || rtt_ms < 0) {
        return false;
    }
    bool first = pings->answered == 0;
    pings->shortest_ms = first || rtt_ms < pings->shortest_ms ? rtt_ms : pings->shortest_ms;
    pings->longest_ms = first || rtt_ms > pings->longest_ms ? rtt_ms : pings->longest_ms;
    pings->total_ms += (uint64_t)rtt_ms;
    pings->answered++;
    if (!session->settings->json) {
        connect_notice(session, "pong after %d ms", rtt_ms);
    }
    return true;
}

void connect_pings_report(connect_session *session)
{
    const connect_pings *pings = &session->pings;
    if (pings->answered > 0) {
        connect_notice(session, "%llu pings, %llu answered; round trip %d to %d ms, %.1f on average",
                       (unsigned long long)pings->sent, (unsigned long long)pings->answered, pings->shortest_ms,
                       pings->longest_ms, (double)pings->total_ms / (double)pings->answered);
    }
}
