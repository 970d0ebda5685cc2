/* Names and sentences for statuses. Not for: protocol faults, which carry a text of their own. Source: none.
 */
#include <naru/base.h>

#include <stddef.h>

typedef struct status_words {
    naru_status status;
    const char *name;
    const char *text;
} status_words;

static const status_words words[] = {
    {NARU_OK, "NARU_OK", "All is well."},
    {NARU_MORE, "NARU_MORE", "More bytes are needed."},
    {NARU_FULL, "NARU_FULL", "Done, and the queue is above its high mark."},
    {NARU_END, "NARU_END", "Nothing more will come."},
    {NARU_ERR_MEMORY, "NARU_ERR_MEMORY", "No memory was left."},
    {NARU_ERR_ARGUMENT, "NARU_ERR_ARGUMENT", "An argument breaks a rule of the call."},
    {NARU_ERR_STATE, "NARU_ERR_STATE", "The call does not fit the object's state."},
    {NARU_ERR_ENTROPY, "NARU_ERR_ENTROPY", "Too few random bytes were handed over."},
    {NARU_ERR_PROTOCOL, "NARU_ERR_PROTOCOL", "The peer broke a rule of the protocol."},
    {NARU_ERR_TOO_BIG, "NARU_ERR_TOO_BIG", "The peer passed a limit that counts bytes."},
    {NARU_ERR_TOO_MANY, "NARU_ERR_TOO_MANY", "The peer passed a limit that counts pieces."},
    {NARU_ERR_UTF8, "NARU_ERR_UTF8", "Text is not UTF-8."},
    {NARU_ERR_DEFLATE, "NARU_ERR_DEFLATE", "Compressed bytes do not inflate."},
    {NARU_ERR_TIMEOUT, "NARU_ERR_TIMEOUT", "A deadline passed."},
    {NARU_ERR_CLOSED, "NARU_ERR_CLOSED", "The connection ended without a closing handshake."},
    {NARU_ERR_REFUSED, "NARU_ERR_REFUSED", "The peer or a policy refused."},
    {NARU_ERR_NAME, "NARU_ERR_NAME", "The host name did not resolve."},
    {NARU_ERR_CONNECT, "NARU_ERR_CONNECT", "No address of the host took the connection."},
    {NARU_ERR_TLS, "NARU_ERR_TLS", "TLS failed."},
    {NARU_ERR_SYSTEM, "NARU_ERR_SYSTEM", "The operating system refused."},
    {NARU_ERR_UNSUPPORTED, "NARU_ERR_UNSUPPORTED", "This is known and deliberately not done."},
};

static const status_words unknown = {NARU_OK, "NARU_STATUS_UNKNOWN", "This is no status of this library."};

static const status_words *find(naru_status status)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].status == status) {
            return &words[i];
        }
    }
    return &unknown;
}

const char *naru_status_name(naru_status status)
{
    return find(status)->name;
}

const char *naru_status_text(naru_status status)
{
    return find(status)->text;
}
