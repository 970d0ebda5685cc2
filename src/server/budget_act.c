/* What a server does at each stage of its budget, again and again until it is calm: give back what nobody uses, then
 * part with those who cost most.
 *
 * Not for: counting, and when a stage begins (budget.c). Source: our own; 1013 is RFC 6455's registry's "try again
 * later". */
#include "server/budget.h"

enum { AGAIN_MS = 100, QUEUE_BYTES_MIN = 16 * 1024 };

static const char *const names[] = {"calm", "tight", "scarce", "spent"};

static void tell(naru__budget_member *member, naru_budget_stage stage)
{
    naru_budget *budget = member->budget;
    uint64_t used = atomic_load(&budget->used), most = budget->options.bytes_max;
    naru__log(member->loop, stage > member->stage ? NARU_LOG_WARN : NARU_LOG_INFO,
              "memory is %s: %llu of %llu bytes are used", names[stage], (unsigned long long)used,
              (unsigned long long)most);
    member->stage = stage;
    pthread_mutex_lock(&budget->lock);
    bool first = budget->told != stage;
    budget->told = stage;
    pthread_mutex_unlock(&budget->lock);
    if (first && budget->options.on_stage) {
        budget->options.on_stage(stage, used, budget->options.user);
    }
}

/* ---- what nobody uses -------------------------------------------------------------------------------------------- */

static void give_back(naru_server *server)
{
    for (naru_conn *conn = server->conns; conn; conn = conn->next) {
        naru__ws_give_back(&conn->ws);
    }
    naru__loop_give_back(server->loop);
}

/* ---- those who read too slowly ----------------------------------------------------------------------------------- */

typedef struct culling {
    uint64_t wanted, done; /* bytes */
    uint64_t longest;
    bool cut; /* now, not by a closing handshake */
} culling;

/* Who is being closed already counts as done, but for a cut. */
static culling begin(const naru__budget_member *member, bool cut)
{
    naru_budget *budget = member->budget;
    uint64_t used = atomic_load(&budget->used), calm = budget->marks[0];
    uint32_t sharers = atomic_load(&budget->members_count);
    culling all = {.wanted = used > calm ? (used - calm) / (sharers > 0 ? sharers : 1) + 1 : 0, .cut = cut};
    for (const naru_conn *conn = member->server->conns; conn; conn = conn->next) {
        uint64_t queued = naru_conn_queued_bytes(conn);
        bool open = naru_conn_state(conn) == NARU_WS_OPEN;
        all.done += cut || open ? 0 : queued;
        all.longest = (cut || open) && queued > all.longest ? queued : all.longest;
    }
    return all;
}

static void part_with(naru__budget_member *member, naru_conn *conn, culling *all)
{
    bool open = naru_conn_state(conn) == NARU_WS_OPEN;
    all->done += naru_conn_queued_bytes(conn);
    if (open) {
        atomic_fetch_add(&member->budget->readers_closed, 1);
        naru__conn_shed(conn);
    }
    if (all->cut) {
        naru_conn_abort(conn);
    }
}

/* Longest queues first, in halves: few passes find them however many there are. */
static void cull(naru__budget_member *member, bool cut)
{
    culling all = begin(member, cut);
    for (uint64_t least = all.longest / 2; least >= QUEUE_BYTES_MIN / 2 && all.done < all.wanted; least /= 2) {
        for (naru_conn *conn = member->server->conns; conn && all.done < all.wanted; conn = conn->next) {
            uint64_t queued = naru_conn_queued_bytes(conn);
            bool open = naru_conn_state(conn) == NARU_WS_OPEN;
            if (queued > least && queued <= 2 * least + 1 && (open || cut) && !naru__conn_is_doomed(conn)) {
                part_with(member, conn, &all);
            }
        }
    }
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void again(naru__loop_timer *timer)
{
    naru__budget_act((naru__budget_member *)(void *)((char *)timer - offsetof(naru__budget_member, again)));
}

void naru__budget_act(naru__budget_member *member)
{
    naru_server *server = member->server;
    naru_budget_stage stage = naru__budget_stage(server);
    if (stage != member->stage) {
        tell(member, stage);
    }
    naru__server_listen_hold(server, stage == NARU_BUDGET_SPENT);
    if (stage == NARU_BUDGET_CALM) {
        naru__loop_timer_stop(server->loop, &member->again);
        return;
    }
    give_back(server);
    if (stage >= NARU_BUDGET_SCARCE) {
        cull(member, stage == NARU_BUDGET_SPENT);
    }
    member->again.fire = again;
    naru__loop_timer_start(server->loop, &member->again, naru_loop_now_ms(server->loop) + AGAIN_MS);
}
