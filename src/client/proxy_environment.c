/* Which proxy a URL is reached through: the option's, or the one that the environment names.
 *
 * The upper-case HTTP_PROXY is not read: in a CGI program a request's Proxy field would set it.
 *
 * None of it is read in a program that runs with rights its caller has not (secure_getenv).
 *
 * Source: curl(1), ENVIRONMENT; CVE-2016-5385. */
#include "client/proxy.h"
#include "base/buf.h"
#include <stdlib.h>

/* A variable that is empty is as good as none. */
static const char *variable(const char *name, const char *other_name)
{
    const char *value = secure_getenv(name);
    if (value && value[0]) {
        return value;
    }
    value = other_name ? secure_getenv(other_name) : NULL;
    return value && value[0] ? value : NULL;
}

static const char *or_else(const char *value, const char *other)
{
    return value ? value : other;
}

naru_status naru__proxies_choose(naru__proxies *proxies, const naru_client_options *options,
                                 const naru_allocator *allocator)
{
    const char *plain = options->proxy;
    const char *secure = options->proxy;
    const char *except = options->no_proxy;
    if (!options->proxy && options->proxy_environment) {
        const char *all = variable("all_proxy", "ALL_PROXY");
        plain = or_else(variable("http_proxy", NULL), all);
        secure = or_else(variable("https_proxy", "HTTPS_PROXY"), all);
        except = or_else(except, variable("no_proxy", "NO_PROXY"));
    }
    naru_buf_init(&proxies->plain, allocator);
    naru_buf_init(&proxies->secure, allocator);
    naru_buf_init(&proxies->except, allocator);
    naru_status status = naru_buf_append(&proxies->plain, naru_span_of(plain));
    if (!status) {
        status = naru_buf_append(&proxies->secure, naru_span_of(secure));
    }
    return status ? status : naru_buf_append(&proxies->except, naru_span_of(except));
}

void naru__proxies_deinit(naru__proxies *proxies)
{
    naru_buf_deinit(&proxies->plain);
    naru_buf_deinit(&proxies->secure);
    naru_buf_deinit(&proxies->except);
}

naru_span naru__proxies_find(const naru__proxies *proxies, const naru_url *url)
{
    bool secure = naru_span_equal(url->scheme, naru_span_of("wss"));
    if (naru__proxy_excepts(naru_buf_span(&proxies->except), url->host, url->port)) {
        return (naru_span){NULL, 0};
    }
    return naru_buf_span(secure ? &proxies->secure : &proxies->plain);
}
