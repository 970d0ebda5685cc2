/* The grammar of Sec-WebSocket-Extensions. Not for: what an extension means (negotiate.c).
 * Source: RFC 6455 9.1; RFC 9110 5.6. */
#include "extension.h"

#include "base/ascii.h"

static void skip_blanks(naru_span *rest)
{
    while (rest->size > 0 && naru__ascii_blank(rest->data[0])) {
        *rest = naru__span_from(*rest, 1);
    }
}

static bool is_token_byte(uint8_t c)
{
    return naru_http_is_token((naru_span){&c, 1});
}

static bool take_token(naru_span *rest, naru_span *token_out)
{
    size_t size = 0;
    while (size < rest->size && is_token_byte(rest->data[size])) {
        size++;
    }
    *token_out = naru__span_first(*rest, size);
    *rest = naru__span_from(*rest, size);
    return size > 0;
}

static bool take_byte(naru_span *rest, uint8_t byte)
{
    if (rest->size == 0 || rest->data[0] != byte) {
        return false;
    }
    *rest = naru__span_from(*rest, 1);
    return true;
}

static void add_value_byte(naru__ws_parameter *parameter, uint8_t c)
{
    if (parameter->value_bytes < sizeof parameter->value) {
        parameter->value[parameter->value_bytes] = c;
    }
    parameter->value_bytes++;
}

/* 6455 9.1: what stands in quotes must be a token once they are gone. The opening quote is taken already. */
static bool take_quoted(naru_span *rest, naru__ws_parameter *parameter)
{
    while (!take_byte(rest, '"')) {
        take_byte(rest, '\\');
        if (rest->size == 0 || !is_token_byte(rest->data[0])) {
            return false;
        }
        add_value_byte(parameter, rest->data[0]);
        *rest = naru__span_from(*rest, 1);
    }
    return parameter->value_bytes > 0;
}

static bool take_value(naru_span *rest, naru__ws_parameter *parameter)
{
    parameter->valued = true;
    if (take_byte(rest, '"')) {
        return take_quoted(rest, parameter);
    }
    naru_span token;
    if (!take_token(rest, &token)) {
        return false;
    }
    for (size_t i = 0; i < token.size; i++) {
        add_value_byte(parameter, token.data[i]);
    }
    return true;
}

naru_status naru__ws_extension_name(naru_span *rest, naru_span *name_out)
{
    skip_blanks(rest);
    return take_token(rest, name_out) ? NARU_OK : NARU_ERR_PROTOCOL;
}

naru_status naru__ws_extension_parameter(naru_span *rest, naru__ws_parameter *parameter_out)
{
    *parameter_out = (naru__ws_parameter){.valued = false};
    skip_blanks(rest);
    if (rest->size == 0) {
        return NARU_END;
    }
    if (!take_byte(rest, ';')) {
        return NARU_ERR_PROTOCOL;
    }
    skip_blanks(rest);
    if (!take_token(rest, &parameter_out->name)) {
        return NARU_ERR_PROTOCOL;
    }
    skip_blanks(rest);
    if (take_byte(rest, '=')) {
        skip_blanks(rest);
        return take_value(rest, parameter_out) ? NARU_OK : NARU_ERR_PROTOCOL;
    }
    return NARU_OK;
}
