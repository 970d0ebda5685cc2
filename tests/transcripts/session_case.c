/* Cases about a session: bytes, calls and time in; events, bytes and failures out. */
#include "runner.h"
#include "unit/failing_allocator.h"
#include "ws/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTROPY_FRAMES = 4096 };

/* An event as it came, with its bytes. */
typedef struct seen {
    naru_ws_event event;
    bytes data;
} seen;

typedef struct stage {
    const transcript *t;
    const replay *how;
    outcome *o;
    const step *at;
    failing_allocator memory;
    naru_ws_options options;
    naru_ws_role role;
    naru_ws_deflate deflate;
    bool merges; /* parts of a message are put together before they are compared */
    naru_ws *ws;
    naru_buf out;
    size_t out_checked;
    uint8_t random[ENTROPY_FRAMES * 4];
    naru_entropy entropy;
    uint64_t now_ms;
    seen *seen;
    size_t seen_count, seen_checked;
    seen partial; /* of a message whose last part has not come */
    bool under_way;
    naru_status failed; /* a failure that no `fail` has been held against yet */
    bool stopped;       /* memory ran out, as it was told to */
    writer peer, own;
} stage;

#define WRONG(g, ...) complain((g)->t, (g)->at, (g)->how, (g)->o, __VA_ARGS__)

static void held(stage *g)
{
    g->o->expectations++;
}

static naru_ws_turn turn_of(stage *g)
{
    return (naru_ws_turn){g->now_ms, g->role == NARU_WS_CLIENT ? &g->entropy : NULL, &g->out};
}

/* ---- setting up ---------------------------------------------------------------------------------------- */

typedef struct named_field {
    const char *name;
    size_t offset, size;
} named_field;

#define FIELD(name)                                                                                                    \
    {                                                                                                                  \
#name, offsetof(naru_ws_options, name), sizeof(((naru_ws_options *)0)->name)                                   \
    }
#define DEFLATE(name)                                                                                                  \
    {                                                                                                                  \
#name, offsetof(naru_ws_options, deflate.name), sizeof(((naru_ws_options *)0)->deflate.name)                   \
    }

static bool set_option(naru_ws_options *options, const char *name, uint64_t value)
{
    static const named_field fields[] = {
        FIELD(message_bytes_max), FIELD(frame_bytes_max),    FIELD(fragments_max),
        FIELD(control_rate_max),  FIELD(message_timeout_ms), FIELD(ping_interval_ms),
        FIELD(pong_timeout_ms),   FIELD(close_timeout_ms),   FIELD(manual_pong),
        FIELD(trust_utf8),        DEFLATE(threshold_bytes),  DEFLATE(idle_release_ms),
        DEFLATE(level),           DEFLATE(memory_level),     DEFLATE(context_bytes_max)};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            uint8_t *to = (uint8_t *)options + fields[i].offset;
            memcpy(to, &value, fields[i].size); /* little-endian machines run the tests */
            return true;
        }
    }
    return false;
}

static void read_option(stage *g, const char *text)
{
    char name[40];
    uint64_t value;
    if (!word_read(&text, name, sizeof name) || !number_read(&text, &value) || !set_option(&g->options, name, value)) {
        WRONG(g, "option not understood");
    }
}

/* server_bits=N client_bits=N server_fresh client_fresh */
static void read_deflate(stage *g, const char *text)
{
    char word[40];
    g->deflate = (naru_ws_deflate){.enabled = true, .server_window_bits = 15, .client_window_bits = 15};
    while (word_read(&text, word, sizeof word)) {
        if (strncmp(word, "server_bits=", 12) == 0) {
            g->deflate.server_window_bits = (uint8_t)strtoul(word + 12, NULL, 10);
        } else if (strncmp(word, "client_bits=", 12) == 0) {
            g->deflate.client_window_bits = (uint8_t)strtoul(word + 12, NULL, 10);
        } else if (strcmp(word, "server_fresh") == 0) {
            g->deflate.server_no_context_takeover = true;
        } else if (strcmp(word, "client_fresh") == 0) {
            g->deflate.client_no_context_takeover = true;
        } else {
            WRONG(g, "deflate not understood: %s", word);
        }
    }
}

static void read_delivery(stage *g, const char *text)
{
    static const char *const names[] = {"messages", "chunks", "frames"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            g->options.delivery = (naru_ws_delivery)i;
            return;
        }
    }
    WRONG(g, "delivery not understood");
}

