/* Fan-out: every connection subscribes by the text message `S` and is answered `S`; then the first publishes, with
 * `depth` publishes in flight: the next leaves when all subscribers, itself included, have one. Over Socket.IO
 * everybody joins a room, which is acknowledged, and the event `publish` has `msg` sent to the room.
 *
 * A floor (--raw) takes everybody who connects for a subscriber. The figure is the server's CPU time per delivery;
 * latency is that of the whole fan-out. */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "crowd.h"
#include "histogram.h"
#include "process.h"

typedef struct publish_run {
    crowd crowd;
    histogram latencies;
    uint64_t *reached, *sent_ns; /* rings of depth: subscribers that have the publish, and when it left */
    uint64_t published, complete, deliveries;
    bool counting;
} publish_run;

static void publish(publish_run *run)
{
    member *first = &run->crowd.members[0];
    uint64_t slot = run->published++ % run->crowd.set->depth;
    run->reached[slot] = 0;
    run->sent_ns[slot] = process_now_ns();
    first->place.owed++;
}

/* The publishes come in order on each connection, so a subscriber's n-th message is the n-th publish. */
static void deliver(publish_run *run, member *m, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (m->answered == run->published) {
            load_refuse("the server", "delivered what was not published");
        }
        run->reached[m->answered++ % run->crowd.set->depth]++;
    }
    run->deliveries += run->counting ? count : 0;
}

static void renew(publish_run *run)
{
    while (run->complete < run->published && run->reached[run->complete % run->crowd.set->depth] == run->crowd.count) {
        uint64_t slot = run->complete++ % run->crowd.set->depth;
        if (run->counting) {
            histogram_add(&run->latencies, process_now_ns() - run->sent_ns[slot], 1);
        }
        publish(run);
    }
    script_send(&run->crowd.script, &run->crowd.members[0].place, &run->crowd.members[0].wire);
}

static void turn_until(publish_run *run, uint64_t end_ns)
{
    struct epoll_event events[CROWD_EVENTS];
    for (uint64_t now; (now = process_now_ns()) < end_ns;) {
        int ready = crowd_wait(&run->crowd, events, end_ns - now);
        for (int i = 0; i < ready; i++) {
            deliver(run, events[i].data.ptr, crowd_receive(&run->crowd, events[i].data.ptr));
        }
        renew(run);
    }
}

static void subscribe_all(crowd *c)
{
    static const char by_text[] = "\x81\x81\0\0\0\0S";
    static const char by_event[] = "\x81\x92\0\0\0\0"
                                   "420[\"join\",\"room\"]";
    const char *wish = c->set->socketio ? by_event : by_text;
    ssize_t size = c->set->socketio ? sizeof by_event - 1 : sizeof by_text - 1;
    struct epoll_event events[CROWD_EVENTS];
    answers_check *check = c->members[0].answers.check;
    c->members[0].answers.check = NULL;
    for (unsigned i = 0; i < c->count; i++) {
        if (wire_send(&c->members[i].wire, wish, (size_t)size) != size) {
            load_refuse("subscribe", "could not be sent");
        }
    }
    for (uint64_t answered = 0; answered < c->count;) {
        int ready = crowd_wait(c, events, UINT64_MAX);
        for (int i = 0; i < ready; i++) {
            answered += crowd_receive(c, events[i].data.ptr);
        }
    }
    c->members[0].answers.check = check;
}

/* A floor answers nothing when somebody connects, and whoever is not accepted yet misses the first publish. */
static void wait_for_accepts(void)
{
    struct timespec pause = {.tv_nsec = 500000000};
    nanosleep(&pause, NULL);
}

static uint64_t payload_bytes(const crowd *c)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < c->count; i++) {
        sum += c->members[i].answers.payload_bytes;
    }
    return sum;
}

static void measure(publish_run *run)
{
    const load_settings *set = run->crowd.set;
    const script *s = &run->crowd.script;
    uint64_t payload = payload_bytes(&run->crowd);
    uint64_t server = process_cpu_ns(set->pid);
    uint64_t own = process_own_cpu_ns();
    uint64_t start = process_now_ns();
    run->counting = true;
    turn_until(run, start + (uint64_t)(set->seconds * 1e9));
    double elapsed = (double)(process_now_ns() - start) / 1e9;
    double count = (double)run->deliveries;
    server = process_cpu_ns(set->pid) - server;
    own = process_own_cpu_ns() - own;
    if (run->deliveries == 0) {
        load_refuse("the server", "delivered nothing");
    }
    printf("{\"messages\":%" PRIu64 ",\"per_second\":%.0f,\"server_us\":%.4f,\"server_core\":%.3f,\"load_core\":%.3f,",
           run->deliveries, count / elapsed, (double)server / 1000 / count, (double)server / 1e9 / elapsed,
           (double)own / 1e9 / elapsed);
    if (run->crowd.deflate.on) {
        printf("\"ratio_out\":%.4f,", (double)(payload_bytes(&run->crowd) - payload) / count / (double)s->text_bytes);
    }
    histogram_print(&run->latencies);
    printf("}\n");
}

int load_publish(const load_settings *set)
{
    static publish_run run;
    crowd_open(&run.crowd, set, set->connections);
    run.reached = calloc(set->depth, sizeof *run.reached);
    run.sent_ns = calloc(set->depth, sizeof *run.sent_ns);
    if (!run.reached || !run.sent_ns) {
        load_die("memory");
    }
    if (set->raw) {
        wait_for_accepts();
    } else {
        subscribe_all(&run.crowd);
    }
    for (unsigned i = 0; i < set->depth; i++) {
        publish(&run);
    }
    renew(&run);
    turn_until(&run, process_now_ns() + (uint64_t)(set->warmup_seconds * 1e9));
    measure(&run);
    return 0;
}
