/* A budget: the allocator that counts, the stages, and who is told of them.
 *
 * An allocation costs one addition, and a comparison with the two marks between which the stage cannot change. Only who
 * passes a mark takes the lock.
 *
 * Not for: what servers do about it (budget_act.c). Source: our own. */
#include "server/budget.h"

#include "base/memory.h"

enum { TIGHT_PERCENT = 70, SCARCE_PERCENT = 85, BACK_PERCENT = 5 };

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static uint64_t percent(const naru_budget *budget, uint32_t part)
{
    return budget->options.bytes_max / 100 * part + budget->options.bytes_max % 100 * part / 100;
}

/* Below this the stage is left. */
static uint64_t floor_of(const naru_budget *budget, naru_budget_stage stage)
{
    uint64_t back = percent(budget, BACK_PERCENT);
    switch (stage) {
    case NARU_BUDGET_TIGHT:
        return budget->marks[0] - back;
    case NARU_BUDGET_SCARCE:
        return budget->marks[1] - back;
    case NARU_BUDGET_SPENT:
        return budget->marks[1];
    case NARU_BUDGET_CALM:
        break;
    }
    return 0;
}

static void called(void *user)
{
    naru__budget_member *member = user;
    atomic_store(&member->called, false);
    if (member->server) {
        naru__budget_act(member);
    }
}

static void call_members(naru_budget *budget)
{
    for (naru__budget_member *member = budget->members; member; member = member->next) {
        if (member->server && !atomic_exchange(&member->called, true) &&
            naru_loop_post(member->loop, called, member) < 0) {
            atomic_store(&member->called, false); /* the next change tries again */
        }
    }
}

static void enter(naru_budget *budget, naru_budget_stage stage)
{
    unsigned before = atomic_load(&budget->stage);
    atomic_store(&budget->stage, stage);
    atomic_store(&budget->up, stage < NARU_BUDGET_SCARCE ? budget->marks[stage] : UINT64_MAX);
    atomic_store(&budget->down, floor_of(budget, stage));
    for (unsigned passed = before + 1; passed <= stage; passed++) {
        atomic_fetch_add(&budget->begun[passed], 1);
    }
    call_members(budget);
}

/* spent: an allocation was refused. */
static void look(naru_budget *budget, bool spent)
{
    pthread_mutex_lock(&budget->lock);
    uint64_t used = atomic_load(&budget->used);
    naru_budget_stage before = (naru_budget_stage)atomic_load(&budget->stage), stage = before;
    while (stage > NARU_BUDGET_CALM && used < floor_of(budget, stage)) {
        stage--;
    }
    while (stage < NARU_BUDGET_SCARCE && used >= budget->marks[stage]) {
        stage++;
    }
    stage = spent ? NARU_BUDGET_SPENT : stage;
    if (stage != before) {
        enter(budget, stage);
    }
    pthread_mutex_unlock(&budget->lock);
}

/* ---- the allocator ----------------------------------------------------------------------------------------------- */

static void raise_peak(naru_budget *budget, uint64_t used)
{
    uint64_t peak = atomic_load_explicit(&budget->peak, memory_order_relaxed);
    while (used > peak && !atomic_compare_exchange_weak_explicit(&budget->peak, &peak, used, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
    }
}

/* false: it would pass the end. */
static bool spend(naru_budget *budget, uint64_t bytes)
{
    uint64_t most = budget->options.bytes_max;
    uint64_t before = atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
    if (bytes > most || before > most - bytes) {
        atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&budget->allocations_refused, 1, memory_order_relaxed);
        if (atomic_load_explicit(&budget->stage, memory_order_relaxed) != NARU_BUDGET_SPENT) {
            look(budget, true);
        }
        return false;
    }
    raise_peak(budget, before + bytes);
    if (before + bytes >= atomic_load_explicit(&budget->up, memory_order_relaxed)) {
        look(budget, false);
    }
    return true;
}

static void give_back(naru_budget *budget, uint64_t bytes)
{
    uint64_t left = atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed) - bytes;
    if (left < atomic_load_explicit(&budget->down, memory_order_relaxed)) {
        look(budget, false);
    }
}

static void *resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    naru_budget *budget = user;
    size_t held = block ? old_bytes : 0;
    if (new_bytes > held && !spend(budget, new_bytes - held)) {
        return NULL;
    }
    void *moved = budget->below->resize(budget->below->user, block, old_bytes, new_bytes);
    if (new_bytes > held && !moved) {
        give_back(budget, new_bytes - held);
    } else if (new_bytes < held && (moved || new_bytes == 0)) {
        give_back(budget, held - new_bytes);
    }
    return moved;
}

