/* Writing JSON lines, escaped no more than needed: any reader gets back the exact text.
 *
 * Not for: reading JSON; jansson does. Source: RFC 8259 7. */
#include "json_writer.h"

#include <stdio.h>

static void put(json_writer *writer, naru_span bytes)
{
    if (writer->status == NARU_OK) {
        writer->status = naru_buf_append(&writer->bytes, bytes);
    }
}

static void put_text(json_writer *writer, const char *text)
{
    put(writer, naru_span_of(text));
}

static bool plain(uint8_t byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f;
}

static void put_escape(json_writer *writer, uint8_t byte)
{
    char text[8];
    const char *name = byte == '"'    ? "\\\""
                       : byte == '\\' ? "\\\\"
                       : byte == '\n' ? "\\n"
                       : byte == '\r' ? "\\r"
                       : byte == '\t' ? "\\t"
                                      : text;
    snprintf(text, sizeof text, "\\u%04x", byte);
    put_text(writer, name);
}

static void put_latin1(json_writer *writer, uint8_t byte)
{
    const uint8_t utf8[2] = {(uint8_t)(0xc0 | byte >> 6), (uint8_t)(0x80 | (byte & 0x3f))};
    put(writer, (naru_span){utf8, sizeof utf8});
}

static void put_string(json_writer *writer, naru_span text)
{
    bool utf8 = naru_utf8_valid(text);
    put_text(writer, "\"");
    while (text.size > 0) {
        size_t good = 0;
        while (good < text.size && plain(text.data[good]) && (utf8 || text.data[good] < 0x80)) {
            good++;
        }
        put(writer, (naru_span){text.data, good});
        if (good < text.size) {
            uint8_t byte = text.data[good];
            if (byte >= 0x80) {
                put_latin1(writer, byte);
            } else {
                put_escape(writer, byte);
            }
            good++;
        }
        text.data += good;
        text.size -= good;
    }
    put_text(writer, "\"");
}

static void put_comma(json_writer *writer)
{
    if (writer->comma) {
        put_text(writer, ",");
    }
    writer->comma = true;
}

static void put_key(json_writer *writer, const char *key)
{
    put_comma(writer);
    put_string(writer, naru_span_of(key));
    put_text(writer, ":");
}

void json_writer_open(json_writer *writer)
{
    *writer = (json_writer){.status = NARU_OK};
    naru_buf_init(&writer->bytes, NULL);
    put_text(writer, "{");
}

naru_status json_writer_close(json_writer *writer)
{
    put_text(writer, "}\n");
    return writer->status;
}

void json_writer_free(json_writer *writer)
{
    naru_buf_deinit(&writer->bytes);
}

void json_writer_text(json_writer *writer, const char *key, naru_span text)
{
    put_key(writer, key);
    put_string(writer, text);
}

void json_writer_base64(json_writer *writer, const char *key, naru_span bytes)
{
    put_key(writer, key);
    put_text(writer, "\"");
    if (writer->status == NARU_OK && bytes.size > 0) {
        uint8_t *at = bytes.size > SIZE_MAX / 2 ? NULL : naru_buf_reserve(&writer->bytes, (bytes.size + 2) / 3 * 4);
        if (!at) {
            writer->status = NARU_ERR_MEMORY;
            return;
        }
        naru_buf_commit(&writer->bytes, naru_base64_encode(bytes, (char *)at));
    }
    put_text(writer, "\"");
}

void json_writer_number(json_writer *writer, const char *key, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    put_key(writer, key);
    put_text(writer, text);
}

void json_writer_flag(json_writer *writer, const char *key, bool flag)
{
    put_key(writer, key);
    put_text(writer, flag ? "true" : "false");
}

void json_writer_pairs_open(json_writer *writer, const char *key)
{
    put_key(writer, key);
    put_text(writer, "[");
    writer->comma = false;
}

void json_writer_pair(json_writer *writer, naru_span first, naru_span second)
{
    put_comma(writer);
    put_text(writer, "[");
    put_string(writer, first);
    put_text(writer, ",");
    put_string(writer, second);
    put_text(writer, "]");
}

void json_writer_pairs_close(json_writer *writer)
{
    put_text(writer, "]");
    writer->comma = true;
}
