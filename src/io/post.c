/* Posts: the one call that other threads may make. A stack that is pushed to without a lock and taken as a
 * whole, turned round when it is run.
 *
 * Not for: work of the loop's own thread (naru__loop_defer). Source: none. */
#include "core.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"

/* Waking is all it is for; naru__post_run comes in every turn anyhow. */
static void woken(naru__source *source, unsigned events)
{
    (void)source;
    (void)events;
}

bool naru__post_init(naru_loop *loop)
{
    loop->wake.ready = woken;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* Edge-triggered, each write wakes once and the count never has to be read back. */
    return loop->wake_fd >= 0 && naru__backend_add(loop, &loop->wake, loop->wake_fd, NARU__READY_IN | NARU__READY_EDGE);
}

static void let_go(naru__post *post, bool kept)
{
    if (!kept) {
        naru__free(naru_allocator_default(), post, sizeof *post);
    }
}

static naru__post *take_all(naru_loop *loop)
{
    naru__post *newest = atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire);
    naru__post *oldest = NULL;
    while (newest) {
        naru__post *post = newest;
        newest = post->next;
        post->next = oldest;
        oldest = post;
    }
    return oldest;
}

void naru__post_deinit(naru_loop *loop)
{
    naru__post *post = take_all(loop);
    while (post) {
        naru__post *next = post->next;
        let_go(post, post->kept);
        post = next;
    }
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
}

static void push(naru_loop *loop, naru__post *post)
{
    naru__post *newest = atomic_load_explicit(&loop->posts, memory_order_relaxed);
    do {
        post->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&loop->posts, &newest, post, memory_order_release,
                                                    memory_order_relaxed));
    /* Whoever found the stack empty wakes the loop; the others ride along. `post` is the loop's now. */
    if (!newest) {
        ssize_t written = write(loop->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
        (void)written; /* fails only when the count is full: the loop is awake then */
    }
}

naru_status naru_loop_post(naru_loop *loop, void (*call)(void *user), void *user)
{
    /* The loop's own allocator is for its thread only. */
    naru__post *post = naru__alloc(naru_allocator_default(), sizeof *post);
    if (!post) {
        return NARU_ERR_MEMORY;
    }
    *post = (naru__post){.call = call, .user = user};
    push(loop, post);
    return NARU_OK;
}

void naru__loop_post_kept(naru_loop *loop, naru__post *post)
{
    post->kept = true;
    push(loop, post);
}

void naru__post_run(naru_loop *loop)
{
    if (!naru__post_pending(loop)) {
        return;
    }
    naru__post *post = take_all(loop);
    while (post) {
        naru__post taken = *post;
        let_go(post, taken.kept);
        taken.call(taken.user);
        post = taken.next;
    }
}
