/* Recovery: who may come back, what was missed, what is forgotten. The time is an argument. */
#include "socketio/recovery.h"

#include "unit/check.h"
#include "unit/failing_allocator.h"

static naru__sio_recovery *fresh(const naru__sio_recovery_options *options)
{
    naru__sio_recovery *recovery = NULL;
    CHECK_EQ(naru__sio_recovery_new(naru_span_of("e1"), options, NULL, &recovery), NARU_OK);
    return recovery;
}

/* An event to one room (NULL: to all) except for another (NULL: for none). */
static naru_status emit(naru__sio_recovery *recovery, const char *data, const char *room, const char *except,
                        uint64_t now_ms)
{
    naru_span rooms = naru_span_of(room);
    naru_span excepts = naru_span_of(except);
    naru_span attachment = naru_span_of("bytes");
    naru__sio_recovery_event event = {.data = naru_span_of(data),
                                      .attachments = &attachment,
                                      .attachments_count = 1,
                                      .rooms = &rooms,
                                      .rooms_count = room != NULL,
                                      .except = &excepts,
                                      .except_count = except != NULL};
    return naru__sio_recovery_log(recovery, &event, now_ms);
}

static int ann;
static int bob;

static naru_status save(naru__sio_recovery *recovery, uint64_t joined, uint64_t sent, void *owner, uint64_t now_ms)
{
    naru_span rooms[] = {naru_span_of("sid1"), naru_span_of("room1")};
    naru__sio_recovery_session session = {.pid = naru_span_of("pid1"),
                                          .sid = naru_span_of("sid1"),
                                          .rooms = rooms,
                                          .rooms_count = 2,
                                          .data = naru_span_of("{\"user\":1}"),
                                          .position = joined,
                                          .sent = sent};
    return naru__sio_recovery_save(recovery, &session, owner, now_ms);
}

static naru_span offset_of(const naru__sio_recovery *recovery, uint64_t position)
{
    static char text[NARU__SIO_OFFSET_BYTES_MAX];
    return (naru_span){(const uint8_t *)text, naru__sio_recovery_offset(recovery, position, text)};
}

static naru_status restore(naru__sio_recovery *recovery, naru_span offset, void *owner, uint64_t now_ms,
                           naru__sio_recovery_restored *out)
{
    return naru__sio_recovery_restore(recovery, naru_span_of("pid1"), offset, owner, now_ms, out);
}

/* What is replayed, one letter an event. */
static void check_replay(const naru__sio_recovery *recovery, const naru__sio_recovery_restored *restored,
                         const char *expected)
{
    char got[32] = "";
    size_t count = 0;
    uint64_t position = restored->after;
    naru__sio_recovery_event event;
    while (naru__sio_recovery_replay(recovery, &restored->session, &position, &event)) {
        CHECK_EQ(event.data.size, 1);
        CHECK_EQ(event.attachments_count, 1);
        CHECK_SPAN(event.attachments[0], "bytes");
        got[count++] = (char)event.data.data[0];
    }
    CHECK_STR(got, expected);
}

/* ann is there and sees `a`; then she goes at 1000. */
static naru__sio_recovery *ann_saw_a_and_went(void)
{
    naru__sio_recovery *recovery = fresh(NULL);
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    CHECK_EQ(emit(recovery, "a", NULL, NULL, 900), NARU_OK);
    CHECK_EQ(save(recovery, 0, 0, &ann, 1000), NARU_OK);
    return recovery;
}

TEST(what_was_missed_comes_again)
{
    naru__sio_recovery *recovery = ann_saw_a_and_went();
    naru__sio_recovery_restored restored;
    CHECK_EQ(emit(recovery, "b", NULL, NULL, 1001), NARU_OK);
    CHECK_EQ(emit(recovery, "c", "room1", NULL, 1002), NARU_OK);
    CHECK_EQ(emit(recovery, "d", "room2", NULL, 1003), NARU_OK);
    CHECK_EQ(emit(recovery, "e", NULL, "room1", 1004), NARU_OK);
    CHECK_EQ(emit(recovery, "f", "sid1", NULL, 1005), NARU_OK);
    CHECK_EQ(emit(recovery, "g", "room1", "sid1", 1006), NARU_OK);
    CHECK_EQ(emit(recovery, "h", "room1", "room2", 1007), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 2000, &restored), NARU_OK);
    CHECK_SPAN(restored.session.sid, "sid1");
    CHECK_SPAN(restored.session.data, "{\"user\":1}");
    CHECK_EQ(restored.session.rooms_count, 2);
    CHECK_SPAN(restored.session.rooms[1], "room1");
    check_replay(recovery, &restored, "bcfh");
    naru__sio_recovery_free(recovery);
}

