/* Three loops on three threads: everybody publishes to everybody's channels, subscribers come, go and resume, and the
 * checker of the simulator judges what each thread wrote down. */
#include <naru/pubsub.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sim/hub_check.h"
#include "unit/check.h"

enum { LOOPS = 3, CHANNELS = 4, EARS = 6, ROUNDS = 400, HEARD_MAX = LOOPS * ROUNDS * 2 };

typedef struct note {
    naru_position position;
    uint64_t message;
    bool subscribed, recovered; /* an answer: position is where the new begins */
    size_t missed;
} note;

typedef struct ear {
    struct side *side;
    naru_subscriber *subscriber;
    unsigned channel;
    naru_position since;
    bool in;
    note *notes;
    size_t notes_count;
} ear;

/* What one thread has. */
typedef struct side {
    naru_loop *loop;
    naru_timer *timer;
    unsigned index, rounds;
    uint64_t random;
    uint64_t published, done;
    ear ears[EARS];
} side;

static naru_pubsub *pubsub;
static side sides[LOOPS];
static atomic_uint finished;

static naru_span name_of(unsigned channel)
{
    static const char *const names[CHANNELS] = {"north", "east", "south", "west"};
    return naru_span_of(names[channel]);
}

static void write_down(ear *e, note n)
{
    if (e->notes_count < HEARD_MAX) {
        e->notes[e->notes_count++] = n;
    }
}

static void deliver(naru_subscriber *subscriber, naru_publication *publication, void *user)
{
    ear *e = user;
    uint64_t message;
    (void)subscriber;
    memcpy(&message, publication->data.data, sizeof message);
    e->since = publication->position;
    write_down(e, (note){.position = publication->position, .message = message});
}

static void on_subscribed(void *user, const naru_channel_answer *answer)
{
    ear *e = user;
    if (answer->status == NARU_OK) {
        write_down(e, (note){answer->position, 0, true, answer->recovered, answer->items_count});
    }
    if (answer->status == NARU_OK && !answer->recovered) {
        e->since = answer->position;
    }
}

static void on_published(void *user, const naru_channel_answer *answer)
{
    side *s = user;
    CHECK(answer->status == NARU_OK || answer->status == NARU_ERR_CLOSED);
    s->done++;
}

static void toggle(ear *e)
{
    if (e->in) {
        e->in = false;
        CHECK_EQ(naru_hub_unsubscribe(e->subscriber, name_of(e->channel)), NARU_OK);
        return;
    }
    naru_subscription how = {.resume = true, .since = e->since, .done = on_subscribed, .user = e};
    e->in = naru_pubsub_subscribe_subscriber(pubsub, e->subscriber, name_of(e->channel), &how) == NARU_OK;
    CHECK(e->in);
}

static void publish(side *s)
{
    uint64_t message = (uint64_t)(s->index + 1) << 32 | ++s->published;
    naru_publish_options options = {.done = on_published, .user = s};
    CHECK_EQ(naru_pubsub_publish(pubsub, s->loop, name_of((unsigned)(s->random >> 40) % CHANNELS), NARU_WS_BINARY,
                                 (naru_span){(uint8_t *)&message, sizeof message}, &options),
             NARU_OK);
}

/* The last one to have heard all its answers ends all. */
static void tick(void *user)
{
    side *s = user;
    s->random = s->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    if (s->rounds < ROUNDS) {
        s->rounds++;
        publish(s);
        publish(s);
        if ((s->random >> 33) % 4 == 0) {
            toggle(&s->ears[(s->random >> 36) % EARS]);
        }
    } else if (s->rounds == ROUNDS && s->done == s->published) {
        s->rounds++;
        atomic_fetch_add(&finished, 1);
    }
    if (atomic_load(&finished) == LOOPS) {
        naru_loop_stop(s->loop);
    } else {
        naru_timer_start(s->timer, s->rounds % 8 == 0 ? 1 : 0);
    }
}

static void *run(void *user)
{
    static const naru_subscriber_calls calls = {.deliver = deliver};
    side *s = user;
    for (unsigned i = 0; i < EARS; i++) {
        ear *e = &s->ears[i];
        *e = (ear){.side = s, .channel = i % CHANNELS, .notes = calloc(HEARD_MAX, sizeof(note))};
        e->subscriber = naru_subscriber_new(naru_pubsub_hub(pubsub, s->loop), &calls, e);
        toggle(e);
    }
    naru_timer_start(s->timer, 0);
    CHECK_EQ(naru_loop_run(s->loop), NARU_OK);
    return NULL;
}

static size_t judge(check_history *history, ear *e)
{
    check_subscription state = {0};
    naru_position before = {0};
    size_t heard = 0;
    for (size_t i = 0; i < e->notes_count; i++) {
        const note *n = &e->notes[i];
        if (n->subscribed) {
            check_subscribed(history, &state, before, n->recovered, n->position, n->missed);
            before = n->recovered ? before : n->position;
        } else {
            check_heard(history, &state, e->channel, n->position, n->message);
            before = n->position;
            heard++;
        }
    }
    free(e->notes);
    return heard;
}

TEST(all_threads_hear_the_same)
{
    naru_loop *loops[LOOPS];
    pthread_t ids[LOOPS];
    naru_pubsub_options options = {.rules = {.history_max = 100, .resume_max = 100}};
    for (unsigned i = 0; i < LOOPS; i++) {
        loops[i] = naru_loop_new(NULL);
        REQUIRE(loops[i] != NULL);
        sides[i] = (side){.loop = loops[i], .index = i, .random = i * 77 + 1};
        sides[i].timer = naru_timer_new(loops[i], tick, &sides[i]);
    }
    REQUIRE(naru_pubsub_new(loops, LOOPS, &options, &pubsub) == NARU_OK);
    for (unsigned i = 0; i < LOOPS; i++) {
        REQUIRE(pthread_create(&ids[i], NULL, run, &sides[i]) == 0);
    }
    for (unsigned i = 0; i < LOOPS; i++) {
        pthread_join(ids[i], NULL);
        naru_timer_free(sides[i].timer);
    }
    naru_pubsub_free(pubsub);
    check_history *history = check_history_new();
    size_t heard = 0;
    for (unsigned i = 0; i < LOOPS; i++) {
        naru_loop_free(loops[i]);
        for (unsigned j = 0; j < EARS; j++) {
            heard += judge(history, &sides[i].ears[j]);
        }
    }
    CHECK_STR(check_history_fault(history), NULL);
    CHECK(heard > 1000);
    check_history_free(history);
}

TEST_MAIN({"all threads hear the same", all_threads_hear_the_same})
