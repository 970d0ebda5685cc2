/* naru serve --exec: between a connection and the process that was started for it.
 *
 * Each side holds the other back: a process that does not read stops the peer, a peer that does not read stops the
 * process. When the connection ends, the process's group gets SIGTERM, and SIGKILL two seconds later; when the process
 * ends, what it wrote is sent, and the connection is closed with 1000, or 1011 if it failed.
 * Not for: starting it (exec_spawn.c). Source: none. */
#include "exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec_spawn.h"
#include "say.h"

enum {
    READ_BYTES = 64 * 1024,
    INPUT_HIGH_BYTES = 1024 * 1024, /* more than this waiting for the process stops the peer */
    INPUT_LOW_BYTES = 256 * 1024,
    KILL_MS = 2000
};

struct exec_job {
    exec_pool *pool;
    exec_job *previous;
    exec_job *next;
    exec_environment environment;
    naru_conn *conn; /* NULL: gone, or not there yet */
    exec_child child;
    bool runs; /* there is a process to be reaped */
    naru_watch *ended;
    naru_watch *input; /* NULL: its stdin is closed */
    naru_watch *output;
    naru_timer *kill;
    naru_buf to_child;
    naru_buf from_child;
    size_t scanned_bytes; /* of from_child, known to hold no newline */
    bool paused;          /* the connection is */
};

static void close_input(exec_job *job)
{
    if (job->input) {
        naru_watch_free(job->input);
        close(job->child.input);
        job->input = NULL;
        naru_buf_deinit(&job->to_child);
    }
}

static void close_output(exec_job *job)
{
    if (job->output) {
        naru_watch_free(job->output);
        close(job->child.output);
        job->output = NULL;
    }
}

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
    close_input(job);
    close_output(job);
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

static void close_conn(exec_job *job, uint16_t code, const char *reason)
{
    if (job->conn) {
        (void)naru_conn_close(job->conn, code, naru_span_of(reason));
    }
}

/* ---- from the process to the peer ---------------------------------------------------------------------------- */

static naru_status send_bytes(exec_job *job, naru_span bytes)
{
    if (job->pool->binary) {
        return naru_conn_send(job->conn, NARU_WS_BINARY, bytes, 0);
    }
    naru_status status = naru_conn_send(job->conn, NARU_WS_TEXT, bytes, 0);
    /* What is no text still is a message. */
    return status == NARU_ERR_UTF8 ? naru_conn_send(job->conn, NARU_WS_BINARY, bytes, 0) : status;
}

/* The next message at the front of what the process wrote. */
static bool next_message(exec_job *job, bool at_end, naru_span *message_out, size_t *taken_out)
{
    naru_span bytes = naru_buf_span(&job->from_child);
    *message_out = bytes;
    *taken_out = bytes.size;
    if (job->pool->binary || bytes.size == 0) {
        return bytes.size > 0;
    }
    const uint8_t *newline = NULL;
    if (bytes.size > job->scanned_bytes) {
        newline = memchr(bytes.data + job->scanned_bytes, '\n', bytes.size - job->scanned_bytes);
    }
    job->scanned_bytes = newline ? 0 : bytes.size;
    if (newline) {
        message_out->size = (size_t)(newline - bytes.data);
        *taken_out = message_out->size + 1;
        return true;
    }
    return at_end;
}

static void send_messages(exec_job *job, bool at_end)
{
    naru_span message;
    size_t taken;
    bool full = false;
    while (job->conn && next_message(job, at_end, &message, &taken)) {
        full = send_bytes(job, message) == NARU_FULL || full;
        naru_buf_take(&job->from_child, taken);
        job->scanned_bytes = 0;
    }
    if (full && job->output) {
        naru_watch_set(job->output, 0);
    }
    if (naru_buf_span(&job->from_child).size > job->pool->line_bytes_max) {
        close_output(job);
        naru_buf_deinit(&job->from_child);
        close_conn(job, 1011, "the process wrote a line that is too long");
    }
}

/* false: nothing more for now. */
static bool read_output(exec_job *job)
{
    uint8_t *at = naru_buf_reserve(&job->from_child, READ_BYTES);
    ssize_t bytes = at ? read(job->child.output, at, READ_BYTES) : -1;
    if (bytes > 0) {
        naru_buf_commit(&job->from_child, (size_t)bytes);
        send_messages(job, false);
        return job->output != NULL;
    }
    if (!at || bytes == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_output(job);
        send_messages(job, true);
    }
    return false;
}

static void on_output(void *user, unsigned events)
{
    (void)events;
    (void)read_output(user);
}

static void on_drain(naru_conn *conn, void *user)
{
    exec_job *job = user;
    (void)conn;
    if (job && job->output) {
        naru_watch_set(job->output, NARU_READABLE);
    }
}

/* ---- from the peer to the process ---------------------------------------------------------------------------- */

static void write_input(exec_job *job)
{
    naru_span bytes = naru_buf_span(&job->to_child);
    ssize_t written = bytes.size > 0 ? write(job->child.input, bytes.data, bytes.size) : 0;
    if (written < 0 && errno != EAGAIN && errno != EINTR) {
        /* It reads no more: what comes is dropped, as a shell's pipe does. */
        close_input(job);
    } else if (written > 0) {
        naru_buf_take(&job->to_child, (size_t)written);
    }
    size_t left = naru_buf_span(&job->to_child).size;
    if (job->input) {
        naru_watch_set(job->input, left > 0 ? NARU_WRITABLE : 0);
    }
    if (job->paused && job->conn && left < INPUT_LOW_BYTES) {
        job->paused = false;
        naru_conn_resume(job->conn);
    }
}

static void on_input(void *user, unsigned events)
{
    (void)events;
    write_input(user);
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    exec_job *job = user;
    (void)kind;
    if (!job || !job->input) {
        return;
    }
    naru_status status = naru_buf_append(&job->to_child, data);
    if (status == NARU_OK && !job->pool->binary) {
        status = naru_buf_append(&job->to_child, naru_span_of("\n"));
    }
    if (status != NARU_OK) {
        close_conn(job, 1011, "out of memory");
        return;
    }
    naru_watch_set(job->input, NARU_WRITABLE);
    if (!job->paused && naru_buf_span(&job->to_child).size > INPUT_HIGH_BYTES) {
        job->paused = true;
        naru_conn_pause(conn);
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
    close_input(job);
    close_output(job);
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
    while (job->output && read_output(job)) {
    }
    close_output(job);
    send_messages(job, true);
    if (WIFSIGNALED(status)) {
        snprintf(reason, sizeof reason, "the process was ended by signal %d", WTERMSIG(status));
    } else if (WEXITSTATUS(status) != 0) {
        snprintf(reason, sizeof reason, "the process exited with status %d", WEXITSTATUS(status));
    }
    close_input(job);
    close_conn(job, reason[0] ? 1011 : 1000, reason);
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
    job->input = naru_watch_new(loop, job->child.input, 0, on_input, job);
    job->output = naru_watch_new(loop, job->child.output, NARU_READABLE, on_output, job);
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
        close_conn(job, 1011, "the process cannot be started");
        return;
    }
    job->runs = true;
    if (!watch_child(job)) {
        (void)reap(job);
        close_conn(job, 1011, "the process cannot be watched");
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
    .handler = {.on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_close = on_close},
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
    while (pool->first) {
        exec_job *job = pool->first;
        if (job->runs) {
            (void)reap(job);
        }
        free_job(job);
    }
}
