/* Questions to a connection. */
#include "conn/inside.h"

naru_ws_state naru_conn_state(const naru_conn *conn)
{
    return conn->phase >= NARU__CONN_ENDING && conn->ws.state != NARU_WS_CLOSED ? NARU_WS_FAILED
                                                                                : naru_ws_get_state(&conn->ws);
}

uint64_t naru_conn_queued_bytes(const naru_conn *conn)
{
    return conn->phase == NARU__CONN_GONE ? 0 : naru__stream_queued(conn->stream);
}

void naru_conn_counters(const naru_conn *conn, naru_conn_counts *counts_out)
{
    *counts_out = (naru_conn_counts){
        .bytes_out = conn->stream->sent,
        .queued_bytes = naru_conn_queued_bytes(conn),
        .dropped = conn->cold ? conn->cold->dropped : 0,
    };
}

naru_span naru_conn_protocol(const naru_conn *conn)
{
    return conn->cold ? (naru_span){conn->cold->protocol, conn->cold->protocol_bytes} : (naru_span){NULL, 0};
}

bool naru_conn_compressed(const naru_conn *conn)
{
    return conn->compressed;
}

naru_loop *naru_conn_loop(const naru_conn *conn)
{
    return conn->stream->loop;
}

void naru_conn_set_user(naru_conn *conn, void *user)
{
    conn->user = user;
}

void *naru_conn_user(const naru_conn *conn)
{
    return conn->user;
}

void naru_conn_peer(const naru_conn *conn, char *out, size_t out_bytes)
{
    naru__stream_peer(conn->stream, out, out_bytes);
}
