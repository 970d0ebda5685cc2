/* Values as an application makes them. Not for: writing them (args.c). Source: none. */
#include <naru/socketio_server.h>

naru_sio_value naru_sio_null(void)
{
    return (naru_sio_value){.kind = NARU_SIO_NULL};
}

naru_sio_value naru_sio_bool(bool boolean)
{
    return (naru_sio_value){.kind = NARU_SIO_BOOL, .as.boolean = boolean};
}

naru_sio_value naru_sio_int(int64_t integer)
{
    return (naru_sio_value){.kind = NARU_SIO_INT, .as.integer = integer};
}

naru_sio_value naru_sio_number(double number)
{
    return (naru_sio_value){.kind = NARU_SIO_NUMBER, .as.number = number};
}

naru_sio_value naru_sio_text(naru_span text)
{
    return (naru_sio_value){.kind = NARU_SIO_TEXT, .text = text};
}

naru_sio_value naru_sio_string(const char *text)
{
    return naru_sio_text(naru_span_of(text));
}

naru_sio_value naru_sio_bytes(naru_span bytes)
{
    return (naru_sio_value){.kind = NARU_SIO_BYTES, .text = bytes};
}

naru_sio_value naru_sio_json_with(naru_span json, const naru_span *attachments, size_t count)
{
    return (naru_sio_value){
        .kind = NARU_SIO_JSON, .text = json, .attachments = attachments, .attachments_count = count};
}

naru_sio_value naru_sio_json(const char *json)
{
    return naru_sio_json_with(naru_span_of(json), NULL, 0);
}
