/* Socket addresses and their text. Not for: names that have to be resolved (names.c). Source:
 * inet_pton(3), unix(7). */
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"

static void format_ip(const naru__address *address, char *out, size_t out_bytes)
{
    char host[INET6_ADDRSTRLEN];
    bool is_v6 = address->any.sa_family == AF_INET6;
    const void *ip = is_v6 ? (const void *)&address->ipv6.sin6_addr : (const void *)&address->ipv4.sin_addr;
    if (!inet_ntop(address->any.sa_family, ip, host, sizeof host)) {
        host[0] = '\0';
    }
    snprintf(out, out_bytes, is_v6 ? "[%s]:%u" : "%s:%u", host, naru__address_port(address));
}

static char *put_decimal(char *to, unsigned number)
{
    char digits[5];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(to, digits + at, sizeof digits - at);
    return to + (sizeof digits - at);
}

/* By hand: every connection's address is written, and a printf takes longer than its system calls. */
static void format_ipv4(const naru__address *address, char *out, size_t out_bytes)
{
    char text[sizeof "255.255.255.255:65535"];
    uint8_t ip[4];
    memcpy(ip, &address->ipv4.sin_addr, sizeof ip);
    char *to = text;
    for (size_t i = 0; i < sizeof ip; i++) {
        to = put_decimal(to, ip[i]);
        *to++ = i < 3 ? '.' : ':';
    }
    to = put_decimal(to, naru__address_port(address));
    size_t size = (size_t)(to - text);
    size = size < out_bytes ? size : out_bytes - 1;
    memcpy(out, text, size);
    out[size] = '\0';
}

void naru__address_format(const naru__address *address, char *out, size_t out_bytes)
{
    if (address->size == 0 || out_bytes == 0) {
        snprintf(out, out_bytes, "%s", "");
        return;
    }
    if (address->any.sa_family == AF_INET) {
        format_ipv4(address, out, out_bytes);
        return;
    }
    if (address->any.sa_family != AF_UNIX) {
        format_ip(address, out, out_bytes);
        return;
    }
    size_t prefix = offsetof(struct sockaddr_un, sun_path);
    size_t path_bytes = address->size > prefix ? address->size - prefix : 0;
    snprintf(out, out_bytes, "unix:%.*s", (int)path_bytes, address->local.sun_path);
}

uint16_t naru__address_port(const naru__address *address)
{
    switch (address->any.sa_family) {
    case AF_INET:
        return ntohs(address->ipv4.sin_port);
    case AF_INET6:
        return ntohs(address->ipv6.sin6_port);
    default:
        return 0;
    }
}

/* "fe80::1%eth0": link-local addresses name their interface (RFC 4007 11). */
static bool numeric_v6(const char *host, naru__address *address)
{
    char text[INET6_ADDRSTRLEN];
    const char *percent = strchr(host, '%');
    size_t size = percent ? (size_t)(percent - host) : strlen(host);
    if (size >= sizeof text) {
        return false;
    }
    memcpy(text, host, size);
    text[size] = '\0';
    if (inet_pton(AF_INET6, text, &address->ipv6.sin6_addr) != 1) {
        return false;
    }
    address->ipv6.sin6_scope_id = percent ? if_nametoindex(percent + 1) : 0;
    return !percent || address->ipv6.sin6_scope_id != 0;
}

bool naru__address_numeric(const char *host, uint16_t port, naru__address *address_out)
{
    naru__address address = {.size = 0};
    if (inet_pton(AF_INET, host, &address.ipv4.sin_addr) == 1) {
        address.ipv4.sin_family = AF_INET;
        address.ipv4.sin_port = htons(port);
        address.size = sizeof address.ipv4;
    } else if (numeric_v6(host, &address)) {
        address.ipv6.sin6_family = AF_INET6;
        address.ipv6.sin6_port = htons(port);
        address.size = sizeof address.ipv6;
    } else {
        return false;
    }
    *address_out = address;
    return true;
}

bool naru__address_unix(const char *path, naru__address *address_out)
{
    naru__address address = {.size = 0};
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof address.local.sun_path) {
        return false;
    }
    address.local.sun_family = AF_UNIX;
    memcpy(address.local.sun_path, path, size + 1);
    address.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    *address_out = address;
    return true;
}

void naru__address_loopback(int family, uint16_t port, naru__address *address_out)
{
    naru__address address = {.size = sizeof address.ipv4};
    if (family == AF_INET6) {
        address.ipv6.sin6_family = AF_INET6;
        address.ipv6.sin6_port = htons(port);
        address.ipv6.sin6_addr = in6addr_loopback;
        address.size = sizeof address.ipv6;
    } else {
        address.ipv4.sin_family = AF_INET;
        address.ipv4.sin_port = htons(port);
        address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    *address_out = address;
}

/* ---- what is listened on ------------------------------------------------------------------------------- */

static bool parse_port(const char *text, uint16_t *port_out)
{
    unsigned port = 0;
    size_t digits = 0;
    for (; digits < 5 && naru__ascii_digit((uint8_t)text[digits]); digits++) {
        port = port * 10 + (unsigned)(text[digits] - '0');
    }
    if (digits == 0 || text[digits] != '\0' || port > UINT16_MAX) {
        return false;
    }
    *port_out = (uint16_t)port;
    return true;
}

static bool parse_host(naru_span host, uint16_t port, naru__address *address_out)
{
    char text[64];
    bool bracketed = host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    if (bracketed) {
        host = (naru_span){host.data + 1, host.size - 2};
    }
    if (host.size >= sizeof text) {
        return false;
    }
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    if (!bracketed && naru_span_equal_nocase(host, naru_span_of("localhost"))) {
        naru__address_loopback(AF_INET, port, address_out);
        return true;
    }
    return naru__address_numeric(text, port, address_out) && bracketed == (address_out->any.sa_family == AF_INET6);
}

naru_status naru__address_parse(const char *text, naru__address *address_out, bool *all_out)
{
    naru__address address = {.size = 0};
    *all_out = false;
    if (strncmp(text, "unix:", 5) == 0) {
        if (!naru__address_unix(text + 5, &address)) {
            return NARU_ERR_ARGUMENT;
        }
        *address_out = address;
        return NARU_OK;
    }
    const char *colon = strrchr(text, ':');
    uint16_t port;
    if (!colon || !parse_port(colon + 1, &port)) {
        return NARU_ERR_ARGUMENT;
    }
    if (colon == text) {
        *all_out = true;
        naru__address_loopback(AF_INET6, port, &address);
        address.ipv6.sin6_addr = in6addr_any;
    } else if (!parse_host((naru_span){(const uint8_t *)text, (size_t)(colon - text)}, port, &address)) {
        return NARU_ERR_ARGUMENT;
    }
    *address_out = address;
    return NARU_OK;
}
