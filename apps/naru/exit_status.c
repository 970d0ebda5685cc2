/* From how a connection ended to a number for the shell, and the table of these numbers.
 *
 * Source: RFC 6455 7.4 for the codes; the numbers are our own. */
#include "exit_status.h"

#include <stdio.h>

static const struct {
    exit_status status;
    const char *text;
} table[] = {
    {EXIT_CLEAN, "closed cleanly: code 1000, 1001 or none, or the code that naru itself closed with"},
    {EXIT_OWN, "naru itself failed: input that cannot be sent, output that cannot be written, memory"},
    {EXIT_USAGE, "the command line or the URL is wrong"},
    {EXIT_CONNECT, "no connection: the name was not found, no address answered, or the proxy did not connect"},
    {EXIT_TLS, "TLS failed: the certificate, the name in it, or the protocol"},
    {EXIT_REFUSED, "the server refused the handshake; its HTTP status is shown"},
    {EXIT_LOST, "the connection was lost without a Close (code 1006)"},
    {EXIT_CLOSED, "the peer closed with another code, which is shown"},
    {EXIT_TIMEOUT, "time ran out: for connecting, for a pong, or for the answers that --count or --once wants"},
    {EXIT_PROTOCOL, "the peer broke the protocol, or sent more than --max-message"},
};

void exit_status_print(void)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        printf("  %d    %s\n", (int)table[i].status, table[i].text);
    }
    printf("  130  ended by SIGINT while connecting, or by a second one; 143 by SIGTERM\n");
}

static exit_status of_handshake(const naru_client_failure *failure)
{
    switch (failure->phase) {
    case NARU_PHASE_URL:
        return EXIT_USAGE;
    case NARU_PHASE_NAME:
    case NARU_PHASE_CONNECT:
    case NARU_PHASE_PROXY:
        return EXIT_CONNECT;
    case NARU_PHASE_TLS:
        return EXIT_TLS;
    case NARU_PHASE_HANDSHAKE:
    case NARU_PHASE_OPEN:
        break;
    }
    /* One redirect too many, or one to nowhere, is a refusal too. */
    return failure->status == NARU_ERR_REFUSED || failure->http_status >= 300 ? EXIT_REFUSED : EXIT_PROTOCOL;
}

exit_status exit_status_of_failure(const naru_client_failure *failure)
{
    switch (failure->status) {
    case NARU_ERR_TIMEOUT:
        return EXIT_TIMEOUT;
    case NARU_ERR_MEMORY:
        return EXIT_OWN;
    case NARU_ERR_NAME:
    case NARU_ERR_CONNECT:
        return EXIT_CONNECT;
    case NARU_ERR_TLS:
        return EXIT_TLS;
    case NARU_ERR_CLOSED:
    case NARU_ERR_SYSTEM:
        return failure->phase >= NARU_PHASE_HANDSHAKE ? EXIT_LOST : of_handshake(failure);
    default:
        return of_handshake(failure);
    }
}

exit_status exit_status_of_close(const naru_close_info *info, uint16_t our_code)
{
    if (info->code == 1000 || info->code == 1001 || info->code == 1005 || (our_code != 0 && info->code == our_code)) {
        return EXIT_CLEAN;
    }
    return info->code == 1006 ? EXIT_LOST : EXIT_CLOSED;
}
