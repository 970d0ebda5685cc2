/* A file's media type by its name's ending. Text is said to be UTF-8. Source: the IANA registry, RFC 9239, WHATWG MIME
 * Sniffing. */
#include "server/mime.h"

#include "base/ascii.h"

typedef struct ending {
    const char *name;
    const char *type;
} ending;

static const ending endings[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"xml", "text/xml; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/vnd.microsoft.icon"},
    {"wasm", "application/wasm"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
};

const char *naru__mime_of(naru_span path)
{
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '.' && path.data[at - 1] != '/') {
        at--;
    }
    naru_span name = at > 0 && path.data[at - 1] == '.' ? naru__span_from(path, at) : (naru_span){0};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (naru_span_equal_nocase(name, naru_span_of(endings[i].name))) {
            return endings[i].type;
        }
    }
    return "application/octet-stream";
}
