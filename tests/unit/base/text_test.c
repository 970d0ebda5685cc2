/* Spans, statuses, base64, SHA-1 and the version. */
#include <naru/version.h>

#include "base/ascii.h"
#include "base/cpu.h"
#include "base/sha1.h"
#include "unit/check.h"

TEST(spans_compare_with_and_without_case)
{
    CHECK_EQ(naru_span_of(NULL).size, 0);
    CHECK(naru_span_equal(naru_span_of(NULL), naru_span_of("")));
    CHECK(naru_span_equal(naru_span_of("Host"), naru_span_of("Host")));
    CHECK(!naru_span_equal(naru_span_of("Host"), naru_span_of("host")));
    CHECK(naru_span_equal_nocase(naru_span_of("Host-Z"), naru_span_of("hOsT-z")));
    CHECK(!naru_span_equal_nocase(naru_span_of("host"), naru_span_of("hosts")));
    /* 0x40 and 0x60, 0x5b and 0x7b differ by the same bit as letters do. */
    CHECK(!naru_span_equal_nocase(naru_span_of("@["), naru_span_of("`{")));
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* Every pair of bytes, at every place of spans that are compared in words of several sizes. */
TEST(case_is_folded_byte_for_byte)
{
    enum { BYTES_MAX = 19 };
    uint8_t a[BYTES_MAX], b[BYTES_MAX];
    size_t wrong = 0;
    for (size_t size = 1; size <= BYTES_MAX; size++) {
        memset(a, 'k', size);
        memset(b, 'K', size);
        for (size_t at = 0; at < size; at++) {
            for (unsigned pair = 0; pair < 65536; pair++) {
                a[at] = (uint8_t)(pair >> 8);
                b[at] = (uint8_t)pair;
                bool same = naru_span_equal_nocase((naru_span){a, size}, (naru_span){b, size});
                wrong += same != (lower(a[at]) == lower(b[at]));
            }
            a[at] = 'k';
            b[at] = 'K';
        }
    }
    CHECK_EQ(wrong, 0);
}

TEST(trim_takes_blanks_and_tabs_from_both_ends)
{
    CHECK_SPAN(naru__span_trim(naru_span_of(" \t a b\t ")), "a b");
    CHECK_SPAN(naru__span_trim(naru_span_of(" \t ")), "");
    CHECK_SPAN(naru__span_trim(naru_span_of("")), "");
    CHECK_SPAN(naru__span_trim(naru_span_of("\na\n")), "\na\n");
}

TEST(every_status_has_a_name_and_a_text)
{
    for (int status = NARU_ERR_UNSUPPORTED; status <= NARU_END; status++) {
        CHECK(strncmp(naru_status_name((naru_status)status), "NARU_", 5) == 0);
        CHECK(strcmp(naru_status_name((naru_status)status), "NARU_STATUS_UNKNOWN") != 0);
        CHECK(strlen(naru_status_text((naru_status)status)) > 5);
    }
    CHECK_STR(naru_status_name(NARU_ERR_UTF8), "NARU_ERR_UTF8");
    CHECK_STR(naru_status_name((naru_status)99), "NARU_STATUS_UNKNOWN");
    CHECK(naru_status_text((naru_status)-99) != NULL);
}

static naru_span encode(naru_span bytes, char *room)
{
    return (naru_span){(const uint8_t *)room, naru_base64_encode(bytes, room)};
}

/* RFC 4648 10. */
TEST(base64_encodes_the_rfcs_vectors)
{
    char room[16];
    CHECK_SPAN(encode(naru_span_of(""), room), "");
    CHECK_SPAN(encode(naru_span_of("f"), room), "Zg==");
    CHECK_SPAN(encode(naru_span_of("fo"), room), "Zm8=");
    CHECK_SPAN(encode(naru_span_of("foo"), room), "Zm9v");
    CHECK_SPAN(encode(naru_span_of("foob"), room), "Zm9vYg==");
    CHECK_SPAN(encode(naru_span_of("fooba"), room), "Zm9vYmE=");
    CHECK_SPAN(encode(naru_span_of("foobar"), room), "Zm9vYmFy");
    CHECK_SPAN(encode(naru_span_of("\xfb\xff\xbf"), room), "+/+/");
}

TEST(base64_gives_back_what_it_was_given)
{
    uint8_t bytes[64];
    for (size_t size = 0; size < sizeof bytes; size++) {
        char text[96];
        uint8_t back[72];
        size_t back_size = 99;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(i * 89 + size);
        }
        naru_span encoded = {(const uint8_t *)text, naru_base64_encode((naru_span){bytes, size}, text)};
        CHECK_EQ(encoded.size, (size + 2) / 3 * 4);
        CHECK_EQ(naru_base64_decode(encoded, back, &back_size), NARU_OK);
        CHECK_BYTES(((naru_span){back, back_size}), ((naru_span){bytes, size}));
    }
}