TEST(offsets_are_told_apart)
{
    naru__sio_recovery *recovery = ann_saw_a_and_went();
    CHECK_SPAN(offset_of(recovery, 1), "e1.1");
    CHECK_SPAN(offset_of(recovery, UINT64_MAX), "e1.18446744073709551615");
    naru__sio_recovery_free(recovery);
    static const char *const strange[] = {
        "e1.2", "e1.99999999999999999999", "e2.1", "e1.", "e1", "e1.x", "e1.-1", "e1 1", "junk", "Q84Ua3z", "e1.1 ",
        "e11.1"};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        naru__sio_recovery_restored restored;
        recovery = ann_saw_a_and_went();
        CHECK_EQ(restore(recovery, naru_span_of(strange[i]), &bob, 1001, &restored), NARU_ERR_REFUSED);
        CHECK_SPAN(restored.session.sid, "sid1");
        CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 1001, &restored), NARU_ERR_REFUSED);
        CHECK_EQ(restored.session.sid.size, 0);
        naru__sio_recovery_free(recovery);
    }
    naru__sio_recovery *none = NULL;
    CHECK_EQ(naru__sio_recovery_new(naru_span_of(""), NULL, NULL, &none), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru__sio_recovery_new(naru_span_of("a.b"), NULL, NULL, &none), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru__sio_recovery_new(naru_span_of("012345678901234567890"), NULL, NULL, &none), NARU_ERR_ARGUMENT);
}

TEST(who_saw_no_event_comes_back_too)
{
    naru__sio_recovery *recovery = fresh(NULL);
    naru__sio_recovery_restored restored;
    CHECK_EQ(emit(recovery, "a", NULL, NULL, 1), NARU_OK);
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    uint64_t joined = naru__sio_recovery_position(recovery);
    CHECK_EQ(save(recovery, joined, joined, &ann, 10), NARU_OK);
    CHECK_EQ(emit(recovery, "b", NULL, NULL, 20), NARU_OK);
    CHECK_EQ(restore(recovery, naru_span_of(""), &bob, 30, &restored), NARU_OK);
    check_replay(recovery, &restored, "b");
    naru__sio_recovery_free(recovery);
}

/* The log has forgotten all that ann saw, but all that she missed is there. */
TEST(a_quiet_client_is_not_lost_when_the_log_moves_on)
{
    for (int known = 0; known < 2; known++) {
        naru__sio_recovery *recovery = fresh(NULL);
        naru__sio_recovery_restored restored;
        CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
        CHECK_EQ(emit(recovery, "a", NULL, NULL, 1), NARU_OK);
        CHECK_EQ(emit(recovery, "x", "others", NULL, 2), NARU_OK);
        CHECK_EQ(emit(recovery, "y", "others", NULL, 3), NARU_OK);
        CHECK_EQ(save(recovery, 0, known ? 1 : 0, &ann, 500000), NARU_OK);
        CHECK_EQ(emit(recovery, "b", NULL, NULL, 500001), NARU_OK);
        CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 500002, &restored),
                 known ? NARU_OK : NARU_ERR_REFUSED);
        if (known) {
            check_replay(recovery, &restored, "b");
        }
        naru__sio_recovery_free(recovery);
    }
}

TEST(a_ghost_lets_go_first)
{
    naru__sio_recovery *recovery = fresh(NULL);
    naru__sio_recovery_restored restored;
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    CHECK_EQ(emit(recovery, "a", NULL, NULL, 1), NARU_OK);
    CHECK_EQ(emit(recovery, "b", NULL, NULL, 2), NARU_OK); /* sent to the ghost, never seen */
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 3, &restored), NARU_ERR_STATE);
    CHECK(restored.ghost == &ann);
    CHECK_EQ(save(recovery, 0, 2, &ann, 3), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 3, &restored), NARU_OK);
    check_replay(recovery, &restored, "b");
    /* The ghost's late end takes nothing from its successor. */
    CHECK_EQ(save(recovery, 0, 2, &ann, 4), NARU_ERR_STATE);
    naru__sio_recovery_leave(recovery, naru_span_of("pid1"), &ann);
    CHECK_EQ(save(recovery, 0, 2, &bob, 5), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 2), &ann, 6, &restored), NARU_OK);
    naru__sio_recovery_free(recovery);
}

