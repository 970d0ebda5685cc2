/* Answers of polling compressed for clients that take it. Source: RFC 9110 12.5.3, RFC 1950, RFC 1952. */
#include "engine_inside.h"

#include "base/ascii.h"
#include <zlib.h>

enum { WINDOW_BITS = 15, GZIP_BITS = 16, MEMORY_LEVEL = 8 };

/* "gzip", "gzip;q=0.5", but not "gzip;q=0". */
static bool takes(naru_span member, const char *coding)
{
    naru_span name = naru_span_of(coding);
    if (member.size < name.size || !naru_span_equal_nocase(naru__span_first(member, name.size), name)) {
        return false;
    }
    naru_span rest = naru__span_from(member, name.size);
    bool zero = rest.size >= 3;
    for (size_t i = 0; i < rest.size && zero; i++) {
        uint8_t byte = rest.data[i];
        zero = byte == ';' || byte == ' ' || byte == 'q' || byte == 'Q' || byte == '=' || byte == '0' || byte == '.';
    }
    return !zero && (rest.size == 0 || rest.data[0] == ';' || rest.data[0] == ' ');
}

static bool accepts(const naru_http_head *head, const char *coding)
{
    for (size_t i = 0; i < naru_http_head_count(head); i++) {
        naru_http_field field = naru_http_head_at(head, i);
        naru_span rest = field.value, member;
        if (!naru_span_equal_nocase(field.name, naru_span_of("Accept-Encoding"))) {
            continue;
        }
        while (naru_http_list_next(&rest, &member)) {
            if (takes(member, coding)) {
                return true;
            }
        }
    }
    return false;
}

static bool compress_into(naru_span body, int window_bits, naru_buf *out)
{
    z_stream zlib = {.next_in = (z_const Bytef *)(uintptr_t)body.data, .avail_in = (uInt)body.size};
    if (body.size > UINT32_MAX ||
        deflateInit2(&zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    uLong most = deflateBound(&zlib, (uLong)body.size);
    zlib.next_out = naru_buf_reserve(out, most);
    zlib.avail_out = zlib.next_out ? (uInt)most : 0;
    bool done = zlib.next_out && deflate(&zlib, Z_FINISH) == Z_STREAM_END;
    if (done) {
        naru_buf_commit(out, zlib.total_out);
    }
    deflateEnd(&zlib);
    return done;
}

bool naru__eio_accepts_gzip(const naru_http_head *head)
{
    return accepts(head, "gzip");
}

bool naru__eio_gzip(naru_span body, naru_buf *out)
{
    return compress_into(body, WINDOW_BITS + GZIP_BITS, out);
}

bool naru__eio_encode(naru_eio_server *eio, naru_request *request, naru_span body, naru_buf *out)
{
    const naru_http_head *head = naru_request_head(request);
    uint32_t threshold = eio->options.http_compression_threshold_bytes;
    if (threshold == NARU_NEVER || body.size < threshold) {
        return false;
    }
    bool gzip = accepts(head, "gzip");
    if (!gzip && !accepts(head, "deflate")) {
        return false;
    }
    if (!compress_into(body, gzip ? WINDOW_BITS + GZIP_BITS : WINDOW_BITS, out)) {
        return false;
    }
    return naru_request_add_field(request, "Content-Encoding", naru_span_of(gzip ? "gzip" : "deflate")) == NARU_OK;
}
