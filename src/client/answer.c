/* Reading an answer's head, the server's or a proxy's: interim answers are skipped, up to a limit.
 *
 * Not for: what it means (handshake.c, route.c). Source: RFC 9110 15.2. */
#include "client/client.h"

static const char *who(const naru_client *client)
{
    return client->opening->route.in_proxy ? "proxy" : "server";
}

void naru__client_fail_answer(naru_client *client, naru_status status, const naru_fault *fault)
{
    naru_client_failure failure = {.phase = naru__client_get_phase(client), .status = status, .fault = *fault};
    naru__client_fail(client, &failure, "the %s's answer is bad: %s (%s)", who(client),
                      fault->text ? fault->text : "no detail", fault->rule ? fault->rule : "RFC 6455 4.1");
}

naru_status naru__client_next_answer(naru_client *client)
{
    naru_http_head_free(client->head);
    client->head = naru_http_head_new(NARU_HTTP_RESPONSE, NULL, naru_loop_allocator(client->loop));
    if (client->head) {
        return NARU_OK;
    }
    naru_client_failure failure = {.phase = naru__client_get_phase(client), .status = NARU_ERR_MEMORY};
    naru__client_fail(client, &failure, "no memory for the %s's answer", who(client));
    return NARU_ERR_MEMORY;
}

/* 9110 15.2: a client must be able to read 1xx answers that it did not ask for. */
static naru_status skip_interim(naru_client *client)
{
    if (++client->opening->interim > NARU__CLIENT_INTERIM_MAX) {
        naru_client_failure failure = {.phase = naru__client_get_phase(client), .status = NARU_ERR_TOO_MANY};
        naru__client_fail(client, &failure, "the %s sent too many interim answers (1xx)", who(client));
        return NARU_ERR_TOO_MANY;
    }
    return naru__client_next_answer(client);
}

naru_status naru__client_read_answer(naru_client *client, naru_input *in)
{
    for (;;) {
        naru_status status = naru_http_head_feed(client->head, in);
        if (status == NARU_MORE) {
            return status;
        }
        if (status) {
            naru__client_fail_answer(client, status, naru_http_head_fault(client->head));
            return status;
        }
        int http_status = naru_http_head_status(client->head);
        if (http_status >= 200 || http_status == 101) {
            return NARU_OK;
        }
        status = skip_interim(client);
        if (status) {
            return status;
        }
    }
}
