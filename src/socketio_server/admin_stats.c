/* Sums for the Admin UI: what happened in each second, told every two. See admin.h. */
#include "admin.h"

#include <string.h>
#include <unistd.h>

enum { EVERY_MS = 2000 };

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The latest ones are the likely ones. What does not fit is not told: the page would draw it beside the graph. */
static void count(naru__sio_admin *admin, const char *type, const char *sub_type, uint64_t units)
{
    uint64_t second_ms = naru__admin_wall_ms() / 1000 * 1000;
    for (size_t i = admin->sums_count; i > 0; i--) {
        naru__admin_sum *sum = &admin->sums[i - 1];
        if (sum->second_ms == second_ms && sum->type == type && same(sum->sub_type, sub_type)) {
            sum->count += units;
            return;
        }
    }
    if (admin->sums_count < NARU__ADMIN_SUMS) {
        admin->sums[admin->sums_count++] = (naru__admin_sum){second_ms, type, sub_type, units};
    }
}

void naru__admin_count_session(naru_sio *io, const char *close_reason)
{
    static const char opened[] = "rawConnection", closed[] = "rawDisconnection";
    count(io->admin, close_reason ? closed : opened, close_reason, 1);
}

void naru__admin_count_traffic(naru_sio *io, bool out, size_t bytes)
{
    static const char packets_in[] = "packetsIn", packets_out[] = "packetsOut";
    static const char bytes_in[] = "bytesIn", bytes_out[] = "bytesOut";
    count(io->admin, out ? packets_out : packets_in, NULL, 1);
    count(io->admin, out ? bytes_out : bytes_in, NULL, bytes);
}

const naru__sio_watch naru__admin_watch_sums = {.session = naru__admin_count_session,
                                                .traffic = naru__admin_count_traffic};

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void write_sums(naru__sio_admin *admin, naru_json_writer *json)
{
    naru_json_write_array(json);
    for (size_t i = 0; i < admin->sums_count; i++) {
        const naru__admin_sum *sum = &admin->sums[i];
        naru_json_write_object(json);
        naru__admin_key(json, "timestamp");
        naru_json_write_uint64(json, sum->second_ms);
        naru__admin_key(json, "type");
        naru__admin_string(json, sum->type);
        if (sum->sub_type) {
            naru__admin_key(json, "subType");
            naru__admin_string(json, sum->sub_type);
        }
        naru__admin_key(json, "count");
        naru_json_write_uint64(json, sum->count);
        naru_json_write_object_end(json);
    }
    naru_json_write_array_end(json);
}

static void write_namespaces(naru__sio_admin *admin, naru_json_writer *json)
{
    naru_json_write_array(json);
    for (naru_sio_namespace *nsp = admin->io->namespaces; nsp; nsp = nsp->next) {
        naru_json_write_object(json);
        naru__admin_key(json, "name");
        naru_json_write_string(json, naru__sio_name(nsp));
        naru__admin_key(json, "socketsCount");
        naru_json_write_uint64(json, nsp->sockets_count);
        naru_json_write_object_end(json);
    }
    naru_json_write_array_end(json);
}

static uint64_t polling_clients(const naru_sio *io)
{
    uint64_t polling = 0;
    for (const naru__sio_client *client = io->clients; client; client = client->next) {
        polling += naru_eio_transport(client->session) == NARU_EIO_POLLING;
    }
    return polling;
}

static void write_stats(naru__sio_admin *admin, naru_json_writer *json)
{
    char host[128] = "";
    (void)gethostname(host, sizeof host - 1);
    naru_json_write_object(json);
    naru__admin_key(json, "serverId");
    naru__admin_string(json, admin->server_id);
    naru__admin_key(json, "hostname");
    naru__admin_string(json, host);
    naru__admin_key(json, "pid");
    naru_json_write_int64(json, getpid());
    naru__admin_key(json, "uptime");
    naru_json_write_double(json, (double)(naru_loop_now_ms(admin->io->loop) - admin->began_ms) / 1000);
    naru__admin_key(json, "clientsCount");
    naru_json_write_uint64(json, naru_sio_clients(admin->io));
    naru__admin_key(json, "pollingClientsCount");
    naru_json_write_uint64(json, polling_clients(admin->io));
    naru__admin_key(json, "aggregatedEvents");
    write_sums(admin, json);
    naru__admin_key(json, "namespaces");
    write_namespaces(admin, json);
    naru_json_write_object_end(json);
}

void naru__admin_stats_send(naru__sio_admin *admin, naru_sio_socket *socket)
{
    naru__admin_event event;
    naru__admin_event_begin(&event, admin);
    write_stats(admin, &event.json);
    naru__admin_event_send(&event, admin, socket, "server_stats", NULL, 0);
}

static void fire(naru__loop_timer *timer)
{
    naru__sio_admin *admin = (naru__sio_admin *)(void *)((char *)timer - offsetof(naru__sio_admin, timer));
    if (naru__admin_watched(admin)) {
        naru__admin_stats_send(admin, NULL);
    }
    admin->sums_count = 0;
    naru__loop_timer_start(admin->io->loop, timer, naru_loop_now_ms(admin->io->loop) + EVERY_MS);
}

void naru__admin_stats_begin(naru__sio_admin *admin)
{
    admin->began_ms = naru_loop_now_ms(admin->io->loop);
    admin->timer.fire = fire;
    naru__loop_timer_start(admin->io->loop, &admin->timer, admin->began_ms + EVERY_MS);
}
