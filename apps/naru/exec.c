/* naru serve --exec: the life of a connection and of the process that was started for it.
 *
 * When the connection ends, the process's group gets SIGTERM, and SIGKILL two seconds later; when the process
 * ends, what it wrote is sent, and the connection is closed with 1000, or 1011 if it failed.
 * Not for: starting it (exec_spawn.c), what goes to and fro (exec_pipe.c). Source: none. */
#include "exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec_job.h"
#include "say.h"

enum { KILL_MS = 2000 };

static void free_job(exec_job *job)
{
    exec_pool *pool = job->pool;
    if (job->previous) {
        job->previous->next = job->next;
    } else {
        pool->first = job->next;
    }
    if (job->next) {
        job->next->previous = job->previous;
    }
    exec_close_input(job);
    exec_close_output(job);
    naru_timer_free(job->kill);
    naru_buf_deinit(&job->from_child);
    exec_environment_free(&job->environment);
    free(job);
}

static void free_when_done(exec_job *job)
{
    exec_pool *pool = job->pool;
    if (job->conn || job->runs) {
        return;
    }
    free_job(job);
    if (!pool->first && pool->on_empty) {
        pool->on_empty(pool->user);
    }
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

static void on_kill(void *user)
{
    exec_job *job = user;
    if (job->runs) {
        kill(-job->child.pid, SIGKILL);
    }
}

static void end_process(exec_job *job)
{
    exec_close_input(job);
    exec_close_output(job);
    if (job->runs) {
        kill(-job->child.pid, SIGTERM);
        naru_timer_start(job->kill, KILL_MS);
    }
}

/* As long as the process is not reaped, its number and its group's are nobody else's. */
static int reap(exec_job *job)
{
    int status = 0;
    kill(-job->child.pid, SIGKILL);
    while (waitpid(job->child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    naru_watch_free(job->ended);
    job->ended = NULL;
    close(job->child.pidfd);
    job->runs = false;
    return status;
}

static void on_ended(void *user, unsigned events)
{
    exec_job *job = user;
    char reason[64] = "";
    (void)events;
    int status = reap(job);
    while (job->output && exec_read_output(job)) {
    }
    exec_close_output(job);
    exec_send_messages(job, true);
    if (WIFSIGNALED(status)) {
        snprintf(reason, sizeof reason, "the process was ended by signal %d", WTERMSIG(status));
    } else if (WEXITSTATUS(status) != 0) {
        snprintf(reason, sizeof reason, "the process exited with status %d", WEXITSTATUS(status));
    }
    exec_close_input(job);
    exec_close_conn(job, reason[0] ? 1011 : 1000, reason);
    free_when_done(job);
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    exec_job *job = user;
    (void)conn;
    (void)info;
    if (!job) {
        return;
    }
    job->conn = NULL;
    end_process(job);
    free_when_done(job);
}

/* ---- the beginning ------------------------------------------------------------------------------------------- */

static bool watch_child(exec_job *job)
{
    naru_loop *loop = job->pool->loop;
    job->kill = naru_timer_new(loop, on_kill, job);
    job->ended = naru_watch_new(loop, job->child.pidfd, NARU_READABLE, on_ended, job);
    job->input = naru_watch_new(loop, job->child.input, 0, exec_on_input, job);
    job->output = naru_watch_new(loop, job->child.output, NARU_READABLE, exec_on_output, job);
    if (!job->input) {
        close(job->child.input);
    }
    if (!job->output) {
        close(job->child.output);
    }
    return job->kill && job->ended && job->input && job->output;
}

static void on_open(naru_conn *conn, void *user)
{
    exec_job *job = user;
    job->conn = conn;
    if (!exec_spawn(job->pool->command, &job->environment, &job->child)) {
        say(job->pool->who, "cannot start a process: %s", strerror(errno));
        exec_close_conn(job, 1011, "the process cannot be started");
        return;
    }
    job->runs = true;
    if (!watch_child(job)) {
        (void)reap(job);
        exec_close_conn(job, 1011, "the process cannot be watched");
    }
}

static exec_job *new_job(exec_pool *pool)
{
    exec_job *job = calloc(1, sizeof *job);
    if (!job) {
        return NULL;
    }
    job->pool = pool;
    job->next = pool->first;
    if (pool->first) {
        pool->first->previous = job;
    }
    pool->first = job;
    return job;
}

static void on_request(naru_request *request, void *user)
{
    naru_span protocol = {0};
    exec_job *job = new_job(user);
    (void)naru_request_protocol(request, 0, &protocol);
    naru_status status = job ? exec_environment_fill(&job->environment, request, protocol) : NARU_ERR_MEMORY;
    if (status == NARU_OK) {
        status = naru_request_accept(request, protocol, NULL, job);
    }
    if (status != NARU_OK) {
        if (job) {
            free_job(job);
        }
        (void)naru_request_reject(request, status == NARU_ERR_ARGUMENT ? 400 : 500);
    }
}

const naru_ws_route exec_route = {
    .on_request = on_request,
    .handler = {.on_open = on_open, .on_message = exec_on_message, .on_drain = exec_on_drain, .on_close = on_close},
};

/* ---- the pool ------------------------------------------------------------------------------------------------ */

void exec_pool_end(exec_pool *pool, void (*on_empty)(void *user), void *user)
{
    if (!pool->first) {
        on_empty(user);
        return;
    }
    pool->on_empty = on_empty;
    pool->user = user;
}

void exec_pool_free(exec_pool *pool)
{
    pool->on_empty = NULL;
    exec_job *next;
    for (exec_job *job = pool->first; job; job = next) {
        next = job->next;
        if (job->runs) {
            (void)reap(job);
        }
        free_job(job);
    }
}