TEST(a_replay_is_not_given_twice)
{
    naru__sio_recovery *recovery = ann_saw_a_and_went();
    naru__sio_recovery_restored restored;
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 1001, &restored), NARU_OK); /* nothing was missed */
    check_replay(recovery, &restored, "");
    CHECK_EQ(save(recovery, 0, 0, &bob, 1002), NARU_OK);
    CHECK_EQ(emit(recovery, "b", NULL, NULL, 1003), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &ann, 1004, &restored), NARU_OK);
    check_replay(recovery, &restored, "b");
    CHECK_EQ(save(recovery, 0, 0, &ann, 1005), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 1006, &restored), NARU_ERR_REFUSED);
    naru__sio_recovery_free(recovery);

    recovery = ann_saw_a_and_went();
    CHECK_EQ(emit(recovery, "b", NULL, NULL, 1003), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 1004, &restored), NARU_OK);
    CHECK_EQ(save(recovery, 0, 0, &bob, 1005), NARU_OK);
    CHECK_EQ(emit(recovery, "c", NULL, NULL, 1006), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 2), &ann, 1007, &restored), NARU_OK); /* it had arrived */
    check_replay(recovery, &restored, "c");
    naru__sio_recovery_free(recovery);
}

TEST(a_session_that_was_not_let_in_is_away_again)
{
    naru__sio_recovery *recovery = fresh(NULL);
    naru__sio_recovery_restored restored;
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    CHECK_EQ(save(recovery, 0, 0, &ann, 1000), NARU_OK);
    CHECK_EQ(emit(recovery, "m", "room1", NULL, 1001), NARU_OK);
    CHECK_EQ(restore(recovery, (naru_span){0}, &bob, 2000, &restored), NARU_OK);
    naru_span rooms[] = {naru_span_of("sid1"), naru_span_of("room1")};
    restored.session.rooms = rooms;
    restored.session.pid = naru_span_of("pid1");
    restored.session.sid = naru_span_of("sid1");
    restored.session.data = naru_span_of("{\"user\":2}");
    CHECK_EQ(naru__sio_recovery_give_back(recovery, &restored.session, &ann), NARU_ERR_STATE);
    CHECK_EQ(naru__sio_recovery_give_back(recovery, &restored.session, &bob), NARU_OK);
    /* Its time runs on, and nothing was replayed: from the same place it may come again. */
    CHECK_EQ(naru__sio_recovery_expire_at_ms(recovery), 121000u);
    CHECK_EQ(restore(recovery, (naru_span){0}, &ann, 120999, &restored), NARU_OK);
    CHECK_SPAN(restored.session.data, "{\"user\":2}");
    check_replay(recovery, &restored, "m");
    naru__sio_recovery_free(recovery);
}

TEST(those_that_are_away_expire_in_their_order)
{
    naru__sio_recovery *recovery = fresh(NULL);
    naru__sio_recovery_restored restored;
    naru__sio_recovery_session session = {.pid = naru_span_of("pid2"), .sid = naru_span_of("sid2")};
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid2"), &bob), NARU_OK);
    CHECK_EQ(save(recovery, 0, 0, &ann, 1000), NARU_OK);
    CHECK_EQ(restore(recovery, (naru_span){0}, &ann, 1500, &restored), NARU_OK);
    CHECK_EQ(naru__sio_recovery_save(recovery, &session, &bob, 2000), NARU_OK);
    session.pid = naru_span_of("pid1");
    session.sid = naru_span_of("sid1");
    CHECK_EQ(naru__sio_recovery_give_back(recovery, &session, &ann), NARU_OK);
    CHECK(!naru__sio_recovery_expire(recovery, 120999, &session));
    REQUIRE(naru__sio_recovery_expire(recovery, 121000, &session));
    CHECK_SPAN(session.sid, "sid1");
    CHECK(!naru__sio_recovery_expire(recovery, 121999, &session));
    REQUIRE(naru__sio_recovery_expire(recovery, 122000, &session));
    CHECK_SPAN(session.sid, "sid2");
    naru__sio_recovery_free(recovery);
}

