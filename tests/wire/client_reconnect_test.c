/* A client that comes back: servers that go down and up and say no, pauses, what is sent meanwhile, tokens that run
 * out, freeing and closing at any time.
 *
 * Not for: one connection (client_life_test.c). */
#include "client/reconnect.h"
#include "unit/failing_allocator.h"
#include "wire/bank_rig.h"

static bank at;
static naru_reconnector *reconnector;
static naru_reconnect_loss last; /* its pointers are dead */
static const char *free_where;   /* the callback that frees it; NULL: none */

static void maybe_free(const char *where)
{
    if (free_where && strcmp(where, free_where) == 0) {
        bank_note(&at, "freed in %s", where);
        naru_reconnector_free(reconnector);
        reconnector = NULL;
    }
}

static void on_open(naru_client *client, void *user)
{
    (void)user;
    CHECK(naru_reconnector_client(reconnector) == client);
    bank_note(&at, "open");
    maybe_free("open");
}
static void on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    (void)client, (void)kind, (void)user;
    bank_note(&at, "got %.*s", data.size < 40 ? (int)data.size : 40, data.size ? (const char *)data.data : "");
}
static void on_drain(naru_client *client, void *user)
{
    (void)client, (void)user;
    bank_note(&at, "drain");
}
static void on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    (void)client, (void)user, (void)failure;
    bank_note(&at, "error");
    maybe_free("error");
}
static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    (void)client, (void)user;
    bank_note(&at, "close %u", info->code);
    maybe_free("close");
}
static void on_up(naru_reconnector *self, void *user)
{
    (void)user;
    CHECK_EQ(naru_reconnector_state(self), NARU_RECONNECT_UP);
    bank_note(&at, "up");
    maybe_free("up");
}
static void on_down(naru_reconnector *self, const naru_reconnect_loss *loss, void *user)
{
    (void)user;
    CHECK_EQ(naru_reconnector_state(self), NARU_RECONNECT_WAITING);
    last = *loss;
    bank_note(&at, "down %u", loss->attempts);
    maybe_free("down");
}
static void on_giving_up(naru_reconnector *self, const naru_reconnect_loss *loss, void *user)
{
    static const char *const ends[] = {"closed", "unwise", "attempts", "refused"};
    (void)user;
    CHECK_EQ(naru_reconnector_state(self), NARU_RECONNECT_OVER);
    last = *loss;
    bank_note(&at, "over: %s", ends[loss->end]);
    maybe_free("over");
}

static const naru_reconnect_handler handler = {.on_up = on_up,
                                               .on_down = on_down,
                                               .on_giving_up = on_giving_up,
                                               .client = {.on_open = on_open,
                                                          .on_message = on_message,
                                                          .on_drain = on_drain,
                                                          .on_error = on_error,
                                                          .on_close = on_close}};

static bool begin(naru_reconnect_options options, const naru_reconnect_handler *own)
{
    free_where = NULL;
    options.target.url = at.url;
    options.delay_min_ms = options.delay_min_ms ? options.delay_min_ms : 1;
    options.delay_max_ms = options.delay_max_ms ? options.delay_max_ms : 4;
    return naru_reconnector_new(at.loop, &options, own ? own : &handler, &at, &reconnector) == NARU_OK;
}

static void end(void)
{
    naru_reconnector_free(reconnector);
    reconnector = NULL;
    bank_stop(&at);
}

static naru_status say(const char *text)
{
    return naru_reconnector_send(reconnector, NARU_WS_TEXT, naru_span_of(text), 0);
}

/* ---- down and up -------------------------------------------------------------------------------------------- */

TEST(comes_back_with_what_was_sent_meanwhile_in_order)
{
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, NULL));
    CHECK_EQ(naru_reconnector_state(reconnector), NARU_RECONNECT_CONNECTING);
    CHECK_EQ(say("before"), NARU_OK);
    CHECK(bank_wait(&at, "got before"));
    bank_down(&at);
    CHECK(bank_wait(&at, "down 0"));
    CHECK(last.was_up);
    CHECK_EQ(say("one"), NARU_OK);
    CHECK(bank_wait(&at, "down 2")); /* nobody listens */
    CHECK(!last.was_up);
    CHECK_EQ(last.unsent, 1);
    CHECK_EQ(say("two"), NARU_OK);
    CHECK_EQ(naru_reconnector_offline_bytes(reconnector), 6);
    at.log[0] = '\0';
    REQUIRE(bank_up(&at));
    CHECK(bank_wait(&at, "got two"));
    CHECK_EQ(naru_reconnector_offline_bytes(reconnector), 0);
    CHECK(strstr(at.log, "open;up;") && strstr(at.log, "S one;S two"));
    CHECK_EQ(say("three"), NARU_OK);
    CHECK(bank_wait(&at, "got three"));
    end();
}

