/* A crew, a budget and a succession without memory: each call for memory fails once, and each time all is given back
 * and nothing else has happened. The library's default allocator is the test's own here (--wrap). */
#include "unit/check.h"
#include "unit/failing_allocator.h"

#include <naru/naru.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static failing_allocator memory;
const naru_allocator *__wrap_naru_allocator_default(void);
const naru_allocator *__wrap_naru_allocator_default(void)
{
    return &memory.allocator;
}

/* Once with each call failing, then once with none. */
#define FOR_EACH_FAILURE(n)                                                                                            \
    for (size_t n = (failing_allocator_init(&memory, 1), (size_t)1); n > 0;                                            \
         n = memory.failed ? n + 1 : (CHECK(n > 3), (size_t)0), failing_allocator_init(&memory, n))

static naru_status set_up(naru_server *server, uint32_t thread, void *user, void **thread_user)
{
    naru_ws_route route = {0};
    (void)thread;
    (void)user;
    (void)thread_user;
    return naru_server_route_ws(server, "/chat", &route, NULL);
}

static void ignore_counts(const naru_server_counts *counts, void *user)
{
    (void)counts;
    ++*(int *)user;
}

/* Both ways of listening; then a stop that is asked for before it runs, so that it ends by itself. */
static void make_crew(bool deal)
{
    naru_crew_options options = {.threads = 3, .set_up = set_up, .deal = deal};
    naru_crew *crew = NULL;
    int counted = 0;
    naru_status status = naru_crew_new(&options, &crew);
    if (status == NARU_OK) {
        status = naru_crew_listen(crew, "127.0.0.1:0", NULL, NULL);
        naru_status counts = naru_crew_count(crew, ignore_counts, &counted);
        CHECK_EQ(counted, counts == NARU_OK);
        status = status < 0 ? status : counts;
    }
    CHECK_EQ(status, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
    naru_crew_free(crew);
    CHECK_EQ(memory.live_bytes, 0);
}

TEST(a_crew)
{
    for (int deal = 0; deal < 2; deal++) {
        FOR_EACH_FAILURE(n)
        {
            make_crew(deal);
        }
    }
}

TEST(a_budget_and_its_servers)
{
    FOR_EACH_FAILURE(n)
    {
        naru_budget_options options = {.bytes_max = 64 << 20};
        naru_budget *budget = NULL;
        naru_loop *loop = NULL;
        naru_server *servers[2] = {NULL, NULL};
        naru_status status = naru_budget_new(&options, &budget);
        if (status == NARU_OK) {
            naru_loop_options on = {.allocator = naru_budget_allocator(budget)};
            naru_server_options with = {.budget = budget};
            loop = naru_loop_new(&on);
            status = loop ? naru_server_new(loop, &with, &servers[0]) : NARU_ERR_MEMORY;
            status = status < 0 ? status : naru_server_new(loop, &with, &servers[1]);
        }
        CHECK_EQ(status, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
        naru_server_free(servers[1]);
        naru_server_free(servers[0]);
        naru_loop_free(loop);
        naru_budget_counts counts = {0};
        if (budget) {
            naru_budget_counters(budget, &counts);
        }
        CHECK_EQ(counts.used_bytes, 0);
        naru_budget_unref(budget);
        CHECK_EQ(memory.live_bytes, 0);
    }
}

/* ---- a process before us ----------------------------------------------------------------------------------------- */

static void on_succeeded(void *user)
{
    naru_loop_stop(user);
}

static naru_status follow(const char *line_address, naru_loop **loop_out, naru_server **server_out,
                          naru_succession **line_out, char *bound)
{
    *loop_out = naru_loop_new(NULL);
    naru_status status = *loop_out ? naru_server_new(*loop_out, NULL, server_out) : NARU_ERR_MEMORY;
    status = status < 0 ? status : naru_succession_join(line_address, 0, line_out, NULL, 0);
    naru_listen_options options = {.succession = *line_out};
    status = status < 0 ? status : naru_server_listen(*server_out, "127.0.0.1:0", &options, bound);
    return status < 0 ? status : naru_succession_begin(*line_out, *loop_out, on_succeeded, *loop_out);
}

static void end(naru_loop *loop, naru_server *server, naru_succession *line)
{
    naru_server_free(server);
    naru_succession_free(line);
    naru_loop_free(loop);
}

/* The process before: it serves until somebody has followed it. */
static int serve(const char *line_address, int ready)
{
    naru_loop *loop = NULL;
    naru_server *server = NULL;
    naru_succession *line = NULL;
    char bound[128];
    failing_allocator_init(&memory, 0);
    alarm(60);
    bool good = follow(line_address, &loop, &server, &line, bound) == NARU_OK && write(ready, "r", 1) == 1 &&
                naru_loop_run(loop) == NARU_OK;
    end(loop, server, line);
    return good && memory.live_bytes == 0 ? 0 : 1;
}

/* Whoever fails before it has begun has changed nothing: the same process serves the next attempt. */
TEST(a_succession)
{
    char address[64], byte;
    int ready[2], status = -1;
    (void)snprintf(address, sizeof address, "unix:/tmp/naru-scarce-%d", (int)getpid());
    REQUIRE(pipe(ready) == 0);
    pid_t before = fork();
    if (before == 0) {
        _exit(serve(address, ready[1]));
    }
    REQUIRE(before > 0 && read(ready[0], &byte, 1) == 1);
    FOR_EACH_FAILURE(n)
    {
        naru_loop *loop = NULL;
        naru_server *server = NULL;
        naru_succession *line = NULL;
        char bound[128];
        CHECK_EQ(waitpid(before, &status, WNOHANG), 0);
        naru_status answer = follow(address, &loop, &server, &line, bound);
        CHECK_EQ(answer, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
        if (!memory.failed) {
            CHECK_EQ(waitpid(before, &status, 0), before);
        }
        end(loop, server, line);
        CHECK_EQ(memory.live_bytes, 0);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(ready[0]);
    close(ready[1]);
}

TEST_MAIN({"a crew", a_crew}, {"a budget and its servers", a_budget_and_its_servers}, {"a succession", a_succession})
