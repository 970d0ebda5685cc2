/* The chat page, from memory. */
#ifndef NARU_APP_PAGE_H
#define NARU_APP_PAGE_H

#include <naru/server.h>

/* One file of web/chat, put into the program by embed.cmake. */
typedef struct page_file {
    const char *path;
    const char *type;
    const unsigned char *data;
    size_t size;
} page_file;

extern const page_file page_files[];
extern const size_t page_files_count;

/* errors as naru_server_route_http */
NARU_MUST_USE naru_status page_route(naru_server *server);

#endif
