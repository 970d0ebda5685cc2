/* How naru tells its caller the way a connection ended: the numbers are an interface and do not change. */
#ifndef NARU_APP_EXIT_STATUS_H
#define NARU_APP_EXIT_STATUS_H

#include <naru/client.h>

typedef enum exit_status {
    EXIT_CLEAN = 0,
    EXIT_OWN = 1,
    EXIT_USAGE = 2,
    EXIT_CONNECT = 3,
    EXIT_TLS = 4,
    EXIT_REFUSED = 5,
    EXIT_LOST = 6,
    EXIT_CLOSED = 7,
    EXIT_TIMEOUT = 8,
    EXIT_PROTOCOL = 9,
    EXIT_SIGNAL = 128 /* plus the signal's number */
} exit_status;

/* The status of a connection that failed. */
exit_status exit_status_of_failure(const naru_client_failure *failure);
/* The status of one that closed without failing. our_code: of the Close that we sent first; 0 when we sent
 * none or one without a code. */
exit_status exit_status_of_close(const naru_close_info *info, uint16_t our_code);

/* The table, on stdout, for the help. */
void exit_status_print(void);

#endif
