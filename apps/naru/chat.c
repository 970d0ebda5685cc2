/* The room behind /chat: who is in it, what they say, and how fast they may.
 *
 * Not for: the lines' grammar (chat_line.c). Source: web/chat/README.md. */
#include "chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat_line.h"

enum {
    MEMBERS_MAX = 500, /* everyone hears of everyone: the cost of a room grows with the square */
    RATE_PER_SECOND = 10,
    RATE_BURST = 30,
    STRIKES_MAX = 50, /* refused lines in a row; then they are no accident */
    LINE_BYTES_MAX = CHAT_TEXT_BYTES_MAX + 64
};

struct chat_member {
    chat_room *room;
    naru_conn *conn;
    chat_member *previous;
    chat_member *next;
    uint32_t id;
    uint32_t credit; /* thousandths of a line */
    uint32_t strikes;
    uint64_t credit_ms; /* when credit was last counted */
    char name[CHAT_NAME_BYTES_MAX + 1];
};

/* What a member hears: a verb, a number of a member, and text. */
typedef struct chat_saying {
    char data[LINE_BYTES_MAX];
    size_t size;
} chat_saying;

static void compose(chat_saying *saying, const char *verb, uint32_t id, naru_span text)
{
    int head = snprintf(saying->data, sizeof saying->data, "%s %lu ", verb, (unsigned long)id);
    size_t head_bytes = head > 0 ? (size_t)head : 0;
    size_t room = sizeof saying->data - head_bytes;
    size_t text_bytes = text.size < room ? text.size : room;
    if (text_bytes > 0) {
        memcpy(saying->data + head_bytes, text.data, text_bytes);
    }
    /* A verb without text ends with its number. */
    saying->size = text.size == 0 ? head_bytes - 1 : head_bytes + text_bytes;
}

static void tell(naru_conn *conn, const chat_saying *saying)
{
    /* Who reads too slowly is closed by the queue's policy; nobody else waits for them. */
    (void)naru_conn_send(conn, NARU_WS_TEXT, (naru_span){(const uint8_t *)saying->data, saying->size}, NARU_WS_VALID);
}

static void tell_text(naru_conn *conn, const char *text)
{
    (void)naru_conn_send(conn, NARU_WS_TEXT, naru_span_of(text), NARU_WS_VALID);
}

static void tell_all(const chat_room *room, const chat_saying *saying)
{
    for (chat_member *member = room->first; member; member = member->next) {
        tell(member->conn, saying);
    }
}

static void tell_all_of(const chat_member *member, const char *verb, naru_span text)
{
    chat_saying saying;
    compose(&saying, verb, member->id, text);
    tell_all(member->room, &saying);
}

/* ---- coming and going
 * ------------------------------------------------------------------------------------------ */

static void greet(const chat_member *newcomer)
{
    chat_saying saying;
    compose(&saying, "hello", newcomer->id, naru_span_of(newcomer->name));
    tell(newcomer->conn, &saying);
    for (chat_member *member = newcomer->room->first; member; member = member->next) {
        if (member != newcomer) {
            compose(&saying, "here", member->id, naru_span_of(member->name));
            tell(newcomer->conn, &saying);
        }
    }
}

static void enter(chat_room *room, chat_member *member)
{
    member->next = room->first;
    if (room->first) {
        room->first->previous = member;
    }
    room->first = member;
    room->members++;
}

static void leave(chat_member *member)
{
    chat_room *room = member->room;
    if (member->previous) {
        member->previous->next = member->next;
    } else {
        room->first = member->next;
    }
    if (member->next) {
        member->next->previous = member->previous;
    }
    room->members--;
}

static void on_open(naru_conn *conn, void *user)
{
    chat_room *room = user;
    naru_conn_set_user(conn, NULL);
    chat_member *member = room->members < MEMBERS_MAX ? calloc(1, sizeof *member) : NULL;
    if (!member) {
        (void)naru_conn_close(conn, 1013, naru_span_of("the room is full"));
        return;
    }
    member->room = room;
    member->conn = conn;
    member->id = ++room->next_id;
    member->credit = RATE_BURST * 1000;
    member->credit_ms = naru_loop_now_ms(naru_conn_loop(conn));
    snprintf(member->name, sizeof member->name, "guest-%lu", (unsigned long)member->id);
    naru_conn_set_user(conn, member);
    tell_all_of(member, "join", naru_span_of(member->name));
    enter(room, member);
    greet(member);
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    chat_member *member = user;
    (void)conn;
    (void)info;
    if (!member) {
        return;
    }
    leave(member);
    tell_all_of(member, "leave", (naru_span){0});
    free(member);
}

/* ---- what is said
 * ---------------------------------------------------------------------------------------------- */

static bool spend_credit(chat_member *member)
{
    uint64_t now_ms = naru_loop_now_ms(naru_conn_loop(member->conn));
    uint64_t earned = (now_ms - member->credit_ms) * RATE_PER_SECOND;
    member->credit_ms = now_ms;
    uint64_t credit = member->credit + earned;
    member->credit = credit > RATE_BURST * 1000 ? RATE_BURST * 1000 : (uint32_t)credit;
    if (member->credit < 1000) {
        return false;
    }
    member->credit -= 1000;
    return true;
}

static void refuse(chat_member *member, const char *text)
{
    member->strikes++;
    if (member->strikes > STRIKES_MAX) {
        (void)naru_conn_close(member->conn, 1008, naru_span_of("too many lines were refused"));
    } else {
        tell_text(member->conn, text);
    }
}

static void rename_member(chat_member *member, naru_span name)
{
    memcpy(member->name, name.data, name.size);
    member->name[name.size] = '\0';
    tell_all_of(member, "name", name);
}

static void answer_ping(const chat_member *member, naru_span token)
{
    char pong[CHAT_TOKEN_BYTES_MAX + 8];
    snprintf(pong, sizeof pong, "pong %.*s", (int)token.size, (const char *)token.data);
    tell_text(member->conn, pong);
}

static void follow(chat_member *member, const chat_line *line)
{
    member->strikes = 0;
    switch (line->verb) {
    case CHAT_NAME:
        rename_member(member, line->value);
        break;
    case CHAT_SAY:
        tell_all_of(member, "say", line->value);
        break;
    case CHAT_PING:
        answer_ping(member, line->value);
        break;
    }
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    chat_member *member = user;
    chat_line line;
    if (!member) {
        return;
    }
    if (kind != NARU_WS_TEXT) {
        (void)naru_conn_close(conn, 1003, naru_span_of("the chat takes text only"));
        return;
    }
    if (!spend_credit(member)) {
        refuse(member, "error rate too fast: 10 lines a second");
        return;
    }
    switch (chat_line_read(data, &line)) {
    case CHAT_GOOD:
        follow(member, &line);
        break;
    case CHAT_BAD:
        (void)naru_conn_close(conn, 1008, naru_span_of("not a line of the chat"));
        break;
    case CHAT_BAD_NAME:
        refuse(member, "error name a name has 1 to 32 visible characters");
        break;
    case CHAT_BAD_TEXT:
        refuse(member, "error text a message has 1 to 4000 bytes of plain text");
        break;
    }
}

const naru_ws_route chat_route = {
    .handler = {.on_open = on_open, .on_message = on_message, .on_close = on_close},
};
