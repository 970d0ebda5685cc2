/* What a connection sends, ready as bytes.
 *
 * Source: RFC 6455 5.2, RFC 7692 7.2.1. */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { TEXTS = 64, TEXTS_BYTES_MIN = 64 << 10, HEAD_BYTES_MAX = 14, ROW_BYTES_MAX = 1 << 20, SYNC_TAIL_BYTES = 4 };

static void *memory(size_t size)
{
    void *bytes = malloc(size > 0 ? size : 1);
    if (!bytes) {
        load_die("memory");
    }
    return bytes;
}

static uint32_t draw(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

/* ---- texts --------------------------------------------------------------------------------------------------- */

static void fill_unit(char *text, size_t size, const char *unit, size_t unit_bytes)
{
    size_t whole = size - size % unit_bytes;
    for (size_t i = 0; i < whole; i++) {
        text[i] = unit[i % unit_bytes];
    }
    memset(text + whole, '.', size - whole);
}

/* Objects as applications send them: the same keys, other values, a sentence of common words. */
static void fill_json(char *text, size_t size)
{
    static const char *const words[] = {"ferry",  "landing", "the",     "leaves",  "at",    "river", "boat",  "and",
                                        "nine",   "morning", "arrives", "from",    "other", "bank",  "with",  "people",
                                        "ticket", "delayed", "weather", "captain", "water", "light", "north", "south"};
    size_t at = 0;
    while (at < size) {
        char part[160];
        uint32_t a = draw();
        uint32_t b = draw();
        int written =
            snprintf(part, sizeof part, "{\"id\":%u,\"user\":\"user-%u\",\"at\":17%08u,\"kind\":\"%s\",\"text\":\"",
                     a % 1000000, b % 5000, a % 100000000, words[b % 24]);
        size_t used = (size_t)written;
        while (used < 140) {
            written = snprintf(part + used, sizeof part - used, "%s ", words[draw() % 24]);
            used += (size_t)written;
        }
        used = used < size - at ? used : size - at;
        memcpy(text + at, part, used);
        at += used;
    }
    text[size - 1] = '}';
}

static void fill(char *text, const load_settings *set)
{
    if (set->size == 0) {
        return;
    }
    switch (set->content) {
    case LOAD_KOREAN:
        fill_unit(text, set->size, "\xeb\x82\x98\xeb\xa3\xa8\xed\x84\xb0", 9);
        break;
    case LOAD_JSON:
        fill_json(text, set->size);
        break;
    default:
        fill_unit(text, set->size, "abcdefghijklmnopqrstuvwxyz", 26);
    }
}

/* ---- frames -------------------------------------------------------------------------------------------------- */

static size_t put_head(uint8_t *out, uint8_t first, size_t size)
{
    size_t head = size < 126 ? 2 : size < 65536 ? 4 : 10;
    out[0] = first;
    out[1] = (uint8_t)(0x80 | (size < 126 ? size : size < 65536 ? 126 : 127));
    for (size_t i = 2; i < head; i++) {
        out[i] = (uint8_t)((uint64_t)size >> 8 * (head - 1 - i));
    }
    return head;
}

/* Append one masked frame. */
static void put_frame(script *s, uint8_t first, const void *payload, size_t size)
{
    uint8_t *out = s->bytes + s->starts[s->frames];
    uint32_t mask = draw();
    size_t head = put_head(out, first, size);
    memcpy(out + head, &mask, 4);
    for (size_t i = 0; i < size; i++) {
        out[head + 4 + i] = ((const uint8_t *)payload)[i] ^ out[head + i % 4];
    }
    s->starts[s->frames + 1] = s->starts[s->frames] + head + 4 + size;
    s->frames++;
}

static size_t compress_text(z_stream *stream, const char *text, size_t size, uint8_t *out, size_t out_max)
{
    stream->next_in = (Bytef *)(uintptr_t)text;
    stream->avail_in = (uInt)size;
    stream->next_out = out;
    stream->avail_out = (uInt)out_max;
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in > 0) {
        load_refuse("deflate", "does not fit");
    }
    return out_max - stream->avail_out - SYNC_TAIL_BYTES;
}

