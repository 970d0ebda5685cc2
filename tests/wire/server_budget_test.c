/* A budget of memory: the counting allocator and its stages alone, then a server that is flooded through all of them
 * while a control connection goes on as if nothing were. */
#include "wire/server_rig.h"

enum { MAX = 100000 };

/* ---- the allocator ----------------------------------------------------------------------------------------------- */

static naru_budget *budget_new(uint64_t bytes_max)
{
    naru_budget_options options = {.bytes_max = bytes_max};
    naru_budget *budget = NULL;
    if (naru_budget_new(&options, &budget) != NARU_OK) {
        rig_die("no budget");
    }
    return budget;
}

static naru_budget_counts counts_of(const naru_budget *budget)
{
    naru_budget_counts counts;
    naru_budget_counters(budget, &counts);
    return counts;
}

static void *resize(const naru_budget *budget, void *block, size_t old_bytes, size_t new_bytes)
{
    const naru_allocator *allocator = naru_budget_allocator(budget);
    return allocator->resize(allocator->user, block, old_bytes, new_bytes);
}

TEST(stages_to_the_byte)
{
    naru_budget *budget = budget_new(MAX);
    char *block = resize(budget, NULL, 0, 69999);
    CHECK_EQ(counts_of(budget).stage, NARU_BUDGET_CALM);
    block = resize(budget, block, 69999, 70000);
    CHECK_EQ(counts_of(budget).stage, NARU_BUDGET_TIGHT);
    block = resize(budget, block, 70000, 65000);
    CHECK_EQ(counts_of(budget).stage, NARU_BUDGET_TIGHT); /* it is left where it would not begin at once again */
    block = resize(budget, block, 65000, 64999);
    CHECK_EQ(counts_of(budget).stage, NARU_BUDGET_CALM);
    block = resize(budget, block, 64999, 85000); /* over two marks at once */
    naru_budget_counts counts = counts_of(budget);
    CHECK_EQ(counts.stage, NARU_BUDGET_SCARCE);
    CHECK_EQ(counts.tight, 2u);
    CHECK_EQ(counts.scarce, 1u);
    block = resize(budget, block, 85000, MAX);
    CHECK_EQ(counts_of(budget).stage, NARU_BUDGET_SCARCE); /* all of it, and not a byte more */
    CHECK(resize(budget, block, MAX, MAX + 1) == NULL);
    CHECK(resize(budget, NULL, 0, 1) == NULL);
    counts = counts_of(budget);
    CHECK_EQ(counts.stage, NARU_BUDGET_SPENT);
    CHECK_EQ(counts.used_bytes, MAX);
    CHECK_EQ(counts.peak_bytes, MAX);
    CHECK_EQ(counts.allocations_refused, 2u);
    CHECK_EQ(counts.spent, 1u);
    block = resize(budget, block, MAX, 85000);
    CHECK_EQ(counts_of(budget).stage, NARU_BUDGET_SPENT);
    block = resize(budget, block, 85000, 84999);
    CHECK_EQ(counts_of(budget).stage, NARU_BUDGET_SCARCE);
    block = resize(budget, block, 84999, 79999);
    CHECK_EQ(counts_of(budget).stage, NARU_BUDGET_TIGHT);
    CHECK(resize(budget, block, 79999, 0) == NULL);
    counts = counts_of(budget);
    CHECK_EQ(counts.stage, NARU_BUDGET_CALM);
    CHECK_EQ(counts.used_bytes, 0u);
    CHECK(resize(budget, NULL, 0, SIZE_MAX) == NULL); /* no sum goes round */
    naru_budget_unref(budget);
}

static void *resize_never(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)user, (void)block, (void)old_bytes, (void)new_bytes;
    return NULL;
}

