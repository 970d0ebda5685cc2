/* Cases about the opening handshake: one side's text in, the other side's text or its refusal out. */
#include "runner.h"
#include "unit/failing_allocator.h"
#include <naru/ws.h>

#include <stdlib.h>
#include <string.h>

typedef struct stage {
    const transcript *t;
    const replay *how;
    outcome *o;
    const step *at;
    failing_allocator memory;
    naru_ws_options options;
    naru_buf out;
    naru_http_head *head;
    naru_span protocols[16];
    size_t protocols_count;
    char protocol_text[512];
    bool stopped;
} stage;

#define WRONG(g, ...) complain((g)->t, (g)->at, (g)->how, (g)->o, __VA_ARGS__)

static void held(stage *g)
{
    g->o->expectations++;
}

/* on [server_fresh] [client_fresh] [server_bits=N] [client_bits=N] */
static void read_deflate(stage *g, const char *text)
{
    char word[40];
    naru_ws_deflate_options *deflate = &g->options.deflate;
    while (word_read(&text, word, sizeof word)) {
        if (strcmp(word, "on") == 0) {
            deflate->enabled = true;
        } else if (strcmp(word, "server_fresh") == 0) {
            deflate->server_no_context_takeover = true;
        } else if (strcmp(word, "client_fresh") == 0) {
            deflate->client_no_context_takeover = true;
        } else if (strncmp(word, "server_bits=", 12) == 0) {
            deflate->server_window_bits_max = (uint8_t)strtoul(word + 12, NULL, 10);
        } else if (strncmp(word, "client_bits=", 12) == 0) {
            deflate->client_window_bits_max = (uint8_t)strtoul(word + 12, NULL, 10);
        } else {
            WRONG(g, "deflate not understood: %s", word);
        }
    }
}

static void split_protocols(stage *g)
{
    char *rest = g->protocol_text;
    while (*rest && g->protocols_count < 16) {
        size_t size = strcspn(rest, " ");
        g->protocols[g->protocols_count++] = (naru_span){(uint8_t *)rest, size};
        rest += size + (rest[size] == ' ');
    }
}

static void set_up(stage *g)
{
    for (size_t i = 0; i < g->t->count; i++) {
        const step *s = &g->t->steps[i];
        if (strcmp(s->key, "deflate") == 0) {
            read_deflate(g, s->text);
        }
        if (strcmp(s->key, "protocols") == 0) {
            snprintf(g->protocol_text, sizeof g->protocol_text, "%s", s->text);
            split_protocols(g);
        }
    }
    if (naru_ws_options_fill(&g->options) != NARU_OK) {
        WRONG(g, "options out of range");
    }
}

/* Feed a block to a new head, in pieces. */
static naru_status read_head(stage *g, naru_http_role role, const bytes *block)
{
    naru_http_head_free(g->head);
    g->head = naru_http_head_new(role, NULL, &g->memory.allocator);
    if (!g->head) {
        return NARU_ERR_MEMORY;
    }
    if (block->size > g->o->longest_input) {
        g->o->longest_input = block->size;
    }
    naru_status status = NARU_MORE;
    for (size_t done = 0; done < block->size && status == NARU_MORE;) {
        size_t size = g->how->cut == CUT_BYTES ? 1
                      : g->how->cut == CUT_ONCE && done < g->how->cut_at && g->how->cut_at < block->size
                          ? g->how->cut_at - done
                          : block->size - done;
        uint8_t *piece = malloc(size);
        if (!piece) {
            abort();
        }
        memcpy(piece, block->data + done, size);
        naru_input in = {piece, size};
        status = naru_http_head_feed(g->head, &in);
        free(piece);
        done += size;
    }
    return status;
}

static bool memory_gone(stage *g, naru_status status)
{
    if (status != NARU_ERR_MEMORY) {
        return false;
    }
    if (!g->memory.failed) {
        WRONG(g, "no memory, though none was refused");
    }
    if (naru_buf_span(&g->out).size != 0) {
        WRONG(g, "half an answer was written");
    }
    g->stopped = true;
    return true;
}

