/* naru connect --reconnect: what is said of losses and of the tries that follow; the library makes them. Without the
 * option the first loss is the end.
 *
 * Source: none. */
#include "connect_session.h"
#include "exit_status.h"

bool connect_retry_waits(const connect_session *session)
{
    return naru_reconnector_state(session->retry.reconnector) == NARU_RECONNECT_WAITING;
}

static bool should_retry(naru_reconnector *reconnector, const naru_reconnect_loss *loss, void *user)
{
    const connect_session *session = user;
    (void)reconnector;
    return session->settings->reconnect && !session->closing && session->status < 0 && naru_reconnect_wise(loss);
}

static void on_up(naru_reconnector *reconnector, void *user)
{
    connect_session *session = user;
    (void)reconnector;
    if (session->retry.again) {
        connect_input_again(session);
    }
    session->retry.again = true;
}

static void on_down(naru_reconnector *reconnector, const naru_reconnect_loss *loss, void *user)
{
    connect_session *session = user;
    (void)reconnector;
    connect_notice(session, "try %u of %llu in %.1f seconds", loss->attempts + 1,
                   (unsigned long long)session->settings->tries_max, (double)loss->delay_ms / 1000);
}

/* The target itself was wrong: nobody has told of that yet. */
static int status_of_refusal(connect_session *session, const naru_client_failure *failure)
{
    bool usage = failure->status == NARU_ERR_ARGUMENT || failure->status == NARU_ERR_UNSUPPORTED;
    connect_notice(session, "%s", failure->text ? failure->text : naru_status_text(failure->status));
    return usage ? EXIT_USAGE : EXIT_OWN;
}

static void on_giving_up(naru_reconnector *reconnector, const naru_reconnect_loss *loss, void *user)
{
    connect_session *session = user;
    (void)reconnector;
    int status = session->retry.status;
    if (!loss->close && loss->failure) {
        status = status_of_refusal(session, loss->failure);
    } else if (loss->end == NARU_RECONNECT_ATTEMPTS) {
        connect_notice(session, "gave up after %u tries", loss->attempts);
    }
    connect_decide(session, status);
    connect_leave(session);
}

naru_status connect_retry_open(connect_session *session, const naru_reconnect_target *target,
                               const naru_client_handler *handler)
{
    naru_reconnect_options options = {
        .target = *target,
        .attempts_max = (uint32_t)session->settings->tries_max,
        /* connect_send.c knows when it is enough. */
        .offline_bytes_max = NARU_UNLIMITED,
        .offline_messages_max = UINT32_MAX,
    };
    naru_reconnect_handler handlers = {
        .on_up = on_up,
        .on_down = on_down,
        .on_giving_up = on_giving_up,
        .should_retry = should_retry,
        .client = *handler,
    };
    return naru_reconnector_new(session->loop, &options, &handlers, session, &session->retry.reconnector);
}
