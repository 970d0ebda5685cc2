/* Echo: each connection keeps `depth` messages in flight (closed loop), or messages leave at times of their own (open
 * loop).
 *
 * In the open loop message k is due at start + k / rate, on connection k mod N; its latency runs from there, whatever
 * the server and this program were busy with, and what is never answered counts as long as the run lasted. */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "crowd.h"
#include "histogram.h"
#include "process.h"

enum { ISSUES_MAX = 256 };

typedef struct echo_run {
    crowd crowd;
    histogram latencies;
    uint64_t issued, answered; /* messages in all */
    uint64_t start_ns;         /* of the open loop's timetable */
    double gap_ns;             /* between two of its messages */
    bool counting;
    uint64_t counted;
} echo_run;

/* ---- closed loop --------------------------------------------------------------------------------------------- */

static void ask(echo_run *run, member *m, uint64_t count, uint64_t now)
{
    const load_settings *set = run->crowd.set;
    if (set->messages > 0 && count > set->messages - run->issued) {
        count = set->messages - run->issued;
    }
    for (uint64_t i = 0; i < count; i++) {
        m->sent_ns[(m->asked + i) % set->depth] = now;
    }
    m->asked += count;
    m->place.owed += count;
    run->issued += count;
}

static void note_closed(echo_run *run, const member *m, uint64_t count, uint64_t now)
{
    for (uint64_t i = 0; i < count; i++) {
        histogram_add(&run->latencies, now - m->sent_ns[(m->answered + i) % run->crowd.set->depth], 1);
    }
}

/* ---- open loop ----------------------------------------------------------------------------------------------- */

static uint64_t due_ns(const echo_run *run, uint64_t message)
{
    return run->start_ns + (uint64_t)((double)message * run->gap_ns);
}

static uint64_t message_of(const echo_run *run, const member *m, uint64_t nth)
{
    return nth * run->crowd.count + (uint64_t)(m - run->crowd.members);
}

/* Not more in one turn: answers must be read, too, when the server or this program has fallen behind. */
static void issue_due(echo_run *run, uint64_t now)
{
    for (int i = 0; i < ISSUES_MAX && due_ns(run, run->issued) <= now; i++) {
        member *m = &run->crowd.members[run->issued % run->crowd.count];
        m->asked++;
        m->place.owed++;
        run->issued++;
        script_send(&run->crowd.script, &m->place, &m->wire);
    }
}

static void note_open(echo_run *run, const member *m, uint64_t count, uint64_t now)
{
    for (uint64_t i = 0; i < count; i++) {
        histogram_add(&run->latencies, now - due_ns(run, message_of(run, m, m->answered + i)), 1);
    }
}

static void note_unanswered(echo_run *run, uint64_t now)
{
    for (unsigned i = 0; i < run->crowd.count; i++) {
        member *m = &run->crowd.members[i];
        note_open(run, m, m->asked - m->answered, now);
    }
}

/* ---- both ---------------------------------------------------------------------------------------------------- */

static void take_answers(echo_run *run, member *m)
{
    uint64_t whole = crowd_receive(&run->crowd, m);
    if (whole == 0) {
        return;
    }
    uint64_t now = process_now_ns();
    if (whole > m->asked - m->answered) {
        load_refuse("the server", "answered more than it was asked");
    }
    if (run->counting) {
        run->counted += whole;
        (run->gap_ns > 0 ? note_open : note_closed)(run, m, whole, now);
    }
    m->answered += whole;
    run->answered += whole;
    if (run->gap_ns == 0) {
        ask(run, m, whole, now);
    }
}

static void turn(echo_run *run, uint64_t timeout_ns)
{
    struct epoll_event events[CROWD_EVENTS];
    int ready = crowd_wait(&run->crowd, events, timeout_ns);
    for (int i = 0; i < ready; i++) {
        member *m = events[i].data.ptr;
        take_answers(run, m);
        script_send(&run->crowd.script, &m->place, &m->wire);
    }
}

