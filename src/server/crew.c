/* Several threads that serve side by side: their making, their run and their end.
 *
 * Not for: how connections are dealt out (deal.c). Source: pthreads(7), sched_setaffinity(2). */
#include "server/deal.h"
#include <naru/crew.h>

#include "base/memory.h"
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 1024, ADDRESS_BYTES = 128 };

typedef struct lane {
    naru_crew *crew;
    naru_loop *loop;
    naru_server *server;
    void *user;
    pthread_t thread;
    uint32_t number;
    bool started;
    bool ended; /* under the lock; then counts are its last */
    /* Under the lock as well: what it was last told of stopping, and whether it has yet to look. Both are here from the
     * start, so that nothing is missing when it is to stop. */
    bool told;
    naru_stop_options order;
    naru__post telling;
    naru_server_counts counts;
} lane;

struct naru_crew {
    naru_crew_options options;
    naru__deal deal;
    lane *lanes;
    uint32_t count;
    bool ran;
    cpu_set_t cpus;       /* that the process may use */
    pthread_mutex_t lock; /* of what follows, and of lanes' ends */
    naru_status status;
};

static void stop_lane(void *user);

/* ---- making ------------------------------------------------------------------------------------------------------ */

static naru_status open_lane(naru_crew *crew, lane *self)
{
    const naru_crew_options *options = &crew->options;
    self->loop = naru_loop_new(options->loop);
    if (!self->loop) {
        return options->loop && options->loop->backend == NARU_BACKEND_IO_URING ? NARU_ERR_SYSTEM : NARU_ERR_MEMORY;
    }
    if (self->number == 0) {
        crew->deal.loop = self->loop;
    }
    naru_status status = naru_server_new(self->loop, options->server, &self->server);
    if (status < 0) {
        return status;
    }
    self->server->hand = &crew->deal.hands[self->number];
    *self->server->hand = (naru__hand){.deal = &crew->deal, .server = self->server};
    return options->set_up ? options->set_up(self->server, self->number, options->user, &self->user) : NARU_OK;
}

static naru_status make_lanes(naru_crew *crew)
{
    const naru_allocator *allocator = naru_allocator_default();
    crew->lanes = naru__alloc_zero(allocator, crew->count * sizeof(lane));
    crew->deal.hands = naru__alloc_zero(allocator, crew->count * sizeof(naru__hand));
    naru_status status = crew->lanes && crew->deal.hands ? NARU_OK : NARU_ERR_MEMORY;
    crew->deal.count = crew->count;
    for (uint32_t i = 0; i < crew->count && status == NARU_OK; i++) {
        crew->lanes[i].crew = crew;
        crew->lanes[i].number = i;
        crew->lanes[i].telling = (naru__post){.call = stop_lane, .user = &crew->lanes[i]};
        status = open_lane(crew, &crew->lanes[i]);
    }
    return status;
}

