/* Messages of any size from a client. Not for: how they are pulled (conn/source.c). Source: WHATWG WebSockets 3.1, on
 * when something may be sent. */
#include "client/client.h"

static naru_status may_send(const naru_client *client)
{
    switch (naru_client_state(client)) {
    case NARU_CONNECTING:
        return NARU_ERR_STATE;
    case NARU_OPEN:
        return NARU_OK;
    case NARU_CLOSING:
    case NARU_CLOSED:
    default:
        return NARU_END;
    }
}

naru_status naru_client_send_source(naru_client *client, naru_ws_kind kind, uint64_t bytes, const naru_source *source,
                                    void *user, unsigned flags)
{
    naru_status status = may_send(client);
    return status == NARU_OK ? naru_conn_send_source(client->conn, kind, bytes, source, user, flags) : status;
}

void naru_client_source_ready(naru_client *client)
{
    if (client->conn) {
        naru_conn_source_ready(client->conn);
    }
}

naru_status naru_client_send_file(naru_client *client, naru_ws_kind kind, int fd, int64_t offset, uint64_t bytes,
                                  void (*on_done)(naru_conn *conn, naru_status status, void *user), void *user)
{
    naru_status status = may_send(client);
    return status == NARU_OK ? naru_conn_send_file(client->conn, kind, fd, offset, bytes, on_done, user) : status;
}
