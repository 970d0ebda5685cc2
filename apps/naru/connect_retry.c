/* naru connect --reconnect: a lost connection is followed by another one, after a pause that doubles with each try in a
 * row and is partly drawn by lot, so that a server's clients do not all come back at once.
 *
 * Not for: what waits to be sent meanwhile (connect_queue.c). Source: RFC 6455 7.2.3. */
#include <sys/random.h>

#include "connect_session.h"
#include "exit_status.h"

enum {
    FIRST_MS = 500,
    LONGEST_MS = 30000,
    STEADY_MS = 10000 /* a connection that lasted so long starts the pauses anew */
};

static void on_time(void *user)
{
    connect_session *session = user;
    session->retry.waiting = false;
    naru_client_free(session->client);
    session->client = NULL;
    int status = connect_open(session);
    if (status != OPTIONS_RUN) {
        connect_decide(session, status);
        connect_leave(session);
    }
}

naru_status connect_retry_open(connect_session *session)
{
    session->retry.failure_status = -1;
    if (!session->settings->reconnect) {
        return NARU_OK;
    }
    session->retry.timer = naru_timer_new(session->loop, on_time, session);
    return session->retry.timer ? NARU_OK : NARU_ERR_MEMORY;
}

/* What another try may change: not a bad URL, a certificate, a broken protocol, or a server that says no to us. */
static bool worth_a_try(const naru_client_failure *failure, int status)
{
    int http = failure->http_status;
    if (status == EXIT_REFUSED) {
        return http >= 500 || http == 408 || http == 425 || http == 429;
    }
    return status == EXIT_CONNECT || status == EXIT_LOST || status == EXIT_TIMEOUT;
}

void connect_retry_note(connect_session *session, const naru_client_failure *failure)
{
    session->retry.failure_status = (int)exit_status_of_failure(failure);
    session->retry.retryable = worth_a_try(failure, session->retry.failure_status);
}

static uint32_t pause_ms(uint64_t tries)
{
    uint32_t whole = LONGEST_MS;
    if (tries < 6) {
        whole = (uint32_t)FIRST_MS << tries;
    }
    uint32_t lot = 0;
    if (getrandom(&lot, sizeof lot, GRND_NONBLOCK) != (ssize_t)sizeof lot) {
        lot = 0;
    }
    return whole / 2 + lot % (whole / 2 + 1);
}

static bool wanted(const connect_session *session, uint16_t code)
{
    const connect_retry *retry = &session->retry;
    if (!session->settings->reconnect || session->closing || session->status >= 0) {
        return false;
    }
    /* Without a failure it was the peer's Close: 1000 and none say that all is done. */
    return retry->failure_status >= 0 ? retry->retryable : code != 1000 && code != 1005;
}

bool connect_retry_start(connect_session *session, int status, uint16_t code)
{
    connect_retry *retry = &session->retry;
    bool again = wanted(session, code);
    retry->failure_status = -1;
    if (!again) {
        return false;
    }
    uint64_t now_ms = naru_loop_now_ms(session->loop);
    if (retry->opened_ms != 0 && now_ms - retry->opened_ms >= STEADY_MS) {
        retry->tries = 0;
    }
    retry->opened_ms = 0;
    if (retry->tries == session->settings->tries_max) {
        connect_notice(session, "gave up after %llu tries", (unsigned long long)retry->tries);
        connect_decide(session, status);
        return false;
    }
    uint32_t delay_ms = pause_ms(retry->tries);
    retry->tries++;
    retry->waiting = true;
    connect_notice(session, "try %llu of %llu in %.1f seconds", (unsigned long long)retry->tries,
                   (unsigned long long)session->settings->tries_max, (double)delay_ms / 1000);
    naru_timer_start(retry->timer, delay_ms);
    return true;
}

void connect_retry_stop(connect_session *session)
{
    session->retry.waiting = false;
    naru_timer_stop(session->retry.timer);
}
