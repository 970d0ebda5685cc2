/* A proxy's URL, as an application or the environment writes it.
 *
 * Not for: talking to it. Source: WHATWG URL 4.4 (with the schemes of curl), RFC 1928 3 (port 1080), RFC 7617 2,
 * RFC 1929 2. */
#include "client/proxy.h"
#include "base/ascii.h"
#include "base/buf.h"
#include <string.h>

enum { SOCKS_PORT = 1080, SOCKS_CREDENTIAL_BYTES_MAX = 255 };

static naru_status refuse(const char **reason_out, const char *reason)
{
    *reason_out = reason;
    return NARU_ERR_ARGUMENT;
}

bool naru__host_copy(char to[NARU__HOST_BYTES_MAX], naru_span text)
{
    if (text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']') {
        text = (naru_span){text.data + 1, text.size - 2};
    }
    if (text.size == 0 || text.size >= NARU__HOST_BYTES_MAX) {
        return false;
    }
    memcpy(to, text.data, text.size);
    to[text.size] = '\0';
    return true;
}

/* What stands before `://` and what behind; without it all is behind. */
static naru_span split_scheme(naru_span text, naru_span *rest_out)
{
    const uint8_t *colon = text.size > 0 ? memmem(text.data, text.size, "://", 3) : NULL;
    naru_span scheme = {text.data, colon ? (size_t)(colon - text.data) : 0};
    *rest_out = colon ? naru__span_from(text, scheme.size + 3) : text;
    return scheme;
}

static naru_status find_kind(naru__proxy *proxy, naru_span scheme, const char **reason_out)
{
    proxy->secure = naru_span_equal_nocase(scheme, naru_span_of("https"));
    if (scheme.size == 0 || proxy->secure || naru_span_equal_nocase(scheme, naru_span_of("http"))) {
        proxy->kind = NARU__PROXY_HTTP;
        return NARU_OK;
    }
    bool here = naru_span_equal_nocase(scheme, naru_span_of("socks5"));
    if (here || naru_span_equal_nocase(scheme, naru_span_of("socks5h"))) {
        proxy->kind = NARU__PROXY_SOCKS5;
        proxy->resolves_here = here;
        return NARU_OK;
    }
    return refuse(reason_out, "the proxy's scheme is none of http, https, socks5 and socks5h");
}

/* Parse `rest` as if it were a URL of this scheme. */
static naru_status parse_as(naru_url *url, const char *scheme, naru_span rest, const naru_allocator *allocator)
{
    const char *reason = "";
    naru_buf text;
    naru_buf_init(&text, allocator);
    naru_status status = naru_buf_append(&text, naru_span_of(scheme));
    if (!status) {
        status = naru_buf_append(&text, rest);
    }
    if (!status) {
        status = naru_url_parse(url, naru_buf_span(&text), allocator, &reason);
    }
    naru_buf_deinit(&text);
    return status;
}

/* A URL forgets a port that is its scheme's own: whether `:80` was written, another scheme tells. */
static naru_status find_port(naru__proxy *proxy, const naru_url *url, naru_span rest, const naru_allocator *allocator)
{
    if (proxy->kind == NARU__PROXY_HTTP || url->port_given) {
        proxy->port = url->port;
        return NARU_OK;
    }
    naru_url other;
    naru_status status = parse_as(&other, "https://", rest, allocator);
    if (!status) {
        proxy->port = other.port_given ? other.port : (uint16_t)SOCKS_PORT;
        naru_url_deinit(&other);
    }
    return status;
}

static bool fits(const naru_buf *text)
{
    size_t size = naru__buf_size(text);
    return size >= 1 && size <= SOCKS_CREDENTIAL_BYTES_MAX;
}

static naru_status take_credentials(naru__proxy *proxy, const naru_url *url, const char **reason_out)
{
    proxy->has_credentials = url->username.size + url->password.size > 0;
    if (!proxy->has_credentials) {
        return NARU_OK;
    }
    naru_status status = naru_url_decode(url->username, &proxy->user);
    if (!status) {
        status = naru_url_decode(url->password, &proxy->password);
    }
    if (status) {
        return status == NARU_ERR_ARGUMENT
                   ? refuse(reason_out, "the proxy's user name or password is not properly percent-encoded")
                   : status;
    }
    if (proxy->kind == NARU__PROXY_SOCKS5 && (!fits(&proxy->user) || !fits(&proxy->password))) {
        return refuse(reason_out, "a user name and a password for SOCKS5 have 1 to 255 bytes each");
    }
    naru_span user = naru_buf_span(&proxy->user);
    if (proxy->kind == NARU__PROXY_HTTP && user.size > 0 && memchr(user.data, ':', user.size)) {
        return refuse(reason_out, "the proxy's user name has a colon, for which Basic authorization has no room");
    }
    return NARU_OK;
}

static naru_status take_parts(naru__proxy *proxy, const naru_url *url, naru_span rest, const naru_allocator *allocator,
                              const char **reason_out)
{
    if (url->path.size > 1 || url->query_given || url->fragment_given) {
        return refuse(reason_out, "the proxy's URL has something behind host and port");
    }
    if (!naru__host_copy(proxy->host, url->host)) {
        return refuse(reason_out, "the proxy's host is too long");
    }
    naru_status status = find_port(proxy, url, rest, allocator);
    if (!status && proxy->port == 0) {
        return refuse(reason_out, "the proxy's port is 0");
    }
    return status ? status : take_credentials(proxy, url, reason_out);
}

naru_status naru__proxy_parse(naru__proxy *proxy, naru_span text, const naru_allocator *allocator,
                              const char **reason_out)
{
    naru_span rest;
    memset(proxy, 0, sizeof *proxy);
    naru_buf_init(&proxy->user, allocator);
    naru_buf_init(&proxy->password, allocator);
    naru_status status = find_kind(proxy, split_scheme(text, &rest), reason_out);
    if (!status) {
        naru_url url;
        status = parse_as(&url, proxy->secure ? "https://" : "http://", rest, allocator);
        if (status == NARU_OK) {
            status = take_parts(proxy, &url, rest, allocator, reason_out);
            naru_url_deinit(&url);
        } else if (status != NARU_ERR_MEMORY) {
            status = refuse(reason_out, "the proxy is not a URL of host and port");
        }
    }
    if (status) {
        naru__proxy_deinit(proxy);
    }
    return status;
}

void naru__proxy_deinit(naru__proxy *proxy)
{
    naru_buf_deinit(&proxy->user);
    naru_buf_deinit(&proxy->password);
    proxy->kind = NARU__PROXY_NONE;
    proxy->has_credentials = false;
    proxy->resolves_here = false;
    proxy->secure = false;
}
