/* The whole: options, the engine below, the end.
 *
 * Not for: sessions (client.c), namespaces (namespace.c). Source: socket.io's Server. */
#include "base/memory.h"
#include "engine.h"
#include "group.h"
#include "server/server.h"
#include "sio.h"
#include <string.h>

/* ---- options ---------------------------------------------------------------------------------------------------- */

static void fill_u32(uint32_t *field, uint32_t value)
{
    *field = *field ? *field : value;
}

static void fill(naru_sio_options *options)
{
    naru_eio_options *engine = &options->engine;
    engine->path = engine->path ? engine->path : "/socket.io";
    engine->payload_bytes_max = engine->payload_bytes_max ? engine->payload_bytes_max : 1000000;
    engine->queue_bytes_max = engine->queue_bytes_max ? engine->queue_bytes_max : 1024 * 1024;
    fill_u32(&options->connect_timeout_ms, 45000);
    fill_u32(&options->recovery.disconnection_max_ms, 120000);
    fill_u32(&options->recovery.packets_max, 10000);
    fill_u32(&options->recovery.sessions_max, 10000);
    if (options->recovery.bytes_max == 0) {
        options->recovery.bytes_max = 64 * 1024 * 1024;
    }
    fill_u32(&options->attachments_max, 10);
    if (options->attachment_bytes_max == 0) {
        options->attachment_bytes_max = engine->payload_bytes_max * 16;
    }
    fill_u32(&options->namespaces_max, 10000);
    fill_u32(&options->namespaces_per_client_max, 64);
    fill_u32(&options->rooms_per_socket_max, 1024);
    fill_u32(&options->acks_per_socket_max, 10000);
    fill_u32(&options->held_events_max, 100);
    if (options->held_bytes_max == 0) {
        options->held_bytes_max = 1024 * 1024;
    }
}

static bool good(const naru_sio_options *options)
{
    return options->queue_policy <= NARU_SIO_QUEUE_REFUSE && options->flood_policy <= NARU_SIO_FLOOD_DROP &&
           options->namespaces_per_client_max <= UINT16_MAX;
}

static naru__sio_limits limits_of(const naru_sio_options *options)
{
    return (naru__sio_limits){.attachments_max = options->attachments_max,
                              .attachment_bytes_max = (size_t)options->attachment_bytes_max,
                              .json = {.bytes_max = (size_t)options->engine.payload_bytes_max, .trust_utf8 = true}};
}

/* ---- new and free ----------------------------------------------------------------------------------------------- */

static void draw_key(naru_sio *io)
{
    naru_entropy *entropy = naru__loop_entropy(io->loop);
    memcpy(&io->sip, entropy->bytes + entropy->used, sizeof io->sip);
    entropy->used += sizeof io->sip;
}

static naru_sio *sio_new(naru_server *server, naru_loop *loop, const naru_sio_options *options)
{
    const naru_allocator *allocator = naru_loop_allocator(loop);
    naru_sio *io = naru__alloc_zero(allocator, sizeof *io);
    if (!io) {
        return NULL;
    }
    io->loop = loop;
    io->allocator = allocator;
    io->server = server;
    io->options = *options;
    io->queue_bytes_max = options->engine.queue_bytes_max;
    io->limits = limits_of(options);
    draw_key(io);
    naru__sio_map_init(&io->names, allocator, &io->sip);
    naru__sio_map_init(&io->guests, allocator, &io->sip);
    naru_buf_init(&io->text, allocator);
    naru__sio_intake_init(&io->intake, NARU__SIO_AUTO, &io->limits, allocator);
    naru__sio_end_init(io);
    return io;
}

static naru_status start(naru_sio *io)
{
    /* Room is asked for here, for a packet with all its attachments. */
    naru_eio_options engine = io->options.engine;
    engine.queue_bytes_max = NARU_UNLIMITED;
    naru_status status = naru__eio_server_new(io->server, &engine, &naru__sio_engine_handler, engine.user,
                                              sizeof(naru__sio_client), &io->engine);
    if (status == NARU_OK) {
        naru__eio_server_set_owner(io->engine, io);
        status = naru_sio_of(io, "/") ? NARU_OK : NARU_ERR_MEMORY;
    }
    if (status == NARU_OK && io->options.group) {
        status = naru__sio_group_join(io->options.group, io);
    }
    if (status == NARU_OK && !io->options.no_serve_client) {
        status = naru__sio_serve_client(io);
    }
    return status;
}

naru_status naru_sio_new(naru_server *server, const naru_sio_options *options, naru_sio **io_out)
{
    naru_sio_options filled = options ? *options : (naru_sio_options){0};
    fill(&filled);
    if (!good(&filled)) {
        return NARU_ERR_ARGUMENT;
    }
    naru_sio *io = sio_new(server, server->loop, &filled);
    if (!io) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = start(io);
    if (status) {
        naru_sio_free(io);
        return status;
    }
    *io_out = io;
    return NARU_OK;
}

void naru__sio_release(naru_sio *io)
{
    if (io->freed && io->namespaces_count == 0) {
        naru__sio_map_deinit(&io->names);
        naru__sio_map_deinit(&io->guests);
        naru_buf_deinit(&io->text);
        naru__sio_intake_deinit(&io->intake);
        naru__free(io->allocator, io, sizeof *io);
    }
}

void naru_sio_free(naru_sio *io)
{
    if (!io) {
        return;
    }
    naru_eio_server_free(io->engine);
    io->engine = NULL;
    naru__sio_end_tell(io);
    naru__loop_defer_cancel(io->loop, &io->end);
    naru__sio_polls_end(io);
    naru__sio_group_leave(io);
    naru__sio_admin_free(io);
    naru__sio_serve_client_free(io);
    /* The last namespace frees the whole; held here until all have been asked. */
    io->namespaces_count++;
    io->freed = true;
    naru__sio_namespaces_drop(io);
    io->namespaces_count--;
    naru__sio_release(io);
}

void naru_sio_close(naru_sio *io)
{
    naru_eio_server_close(io->engine);
}

naru_eio_server *naru_sio_engine(naru_sio *io)
{
    return io->engine;
}

naru_loop *naru_sio_loop(naru_sio *io)
{
    return io->loop;
}

size_t naru_sio_clients(const naru_sio *io)
{
    return naru_eio_server_sessions(io->engine);
}