TEST(a_connection_that_lasts_starts_anew)
{
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){.stable_ms = 60000}, NULL));
    CHECK(bank_wait(&at, "up"));
    for (unsigned i = 0; i < 3; i++) {
        at.log[0] = '\0';
        CHECK_EQ(say("close 1012"), NARU_OK);
        CHECK(bank_wait(&at, "up"));
        CHECK_EQ(last.attempts, i); /* too short each time */
    }
    end();
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){.stable_ms = 1}, NULL));
    CHECK(bank_wait(&at, "up"));
    for (unsigned i = 0; i < 3; i++) {
        uint64_t since_ms = naru_loop_now_ms(at.loop);
        while (naru_loop_now_ms(at.loop) < since_ms + 2) {
            CHECK_EQ(naru_loop_turn(at.loop, 1), NARU_OK);
        }
        at.log[0] = '\0';
        CHECK_EQ(say("close 1012"), NARU_OK);
        CHECK(bank_wait(&at, "up"));
        CHECK_EQ(last.attempts, 0);
    }
    end();
}

/* ---- whether ------------------------------------------------------------------------------------------------ */

typedef struct wise_case {
    int answer;
    const char *close; /* what the server is asked to close with; NULL: the answer counts */
    bool wise;
} wise_case;

TEST(what_is_tried_again)
{
    static const wise_case cases[] = {
        {403, NULL, false},      {404, NULL, false},       {429, NULL, true},        {500, NULL, true},
        {503, NULL, true},       {200, NULL, false},       {408, NULL, true},        {0, "close 1000", false},
        {0, "close 1001", true}, {0, "close 1002", false}, {0, "close 1008", false}, {0, "close 1011", true},
        {0, "close 1012", true}, {0, "close 1013", true},  {0, "close 3000", true},  {0, "close 4999", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        REQUIRE(bank_start(&at) && begin((naru_reconnect_options){.delay_min_ms = 60000, .delay_max_ms = 60000}, NULL));
        at.answer = cases[i].answer;
        if (cases[i].close) {
            CHECK_EQ(say(cases[i].close), NARU_OK);
        }
        CHECK(bank_wait(&at, cases[i].wise ? "down 0" : "over: unwise"));
        CHECK_EQ(last.close != NULL, true);
        end();
    }
}

static bool never(naru_reconnector *self, const naru_reconnect_loss *loss, void *user)
{
    (void)self, (void)user;
    CHECK_EQ(loss->close->code, 1012);
    CHECK(!loss->failure);
    return false;
}

TEST(the_application_may_know_better)
{
    naru_reconnect_handler own = handler;
    own.should_retry = never;
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, &own));
    CHECK_EQ(say("close 1012"), NARU_OK);
    CHECK(bank_wait(&at, "over: unwise"));
    CHECK_EQ(say("x"), NARU_END);
    CHECK(!strstr(at.log, "down"));
    end();
}

TEST(attempts_have_an_end)
{
    REQUIRE(bank_start(&at));
    bank_down(&at);
    REQUIRE(begin((naru_reconnect_options){.attempts_max = 3}, NULL));
    CHECK_EQ(say("lost"), NARU_OK);
    CHECK(bank_wait(&at, "over: attempts"));
    CHECK_STR(at.log, "error;close 1006;down 0;error;close 1006;down 1;error;close 1006;down 2;error;close 1006;"
                      "over: attempts");
    CHECK_EQ(last.unsent, 1);
    CHECK_EQ(last.unsent_bytes, 4);
    CHECK_EQ(naru_reconnector_offline_bytes(reconnector), 0);
    bank_settle(&at);
    end();
}

/* ---- when --------------------------------------------------------------------------------------------------- */