/* true: the step says how the session is, not what happens to it. */
static bool set_up(stage *g, const step *s)
{
    if (strcmp(s->key, "role") == 0) {
        g->role = strcmp(s->text, "client") == 0 ? NARU_WS_CLIENT : NARU_WS_SERVER;
    } else if (strcmp(s->key, "option") == 0) {
        read_option(g, s->text);
    } else if (strcmp(s->key, "deflate") == 0) {
        read_deflate(g, s->text);
    } else if (strcmp(s->key, "delivery") == 0) {
        read_delivery(g, s->text);
    } else if (strcmp(s->key, "now") == 0) {
        g->now_ms = strtoull(s->text, NULL, 10);
    } else {
        return strcmp(s->key, "once") == 0;
    }
    return true;
}

/* ---- events -------------------------------------------------------------------------------------------- */

static void add_seen(stage *g, const naru_ws_event *event, bytes data)
{
    g->seen = realloc(g->seen, (g->seen_count + 1) * sizeof *g->seen);
    if (!g->seen) {
        abort();
    }
    g->seen[g->seen_count++] = (seen){*event, data};
}

/* Parts of one message become one event; first and last must come in their places. */
static void merge(stage *g, const naru_ws_event *event)
{
    if (event->first == g->under_way) {
        WRONG(g, "a part says first=%d while %s message is under way", event->first, g->under_way ? "a" : "no");
    }
    g->under_way = true;
    g->partial.event = *event;
    bytes_add(&g->partial.data, event->data.data, event->data.size);
    if (event->last) {
        g->partial.event.first = true;
        add_seen(g, &g->partial.event, g->partial.data);
        g->partial = (seen){.data = {NULL, 0, 0}};
        g->under_way = false;
    }
}

static void see(stage *g, const naru_ws_event *event)
{
    if (event->type == NARU_WS_EVENT_MESSAGE && g->merges) {
        merge(g, event);
        return;
    }
    bytes data = {NULL, 0, 0};
    bytes_add(&data, event->data.data, event->data.size);
    add_seen(g, event, data);
}

/* text|binary|ping|pong|close [compressed] [first] [last] [rtt=N] [CODE|none] bytes */
static const char *read_event(stage *g, const char *text, naru_ws_event *event, bytes *data)
{
    static const char *const names[] = {"text", "binary", "ping", "pong", "close"};
    char word[32];
    size_t kind = 0;
    if (!word_read(&text, word, sizeof word)) {
        return "no event";
    }
    while (kind < 5 && strcmp(names[kind], word) != 0) {
        kind++;
    }
    if (kind == 5) {
        return "no such event";
    }
    *event = (naru_ws_event){.type = kind < 2 ? NARU_WS_EVENT_MESSAGE : (naru_ws_event_type)(kind - 1), .rtt_ms = -1};
    event->kind = kind < 2 ? (naru_ws_kind)(kind + 1) : (naru_ws_kind)0;
    bool part = false;
    const char *before = text;
    uint64_t code;
    if (kind == 4 && number_read(&text, &code)) {
        event->close_code = (uint16_t)code;
        before = text;
    }
    while (word_read(&text, word, sizeof word)) {
        if (strcmp(word, "compressed") == 0) {
            event->compressed = true;
        } else if (strcmp(word, "first") == 0) {
            event->first = part = true;
        } else if (strcmp(word, "middle") == 0) {
            part = true;
        } else if (strcmp(word, "last") == 0) {
            event->last = part = true;
        } else if (strncmp(word, "rtt=", 4) == 0) {
            event->rtt_ms = (int32_t)strtol(word + 4, NULL, 10);
        } else if (strcmp(word, "none") == 0) {
            event->close_code = 1005;
        } else {
            break;
        }
        before = text;
    }
    text = before;
    if (!part) {
        event->first = event->last = true;
    }
    writer nobody = {0};
    (void)g;
    const char *wrong = bytes_read(&text, &nobody, data);
    return wrong ? wrong : *text ? "too much behind the event" : NULL;
}

static bool same_event(const naru_ws_event *a, const naru_ws_event *b)
{
    return a->type == b->type && a->kind == b->kind && a->first == b->first && a->last == b->last &&
           a->compressed == b->compressed && a->rtt_ms == b->rtt_ms && a->close_code == b->close_code;
}

