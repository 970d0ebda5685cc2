/* libwebsockets: an echo, lws [--deflate] or lws --tls CERTIFICATE KEY. It hands over what it has read, so an answer
 * may go out as fragments. */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 << 10 };

/* One part of a message, waiting to be written. */
typedef struct part {
    struct part *next;
    size_t size;
    bool first, last, binary;
    unsigned char bytes[];
} part;

typedef struct guest {
    part *first, **end;
} guest;

static int keep(struct lws *wsi, guest *g, const void *bytes, size_t size)
{
    part *p = malloc(sizeof *p + LWS_PRE + size);
    if (!p) {
        return -1;
    }
    *p = (part){.size = size,
                .first = lws_is_first_fragment(wsi),
                .last = lws_is_final_fragment(wsi),
                .binary = lws_frame_is_binary(wsi)};
    memcpy(p->bytes + LWS_PRE, bytes, size);
    *g->end = p;
    g->end = &p->next;
    lws_callback_on_writable(wsi);
    return 0;
}

static int write_one(struct lws *wsi, guest *g)
{
    part *p = g->first;
    if (!p) {
        return 0;
    }
    int flags = lws_write_ws_flags(p->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, p->first, p->last);
    int written = lws_write(wsi, p->bytes + LWS_PRE, p->size, (enum lws_write_protocol)flags);
    g->first = p->next;
    g->end = g->first ? g->end : &g->first;
    free(p);
    if (g->first) {
        lws_callback_on_writable(wsi);
    }
    return written < 0 ? -1 : 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
    guest *g = user;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        *g = (guest){.first = NULL};
        g->end = &g->first;
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return keep(wsi, g, in, size);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_one(wsi, g);
    case LWS_CALLBACK_CLOSED:
        while (g->first) {
            part *next = g->first->next;
            free(g->first);
            g->first = next;
        }
        return 0;
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {{"echo", callback, sizeof(guest), CHUNK_BYTES, 0, NULL, 0},
                                                     {NULL, NULL, 0, 0, 0, NULL, 0}};
    static const struct lws_extension extensions[] = {
        {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"}, {NULL, NULL, NULL}};
    struct lws_context_creation_info info = {.port = 0, .iface = "127.0.0.1", .protocols = protocols};
    lws_set_log_level(LLL_ERR, NULL);
    /* What it reads at once; 4 KiB otherwise. Over TLS it stalls with more than a record. */
    info.pt_serv_buf_size = argc == 4 ? 0 : CHUNK_BYTES;
    info.extensions = argc > 1 && strcmp(argv[1], "--deflate") == 0 ? extensions : NULL;
    if (argc == 4 && strcmp(argv[1], "--tls") == 0) {
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = argv[2];
        info.ssl_private_key_filepath = argv[3];
    }
    struct lws_context *context = lws_create_context(&info);
    struct lws_vhost *host = context ? lws_get_vhost_by_name(context, "default") : NULL;
    if (!host) {
        return 1;
    }
    printf("listening on 127.0.0.1:%d\n", lws_get_vhost_listen_port(host));
    fflush(stdout);
    while (lws_service(context, 0) >= 0) {
    }
    return 0;
}
