/* Static files: from a path below a route to an open file, a redirect, or 404. What is no regular file, begins with a
 * dot or lies outside does not exist. Reading local files may block for as long as the disk takes.
 *
 * Not for: ranges and conditions (select.c). */
#include "server/files.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "server/content.h"
#include "server/mime.h"
#include "server/path.h"
#include "server/respond.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static naru_status not_found(naru__exchange *exchange)
{
    return naru_request_respond(&exchange->request, 404, NULL, naru_span_of("nothing is here\n"));
}

static naru_status respond_opened(naru__exchange *exchange, int fd, const struct stat *file, naru_span name)
{
    char etag[64];
    unsigned long long changed =
        (unsigned long long)file->st_mtim.tv_sec * 1000000000u + (unsigned long long)file->st_mtim.tv_nsec;
    (void)snprintf(etag, sizeof etag, "\"%llx-%llx\"", (unsigned long long)file->st_size, changed);
    naru__content content = {.fd = fd,
                             .bytes = (uint64_t)file->st_size,
                             .type = naru__mime_of(name),
                             .etag = etag,
                             .modified_s = file->st_mtim.tv_sec};
    return naru__content_respond(exchange, &content);
}

/* EACCES and the like are 404 as well: what may not be read is nobody's business. Running out of descriptors is not. */
static naru_status respond_unopened(naru__exchange *exchange)
{
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
        return naru_request_respond(&exchange->request, 503, NULL, naru_span_of("no file can be opened now\n"));
    }
    return not_found(exchange);
}

naru_status naru_request_respond_file(naru_request *request, const char *path)
{
    naru__exchange *exchange = naru__exchange_of(request);
    naru_status status = NARU_ERR_STATE;
    struct stat file = {0};
    if (exchange->phase != NARU__EXCHANGE_ASKED || !naru__content_method(exchange, &status)) {
        return status;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return respond_unopened(exchange);
    }
    if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode)) {
        close(fd);
        return not_found(exchange);
    }
    return respond_opened(exchange, fd, &file, naru_span_of(path));
}

/* ---- routes of files ----------------------------------------------------------------------------------------- */

/* No part may be empty (one file, one path) or begin with a dot; only the last may be empty, which means index.html. */
static bool may_be_given(naru_span relative)
{
    for (size_t at = 0; at < relative.size; at++) {
        bool begins = at == 0 || relative.data[at - 1] == '/';
        if (begins && (relative.data[at] == '.' || relative.data[at] == '/')) {
            return false;
        }
    }
    return true;
}

/* The canonical path, escaped anew: it begins with one `/`, so that no foreign host can be made of it. */
static naru_status redirect(naru__exchange *exchange)
{
    naru_request *request = &exchange->request;
    naru_span query = naru_http_head_query(request->head);
    naru_buf location;
    naru_buf_init(&location, exchange->server->allocator);
    naru_status status = naru__path_write(naru_buf_span(&request->path), &location);
    status = status < 0 ? status : naru_buf_append(&location, naru_span_of("/"));
    if (query.size > 0) {
        status = status < 0 ? status : naru_buf_append(&location, naru_span_of("?"));
        status = status < 0 ? status : naru_buf_append(&location, query);
    }
    size_t before = naru__buf_size(&request->fields);
    status = status < 0 ? status : naru__request_field(request, "Location", naru_buf_span(&location));
    naru_buf_deinit(&location);
    status = status < 0 ? status : naru_request_respond(request, 301, NULL, naru_span_of("this is a folder\n"));
    if (status < 0 && exchange->phase == NARU__EXCHANGE_ASKED) {
        naru__buf_truncate(&request->fields, before);
    }
    return status;
}

static naru_status respond_beneath(naru__exchange *exchange, const char *directory, const char *relative)
{
    struct stat file = {0};
    int fd = naru__files_open_beneath(directory, relative);
    if (fd < 0) {
        return respond_unopened(exchange);
    }
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode)) {
        return respond_opened(exchange, fd, &file, naru_span_of(relative));
    }
    close(fd);
    return S_ISDIR(file.st_mode) ? redirect(exchange) : not_found(exchange);
}

/* relative with its NUL, and index.html behind a folder's `/`. */
static naru_status find_file(naru__exchange *exchange, const naru__route *route, naru_span relative)
{
    naru_buf name;
    naru_buf_init(&name, exchange->server->allocator);
    bool folder = relative.size == 0 || relative.data[relative.size - 1] == '/';
    naru_status status = naru_buf_append(&name, relative);
    status = status < 0 ? status : naru_buf_append(&name, naru_span_of(folder ? "index.html" : ""));
    status = status < 0 ? status : naru__buf_append_byte(&name, 0);
    if (status >= 0) {
        status = respond_beneath(exchange, (const char *)route->text.data, (const char *)naru_buf_span(&name).data);
    }
    naru_buf_deinit(&name);
    return status;
}

static void on_files(naru_request *request, void *user)
{
    const naru__route *route = user;
    naru__exchange *exchange = naru__exchange_of(request);
    naru_span path = naru_buf_span(&request->path);
    naru_status status = NARU_OK;
    if (!naru__content_method(exchange, &status)) {
        return;
    }
    if (path.size < route->path.size) {
        status = redirect(exchange);
    } else {
        naru_span relative = naru__span_from(path, route->path.size);
        if (route->path.size == 0) {
            relative = naru__span_from(path, 1);
        }
        status = may_be_given(relative) ? find_file(exchange, route, relative) : not_found(exchange);
    }
    if (status < 0 && exchange->phase == NARU__EXCHANGE_ASKED) {
        naru__exchange_refuse(exchange, 503, "no memory for an answer", true);
    }
}

static bool is_folder(const char *directory)
{
    struct stat found;
    return stat(directory, &found) == 0 && S_ISDIR(found.st_mode);
}

naru_status naru_server_route_files(naru_server *server, const char *path, const char *directory)
{
    naru_span span = naru_span_of(path);
    if (!directory || span.size == 0 || span.data[span.size - 1] != '*' || memchr(span.data, '{', span.size)) {
        return NARU_ERR_ARGUMENT;
    }
    if (!is_folder(directory)) {
        naru__log(server->loop, NARU_LOG_ERROR, "%s is not a folder that can be served", directory);
        return NARU_ERR_SYSTEM;
    }
    naru__route *route = NULL;
    naru_status status = naru__route_add(server, path, directory, NULL, &route);
    if (status == NARU_OK) {
        route->on_request = on_files;
        route->user = route;
        route->folder = true;
    }
    return status;
}
