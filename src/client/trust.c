/* The TLS context of clients that bring none: made when the first one needs it (reading the system's
 * authorities takes milliseconds), then kept for the process.
 *
 * Source: none. */
#include "client/client.h"
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static naru_tls *kept;

naru_status naru__client_default_tls(naru_tls **tls_out, char *reason, size_t reason_bytes)
{
    naru_status status = NARU_OK;
    pthread_mutex_lock(&lock);
    if (!kept) {
        status = naru_tls_client_new(&(naru_tls_client_options){0}, &kept, reason, reason_bytes);
    }
    if (!status) {
        *tls_out = naru_tls_ref(kept);
    }
    pthread_mutex_unlock(&lock);
    return status;
}
