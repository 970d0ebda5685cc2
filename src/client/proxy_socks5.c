/* SOCKS5: methods, user and password, and the request to connect, each answered by the proxy.
 *
 * The name goes to the proxy as it is, which resolves it. Source: RFC 1928, RFC 1929. */
#include "client/proxy.h"
#include "base/ascii.h"
#include "base/buf.h"
#include <arpa/inet.h>
#include <string.h>

enum {
    VERSION = 5,
    LOGIN_VERSION = 1,
    METHOD_NONE = 0,
    METHOD_PASSWORD = 2,
    METHOD_REFUSED = 0xff,
    COMMAND_CONNECT = 1,
    ADDRESS_IPV4 = 1,
    ADDRESS_NAME = 3,
    ADDRESS_IPV6 = 4,
    NAME_BYTES_MAX = 255,
    PORT_BYTES = 2
};

static naru_status fail(naru__socks5 *self, naru_status status, const char *text)
{
    self->step = NARU__SOCKS5_FAILED;
    self->status = status;
    self->text = text;
    return status;
}

static naru_status append_byte(naru_buf *out, size_t byte)
{
    return naru__buf_append_byte(out, (uint8_t)byte);
}

/* ---- what we say -------------------------------------------------------------------------------------------- */

/* 1928 3: the methods that we can do. */
naru_status naru__socks5_start(naru__socks5 *self, const naru__proxy *proxy, const char *host, uint16_t port,
                               naru_buf *out)
{
    static const uint8_t with_password[] = {VERSION, 2, METHOD_NONE, METHOD_PASSWORD};
    static const uint8_t without[] = {VERSION, 1, METHOD_NONE};
    *self = (naru__socks5){.proxy = proxy, .host = host, .port = port};
    if (strlen(host) > NAME_BYTES_MAX) {
        return fail(self, NARU_ERR_NAME, "the host's name is longer than SOCKS5 has room for");
    }
    return proxy->has_credentials ? naru_buf_append(out, (naru_span){with_password, sizeof with_password})
                                  : naru_buf_append(out, (naru_span){without, sizeof without});
}

/* Behind a byte with its length; the lengths have been checked. */
static naru_status append_counted(naru_buf *out, naru_span text)
{
    naru_status status = append_byte(out, text.size);
    return status ? status : naru_buf_append(out, text);
}

/* 1929 2. */
static naru_status say_login(const naru__socks5 *self, naru_buf *out)
{
    naru_status status = append_byte(out, LOGIN_VERSION);
    if (!status) {
        status = append_counted(out, naru_buf_span(&self->proxy->user));
    }
    return status ? status : append_counted(out, naru_buf_span(&self->proxy->password));
}

static naru_status append_host(const char *host, naru_buf *out)
{
    uint8_t address[1 + 16];
    if (inet_pton(AF_INET, host, address + 1) == 1) {
        address[0] = ADDRESS_IPV4;
        return naru_buf_append(out, (naru_span){address, 1 + 4});
    }
    if (inet_pton(AF_INET6, host, address + 1) == 1) {
        address[0] = ADDRESS_IPV6;
        return naru_buf_append(out, (naru_span){address, 1 + 16});
    }
    naru_status status = append_byte(out, ADDRESS_NAME);
    return status ? status : append_counted(out, naru_span_of(host));
}

/* 1928 4. */
static naru_status say_connect(const naru__socks5 *self, naru_buf *out)
{
    static const uint8_t begin[] = {VERSION, COMMAND_CONNECT, 0};
    const uint8_t port[PORT_BYTES] = {(uint8_t)(self->port >> 8), (uint8_t)self->port};
    naru_status status = naru_buf_append(out, (naru_span){begin, sizeof begin});
    if (!status) {
        status = append_host(self->host, out);
    }
    return status ? status : naru_buf_append(out, (naru_span){port, sizeof port});
}

/* ---- what it answers ---------------------------------------------------------------------------------------- */

static naru_status read_method(naru__socks5 *self, naru_buf *out)
{
    bool password = self->have[1] == METHOD_PASSWORD && self->proxy->has_credentials;
    if (self->have[0] != VERSION) {
        return fail(self, NARU_ERR_PROTOCOL, "it does not speak SOCKS5");
    }
    if (self->have[1] == METHOD_REFUSED) {
        return fail(self, NARU_ERR_REFUSED,
                    self->proxy->has_credentials ? "it takes neither a user and password nor none"
                                                 : "it wants a user and a password, or something else");
    }
    if (self->have[1] != METHOD_NONE && !password) {
        return fail(self, NARU_ERR_PROTOCOL, "it chose a method that was not offered");
    }
    self->step = password ? NARU__SOCKS5_LOGIN : NARU__SOCKS5_REPLY;
    return password ? say_login(self, out) : say_connect(self, out);
}