TEST(what_is_not_to_be_had_is_not_counted)
{
    static const naru_allocator never = {resize_never, NULL};
    naru_budget_options options = {.bytes_max = MAX, .allocator = &never};
    naru_budget *budget = NULL;
    CHECK_EQ(naru_budget_new(&options, &budget), NARU_OK);
    CHECK(resize(budget, NULL, 0, 80000) == NULL);
    CHECK_EQ(counts_of(budget).used_bytes, 0u);
    CHECK_EQ(counts_of(budget).stage, NARU_BUDGET_CALM);
    naru_budget_unref(budget);
}

TEST(options_out_of_range)
{
    static const naru_budget_options bad[] = {{0},
                                              {.bytes_max = 1, .tight_percent = 5},
                                              {.bytes_max = 1, .tight_percent = 85},
                                              {.bytes_max = 1, .scarce_percent = 70},
                                              {.bytes_max = 1, .scarce_percent = 101}};
    naru_budget *budget = NULL;
    CHECK_EQ(naru_budget_new(NULL, &budget), NARU_ERR_ARGUMENT);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(naru_budget_new(&bad[i], &budget), NARU_ERR_ARGUMENT);
    }
    CHECK(budget == NULL);
    naru_budget_unref(NULL);
}

/* ---- a flood ----------------------------------------------------------------------------------------------------- */

enum { BUDGET_BYTES = 32 << 20, SLOW = 24, PIECE_BYTES = 64 * 1024, BURST_BYTES = 4 << 20 };

typedef struct flood {
    rig at;
    naru_budget *budget;
    naru_conn *slow[SLOW];
    unsigned slow_count, closed_for_slowness, sends_without_memory;
    unsigned stages[4]; /* how often each was told */
    peer control, readers[SLOW];
} flood;

static void on_stage(naru_budget_stage stage, uint64_t used_bytes, void *user)
{
    CHECK(used_bytes <= BUDGET_BYTES);
    ((flood *)user)->stages[stage]++;
}

static void on_slow_open(naru_conn *conn, void *user)
{
    flood *self = user;
    self->slow[self->slow_count] = conn;
    naru_conn_set_user(conn, &self->slow[self->slow_count++]);
}

static flood *the_flood;

static void on_slow_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    *(naru_conn **)user = NULL;
    the_flood->closed_for_slowness += info->fault.close_code == 1013;
}

static void flood_open(flood *self)
{
    naru_server_options options = {
        .conn.queue_bytes_max = 1 << 30, .conn.ws.close_timeout_ms = 100, .conn.ws.deflate.enabled = true};
    naru_budget_options budget = {.bytes_max = BUDGET_BYTES, .on_stage = on_stage, .user = self};
    naru_ws_route slow = {.handler = {.on_open = on_slow_open, .on_close = on_slow_close}};
    *self = (flood){0};
    the_flood = self;
    REQUIRE(naru_budget_new(&budget, &self->budget) == NARU_OK);
    options.budget = self->budget;
    naru_loop_options loop = {.log = rig_log, .log_user = &self->at, .allocator = naru_budget_allocator(self->budget)};
    rig_open_on(&self->at, naru_loop_new(&loop), &options);
    rig_route_echo(&self->at, "/chat");
    CHECK_EQ(naru_server_route_ws(self->at.server, "/slow", &slow, self), NARU_OK);
    REQUIRE(peer_upgrade(&self->control, &self->at, RIG_UPGRADE("/chat")));
}

