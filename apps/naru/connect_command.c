/* naru connect --json: a line of stdin as a command: {"text": ...}, {"binary": base64}, {"ping": text},
 * {"close": code} or {"close": {"code": ..., "reason": ...}}.
 *
 * Source: RFC 8259; RFC 6455 7.4 for what a client may close with. */
#include <string.h>

#include <jansson.h>

#include "connect_session.h"

static naru_span string_of(const json_t *value)
{
    return (naru_span){(const uint8_t *)json_string_value(value), json_string_length(value)};
}

static naru_status wrong(connect_session *session, const char *what)
{
    connect_complain(session, what);
    return NARU_ERR_ARGUMENT;
}

static naru_status send_text(connect_session *session, const json_t *value)
{
    return json_is_string(value) ? connect_send_message(session, NARU_WS_TEXT, string_of(value))
                                 : wrong(session, "\"text\" wants a string");
}

static naru_status send_binary(connect_session *session, const json_t *value)
{
    if (!json_is_string(value)) {
        return wrong(session, "\"binary\" wants a string of base64");
    }
    naru_span text = string_of(value);
    naru_buf bytes;
    naru_buf_init(&bytes, NULL);
    uint8_t *at = naru_buf_reserve(&bytes, text.size / 4 * 3 + 3);
    size_t size = 0;
    naru_status status;
    if (at && naru_base64_decode(text, at, &size) == NARU_OK) {
        status = connect_send_message(session, NARU_WS_BINARY, (naru_span){at, size});
    } else {
        (void)wrong(session, at ? "\"binary\" wants a string of base64" : "out of memory");
        status = at ? NARU_ERR_ARGUMENT : NARU_ERR_MEMORY;
    }
    naru_buf_deinit(&bytes);
    return status;
}

static naru_status send_ping(connect_session *session, const json_t *value)
{
    if (!json_is_string(value) || json_string_length(value) > 125) {
        return wrong(session, "\"ping\" wants a string of at most 125 bytes");
    }
    /* Without a connection there is nothing to measure. */
    return connect_ping(session, string_of(value)) == NARU_ERR_MEMORY ? NARU_ERR_MEMORY : NARU_OK;
}

static bool may_close_with(json_int_t code)
{
    return code == 1000 || (code >= 3000 && code <= 4999);
}

static naru_status send_close(connect_session *session, const json_t *value)
{
    const json_t *code = json_is_object(value) ? json_object_get(value, "code") : value;
    const json_t *reason = json_object_get(value, "reason");
    if (!json_is_integer(code) || !may_close_with(json_integer_value(code))) {
        return wrong(session, "\"close\" wants a code: 1000, or 3000 to 4999");
    }
    if (reason && (!json_is_string(reason) || json_string_length(reason) > 123)) {
        return wrong(session, "\"reason\" wants a string of at most 123 bytes");
    }
    connect_close(session, (uint16_t)json_integer_value(code), reason ? string_of(reason) : (naru_span){0});
    return NARU_ERR_STATE;
}

static const struct {
    const char *name;
    naru_status (*run)(connect_session *session, const json_t *value);
} commands[] = {
    {"text", send_text},
    {"binary", send_binary},
    {"ping", send_ping},
    {"close", send_close},
};

static naru_status run_object(connect_session *session, json_t *root)
{
    if (json_object_size(root) == 1) {
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
            const json_t *value = json_object_get(root, commands[i].name);
            if (value) {
                return commands[i].run(session, value);
            }
        }
    }
    return wrong(session, "an object with one of \"text\", \"binary\", \"ping\", \"close\" is wanted");
}

naru_status connect_command_run(connect_session *session, naru_span line)
{
    if (line.size == 0 || (line.size == 1 && line.data[0] == '\r')) {
        return NARU_OK;
    }
    json_error_t error;
    json_t *root = json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root) {
        char what[JSON_ERROR_TEXT_LENGTH + 32];
        snprintf(what, sizeof what, "not JSON: %s", error.text);
        return wrong(session, what);
    }
    naru_status status = run_object(session, root);
    json_decref(root);
    return status;
}