TEST(pauses_grow_to_their_limit)
{
    naru_reconnect_options options = {.delay_min_ms = 100, .delay_max_ms = 1000};
    static const uint32_t doubled[] = {100, 200, 400, 800, 1000, 1000};
    static const uint32_t slowly[] = {100, 150, 225, 337, 505, 757, 1000};
    REQUIRE(naru__reconnect_options_fill(&options) == NARU_OK);
    for (uint32_t n = 0; n < 6; n++) {
        CHECK_EQ(naru__reconnect_ceiling_ms(&options, n), doubled[n]);
    }
    options.factor_percent = 150;
    for (uint32_t n = 0; n < 7; n++) {
        CHECK_EQ(naru__reconnect_ceiling_ms(&options, n), slowly[n]);
    }
    CHECK_EQ(naru__reconnect_ceiling_ms(&options, UINT32_MAX), 1000);
    options.factor_percent = 100;
    CHECK_EQ(naru__reconnect_ceiling_ms(&options, UINT32_MAX), 100);
    options = (naru_reconnect_options){.delay_min_ms = 1, .delay_max_ms = UINT32_MAX, .factor_percent = UINT32_MAX};
    CHECK_EQ(naru__reconnect_ceiling_ms(&options, 9), UINT32_MAX);
}

TEST(pauses_are_drawn_evenly_and_in_bounds)
{
    naru_reconnect_options options = {.delay_min_ms = 10, .delay_max_ms = 1000};
    REQUIRE(naru__reconnect_options_fill(&options) == NARU_OK);
    CHECK_EQ(naru__reconnect_draw_ms(&options, 1, 0), 10);
    CHECK_EQ(naru__reconnect_draw_ms(&options, 1, 10), 20);
    CHECK_EQ(naru__reconnect_draw_ms(&options, 1, 11), 10);
    CHECK_EQ(naru__reconnect_draw_ms(&options, 9, 990), 1000);
    CHECK_EQ(naru__reconnect_draw_ms(&options, 9, 991), 10);
    options.delay_min_ms = 0;
    options.delay_max_ms = UINT32_MAX;
    CHECK_EQ(naru__reconnect_draw_ms(&options, 9, UINT64_MAX), 0);
}

TEST(options_out_of_range)
{
    naru_reconnector *none = NULL;
    static const naru_reconnect_options bad[] = {
        {.factor_percent = 99}, {.delay_min_ms = 5, .delay_max_ms = 4}, {.offline_policy = (naru_offline_policy)3}};
    REQUIRE(bank_start(&at));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(naru_reconnector_new(at.loop, &bad[i], &handler, NULL, &none), NARU_ERR_ARGUMENT);
    }
    bank_stop(&at);
}

TEST(what_retry_after_says)
{
    static const struct {
        const char *value;
        uint32_t ms;
    } cases[] = {{"0", 0},
                 {"7", 7000},
                 {"300", 300000},
                 {"301", 300000},
                 {"99999999999999999999999999", 300000},
                 {"", 0},
                 {"-1", 0},
                 {"7s", 0},
                 {"Sun, 06 Nov 1994 08:49:37 GMT", 10000},
                 {"Sun, 06 Nov 1994 08:49:27 GMT", 0},
                 {"Sun, 06 Nov 1994 08:00:00 GMT", 0},
                 {"Mon, 07 Nov 1994 08:49:37 GMT", 300000},
                 {"Sun Nov  6 08:49:37 1994", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_EQ(naru__reconnect_retry_after_ms(naru_span_of(cases[i].value), 784111767, 300000), cases[i].ms);
    }
}

/* The pause is not slept through: the application may cut it short. */
TEST(a_busy_server_is_heeded)
{
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, NULL));
    at.answer = 503;
    at.retry_after = "120";
    CHECK(bank_wait(&at, "down 0"));
    CHECK_EQ(last.retry_after_ms, 120000);
    CHECK(last.delay_ms >= 120001 && last.delay_ms <= 120004);
    bank_settle(&at);
    CHECK_EQ(at.asked, 1);
    at.answer = 0;
    naru_reconnector_retry(reconnector);
    naru_reconnector_retry(reconnector);
    CHECK(bank_wait(&at, "up"));
    CHECK_EQ(at.asked, 2);
    naru_reconnector_retry(reconnector); /* nothing to hurry */
    bank_settle(&at);
    CHECK_EQ(at.asked, 2);
    end();
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, NULL));
    at.answer = 500;
    at.retry_after = "120"; /* says nothing with this status */
    CHECK(bank_wait(&at, "down 1"));
    CHECK_EQ(last.retry_after_ms, 0);
    end();
}