static void put_compressed_lap(script *s, uint8_t first, z_stream *stream, bool no_context)
{
    size_t out_max = s->text_bytes + s->text_bytes / 100 + 64;
    uint8_t *out = memory(out_max);
    s->payload_bytes = 0;
    for (size_t i = 0; i < s->texts_count; i++) {
        size_t size = compress_text(stream, s->texts[i], s->text_bytes, out, out_max);
        put_frame(s, first | 0x40, out, size);
        s->payload_bytes += size;
        if (no_context) {
            deflateReset(stream);
        }
    }
    free(out);
}

static void put_compressed(script *s, uint8_t first, const wire_deflate *with)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, 6, Z_DEFLATED, -with->client_window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        load_refuse("deflate", "the server asked for a window that zlib does not have");
    }
    put_compressed_lap(s, first, &stream, with->client_no_context);
    s->repeat_from = s->frames;
    put_compressed_lap(s, first, &stream, with->client_no_context);
    deflateEnd(&stream);
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

/* Socket.IO 5: 4 message, 2 event, acknowledgement 0; a publish asks for none. */
static void put_event(script *s, const char *text, bool publish)
{
    size_t room = s->text_bytes + 32;
    char *event = memory(room);
    int size = snprintf(event, room, "%s\"%.*s\"]", publish ? "42[\"publish\",\"room\"," : "420[\"m\",",
                        (int)s->text_bytes, text);
    put_frame(s, 0x81, event, (size_t)size);
    free(event);
}

static size_t row_length(const load_settings *set)
{
    size_t frame = set->size + HEAD_BYTES_MAX;
    size_t fit = ROW_BYTES_MAX / frame / set->depth;
    size_t batches = fit < 1 ? 1 : fit > TEXTS ? TEXTS : fit;
    return batches * set->depth;
}

/* Different ones for more than a window of deflate, or compression would only find what it has seen before. */
static size_t texts_wanted(const load_settings *set)
{
    if (set->content != LOAD_JSON || set->size == 0) {
        return 1;
    }
    size_t to_fill = TEXTS_BYTES_MIN / set->size + 1;
    return to_fill > TEXTS ? to_fill : TEXTS;
}

static void make_texts(script *s, const load_settings *set)
{
    s->text_bytes = set->size;
    s->texts_count = texts_wanted(set);
    s->texts = memory(s->texts_count * sizeof *s->texts);
    for (size_t i = 0; i < s->texts_count; i++) {
        s->texts[i] = memory(set->size);
        fill(s->texts[i], set);
    }
}

script script_make(const load_settings *set, const wire_deflate *deflate)
{
    script s = {0};
    make_texts(&s, set);
    size_t row = set->content == LOAD_JSON ? 2 * s.texts_count : row_length(set);
    uint8_t first = set->content == LOAD_BINARY ? 0x82 : 0x81;
    s.bytes = memory(row * (set->size + set->size / 50 + 128));
    s.starts = memory((row + 1) * sizeof *s.starts);
    s.starts[0] = 0;
    if (deflate->on) {
        put_compressed(&s, first, deflate);
        return s;
    }
    for (size_t i = 0; i < row; i++) {
        const char *text = s.texts[i % s.texts_count];
        if (set->socketio) {
            put_event(&s, text, set->mode == LOAD_PUBLISH);
        } else {
            put_frame(&s, first, text, set->size);
        }
        s.payload_bytes += i < s.texts_count ? set->size : 0;
    }
    return s;
}

/* One piece: until what is owed is sent, or the row ends. */
static size_t piece_bytes(const script *s, const script_place *place)
{
    uint64_t left = s->frames - place->frame;
    size_t last = place->frame + (size_t)(place->owed < left ? place->owed : left);
    return s->starts[last] - s->starts[place->frame] - place->offset;
}

static void advance(const script *s, script_place *place, size_t sent)
{
    place->offset += sent;
    while (place->owed > 0 && place->offset >= s->starts[place->frame + 1] - s->starts[place->frame]) {
        place->offset -= s->starts[place->frame + 1] - s->starts[place->frame];
        place->owed--;
        place->frame = place->frame + 1 == s->frames ? s->repeat_from : place->frame + 1;
    }
}

void script_send(const script *s, script_place *place, wire *w)
{
    while (place->owed > 0) {
        ssize_t sent = wire_send(w, s->bytes + s->starts[place->frame] + place->offset, piece_bytes(s, place));
        if (sent <= 0) {
            return;
        }
        advance(s, place, (size_t)sent);
    }
}
