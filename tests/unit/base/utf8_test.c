/* UTF-8 against a reader that follows RFC 3629's table word for word, whole and in pieces. */
#include "base/utf8.h"

#include "base/cpu.h"
#include "base/mask.h"
#include "base/mask_word.h"
#include "unit/check.h"

#include <stdlib.h>

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

/* ---- kernels ------------------------------------------------------------------------------------------------ */

static uint64_t seed = 1;

static size_t draw(size_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (size_t)(seed >> 33) % below;
}

/* From `from` on, where a character begins, in pieces too small for any kernel. */
static size_t portable(naru_span text, size_t from, naru__utf8 *utf8_out)
{
    enum { PIECE = NARU__UTF8_KERNEL_BYTES_MIN - 1 };
    *utf8_out = (naru__utf8){0};
    while (from < text.size) {
        size_t size = text.size - from < PIECE ? text.size - from : PIECE;
        size_t bad = 0;
        if (!naru__utf8_feed(utf8_out, (naru_span){text.data + from, size}, &bad)) {
            return from + bad;
        }
        from += size;
    }
    return from;
}

/* What a kernel may say of a text whose first bad byte is at `bad` (size: none), in state `end` after the rest. */
static bool allowed(size_t said, naru_span text, size_t bad, const naru__utf8 *end)
{
    naru__utf8 utf8;
    if (said > bad || (bad == text.size && text.size - said > 3)) {
        return false;
    }
    return portable(text, said, &utf8) == bad && utf8.state == end->state;
}

static bool kernel_agrees(const naru__kernels *kernels, naru_span text)
{
    naru__utf8 end;
    size_t bad = portable(text, 0, &end);
    return allowed(kernels->utf8(text.data, text.size), text, bad, &end);
}

enum { SURROUNDED = 131 };

/* The bytes of `sequence` (the first one highest) in the midst of ASCII. Where it is bad and in what state it ends is
 * known from these few bytes, so that millions can be tried. */
static bool surrounded_agrees(const naru__kernels *kernels, uint32_t sequence, size_t length, size_t at)
{
    static uint8_t text[SURROUNDED];
    uint8_t few[5] = {0, 0, 0, 0, 0};
    for (size_t i = 0; i < length; i++) {
        few[i] = (uint8_t)(sequence >> 8 * (length - 1 - i));
    }
    few[length] = 'a';
    memset(text, 'a', sizeof text);
    memcpy(text + at, few, length);
    size_t looked = length + (at + length < SURROUNDED);
    naru__utf8 end = {0};
    size_t bad = 0;
    bool good = naru__utf8_feed(&end, (naru_span){few, looked}, &bad);
    naru_span whole = {text, SURROUNDED};
    return allowed(kernels->utf8(text, SURROUNDED), whole, good ? SURROUNDED : at + bad, &end);
}

/* Every kernel but the portable one, which knows nothing of UTF-8. */
#define EACH_KERNEL(kernels)                                                                                           \
    const naru__kernels *list[NARU__KERNELS_MAX];                                                                      \
    size_t kernels_count = naru__kernels_list(list) - 1;                                                               \
    for (const naru__kernels **kernels = list; kernels < list + kernels_count; kernels++)

/* Around the borders of 16, 32 and 64 bytes, of the last vector of each kernel, and of the text. Their number is prime
 * to 256: in turn, each meets each kind of sequence. */
static const size_t around[] = {0,   13,  14,  15,  16,  29,  30,  31,  32,  33,  45,  46,  47, 61,
                                62,  63,  64,  65,  66,  67,  68,  93,  94,  95,  96,  97,  98, 99,
                                100, 109, 110, 111, 112, 113, 114, 115, 116, 125, 126, 127, 128};
enum { AROUND = sizeof around / sizeof around[0] };

/* One byte at every offset, two at every border. Two of ASCII are left out: the others have them around. */
TEST(kernels_agree_on_all_pairs_at_every_border)
{
    EACH_KERNEL(kernels)
    {
        size_t wrong = 0;
        for (uint32_t pair = 0; pair < 65536; pair++) {
            for (size_t a = 0; (pair & 0x8080) != 0 && a < AROUND; a++) {
                wrong += !surrounded_agrees(*kernels, pair, 2, around[a]);
            }
        }
        for (uint32_t byte = 0; byte < 256; byte++) {
            for (size_t at = 0; at < SURROUNDED; at++) {
                wrong += !surrounded_agrees(*kernels, byte, 1, at);
            }
        }
        CHECK_EQ(wrong, 0);
    }
}

