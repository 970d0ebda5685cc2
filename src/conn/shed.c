/* Parting with a connection whose queue costs too much. Not for: what a full queue does by itself (queue.c). */
#include "conn/inside.h"

void naru__conn_shed(naru_conn *conn)
{
    if (conn->phase == NARU__CONN_OPEN && conn->end_status == NARU_OK) {
        conn->end_status = NARU_ERR_TOO_BIG;
    }
    (void)naru_conn_close(conn, 1013, naru_span_of("reads too slowly"));
}

bool naru__conn_is_doomed(const naru_conn *conn)
{
    return conn->phase >= NARU__CONN_ENDING;
}

bool naru__conn_is_gone(const naru_conn *conn)
{
    return conn->phase == NARU__CONN_GONE;
}
