/* Subscribing from a shard, and what answers do to it: the subscriber hears nothing before its home's answer, then what
 * it missed, then all that follows. Source: none. */
#include "home.h"
#include "publication.h"

enum { PRESENCE_NAME_MAX = 256 };

/* While the home has not answered, it may yet refuse, and then must not be told of a leaving: the ticket keeps the
 * letter until it is known. */
void naru__shard_on_left(naru__member *member, void *user)
{
    naru__shard *shard = user;
    naru__letter *goodbye = member->goodbye;
    naru__ticket *ticket = member->ticket;
    if (!goodbye) {
        return;
    }
    member->goodbye = NULL;
    if (shard->closing) {
        naru__letter_free(goodbye);
        return;
    }
    if (ticket) {
        ticket->member = NULL;
    }
    if (ticket && !ticket->is_in) {
        ticket->letter = goodbye;
    } else {
        naru__shard_send(shard, goodbye, naru__shard_home(shard, naru__letter_channel(goodbye)));
    }
}

static bool presence_fits(const naru_presence *presence)
{
    return !presence || (presence->client.size > 0 && presence->client.size <= PRESENCE_NAME_MAX &&
                         presence->user.size <= PRESENCE_NAME_MAX && presence->data.size <= UINT32_MAX);
}

/* Everything that may fail, before anything is changed. */
static naru_status prepare(naru_span channel, const naru_subscription *how, naru__letter *letters[2])
{
    letters[0] = naru__letter_new(NARU__LETTER_LISTEN, channel);
    letters[1] = naru__letter_new(NARU__LETTER_UNLISTEN, channel);
    if (!letters[0] || !letters[1]) {
        return NARU_ERR_MEMORY;
    }
    if (how->presence) {
        naru_publication like = {.channel = channel, .kind = NARU_PUBLICATION_JOIN, .presence = *how->presence};
        letters[0]->publication = naru__publication_make(NULL, &like);
        if (!letters[0]->publication) {
            return NARU_ERR_MEMORY;
        }
        letters[1]->publication = naru_publication_ref(letters[0]->publication);
    }
    letters[0]->resume = how->resume;
    letters[0]->range = (naru_history_range){.epoch = how->since.epoch, .from = how->since.offset};
    return NARU_OK;
}

static naru_status join(naru__shard *shard, naru_subscriber *subscriber, naru_span channel,
                        const naru_subscription *how, naru__letter *letters[2])
{
    naru__member *member;
    naru_status status = prepare(channel, how, letters);
    naru__ticket *ticket = status == NARU_OK ? naru__ticket_new(shard) : NULL;
    if (!ticket) {
        return NARU_ERR_MEMORY;
    }
    status = naru__member_join(subscriber, channel, true, &member);
    if (status != NARU_OK) {
        naru__ticket_free(shard, ticket);
        return status;
    }
    ticket->done = how->done;
    ticket->user = how->user;
    ticket->member = member;
    member->ticket = ticket;
    member->goodbye = letters[1];
    member->wants_presence = how->wants_presence;
    member->channel->watchers += how->wants_presence;
    letters[0]->ticket = ticket->id;
    naru__shard_send(shard, letters[0], naru__shard_home(shard, channel));
    letters[0] = letters[1] = NULL;
    return NARU_OK;
}

naru_status naru__shard_subscribe(naru__shard *shard, naru_subscriber *subscriber, naru_span channel,
                                  const naru_subscription *how)
{
    if (!naru__shard_name_fits(shard, channel)) {
        return NARU_ERR_TOO_BIG;
    }
    if (!presence_fits(how->presence)) {
        return NARU_ERR_ARGUMENT;
    }
    if (naru_hub_subscribes(subscriber, channel)) {
        return NARU_ERR_STATE;
    }
    if (shard->tickets.count >= shard->options.asked_max) {
        return NARU_ERR_TOO_MANY;
    }
    naru__letter *letters[2];
    naru_status status = join(shard, subscriber, channel, how, letters);
    naru__letter_free(letters[0]);
    naru__letter_free(letters[1]);
    return status;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static naru_channel_answer answer_of(const naru__letter *letter)
{
    return (naru_channel_answer){.status = letter->status,
                                 .position = letter->position,
                                 .recovered = letter->recovered,
                                 .items = letter->items,
                                 .items_count = letter->items_count,
                                 .subscribers = letter->subscribers,
                                 .clients = letter->clients,
                                 .users = letter->users};
}

static void tell(const naru__ticket *ticket, const naru_channel_answer *answer)
{
    if (ticket->done) {
        ticket->done(ticket->user, answer);
    }
}

/* It has gone before the answer came: now the home can be told, if it had let it in. */
static void gone_meanwhile(naru__shard *shard, naru__ticket *ticket, const naru__letter *letter)
{
    naru__ticket taken = *ticket;
    naru__ticket_free(shard, ticket);
    if (taken.letter && letter->status == NARU_OK) {
        naru__shard_send(shard, taken.letter, letter->from);
    } else {
        naru__letter_free(taken.letter);
    }
    tell(&taken, &(naru_channel_answer){.status = taken.letter ? NARU_ERR_STATE : letter->status});
}

static void refused(naru__shard *shard, naru__ticket *ticket, const naru__letter *letter)
{
    naru__ticket taken = *ticket;
    naru__ticket_free(shard, ticket);
    naru__letter_free(taken.member->goodbye);
    taken.member->goodbye = NULL;
    naru__member_leave(taken.member);
    tell(&taken, &(naru_channel_answer){.status = letter->status});
}

/* What was missed goes to it alone, now; any of it may end the subscription. */
static void subscribed(naru__shard *shard, naru__ticket *ticket, const naru__letter *letter)
{
    naru_subscriber *subscriber = ticket->member->subscriber;
    uint64_t id = ticket->id;
    naru_channel_answer answer = answer_of(letter);
    naru__member_begin(ticket->member);
    ticket->letter = NULL;
    ticket->is_in = true;
    tell(ticket, &answer);
    for (size_t i = 0; i < letter->items_count && ticket->member; i++) {
        subscriber->calls->deliver(subscriber, letter->items[i], subscriber->user);
    }
    if (ticket->member) {
        ticket->member->ticket = NULL;
    }
    naru__ticket_free(shard, naru__ticket_find(shard, id));
}

void naru__shard_receive_answer(naru__shard *shard, naru__letter *letter)
{
    naru__ticket *ticket = naru__ticket_find(shard, letter->ticket);
    if (ticket && (ticket->member || ticket->letter)) {
        if (!ticket->member) {
            gone_meanwhile(shard, ticket, letter);
        } else if (letter->status != NARU_OK) {
            refused(shard, ticket, letter);
        } else {
            subscribed(shard, ticket, letter);
        }
    } else if (ticket) {
        naru__ticket taken = *ticket;
        naru_channel_answer answer = answer_of(letter);
        naru__ticket_free(shard, ticket);
        tell(&taken, &answer);
    }
    naru__letter_free(letter);
}