naru_status naru_crew_new(const naru_crew_options *options, naru_crew **crew_out)
{
    naru_crew *crew = naru__alloc_zero(naru_allocator_default(), sizeof *crew);
    if (!crew) {
        return NARU_ERR_MEMORY;
    }
    pthread_mutex_init(&crew->lock, NULL);
    crew->options = options ? *options : (naru_crew_options){0};
    if (sched_getaffinity(0, sizeof crew->cpus, &crew->cpus) != 0 || CPU_COUNT(&crew->cpus) == 0) {
        CPU_ZERO(&crew->cpus);
        CPU_SET(0, &crew->cpus);
    }
    uint32_t threads = crew->options.threads > 0 ? crew->options.threads : (uint32_t)CPU_COUNT(&crew->cpus);
    naru_status status = crew->options.threads > THREADS_MAX ? NARU_ERR_ARGUMENT : NARU_OK;
    if (status == NARU_OK) {
        crew->count = threads < THREADS_MAX ? threads : (uint32_t)THREADS_MAX;
        status = make_lanes(crew);
    }
    if (status < 0) {
        naru_crew_free(crew);
        return status;
    }
    *crew_out = crew;
    return NARU_OK;
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

static bool has_one_socket(const char *address)
{
    static const char *const kinds[] = {"unix:", "fd:", "systemd:"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(address, kinds[i], strlen(kinds[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* The others follow the first one to the port that it got. */
static naru_status listen_each(naru_crew *crew, const char *bound, const naru_listen_options *options)
{
    naru_status status = NARU_OK;
    for (uint32_t i = 1; i < crew->count && status == NARU_OK; i++) {
        status = naru_server_listen(crew->lanes[i].server, bound, options, NULL);
    }
    return status;
}

naru_status naru_crew_listen(naru_crew *crew, const char *address, const naru_listen_options *options, char *bound_out)
{
    naru_listen_options chosen = options ? *options : (naru_listen_options){0};
    char bound[ADDRESS_BYTES];
    if (!address || crew->ran) {
        return address ? NARU_ERR_STATE : NARU_ERR_ARGUMENT;
    }
    bool dealt = crew->options.deal || has_one_socket(address);
    chosen.reuse_port = crew->count > 1 && !dealt;
    naru_status status = naru_server_listen(crew->lanes[0].server, address, &chosen, bound);
    if (status == NARU_OK && crew->count > 1) {
        status = dealt ? naru__deal_listening(&crew->deal) : listen_each(crew, bound, &chosen);
    }
    if (status == NARU_OK && bound_out) {
        memcpy(bound_out, bound, sizeof bound);
    }
    return status;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

typedef struct census {
    naru_crew *crew;
    void (*counted)(const naru_server_counts *counts, void *user);
    void *user;
    uint32_t missing; /* under the lock */
    naru_server_counts sum;
} census;

typedef struct question {
    census *census;
    lane *lane;
} question;

static void add(naru_server_counts *sum, const naru_server_counts *counts)
{
    sum->connections += counts->connections;
    sum->websockets += counts->websockets;
    sum->accepted += counts->accepted;
    sum->requests += counts->requests;
    sum->websockets_opened += counts->websockets_opened;
    sum->refused += counts->refused;
    sum->limited += counts->limited;
    sum->throttled += counts->throttled;
    sum->messages_in += counts->messages_in;
    sum->message_bytes_in += counts->message_bytes_in;
    sum->messages_out += counts->messages_out;
    sum->message_bytes_out += counts->message_bytes_out;
    sum->pings_in += counts->pings_in;
    sum->pongs_in += counts->pongs_in;
    sum->dropped += counts->dropped;
}

/* The last one tells. */
static void report(census *asked, const naru_server_counts *counts)
{
    pthread_mutex_lock(&asked->crew->lock);
    add(&asked->sum, counts);
    bool last = --asked->missing == 0;
    pthread_mutex_unlock(&asked->crew->lock);
    if (last) {
        asked->counted(&asked->sum, asked->user);
        naru__free(naru_allocator_default(), asked, sizeof *asked);
    }
}

static void answer(void *user)
{
    question asked = *(question *)user;
    naru_server_counts counts = asked.lane->counts;
    naru__free(naru_allocator_default(), user, sizeof asked);
    if (asked.lane->server) {
        naru_server_counters(asked.lane->server, &counts);
    }
    report(asked.census, &counts);
}

/* errors NARU_ERR_MEMORY */
static naru_status ask(census *asked, lane *self)
{
    question *sent = naru__alloc(naru_allocator_default(), sizeof *sent);
    if (!sent) {
        return NARU_ERR_MEMORY;
    }
    *sent = (question){asked, self};
    if (naru_loop_post(self->loop, answer, sent) < 0) {
        naru__free(naru_allocator_default(), sent, sizeof *sent);
        return NARU_ERR_MEMORY;
    }
    return NARU_OK;
}

/* Nobody's thread: it may be looked at here. */
static bool rests(naru_crew *crew, const lane *self)
{
    pthread_mutex_lock(&crew->lock);
    bool rests = !crew->ran || self->ended;
    pthread_mutex_unlock(&crew->lock);
    return rests;
}

naru_status naru_crew_count(naru_crew *crew, void (*counted)(const naru_server_counts *counts, void *user), void *user)
{
    census *asked = naru__alloc_zero(naru_allocator_default(), sizeof *asked);
    if (!asked) {
        return NARU_ERR_MEMORY;
    }
    *asked = (census){.crew = crew, .counted = counted, .user = user, .missing = crew->count};
    for (uint32_t i = 0; i < crew->count; i++) {
        lane *self = &crew->lanes[i];
        if (!rests(crew, self) && ask(asked, self) == NARU_OK) {
            continue;
        }
        naru_server_counts counts = self->counts;
        if (!crew->ran && self->server) {
            naru_server_counters(self->server, &counts);
        }
        report(asked, &counts); /* without memory for the question: what is known of it */
    }
    return NARU_OK;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void pin(const lane *self)
{
    const naru_crew *crew = self->crew;
    cpu_set_t one;
    uint32_t wanted = self->number % (uint32_t)CPU_COUNT(&crew->cpus);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &crew->cpus) && wanted-- == 0) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    if (pthread_setaffinity_np(pthread_self(), sizeof one, &one) != 0) {
        naru__log(self->loop, NARU_LOG_WARN, "thread %u cannot be pinned to its CPU", (unsigned)self->number);
    }
}

static void end_lane(lane *self)
{
    naru_crew *crew = self->crew;
    if (!self->server) {
        return;
    }
    if (crew->options.tear_down) {
        crew->options.tear_down(self->server, self->number, crew->options.user, self->user);
    }
    naru_server *server = self->server;
    naru_server_counters(server, &self->counts);
    self->counts.connections = self->counts.websockets = 0;
    self->server = NULL;
    if (self->number == 0) {
        server->hand->server = NULL; /* somebody's last connection may still be told of */
    }
    naru_server_free(server);
    pthread_mutex_lock(&crew->lock);
    self->ended = true;
    pthread_mutex_unlock(&crew->lock);
    (void)naru_loop_turn(self->loop, 0); /* who has asked before is answered */
}

static void *run_lane(void *user)
{
    lane *self = user;
    naru_crew *crew = self->crew;
    if (crew->options.pin) {
        pin(self);
    }
    naru__loop_hold(self->loop, true);
    naru_status status = naru_loop_run(self->loop);
    naru__loop_hold(self->loop, false);
    if (status < 0) {
        naru_stop_options at_once = {.deadline_ms = 1};
        pthread_mutex_lock(&crew->lock);
        crew->status = status;
        pthread_mutex_unlock(&crew->lock);
        (void)naru_crew_stop(crew, &at_once);
    }
    end_lane(self);
    return NULL;
}

/* Those that cannot be started end before they begin. */
static void start_threads(naru_crew *crew)
{
    int error = 0;
    for (uint32_t i = 1; i < crew->count && error == 0; i++) {
        error = pthread_create(&crew->lanes[i].thread, NULL, run_lane, &crew->lanes[i]);
        crew->lanes[i].started = error == 0;
    }
    if (error == 0) {
        return;
    }
    naru__log(crew->lanes[0].loop, NARU_LOG_ERROR, "a thread cannot be started: %s", strerror(error));
    naru_stop_options at_once = {.deadline_ms = 1};
    crew->status = NARU_ERR_SYSTEM;
    for (uint32_t i = 1; i < crew->count; i++) {
        if (!crew->lanes[i].started) {
            end_lane(&crew->lanes[i]);
        }
    }
    (void)naru_crew_stop(crew, &at_once);
}

naru_status naru_crew_run(naru_crew *crew)
{
    if (crew->ran) {
        return NARU_ERR_STATE;
    }
    pthread_mutex_lock(&crew->lock);
    crew->ran = true;
    pthread_mutex_unlock(&crew->lock);
    start_threads(crew);
    (void)run_lane(&crew->lanes[0]);
    for (uint32_t i = 1; i < crew->count; i++) {
        if (crew->lanes[i].started) {
            pthread_join(crew->lanes[i].thread, NULL);
        }
    }
    if (crew->options.pin) {
        (void)pthread_setaffinity_np(pthread_self(), sizeof crew->cpus, &crew->cpus);
    }
    return crew->status;
}

/* ---- stopping ---------------------------------------------------------------------------------------------------- */

static void on_stopped(void *user)
{
    naru_loop_stop(((lane *)user)->loop);
}

/* Of orders that it has not looked at yet, the last one counts. */
static void order_stop(lane *self, const naru_stop_options *options)
{
    pthread_mutex_lock(&self->crew->lock);
    bool told = self->told;
    self->told = true;
    self->order = *options;
    pthread_mutex_unlock(&self->crew->lock);
    if (!told) {
        naru__loop_post_kept(self->loop, &self->telling);
    }
}

static naru_stop_options take_order(lane *self)
{
    pthread_mutex_lock(&self->crew->lock);
    self->told = false;
    naru_stop_options order = self->order;
    pthread_mutex_unlock(&self->crew->lock);
    return order;
}

/* The first one is the first to stop: what it deals out last comes to the others before they are told. */
static void stop_lane(void *user)
{
    lane *self = user;
    naru_stop_options order = take_order(self);
    if (self->server) {
        naru_server_stop_with(self->server, &order, on_stopped, self);
    }
    for (uint32_t i = 1; self->number == 0 && i < self->crew->count; i++) {
        order_stop(&self->crew->lanes[i], &order);
    }
}

naru_status naru_crew_stop(naru_crew *crew, const naru_stop_options *options)
{
    naru_stop_options chosen = options ? *options : (naru_stop_options){0};
    order_stop(&crew->lanes[0], &chosen);
    return NARU_OK;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

void naru_crew_free(naru_crew *crew)
{
    if (!crew) {
        return;
    }
    for (uint32_t i = 0; crew->lanes && i < crew->count; i++) {
        lane *self = &crew->lanes[i];
        if (self->server) {
            naru_server_free(self->server);
        }
        naru_loop_free(self->loop);
    }
    naru__free(naru_allocator_default(), crew->lanes, crew->count * sizeof(lane));
    naru__free(naru_allocator_default(), crew->deal.hands, crew->count * sizeof(naru__hand));
    pthread_mutex_destroy(&crew->lock);
    naru__free(naru_allocator_default(), crew, sizeof *crew);
}

uint32_t naru_crew_threads(const naru_crew *crew)
{
    return crew->count;
}

naru_loop *naru_crew_loop(const naru_crew *crew, uint32_t thread)
{
    return crew->lanes[thread].loop;
}

naru_server *naru_crew_server(const naru_crew *crew, uint32_t thread)
{
    return crew->lanes[thread].server;
}

void *naru_crew_user(const naru_crew *crew, uint32_t thread)
{
    return crew->lanes[thread].user;
}
