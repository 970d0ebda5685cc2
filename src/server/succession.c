/* A process's place in the line: what it got, and what it hands on.
 *
 * Not for: meeting the predecessor (succession_meet.c), the successor (succession_hand.c). Source: unix(7). */
#include "server/succession.h"

#include "base/memory.h"
#include "io/address.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MS = 10000 };

/* ---- lists ---------------------------------------------------------------------------------------------------- */

naru_status naru__heirlooms_add(naru__heirlooms *heirlooms, const char *name, int fd)
{
    const naru_allocator *allocator = naru_allocator_default();
    if (heirlooms->count == NARU__SUCCESSION_SOCKETS_MAX || strlen(name) >= NARU__SUCCESSION_NAME_BYTES) {
        return NARU_ERR_TOO_MANY;
    }
    if (heirlooms->count == heirlooms->capacity) {
        size_t capacity = heirlooms->capacity ? 2 * heirlooms->capacity : 8;
        naru__heirloom *all = allocator->resize(allocator->user, heirlooms->all, heirlooms->capacity * sizeof *all,
                                                capacity * sizeof *all);
        if (!all) {
            return NARU_ERR_MEMORY;
        }
        heirlooms->all = all;
        heirlooms->capacity = capacity;
    }
    naru__heirloom *one = &heirlooms->all[heirlooms->count++];
    *one = (naru__heirloom){.fd = fd};
    (void)snprintf(one->name, sizeof one->name, "%s", name);
    return NARU_OK;
}

void naru__heirlooms_free(naru__heirlooms *heirlooms)
{
    naru__free(naru_allocator_default(), heirlooms->all, heirlooms->capacity * sizeof *heirlooms->all);
    *heirlooms = (naru__heirlooms){0};
}

/* ---- what listeners ask ----------------------------------------------------------------------------------------- */

int naru__succession_find(naru_succession *succession, const char *address)
{
    int fd = -1;
    pthread_mutex_lock(&succession->lock);
    for (size_t i = 0; i < succession->got.count && fd < 0; i++) {
        const naru__heirloom *one = &succession->got.all[i];
        fd = !one->taken && strcmp(one->name, address) == 0 ? one->fd : -1;
    }
    pthread_mutex_unlock(&succession->lock);
    return fd;
}

/* kept false: it is closed at once, and the predecessor's again. true: it is one of these. */
static bool mark(naru__heirlooms *got, int fd, bool kept)
{
    bool found = false;
    for (size_t i = 0; i < got->count; i++) {
        naru__heirloom *one = &got->all[i];
        if (one->fd == fd) {
            one->taken = kept;
            one->fd = kept ? fd : -1;
            found = true;
        }
    }
    return found;
}

/* One that is closed, unless somebody is about to answer to the places as they are. NULL: none. */
static naru__heirloom *free_place(naru_succession *succession)
{
    for (size_t i = 0; i < succession->kept.count && succession->successor < 0; i++) {
        if (succession->kept.all[i].fd < 0) {
            return &succession->kept.all[i];
        }
    }
    return NULL;
}

naru_status naru__succession_keep(naru_succession *succession, const char *address, int fd)
{
    pthread_mutex_lock(&succession->lock);
    naru__heirloom *place = free_place(succession);
    bool fits = succession->kept.count + 1 < NARU__SUCCESSION_SOCKETS_MAX;
    naru_status status = NARU_OK;
    if (place && strlen(address) < sizeof place->name) {
        *place = (naru__heirloom){.fd = fd};
        (void)snprintf(place->name, sizeof place->name, "%s", address);
    } else {
        status = fits ? naru__heirlooms_add(&succession->kept, address, fd) : NARU_ERR_TOO_MANY;
    }
    succession->references += status == NARU_OK;
    bool got = mark(&succession->got, fd, status == NARU_OK);
    for (size_t i = 0; i < succession->kept.count; i++) {
        succession->kept.all[i].got = succession->kept.all[i].got || (got && succession->kept.all[i].fd == fd);
    }
    pthread_mutex_unlock(&succession->lock);
    return status;
}

