/* The predecessor's side: whoever comes and is of our user is offered the sockets at once, and has them for good when
 * it says that it has begun. Until then nothing has changed.
 *
 * Not for: the successor's side (succession_meet.c). Source: unix(7). */
#include "server/succession.h"

#include "base/memory.h"
#include "io/descriptors.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

static void let_go(naru_succession *succession)
{
    naru_watch_free(succession->successor_watch);
    succession->successor_watch = NULL;
    if (succession->successor >= 0) {
        close(succession->successor);
    }
    succession->successor = -1;
    if (succession->loop) {
        naru__loop_timer_stop(succession->loop, &succession->patience);
    }
}

/* It is nobody's successor after all: the next one may try. */
static void give_up(naru_succession *succession, const char *why)
{
    naru__log(succession->loop, NARU_LOG_WARN, "succession: %s; we go on", why);
    let_go(succession);
    naru_watch_set(succession->meeting_watch, NARU_READABLE);
}

static void late(naru__loop_timer *timer)
{
    give_up((naru_succession *)(void *)((char *)timer - offsetof(naru_succession, patience)),
            "a successor has not begun in time");
}

/* ---- the offer --------------------------------------------------------------------------------------------------- */

/* One name behind the others. A socket that is closed by now has a place, and a meaningless descriptor. */
static void put(naru__packet *packet, const char *name, int fd)
{
    size_t bytes = strlen(name) + 1;
    memcpy(packet->bytes + packet->size, name, bytes);
    packet->size += bytes;
    packet->fds[packet->fds_count++] = fd;
}

static void begin_packet(naru__packet *packet, size_t total)
{
    int size = snprintf((char *)packet->bytes, sizeof packet->bytes, "naru1 %zu", total);
    packet->size = (size_t)size + 1;
    packet->fds_count = 0;
}

/* The servers may close what is sent only after it is sent: hence under the lock. */
static naru_status send_all(naru_succession *succession, naru__packet *packet)
{
    const naru__heirlooms *kept = &succession->kept;
    naru_status status = NARU_OK;
    begin_packet(packet, kept->count + 1);
    put(packet, "", succession->meeting);
    for (size_t i = 0; i < kept->count && status == NARU_OK; i++) {
        const naru__heirloom *one = &kept->all[i];
        if (packet->fds_count == NARU__DESCRIPTORS_MAX) {
            status = naru__packet_send(succession->successor, packet);
            begin_packet(packet, kept->count + 1);
        }
        put(packet, one->fd >= 0 ? one->name : "", one->fd >= 0 ? one->fd : succession->meeting);
    }
    succession->offered = kept->count;
    return status == NARU_OK ? naru__packet_send(succession->successor, packet) : status;
}

static naru_status offer(naru_succession *succession)
{
    naru__packet *packet = naru__alloc(naru_allocator_default(), sizeof *packet);
    if (!packet) {
        return NARU_ERR_MEMORY;
    }
    pthread_mutex_lock(&succession->lock);
    naru_status status = send_all(succession, packet);
    pthread_mutex_unlock(&succession->lock);
    naru__free(naru_allocator_default(), packet, sizeof *packet);
    return status;
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

/* The first mark is that of the meeting place, which goes over in any case. */
static bool read_marks(naru_succession *succession, const naru__packet *packet)
{
    size_t count = succession->offered + 1;
    const uint8_t *marks = packet->bytes + 6;
    if (packet->size != 6 + count || memcmp(packet->bytes, "taken ", 6) != 0 || packet->fds_count > 0) {
        return false;
    }
    pthread_mutex_lock(&succession->lock);
    for (size_t i = 0; i < succession->offered; i++) {
        succession->kept.all[i].taken = marks[i + 1] == '1';
    }
    pthread_mutex_unlock(&succession->lock);
    return true;
}

static void succeeded(naru_succession *succession)
{
    let_go(succession);
    naru_watch_free(succession->meeting_watch);
    succession->meeting_watch = NULL;
    close(succession->meeting);
    succession->meeting = -1;
    naru__log(succession->loop, NARU_LOG_INFO, "succession: a successor accepts from here on");
    if (succession->on_succeeded) {
        succession->on_succeeded(succession->user);
    }
}

static void on_answer(void *user, unsigned events)
{
    naru_succession *succession = user;
    (void)events;
    naru__packet *packet = naru__alloc(naru_allocator_default(), sizeof *packet);
    naru_status status = packet ? naru__packet_receive(succession->successor, packet) : NARU_ERR_MEMORY;
    bool begun = status == NARU_OK && read_marks(succession, packet);
    for (size_t i = 0; status == NARU_OK && i < packet->fds_count; i++) {
        close(packet->fds[i]);
    }
    naru__free(naru_allocator_default(), packet, sizeof *packet);
    if (begun) {
        succeeded(succession);
    } else if (status != NARU_MORE) {
        give_up(succession, "a successor has broken off before it had begun");
    }
}

static void on_visit(void *user, unsigned events)
{
    naru_succession *succession = user;
    (void)events;
    int fd = accept4(succession->meeting, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (!naru__peer_is_same_user(fd)) {
        naru__log(succession->loop, NARU_LOG_WARN, "succession: a process of another user is turned away");
        close(fd);
        return;
    }
    succession->successor = fd;
    naru_watch_set(succession->meeting_watch, 0);
    succession->successor_watch = naru_watch_new(succession->loop, fd, NARU_READABLE, on_answer, succession);
    if (!succession->successor_watch || offer(succession) < 0) {
        give_up(succession, "the sockets cannot be handed over");
        return;
    }
    succession->patience.fire = late;
    naru__loop_timer_start(succession->loop, &succession->patience, naru_loop_now_ms(succession->loop) + PATIENCE_MS);
}

naru_status naru__succession_wait(naru_succession *succession)
{
    succession->meeting_watch =
        naru_watch_new(succession->loop, succession->meeting, NARU_READABLE, on_visit, succession);
    return succession->meeting_watch ? NARU_OK : NARU_ERR_MEMORY;
}

void naru__succession_wait_end(naru_succession *succession)
{
    let_go(succession);
    naru_watch_free(succession->meeting_watch);
    succession->meeting_watch = NULL;
}