/* Three bytes that begin outside ASCII (the others are pairs), each at one of the borders. */
TEST(kernels_agree_on_all_threes)
{
    EACH_KERNEL(kernels)
    {
        size_t wrong = 0;
        for (uint32_t three = 0x800000; three <= 0xffffff; three++) {
            wrong += !surrounded_agrees(*kernels, three, 3, around[three % AROUND]);
        }
        CHECK_EQ(wrong, 0);
    }
}

/* Four bytes: all that begin as F0..F7 do, with every second byte and the borders of the third and fourth, and the same
 * behind one lead of every other kind; each at every border. */
TEST(kernels_agree_on_fours_at_every_border)
{
    static const uint8_t leads[] = {0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff, 0xe0, 0xe1, 0xed, 0xef, 0xc0, 0xc2, 0x80};
    static const uint8_t tails[] = {0x00, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc2, 0xf0};
    EACH_KERNEL(kernels)
    {
        size_t wrong = 0;
        for (uint32_t i = 0; i < sizeof leads * 256 * 64; i++) {
            uint32_t four =
                (uint32_t)leads[i >> 14] << 24 | (i >> 6 & 255) << 16 | (uint32_t)tails[i >> 3 & 7] << 8 | tails[i & 7];
            for (size_t a = i % 3; a < AROUND; a += 3) {
                size_t at = around[a] > SURROUNDED - 4 ? SURROUNDED - 4 : around[a];
                wrong += !surrounded_agrees(*kernels, four, 4, at);
            }
        }
        CHECK_EQ(wrong, 0);
    }
}

/* Text of random characters, long runs of one kind among them; some spoilt, some cut. At most `size` bytes. */
static size_t random_text(uint8_t *text, size_t size)
{
    static const char *const units[] = {
        "a",
        "plain ascii text, enough of it to fill several vectors in one go, and then some",
        "\xc3\xa9",
        "\xeb\x82\x98",
        "\xf0\x9f\x9a\xa2",
        "\xed\x9f\xbf",
        "\xf4\x8f\xbf\xbf"};
    size_t at = 0;
    const char *unit = units[0];
    while (at < size) {
        if (draw(8) == 0) {
            unit = units[draw(sizeof units / sizeof units[0])];
        }
        size_t bytes = strlen(unit) < size - at ? strlen(unit) : size - at;
        memcpy(text + at, unit, bytes);
        at += bytes;
    }
    if (size > 0 && draw(2) == 0) {
        text[draw(size)] = (uint8_t)draw(256);
    }
    return size;
}

TEST(kernels_agree_on_every_size_and_on_random_texts)
{
    EACH_KERNEL(kernels)
    {
        for (size_t round = 0; round < 20000; round++) {
            size_t size =
                round < 10000 ? NARU__UTF8_KERNEL_BYTES_MIN + round % 240 : NARU__UTF8_KERNEL_BYTES_MIN + draw(3000);
            uint8_t *text = malloc(size);
            REQUIRE(text);
            random_text(text, size);
            CHECK(kernel_agrees(*kernels, (naru_span){text, size}));
            free(text);
        }
    }
}

/* Unmask a copy of `masked` by the kernel: all of it comes out, and the kernel says what it says of plain text. */
static bool masked_agrees(const naru__kernels *kernels, naru_span text, const uint8_t key[4], size_t phase)
{
    naru__utf8 end;
    size_t bad = portable(text, 0, &end);
    uint8_t *bytes = malloc(text.size);
    if (!bytes) {
        return false;
    }
    naru__mask(bytes, text.data, text.size, key, phase);
    size_t said = kernels->mask_utf8(bytes, text.size, naru__mask_word(key, phase));
    bool same = memcmp(bytes, text.data, text.size) == 0;
    free(bytes);
    return same && allowed(said, text, bad, &end);
}

TEST(kernels_unmask_and_agree)
{
    static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    EACH_KERNEL(kernels)
    {
        for (size_t round = 0; round < 8000; round++) {
            size_t size = NARU__UTF8_KERNEL_BYTES_MIN + (round < 4000 ? round / 4 % 240 : draw(2000));
            uint8_t *text = malloc(size);
            REQUIRE(text);
            random_text(text, size);
            CHECK(masked_agrees(*kernels, (naru_span){text, size}, key, round % 4));
            free(text);
        }
    }
}

/* ---- pieces ------------------------------------------------------------------------------------------------- */

typedef struct outcome {
    bool good;
    size_t bad;
    naru__utf8 end;
} outcome;

static bool same_outcome(const outcome *a, const outcome *b)
{
    return a->good == b->good && a->end.state == b->end.state && (a->good || a->bad == b->bad);
}

