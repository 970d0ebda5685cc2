/* Waiting, in the middle of a long message, for a peer that does not take its echo as fast as it sends. */
#ifndef NARU_APP_ECHO_PATIENCE_H
#define NARU_APP_ECHO_PATIENCE_H

#include <naru/conn.h>

typedef struct echo_patience echo_patience;

/* Pause conn, of which this is the user (NULL: not made yet), unless patience has been lost already. */
void echo_patience_begin(naru_conn *conn, echo_patience *patience);
void echo_patience_end(echo_patience *patience); /* its queue has drained; NULL is fine */
void echo_patience_free(echo_patience *patience);

#endif
