/* Sessions that a client's context remembers, so that the next handshake with the same name is a short one: no
 * certificates are sent and no signature is made. Each is used once (8446 C.4: tickets that come again tell who comes
 * again), the newest of a name replaces the one before, and the oldest goes when there are too many.
 *
 * A session is found by the name that was checked when it began, and holds the peer's certificate: pinned keys are
 * checked against that again. Source: RFC 8446 2.2 and C.4, OpenSSL's SSL_CTX_sess_set_new_cb(3). */
#include "tls_session.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"

enum { KEPT_MAX = 16 };

typedef struct kept {
    char *name; /* NULL: free */
    SSL_SESSION *session;
    uint64_t age;
} kept;

typedef struct memory {
    pthread_mutex_t lock; /* threads share a context */
    uint64_t count;
    kept kept[KEPT_MAX];
} memory;

static int memory_index = -1; /* of a context */
static int name_index = -1;   /* of a connection */
static pthread_once_t indexes_once = PTHREAD_ONCE_INIT;

static void forget(kept *one)
{
    OPENSSL_free(one->name);
    SSL_SESSION_free(one->session);
    *one = (kept){NULL, NULL, 0};
}

static void free_memory(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument)
{
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    memory *self = pointer;
    if (self) {
        for (size_t i = 0; i < KEPT_MAX; i++) {
            forget(&self->kept[i]);
        }
        pthread_mutex_destroy(&self->lock);
        naru__free(naru_allocator_default(), self, sizeof *self);
    }
}

static void free_name(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument)
{
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    OPENSSL_free(pointer);
}

static void make_indexes(void)
{
    memory_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_memory);
    name_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_name);
}

/* The name's own place, a free one, or the oldest. */
static kept *place_for(memory *self, const char *name)
{
    kept *best = &self->kept[0];
    for (size_t i = 0; i < KEPT_MAX; i++) {
        kept *one = &self->kept[i];
        if (one->name && strcmp(one->name, name) == 0) {
            return one;
        }
        if (best->name && (!one->name || one->age < best->age)) {
            best = one;
        }
    }
    return best;
}

/* A copy: OpenSSL spoils the session of a connection that ends without close_notify, which is what most lost
 * connections do, and no reason for another whole handshake (5246 7.2.1). 0: the session itself stays OpenSSL's. */
static int keep(SSL *ssl, SSL_SESSION *session)
{
    memory *self = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), memory_index);
    const char *name = SSL_get_ex_data(ssl, name_index);
    char *copy = self && name ? OPENSSL_strdup(name) : NULL;
    SSL_SESSION *own = copy ? SSL_SESSION_dup(session) : NULL;
    if (!own) {
        OPENSSL_free(copy);
        return 0;
    }
    pthread_mutex_lock(&self->lock);
    kept *one = place_for(self, name);
    forget(one);
    *one = (kept){copy, own, ++self->count};
    pthread_mutex_unlock(&self->lock);
    return 0;
}

bool naru__tls_remember(SSL_CTX *context)
{
    pthread_once(&indexes_once, make_indexes);
    bool indexed = memory_index >= 0 && name_index >= 0;
    memory *self = indexed ? naru__alloc_zero(naru_allocator_default(), sizeof *self) : NULL;
    if (!self) {
        return false;
    }
    pthread_mutex_init(&self->lock, NULL);
    if (SSL_CTX_set_ex_data(context, memory_index, self) != 1) {
        free_memory(NULL, self, NULL, 0, 0, NULL);
        return false;
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep);
    return true;
}

static SSL_SESSION *take(memory *self, const char *name)
{
    SSL_SESSION *session = NULL;
    pthread_mutex_lock(&self->lock);
    kept *one = place_for(self, name);
    if (one->name && strcmp(one->name, name) == 0) {
        session = one->session;
        one->session = NULL;
        forget(one);
    }
    pthread_mutex_unlock(&self->lock);
    return session;
}

void naru__tls_resume(SSL *ssl, const char *name)
{
    memory *self = memory_index >= 0 ? SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), memory_index) : NULL;
    char *copy = self ? OPENSSL_strdup(name) : NULL;
    if (!copy || SSL_set_ex_data(ssl, name_index, copy) != 1) {
        OPENSSL_free(copy);
        return;
    }
    SSL_SESSION *session = take(self, name);
    if (session && SSL_SESSION_is_resumable(session)) {
        SSL_set_session(ssl, session);
    }
    SSL_SESSION_free(session);
}