static void check_event(stage *g, const char *text)
{
    naru_ws_event event;
    bytes data = {NULL, 0, 0};
    const char *wrong = read_event(g, text, &event, &data);
    if (wrong) {
        WRONG(g, "%s", wrong);
    } else if (g->seen_checked == g->seen_count) {
        WRONG(g, "the event did not come");
    } else {
        const seen *came = &g->seen[g->seen_checked++];
        bool same =
            data.size == came->data.size && (data.size == 0 || memcmp(data.data, came->data.data, data.size) == 0);
        if (!same_event(&event, &came->event)) {
            WRONG(g, "another event came: type %d kind %d first %d last %d compressed %d rtt %d code %d",
                  (int)came->event.type, (int)came->event.kind, came->event.first, came->event.last,
                  came->event.compressed, (int)came->event.rtt_ms, came->event.close_code);
        } else if (!same) {
            WRONG(g, "the event's %zu bytes are not the %zu expected", came->data.size, data.size);
        } else {
            held(g);
        }
    }
    bytes_free(&data);
}

/* ---- output -------------------------------------------------------------------------------------------- */

static void check_bytes_out(stage *g, const bytes *expected)
{
    naru_span all = naru_buf_span(&g->out);
    size_t left = all.size - g->out_checked;
    if (left < expected->size ||
        (expected->size > 0 && memcmp(all.data + g->out_checked, expected->data, expected->size) != 0)) {
        fprintf(stderr, "sent:");
        for (size_t i = 0; i < left && i < 64; i++) {
            fprintf(stderr, " %02x", all.data[g->out_checked + i]);
        }
        fprintf(stderr, "\nexpected:");
        for (size_t i = 0; i < expected->size && i < 64; i++) {
            fprintf(stderr, " %02x", expected->data[i]);
        }
        fputc('\n', stderr);
        WRONG(g, "other bytes left");
        return;
    }
    g->out_checked += expected->size;
    held(g);
}

static void check_out(stage *g, const char *text)
{
    bytes expected = {NULL, 0, 0};
    const char *wrong = bytes_read(&text, &g->own, &expected);
    if (wrong || *text) {
        WRONG(g, "%s", wrong ? wrong : "too much behind the bytes");
    } else {
        check_bytes_out(g, &expected);
    }
    bytes_free(&expected);
}

/* ---- failure ------------------------------------------------------------------------------------------- */

static void note_status(stage *g, naru_status status)
{
    if (status == NARU_ERR_MEMORY) {
        g->stopped = true;
        if (!g->memory.failed) {
            WRONG(g, "no memory, though none was refused");
        }
    }
}

/* A failed session takes nothing in, sends nothing and says the same for ever. */
static void check_dead(stage *g, naru_status status)
{
    uint8_t byte = 0x81;
    naru_input in = {&byte, 1};
    naru_ws_event event;
    naru_ws_turn turn = turn_of(g);
    size_t before = naru_buf_span(&g->out).size;
    bool dead = naru_ws_get_state(g->ws) == NARU_WS_FAILED && naru_ws_next(g->ws, &in, &turn, &event) == status &&
                in.size == 1 && naru_ws_end(g->ws) == status &&
                naru_ws_send(g->ws, NARU_WS_BINARY, naru_span_of("x"), 0, &turn) == NARU_ERR_STATE &&
                naru_ws_ping(g->ws, naru_span_of("x"), &turn) == NARU_ERR_STATE &&
                naru_ws_close(g->ws, 1000, naru_span_of(""), &turn) == NARU_ERR_STATE &&
                naru_buf_span(&g->out).size == before;
    if (!dead) {
        WRONG(g, "a failed session still does something");
    }
}

static void check_fail_close(stage *g, const naru_fault *fault)
{
    bytes frame = {NULL, 0, 0};
    char line[256];
    snprintf(line, sizeof line, "[close %u \"%s\"]", fault->close_code, fault->text);
    const char *text = line;
    bytes_read(&text, &g->own, &frame);
    check_bytes_out(g, &frame);
    bytes_free(&frame);
}

