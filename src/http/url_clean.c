/* The text of a URL before it is read: trimmed, rid of tabs and line ends, made UTF-8. Source: WHATWG
 * URL 4.4, steps 1 to 3; WHATWG Encoding 4.1 for what becomes U+FFFD. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "url.h"

/* How many bytes at the front one U+FFFD stands for, or one good character. The Encoding Standard replaces
 * the longest front of a character that was still good, and at least one byte. */
static size_t character_size(naru_span text, bool *good_out)
{
    naru__utf8 utf8 = {0};
    size_t size = 0;
    while (size < text.size && naru__utf8_feed(&utf8, (naru_span){text.data + size, 1}, NULL)) {
        size++;
        if (naru__utf8_complete(&utf8)) {
            *good_out = true;
            return size;
        }
    }
    *good_out = false;
    return size > 0 ? size : 1;
}

/* C0 controls and blanks at both ends do not count. */
static naru_span trim(naru_span text)
{
    while (text.size > 0 && text.data[0] <= 0x20) {
        text = naru__span_from(text, 1);
    }
    while (text.size > 0 && text.data[text.size - 1] <= 0x20) {
        text.size--;
    }
    return text;
}

/* Nor do tabs and line ends anywhere; what is not UTF-8 becomes U+FFFD. */
naru_status naru__url_clean(naru_buf *out, naru_span text)
{
    text = trim(text);
    while (text.size > 0) {
        bool good;
        size_t size = character_size(text, &good);
        uint8_t c = text.data[0];
        if (c != '\t' && c != '\n' && c != '\r') {
            naru_span kept = good ? naru__span_first(text, size) : naru_span_of("\xef\xbf\xbd");
            if (naru_buf_append(out, kept) != NARU_OK) {
                return NARU_ERR_MEMORY;
            }
        }
        text = naru__span_from(text, size);
    }
    return NARU_OK;
}
