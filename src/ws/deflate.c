/* The only file that touches zlib. Its state is made for a message, sized to it, and given back behind it; what may be
 * referred to comes as a dictionary. So no connection owns a compressor, and a loop, whose allocator keeps freed
 * blocks, has one of each size for all of them. Not for: what is compressed (send.c), limits (compressed.c), parameters
 * (extension.c). Source: RFC 1951, RFC 7692 7.2, zlib.h. */
#include "deflate.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/memory.h"
#include "pack.h"
#include "window.h"

enum {
    ROOM_MIN = 256,
    ROOM_MAX = 65536,
    PIECE_MAX = INT_MAX / 2,
    TAIL_BYTES = 4,
    BITS_MIN = 9,
    BITS_MAX = 15,
    MEMORY_LEVEL = 8,
    UNREACHED_BYTES = 262 /* of its window, zlib refers to all but these */
};

struct naru__ws_inflater {
    z_stream z;
    const naru_allocator *allocator;
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

/* A window no larger than what can be referred to, and tables to match: most messages are small, and what zlib clears
 * for them should be too. zlib.h: the symbols of 2^(memory_level + 6) bytes and a table of twice as many hashes. */
static naru__ws_effort fit(naru__ws_effort most, size_t before_bytes, size_t data_bytes)
{
    size_t reach = data_bytes < SIZE_MAX / 2 ? before_bytes + data_bytes + UNREACHED_BYTES : SIZE_MAX;
    naru__ws_effort effort = {BITS_MIN, most.level, 1};
    while (effort.bits < most.bits && (size_t)1 << effort.bits < reach) {
        effort.bits++;
    }
    while (effort.memory_level < most.memory_level && (size_t)1 << (effort.memory_level + 6) < reach) {
        effort.memory_level++;
    }
    return effort;
}

static bool begin(z_stream *z, naru__ws_effort effort, const naru_span before[2])
{
    if (deflateInit2(z, effort.level, Z_DEFLATED, -effort.bits, effort.memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (before[i].size > 0 && deflateSetDictionary(z, before[i].data, (uInt)before[i].size) != Z_OK) {
            deflateEnd(z);
            return false;
        }
    }
    return true;
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

static naru_status deflate_all(z_stream *z, naru_span data, naru_buf *out)
{
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

naru_status naru__ws_deflate_append(const naru_allocator *allocator, naru__ws_effort effort,
                                    const naru__ws_window *before, size_t reach_bytes, naru_span data, naru_buf *out)
{
    static const naru__ws_window nothing = {NULL, 0, 0, 0};
    naru_span pieces[2];
    naru__ws_window_last(before ? before : &nothing, reach_bytes, pieces);
    if (data.size <= NARU__WS_PACK_BYTES_MAX && effort.level <= NARU__WS_PACK_LEVEL_MAX) {
        return naru__ws_pack(allocator, pieces, data, effort.bits, effort.level, out);
    }
    z_stream z;
    bind(&z, allocator);
    if (!begin(&z, fit(effort, pieces[0].size + pieces[1].size, data.size), pieces)) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = deflate_all(&z, data, out);
    deflateEnd(&z);
    return status;
}

naru_status naru__ws_deflate_once(const naru_allocator *allocator, naru_span data, uint8_t window_bits, uint8_t level,
                                  naru_buf *out)
{
    if (data.size == 0) {
        return naru__buf_append_byte(out, 0); /* 7692 7.2.3.6 */
    }
    size_t at = naru__buf_size(out);
    naru__ws_effort effort = {window_bits, level, MEMORY_LEVEL};
    naru_status status = naru__ws_deflate_append(allocator, effort, NULL, 0, data, out);
    naru__buf_truncate(out, status == NARU_OK ? naru__buf_size(out) - TAIL_BYTES : at);
    return status;
}

/* ---- in ------------------------------------------------------------------------------------------------ */

static bool remember(z_stream *z, const naru__ws_window *before)
{
    naru_span pieces[2];
    naru__ws_window_last(before, before->size, pieces);
    for (int i = 0; i < 2; i++) {
        if (pieces[i].size > 0 && inflateSetDictionary(z, pieces[i].data, (uInt)pieces[i].size) != Z_OK) {
            return false;
        }
    }
    return true;
}

naru__ws_inflater *naru__ws_inflater_new(const naru_allocator *allocator, unsigned bits, const naru__ws_window *before)
{
    naru__ws_inflater *inflater = naru__alloc(allocator, sizeof *inflater);
    if (!inflater) {
        return NULL;
    }
    *inflater = (naru__ws_inflater){.allocator = allocator};
    bind(&inflater->z, allocator);
    /* zlib's inflate reads an 8-bit window with one of 9. */
    if (inflateInit2(&inflater->z, -(int)(bits > BITS_MIN ? bits : BITS_MIN)) != Z_OK) {
        naru__free(allocator, inflater, sizeof *inflater);
        return NULL;
    }
    if (!remember(&inflater->z, before)) {
        naru__ws_inflater_free(inflater);
        return NULL;
    }
    return inflater;
}

void naru__ws_inflater_free(naru__ws_inflater *inflater)
{
    if (inflater) {
        inflateEnd(&inflater->z);
        naru__free(inflater->allocator, inflater, sizeof *inflater);
    }
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
    return inflater->ended || ((inflater->z.data_type & 128) && !(inflater->z.data_type & 63));
}