/* Byte by byte: no kernel, no block. */
static outcome byte_by_byte(naru_span text)
{
    outcome result = {true, 0, {0}};
    for (size_t i = 0; result.good && i < text.size; i++) {
        result.good = naru__utf8_feed(&result.end, (naru_span){text.data + i, 1}, &result.bad);
        result.bad = i;
    }
    return result;
}

/* In random pieces, each in memory of exactly its size; with a key, masked before and unmasked by naru__mask_utf8. */
static outcome in_random_pieces(naru_span text, const uint8_t *key, bool *unmasked_out)
{
    outcome result = {true, 0, {0}};
    size_t most = draw(2) ? 400 : 40;
    for (size_t at = 0; result.good && at < text.size;) {
        size_t size = draw(most);
        size = size < text.size - at ? size : text.size - at;
        uint8_t *piece = malloc(size + (size == 0));
        size_t bad = 0;
        memcpy(piece, text.data + at, size);
        if (key) {
            naru__mask(piece, piece, size, key, at);
            result.good = naru__mask_utf8(piece, size, key, at, &result.end, &bad);
            *unmasked_out = *unmasked_out && memcmp(piece, text.data + at, size) == 0;
        } else {
            result.good = naru__utf8_feed(&result.end, (naru_span){piece, size}, &bad);
        }
        free(piece);
        result.bad = at + bad;
        at += size;
    }
    return result;
}

static void pieces_agree(size_t size)
{
    static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t *bytes = malloc(size + (size == 0));
    REQUIRE(bytes);
    naru_span text = {bytes, random_text(bytes, size)};
    outcome expected = byte_by_byte(text);
    bool unmasked = true;
    outcome fed = in_random_pieces(text, NULL, &unmasked);
    outcome both = in_random_pieces(text, key, &unmasked);
    CHECK(same_outcome(&fed, &expected));
    CHECK(same_outcome(&both, &expected));
    CHECK(unmasked);
    free(bytes);
}

TEST(random_pieces_are_the_whole)
{
    for (size_t round = 0; round < 8000; round++) {
        pieces_agree(round < 3010 ? round % 301 : draw(5000));
    }
}

/* Every size and phase, and every state that the piece before can leave. */
TEST(unmasking_and_feeding_at_once_is_both_in_turn)
{
    static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    static const char *const before[] = {"", "\xc3", "\xe2", "\xe0", "\xed", "\xf0", "\xf1", "\xf4", "\xf0\x9f\x9a"};
    for (size_t round = 0; round < 301 * 9; round++) {
        size_t size = round % 301;
        uint8_t text[304];
        uint8_t masked[304];
        random_text(text, size);
        if (round % 2 == 0) {
            memset(text, 0x90, size < 3 ? size : 3); /* some end what came before */
        }
        for (size_t phase = 0; phase < 4; phase++) {
            outcome apart = {false, 0, {0}};
            outcome fused = {false, 0, {0}};
            const char *start = before[(round / 2 + phase) % 9];
            CHECK(naru__utf8_feed(&apart.end, naru_span_of(start), NULL));
            fused.end = apart.end;
            memset(masked, 0xee, sizeof masked);
            naru__mask(masked, text, size, key, phase);
            apart.good = naru__utf8_feed(&apart.end, (naru_span){text, size}, &apart.bad);
            fused.good = naru__mask_utf8(masked, size, key, phase, &fused.end, &fused.bad);
            CHECK(same_outcome(&fused, &apart));
            CHECK(memcmp(masked, text, size) == 0);
            CHECK_EQ(masked[size], 0xee);
        }
    }
}

TEST_MAIN({"all short sequences agree with the table", all_short_sequences_agree_with_the_table},
          {"the first bad byte is told", the_first_bad_byte_is_told},
          {"a cut character is incomplete and not bad", a_character_cut_at_the_end_is_incomplete_and_not_bad},
          {"kernels agree on all pairs at every border", kernels_agree_on_all_pairs_at_every_border},
          {"kernels agree on all threes", kernels_agree_on_all_threes},
          {"kernels agree on fours at every border", kernels_agree_on_fours_at_every_border},
          {"kernels agree on every size and on random texts", kernels_agree_on_every_size_and_on_random_texts},
          {"kernels unmask and agree", kernels_unmask_and_agree},
          {"random pieces are the whole", random_pieces_are_the_whole},
          {"unmasking and feeding at once is both in turn", unmasking_and_feeding_at_once_is_both_in_turn},
          {"random texts agree with the table", random_texts_agree_with_the_table})
