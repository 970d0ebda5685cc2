/* The only file that touches zlib. Its memory comes from the session's allocator, its state is given back
 * while idle. Not for: what is compressed (send.c), limits (compressed.c), parameters (extension.c).
 * Source: RFC 1951, RFC 7692 7.2, zlib.h. */
#include "deflate.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"

enum { ROOM_MIN = 256, ROOM_MAX = 65536, PIECE_MAX = INT_MAX / 2, ZLIB_BITS_MIN = 9 };

struct naru__ws_deflater {
    z_stream z;
    const naru_allocator *allocator;
};

struct naru__ws_inflater {
    z_stream z;
    const naru_allocator *allocator;
    uint8_t *window; /* asleep: what the peer may still refer to */
    unsigned window_bytes;
    unsigned bits;
    bool asleep;
    bool ended; /* a final block went by, and nothing came since */
};

/* ---- zlib's memory ------------------------------------------------------------------------------------- */

/* zlib does not say how big the block was that it gives back, so its size stands in front. */
typedef union block {
    size_t bytes;
    max_align_t align;
} block;

static voidpf take(voidpf user, uInt items, uInt item_bytes)
{
    size_t count = items, size = item_bytes;
    if (size != 0 && count > (SIZE_MAX - sizeof(block)) / size) {
        return NULL;
    }
    size_t bytes = sizeof(block) + count * size;
    block *fresh = naru__alloc(user, bytes);
    if (!fresh) {
        return NULL;
    }
    fresh->bytes = bytes;
    return fresh + 1;
}

static void give(voidpf user, voidpf address)
{
    if (address) {
        block *old = (block *)address - 1;
        naru__free(user, old, old->bytes);
    }
}

static void bind(z_stream *z, const naru_allocator *allocator)
{
    *z = (z_stream){.zalloc = take, .zfree = give};
    memcpy(&z->opaque, &allocator, sizeof allocator); /* zlib hands it back to take and give, which do not change it */
}

/* ---- out ----------------------------------------------------------------------------------------------- */

