/* What a shard asks of homes: publishing and questions. Not for: subscribing (join.c). Source: none. */
#include "home.h"

void naru__shard_send(naru__shard *shard, naru__letter *letter, uint32_t to)
{
    letter->from = shard->options.index;
    letter->to = to;
    shard->options.send(shard->options.user, letter);
}

bool naru__shard_name_fits(const naru__shard *shard, naru_span name)
{
    return name.size > 0 && name.size <= shard->options.hub.channel_bytes_max;
}

static naru_status ask(naru__shard *shard, naru__letter *letter, naru_span channel, naru_channel_answer_fn *done,
                       void *user)
{
    naru__ticket *ticket = NULL;
    if (done && shard->tickets.count >= shard->options.asked_max) {
        return NARU_ERR_TOO_MANY;
    }
    if (done) {
        ticket = naru__ticket_new(shard);
        if (!ticket) {
            return NARU_ERR_MEMORY;
        }
        ticket->done = done;
        ticket->user = user;
        letter->ticket = ticket->id;
    }
    naru__shard_send(shard, letter, naru__shard_home(shard, channel));
    return NARU_OK;
}

static naru_status ask_about(naru__shard *shard, naru__letter_kind kind, naru_span channel,
                             const naru_history_range *range, naru_channel_answer_fn *done, void *user)
{
    if (!naru__shard_name_fits(shard, channel)) {
        return NARU_ERR_TOO_BIG;
    }
    naru__letter *letter = naru__letter_new(kind, channel);
    if (!letter) {
        return NARU_ERR_MEMORY;
    }
    letter->range = *range;
    naru_status status = ask(shard, letter, channel, done, user);
    if (status != NARU_OK) {
        naru__letter_free(letter);
    }
    return status;
}

naru_status naru__shard_history(naru__shard *shard, naru_span channel, const naru_history_range *range,
                                naru_channel_answer_fn *done, void *user)
{
    naru_history_range asked = *range;
    asked.begin = false;
    return ask_about(shard, NARU__LETTER_HISTORY, channel, &asked, done, user);
}

naru_status naru__shard_presence(naru__shard *shard, naru_span channel, uint32_t limit, naru_channel_answer_fn *done,
                                 void *user)
{
    return ask_about(shard, NARU__LETTER_PRESENCE, channel, &(naru_history_range){.limit = limit}, done, user);
}

naru_status naru__shard_counts(naru__shard *shard, naru_span channel, naru_channel_answer_fn *done, void *user)
{
    return ask_about(shard, NARU__LETTER_COUNTS, channel, &(naru_history_range){0}, done, user);
}

/* ---- publishing -------------------------------------------------------------------------------------------------- */

bool naru__shard_unheard(const naru__shard *shard, naru_span channel)
{
    naru_channel_rules rules = shard->options.rules;
    if (shard->options.broker.calls || naru__shard_home(shard, channel) != shard->options.index ||
        naru__home_find(shard, channel) || naru_hub_channel_count(shard->hub, channel) > 0) {
        return false;
    }
    if (shard->options.rules_of) {
        shard->options.rules_of(shard->options.user, channel, &rules);
    }
    return rules.history_max == 0;
}

static bool add_spares(const naru__shard *shard, naru__letter *letter)
{
    for (uint32_t to = 0; to < shard->options.count; to++) {
        naru__letter *spare = naru__letter_new(NARU__LETTER_DELIVER, (naru_span){NULL, 0});
        if (!spare) {
            return false;
        }
        spare->to = to;
        spare->next = letter->spares;
        letter->spares = spare;
    }
    return true;
}

static naru_status publish(naru__shard *shard, naru__letter *letter, const naru_audience *audience,
                           naru_channel_answer_fn *done, void *user)
{
    naru_span channel = letter->publication->channel;
    if (audience) {
        channel = audience->channels_count > 0 ? audience->channels[0] : (naru_span){NULL, 0};
        letter->envelope = naru__envelope_new(audience);
    } else if (!naru__shard_name_fits(shard, channel)) {
        return NARU_ERR_TOO_BIG;
    }
    if ((audience && !letter->envelope) || !add_spares(shard, letter)) {
        return NARU_ERR_MEMORY;
    }
    return ask(shard, letter, channel, done, user);
}

naru_status naru__shard_publish_take(naru__shard *shard, const naru_audience *audience, naru_publication *publication,
                                     naru_channel_answer_fn *done, void *user)
{
    naru__letter *letter = naru__letter_new(NARU__LETTER_PUBLISH, (naru_span){NULL, 0});
    if (!letter) {
        naru_publication_unref(publication);
        return NARU_ERR_MEMORY;
    }
    letter->publication = publication;
    naru_status status = publish(shard, letter, audience, done, user);
    if (status != NARU_OK) {
        naru__letter_free(letter);
    }
    return status;
}
