/* Agreeing on permessage-deflate. Not for: the field's grammar (extension.c), compressing (deflate.c).
 * Source: RFC 7692 5, 7.1. */
#include <string.h>

#include "base/ascii.h"
#include "extension.h"

enum { BITS_MIN = 8, OWN_BITS_MIN = 9, BITS_MAX = 15 };

/* What one offer or answer says. Bits are 0 where the parameter is missing or has no value. */
typedef struct terms {
    bool server_no_context_takeover, client_no_context_takeover;
    bool server_bits_given, client_bits_given;
    uint8_t server_bits, client_bits;
} terms;

static bool named(naru_span name, const char *text)
{
    return naru_span_equal_nocase(name, naru_span_of(text));
}

/* 7692 7.1.2: a decimal number from 8 to 15 without leading zeros. */
static bool read_bits(const naru__ws_parameter *parameter, uint8_t *bits_out)
{
    const uint8_t *text = parameter->value;
    if (parameter->value_bytes == 1 && (text[0] == '8' || text[0] == '9')) {
        *bits_out = (uint8_t)(text[0] - '0');
        return true;
    }
    if (parameter->value_bytes == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') {
        *bits_out = (uint8_t)(10 + text[1] - '0');
        return true;
    }
    return false;
}

static bool read_flag(const naru__ws_parameter *parameter, bool *flag)
{
    bool fresh = !*flag && !parameter->valued;
    *flag = true;
    return fresh;
}

static bool read_window(const naru__ws_parameter *parameter, bool value_needed, bool *given, uint8_t *bits_out)
{
    bool fresh = !*given;
    *given = true;
    if (!parameter->valued) {
        return fresh && !value_needed;
    }
    return fresh && read_bits(parameter, bits_out);
}

/* 7692 7.1: a parameter that is unknown, there twice or has a value it may not have makes the whole
 * invalid. */
static bool read_parameter(const naru__ws_parameter *parameter, bool answer, terms *terms_out)
{
    if (named(parameter->name, "server_no_context_takeover")) {
        return read_flag(parameter, &terms_out->server_no_context_takeover);
    }
    if (named(parameter->name, "client_no_context_takeover")) {
        return read_flag(parameter, &terms_out->client_no_context_takeover);
    }
    if (named(parameter->name, "server_max_window_bits")) {
        return read_window(parameter, true, &terms_out->server_bits_given, &terms_out->server_bits);
    }
    if (named(parameter->name, "client_max_window_bits")) {
        return read_window(parameter, answer, &terms_out->client_bits_given, &terms_out->client_bits);
    }
    return false;
}

/* Read a whole member. valid_out: it is permessage-deflate with parameters that may be. errors as the
 * grammar. */
static naru_status read_member(naru_span member, bool answer, terms *terms_out, bool *valid_out)
{
    naru_span name;
    *terms_out = (terms){.server_bits = 0};
    if (naru__ws_extension_name(&member, &name) != NARU_OK) {
        return NARU_ERR_PROTOCOL;
    }
    bool valid = named(name, "permessage-deflate");
    for (;;) {
        naru__ws_parameter parameter;
        naru_status status = naru__ws_extension_parameter(&member, &parameter);
        if (status != NARU_OK) {
            *valid_out = valid;
            return status == NARU_END ? NARU_OK : status;
        }
        valid = valid && read_parameter(&parameter, answer, terms_out);
    }
}

static uint8_t smaller(uint8_t bits, uint8_t most)
{
    return bits != 0 && bits < most ? bits : most;
}

/* ---- server -------------------------------------------------------------------------------------------- */

static bool accept_offer(const terms *offer, const naru_ws_deflate_options *options, naru_ws_deflate *deflate_out)
{
    /* 7692 7.1.2.1: the offer binds our window; zlib has none of 8 bits. */
    if (offer->server_bits_given && offer->server_bits < OWN_BITS_MIN) {
        return false;
    }
    /* 7692 7.1.2.2: only a client that offers it can be told to use a smaller window. */
    if (!offer->client_bits_given && options->client_window_bits_max < BITS_MAX) {
        return false;
    }
    *deflate_out = (naru_ws_deflate){
        .enabled = true,
        .server_no_context_takeover = offer->server_no_context_takeover || options->server_no_context_takeover,
        .client_no_context_takeover = offer->client_no_context_takeover || options->client_no_context_takeover,
        .server_window_bits = smaller(offer->server_bits, options->server_window_bits_max),
        .client_window_bits = smaller(offer->client_bits, options->client_window_bits_max),
    };
    deflate_out->server_window_bits_given = offer->server_bits_given || deflate_out->server_window_bits < BITS_MAX;
    deflate_out->client_window_bits_given = offer->client_bits != 0 || deflate_out->client_window_bits < BITS_MAX;
    return true;
}

/* All members are read even after one was taken: the grammar holds for the whole field. */
static naru_status accept_field(naru_span value, const naru_ws_deflate_options *options, naru_ws_deflate *deflate)
{
    naru_span member;
    bool empty = true;
    while (naru_http_list_next(&value, &member)) {
        terms offer;
        bool valid = false;
        empty = false;
        if (read_member(member, false, &offer, &valid) != NARU_OK) {
            return NARU_ERR_PROTOCOL;
        }
        naru_ws_deflate taken;
        if (valid && options->enabled && !deflate->enabled && accept_offer(&offer, options, &taken)) {
            *deflate = taken;
        }
    }
    return empty ? NARU_ERR_PROTOCOL : NARU_OK;
}

