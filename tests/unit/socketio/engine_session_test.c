/* One Engine.IO session event by event: what each asks to be done. The races of the upgrade, a thousand times over, are
 * in engine_upgrade_test.c. */
#include "unit/check.h"
#include "unit/failing_allocator.h"

#include "socketio/engine_session.h"

static const naru__engine_options options = {.ping_interval_ms = 300,
                                             .ping_timeout_ms = 200,
                                             .upgrade_timeout_ms = 1000,
                                             .queue_bytes_max = 1000,
                                             .queue_high_bytes = 500,
                                             .queue_low_bytes = 100};

static naru__engine_session open_session(int revision, naru__engine_way way)
{
    naru__engine_session session;
    naru__engine_session_init(&session, &options, NULL, revision, way, 0);
    return session;
}

/* What is to be done, as letters; payloads of GETs in brackets. */
static const char *done(naru__engine_session *session)
{
    static char text[8192];
    static const char letters[] = "-PSpoAEDCXF";
    size_t size = 0;
    naru__engine_action action;
    while ((action = naru__engine_session_next(session)) != NARU__ENGINE_DO_NONE) {
        text[size++] = letters[action];
        if (action == NARU__ENGINE_DO_ANSWER) {
            naru_buf out = {0};
            bool octets = false;
            CHECK_EQ(naru__engine_session_payload(session, &out, &octets), NARU_OK);
            naru_span payload = naru_buf_span(&out);
            size += (size_t)snprintf(text + size, sizeof text - size, "[%.*s]", (int)payload.size,
                                     (const char *)payload.data);
            naru_buf_deinit(&out);
        }
    }
    text[size] = 0;
    return text;
}

static naru_status hear(naru__engine_session *session, naru__engine_way way, char type, const char *data,
                        uint64_t now_ms)
{
    naru__engine_packet packet = {.type = type, .data = naru_span_of(data)};
    return naru__engine_session_packet(session, way, &packet, now_ms);
}

static naru_status say(naru__engine_session *session, size_t size)
{
    uint8_t *to = NULL;
    naru__engine_message *message = naru__engine_message_new(session->allocator, false, size, &to);
    if (!message) {
        return NARU_ERR_MEMORY;
    }
    memset(to, 'x', size);
    naru_status status = naru__engine_session_send(session, message);
    naru__engine_message_unref(message);
    return status;
}

TEST(a_get_hangs_until_there_is_a_message)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_POLLING);
    CHECK_EQ(naru__engine_session_get(&session, 1), NARU_OK);
    CHECK_STR(done(&session), "");
    CHECK_EQ(say(&session, 1), NARU_OK);
    CHECK_EQ(say(&session, 2), NARU_OK);
    CHECK_STR(done(&session), "A[4x\x1e"
                              "4xx]");
    CHECK_EQ(say(&session, 1), NARU_OK);
    CHECK_STR(done(&session), "");
    CHECK_EQ(naru__engine_session_get(&session, 2), NARU_OK);
    CHECK_STR(done(&session), "A[4x]");
    naru__engine_session_deinit(&session);
}

TEST(two_gets_end_it)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_POLLING);
    CHECK_EQ(naru__engine_session_get(&session, 1), NARU_OK);
    CHECK_EQ(naru__engine_session_get(&session, 1), NARU_ERR_STATE);
    CHECK_STR(done(&session), "A[1]CXF");
    CHECK_EQ(session.reason, NARU__ENGINE_TRANSPORT_ERROR);
    CHECK_EQ(naru__engine_session_get(&session, 1), NARU_ERR_STATE);
    CHECK_STR(done(&session), "");
}

TEST(two_posts_end_it)
{
    naru__engine_session session = open_session(3, NARU__ENGINE_POLLING);
    CHECK_EQ(naru__engine_session_post(&session), NARU_OK);
    naru__engine_session_posted(&session);
    CHECK_EQ(naru__engine_session_post(&session), NARU_OK);
    CHECK_EQ(naru__engine_session_post(&session), NARU_ERR_STATE);
    CHECK_STR(done(&session), "CXF");
}

TEST(the_client_says_goodbye)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_POLLING);
    CHECK_EQ(naru__engine_session_get(&session, 1), NARU_OK);
    CHECK_EQ(hear(&session, NARU__ENGINE_POLLING, '1', "", 1), NARU_END);
    CHECK_STR(done(&session), "A[6]CXF");
    CHECK_EQ(session.reason, NARU__ENGINE_TRANSPORT_CLOSE);
}

