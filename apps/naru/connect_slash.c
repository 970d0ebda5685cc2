/* naru connect: what a person can say to naru itself, in lines that begin with a slash.
 *
 * Source: none. */
#include <string.h>

#include "connect_session.h"

static const char *const help[] = {
    "/close [CODE [REASON]]  close the connection",
    "/ping [DATA]            see how long the way to and fro takes",
    "/quit                   close and leave, as Ctrl-D does",
    "//TEXT                  a message that begins with a slash",
};

static void slash_help(connect_session *session, naru_span rest)
{
    (void)rest;
    for (size_t i = 0; i < sizeof help / sizeof help[0]; i++) {
        connect_notice(session, "%s", help[i]);
    }
}

static void slash_quit(connect_session *session, naru_span rest)
{
    (void)rest;
    connect_close_as_told(session);
}

static void slash_ping(connect_session *session, naru_span rest)
{
    if (connect_ping(session, rest) != NARU_OK) {
        connect_notice(session, "no ping: its data may have 125 bytes at most, and the connection must be open");
    }
}

/* The next word, taken from the front of rest, without the blanks around it. */
static naru_span next_word(naru_span *rest)
{
    size_t bytes = 0;
    while (bytes < rest->size && rest->data[bytes] != ' ') {
        bytes++;
    }
    naru_span word = {rest->data, bytes};
    while (bytes < rest->size && rest->data[bytes] == ' ') {
        bytes++;
    }
    rest->data += bytes;
    rest->size -= bytes;
    return word;
}

static unsigned read_code(naru_span word)
{
    unsigned code = 0;
    for (size_t i = 0; i < word.size; i++) {
        if (i == 4 || word.data[i] < '0' || word.data[i] > '9') {
            return 0;
        }
        code = code * 10 + (unsigned)(word.data[i] - '0');
    }
    return code;
}

static void slash_close(connect_session *session, naru_span rest)
{
    naru_span word = next_word(&rest);
    if (word.size == 0) {
        connect_close_as_told(session);
        return;
    }
    unsigned code = read_code(word);
    if (code != 1000 && (code < 3000 || code > 4999)) {
        connect_notice(session, "a client may close with 1000 or 3000 to 4999");
    } else if (rest.size > 123) {
        connect_notice(session, "a reason may have 123 bytes at most");
    } else {
        connect_close(session, (uint16_t)code, rest);
    }
}

static const struct {
    const char *name;
    void (*run)(connect_session *session, naru_span rest);
} commands[] = {
    {"/close", slash_close},
    {"/help", slash_help},
    {"/ping", slash_ping},
    {"/quit", slash_quit},
};

void connect_slash(connect_session *session, naru_span line)
{
    if (line.size > 1 && line.data[1] == '/') {
        (void)connect_send(session, (naru_span){line.data + 1, line.size - 1});
        return;
    }
    naru_span rest = line;
    naru_span word = next_word(&rest);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (naru_span_equal(word, naru_span_of(commands[i].name))) {
            commands[i].run(session, rest);
            return;
        }
    }
    connect_notice(session, "unknown command %.*s; /help lists them, //TEXT sends /TEXT", (int)word.size,
                   (const char *)word.data);
}