naru_status naru__ws_deflate_accept(const naru_http_head *head, const naru_ws_deflate_options *options,
                                    naru_ws_deflate *deflate_out)
{
    naru_ws_deflate deflate = {.enabled = false};
    size_t offers = naru_http_head_count_of(head, "sec-websocket-extensions");
    for (size_t i = 0; offers > 0 && i < naru_http_head_count(head); i++) {
        naru_http_field field = naru_http_head_at(head, i);
        if (named(field.name, "sec-websocket-extensions") && accept_field(field.value, options, &deflate) != NARU_OK) {
            return NARU_ERR_PROTOCOL;
        }
    }
    *deflate_out = deflate;
    return NARU_OK;
}

/* ---- client -------------------------------------------------------------------------------------------- */

static bool confirm_answer(const terms *answer, const naru_ws_deflate_options *options, naru_ws_deflate *deflate_out)
{
    bool server_bits_asked = options->server_window_bits_max < BITS_MAX;
    /* 7692 7.1.1.1, 7.1.2.1: what we asked of the server must stand in its answer. */
    if (options->server_no_context_takeover && !answer->server_no_context_takeover) {
        return false;
    }
    if (server_bits_asked && (!answer->server_bits_given || answer->server_bits > options->server_window_bits_max)) {
        return false;
    }
    /* 7692 7.1.2.2: at most what we offered; and 8 is more than our compressor can promise. */
    if (answer->client_bits_given &&
        (answer->client_bits < OWN_BITS_MIN || answer->client_bits > options->client_window_bits_max)) {
        return false;
    }
    *deflate_out = (naru_ws_deflate){
        .enabled = true,
        .server_no_context_takeover = answer->server_no_context_takeover,
        .client_no_context_takeover = answer->client_no_context_takeover || options->client_no_context_takeover,
        .server_window_bits = smaller(answer->server_bits, BITS_MAX),
        .client_window_bits = smaller(answer->client_bits, options->client_window_bits_max),
        .server_window_bits_given = answer->server_bits_given,
        .client_window_bits_given = answer->client_bits_given,
    };
    return true;
}

static naru_status confirm_field(naru_span value, const naru_ws_deflate_options *options, naru_ws_deflate *deflate)
{
    naru_span member;
    bool empty = true;
    while (naru_http_list_next(&value, &member)) {
        terms answer;
        bool valid = false;
        empty = false;
        if (read_member(member, true, &answer, &valid) != NARU_OK || !valid || deflate->enabled ||
            !confirm_answer(&answer, options, deflate)) {
            return NARU_ERR_PROTOCOL;
        }
    }
    return empty ? NARU_ERR_PROTOCOL : NARU_OK;
}

naru_status naru__ws_deflate_confirm(const naru_http_head *head, const naru_ws_deflate_options *options,
                                     naru_ws_deflate *deflate_out)
{
    naru_ws_deflate deflate = {.enabled = false};
    for (size_t i = 0; i < naru_http_head_count(head); i++) {
        naru_http_field field = naru_http_head_at(head, i);
        if (!named(field.name, "sec-websocket-extensions")) {
            continue;
        }
        if (!options->enabled || confirm_field(field.value, options, &deflate) != NARU_OK) {
            return NARU_ERR_PROTOCOL;
        }
    }
    *deflate_out = deflate;
    return NARU_OK;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static size_t put(char *out, size_t at, const char *text)
{
    size_t size = strlen(text);
    memcpy(out + at, text, size);
    return at + size;
}

static size_t put_bits(char *out, size_t at, uint8_t bits)
{
    out[at++] = '=';
    if (bits >= 10) {
        out[at++] = '1';
    }
    out[at++] = (char)('0' + bits % 10);
    return at;
}

size_t naru__ws_deflate_offer(const naru_ws_deflate_options *options, char out[NARU__WS_DEFLATE_TEXT_MAX])
{
    size_t at = put(out, 0, "permessage-deflate");
    if (options->server_no_context_takeover) {
        at = put(out, at, "; server_no_context_takeover");
    }
    if (options->client_no_context_takeover) {
        at = put(out, at, "; client_no_context_takeover");
    }
    if (options->server_window_bits_max < BITS_MAX) {
        at = put_bits(out, put(out, at, "; server_max_window_bits"), options->server_window_bits_max);
    }
    /* Always: so the server may answer it. */
    at = put(out, at, "; client_max_window_bits");
    return options->client_window_bits_max < BITS_MAX ? put_bits(out, at, options->client_window_bits_max) : at;
}

size_t naru__ws_deflate_answer(const naru_ws_deflate *deflate, char out[NARU__WS_DEFLATE_TEXT_MAX])
{
    size_t at = put(out, 0, "permessage-deflate");
    if (deflate->server_no_context_takeover) {
        at = put(out, at, "; server_no_context_takeover");
    }
    if (deflate->client_no_context_takeover) {
        at = put(out, at, "; client_no_context_takeover");
    }
    if (deflate->server_window_bits_given) {
        at = put_bits(out, put(out, at, "; server_max_window_bits"), deflate->server_window_bits);
    }
    if (deflate->client_window_bits_given) {
        at = put_bits(out, put(out, at, "; client_max_window_bits"), deflate->client_window_bits);
    }
    return at;
}
