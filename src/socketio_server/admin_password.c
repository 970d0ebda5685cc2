/* bcrypt takes as long as it is meant to, so it runs on a thread of its own, one password at a time; the loop goes on.
 * How many may wait is bounded: more are refused unchecked. Source: crypt(5). */
#include "admin.h"

#include "base/memory.h"
#include <crypt.h>
#include <pthread.h>
#include <string.h>

enum { WAITING_MAX = 16, PASSWORD_BYTES_MAX = 72 };

/* One password. What the thread uses is its own: it may outlive the admin by the time of one check. */
struct naru__admin_check {
    naru__admin_check *next;
    naru__sio_admin *admin;
    naru_sio_gate *gate;
    pthread_t thread;
    naru_loop *loop;
    char password[PASSWORD_BYTES_MAX + 1];
    char hash[64];
    bool known; /* the user's name is right */
    bool good;
};

static void start_next(naru__sio_admin *admin);

static void free_check(naru__admin_check *check)
{
    explicit_bzero(check->password, sizeof check->password);
    naru__free(naru_allocator_default(), check, sizeof *check);
}

static void answer(naru_sio_gate *gate, bool good)
{
    if (good) {
        naru_sio_next(gate);
    } else {
        naru_sio_refuse(gate, "invalid credentials", NULL);
    }
}

/* On the loop: the thread is through. admin NULL: it has gone meanwhile. */
static void on_checked(void *user)
{
    naru__admin_check *check = user;
    naru__sio_admin *admin = check->admin;
    if (admin) {
        pthread_join(check->thread, NULL);
        admin->running = NULL;
        admin->checks_count--;
        answer(check->gate, check->good);
        start_next(admin);
    }
    free_check(check);
}

static bool equal(const char *a, const char *b)
{
    unsigned difference = 0;
    for (size_t i = 0; a[i] && b[i]; i++) {
        difference |= (unsigned)(a[i] ^ b[i]);
    }
    return difference == 0 && strlen(a) == strlen(b);
}

static void *run(void *user)
{
    naru__admin_check *check = user;
    struct crypt_data data = {0};
    const char *result = crypt_r(check->password, check->hash, &data);
    bool right = result && result[0] == '$' && equal(result, check->hash);
    check->good = right && check->known;
    explicit_bzero(&data, sizeof data);
    naru_status status = naru_loop_post(check->loop, on_checked, check);
    (void)status; /* without memory for it nobody is let in */
    return NULL;
}

static void start_next(naru__sio_admin *admin)
{
    naru__admin_check *check = admin->checks;
    if (!check || admin->running) {
        return;
    }
    admin->checks = check->next;
    admin->running = check;
    if (pthread_create(&check->thread, NULL, run, check) != 0) {
        admin->running = NULL;
        admin->checks_count--;
        answer(check->gate, false);
        free_check(check);
    }
}

void naru__admin_check_password(naru__sio_admin *admin, naru_sio_gate *gate, naru_span password, bool known)
{
    naru__admin_check *check = NULL;
    if (admin->checks_count < WAITING_MAX && password.size <= PASSWORD_BYTES_MAX) {
        check = naru__alloc_zero(naru_allocator_default(), sizeof *check);
    }
    if (!check) {
        answer(gate, false);
        return;
    }
    check->admin = admin;
    check->gate = gate;
    check->known = known;
    check->loop = admin->io->loop;
    memcpy(check->password, password.data, password.size);
    memcpy(check->hash, admin->password_hash, strlen(admin->password_hash));
    naru__admin_check **last = &admin->checks;
    while (*last) {
        last = &(*last)->next;
    }
    *last = check;
    admin->checks_count++;
    start_next(admin);
}

/* The one that is running has posted its end by now, or does: that finds no admin. */
void naru__admin_checks_end(naru__sio_admin *admin)
{
    while (admin->checks) {
        naru__admin_check *check = admin->checks;
        admin->checks = check->next;
        naru_sio_refuse(check->gate, "invalid credentials", NULL);
        free_check(check);
    }
    if (admin->running) {
        pthread_join(admin->running->thread, NULL);
        naru_sio_refuse(admin->running->gate, "invalid credentials", NULL);
        admin->running->admin = NULL;
    }
}