TEST(we_say_goodbye)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_POLLING);
    CHECK_EQ(say(&session, 1), NARU_OK);
    naru__engine_session_close(&session, NARU__ENGINE_FORCED_CLOSE, 5);
    CHECK_STR(done(&session), "C");
    CHECK_EQ(say(&session, 1), NARU_ERR_STATE);
    CHECK_EQ(naru__engine_session_get(&session, 6), NARU_OK);
    CHECK_STR(done(&session), "A[4x]");
    CHECK_EQ(naru__engine_session_get(&session, 7), NARU_OK);
    CHECK_STR(done(&session), "A[6\x1e"
                              "1]XF");
    session = open_session(4, NARU__ENGINE_POLLING);
    naru__engine_session_close(&session, NARU__ENGINE_FORCED_CLOSE, 5);
    CHECK_EQ(naru__engine_session_get(&session, 6), NARU_OK);
    CHECK_STR(done(&session), "A[6\x1e"
                              "1]CXF");
    session = open_session(4, NARU__ENGINE_POLLING);
    naru__engine_session_close(&session, NARU__ENGINE_FORCED_CLOSE, 5);
    CHECK_STR(done(&session), "C");
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 5 + NARU__ENGINE_CLOSE_MS);
    naru__engine_session_tick(&session, 5 + NARU__ENGINE_CLOSE_MS);
    CHECK_STR(done(&session), "XF");
    session = open_session(4, NARU__ENGINE_WEBSOCKET);
    naru__engine_session_close(&session, NARU__ENGINE_FORCED_CLOSE, 5);
    naru__engine_session_close(&session, NARU__ENGINE_SHUTDOWN, 5);
    CHECK_STR(done(&session), "CXF");
    CHECK_EQ(session.reason, NARU__ENGINE_FORCED_CLOSE);
}

TEST(the_server_pings_in_revision_4)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_WEBSOCKET);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 300);
    naru__engine_session_tick(&session, 299);
    CHECK_STR(done(&session), "");
    naru__engine_session_tick(&session, 300);
    CHECK_STR(done(&session), "p");
    CHECK_EQ(hear(&session, NARU__ENGINE_WEBSOCKET, '3', "", 400), NARU_MORE);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 700);
    naru__engine_session_tick(&session, 700);
    CHECK_EQ(hear(&session, NARU__ENGINE_WEBSOCKET, '4', "a", 800), NARU_OK); /* as good as an answer, once */
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 1000);
    CHECK_EQ(hear(&session, NARU__ENGINE_WEBSOCKET, '4', "a", 900), NARU_OK);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 1000);
    naru__engine_session_tick(&session, 1000);
    CHECK_STR(done(&session), "CXF");
    CHECK_EQ(session.reason, NARU__ENGINE_PING_TIMEOUT);
}

TEST(the_client_pings_in_revision_3)
{
    naru__engine_session session = open_session(3, NARU__ENGINE_POLLING);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 500);
    CHECK_EQ(hear(&session, NARU__ENGINE_POLLING, '2', "", 100), NARU_MORE);
    CHECK_EQ(hear(&session, NARU__ENGINE_POLLING, '2', "", 100), NARU_MORE);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 600);
    CHECK_EQ(naru__engine_session_get(&session, 101), NARU_OK);
    CHECK_STR(done(&session), "A[1:3]"); /* one answer to both */
    naru__engine_session_tick(&session, 600);
    CHECK_STR(done(&session), "CXF");
    session = open_session(3, NARU__ENGINE_WEBSOCKET);
    CHECK_EQ(hear(&session, NARU__ENGINE_WEBSOCKET, '2', "", 1), NARU_MORE);
    CHECK_STR(done(&session), "o");
}

/* The client's clock knows nothing of it. */
TEST(a_late_timer_gives_no_more_time)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_WEBSOCKET);
    naru__engine_session_tick(&session, 305);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 500);
    CHECK(!naru__engine_heartbeat_due(&session, 499));
    CHECK(naru__engine_heartbeat_due(&session, 500));
    CHECK(naru__engine_heartbeat_due(&session, 600));
    CHECK(!naru__engine_heartbeat_due(&session, 601)); /* this side was away: what comes now may have waited for it */
    session = open_session(4, NARU__ENGINE_WEBSOCKET);
    naru__engine_session_tick(&session, 1300);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 1500);
    naru__engine_session_tick(&session, 1500);
    CHECK(!naru__engine_heartbeat_due(&session, 1501));
}

TEST(a_heartbeat_of_the_other_revision)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_WEBSOCKET);
    CHECK_EQ(hear(&session, NARU__ENGINE_WEBSOCKET, '2', "", 1), NARU_END);
    CHECK_STR(done(&session), "CXF");
    session = open_session(3, NARU__ENGINE_WEBSOCKET);
    CHECK_EQ(hear(&session, NARU__ENGINE_WEBSOCKET, '3', "", 1), NARU_END);
    CHECK_EQ(session.reason, NARU__ENGINE_TRANSPORT_ERROR);
    session = open_session(4, NARU__ENGINE_WEBSOCKET);
    CHECK_EQ(hear(&session, NARU__ENGINE_WEBSOCKET, '3', "", 1), NARU_MORE); /* stray, and harmless */
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 300);
}

TEST(the_queue_is_bounded_and_says_so)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_POLLING);
    CHECK_EQ(say(&session, 5000), NARU_FULL); /* one of any size, alone */
    CHECK_EQ(say(&session, 1), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru__engine_session_get(&session, 1), NARU_OK);
    CHECK_EQ(done(&session)[0], 'A');
    CHECK_EQ(session.queue.bytes, 0);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(say(&session, 100), i < 3 ? NARU_OK : NARU_FULL);
    }
    CHECK_EQ(say(&session, 200), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru__engine_session_get(&session, 1), NARU_OK);
    const char *text = done(&session);
    CHECK_EQ(text[strlen(text) - 1], 'D');
    naru__engine_session_deinit(&session);
}

