/* Carrying letters between loops, and the end of a turn.
 *
 * What goes from one loop to another in a turn goes as one chain: one compare-and-swap on the other's mailbox, and a
 * post only if that was empty. No lock, and no memory but the post's own.
 *
 * Not for: what letters say (hub/). Source: Treiber, "Systems programming: coping with parallelism", 1986. */
#include "pubsub.h"

enum { DELIVERIES = 4096, OWN_MAX = 4096, RETRY_MS = 10 };

static void set_timer(naru__pubsub_part *part, uint64_t wait_ms)
{
    uint64_t now_ms = naru_loop_now_ms(part->loop);
    uint64_t at_ms = wait_ms < UINT64_MAX - now_ms ? now_ms + wait_ms : UINT64_MAX;
    bool running = naru__timer_running(&part->timer.timer);
    if (at_ms != UINT64_MAX && (!running || at_ms < part->timer.timer.at_ms)) {
        naru__loop_timer_start(part->loop, &part->timer, at_ms);
    }
}

/* ---- the mailbox ------------------------------------------------------------------------------------------------ */

static naru__letter *take_mailbox(naru__pubsub_part *part)
{
    naru__letter *newest = atomic_exchange_explicit(&part->mailbox, NULL, memory_order_acquire);
    naru__letter *oldest = NULL;
    while (newest) {
        naru__letter *letter = newest;
        newest = letter->next;
        letter->next = oldest;
        oldest = letter;
    }
    return oldest;
}

static void receive_mail(void *user)
{
    naru__pubsub_part *part = user;
    naru__letter *letter = take_mailbox(part);
    size_t count = 0;
    (void)naru__shard_advance(part->shard, naru_loop_now_ms(part->loop));
    for (; letter; count++) {
        naru__letter *next = letter->next;
        naru__shard_receive(part->shard, letter);
        letter = next;
    }
    atomic_fetch_sub_explicit(&part->in_mailbox, count, memory_order_relaxed);
    naru__pubsub_wake(part);
}

/* Whoever finds the mailbox empty tells its owner; the others ride along. */
static void post_outbox(const naru__pubsub_part *to, naru__outbox *outbox)
{
    naru__pubsub_part *there = to->pubsub->parts[to->index];
    bool tell = outbox->wake_owed;
    if (outbox->newest) {
        atomic_fetch_add_explicit(&there->in_mailbox, outbox->count, memory_order_relaxed);
        naru__letter *before = atomic_load_explicit(&there->mailbox, memory_order_relaxed);
        do {
            outbox->oldest->next = before;
        } while (!atomic_compare_exchange_weak_explicit(&there->mailbox, &before, outbox->newest, memory_order_release,
                                                        memory_order_relaxed));
        outbox->newest = outbox->oldest = NULL;
        outbox->count = 0;
        tell = tell || before == NULL;
    }
    outbox->wake_owed = tell && naru_loop_post(there->loop, receive_mail, there) != NARU_OK;
}

static bool post_all(naru__pubsub_part *part)
{
    bool owed = false;
    for (uint32_t i = 0; i < part->pubsub->parts_count; i++) {
        post_outbox(part->pubsub->parts[i], &part->outboxes[i]);
        owed = owed || part->outboxes[i].wake_owed;
    }
    return !owed;
}

void naru__pubsub_send(void *user, naru__letter *letter)
{
    naru__pubsub_part *part = user;
    letter->next = NULL;
    if (letter->to == part->index) {
        *part->own_end = letter;
        part->own_end = &letter->next;
        part->own_count++;
    } else {
        naru__outbox *outbox = &part->outboxes[letter->to];
        letter->next = outbox->newest;
        outbox->oldest = outbox->newest ? outbox->oldest : letter;
        outbox->newest = letter;
        outbox->count++;
    }
    naru__pubsub_wake(part);
}

/* ---- the end of a turn ------------------------------------------------------------------------------------------ */

static naru__letter *pop_own(naru__pubsub_part *part)
{
    naru__letter *letter = part->own;
    if (letter) {
        part->own = letter->next;
        part->own_count--;
        if (!part->own) {
            part->own_end = &part->own;
        }
    }
    return letter;
}

static bool receive_own(naru__pubsub_part *part)
{
    for (int i = 0; i < OWN_MAX; i++) {
        naru__letter *letter = pop_own(part);
        if (!letter) {
            return true;
        }
        naru__shard_receive(part->shard, letter);
    }
    return part->own == NULL;
}

static size_t waiting_here(const naru__pubsub_part *part)
{
    return part->own_count + naru__shard_hub(part->shard)->jobs_count;
}

bool naru__pubsub_crowded(const naru__pubsub_part *part)
{
    const naru_pubsub *pubsub = part->pubsub;
    size_t queue_max = pubsub->options.queue_max;
    if (waiting_here(part) >= queue_max) {
        return true;
    }
    for (uint32_t i = 0; i < pubsub->parts_count; i++) {
        naru__pubsub_part *there = pubsub->parts[i];
        size_t in_mailbox = atomic_load_explicit(&there->in_mailbox, memory_order_relaxed);
        size_t queued = atomic_load_explicit(&there->queued, memory_order_relaxed);
        if (there != part && in_mailbox + queued >= queue_max) {
            return true;
        }
    }
    return false;
}

static void end_turn(naru__deferred *deferred)
{
    naru__pubsub_part *part =
        (naru__pubsub_part *)(void *)((uint8_t *)deferred - offsetof(naru__pubsub_part, deferred));
    uint32_t deliveries_max = part->pubsub->options.deliveries_max;
    uint64_t wait_ms = naru__shard_advance(part->shard, naru_loop_now_ms(part->loop));
    bool done = receive_own(part);
    done = naru_hub_run(naru__shard_hub(part->shard), deliveries_max > 0 ? deliveries_max : DELIVERIES) == NARU_OK &&
           done && !part->own;
    atomic_store_explicit(&part->queued, waiting_here(part), memory_order_relaxed);
    set_timer(part, wait_ms);
    if (!post_all(part)) {
        set_timer(part, RETRY_MS);
    }
    if (!done) {
        set_timer(part, 0); /* the next turn goes on, after this one's sockets have had theirs */
    }
}

static void fire(naru__loop_timer *timer)
{
    naru__pubsub_wake((naru__pubsub_part *)(void *)((uint8_t *)timer - offsetof(naru__pubsub_part, timer)));
}

void naru__pubsub_wake(void *user)
{
    naru__pubsub_part *part = user;
    naru__loop_defer(part->loop, &part->deferred);
}

void naru__pubsub_carry_init(naru__pubsub_part *part)
{
    part->own_end = &part->own;
    part->deferred.run = end_turn;
    part->timer.fire = fire;
    atomic_init(&part->mailbox, NULL);
    atomic_init(&part->in_mailbox, 0);
    atomic_init(&part->queued, 0);
}

static void drop(naru__letter *letter)
{
    while (letter) {
        naru__letter *next = letter->next;
        naru__letter_free(letter);
        letter = next;
    }
}

void naru__pubsub_carry_deinit(naru__pubsub_part *part)
{
    naru__loop_defer_cancel(part->loop, &part->deferred);
    naru__loop_timer_stop(part->loop, &part->timer);
    drop(part->own);
    part->own = NULL;
    part->own_end = &part->own;
    part->own_count = 0;
    drop(take_mailbox(part));
    for (uint32_t i = 0; i < part->pubsub->parts_count; i++) {
        drop(part->outboxes[i].newest);
        part->outboxes[i] = (naru__outbox){0};
    }
}