naru__ws_deflater *naru__ws_deflater_new(const naru_allocator *allocator, unsigned bits, unsigned level,
                                         unsigned memory_level)
{
    naru__ws_deflater *deflater = naru__alloc(allocator, sizeof *deflater);
    if (!deflater) {
        return NULL;
    }
    bind(&deflater->z, allocator);
    deflater->allocator = allocator;
    if (deflateInit2(&deflater->z, (int)level, Z_DEFLATED, -(int)bits, (int)memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
        naru__free(allocator, deflater, sizeof *deflater);
        return NULL;
    }
    return deflater;
}

void naru__ws_deflater_free(naru__ws_deflater *deflater)
{
    if (deflater) {
        deflateEnd(&deflater->z);
        naru__free(deflater->allocator, deflater, sizeof *deflater);
    }
}

void naru__ws_deflater_reset(naru__ws_deflater *deflater)
{
    deflateReset(&deflater->z);
}

/* Call deflate once with as much room as out has, at least enough for a flush that fits whole. */
static naru_status deflate_into(z_stream *z, int flush, naru_buf *out)
{
    size_t wanted = (size_t)z->avail_in / 2 + ROOM_MIN;
    wanted = wanted < ROOM_MAX ? wanted : ROOM_MAX;
    uint8_t *room = naru_buf_reserve(out, wanted);
    if (!room) {
        return NARU_ERR_MEMORY;
    }
    size_t free_bytes = out->capacity - out->end;
    free_bytes = free_bytes < PIECE_MAX ? free_bytes : PIECE_MAX;
    z->next_out = room;
    z->avail_out = (uInt)free_bytes;
    deflate(z, flush);
    naru_buf_commit(out, free_bytes - z->avail_out);
    return NARU_OK;
}

naru_status naru__ws_deflater_append(naru__ws_deflater *deflater, naru_span data, naru_buf *out)
{
    z_stream *z = &deflater->z;
    while (data.size > 0) {
        size_t piece = data.size < PIECE_MAX ? data.size : PIECE_MAX;
        z->next_in = (z_const Bytef *)data.data;
        z->avail_in = (uInt)piece;
        data = (naru_span){data.data + piece, data.size - piece};
        /* zlib.h: a flush is complete once room is left over. */
        do {
            if (deflate_into(z, data.size == 0 ? Z_SYNC_FLUSH : Z_NO_FLUSH, out) != NARU_OK) {
                return NARU_ERR_MEMORY;
            }
        } while (z->avail_out == 0);
    }
    return NARU_OK;
}

/* ---- in ------------------------------------------------------------------------------------------------ */

/* zlib's inflate reads an 8-bit window with one of 9. */
static bool wake(naru__ws_inflater *inflater)
{
    unsigned bits = inflater->bits > ZLIB_BITS_MIN ? inflater->bits : ZLIB_BITS_MIN;
    bind(&inflater->z, inflater->allocator);
    if (inflateInit2(&inflater->z, -(int)bits) != Z_OK) {
        return false;
    }
    if (inflater->window_bytes > 0 &&
        inflateSetDictionary(&inflater->z, inflater->window, inflater->window_bytes) != Z_OK) {
        inflateEnd(&inflater->z);
        return false;
    }
    naru__free(inflater->allocator, inflater->window, inflater->window_bytes);
    inflater->window = NULL;
    inflater->window_bytes = 0;
    inflater->asleep = false;
    inflater->ended = false;
    return true;
}

naru__ws_inflater *naru__ws_inflater_new(const naru_allocator *allocator, unsigned bits)
{
    naru__ws_inflater *inflater = naru__alloc_zero(allocator, sizeof *inflater);
    if (!inflater) {
        return NULL;
    }
    inflater->allocator = allocator;
    inflater->bits = bits;
    inflater->asleep = true;
    if (!wake(inflater)) {
        naru__ws_inflater_free(inflater);
        return NULL;
    }
    return inflater;
}

void naru__ws_inflater_free(naru__ws_inflater *inflater)
{
    if (!inflater) {
        return;
    }
    if (!inflater->asleep) {
        inflateEnd(&inflater->z);
    }
    naru__free(inflater->allocator, inflater->window, inflater->window_bytes);
    naru__free(inflater->allocator, inflater, sizeof *inflater);
}

bool naru__ws_inflater_reset(naru__ws_inflater *inflater)
{
    if (inflater->asleep) {
        naru__free(inflater->allocator, inflater->window, inflater->window_bytes);
        inflater->window = NULL;
        inflater->window_bytes = 0;
        return true;
    }
    inflater->ended = false;
    return inflateReset(&inflater->z) == Z_OK;
}

static int inflate_into(naru__ws_inflater *inflater, naru_input *in, uint8_t *room, size_t room_bytes, size_t *written)
{
    z_stream *z = &inflater->z;
    size_t piece = in->size < PIECE_MAX ? in->size : PIECE_MAX;
    size_t space = room_bytes - *written < PIECE_MAX ? room_bytes - *written : PIECE_MAX;
    z->next_in = in->data;
    z->avail_in = (uInt)piece;
    z->next_out = room + *written;
    z->avail_out = (uInt)space;
    int code = inflate(z, Z_SYNC_FLUSH);
    if (piece > z->avail_in) {
        in->data += piece - z->avail_in;
        in->size -= piece - z->avail_in;
    }
    *written += space - z->avail_out;
    return code;
}

naru_status naru__ws_inflater_run(naru__ws_inflater *inflater, naru_input *in, uint8_t *room, size_t *room_bytes)
{
    size_t space = *room_bytes;
    *room_bytes = 0;
    if (inflater->asleep && !wake(inflater)) {
        return NARU_ERR_MEMORY;
    }
    while (*room_bytes < space && !(inflater->ended && in->size == 0)) {
        size_t input = in->size;
        size_t output = *room_bytes;
        int code = inflate_into(inflater, in, room, space, room_bytes);
        if (code != Z_OK && code != Z_BUF_ERROR && code != Z_STREAM_END) {
            return code == Z_MEM_ERROR ? NARU_ERR_MEMORY : NARU_ERR_DEFLATE;
        }
        /* 7692 7.2.3.4: a message may hold final blocks; what follows still refers to the window before,
         * which inflateReset would forget. */
        inflater->ended = code == Z_STREAM_END;
        if (inflater->ended && inflateResetKeep(&inflater->z) != Z_OK) {
            return NARU_ERR_DEFLATE;
        }
        if (!inflater->ended && (in->size == 0 || (in->size == input && *room_bytes == output))) {
            break;
        }
    }
    return NARU_OK;
}

bool naru__ws_inflater_rests(const naru__ws_inflater *inflater)
{
    /* zlib.h on data_type: 128 between blocks, the low 6 bits count what is left of a byte. */
    return inflater->asleep || inflater->ended || ((inflater->z.data_type & 128) && !(inflater->z.data_type & 63));
}

bool naru__ws_inflater_awake(const naru__ws_inflater *inflater)
{
    return inflater && !inflater->asleep;
}

bool naru__ws_inflater_sleep(naru__ws_inflater **slot, bool fresh)
{
    naru__ws_inflater *inflater = *slot;
    if (!naru__ws_inflater_awake(inflater)) {
        return true;
    }
    uInt bytes = 0;
    inflateGetDictionary(&inflater->z, NULL, &bytes);
    if (fresh || bytes == 0) {
        naru__ws_inflater_free(inflater);
        *slot = NULL;
        return true;
    }
    uint8_t *window = naru__alloc(inflater->allocator, bytes);
    if (!window) {
        return false;
    }
    inflateGetDictionary(&inflater->z, window, &bytes);
    inflateEnd(&inflater->z);
    inflater->window = window;
    inflater->window_bytes = bytes;
    inflater->asleep = true;
    return true;
}