/* STATUS CODE "RULE" at OFFSET [silent] */
static void check_fail(stage *g, const char *text)
{
    naru_status status;
    uint64_t code, offset;
    char rule[64], word[16];
    bool good = status_read(&text, &status) && number_read(&text, &code) && read_quoted(&text, rule, sizeof rule) &&
                word_read(&text, word, sizeof word) && strcmp(word, "at") == 0 && number_read(&text, &offset);
    bool silent = good && word_read(&text, word, sizeof word) && strcmp(word, "silent") == 0;
    if (!good || *text) {
        WRONG(g, "fail not understood");
        return;
    }
    const naru_fault *fault = naru_ws_fault(g->ws);
    if (fault->status != status || fault->close_code != code || strcmp(fault->rule ? fault->rule : "", rule) != 0 ||
        fault->offset != offset || g->failed != status) {
        WRONG(g, "failed otherwise: %s %u \"%s\" at %llu: %s", naru_status_name(fault->status), fault->close_code,
              fault->rule ? fault->rule : "", (unsigned long long)fault->offset, fault->text ? fault->text : "");
        return;
    }
    held(g);
    g->failed = NARU_OK;
    /* Without memory for its Close a session fails in silence. */
    bool mute = g->memory.failed && naru_buf_span(&g->out).size == g->out_checked;
    if (!silent && !mute) {
        check_fail_close(g, fault);
    }
    check_dead(g, status);
}

/* ---- what happens -------------------------------------------------------------------------------------- */

static naru_status feed(stage *g, const uint8_t *data, size_t size)
{
    uint8_t *piece = malloc(size > 0 ? size : 1); /* of its own, so that reading past its end is noticed */
    if (!piece) {
        abort();
    }
    memcpy(piece, data, size);
    naru_input in = {piece, size};
    naru_ws_turn turn = turn_of(g);
    naru_status status = NARU_OK;
    while (status == NARU_OK) {
        naru_ws_event event;
        memset(&event, 0xee, sizeof event);
        status = naru_ws_next(g->ws, &in, &turn, &event);
        if (status == NARU_OK) {
            see(g, &event);
        }
    }
    if (status >= 0 && in.size != 0) {
        WRONG(g, "%s with %zu bytes left", naru_status_name(status), in.size);
    }
    free(piece);
    note_status(g, status);
    return status;
}

static size_t piece_size(const stage *g, size_t done, size_t size)
{
    switch (g->how->cut) {
    case CUT_BYTES:
        return 1;
    case CUT_ONCE:
        return done < g->how->cut_at && g->how->cut_at < size ? g->how->cut_at - done : size - done;
    case CUT_NOT:
        break;
    }
    return size - done;
}

static void do_in(stage *g, const char *text)
{
    bytes input = {NULL, 0, 0};
    const char *wrong = bytes_read(&text, &g->peer, &input);
    if (wrong || *text) {
        WRONG(g, "%s", wrong ? wrong : "too much behind the bytes");
    }
    if (input.size > g->o->longest_input) {
        g->o->longest_input = input.size;
    }
    naru_status status = NARU_OK;
    for (size_t done = 0; done < input.size && status >= 0;) {
        size_t size = piece_size(g, done, input.size);
        status = feed(g, input.data + done, size);
        done += size;
    }
    g->failed = status < 0 ? status : NARU_OK;
    bytes_free(&input);
}

/* Reads "KIND flags... bytes". */
typedef struct call {
    naru_ws_kind kind;
    unsigned flags;
    bool last;
    uint64_t number; /* a Close's code, a head's length */
    bytes data;
} call;

static const char *read_call(const char *key, const char **text, call *c)
{
    char word[32];
    const char *before = *text;
    c->kind = NARU_WS_BINARY;
    c->last = true;
    bool numbered = strcmp(key, "close") == 0 || strcmp(key, "head") == 0;
    if (numbered && number_read(text, &c->number)) {
        before = *text;
    }
    while (word_read(text, word, sizeof word)) {
        if (strcmp(word, "text") == 0 || strcmp(word, "text-") == 0) {
            c->kind = NARU_WS_TEXT;
        } else if (strcmp(word, "plain") == 0) {
            c->flags |= NARU_WS_PLAIN;
        } else if (strcmp(word, "compress") == 0) {
            c->flags |= NARU_WS_COMPRESS;
        } else if (strcmp(word, "valid") == 0) {
            c->flags |= NARU_WS_VALID;
        } else if (strcmp(word, "binary") != 0 && strcmp(word, "binary-") != 0) {
            break;
        }
        if (word[strlen(word) - 1] == '-') {
            c->last = false;
        }
        before = *text;
    }
    *text = before;
    writer nobody = {0};
    return bytes_read(text, &nobody, &c->data);
}