static void check_text(stage *g, const char *key)
{
    const step *s = find_step(g->t, key);
    naru_span text = naru_buf_span(&g->out);
    g->at = s;
    if (!s) {
        return;
    }
    if (!naru_span_equal(text, (naru_span){s->block.data, s->block.size})) {
        WRONG(g, "the text is\n%.*s", (int)text.size, text.size ? (const char *)text.data : "");
        return;
    }
    held(g);
}

/* HTTP_STATUS "RULE", held against a fault. */
static void check_refusal(stage *g, const step *s, const naru_fault *fault)
{
    const char *text = s->text;
    uint64_t http_status;
    char rule[64];
    g->at = s;
    if (!number_read(&text, &http_status) || !read_quoted(&text, rule, sizeof rule) || *text) {
        WRONG(g, "refuse not understood");
        return;
    }
    if (fault->http_status != http_status || !fault->rule || strcmp(fault->rule, rule) != 0 || !fault->text) {
        WRONG(g, "refused otherwise: %u \"%s\" %s", fault->http_status, fault->rule ? fault->rule : "",
              fault->text ? fault->text : "");
        return;
    }
    held(g);
}

static void check_deflate(stage *g, const naru_ws_deflate *deflate)
{
    const step *s = find_step(g->t, "agreed");
    if (!s) {
        return;
    }
    char text[120];
    g->at = s;
    snprintf(text, sizeof text, "server=%u%s client=%u%s", deflate->server_window_bits,
             deflate->server_no_context_takeover ? " server_fresh" : "", deflate->client_window_bits,
             deflate->client_no_context_takeover ? " client_fresh" : "");
    if (strcmp(deflate->enabled ? text : "none", s->text) != 0) {
        WRONG(g, "agreed on: %s", deflate->enabled ? text : "none");
        return;
    }
    held(g);
}

/* ---- server -------------------------------------------------------------------------------------------- */

static void check_asked(stage *g, const naru_ws_request *request)
{
    const step *s = find_step(g->t, "asked");
    if (!s) {
        return;
    }
    char text[512] = "";
    size_t at = 0;
    naru_span protocol;
    for (size_t i = 0; naru_ws_request_protocol(request, i, &protocol) && at + protocol.size + 2 < sizeof text; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s", i ? " " : "", (int)protocol.size,
                               (const char *)protocol.data);
    }
    g->at = s;
    if (strcmp(text, s->text) != 0) {
        WRONG(g, "asked for: %s", text);
        return;
    }
    held(g);
}

static naru_status answer(stage *g, const naru_ws_request *request)
{
    const step *choose = find_step(g->t, "choose");
    naru_status status = naru_ws_response_write(&g->out, request, naru_span_of(choose ? choose->text : ""));
    if (status == NARU_OK) {
        status = naru_http_write_end(&g->out);
        if (status != NARU_OK) {
            naru_buf_deinit(&g->out);
        }
    }
    return status;
}

static void run_server(stage *g)
{
    const step *request_step = find_step(g->t, "request");
    const step *refuse = find_step(g->t, "refuse");
    g->at = request_step;
    naru_status status = read_head(g, NARU_HTTP_REQUEST, &request_step->block);
    naru_fault fault = {.status = NARU_OK};
    naru_ws_request request;
    if (memory_gone(g, status)) {
        return;
    }
    if (status == NARU_OK) {
        status = naru_ws_request_check(g->head, &g->options, &request, &fault);
    } else if (status < 0) {
        fault = *naru_http_head_fault(g->head);
    }
    if (status == NARU_OK && !refuse) {
        check_asked(g, &request);
        check_deflate(g, &request.deflate);
        if (!memory_gone(g, answer(g, &request))) {
            check_text(g, "response");
        }
        return;
    }
    if (status != NARU_ERR_PROTOCOL || !refuse) {
        if (!refuse || status >= 0 || fault.http_status == 0) {
            WRONG(g, "%s: %s", naru_status_name(status), fault.text ? fault.text : "");
            return;
        }
    }
    check_refusal(g, refuse, &fault);
    if (!memory_gone(g, naru_ws_refusal_write(&g->out, &fault))) {
        check_text(g, "response");
    }
}