static void readers_open(flood *self)
{
    self->slow_count = 0;
    for (unsigned i = 0; i < SLOW; i++) {
        int small = 4096;
        REQUIRE(peer_upgrade(&self->readers[i], &self->at, RIG_UPGRADE("/slow")));
        setsockopt(self->readers[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
}

static void readers_close(flood *self)
{
    for (unsigned i = 0; i < SLOW; i++) {
        peer_close(&self->readers[i]);
    }
}

static bool lives(flood *self)
{
    return peer_echoes(&self->control, "still here");
}

static void pour_into(flood *self, unsigned number, size_t bytes)
{
    static uint8_t water[BURST_BYTES];
    if (self->slow[number]) {
        naru_status status = naru_conn_send(self->slow[number], NARU_WS_BINARY, (naru_span){water, bytes}, 0);
        self->sends_without_memory += status == NARU_ERR_MEMORY;
    }
}

/* One after the other gets a little more, until the stage is there, and the loops' caches are no longer what is given
 * back for it. */
static void rise_to(flood *self, naru_budget_stage stage)
{
    for (unsigned i = 0;
         self->stages[stage] == 0 || (stage == NARU_BUDGET_SCARCE && counts_of(self->budget).readers_closed == 0);
         i++) {
        pour_into(self, i % SLOW, PIECE_BYTES);
        CHECK(lives(self));
    }
}

static int status_of_a_new_one(flood *self, const char **retry_out)
{
    static char retry[1024];
    peer p;
    answer a = peer_ask(&p, &self->at, RIG_UPGRADE("/chat"));
    snprintf(retry, sizeof retry, "%s", answer_field(&a, "Retry-After"));
    *retry_out = retry;
    answer_free(&a);
    peer_close(&p);
    return a.status;
}

TEST(a_flood_goes_through_all_stages)
{
    static flood self;
    const char *retry = "";
    flood_open(&self);
    readers_open(&self);
    rise_to(&self, NARU_BUDGET_TIGHT);
    CHECK_EQ(self.stages[NARU_BUDGET_SCARCE], 0u);
    CHECK_EQ(counts_of(self.budget).readers_closed, 0u);
    CHECK_EQ(status_of_a_new_one(&self, &retry), 101);
    CHECK(rig_logged(&self.at, "memory is tight"));
    rise_to(&self, NARU_BUDGET_SCARCE);
    naru_budget_counts counts = counts_of(self.budget);
    CHECK(counts.readers_closed > 0 && counts.readers_closed < SLOW); /* not more than it takes */
    CHECK_EQ(counts.allocations_refused, 0u);
    CHECK(lives(&self));
    size_t ballast_bytes = BUDGET_BYTES / 100 * 90 - counts_of(self.budget).used_bytes;
    void *ballast = resize(self.budget, NULL, 0, ballast_bytes); /* so that it stays scarce */
    CHECK_EQ(status_of_a_new_one(&self, &retry), 503);
    CHECK_STR(retry, "5");
    CHECK_EQ(counts_of(self.budget).requests_refused, 1u);
    RIG_UNTIL(&self.at, self.closed_for_slowness > 0);
    CHECK(lives(&self));
    CHECK(resize(self.budget, ballast, ballast_bytes, 0) == NULL);
    RIG_UNTIL(&self.at, counts_of(self.budget).stage < NARU_BUDGET_SCARCE);
    CHECK_EQ(status_of_a_new_one(&self, &retry), 101);
    readers_close(&self);
    RIG_UNTIL(&self.at, counts_of(self.budget).stage == NARU_BUDGET_CALM && self.stages[NARU_BUDGET_CALM] > 0 &&
                            naru_server_connections(self.at.server) == 1);

    /* All at once, in one turn: memory ends before anybody can do anything about it. */
    readers_open(&self);
    for (unsigned i = 0; i < SLOW; i++) {
        pour_into(&self, i, BURST_BYTES);
        pour_into(&self, i, BURST_BYTES);
    }
    CHECK_EQ(counts_of(self.budget).stage, NARU_BUDGET_SPENT);
    CHECK(self.sends_without_memory > 0);
    CHECK(lives(&self));
    CHECK(counts_of(self.budget).allocations_refused > 0);
    CHECK(self.stages[NARU_BUDGET_SPENT] == 1);
    RIG_UNTIL(&self.at, counts_of(self.budget).stage == NARU_BUDGET_CALM);
    CHECK(lives(&self));
    CHECK_EQ(status_of_a_new_one(&self, &retry), 101);
    readers_close(&self);
    peer_close(&self.control);
    rig_close(&self.at);
    counts = counts_of(self.budget);
    CHECK_EQ(counts.used_bytes, 0u);
    CHECK(counts.peak_bytes <= BUDGET_BYTES);
    naru_budget_unref(self.budget);
}

/* While memory is spent nobody is accepted; the kernel keeps them, and afterwards they are served. */
TEST(who_comes_while_it_is_spent_waits)
{
    static flood self;
    peer waiting;
    flood_open(&self);
    uint64_t left = BUDGET_BYTES - counts_of(self.budget).used_bytes - 65536;
    void *ballast = resize(self.budget, NULL, 0, left);
    REQUIRE(ballast != NULL);
    CHECK(resize(self.budget, NULL, 0, 1 << 20) == NULL);
    RIG_UNTIL(&self.at, self.stages[NARU_BUDGET_SPENT] == 1);
    peer_open(&waiting, &self.at);
    peer_send(&waiting, RIG_UPGRADE("/chat"));
    for (int i = 0; i < 5; i++) {
        CHECK(lives(&self));
    }
    CHECK_EQ(naru_server_connections(self.at.server), 1u);
    CHECK(resize(self.budget, ballast, left, 0) == NULL);
    answer a = peer_answer(&waiting, true);
    CHECK_EQ(a.status, 101);
    answer_free(&a);
    peer_close(&waiting);
    peer_close(&self.control);
    rig_close(&self.at);
    naru_budget_unref(self.budget);
}

#define DEFLATED "GET /chat HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

/* Text that messages might refer to, and what the loop keeps, go back before anything else does. */
TEST(what_rests_is_given_back)
{
    enum { TEXT_BYTES = 4000, WINDOW_BYTES_MIN = 4000 };
    static flood self;
    static char text[TEXT_BYTES];
    static uint8_t frame[TEXT_BYTES + 16];
    peer deflated;
    flood_open(&self);
    REQUIRE(peer_upgrade(&deflated, &self.at, DEFLATED));
    uint64_t before = counts_of(self.budget).used_bytes;
    memset(text, 'a', sizeof text);
    for (int i = 0; i < 2; i++) {
        peer_send_bytes(&deflated, frame, rig_frame(frame, 1, text, sizeof text));
        peer_wait_bytes(&deflated, 2);
        CHECK_EQ(deflated.data[0], 0xc1);
        peer_wait_bytes(&deflated, 2u + deflated.data[1]);
        peer_take(&deflated, 2u + deflated.data[1]);
        uint64_t awake = counts_of(self.budget).used_bytes, most = BUDGET_BYTES / 100 * 72;
        CHECK(awake >= before + WINDOW_BYTES_MIN);
        void *ballast = resize(self.budget, NULL, 0, most - awake);
        RIG_UNTIL(&self.at, self.stages[NARU_BUDGET_TIGHT] == (unsigned)i + 1);
        CHECK(counts_of(self.budget).used_bytes <= most - WINDOW_BYTES_MIN);
        CHECK(lives(&self));
        CHECK(resize(self.budget, ballast, most - awake, 0) == NULL);
        RIG_UNTIL(&self.at, self.stages[NARU_BUDGET_CALM] == (unsigned)i + 1);
    }
    peer_close(&deflated);
    peer_close(&self.control);
    rig_close(&self.at);
    naru_budget_unref(self.budget);
}

TEST_MAIN({"stages to the byte", stages_to_the_byte},
          {"what is not to be had is not counted", what_is_not_to_be_had_is_not_counted},
          {"options out of range", options_out_of_range},
          {"a flood goes through all stages", a_flood_goes_through_all_stages},
          {"who comes while it is spent waits", who_comes_while_it_is_spent_waits},
          {"what rests is given back", what_rests_is_given_back})