static naru_status make_call(stage *g, const char *key, const call *c)
{
    naru_ws_turn turn = turn_of(g);
    naru_span data = {c->data.data, c->data.size};
    if (strcmp(key, "send") == 0) {
        return naru_ws_send(g->ws, c->kind, data, c->flags, &turn);
    }
    if (strcmp(key, "part") == 0) {
        return naru_ws_send_part(g->ws, c->kind, data, c->last, c->flags, &turn);
    }
    if (strcmp(key, "head") == 0) {
        return naru_ws_send_head(g->ws, c->kind, c->number, &turn);
    }
    if (strcmp(key, "ping") == 0) {
        return naru_ws_ping(g->ws, data, &turn);
    }
    if (strcmp(key, "pong") == 0) {
        return naru_ws_pong(g->ws, data, &turn);
    }
    if (strcmp(key, "close") == 0) {
        return naru_ws_close(g->ws, (uint16_t)c->number, data, &turn);
    }
    return naru_ws_end(g->ws);
}

/* What a refused call must leave alone. */
static void do_call(stage *g, const char *key, const char *text)
{
    call c = {.data = {NULL, 0, 0}};
    char line[4096];
    snprintf(line, sizeof line, "%s", text);
    naru_status expected = NARU_OK;
    char *arrow = strstr(line, "->");
    if (arrow) {
        const char *name = arrow + 2;
        *arrow = '\0';
        if (!status_read(&name, &expected)) {
            WRONG(g, "no such status");
        }
    }
    const char *rest = line;
    const char *wrong = read_call(key, &rest, &c);
    if (wrong || *rest) {
        WRONG(g, "%s", wrong ? wrong : "call not understood");
    }
    size_t before = naru_buf_span(&g->out).size;
    size_t spent = g->entropy.used;
    naru_status status = make_call(g, key, &c);
    note_status(g, status);
    if (status < 0 && (naru_buf_span(&g->out).size != before || g->entropy.used != spent)) {
        WRONG(g, "a call that failed sent something");
    }
    if (!g->stopped && status != expected) {
        WRONG(g, "%s answered %s", key, naru_status_name(status));
    } else {
        held(g);
    }
    if (strcmp(key, "end") == 0 && status < 0) {
        g->failed = status;
    }
    bytes_free(&c.data);
}

/* MS [-> STATUS]: let that much time pass and tick. */
static void do_tick(stage *g, const char *text)
{
    uint64_t ms = 0;
    naru_status expected = NARU_OK;
    if (!number_read(&text, &ms)) {
        WRONG(g, "tick not understood");
    }
    text = strstr(text, "->") ? strstr(text, "->") + 2 : "NARU_OK";
    if (!status_read(&text, &expected)) {
        WRONG(g, "no such status");
    }
    g->now_ms += ms;
    naru_ws_turn turn = turn_of(g);
    naru_status status = naru_ws_tick(g->ws, &turn);
    note_status(g, status);
    if (!g->stopped && status != expected) {
        WRONG(g, "tick answered %s", naru_status_name(status));
    } else {
        held(g);
    }
    g->failed = status < 0 && naru_ws_get_state(g->ws) == NARU_WS_FAILED ? status : NARU_OK;
}

/* How many milliseconds from now, or never. */
static void check_deadline(stage *g, const char *text)
{
    uint64_t deadline = naru_ws_deadline_ms(g->ws);
    uint64_t ms = 0;
    bool never = strcmp(text, "never") == 0;
    if (!never && !number_read(&text, &ms)) {
        WRONG(g, "deadline not understood");
    }
    if (never ? deadline == UINT64_MAX : deadline == g->now_ms + ms) {
        held(g);
    } else {
        WRONG(g, "the deadline is %lld from now", (long long)(deadline - g->now_ms));
    }
}

static void check_state(stage *g, const char *text)
{
    static const char *const names[] = {"open", "closing", "closed", "failed"};
    if (strcmp(names[naru_ws_get_state(g->ws)], text) == 0) {
        held(g);
    } else {
        WRONG(g, "the state is %s", names[naru_ws_get_state(g->ws)]);
    }
}

/* Does it own anything but the struct and the output? */
static void check_idle(stage *g, const char *text)
{
    bool idle = g->memory.live_bytes == sizeof(naru__ws_lone) + g->out.capacity;
    if (idle == (strcmp(text, "yes") == 0)) {
        held(g);
    } else {
        WRONG(g, "it holds %zu bytes", g->memory.live_bytes - sizeof(naru__ws_lone) - g->out.capacity);
    }
}

static void check_peak(stage *g, const char *text)
{
    uint64_t most = strtoull(text, NULL, 10);
    if (g->memory.peak_bytes <= most) {
        held(g);
    } else {
        WRONG(g, "%zu bytes of memory were in use", g->memory.peak_bytes);
    }
}

