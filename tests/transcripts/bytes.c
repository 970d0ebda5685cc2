/* See bytes.h. */
#include "bytes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void bytes_add(bytes *to, const void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    if (size > to->capacity - to->size) {
        to->capacity = (to->size + size) * 2;
        to->data = realloc(to->data, to->capacity);
        if (!to->data) {
            abort();
        }
    }
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

void bytes_free(bytes *old)
{
    free(old->data);
    *old = (bytes){NULL, 0, 0};
}

static void add_byte(bytes *to, unsigned byte)
{
    uint8_t value = (uint8_t)byte;
    bytes_add(to, &value, 1);
}

static void skip_blanks(const char **text)
{
    while (**text == ' ' || **text == '\t') {
        (*text)++;
    }
}

bool word_read(const char **text, char *out, size_t out_bytes)
{
    skip_blanks(text);
    size_t size = 0;
    while ((isalnum((unsigned char)**text) || (**text && strchr("-_=.+", **text))) && size + 1 < out_bytes) {
        out[size++] = *(*text)++;
    }
    out[size] = '\0';
    return size > 0;
}

bool number_read(const char **text, uint64_t *out)
{
    skip_blanks(text);
    if (!isdigit((unsigned char)**text)) {
        return false;
    }
    uint64_t sum = 0;
    while (isdigit((unsigned char)**text)) {
        sum = sum * 10 + (uint64_t)(*(*text)++ - '0');
    }
    *out = sum;
    return true;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *read_string(const char **text, bytes *out)
{
    for ((*text)++; **text != '"'; (*text)++) {
        if (**text == '\0') {
            return "a string without its end";
        }
        if (**text != '\\') {
            add_byte(out, (unsigned char)**text);
            continue;
        }
        (*text)++;
        static const char from[] = "nrt0\\\"", to[] = "\n\r\t\0\\\"";
        const char *at = **text ? strchr(from, **text) : NULL;
        if (**text == 'x' && hex_of((*text)[1]) >= 0 && hex_of((*text)[2]) >= 0) {
            add_byte(out, (unsigned)(hex_of((*text)[1]) << 4 | hex_of((*text)[2])));
            *text += 2;
        } else if (at) {
            add_byte(out, (unsigned char)to[at - from]);
        } else {
            return "an escape that is none";
        }
    }
    (*text)++;
    return NULL;
}

static const char *read_hex(const char **text, bytes *out)
{
    while (hex_of(**text) >= 0) {
        int low = hex_of((*text)[1]);
        if (low < 0) {
            return "half a byte of hex";
        }
        add_byte(out, (unsigned)(hex_of(**text) << 4 | low));
        *text += 2;
    }
    return NULL;
}

/* ---- frames -------------------------------------------------------------------------------------------- */

typedef struct frame {
    unsigned first;
    bool masked;
    bool says;
    uint64_t length;
    unsigned form; /* 0: shortest; 16, 64 */
    bool cut;      /* only the head */
    bytes payload;
} frame;

void writer_mask(unsigned number, uint8_t mask_out[4])
{
    mask_out[0] = (uint8_t)(0x37 + number * 29);
    mask_out[1] = (uint8_t)(0xfa - number);
    mask_out[2] = (uint8_t)(0x21 ^ number * 7);
    mask_out[3] = (uint8_t)(0x3d + (number >> 8));
}

static bool read_flag(const char *word, frame *f)
{
    if (strcmp(word, "rsv1") == 0) {
        f->first |= 0x40;
    } else if (strcmp(word, "rsv2") == 0) {
        f->first |= 0x20;
    } else if (strcmp(word, "rsv3") == 0) {
        f->first |= 0x10;
    } else if (strcmp(word, "bare") == 0) {
        f->masked = false;
    } else if (strcmp(word, "masked") == 0) {
        f->masked = true;
    } else if (strcmp(word, "form16") == 0) {
        f->form = 16;
    } else if (strcmp(word, "form64") == 0) {
        f->form = 64;
    } else if (strcmp(word, "cut") == 0) {
        f->cut = true;
    } else if (strncmp(word, "says=", 5) == 0) {
        f->says = true;
        f->length = strtoull(word + 5, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static bool read_name(const char **text, frame *f)
{
    static const struct {
        const char *name;
        unsigned first;
    } names[] = {{"cont", 0}, {"text", 1}, {"binary", 2}, {"close", 8}, {"ping", 9}, {"pong", 10}};
    char word[32];
    if (!word_read(text, word, sizeof word)) {
        return false;
    }
    size_t size = strlen(word);
    unsigned fin = 0x80;
    if (word[size - 1] == '-') {
        fin = 0;
        word[size - 1] = '\0';
    }
    if (strncmp(word, "op=", 3) == 0) {
        f->first = fin | (unsigned)strtoul(word + 3, NULL, 10);
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(word, names[i].name) == 0) {
            f->first = fin | names[i].first;
            return true;
        }
    }
    return false;
}

static void read_flags(const char **text, frame *f)
{
    for (;;) {
        const char *before = *text;
        char word[40];
        if (!word_read(text, word, sizeof word) || !read_flag(word, f)) {
            *text = before;
            return;
        }
    }
}

static void add_number(bytes *out, uint64_t value, unsigned count)
{
    for (unsigned i = count; i-- > 0;) {
        add_byte(out, (unsigned)(value >> (8 * i)) & 0xff);
    }
}

static void add_frame(const frame *f, writer *by, bytes *out)
{
    uint64_t length = f->says ? f->length : f->payload.size;
    unsigned form = f->form ? f->form : length < 126 ? 7 : length < 65536 ? 16 : 64;
    unsigned mask_bit = f->masked ? 0x80 : 0;
    add_byte(out, f->first);
    add_byte(out, mask_bit | (form == 7 ? (unsigned)length : form == 16 ? 126 : 127));
    if (form != 7) {
        add_number(out, length, form / 8);
    }
    uint8_t mask[4] = {0, 0, 0, 0};
    if (f->masked) {
        writer_mask(by->frames++, mask);
        bytes_add(out, mask, sizeof mask);
    }
    for (size_t i = 0; i < f->payload.size && !f->cut; i++) {
        add_byte(out, f->payload.data[i] ^ mask[i % 4]);
    }
}

static const char *read_frame(const char **text, writer *by, bytes *out)
{
    frame f = {.masked = by->masks};
    (*text)++;
    if (!read_name(text, &f)) {
        return "a frame of no known name";
    }
    read_flags(text, &f);
    uint64_t code;
    if ((f.first & 15) == 8 && number_read(text, &code)) {
        add_number(&f.payload, code, 2);
    } else if ((f.first & 15) == 8) {
        const char *before = *text;
        char word[16];
        if (!word_read(text, word, sizeof word) || strcmp(word, "raw") != 0) {
            *text = before;
        }
    }
    const char *wrong = bytes_read(text, by, &f.payload);
    if (!wrong && **text != ']') {
        wrong = "a frame without its end";
    }
    if (!wrong) {
        (*text)++;
        add_frame(&f, by, out);
    }
    bytes_free(&f.payload);
    return wrong;
}

/* ---- zip( ) -------------------------------------------------------------------------------------------- */

/* What a sender that keeps to 7692 7.2.1 makes of it, in a context of its own. */
static void add_zipped(bytes *out, const bytes *plain)
{
    z_stream z = {.zalloc = Z_NULL};
    if (deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        abort();
    }
    size_t room = deflateBound(&z, plain->size) + 64;
    uint8_t *to = malloc(room);
    if (!to) {
        abort();
    }
    z.next_in = plain->data;
    z.avail_in = (uInt)plain->size;
    z.next_out = to;
    z.avail_out = (uInt)room;
    deflate(&z, Z_SYNC_FLUSH);
    bytes_add(out, to, room - z.avail_out - 4);
    deflateEnd(&z);
    free(to);
}

static const char *read_zip(const char **text, writer *by, bytes *out)
{
    bytes plain = {NULL, 0, 0};
    *text += strlen("zip(");
    const char *wrong = bytes_read(text, by, &plain);
    if (!wrong && **text != ')') {
        wrong = "zip( without its end";
    }
    if (!wrong) {
        (*text)++;
        add_zipped(out, &plain);
    }
    bytes_free(&plain);
    return wrong;
}

/* ---- items --------------------------------------------------------------------------------------------- */

static const char *read_item(const char **text, writer *by, bytes *out)
{
    if (**text == '"') {
        return read_string(text, out);
    }
    if (**text == '[') {
        return read_frame(text, by, out);
    }
    if (strncmp(*text, "zip(", 4) == 0) {
        return read_zip(text, by, out);
    }
    return hex_of(**text) >= 0 ? read_hex(text, out) : "neither string, hex, frame nor zip";
}

const char *bytes_read(const char **text, writer *by, bytes *out)
{
    for (;;) {
        skip_blanks(text);
        if (**text == '\0' || **text == ']' || **text == ')') {
            return NULL;
        }
        const char *start = *text;
        size_t before = out->size;
        const char *wrong = read_item(text, by, out);
        if (wrong) {
            return wrong;
        }
        uint64_t count = 1;
        if (**text == '*') {
            (*text)++;
            if (!number_read(text, &count) || count == 0) {
                return "a repetition without its number";
            }
        }
        const char *end = *text;
        bool frames = *start == '[';
        bytes once = {NULL, 0, 0};
        if (out->size > before) {
            bytes_add(&once, out->data + before, out->size - before);
        }
        for (uint64_t i = 1; i < count && !wrong; i++) {
            const char *again = start; /* each frame has its own mask: read it anew */
            if (frames) {
                wrong = read_item(&again, by, out);
            } else {
                bytes_add(out, once.data, once.size);
            }
        }
        bytes_free(&once);
        *text = end;
        if (wrong) {
            return wrong;
        }
    }
}
