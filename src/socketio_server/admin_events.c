/* Each socket, room and event as it happens, for the Admin UI in development. Nothing is written while nobody watches.
 * What a client sent to prove who it is stays here. See admin.h. */
#include "admin.h"

#include "target.h"

/* ---- a socket as JSON -------------------------------------------------------------------------------------------- */

static void write_room(naru_span room, void *user)
{
    naru_json_write_string(user, room);
}

static void write_socket(naru_sio_socket *socket, void *user)
{
    enum { CLIENT_ID_BYTES = 12 };
    naru_json_writer *json = user;
    naru_span session = naru_eio_id(socket->client->session);
    naru_json_write_object(json);
    naru__admin_key(json, "id");
    naru_json_write_string(json, naru__sio_id(socket));
    naru__admin_key(json, "clientId");
    naru_json_write_string(json,
                           (naru_span){session.data, session.size < CLIENT_ID_BYTES ? session.size : CLIENT_ID_BYTES});
    naru__admin_key(json, "transport");
    naru__admin_string(json, naru_eio_transport_name(socket->client->session));
    naru__admin_key(json, "nsp");
    naru_json_write_string(json, naru__sio_name(socket->nsp));
    naru__admin_key(json, "data");
    naru_json_write_raw(json, naru_sio_socket_data(socket));
    naru__admin_key(json, "handshake");
    naru__sio_handshake_write(socket, json, false);
    naru__admin_key(json, "rooms");
    naru_json_write_array(json);
    naru_sio_each_room(socket, write_room, json);
    naru_json_write_array_end(json);
    naru_json_write_object_end(json);
}

naru_status naru__admin_write_sockets(naru__sio_admin *admin, naru_buf *json)
{
    naru_json_writer writer;
    naru_json_writer_init(&writer, json, 0);
    naru_json_write_array(&writer);
    for (naru_sio_namespace *nsp = admin->io->namespaces; nsp; nsp = nsp->next) {
        naru_sio_target all = naru_sio_all(nsp);
        naru_status status = naru__sio_target_walk(&all, write_socket, &writer);
        (void)status; /* there are no rooms in it that could be too many */
    }
    naru_json_write_array_end(&writer);
    return naru_json_writer_finish(&writer);
}

/* ---- what happens ------------------------------------------------------------------------------------------------ */

static naru__sio_admin *watched(const naru_sio_socket *socket)
{
    naru__sio_admin *admin = socket->nsp->io->admin;
    return admin && naru__admin_watched(admin) ? admin : NULL;
}

static void connected(naru_sio_socket *socket)
{
    naru__sio_admin *admin = watched(socket);
    naru__admin_event event;
    if (!admin) {
        return;
    }
    naru__admin_event_begin(&event, admin);
    write_socket(socket, &event.json);
    naru__admin_date(&event.json);
    naru__admin_event_send(&event, admin, NULL, "socket_connected", NULL, 0);
}

static void disconnected(naru_sio_socket *socket, naru_sio_reason reason)
{
    naru__sio_admin *admin = watched(socket);
    naru__admin_event event;
    if (!admin) {
        return;
    }
    naru__admin_event_begin(&event, admin);
    naru_json_write_string(&event.json, naru__sio_name(socket->nsp));
    naru_json_write_string(&event.json, naru__sio_id(socket));
    naru__admin_string(&event.json, naru_sio_reason_text(reason));
    naru__admin_date(&event.json);
    naru__admin_event_send(&event, admin, NULL, "socket_disconnected", NULL, 0);
}

static void updated(naru_sio_socket *socket, bool transport)
{
    naru__sio_admin *admin = watched(socket);
    naru__admin_event event;
    if (!admin) {
        return;
    }
    naru__admin_event_begin(&event, admin);
    naru_json_write_object(&event.json);
    naru__admin_key(&event.json, "id");
    naru_json_write_string(&event.json, naru__sio_id(socket));
    naru__admin_key(&event.json, "nsp");
    naru_json_write_string(&event.json, naru__sio_name(socket->nsp));
    naru__admin_key(&event.json, transport ? "transport" : "data");
    if (transport) {
        naru__admin_string(&event.json, naru_eio_transport_name(socket->client->session));
    } else {
        naru_json_write_raw(&event.json, naru_sio_socket_data(socket));
    }
    naru_json_write_object_end(&event.json);
    naru__admin_event_send(&event, admin, NULL, "socket_updated", NULL, 0);
}

static void upgraded(naru_sio_socket *socket)
{
    updated(socket, true);
}

static void changed(naru_sio_socket *socket)
{
    updated(socket, false);
}

static void room(naru_sio_socket *socket, naru_span name, bool joined)
{
    naru__sio_admin *admin = watched(socket);
    naru__admin_event event;
    if (!admin) {
        return;
    }
    naru__admin_event_begin(&event, admin);
    naru_json_write_string(&event.json, naru__sio_name(socket->nsp));
    naru_json_write_string(&event.json, name);
    naru_json_write_string(&event.json, naru__sio_id(socket));
    naru__admin_date(&event.json);
    naru__admin_event_send(&event, admin, NULL, joined ? "room_joined" : "room_left", NULL, 0);
}

static void on_event(naru_sio_socket *socket, const naru_sio_event *seen, bool out)
{
    naru__sio_admin *admin = watched(socket);
    naru__admin_event event;
    if (!admin || socket->nsp == admin->nsp) {
        return;
    }
    naru__admin_event_begin(&event, admin);
    naru_json_write_string(&event.json, naru__sio_name(socket->nsp));
    naru_json_write_string(&event.json, naru__sio_id(socket));
    naru_json_write_raw(&event.json, seen->array.text);
    naru__admin_date(&event.json);
    naru__admin_event_send(&event, admin, NULL, out ? "event_sent" : "event_received", seen->attachments,
                           seen->attachments_count);
}

const naru__sio_watch naru__admin_watch_all = {.session = naru__admin_count_session,
                                               .traffic = naru__admin_count_traffic,
                                               .connected = connected,
                                               .disconnected = disconnected,
                                               .upgraded = upgraded,
                                               .changed = changed,
                                               .room = room,
                                               .event = on_event};