TEST(base64_is_strict)
{
    static const struct {
        const char *good, *bad;
    } twins[] = {
        {"Zg==", "Zh=="}, /* spare bits of the second letter */
        {"Zm8=", "Zm9="}, /* of the third */
        {"Zm9v", "Zm9"},  /* length */
        {"Zm9v", "Zm 9v"},
        {"Zm9v", "Zm9-"}, /* the other alphabet */
        {"Zm9v", "Zm9_"},
        {"Zm9v", "Zm9\n"},
        {"Zg==", "Zg=="
                 "Zg=="}, /* padding inside */
        {"Zg==", "Z==="},
        {"Zg==", "===="},
        {"Zg==", "Zg=A"},
        {"Zg==", "Zg"},
    };
    uint8_t room[16];
    size_t size;
    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++) {
        CHECK_EQ(naru_base64_decode(naru_span_of(twins[i].good), room, &size), NARU_OK);
        CHECK_EQ(naru_base64_decode(naru_span_of(twins[i].bad), room, &size), NARU_ERR_PROTOCOL);
    }
}

/* Of all 256 characters in one place exactly the 64 of the alphabet pass. */
TEST(base64_knows_its_alphabet)
{
    size_t passed = 0;
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t text[] = {'A', 'A', 'A', (uint8_t)c};
        uint8_t room[3];
        size_t size;
        passed += naru_base64_decode((naru_span){text, 4}, room, &size) == NARU_OK && size == 3;
    }
    CHECK_EQ(passed, 64);
}

static void check_sha1(naru_span text, const char *expected)
{
    uint8_t digest[20];
    char hex[41];
    naru__sha1(text, digest);
    for (size_t i = 0; i < 20; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    CHECK_STR(hex, expected);
}

/* RFC 3174 7.3 and FIPS 180 examples; the sizes around a block's end as other implementations have them. */
/* What runs here, and what runs where the processor has no instructions for it. */
TEST(sha1_blocks_agree)
{
    uint32_t a[5] = {0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U, 0xc3d2e1f0U};
    uint32_t b[5] = {0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U, 0xc3d2e1f0U};
    uint8_t block[64];
    for (size_t round = 0; round < 1000; round++) {
        for (size_t i = 0; i < sizeof block; i++) {
            block[i] = (uint8_t)(b[i % 5] >> (i % 4 * 8)) ^ (uint8_t)(round * i);
        }
        naru__sha1_block_choose()(a, block);
        naru__sha1_block_portable(b, block);
        REQUIRE(memcmp(a, b, sizeof a) == 0);
    }
}

TEST(sha1_matches_known_digests)
{
    static uint8_t million[1000000];
    memset(million, 'a', sizeof million);
    check_sha1(naru_span_of(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    check_sha1(naru_span_of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    check_sha1(naru_span_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
               "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    check_sha1((naru_span){million, 55}, "c1c8bbdc22796e28c0e15163d20899b65621d65a");
    check_sha1((naru_span){million, 56}, "c2db330f6083854c99d4b5bfb6e8f29f201be699");
    check_sha1((naru_span){million, 63}, "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
    check_sha1((naru_span){million, 64}, "0098ba824b5c16427bd7a1122a5a442a25ec644d");
    check_sha1((naru_span){million, 65}, "11655326c708d70319be2610e8a57d9a5b959d3b");
    check_sha1((naru_span){million, sizeof million}, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(the_version_is_the_headers)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", NARU_VERSION_MAJOR, NARU_VERSION_MINOR, NARU_VERSION_PATCH);
    CHECK_STR(naru_version(), NARU_VERSION);
    CHECK_STR(naru_version(), text);
}

TEST_MAIN({"spans compare with and without case", spans_compare_with_and_without_case},
          {"case is folded byte for byte", case_is_folded_byte_for_byte},
          {"trim takes blanks and tabs from both ends", trim_takes_blanks_and_tabs_from_both_ends},
          {"every status has a name and a text", every_status_has_a_name_and_a_text},
          {"base64 encodes the RFC's vectors", base64_encodes_the_rfcs_vectors},
          {"base64 gives back what it was given", base64_gives_back_what_it_was_given},
          {"base64 is strict", base64_is_strict}, {"base64 knows its alphabet", base64_knows_its_alphabet},
          {"SHA-1 blocks agree", sha1_blocks_agree}, {"SHA-1 matches known digests", sha1_matches_known_digests},
          {"the version is the header's", the_version_is_the_headers})