static naru_status read_login(naru__socks5 *self, naru_buf *out)
{
    if (self->have[0] != LOGIN_VERSION) {
        return fail(self, NARU_ERR_PROTOCOL, "its answer to user and password is not RFC 1929's");
    }
    if (self->have[1] != 0) {
        return fail(self, NARU_ERR_REFUSED, "it does not accept this user and password");
    }
    self->step = NARU__SOCKS5_REPLY;
    return say_connect(self, out);
}

/* 1928 6. Only a good answer needs to come whole. */
static naru_status read_reply(naru__socks5 *self)
{
    static const char *const texts[] = {"",
                                        "it failed",
                                        "its rules forbid this connection",
                                        "it finds the network unreachable",
                                        "it finds the host unreachable",
                                        "the server refused its connection",
                                        "its connection ran out of time",
                                        "it does not do CONNECT",
                                        "it does not know this type of address"};
    if (self->have[0] != VERSION) {
        return fail(self, NARU_ERR_PROTOCOL, "its answer is not of SOCKS5");
    }
    self->reply = self->have[1];
    if (self->have[1] != 0) {
        bool known = self->have[1] < sizeof texts / sizeof texts[0];
        return fail(self, NARU_ERR_REFUSED, known ? texts[self->have[1]] : "it failed for a reason without a name");
    }
    self->step = NARU__SOCKS5_ADDRESS;
    return NARU_OK;
}

/* Behind a reserved byte the address that it bound, which is of no use. */
static naru_status read_address(naru__socks5 *self)
{
    switch (self->have[1]) {
    case ADDRESS_IPV4:
        self->skip = 4 - 1 + PORT_BYTES;
        break;
    case ADDRESS_IPV6:
        self->skip = 16 - 1 + PORT_BYTES;
        break;
    case ADDRESS_NAME:
        self->skip = (uint16_t)(self->have[2] + PORT_BYTES);
        break;
    default:
        return fail(self, NARU_ERR_PROTOCOL, "its answer has an address of an unknown type");
    }
    self->step = NARU__SOCKS5_REST;
    return NARU_OK;
}

static naru_status read_step(naru__socks5 *self, naru_buf *out)
{
    switch (self->step) {
    case NARU__SOCKS5_METHOD:
        return read_method(self, out);
    case NARU__SOCKS5_LOGIN:
        return read_login(self, out);
    case NARU__SOCKS5_REPLY:
        return read_reply(self);
    default:
        return read_address(self);
    }
}

static void take(naru_input *in, size_t bytes)
{
    in->data += bytes;
    in->size -= bytes;
}

static bool collect(naru__socks5 *self, naru_input *in)
{
    uint8_t wanted = self->step == NARU__SOCKS5_ADDRESS ? 3 : 2;
    while (self->have_bytes < wanted && in->size > 0) {
        self->have[self->have_bytes++] = in->data[0];
        take(in, 1);
    }
    return self->have_bytes == wanted;
}

static naru_status skip_rest(naru__socks5 *self, naru_input *in)
{
    size_t skipped = in->size < self->skip ? in->size : self->skip;
    take(in, skipped);
    self->skip = (uint16_t)(self->skip - skipped);
    if (self->skip > 0) {
        return NARU_MORE;
    }
    self->step = NARU__SOCKS5_DONE;
    return NARU_OK;
}

naru_status naru__socks5_feed(naru__socks5 *self, naru_input *in, naru_buf *out)
{
    while (self->step < NARU__SOCKS5_REST) {
        if (!collect(self, in)) {
            return NARU_MORE;
        }
        self->have_bytes = 0;
        naru_status status = read_step(self, out);
        if (status == NARU_ERR_MEMORY) {
            return fail(self, status, "no memory");
        }
        if (status) {
            return status;
        }
    }
    if (self->step == NARU__SOCKS5_FAILED) {
        return self->status;
    }
    return self->step == NARU__SOCKS5_REST ? skip_rest(self, in) : NARU_OK;
}