static void turn_until(echo_run *run, uint64_t end_ns)
{
    for (uint64_t now; (now = process_now_ns()) < end_ns;) {
        uint64_t wait = end_ns - now;
        if (run->gap_ns > 0) {
            issue_due(run, now);
            uint64_t due = due_ns(run, run->issued);
            wait = due > now + 60000 ? due - now - 50000 : 0; /* the rest is spent asking, not sleeping */
        }
        turn(run, wait);
    }
}

static void begin(echo_run *run)
{
    const load_settings *set = run->crowd.set;
    for (unsigned i = 0; i < run->crowd.count; i++) {
        member *m = &run->crowd.members[i];
        m->sent_ns = calloc(set->depth, sizeof *m->sent_ns);
        if (!m->sent_ns) {
            load_die("memory");
        }
        if (set->rate <= 0) {
            ask(run, m, set->depth, process_now_ns());
            script_send(&run->crowd.script, &m->place, &m->wire);
        }
    }
}

static uint64_t payload_bytes(const crowd *c)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < c->count; i++) {
        sum += c->members[i].answers.payload_bytes;
    }
    return sum;
}

static void print(const echo_run *run, double elapsed, uint64_t server_ns, uint64_t own_ns, uint64_t payload)
{
    const script *s = &run->crowd.script;
    double plain = (double)run->counted * (double)s->text_bytes;
    double in = (double)s->payload_bytes / (double)(s->texts_count * s->text_bytes + !s->text_bytes);
    const answers_check *check = run->crowd.members[0].answers.check;
    printf("{\"messages\":%" PRIu64 ",\"per_second\":%.0f,\"server_us\":%.4f,\"server_core\":%.3f,\"load_core\":%.3f,",
           run->counted, (double)run->counted / elapsed, (double)server_ns / 1000 / (double)run->counted,
           (double)server_ns / 1e9 / elapsed, (double)own_ns / 1e9 / elapsed);
    if (run->crowd.deflate.on && plain > 0) {
        printf("\"ratio_in\":%.4f,\"ratio_out\":%.4f,", in, (double)payload / plain);
    }
    printf("\"compared\":%" PRIu64 ",", check ? answers_check_count(check) : 0);
    histogram_print(&run->latencies);
    printf("}\n");
}

static void measure(echo_run *run)
{
    const load_settings *set = run->crowd.set;
    uint64_t payload = payload_bytes(&run->crowd);
    uint64_t server = process_cpu_ns(set->pid);
    uint64_t own = process_own_cpu_ns();
    uint64_t start = process_now_ns();
    run->counting = true;
    if (set->messages > 0) {
        while (run->answered < set->messages) {
            turn(run, UINT64_MAX);
        }
    } else {
        turn_until(run, start + (uint64_t)(set->seconds * 1e9));
    }
    uint64_t end = process_now_ns();
    if (set->rate > 0) {
        note_unanswered(run, end);
    }
    if (run->counted == 0) {
        load_refuse("the server", "answered nothing while it was measured");
    }
    print(run, (double)(end - start) / 1e9, process_cpu_ns(set->pid) - server, process_own_cpu_ns() - own,
          payload_bytes(&run->crowd) - payload);
}

/* Where messages are so large that comparing them is work of its own, it is done before anything is measured. */
static void warm_up(echo_run *run)
{
    answers_check *check = run->crowd.members[0].answers.check;
    turn_until(run, process_now_ns() + (uint64_t)(run->crowd.set->warmup_seconds * 1e9));
    while (check && run->gap_ns == 0 && answers_check_count(check) == 0) {
        turn(run, UINT64_MAX);
    }
    answers_check_end(check);
}

int load_echo(const load_settings *set)
{
    static echo_run run;
    crowd_open(&run.crowd, set, set->connections);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    run.gap_ns = set->rate > 0 ? 1e9 / set->rate : 0;
    run.start_ns = process_now_ns();
    begin(&run);
    if (set->messages == 0) {
        warm_up(&run);
    }
    measure(&run);
    return 0;
}
