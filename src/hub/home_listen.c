/* Listening, at home: who is told of a channel, what it missed, and questions about it. Source: none. */
#include "home.h"

/* Everything that was missed, or nothing. */
static bool recover(const naru__home *home, naru__letter *letter, naru_position head, naru_publication *const *items,
                    size_t count)
{
    naru_position since =
        letter->range.epoch ? (naru_position){letter->range.epoch, letter->range.from} : (naru_position){0, 0};
    if (since.epoch == 0 || since.epoch != head.epoch || since.offset > head.offset ||
        head.offset - since.offset != count || count > home->rules.resume_max) {
        return false;
    }
    if (!naru__letter_make_room(letter, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        letter->items[letter->items_count++] = naru_publication_ref(items[i]);
    }
    return true;
}

static naru_status hand_items(naru__letter *letter, naru_status status, naru_publication *const *items, size_t count)
{
    if (status == NARU_OK && !naru__letter_make_room(letter, count)) {
        return NARU_ERR_MEMORY;
    }
    for (size_t i = 0; status == NARU_OK && i < count; i++) {
        letter->items[letter->items_count++] = naru_publication_ref(items[i]);
    }
    return status;
}

/* From here on the asker's shard is told of all that follows. */
static void listening(naru__shard *shard, naru__home *home, naru__letter *letter, naru_position head,
                      naru_publication *const *items, size_t count)
{
    letter->recovered = letter->resume && recover(home, letter, head, items, count);
    letter->position = head;
    naru__home_answer(shard, letter, NARU_OK);
}

static void unlisten(naru__shard *shard, naru__home *home, uint32_t from, const naru_publication *join)
{
    home->listeners--;
    home->shards[from]--;
    if (join) {
        naru__presence_leave(shard, home, join);
    }
}

void naru__home_read_done(void *user, uint64_t id, naru_status status, naru_position head,
                          naru_publication *const *items, size_t count)
{
    naru__shard *shard = user;
    naru__ticket *ticket = naru__ticket_find(shard, id);
    if (!ticket || !ticket->home) {
        return;
    }
    naru__home *home;
    naru__letter *letter = naru__home_driver_done(shard, ticket, &home);
    home->pending++;
    if (letter->kind == NARU__LETTER_HISTORY) {
        letter->position = head;
        naru__home_answer(shard, letter, hand_items(letter, status, items, count));
    } else if (status == NARU_OK) {
        listening(shard, home, letter, head, items, count);
    } else {
        unlisten(shard, home, letter->from, letter->publication);
        naru__home_answer(shard, letter, status);
    }
    home->pending--;
    naru__home_release(shard, home);
}

static naru_status read_store(naru__shard *shard, naru__home *home, naru__letter *letter,
                              const naru_history_range *range)
{
    const naru_store *store = &shard->options.store;
    naru__ticket *ticket = naru__home_ask_driver(shard, home, letter);
    if (!ticket) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = store->calls->read(store->self, naru__home_name(shard, home), range, ticket->id);
    if (status < 0) {
        (void)naru__home_driver_done(shard, ticket, &home);
    }
    return status;
}

static naru_status hear_broker(naru__shard *shard, naru__home *home)
{
    const naru_broker *broker = &shard->options.broker;
    if (!broker->calls || home->brokered) {
        return NARU_OK;
    }
    naru_status status = broker->calls->subscribe(broker->self, naru__home_name(shard, home));
    home->brokered = status == NARU_OK;
    return status < 0 ? status : NARU_OK;
}

static naru_status begin_listening(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    naru_status status = hear_broker(shard, home);
    if (status != NARU_OK) {
        return status;
    }
    if (letter->publication) {
        status = naru__presence_enter(shard, home, letter->publication);
    }
    if (status == NARU_OK) {
        home->listeners++;
        home->shards[letter->from]++;
    }
    return status;
}

/* The range of what was missed, one more than may be caught up so that too much shows. */
static void listen(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    naru_status status = begin_listening(shard, home, letter);
    if (status != NARU_OK) {
        naru__home_answer(shard, letter, status);
        return;
    }
    if (home->rules.history_max == 0) {
        listening(shard, home, letter, home->head, NULL, 0);
        return;
    }
    naru_history_range range = {
        .from = letter->range.from, .limit = letter->resume ? home->rules.resume_max + 1 : 0, .begin = true};
    uint32_t from = letter->from;
    status = read_store(shard, home, letter, &range);
    if (status < 0) {
        unlisten(shard, home, from, letter->publication);
        naru__home_answer(shard, letter, status);
    }
}

static void history(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    naru_history_range range = letter->range;
    naru_status status = NARU_OK;
    if (home->rules.history_max == 0) {
        letter->position = home->head;
        naru__home_answer(shard, letter, NARU_OK);
        return;
    }
    range.limit = range.limit < home->rules.history_max ? range.limit : home->rules.history_max;
    status = read_store(shard, home, letter, &range);
    if (status < 0) {
        naru__home_answer(shard, letter, status);
    }
}

static void tell(naru__shard *shard, const naru__home *home, naru__letter *letter)
{
    letter->status = NARU_OK;
    letter->subscribers = home->listeners;
    letter->position = home->head;
    naru__presence_list(home, letter, letter->kind == NARU__LETTER_PRESENCE ? letter->range.limit : 0);
    naru__home_answer(shard, letter, letter->status);
}

/* The letter may be gone after each of these, and the home unless it is held. */
void naru__home_attend(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    switch (letter->kind) {
    case NARU__LETTER_LISTEN:
        listen(shard, home, letter);
        break;
    case NARU__LETTER_UNLISTEN:
        unlisten(shard, home, letter->from, letter->publication);
        naru__letter_free(letter);
        break;
    case NARU__LETTER_HISTORY:
        history(shard, home, letter);
        break;
    default:
        tell(shard, home, letter);
        break;
    }
}