static void take_step(stage *g, const step *s)
{
    static const char *const calls[] = {"send", "part", "head", "ping", "pong", "close", "end"};
    static const struct {
        const char *key;
        void (*run)(stage *g, const char *text);
    } others[] = {{"in", do_in},          {"event", check_event}, {"out", check_out},
                  {"fail", check_fail},   {"tick", do_tick},      {"deadline", check_deadline},
                  {"state", check_state}, {"idle", check_idle},   {"peak", check_peak}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(others[i].key, s->key) == 0) {
            others[i].run(g, s->text);
            return;
        }
    }
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (strcmp(calls[i], s->key) == 0) {
            do_call(g, s->key, s->text);
            return;
        }
    }
    if (strcmp(s->key, "wait") == 0) {
        g->now_ms += strtoull(s->text, NULL, 10);
        return;
    }
    WRONG(g, "no such step: %s", s->key);
}

/* Nothing may have happened that no step expected. */
static void check_end(stage *g)
{
    g->at = NULL;
    if (g->failed != NARU_OK) {
        WRONG(g, "it failed: %s %u \"%s\" at %llu: %s", naru_status_name(g->failed), naru_ws_fault(g->ws)->close_code,
              naru_ws_fault(g->ws)->rule, (unsigned long long)naru_ws_fault(g->ws)->offset, naru_ws_fault(g->ws)->text);
    }
    if (g->seen_checked != g->seen_count) {
        WRONG(g, "%zu more events came", g->seen_count - g->seen_checked);
    }
    if (g->out_checked != naru_buf_span(&g->out).size) {
        WRONG(g, "%zu more bytes left", naru_buf_span(&g->out).size - g->out_checked);
    }
    if (g->role == NARU_WS_CLIENT && g->entropy.used != g->own.frames * 4) {
        WRONG(g, "%zu random bytes were spent on %u frames", g->entropy.used, g->own.frames);
    }
}

static void play(stage *g)
{
    for (size_t i = 0; i < g->t->count && !g->stopped; i++) {
        g->at = &g->t->steps[i];
        bool setting = set_up(g, g->at);
        if (!setting && !g->ws) {
            g->ws = naru_ws_new(g->role, &g->options, g->deflate.enabled ? &g->deflate : NULL, g->now_ms,
                                &g->memory.allocator);
            g->stopped = !g->ws;
        }
        bool looks = strcmp(g->at->key, "event") == 0 || strcmp(g->at->key, "out") == 0;
        if (!setting && g->failed != NARU_OK && !looks && strcmp(g->at->key, "fail") != 0) {
            WRONG(g, "it failed before: %s", naru_status_name(g->failed));
        }
        if (!setting && !g->stopped) {
            take_step(g, g->at);
        }
    }
    if (!g->stopped && g->ws) {
        check_end(g);
    }
}

void session_case_run(const transcript *t, const replay *how, outcome *o)
{
    stage *g = calloc(1, sizeof *g);
    if (!g) {
        abort();
    }
    g->t = t;
    g->how = how;
    g->o = o;
    failing_allocator_init(&g->memory, how->fail_at);
    naru_buf_init(&g->out, &g->memory.allocator);
    for (unsigned i = 0; i < ENTROPY_FRAMES; i++) {
        writer_mask(i, g->random + 4 * i);
    }
    g->entropy = (naru_entropy){g->random, sizeof g->random, 0};
    for (size_t i = 0; i < t->count; i++) {
        g->at = &t->steps[i];
        set_up(g, g->at);
    }
    g->merges = g->options.delivery == NARU_WS_CHUNKS || how->delivery >= 0;
    if (how->delivery >= 0) {
        g->options.delivery = (naru_ws_delivery)how->delivery;
    }
    g->peer.masks = g->role == NARU_WS_SERVER;
    g->own.masks = g->role == NARU_WS_CLIENT;
    if (naru_ws_options_fill(&g->options) != NARU_OK) {
        WRONG(g, "options out of range");
    }
    naru_ws_options filled = g->options;
    play(g);
    g->options = filled;
    naru_ws_free(g->ws);
    naru_buf_deinit(&g->out);
    o->memory_failed = g->memory.failed;
    o->allocations = g->memory.calls;
    if (g->memory.live_bytes != 0) {
        WRONG(g, "%zu bytes were not given back", g->memory.live_bytes);
    }
    for (size_t i = 0; i < g->seen_count; i++) {
        bytes_free(&g->seen[i].data);
    }
    bytes_free(&g->partial.data);
    free(g->seen);
    free(g);
}
