/* A budget's inside: what it counts, and who acts on its stages. */
#ifndef NARU_SERVER_BUDGET_H
#define NARU_SERVER_BUDGET_H

#include "server/server.h"
#include <naru/budget.h>
#include <pthread.h>
#include <stdatomic.h>

/* A server that acts on the stages, on its own loop. */
struct naru__budget_member {
    naru__budget_member *next;
    naru_budget *budget;
    naru_server *server; /* NULL: gone, and the place may be used again unless it is called */
    naru_loop *loop;
    atomic_bool called;      /* its loop has been posted to */
    naru_budget_stage stage; /* that it acts on */
    naru__loop_timer again;
};

struct naru_budget {
    naru_allocator allocator; /* its face */
    const naru_allocator *below;
    naru_budget_options options;
    uint64_t marks[3]; /* where tight and scarce begin, and the end */
    atomic_uint references;
    atomic_uint_fast64_t used, peak;
    atomic_uint_fast64_t up, down; /* outside of these the stage may be another */
    atomic_uint stage;
    atomic_uint_fast64_t begun[4]; /* how often, by stage */
    atomic_uint_fast64_t allocations_refused, requests_refused, readers_closed;
    pthread_mutex_t lock; /* of changing the stage, and of the members */
    naru__budget_member *members;
    atomic_uint members_count; /* that have a server */
    naru_budget_stage told;    /* on_stage, at last */
};

/* A server joins and leaves, on its thread. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__budget_join(naru_server *server, naru_budget *budget);
void naru__budget_leave(naru_server *server);

/* The stage on which this server acts. */
static inline naru_budget_stage naru__budget_stage(const naru_server *server)
{
    const naru__budget_member *member = server->budget;
    return member ? (naru_budget_stage)atomic_load_explicit(&member->budget->stage, memory_order_relaxed)
                  : NARU_BUDGET_CALM;
}

/* budget_act.c: do what the stage asks for, on the member's loop. */
void naru__budget_act(naru__budget_member *member);

#endif