/* ---- where to ----------------------------------------------------------------------------------------------- */

static unsigned tokens;
static naru_status attempt_status;

static naru_status on_attempt(naru_reconnector *self, naru_reconnect_target *target, void *user)
{
    static char value[32];
    static naru_http_field field;
    (void)self, (void)user;
    bank_note(&at, "attempt %u", ++tokens);
    snprintf(value, sizeof value, "Bearer %u", tokens);
    field = (naru_http_field){.name = naru_span_of("Authorization"), .value = naru_span_of(value)};
    target->options.fields = &field;
    target->options.fields_count = 1;
    return attempt_status;
}

TEST(a_fresh_token_for_each_attempt)
{
    naru_reconnect_handler own = handler;
    own.on_attempt = on_attempt;
    tokens = 0;
    attempt_status = NARU_OK;
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, &own));
    CHECK(bank_wait(&at, "up"));
    CHECK_STR(at.token, "Bearer 1");
    at.log[0] = '\0';
    CHECK_EQ(say("close 4001"), NARU_OK);
    CHECK(bank_wait(&at, "up"));
    CHECK_STR(at.token, "Bearer 2");
    CHECK_EQ(naru_client_state(naru_reconnector_client(reconnector)), NARU_OPEN);
    end();
}

TEST(a_token_that_comes_later)
{
    naru_reconnect_handler own = handler;
    own.on_attempt = on_attempt;
    tokens = 0;
    attempt_status = NARU_MORE;
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, &own));
    bank_settle(&at);
    CHECK_STR(at.log, "attempt 1");
    CHECK_EQ(naru_reconnector_state(reconnector), NARU_RECONNECT_WAITING);
    CHECK_EQ(naru_loop_wait_ms(at.loop), UINT32_MAX); /* nothing hurries it */
    attempt_status = NARU_OK;
    naru_reconnector_retry(reconnector);
    CHECK(bank_wait(&at, "up"));
    CHECK_EQ(at.asked, 1);
    CHECK_EQ(say("close 1012"), NARU_OK);
    CHECK(bank_wait(&at, "down 0"));
    end();
}

TEST(no_token_and_no_url)
{
    naru_reconnect_handler own = handler;
    own.on_attempt = on_attempt;
    tokens = 0;
    attempt_status = NARU_ERR_REFUSED;
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, &own));
    CHECK(bank_wait(&at, "over: refused"));
    CHECK_STR(at.log, "attempt 1;over: refused");
    CHECK(last.failure && !last.close);
    naru_reconnector_free(reconnector);
    at.log[0] = '\0';
    snprintf(at.url, sizeof at.url, "ftp://x/");
    REQUIRE(begin((naru_reconnect_options){0}, NULL));
    CHECK(bank_wait(&at, "over: refused"));
    CHECK_STR(at.log, "over: refused");
    end();
}

/* ---- what waits --------------------------------------------------------------------------------------------- */

TEST(a_full_queue_refuses)
{
    naru_reconnect_options options = {.offline_bytes_max = 8, .offline_messages_max = 3};
    REQUIRE(bank_start(&at) && begin(options, NULL));
    CHECK_EQ(say("aaaa"), NARU_OK);
    CHECK_EQ(say("bbbb"), NARU_FULL);
    CHECK_EQ(say("c"), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_reconnector_send(reconnector, NARU_WS_TEXT, naru_span_of("\xff"), 0), NARU_ERR_UTF8);
    CHECK_EQ(naru_reconnector_send(reconnector, (naru_ws_kind)9, naru_span_of("x"), 0), NARU_ERR_ARGUMENT);
    CHECK(bank_wait(&at, "got bbbb"));
    CHECK(strstr(at.log, "up;drain"));
    CHECK(strstr(at.log, "S aaaa;S bbbb"));
    end();
    REQUIRE(bank_start(&at) && begin(options, NULL));
    CHECK_EQ(say("larger than all of it"), NARU_FULL);
    CHECK_EQ(say(""), NARU_ERR_TOO_BIG);
    end();
    REQUIRE(bank_start(&at) && begin(options, NULL));
    CHECK_EQ(say(""), NARU_OK);
    CHECK_EQ(say(""), NARU_FULL);
    CHECK_EQ(say(""), NARU_FULL);
    CHECK_EQ(say(""), NARU_ERR_TOO_BIG);
    end();
}