static void release(naru_succession *succession, uint32_t references)
{
    pthread_mutex_lock(&succession->lock);
    succession->references -= references;
    bool last = succession->references == 0;
    pthread_mutex_unlock(&succession->lock);
    if (last) {
        pthread_mutex_destroy(&succession->lock);
        naru__heirlooms_free(&succession->got);
        naru__heirlooms_free(&succession->kept);
        naru__free(naru_allocator_default(), succession, sizeof *succession);
    }
}

/* Its place stays, so that an answer to what was offered still fits. Whoever was offered it and is about to begin has
 * it too. */
bool naru__succession_forget(naru_succession *succession, int fd)
{
    bool taken = false;
    uint32_t references = 0;
    pthread_mutex_lock(&succession->lock);
    for (size_t i = 0; i < succession->kept.count; i++) {
        naru__heirloom *one = &succession->kept.all[i];
        if (one->fd == fd) {
            taken = one->taken || succession->successor >= 0 || (one->got && succession->theirs);
            one->fd = -1;
            references++;
        }
    }
    pthread_mutex_unlock(&succession->lock);
    release(succession, references);
    return taken;
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

naru_status naru_succession_join(const char *address, uint32_t timeout_ms, naru_succession **succession_out,
                                 char *reason, size_t reason_bytes)
{
    naru__address at;
    bool all;
    if (!address || strncmp(address, "unix:", 5) != 0 || naru__address_parse(address, &at, &all) != NARU_OK) {
        return NARU_ERR_ARGUMENT;
    }
    naru_succession *succession = naru__alloc_zero(naru_allocator_default(), sizeof *succession);
    if (!succession) {
        return NARU_ERR_MEMORY;
    }
    succession->meeting = succession->predecessor = succession->successor = -1;
    succession->file = at.local;
    succession->references = 1;
    pthread_mutex_init(&succession->lock, NULL);
    naru_status status =
        naru__succession_meet(succession, timeout_ms ? timeout_ms : (uint32_t)TIMEOUT_MS, reason, reason_bytes);
    if (status < 0) {
        naru_succession_free(succession);
        return status;
    }
    succession->theirs = succession->predecessor >= 0;
    *succession_out = succession;
    return NARU_OK;
}

bool naru_succession_has_predecessor(const naru_succession *succession)
{
    return succession->predecessor >= 0;
}

naru_status naru_succession_begin(naru_succession *succession, naru_loop *loop, void (*on_succeeded)(void *user),
                                  void *user)
{
    if (succession->loop) {
        return NARU_ERR_STATE;
    }
    succession->loop = loop;
    succession->on_succeeded = on_succeeded;
    succession->user = user;
    naru_status waits = naru__succession_wait(succession);
    if (waits < 0) {
        succession->loop = NULL;
        return waits;
    }
    naru_status told = naru__succession_relieve(succession);
    pthread_mutex_lock(&succession->lock);
    succession->theirs = false;
    pthread_mutex_unlock(&succession->lock);
    return told;
}

/* The file is ours only as long as nobody put another in its place. */
static void remove_file(const naru_succession *succession)
{
    struct stat now;
    if (lstat(succession->file.sun_path, &now) == 0 && now.st_ino == succession->file_then.st_ino &&
        now.st_dev == succession->file_then.st_dev) {
        unlink(succession->file.sun_path);
    }
}

void naru_succession_free(naru_succession *succession)
{
    if (!succession) {
        return;
    }
    /* Before we have begun it is still the predecessor's; and who is about to begin goes on without us. */
    bool ours = succession->predecessor < 0 && succession->successor < 0;
    naru__succession_wait_end(succession);
    if (succession->predecessor >= 0) {
        close(succession->predecessor);
        for (size_t i = 1; i < succession->got.count; i++) {
            if (!succession->got.all[i].taken) {
                close(succession->got.all[i].fd);
            }
        }
    }
    if (succession->meeting >= 0) {
        if (ours) {
            remove_file(succession);
        }
        close(succession->meeting);
    }
    succession->meeting = succession->predecessor = -1;
    release(succession, 1);
}