TEST(a_session_serves_once)
{
    naru__sio_recovery *recovery = ann_saw_a_and_went();
    naru__sio_recovery_restored restored;
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 1001, &restored), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &ann, 1001, &restored), NARU_ERR_STATE);
    CHECK(restored.ghost == &bob);
    naru__sio_recovery_leave(recovery, naru_span_of("pid1"), &bob);
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &ann, 1001, &restored), NARU_ERR_REFUSED);
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &bob), NARU_ERR_STATE);
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of(""), &bob), NARU_ERR_ARGUMENT);
    naru__sio_recovery_free(recovery);
}

TEST(sessions_and_events_expire)
{
    naru__sio_recovery *recovery = ann_saw_a_and_went();
    naru__sio_recovery_session gone;
    naru__sio_recovery_restored restored;
    CHECK_EQ(naru__sio_recovery_expire_at_ms(recovery), 120900); /* the event */
    CHECK(!naru__sio_recovery_expire(recovery, 120900, &gone));
    CHECK_EQ(naru__sio_recovery_expire_at_ms(recovery), 121000);
    CHECK(!naru__sio_recovery_expire(recovery, 120999, &gone));
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 121000, &restored), NARU_ERR_REFUSED);
    REQUIRE(naru__sio_recovery_expire(recovery, 121000, &gone));
    CHECK_SPAN(gone.pid, "pid1");
    CHECK_SPAN(gone.data, "{\"user\":1}");
    CHECK(!naru__sio_recovery_expire(recovery, 121000, &gone));
    CHECK_EQ(naru__sio_recovery_expire_at_ms(recovery), UINT64_MAX);
    naru__sio_recovery_free(recovery);
}

TEST(the_log_is_bounded)
{
    naru__sio_recovery_options few = {.events_max = 3};
    naru__sio_recovery *recovery = fresh(&few);
    naru__sio_recovery_restored restored;
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(emit(recovery, "a", NULL, NULL, 1), NARU_OK);
    }
    CHECK_EQ(save(recovery, 0, 0, &ann, 1), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 97), &bob, 1, &restored), NARU_OK);
    check_replay(recovery, &restored, "aaa");
    CHECK_EQ(save(recovery, 0, 0, &bob, 1), NARU_OK);
    CHECK_EQ(emit(recovery, "b", NULL, NULL, 1), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 96), &ann, 1, &restored), NARU_ERR_REFUSED);
    naru__sio_recovery_free(recovery);
}

TEST(an_event_that_does_not_fit_is_a_gap)
{
    naru__sio_recovery_options small = {.log_bytes_max = 400};
    naru__sio_recovery *recovery = fresh(&small);
    naru__sio_recovery_restored restored;
    static char big[500];
    memset(big, 'x', sizeof big - 1);
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    CHECK_EQ(emit(recovery, "a", NULL, NULL, 1), NARU_OK);
    CHECK_EQ(emit(recovery, big, NULL, NULL, 1), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru__sio_recovery_position(recovery), 2);
    CHECK_EQ(emit(recovery, "c", NULL, NULL, 1), NARU_OK);
    CHECK_EQ(save(recovery, 0, 0, &ann, 1), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 1), &bob, 1, &restored), NARU_ERR_REFUSED);
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    CHECK_EQ(save(recovery, 0, 0, &ann, 1), NARU_OK);
    CHECK_EQ(restore(recovery, offset_of(recovery, 2), &bob, 1, &restored), NARU_OK);
    check_replay(recovery, &restored, "c");
    naru__sio_recovery_free(recovery);
}

