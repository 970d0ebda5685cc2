/* A line in, a line out, for tests that hold naru's codecs to other people's:
 *   json TEXT            the text as naru's reader and writer have it, strings unescaped and escaped again, numbers as
 *                        doubles
 *   unpack HEX           a Socket.IO packet in MessagePack as its text, and each attachment in hex behind a tab
 *   pack TEXT [HEX...]   the packet of that text with those attachments, tabs between, in MessagePack, in hex
 * What cannot be read or written is answered with "error". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socketio/binary.h"
#include "socketio/msgpack.h"

enum { SPANS = 10 };

static void write_token(naru_json_writer *w, naru_json_token token, naru_buf *scratch)
{
    naru_span text = {NULL, 0};
    double number = 0;
    switch (token.kind) {
    case NARU_JSON_TOKEN_ARRAY:
        naru_json_write_array(w);
        return;
    case NARU_JSON_TOKEN_ARRAY_END:
        naru_json_write_array_end(w);
        return;
    case NARU_JSON_TOKEN_OBJECT:
        naru_json_write_object(w);
        return;
    case NARU_JSON_TOKEN_OBJECT_END:
        naru_json_write_object_end(w);
        return;
    default:
        break;
    }
    if (naru_json_string(token.value, scratch, &text) == NARU_OK) {
        (token.kind == NARU_JSON_TOKEN_KEY ? naru_json_write_key : naru_json_write_string)(w, text);
    } else if (naru_json_double(token.value, &number) == NARU_OK) {
        naru_json_write_double(w, number);
    } else if (naru_json_is(token.value, NARU_JSON_NUMBER)) {
        naru_json_write_null(w); /* as JSON.stringify writes what JSON.parse reads as infinite */
    } else {
        naru_json_write_raw(w, token.value.text);
    }
}

static bool do_json(naru_span text, naru_buf *out)
{
    naru_json value;
    if (naru_json_read(text, NULL, &value, NULL) != NARU_OK) {
        return false;
    }
    naru_buf scratch = {0};
    naru_json_writer w;
    naru_json_token token;
    naru_json_writer_init(&w, out, 0);
    for (naru_span rest = value.text; naru_json_token_next(&rest, &token);) {
        write_token(&w, token, &scratch);
    }
    naru_buf_deinit(&scratch);
    return naru_json_writer_finish(&w) == NARU_OK;
}

static bool append_hex(naru_buf *out, naru_span bytes)
{
    bool good = true;
    for (size_t i = 0; i < bytes.size && good; i++) {
        char pair[3];
        snprintf(pair, sizeof pair, "%02x", bytes.data[i]);
        good = naru_buf_append(out, naru_span_of(pair)) == NARU_OK;
    }
    return good;
}

static int nibble(uint8_t c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* In place: lower-case digits, as the test writes them. */
static naru_span from_hex(uint8_t *text, size_t size)
{
    for (size_t i = 0; i + 1 < size; i += 2) {
        text[i / 2] = (uint8_t)(nibble(text[i]) << 4 | nibble(text[i + 1]));
    }
    return (naru_span){text, size / 2};
}

static bool do_unpack(uint8_t *text, size_t size, naru_buf *out)
{
    naru_buf json = {0};
    naru_span spans[SPANS];
    naru__sio_packet packet;
    bool good = naru__sio_msgpack_read(from_hex(text, size), NULL, &json, spans, &packet, NULL) == NARU_OK &&
                naru__sio_packet_write(out, &packet) == NARU_OK;
    for (uint32_t i = 0; good && i < packet.attachments; i++) {
        good = naru_buf_append(out, naru_span_of("\t")) == NARU_OK && append_hex(out, spans[i]);
    }
    naru_buf_deinit(&json);
    return good;
}

static bool do_pack(uint8_t *text, size_t size, naru_buf *out)
{
    naru_span spans[SPANS];
    size_t count = 0;
    uint8_t *tab = memchr(text, '\t', size);
    naru_span head = {text, tab ? (size_t)(tab - text) : size};
    for (uint8_t *at = tab; at && count < SPANS; count++) {
        uint8_t *begin = at + 1;
        at = memchr(begin, '\t', (size_t)(text + size - begin));
        spans[count] = from_hex(begin, (size_t)((at ? at : text + size) - begin));
    }
    naru__sio_packet packet;
    naru_buf packed = {0};
    bool good = naru__sio_packet_read(head, NULL, &packet, NULL) == NARU_OK && packet.attachments == count &&
                naru__sio_msgpack_write(&packed, &packet, spans) == NARU_OK && append_hex(out, naru_buf_span(&packed));
    naru_buf_deinit(&packed);
    return good;
}

static bool answer(uint8_t *line, size_t size, naru_buf *out)
{
    uint8_t *space = memchr(line, ' ', size);
    if (!space) {
        return false;
    }
    size_t rest = size - (size_t)(space + 1 - line);
    switch (line[0]) {
    case 'j':
        return do_json((naru_span){space + 1, rest}, out);
    case 'u':
        return do_unpack(space + 1, rest, out);
    default:
        return do_pack(space + 1, rest, out);
    }
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        naru_buf out = {0};
        size -= line[size - 1] == '\n';
        if (answer((uint8_t *)line, (size_t)size, &out)) {
            naru_span said = naru_buf_span(&out);
            fwrite(said.data, 1, said.size, stdout);
            putchar('\n');
        } else {
            puts("error");
        }
        naru_buf_deinit(&out);
    }
    free(line);
    return 0;
}
