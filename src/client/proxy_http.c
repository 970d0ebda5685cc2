/* HTTP proxies: the CONNECT request, and which answer opens the way.
 *
 * Not for: reading the answer (answer.c). Source: RFC 9110 9.3.6 and 11.7, RFC 6455 4.1, RFC 7617 2. */
#include "client/proxy.h"
#include "client/credentials.h"
#include "base/buf.h"
#include <stdio.h>
#include <string.h>

enum { TARGET_BYTES = NARU__HOST_BYTES_MAX + 16 };

static naru_status write_authorization(naru_buf *out, const naru__proxy *proxy)
{
    if (!proxy->has_credentials) {
        return NARU_OK;
    }
    return naru__credentials_write(out, "Proxy-Authorization", naru_buf_span(&proxy->user),
                                   naru_buf_span(&proxy->password));
}

naru_status naru__proxy_http_write(naru_buf *out, const naru__proxy *proxy, const char *host, uint16_t port)
{
    char target[TARGET_BYTES];
    bool ipv6 = strchr(host, ':') != NULL;
    snprintf(target, sizeof target, "%s%s%s:%u", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port);
    naru_status status = naru_http_write_request(out, "CONNECT", naru_span_of(target));
    if (!status) {
        status = naru_http_write_field(out, naru_span_of("Host"), naru_span_of(target));
    }
    if (!status) {
        status = write_authorization(out, proxy);
    }
    return status ? status : naru_http_write_end(out);
}

/* 9110 9.3.6: any 2xx; a length that it may name means nothing. */
bool naru__proxy_http_agrees(const naru_http_head *head)
{
    int status = naru_http_head_status(head);
    return status >= 200 && status < 300;
}
