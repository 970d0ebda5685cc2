/* Socket addresses and their text. Source: RFC 3986 3.2.2 (brackets), unix(7). */
#ifndef NARU_IO_ADDRESS_H
#define NARU_IO_ADDRESS_H

#include <naru/base.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct naru__address {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un local;
        struct sockaddr_storage storage;
    };
    socklen_t size; /* 0: unknown */
} naru__address;

enum { NARU__ADDRESS_TEXT_BYTES = 128 };

/* "127.0.0.1:80", "[::1]:80", "unix:PATH"; cut to fit, always with a NUL. */
void naru__address_format(const naru__address *address, char *out, size_t out_bytes);

/* host: numeric, without brackets. false: it is a name. */
bool naru__address_numeric(const char *host, uint16_t port, naru__address *address_out);
bool naru__address_unix(const char *path, naru__address *address_out); /* false: too long or empty */
void naru__address_loopback(int family, uint16_t port, naru__address *address_out);
uint16_t naru__address_port(const naru__address *address);

/* "HOST:PORT", ":PORT", "unix:PATH" as naru_server_listen has it. all_out: ":PORT", which is IPv6's any.
 * errors    NARU_ERR_ARGUMENT */
NARU_MUST_USE naru_status naru__address_parse(const char *text, naru__address *address_out, bool *all_out);

#endif
