/* Whose session an id names, where several servers share their clients: of our own ids the byte in front of the counter
 * says it, of those that the application makes two characters behind them. The rest of an id is as hard to guess as
 * ever.
 *
 * Not for: how a request gets there (group.c). Source: none. */
#include "engine_inside.h"

#include <string.h>

enum { OWN_ID_CHARACTERS = 20, INDEX_CHARACTER = 14 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void naru__eio_server_share(naru_eio_server *eio, uint32_t index, naru__eio_elsewhere *elsewhere)
{
    eio->index = index;
    eio->elsewhere = elsewhere;
}

void naru__eio_mark_id(const naru_eio_server *eio, char *id)
{
    size_t size = strlen(id);
    id[size] = digits[eio->index >> 6 & 63];
    id[size + 1] = digits[eio->index & 63];
    id[size + 2] = 0;
}

/* The twelve bits of two characters. false: they are none. */
static bool read_two(const char *at, uint32_t *bits_out)
{
    const char *high = strchr(digits, at[0]), *low = strchr(digits, at[1]);
    if (!at[0] || !at[1] || !high || !low) {
        return false;
    }
    *bits_out = (uint32_t)(high - digits) << 6 | (uint32_t)(low - digits);
    return true;
}

static bool owner_of(const naru_eio_server *eio, const char *id, uint32_t *index_out)
{
    size_t size = strlen(id);
    if (eio->options.generate_id) {
        return size > NARU__EIO_MARK_BYTES && read_two(id + size - NARU__EIO_MARK_BYTES, index_out);
    }
    bool good = size == OWN_ID_CHARACTERS && read_two(id + INDEX_CHARACTER, index_out);
    *index_out &= 255;
    return good;
}

bool naru__eio_leaves(naru_eio_server *eio, naru_request *request, const naru__eio_question *question)
{
    uint32_t index = 0;
    return eio->elsewhere && question->has_sid && owner_of(eio, question->sid, &index) && index != eio->index &&
           eio->elsewhere(eio->owner, index, request);
}