TEST(a_full_queue_drops_its_oldest)
{
    naru_reconnect_options options = {.offline_bytes_max = 8, .offline_policy = NARU_OFFLINE_DROP_OLDEST};
    REQUIRE(bank_start(&at) && begin(options, NULL));
    CHECK_EQ(say("aaaa"), NARU_OK);
    CHECK_EQ(say("bbb"), NARU_FULL);
    CHECK_EQ(say("cccc"), NARU_FULL);
    CHECK_EQ(say("d"), NARU_FULL);
    CHECK(bank_wait(&at, "got d"));
    CHECK(strstr(at.log, "S bbb;S cccc;S d") && !strstr(at.log, "aaaa"));
    CHECK_EQ(say("close 1012"), NARU_OK);
    CHECK(bank_wait(&at, "down 0"));
    CHECK_EQ(last.dropped, 1);
    end();
}

TEST(nothing_is_kept)
{
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){.offline_policy = NARU_OFFLINE_NOTHING}, NULL));
    CHECK_EQ(say("x"), NARU_ERR_STATE);
    CHECK(bank_wait(&at, "up"));
    CHECK_EQ(say("y"), NARU_OK);
    CHECK(bank_wait(&at, "got y"));
    end();
}

/* More than the connection's own queue takes at once: the rest goes when there is room, in order. */
TEST(what_waits_meets_a_small_queue)
{
    static char text[3000];
    naru_reconnect_options options = {
        .target.options.conn = {.queue_bytes_max = 4000, .queue_policy = NARU_QUEUE_REFUSE}};
    REQUIRE(bank_start(&at));
    at.quiet = true;
    REQUIRE(begin(options, NULL));
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%02d ", i);
        memset(text + 3, 'x', sizeof text - 4);
        CHECK_EQ(say(text), NARU_OK);
    }
    CHECK(bank_wait(&at, "S 19 "));
    const char *from = at.log;
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "S %02d x", i);
        from = strstr(from, text);
        REQUIRE(from);
    }
    CHECK_EQ(naru_reconnector_offline_bytes(reconnector), 0);
    end();
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

TEST(closed_at_any_time)
{
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, NULL));
    CHECK_EQ(naru_reconnector_close(reconnector, 1000, naru_span_of("")), NARU_OK); /* before the first attempt */
    CHECK_EQ(naru_reconnector_close(reconnector, 1000, naru_span_of("")), NARU_OK);
    CHECK_EQ(say("x"), NARU_END);
    CHECK(bank_wait(&at, "over"));
    CHECK_STR(at.log, "over: closed");
    end();
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, NULL));
    CHECK_EQ(naru_loop_turn(at.loop, 0), NARU_OK); /* connecting */
    CHECK_EQ(naru_reconnector_close(reconnector, 1000, naru_span_of("")), NARU_OK);
    CHECK(bank_wait(&at, "over"));
    CHECK(strstr(at.log, "error;close 1006;over: closed"));
    end();
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, NULL));
    CHECK(bank_wait(&at, "up"));
    CHECK_EQ(naru_reconnector_close(reconnector, 999, naru_span_of("")), NARU_ERR_ARGUMENT);
    CHECK_EQ(say("still"), NARU_OK);
    CHECK_EQ(naru_reconnector_close(reconnector, 4000, naru_span_of("bye")), NARU_OK);
    CHECK(bank_wait(&at, "over: closed") && bank_wait(&at, "S closed"));
    CHECK(strstr(at.log, "S still") && strstr(at.log, "S closed 4000") && strstr(at.log, "close 4000"));
    CHECK(!strstr(at.log, "down"));
    end();
    REQUIRE(bank_start(&at) && begin((naru_reconnect_options){.delay_min_ms = 60000, .delay_max_ms = 60000}, NULL));
    at.answer = 503;
    CHECK(bank_wait(&at, "down 0"));
    CHECK_EQ(naru_reconnector_close(reconnector, 1000, naru_span_of("")), NARU_OK); /* in a pause */
    CHECK(bank_wait(&at, "over: closed"));
    bank_settle(&at);
    CHECK(!strstr(strstr(at.log, "over") + 1, "over"));
    end();
}

