/* The official client's scripts, as npm's socket.io-client ships them: put into the library when it is built, if they
 * are there then (cmake/NaruBundles.cmake). Not for: serving them (serve_client.c). */
#ifndef NARU_SOCKETIO_SERVER_BUNDLES_H
#define NARU_SOCKETIO_SERVER_BUNDLES_H

#include <naru/base.h>

typedef struct naru__sio_bundle {
    const char *name; /* "socket.io.min.js" */
    const uint8_t *begin, *end;
} naru__sio_bundle;

extern const naru__sio_bundle naru__sio_bundles[];
extern const size_t naru__sio_bundles_count; /* 0: the build had none */
extern const char naru__sio_bundles_version[];

#endif
