/* Who is present on a channel: connections, the users that they belong to, and who comes and goes.
 *
 * Not for: where it is asked (home.c). Source: none. */
#include <string.h>

#include "home.h"
#include "publication.h"

static uint64_t hash_of(const naru__shard *shard, const naru__home *home, naru_span name)
{
    return naru__sip(&shard->hub->key, name) ^ (home->entry.hash * UINT64_C(0x9e3779b97f4a7c15));
}

/* A client may be in several channels, so the channel's name is compared too. */
static naru__present *find(const naru__shard *shard, const naru__home *home, naru_span client)
{
    uint64_t hash = hash_of(shard, home, client);
    for (naru__entry *entry = naru__table_chain(&shard->present, hash); entry; entry = entry->next) {
        naru__present *present = (naru__present *)(void *)entry;
        if (entry->hash == hash && naru_span_equal(present->join->presence.client, client) &&
            naru_span_equal(present->join->channel, naru__home_name(shard, home))) {
            return present;
        }
    }
    return NULL;
}

static naru__present_user *user_find(const naru__shard *shard, const naru__home *home, naru_span name)
{
    uint64_t hash = hash_of(shard, home, name);
    for (naru__entry *entry = naru__table_chain(&shard->users, hash); entry; entry = entry->next) {
        naru__present_user *user = (naru__present_user *)(void *)entry;
        if (user->home == home && naru_span_equal((naru_span){user->name, user->name_bytes}, name)) {
            return user;
        }
    }
    return NULL;
}

static naru__present_user *user_new(naru__shard *shard, naru__home *home, naru_span name)
{
    naru__present_user *user = naru__alloc_zero(shard->allocator, sizeof *user + name.size);
    if (!user) {
        return NULL;
    }
    user->entry.hash = hash_of(shard, home, name);
    user->home = home;
    user->name_bytes = (uint32_t)name.size;
    if (name.size > 0) {
        memcpy(user->name, name.data, name.size);
    }
    if (naru__table_put(&shard->users, &user->entry) != NARU_OK) {
        naru__free(shard->allocator, user, sizeof *user + name.size);
        return NULL;
    }
    home->users_count++;
    return user;
}

static void user_release(naru__shard *shard, naru__home *home, naru__present_user *user)
{
    if (user->count > 0) {
        return;
    }
    naru__table_remove(&shard->users, &user->entry);
    home->users_count--;
    naru__free(shard->allocator, user, sizeof *user + user->name_bytes);
}

static void present_free(naru__shard *shard, naru__present *present)
{
    naru_publication_unref(present->join);
    naru_publication_unref(present->leave);
    naru__free(shard->allocator, present, sizeof *present);
}

static naru__present *present_new(naru__shard *shard, naru__home *home, naru_publication *join)
{
    naru__present *present = naru__alloc_zero(shard->allocator, sizeof *present);
    if (!present) {
        return NULL;
    }
    naru_publication leave = *join;
    leave.kind = NARU_PUBLICATION_LEAVE;
    present->entry.hash = hash_of(shard, home, join->presence.client);
    present->join = naru_publication_ref(join);
    present->leave = naru__publication_make(NULL, &leave);
    if (!present->leave || naru__table_put(&shard->present, &present->entry) != NARU_OK) {
        present_free(shard, present);
        return NULL;
    }
    present->next = home->present;
    present->link = &home->present;
    if (present->next) {
        present->next->link = &present->next;
    }
    home->present = present;
    home->present_count++;
    return present;
}

static naru_status admit(const naru__home *home, const naru_publication *join)
{
    if (join->presence.data.size > home->rules.presence_bytes_max) {
        return NARU_ERR_TOO_BIG;
    }
    return home->present_count >= home->rules.presence_max ? NARU_ERR_TOO_MANY : NARU_OK;
}

naru_status naru__presence_enter(naru__shard *shard, naru__home *home, naru_publication *join)
{
    if (find(shard, home, join->presence.client)) {
        return NARU_ERR_STATE;
    }
    naru_status status = admit(home, join);
    if (status != NARU_OK) {
        return status;
    }
    naru_span name = join->presence.user;
    naru__present_user *user = user_find(shard, home, name);
    user = user ? user : user_new(shard, home, name);
    if (!user) {
        return NARU_ERR_MEMORY;
    }
    /* Nobody else reads these before it is distributed. */
    join->time_ms = join->presence.since_ms = shard->now_ms;
    join->alone = user->count == 0;
    if (!present_new(shard, home, join)) {
        user_release(shard, home, user);
        return NARU_ERR_MEMORY;
    }
    user->count++;
    naru__home_distribute(shard, home, join, NULL);
    return NARU_OK;
}

void naru__presence_leave(naru__shard *shard, naru__home *home, const naru_publication *join)
{
    naru__present *present = find(shard, home, join->presence.client);
    if (!present || present->join != join) {
        return;
    }
    naru__present_user *user = user_find(shard, home, present->join->presence.user);
    user->count--;
    present->leave->time_ms = shard->now_ms;
    present->leave->presence.since_ms = present->join->presence.since_ms;
    present->leave->alone = user->count == 0;
    user_release(shard, home, user);
    naru__table_remove(&shard->present, &present->entry);
    *present->link = present->next;
    if (present->next) {
        present->next->link = present->link;
    }
    home->present_count--;
    naru__home_distribute(shard, home, present->leave, NULL);
    present_free(shard, present);
}

void naru__presence_list(const naru__home *home, naru__letter *letter, uint32_t limit)
{
    uint64_t count = home->present_count < limit ? home->present_count : limit;
    letter->clients = home->present_count;
    letter->users = home->users_count;
    if (!naru__letter_make_room(letter, (size_t)count)) {
        letter->status = NARU_ERR_MEMORY;
        return;
    }
    for (const naru__present *present = home->present; letter->items_count < count; present = present->next) {
        letter->items[letter->items_count++] = naru_publication_ref(present->join);
    }
}