TEST(sessions_are_bounded)
{
    naru__sio_recovery_options one = {.sessions_max = 1};
    naru__sio_recovery *recovery = fresh(&one);
    naru__sio_recovery_session other = {.pid = naru_span_of("pid2"), .sid = naru_span_of("sid2")};
    CHECK_EQ(naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann), NARU_OK);
    CHECK_EQ(naru__sio_recovery_enter(recovery, other.pid, &bob), NARU_OK);
    CHECK_EQ(save(recovery, 0, 0, &ann, 1), NARU_OK);
    CHECK_EQ(naru__sio_recovery_save(recovery, &other, &bob, 2), NARU_ERR_TOO_MANY);
    naru__sio_recovery_restored restored;
    CHECK_EQ(naru__sio_recovery_restore(recovery, other.pid, naru_span_of(""), &bob, 2, &restored), NARU_ERR_REFUSED);
    CHECK_EQ(restore(recovery, naru_span_of(""), &bob, 2, &restored), NARU_OK);
    naru__sio_recovery_free(recovery);
}

/* Many sessions come and go: buckets grow, the list keeps its order. */
TEST(many_sessions)
{
    naru__sio_recovery *recovery = fresh(NULL);
    char pid[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(pid, sizeof pid, "p%d", i);
        naru__sio_recovery_session session = {.pid = naru_span_of(pid), .sid = naru_span_of(pid)};
        CHECK_EQ(naru__sio_recovery_enter(recovery, session.pid, &ann), NARU_OK);
        CHECK_EQ(naru__sio_recovery_save(recovery, &session, &ann, (uint64_t)i), NARU_OK);
    }
    for (int i = 1; i < 1000; i += 2) {
        snprintf(pid, sizeof pid, "p%d", i);
        naru__sio_recovery_restored restored;
        CHECK_EQ(naru__sio_recovery_restore(recovery, naru_span_of(pid), naru_span_of(""), &bob, 1000, &restored),
                 NARU_OK);
        CHECK_BYTES(restored.session.sid, naru_span_of(pid));
    }
    naru__sio_recovery_session gone;
    for (int i = 0; i < 1000; i += 2) {
        snprintf(pid, sizeof pid, "p%d", i);
        REQUIRE(naru__sio_recovery_expire(recovery, 200000, &gone));
        CHECK_BYTES(gone.pid, naru_span_of(pid));
    }
    CHECK(!naru__sio_recovery_expire(recovery, 200000, &gone));
    naru__sio_recovery_free(recovery);
}

static void live_through(naru__sio_recovery *recovery, bool *lost)
{
    naru__sio_recovery_restored restored;
    *lost = naru__sio_recovery_enter(recovery, naru_span_of("pid1"), &ann) != NARU_OK;
    for (int i = 0; i < 20; i++) {
        *lost |= emit(recovery, "a", NULL, NULL, 1) != NARU_OK;
    }
    *lost |= save(recovery, 0, 0, &ann, 1) != NARU_OK;
    naru_status status = restore(recovery, naru_span_of(""), &bob, 2, &restored);
    CHECK_EQ(status, *lost ? NARU_ERR_REFUSED : NARU_OK);
    if (status == NARU_OK) {
        check_replay(recovery, &restored, "aaaaaaaaaaaaaaaaaaaa");
    }
}

TEST(each_allocation_may_fail)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        naru__sio_recovery *recovery = NULL;
        bool lost = false;
        if (naru__sio_recovery_new(naru_span_of("e"), NULL, &memory.allocator, &recovery) == NARU_OK) {
            live_through(recovery, &lost);
            naru__sio_recovery_free(recovery);
        } else {
            lost = true;
        }
        CHECK_EQ(lost, memory.failed);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            break;
        }
    }
}

TEST_MAIN({"what was missed comes again", what_was_missed_comes_again},
          {"offsets are told apart", offsets_are_told_apart},
          {"who saw no event comes back too", who_saw_no_event_comes_back_too},
          {"a quiet client is not lost when the log moves on", a_quiet_client_is_not_lost_when_the_log_moves_on},
          {"a ghost lets go first", a_ghost_lets_go_first},
          {"a replay is not given twice", a_replay_is_not_given_twice},
          {"a session that was not let in is away again", a_session_that_was_not_let_in_is_away_again},
          {"those that are away expire in their order", those_that_are_away_expire_in_their_order},
          {"a session serves once", a_session_serves_once}, {"sessions and events expire", sessions_and_events_expire},
          {"the log is bounded", the_log_is_bounded},
          {"an event that does not fit is a gap", an_event_that_does_not_fit_is_a_gap},
          {"sessions are bounded", sessions_are_bounded}, {"many sessions", many_sessions},
          {"each allocation may fail", each_allocation_may_fail})