/* ---- client -------------------------------------------------------------------------------------------- */

static void check_response(stage *g, const naru_ws_offer *offer)
{
    const step *answer_step = find_step(g->t, "answer");
    const step *refuse = find_step(g->t, "refuse");
    const step *accept = find_step(g->t, "accept");
    naru_span protocol = {NULL, 0};
    naru_ws_deflate deflate;
    naru_fault fault = {.status = NARU_OK};
    g->at = answer_step;
    naru_status status = read_head(g, NARU_HTTP_RESPONSE, &answer_step->block);
    if (status == NARU_ERR_MEMORY) {
        g->stopped = true;
        return;
    }
    if (status != NARU_OK) {
        WRONG(g, "the answer is no head: %s", naru_status_name(status));
        return;
    }
    status = naru_ws_response_check(offer, g->head, &protocol, &deflate, &fault);
    if (refuse) {
        check_refusal(g, refuse, &fault);
        naru_status expected = fault.http_status == 101 ? NARU_ERR_PROTOCOL : NARU_ERR_REFUSED;
        if (status != expected || fault.status != expected) {
            WRONG(g, "answered %s", naru_status_name(status));
        }
        return;
    }
    g->at = accept;
    if (status != NARU_OK || !accept || !naru_span_equal(protocol, naru_span_of(accept->text))) {
        WRONG(g, "%s: %s; protocol %.*s", naru_status_name(status), fault.text ? fault.text : "", (int)protocol.size,
              protocol.size ? (const char *)protocol.data : "");
        return;
    }
    held(g);
    check_deflate(g, &deflate);
}

/* 6455 1.3: the example's nonce. */
static void run_client(stage *g)
{
    static const uint8_t nonce[64] = "the sample nonce";
    naru_entropy entropy = {nonce, sizeof nonce, 0};
    naru_url url;
    naru_ws_offer offer;
    const step *url_step = find_step(g->t, "url");
    const step *arrow = find_step(g->t, "status");
    g->at = url_step;
    naru_status status = naru_url_parse(&url, naru_span_of(url_step->text), &g->memory.allocator, NULL);
    if (memory_gone(g, status)) {
        return;
    }
    if (status != NARU_OK) {
        WRONG(g, "no URL");
        return;
    }
    status = naru_ws_request_write(&g->out, &url, g->protocols, g->protocols_count, &g->options, &entropy, &offer);
    naru_url_deinit(&url);
    if (memory_gone(g, status)) {
        return;
    }
    if (arrow) {
        g->at = arrow;
        if (strcmp(arrow->text, naru_status_name(status)) != 0 || naru_buf_span(&g->out).size != 0 ||
            entropy.used != 0) {
            WRONG(g, "answered %s", naru_status_name(status));
        }
        held(g);
        return;
    }
    if (status != NARU_OK || entropy.used != 16) {
        WRONG(g, "answered %s", naru_status_name(status));
        return;
    }
    check_text(g, "sends");
    if (find_step(g->t, "answer")) {
        check_response(g, &offer);
    }
}

static void check_keys(stage *g)
{
    static const char *const keys[] = {"deflate", "protocols", "request", "choose", "asked",  "agreed", "response",
                                       "refuse",  "url",       "sends",   "answer", "accept", "status"};
    for (size_t i = 0; i < g->t->count; i++) {
        bool known = false;
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            known |= strcmp(keys[k], g->t->steps[i].key) == 0;
        }
        g->at = &g->t->steps[i];
        if (!known) {
            WRONG(g, "no such step: %s", g->at->key);
        }
    }
}

void handshake_case_run(const transcript *t, const replay *how, outcome *o)
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
    check_keys(g);
    set_up(g);
    if (find_step(t, "url")) {
        run_client(g);
    } else {
        run_server(g);
    }
    naru_http_head_free(g->head);
    naru_buf_deinit(&g->out);
    o->memory_failed = g->memory.failed;
    o->allocations = g->memory.calls;
    if (g->memory.live_bytes != 0) {
        WRONG(g, "%zu bytes were not given back", g->memory.live_bytes);
    }
    free(g);
}