typedef struct free_case {
    const char *where;
    int answer;
    const char *said;
} free_case;

TEST(freed_in_any_callback)
{
    static const free_case cases[] = {
        {"open", 0, "x"},         {"up", 0, "x"},     {"close", 0, "close 1012"}, {"close", 503, "x"},
        {"error", 503, "x"},      {"down", 503, "x"}, {"over", 403, "x"},         {"over", 0, "close 1000"},
        {"down", 0, "close 1012"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "freed in %s", cases[i].where);
        REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, NULL));
        free_where = cases[i].where;
        at.answer = cases[i].answer;
        CHECK_EQ(say(cases[i].said), NARU_OK);
        CHECK(bank_wait(&at, wanted));
        CHECK(!reconnector);
        bank_settle(&at);
        CHECK(strcmp(strstr(at.log, wanted), wanted) == 0 ||
              strncmp(strstr(at.log, wanted) + strlen(wanted), ";S", 2) == 0);
        end();
    }
}

TEST(freed_from_outside_at_any_turn)
{
    for (int turns = 0; turns < 30; turns++) {
        REQUIRE(bank_start(&at) && begin((naru_reconnect_options){0}, NULL));
        CHECK(say("close 1012") >= 0);
        for (int i = 0; i < turns; i++) {
            CHECK_EQ(naru_loop_turn(at.loop, 2), NARU_OK);
        }
        end();
    }
}

/* Whatever runs out of memory ends or is tried again; nothing leaks, nothing breaks. */
TEST(each_allocation_fails_once)
{
    for (size_t n = 1; n < 2000; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        memset(&at, 0, sizeof at);
        snprintf(at.address, sizeof at.address, "127.0.0.1:0");
        at.loop = naru_loop_new(&(naru_loop_options){.allocator = &memory.allocator});
        REQUIRE(at.loop && bank_up(&at));
        memory.calls = 0;
        memory.fail_at = n;
        if (begin((naru_reconnect_options){.attempts_max = 3, .delay_max_ms = 1}, NULL)) {
            (void)say("hello");
            uint64_t end_ms = naru_loop_now_ms(at.loop) + BANK_PATIENCE_MS;
            while (!strstr(at.log, "over") && !strstr(at.log, "got hello") && !strstr(at.log, "up") &&
                   naru_loop_now_ms(at.loop) < end_ms) {
                (void)naru_loop_turn(at.loop, 5);
            }
            CHECK(at.log[0] != '\0');
        }
        bool failed = memory.failed;
        end();
        CHECK_EQ(memory.live_bytes, 0);
        if (!failed) {
            return;
        }
    }
    CHECK(!"it never ran without a failure");
}

TEST_MAIN({"comes back with what was sent meanwhile in order", comes_back_with_what_was_sent_meanwhile_in_order},
          {"a connection that lasts starts anew", a_connection_that_lasts_starts_anew},
          {"what is tried again", what_is_tried_again},
          {"the application may know better", the_application_may_know_better},
          {"attempts have an end", attempts_have_an_end}, {"pauses grow to their limit", pauses_grow_to_their_limit},
          {"pauses are drawn evenly and in bounds", pauses_are_drawn_evenly_and_in_bounds},
          {"options out of range", options_out_of_range}, {"what retry-after says", what_retry_after_says},
          {"a busy server is heeded", a_busy_server_is_heeded},
          {"a fresh token for each attempt", a_fresh_token_for_each_attempt},
          {"a token that comes later", a_token_that_comes_later}, {"no token and no url", no_token_and_no_url},
          {"a full queue refuses", a_full_queue_refuses},
          {"a full queue drops its oldest", a_full_queue_drops_its_oldest}, {"nothing is kept", nothing_is_kept},
          {"what waits meets a small queue", what_waits_meets_a_small_queue},
          {"closed at any time", closed_at_any_time}, {"freed in any callback", freed_in_any_callback},
          {"freed from outside at any turn", freed_from_outside_at_any_turn},
          {"each allocation fails once", each_allocation_fails_once})
