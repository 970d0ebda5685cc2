/* fetchSockets: who is meant by a target on all loops, as they were when each loop was asked. What another loop knows
 * of a socket comes as JSON. Source: socket.io's BroadcastOperator.fetchSockets. */
#include "group.h"

#include "base/memory.h"

enum { FETCH_MS = 5000 };

typedef struct fetching {
    naru_sio_on_sockets *on_sockets;
    void *user;
    naru_sio *io;
} fetching;

/* ---- writing those of this loop --------------------------------------------------------------------------------- */

static void write_room(naru_span room, void *user)
{
    naru_json_write_string(user, room);
}

static void write_key(naru_json_writer *json, const char *key)
{
    naru_json_write_key(json, naru_span_of(key));
}

static void write_socket(naru_sio_socket *socket, void *user)
{
    naru_json_writer *json = user;
    naru_json_write_object(json);
    write_key(json, "id");
    naru_json_write_string(json, naru__sio_id(socket));
    write_key(json, "handshake");
    naru__sio_handshake_write(socket, json, true);
    write_key(json, "rooms");
    naru_json_write_array(json);
    naru_sio_each_room(socket, write_room, json);
    naru_json_write_array_end(json);
    write_key(json, "data");
    naru_json_write_raw(json, naru_sio_socket_data(socket));
    naru_json_write_object_end(json);
}

naru_status naru__sio_found_write(const naru_sio_target *target, naru_buf *json)
{
    naru_json_writer writer;
    naru_json_writer_init(&writer, json, 0);
    naru_json_write_array(&writer);
    naru_status status = naru_sio_each_socket(*target, write_socket, &writer);
    naru_json_write_array_end(&writer);
    naru_status written = naru_json_writer_finish(&writer);
    return status ? status : written;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static naru_span member_text(naru_json object, const char *key)
{
    naru_json value = {0};
    naru_span text;
    (void)naru_json_find(object, key, &value);
    return naru_json_string_plain(value, &text) ? text : value.text;
}

static size_t found_count(const naru_sio_response *responses, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += naru_sio_event_count(responses[i].answer);
    }
    return found;
}

static void tell(naru_status status, const naru_sio_response *responses, size_t count, size_t expected, void *user)
{
    fetching ask = *(fetching *)user;
    const naru_allocator *allocator = ask.io->allocator;
    size_t room = found_count(responses, count), found = 0;
    naru_sio_found *sockets = room > 0 ? naru__alloc(allocator, room * sizeof *sockets) : NULL;
    (void)expected;
    for (size_t i = 0; sockets && i < count; i++) {
        naru_json value;
        naru_json_iter iter = naru_json_each(responses[i].answer->array);
        while (found < room && naru_json_next(&iter, NULL, &value)) {
            sockets[found++] = (naru_sio_found){.id = member_text(value, "id"),
                                                .handshake = member_text(value, "handshake"),
                                                .rooms = member_text(value, "rooms"),
                                                .data = member_text(value, "data")};
        }
    }
    status = room > 0 && !sockets ? NARU_ERR_MEMORY : status;
    ask.on_sockets(status, sockets, found, ask.user);
    naru__free(allocator, sockets, room * sizeof *sockets);
    naru__free(allocator, user, sizeof ask);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static naru_status answer_here(naru__sio_poll *poll, const naru_sio_target *target)
{
    naru_buf json;
    naru_sio *io = target->nsp->io;
    naru_buf_init(&json, io->allocator);
    naru_status status = naru__sio_found_write(target, &json);
    if (status == NARU_OK) {
        naru_sio_event event;
        naru__sio_event_state state;
        naru__sio_packet packet = {.data = {naru_buf_span(&json)}};
        naru__sio_event_init(&event, &state, io, &packet, NULL, true);
        naru__sio_poll_answered(poll, (naru_span){0}, &event);
        naru__sio_event_deinit(&event);
    }
    naru_buf_deinit(&json);
    return status;
}

static naru_status ask_others(naru__sio_poll *poll, const naru_sio_target *target, uint32_t *sent_out)
{
    naru__sio_letter draft = {.kind = NARU__SIO_LETTER_FETCH, .question = naru__sio_poll_id(poll)};
    naru__sio_names names = {0};
    naru_status status = naru__sio_letter_address(&draft, target, &names);
    naru__sio_letter *letter = status == NARU_OK ? naru__sio_letter_new(target->nsp->io, &draft) : NULL;
    naru__sio_names_free(&names);
    if (!letter) {
        return status ? status : NARU_ERR_MEMORY;
    }
    return naru__sio_publish(target->nsp->io, letter, sent_out);
}

static naru_status ask_all(naru__sio_poll *poll, const naru_sio_target *target)
{
    uint32_t sent = 0;
    naru_status status = NARU_OK;
    if (naru__sio_goes_round(target)) {
        status = ask_others(poll, target, &sent);
    }
    naru__sio_poll_expect(poll, sent + (status == NARU_OK ? 1 : 0));
    return status == NARU_OK ? answer_here(poll, target) : status == NARU_MORE ? NARU_OK : status;
}

naru_status naru_sio_fetch_sockets(naru_sio_target target, naru_sio_on_sockets *on_sockets, void *user)
{
    naru_sio *io = target.nsp->io;
    if (!naru__sio_target_good(&target)) {
        return NARU_ERR_ARGUMENT;
    }
    fetching *ask = naru__alloc(io->allocator, sizeof *ask);
    naru__sio_poll *poll =
        ask ? naru__sio_poll_new(io, target.timeout_ms > 0 ? target.timeout_ms : FETCH_MS, tell, ask) : NULL;
    if (!poll) {
        naru__free(io->allocator, ask, sizeof *ask);
        return NARU_ERR_MEMORY;
    }
    *ask = (fetching){on_sockets, user, io};
    naru_status status = ask_all(poll, &target);
    if (status) {
        naru__sio_poll_cancel(poll);
        naru__free(io->allocator, ask, sizeof *ask);
        return status;
    }
    naru__sio_poll_start(poll);
    return NARU_OK;
}
