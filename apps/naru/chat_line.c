/* Reading the chat's lines: a verb, one blank, the value.
 *
 * Source: web/chat/README.md; Unicode 15 for the characters that reorder or hide text. */
#include "chat_line.h"

#include <string.h>

/* One character of valid UTF-8 from the front. */
static uint32_t next_character(naru_span *text)
{
    uint8_t first = text->data[0];
    size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t character = bytes == 1 ? first : first & (0xffu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++) {
        character = character << 6 | (text->data[i] & 0x3f);
    }
    text->data += bytes;
    text->size -= bytes;
    return character;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

/* Characters that turn or hide their neighbours have no place in a name that others must recognise. */
static bool is_invisible(uint32_t character)
{
    return (character >= 0x200b && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2060 && character <= 0x206f) || character == 0xfeff || character == 0x00ad;
}

static bool good_name(naru_span name)
{
    if (name.size == 0 || name.size > CHAT_NAME_BYTES_MAX || name.data[0] == ' ' || name.data[name.size - 1] == ' ') {
        return false;
    }
    size_t letters = 0;
    while (name.size > 0) {
        uint32_t character = next_character(&name);
        letters++;
        if (is_control(character) || is_invisible(character)) {
            return false;
        }
    }
    return letters <= CHAT_NAME_LETTERS_MAX;
}

static bool good_text(naru_span text)
{
    if (text.size == 0 || text.size > CHAT_TEXT_BYTES_MAX) {
        return false;
    }
    while (text.size > 0) {
        uint32_t character = next_character(&text);
        if (is_control(character) && character != '\n' && character != '\t') {
            return false;
        }
    }
    return true;
}

static bool good_token(naru_span token)
{
    if (token.size == 0 || token.size > CHAT_TOKEN_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < token.size; i++) {
        if (token.data[i] < '0' || token.data[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool take_verb(naru_span *line, const char *verb)
{
    size_t verb_bytes = strlen(verb);
    if (line->size < verb_bytes || memcmp(line->data, verb, verb_bytes) != 0) {
        return false;
    }
    line->data += verb_bytes;
    line->size -= verb_bytes;
    return true;
}

chat_verdict chat_line_read(naru_span line, chat_line *line_out)
{
    chat_line read;
    chat_verdict verdict;
    if (take_verb(&line, "say ")) {
        read.verb = CHAT_SAY;
        verdict = good_text(line) ? CHAT_GOOD : CHAT_BAD_TEXT;
    } else if (take_verb(&line, "name ")) {
        read.verb = CHAT_NAME;
        verdict = good_name(line) ? CHAT_GOOD : CHAT_BAD_NAME;
    } else if (take_verb(&line, "ping ")) {
        read.verb = CHAT_PING;
        verdict = good_token(line) ? CHAT_GOOD : CHAT_BAD;
    } else {
        return CHAT_BAD;
    }
    if (verdict == CHAT_GOOD) {
        read.value = line;
        *line_out = read;
    }
    return verdict;
}
