/* naru serve --exec: what goes between a connection and its process.
 *
 * Each side holds the other back: a process that does not read stops the peer, a peer that does not read stops the
 * process. Source: none. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "exec_job.h"

enum {
    READ_BYTES = 64 * 1024,
    INPUT_HIGH_BYTES = 1024 * 1024, /* more than this waiting for the process stops the peer */
    INPUT_LOW_BYTES = 256 * 1024
};

void exec_close_input(exec_job *job)
{
    if (job->input) {
        naru_watch_free(job->input);
        close(job->child.input);
        job->input = NULL;
        naru_buf_deinit(&job->to_child);
    }
    /* What it held the peer back for is gone, and a Close must be read. */
    if (job->paused && job->conn) {
        job->paused = false;
        naru_conn_resume(job->conn);
    }
}

void exec_close_output(exec_job *job)
{
    if (job->output) {
        naru_watch_free(job->output);
        close(job->child.output);
        job->output = NULL;
    }
}

void exec_close_conn(exec_job *job, uint16_t code, const char *reason)
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

void exec_send_messages(exec_job *job, bool at_end)
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
        exec_close_output(job);
        naru_buf_deinit(&job->from_child);
        exec_close_conn(job, 1011, "the process wrote a line that is too long");
    }
}

bool exec_read_output(exec_job *job)
{
    uint8_t *at = naru_buf_reserve(&job->from_child, READ_BYTES);
    ssize_t bytes = at ? read(job->child.output, at, READ_BYTES) : -1;
    if (bytes > 0) {
        naru_buf_commit(&job->from_child, (size_t)bytes);
        exec_send_messages(job, false);
        return job->output != NULL;
    }
    if (!at || bytes == 0 || (errno != EAGAIN && errno != EINTR)) {
        exec_close_output(job);
        exec_send_messages(job, true);
    }
    return false;
}

void exec_on_output(void *user, unsigned events)
{
    (void)events;
    (void)exec_read_output(user);
}

void exec_on_drain(naru_conn *conn, void *user)
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
        exec_close_input(job);
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

void exec_on_input(void *user, unsigned events)
{
    (void)events;
    write_input(user);
}

void exec_on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
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
        exec_close_conn(job, 1011, "out of memory");
        return;
    }
    naru_watch_set(job->input, NARU_WRITABLE);
    if (!job->paused && naru_buf_span(&job->to_child).size > INPUT_HIGH_BYTES) {
        job->paused = true;
        naru_conn_pause(conn);
    }
}
