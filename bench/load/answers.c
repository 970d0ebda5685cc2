/* Counts answers, and compares them with what was sent.
 *
 * Source: RFC 6455 5.2, RFC 7692 7.2.2. */
#include "answers.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SKIP_BYTES_MIN = 64 << 10 };

struct answers_check {
    const script *sent;
    const char *prefix, *suffix;
    uint8_t *message, *plain; /* as received, possibly compressed; and inflated */
    size_t message_bytes, message_bytes_max;
    z_stream inflate;
    bool compressed, forget; /* forget: without context takeover */
    bool ending, over;       /* after this message; since the last one */
    uint64_t count;
};

static void *memory(size_t size)
{
    void *bytes = malloc(size);
    if (!bytes) {
        load_die("memory");
    }
    return bytes;
}

answers_check *answers_check_new(const script *sent, const wire_deflate *deflate, const char *prefix,
                                 const char *suffix)
{
    answers_check *check = memory(sizeof *check);
    *check = (answers_check){.sent = sent, .prefix = prefix, .suffix = suffix, .forget = deflate->server_no_context};
    check->message_bytes_max = sent->text_bytes + sent->text_bytes / 10 + 256;
    check->message = memory(check->message_bytes_max);
    check->plain = memory(check->message_bytes_max);
    if (deflate->on && inflateInit2(&check->inflate, -15) != Z_OK) {
        load_refuse("inflate", "no memory");
    }
    return check;
}

uint64_t answers_check_count(const answers_check *check)
{
    return check->count;
}

void answers_check_end(answers_check *check)
{
    if (check && check->sent->text_bytes >= SKIP_BYTES_MIN && !check->compressed) {
        check->ending = true;
    }
}

static bool checks(const answers *a)
{
    return a->check && !a->check->over;
}

static void collect(answers_check *check, const uint8_t *bytes, size_t size)
{
    if (size > check->message_bytes_max - 4 - check->message_bytes) {
        load_refuse("answer", "larger than what was sent");
    }
    memcpy(check->message + check->message_bytes, bytes, size);
    check->message_bytes += size;
}

static size_t inflate_message(answers_check *check)
{
    static const uint8_t tail[] = {0, 0, 0xff, 0xff};
    memcpy(check->message + check->message_bytes, tail, sizeof tail);
    check->inflate.next_in = check->message;
    check->inflate.avail_in = (uInt)(check->message_bytes + sizeof tail);
    check->inflate.next_out = check->plain;
    check->inflate.avail_out = (uInt)check->message_bytes_max;
    int result = inflate(&check->inflate, Z_SYNC_FLUSH);
    if ((result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) || check->inflate.avail_in > 0) {
        load_refuse("answer", "cannot be inflated");
    }
    if (check->forget || result == Z_STREAM_END) {
        inflateReset(&check->inflate);
    }
    return check->message_bytes_max - check->inflate.avail_out;
}

static void compare(answers_check *check)
{
    const script *sent = check->sent;
    size_t size = check->compressed ? inflate_message(check) : check->message_bytes;
    const uint8_t *got = check->compressed ? check->plain : check->message;
    size_t before = strlen(check->prefix);
    size_t after = strlen(check->suffix);
    if (size != before + sent->text_bytes + after || memcmp(got, check->prefix, before) != 0 ||
        memcmp(got + before, sent->texts[check->count % sent->texts_count], sent->text_bytes) != 0 ||
        memcmp(got + before + sent->text_bytes, check->suffix, after) != 0) {
        load_refuse("answer", "not what was sent");
    }
    check->message_bytes = 0;
    check->count++;
}

static unsigned head_bytes_wanted(const answers *a)
{
    if (a->head_bytes < 2) {
        return 2;
    }
    return a->head[1] == 127 ? 10 : a->head[1] == 126 ? 4 : 2;
}

static void begin_payload(answers *a)
{
    uint8_t opcode = a->head[0] & 15;
    if (opcode == 8) {
        load_refuse("the server", "sent Close");
    }
    if (opcode > 2 || a->head[1] > 127) {
        load_refuse("the server", "sent a frame that is no answer");
    }
    a->left = a->head[1];
    if (a->head[1] > 125) {
        a->left = 0;
        for (unsigned i = 2; i < a->head_bytes; i++) {
            a->left = a->left << 8 | a->head[i];
        }
    }
    if (a->check && opcode != 0) {
        a->check->compressed = (a->head[0] & 0x40) != 0;
        a->check->over = a->check->ending;
    }
    a->in_payload = true;
}

/* 1 where it was the last frame of a message. */
static uint64_t end_payload(answers *a)
{
    bool last = (a->head[0] & 0x80) != 0;
    a->in_payload = false;
    a->head_bytes = 0;
    if (last && checks(a)) {
        compare(a->check);
    }
    return last;
}

static size_t feed_head(answers *a, const uint8_t *bytes, size_t size)
{
    size_t used = 0;
    while (used < size && a->head_bytes < head_bytes_wanted(a)) {
        a->head[a->head_bytes++] = bytes[used++];
    }
    if (a->head_bytes == head_bytes_wanted(a)) {
        begin_payload(a);
    }
    return used;
}

static size_t feed_payload(answers *a, const uint8_t *bytes, size_t size)
{
    size_t used = a->left < size ? (size_t)a->left : size;
    if (checks(a)) {
        collect(a->check, bytes, used);
    }
    a->left -= used;
    a->payload_bytes += used;
    return used;
}

static uint64_t feed_raw(answers *a, size_t size)
{
    a->left += size;
    uint64_t whole = a->left / a->raw_bytes;
    a->left %= a->raw_bytes;
    return whole;
}

uint64_t answers_feed(answers *a, const uint8_t *bytes, size_t size)
{
    uint64_t whole = 0;
    if (a->raw_bytes > 0) {
        return feed_raw(a, size);
    }
    for (size_t at = 0; at < size || (a->in_payload && a->left == 0);) {
        at += a->in_payload ? feed_payload(a, bytes + at, size - at) : feed_head(a, bytes + at, size - at);
        if (a->in_payload && a->left == 0) {
            whole += end_payload(a);
        }
    }
    return whole;
}

size_t answers_skippable(const answers *a)
{
    if (a->raw_bytes > 0) {
        size_t left = a->raw_bytes - (size_t)a->left;
        return left >= SKIP_BYTES_MIN ? left : 0;
    }
    return a->in_payload && !checks(a) && a->left >= SKIP_BYTES_MIN ? (size_t)a->left : 0;
}

uint64_t answers_skip(answers *a, size_t size)
{
    if (a->raw_bytes > 0) {
        return feed_raw(a, size);
    }
    a->left -= size;
    a->payload_bytes += size;
    return a->left == 0 ? end_payload(a) : 0;
}
