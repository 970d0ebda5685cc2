/* Who looks on at the frames of a connection sees each of them, both ways, and those that naru answers by itself. */
#include "harness.h"

enum { SEEN_BYTES = 1024 };
static char seen[SEEN_BYTES];

/* "<1f5/11 " : from the peer, opcode 1, fin, 5 bytes of payload, 11 on the wire; a control frame's payload behind. */
static void on_frame(naru_conn *conn, const naru_ws_frame *frame, void *user)
{
    harness *h = user;
    CHECK(!h->conn || h->conn == conn);
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, "%s%d%s%s%s%llu/%llu%.*s ", frame->sent ? ">" : "<", frame->opcode,
             frame->fin ? "f" : "", frame->masked ? "m" : "", frame->rsv ? "r" : "",
             (unsigned long long)frame->payload_bytes, (unsigned long long)frame->wire_bytes, (int)frame->control.size,
             frame->control.size ? (const char *)frame->control.data : "");
}

static bool start(harness *h)
{
    seen[0] = '\0';
    harness_init(h);
    h->handler.on_frame = on_frame;
    return harness_start(h);
}

static void echo(harness *h, naru_span data)
{
    CHECK_EQ(naru_conn_send(h->conn, NARU_WS_BINARY, data, 0), NARU_OK);
}

TEST(messages_both_ways)
{
    static const char text[300];
    harness h;
    REQUIRE(start(&h));
    h.on_message = echo;
    peer_frame(&h, 2, "hello", 5);
    peer_frame(&h, 2, text, sizeof text);
    CHECK(turn_until(&h, 'M', 2));
    CHECK_STR(seen, "<2fm5/11 >2f5/7 <2fm300/308 >2f300/304 ");
    harness_end(&h);
}

TEST(fragments_and_what_is_answered_by_itself)
{
    harness h;
    REQUIRE(start(&h));
    peer_write(&h, "\x01\x81\0\0\0\0a" /* text, not the end */, 7);
    peer_frame(&h, 9, "hi", 2);
    peer_frame(&h, 0, "b", 1);
    peer_frame(&h, 8, "\x0f\xa1z", 3);
    CHECK(turn_until(&h, 'M', 1));
    settle(&h);
    CHECK_STR(seen, "<1m1/7 <9fm2/8hi >10f2/4hi <0fm1/7 <8fm3/9\x0f\xa1z >8f3/5\x0f\xa1z ");
    harness_end(&h);
}

/* A frame that breaks a rule in its head is none: the Close that it earns is seen. */
TEST(the_close_of_a_failure)
{
    harness h;
    REQUIRE(start(&h));
    peer_frame(&h, 3, "?", 1);
    settle(&h);
    CHECK(strncmp(seen, ">8f", 3) == 0);
    CHECK(strstr(seen, "opcode that is not defined"));
    harness_end(&h);
}

TEST(parts_pings_and_large_payloads)
{
    static uint8_t large[40000];
    harness h;
    REQUIRE(start(&h));
    CHECK_EQ(naru_conn_send_part(h.conn, NARU_WS_TEXT, naru_span_of("ab"), false, 0), NARU_OK);
    CHECK_EQ(naru_conn_ping(h.conn, naru_span_of("p")), NARU_OK);
    CHECK_EQ(naru_conn_send_part(h.conn, NARU_WS_TEXT, naru_span_of("c"), true, 0), NARU_OK);
    CHECK_EQ(naru_conn_send(h.conn, NARU_WS_TEXT, naru_span_of("\xff"), 0), NARU_ERR_UTF8);
    CHECK(naru_conn_send(h.conn, NARU_WS_BINARY, (naru_span){large, sizeof large}, 0) >= 0);
    CHECK_EQ(naru_conn_close(h.conn, 1000, naru_span_of("x")), NARU_OK);
    CHECK_STR(seen, ">1"
                    "2/4 >9f1/3p >0f1/3 >2f40000/40004 >8f3/5\x03\xe8x ");
    harness_end(&h);
}

static void not_here(naru_ws *ws, const naru_ws_frame *frame, void *user)
{
    (void)ws, (void)frame, (void)user;
}

TEST(a_session_alone_may_not_be_looked_at_through_a_connection)
{
    naru_conn_options options = {0};
    CHECK_EQ(naru__conn_options_fill(&options), NARU_OK);
    CHECK_EQ(naru__conn_options_fill(&options), NARU_OK); /* twice changes nothing */
    naru_conn_options own = {.ws.on_frame = not_here};
    CHECK_EQ(naru__conn_options_fill(&own), NARU_ERR_ARGUMENT);
}

TEST_MAIN({"messages both ways", messages_both_ways},
          {"fragments and what is answered by itself", fragments_and_what_is_answered_by_itself},
          {"the close of a failure", the_close_of_a_failure},
          {"parts, pings and large payloads", parts_pings_and_large_payloads},
          {"a session alone may not be looked at through a connection",
           a_session_alone_may_not_be_looked_at_through_a_connection})