const naru_allocator *naru_budget_allocator(const naru_budget *budget)
{
    return &budget->allocator;
}

/* ---- its life ---------------------------------------------------------------------------------------------------- */

naru_status naru_budget_new(const naru_budget_options *options, naru_budget **budget_out)
{
    naru_budget_options filled = options ? *options : (naru_budget_options){0};
    filled.tight_percent = filled.tight_percent ? filled.tight_percent : TIGHT_PERCENT;
    filled.scarce_percent = filled.scarce_percent ? filled.scarce_percent : SCARCE_PERCENT;
    if (filled.bytes_max == 0 || filled.tight_percent <= BACK_PERCENT ||
        filled.scarce_percent <= filled.tight_percent || filled.scarce_percent > 100) {
        return NARU_ERR_ARGUMENT;
    }
    naru_budget *budget = naru__alloc_zero(naru_allocator_default(), sizeof *budget);
    if (!budget) {
        return NARU_ERR_MEMORY;
    }
    budget->allocator = (naru_allocator){resize, budget};
    budget->below = naru__allocator_or_default(filled.allocator);
    budget->options = filled;
    budget->marks[0] = percent(budget, filled.tight_percent);
    budget->marks[1] = percent(budget, filled.scarce_percent);
    budget->marks[2] = filled.bytes_max;
    atomic_init(&budget->references, 1);
    atomic_init(&budget->up, budget->marks[0]);
    pthread_mutex_init(&budget->lock, NULL);
    *budget_out = budget;
    return NARU_OK;
}

naru_budget *naru_budget_ref(naru_budget *budget)
{
    atomic_fetch_add(&budget->references, 1);
    return budget;
}

void naru_budget_unref(naru_budget *budget)
{
    if (!budget || atomic_fetch_sub(&budget->references, 1) > 1) {
        return;
    }
    while (budget->members) {
        naru__budget_member *member = budget->members;
        budget->members = member->next;
        naru__free(naru_allocator_default(), member, sizeof *member);
    }
    pthread_mutex_destroy(&budget->lock);
    naru__free(naru_allocator_default(), budget, sizeof *budget);
}

void naru_budget_counters(const naru_budget *budget, naru_budget_counts *counts_out)
{
    *counts_out = (naru_budget_counts){
        .bytes_max = budget->options.bytes_max,
        .used_bytes = atomic_load(&budget->used),
        .peak_bytes = atomic_load(&budget->peak),
        .stage = (naru_budget_stage)atomic_load(&budget->stage),
        .tight = atomic_load(&budget->begun[NARU_BUDGET_TIGHT]),
        .scarce = atomic_load(&budget->begun[NARU_BUDGET_SCARCE]),
        .spent = atomic_load(&budget->begun[NARU_BUDGET_SPENT]),
        .allocations_refused = atomic_load(&budget->allocations_refused),
        .requests_refused = atomic_load(&budget->requests_refused),
        .readers_closed = atomic_load(&budget->readers_closed),
    };
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

/* A place whose server has gone, and whose loop has nothing of it in its queue. */
static naru__budget_member *free_place(naru_budget *budget)
{
    naru__budget_member *member = budget->members;
    while (member && (member->server || atomic_load(&member->called))) {
        member = member->next;
    }
    return member;
}

naru_status naru__budget_join(naru_server *server, naru_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    naru__budget_member *member = free_place(budget);
    if (!member) {
        member = naru__alloc_zero(naru_allocator_default(), sizeof *member);
        if (member) {
            member->next = budget->members;
            budget->members = member;
        }
    }
    if (member) {
        member->budget = budget;
        member->server = server;
        member->loop = server->loop;
        member->stage = NARU_BUDGET_CALM;
        server->budget = member;
        atomic_fetch_add(&budget->members_count, 1);
        (void)naru_budget_ref(budget);
        if (atomic_load(&budget->stage) != NARU_BUDGET_CALM) {
            call_members(budget);
        }
    }
    pthread_mutex_unlock(&budget->lock);
    return member ? NARU_OK : NARU_ERR_MEMORY;
}

void naru__budget_leave(naru_server *server)
{
    naru__budget_member *member = server->budget;
    if (!member) {
        return;
    }
    naru_budget *budget = member->budget;
    naru__loop_timer_stop(server->loop, &member->again);
    pthread_mutex_lock(&budget->lock);
    member->server = NULL;
    server->budget = NULL;
    atomic_fetch_sub(&budget->members_count, 1);
    pthread_mutex_unlock(&budget->lock);
    naru_budget_unref(budget);
}