TEST(an_upgrade)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_POLLING);
    CHECK_EQ(naru__engine_session_get(&session, 1), NARU_OK);
    CHECK_EQ(naru__engine_session_probe(&session, 2), NARU_OK);
    CHECK_EQ(naru__engine_session_probe(&session, 2), NARU_ERR_STATE);
    CHECK_STR(done(&session), "");
    CHECK_EQ(hear(&session, NARU__ENGINE_PROBE, '2', "probe", 3), NARU_MORE);
    CHECK_STR(done(&session), "PA[6]");
    CHECK_EQ(naru__engine_session_get(&session, 4), NARU_OK);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 103);
    naru__engine_session_tick(&session, 104);
    CHECK_STR(done(&session), "A[6]");
    CHECK_EQ(say(&session, 1), NARU_OK);
    CHECK_EQ(hear(&session, NARU__ENGINE_PROBE, '5', "", 105), NARU_MORE);
    CHECK_EQ(naru__engine_session_next(&session), NARU__ENGINE_DO_SWITCH);
    naru__engine_message *queued = naru__engine_session_pop(&session);
    CHECK(queued != NULL);
    naru__engine_message_unref(queued);
    CHECK(naru__engine_session_pop(&session) == NULL);
    CHECK_EQ(naru__engine_session_get(&session, 106), NARU_ERR_STATE);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 300);
    CHECK_STR(done(&session), "");
}

TEST(a_ping_that_waits_survives_the_switch)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_POLLING);
    naru__engine_session_tick(&session, 300);
    CHECK_EQ(naru__engine_session_probe(&session, 310), NARU_OK);
    CHECK_EQ(hear(&session, NARU__ENGINE_PROBE, '2', "probe", 320), NARU_MORE);
    CHECK_EQ(hear(&session, NARU__ENGINE_PROBE, '5', "", 330), NARU_MORE);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 500);
    naru__engine_message_unref(naru__engine_session_pop(&session));
    naru__engine_session_tick(&session, 500);
    CHECK_EQ(session.reason, NARU__ENGINE_PING_TIMEOUT);
    CHECK_EQ(session.state, NARU__ENGINE_IS_CLOSED);
}

TEST(a_probe_that_comes_to_nothing)
{
    naru__engine_session session = open_session(4, NARU__ENGINE_POLLING);
    CHECK_EQ(naru__engine_session_probe(&session, 0), NARU_OK);
    CHECK_EQ(hear(&session, NARU__ENGINE_PROBE, '5', "", 1), NARU_END); /* not asked before */
    CHECK_STR(done(&session), "E");
    CHECK_EQ(naru__engine_session_probe(&session, 1), NARU_OK);
    naru__engine_session_garbled(&session, NARU__ENGINE_PROBE);
    CHECK_STR(done(&session), "E");
    CHECK_EQ(naru__engine_session_probe(&session, 2), NARU_OK);
    naru__engine_session_ended(&session, NARU__ENGINE_PROBE, false);
    CHECK_STR(done(&session), "");
    session.heartbeat_ms = 5000;
    CHECK_EQ(naru__engine_session_probe(&session, 3), NARU_OK);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 1003);
    naru__engine_session_tick(&session, 1003);
    CHECK_STR(done(&session), "E");
    CHECK_EQ(session.state, NARU__ENGINE_IS_OPEN);
    CHECK_EQ(naru__engine_session_deadline_ms(&session), 5000);
}

TEST(no_memory_ends_the_session_at_most)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        naru__engine_session session;
        failing_allocator_init(&memory, n);
        naru__engine_session_init(&session, &options, &memory.allocator, 4, NARU__ENGINE_POLLING, 0);
        for (int i = 0; i < 5; i++) {
            naru_status status = say(&session, 20);
            CHECK(status == NARU_OK || status == NARU_ERR_MEMORY);
        }
        naru__engine_session_tick(&session, 300);
        naru__engine_session_deinit(&session);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            break;
        }
    }
}

TEST_MAIN({"a GET hangs until there is a message", a_get_hangs_until_there_is_a_message},
          {"two GETs end it", two_gets_end_it}, {"two POSTs end it", two_posts_end_it},
          {"the client says goodbye", the_client_says_goodbye}, {"we say goodbye", we_say_goodbye},
          {"revision 4: the server pings", the_server_pings_in_revision_4},
          {"a late timer gives no more time", a_late_timer_gives_no_more_time},
          {"revision 3: the client pings", the_client_pings_in_revision_3},
          {"a heartbeat of the other revision", a_heartbeat_of_the_other_revision},
          {"the queue is bounded and says so", the_queue_is_bounded_and_says_so}, {"an upgrade", an_upgrade},
          {"a ping that waits survives the switch", a_ping_that_waits_survives_the_switch},
          {"a probe that comes to nothing", a_probe_that_comes_to_nothing},
          {"no memory ends the session at most", no_memory_ends_the_session_at_most})
