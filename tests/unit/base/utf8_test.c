/* UTF-8 against a reader that follows RFC 3629's table word for word, whole and in pieces. */
#include "base/utf8.h"

#include "unit/check.h"

/* RFC 3629 4: how many bytes at the front are one character, or 0; *bad_out: the first byte that cannot
 * follow, the text's size if it merely ends too early. */
static size_t character(const uint8_t *p, size_t size, size_t *bad_out)
{
    static const uint8_t rows[][9] = {
        /* bytes, then the range of each */
        {1, 0x00, 0x7f},
        {2, 0xc2, 0xdf, 0x80, 0xbf},
        {3, 0xe0, 0xe0, 0xa0, 0xbf, 0x80, 0xbf},
        {3, 0xe1, 0xec, 0x80, 0xbf, 0x80, 0xbf},
        {3, 0xed, 0xed, 0x80, 0x9f, 0x80, 0xbf},
        {3, 0xee, 0xef, 0x80, 0xbf, 0x80, 0xbf},
        {4, 0xf0, 0xf0, 0x90, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
        {4, 0xf1, 0xf3, 0x80, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
        {4, 0xf4, 0xf4, 0x80, 0x8f, 0x80, 0xbf, 0x80, 0xbf},
    };
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        if (p[0] < rows[r][1] || p[0] > rows[r][2]) {
            continue;
        }
        for (size_t i = 1; i < rows[r][0]; i++) {
            *bad_out = i;
            if (i == size || p[i] < rows[r][1 + 2 * i] || p[i] > rows[r][2 + 2 * i]) {
                return 0;
            }
        }
        return rows[r][0];
    }
    *bad_out = 0;
    return 0;
}

/* The offset of the first bad byte; size if there is none. *complete_out: the text ends with a character. */
static size_t by_the_table(naru_span text, bool *complete_out)
{
    size_t i = 0;
    *complete_out = true;
    while (i < text.size) {
        size_t bad = 0;
        size_t size = character(text.data + i, text.size - i, &bad);
        if (size == 0) {
            *complete_out = false;
            return i + bad;
        }
        i += size;
    }
    return i;
}

/* Feed in pieces of `step` bytes. Answers as by_the_table. */
static size_t in_pieces(naru_span text, size_t step, bool *complete_out)
{
    naru__utf8 utf8 = {0};
    for (size_t at = 0; at < text.size; at += step) {
        size_t size = text.size - at < step ? text.size - at : step;
        size_t bad = 0;
        if (!naru__utf8_feed(&utf8, (naru_span){text.data + at, size}, &bad)) {
            *complete_out = false;
            return at + bad;
        }
    }
    *complete_out = naru__utf8_complete(&utf8);
    return text.size;
}

static void agree(naru_span text)
{
    static const size_t steps[] = {1, 2, 3, 7, 8, 16, 17, 1000};
    bool expected_complete;
    size_t expected = by_the_table(text, &expected_complete);
    CHECK_EQ(naru_utf8_valid(text), expected_complete);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        bool complete;
        CHECK_EQ(in_pieces(text, steps[i], &complete), expected);
        CHECK_EQ(complete, expected_complete);
    }
}

/* Every pair of bytes, and every third and fourth at the borders of its ranges, behind ASCII of several
 * lengths. */
TEST(all_short_sequences_agree_with_the_table)
{
    static const uint8_t borders[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    enum { BORDERS = sizeof borders };
    static const size_t before[] = {0, 7, 13, 15, 16};
    uint8_t text[32];
    memset(text, 'a', sizeof text);
    for (unsigned pair = 0; pair < 65536; pair++) {
        for (size_t b = 0; b < sizeof before / sizeof before[0]; b++) {
            uint8_t *at = text + before[b];
            at[0] = (uint8_t)(pair >> 8);
            at[1] = (uint8_t)pair;
            at[2] = borders[pair % BORDERS];
            at[3] = borders[pair / BORDERS % BORDERS];
            bool complete;
            bool expected_complete;
            naru_span whole = {text, sizeof text};
            CHECK_EQ(in_pieces(whole, sizeof text, &complete), by_the_table(whole, &expected_complete));
            CHECK_EQ(complete, expected_complete);
            memset(at, 'a', 4);
        }
    }
}

TEST(the_first_bad_byte_is_told)
{
    static const struct {
        const char *text;
        size_t size, bad;
    } cases[] = {
        {"\xc3\xa9", 2, 2},
        {"\xc0\xaf", 2, 0},
        {"\xc1\xbf", 2, 0},
        {"\xc2\xc2", 2, 1},
        {"\xe0\x80\x80", 3, 1},
        {"\xe0\xa0\x80", 3, 3},
        {"\xed\xa0\x80", 3, 1},
        {"\xed\x9f\xbf", 3, 3},
        {"\xf0\x8f\xbf\xbf", 4, 1},
        {"\xf0\x90\x80\x80", 4, 4},
        {"\xf4\x90\x80\x80", 4, 1},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xff", 1, 0},
        {"\x80", 1, 0},
        {"a\xe2\x82z", 4, 3},
        {"\xef\xbf\xbf", 3, 3},
        {"\0\0", 2, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool complete;
        naru_span text = {(const uint8_t *)cases[i].text, cases[i].size};
        CHECK_EQ(in_pieces(text, 64, &complete), cases[i].bad);
        CHECK_EQ(complete, cases[i].bad == cases[i].size);
        agree(text);
    }
}

TEST(a_character_cut_at_the_end_is_incomplete_and_not_bad)
{
    naru__utf8 utf8 = {0};
    CHECK(naru__utf8_feed(&utf8, naru_span_of("\xf0\x9f"), NULL));
    CHECK(!naru__utf8_complete(&utf8));
    CHECK(naru__utf8_feed(&utf8, (naru_span){NULL, 0}, NULL));
    CHECK(!naru__utf8_complete(&utf8));
    CHECK(naru__utf8_feed(&utf8, naru_span_of("\x9a\xa2"), NULL));
    CHECK(naru__utf8_complete(&utf8));
    CHECK(!naru_utf8_valid(naru_span_of("\xf0\x9f\x9a")));
    CHECK(naru_utf8_valid((naru_span){NULL, 0}));
}

/* Long texts of random characters, some with one byte spoilt. */
TEST(random_texts_agree_with_the_table)
{
    static const char *const units[] = {
        "a", "plain ascii text ", "\xc3\xa9", "\xeb\x82\x98", "\xf0\x9f\x9a\xa2", "\xed\x9f\xbf"};
    uint64_t seed = 1;
    for (size_t round = 0; round < 2000; round++) {
        uint8_t text[256];
        size_t size = 0;
        for (;;) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            const char *unit = units[(seed >> 40) % 6];
            size_t unit_size = strlen(unit);
            if (size + unit_size > sizeof text) {
                break;
            }
            memcpy(text + size, unit, unit_size);
            size += unit_size;
        }
        if (round % 2) {
            text[(seed >> 33) % size] = (uint8_t)(seed >> 20);
        }
        agree((naru_span){text, size - (seed >> 60) % 4});
    }
}

TEST_MAIN({"all short sequences agree with the table", all_short_sequences_agree_with_the_table},
          {"the first bad byte is told", the_first_bad_byte_is_told},
          {"a cut character is incomplete and not bad", a_character_cut_at_the_end_is_incomplete_and_not_bad},
          {"random texts agree with the table", random_texts_agree_with_the_table})
