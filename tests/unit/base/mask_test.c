/* The mask against its definition, at every alignment, phase and size around the kernels' blocks. */
#include "base/mask.h"

#include "base/cpu.h"
#include "base/mask_word.h"
#include "unit/check.h"

#include <stdlib.h>

enum { SIZE_MAX_TRIED = 301, ROOM = 352 };

static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};

static bool as_defined(const uint8_t *out, const uint8_t *in, size_t size, size_t phase)
{
    for (size_t i = 0; i < size; i++) {
        if (out[i] != (in[i] ^ key[(phase + i) % 4])) {
            return false;
        }
    }
    return true;
}

static bool untouched(const uint8_t *bytes, size_t from)
{
    for (size_t i = from; i < ROOM; i++) {
        if (bytes[i] != 0xee) {
            return false;
        }
    }
    return true;
}

TEST(every_size_phase_and_alignment_is_as_defined)
{
    uint8_t in[ROOM];
    for (size_t i = 0; i < ROOM; i++) {
        in[i] = (uint8_t)(i * 7 + 1);
    }
    for (size_t size = 0; size < SIZE_MAX_TRIED; size++) {
        for (size_t phase = 0; phase < 6; phase++) {
            for (size_t shift = 0; shift < 17; shift += 3) {
                uint8_t out[ROOM];
                memset(out, 0xee, sizeof out);
                naru__mask(out + shift, in + (16 - shift), size, key, phase);
                CHECK(as_defined(out + shift, in + (16 - shift), size, phase));
                CHECK(untouched(out, shift + size));
            }
        }
    }
}

TEST(in_place_is_the_same)
{
    for (size_t size = 0; size < SIZE_MAX_TRIED; size++) {
        uint8_t in[ROOM];
        uint8_t bytes[ROOM];
        memset(bytes, 0xee, sizeof bytes);
        memset(in, 0xee, sizeof in);
        naru__mask(bytes, bytes, size, key, size);
        CHECK(as_defined(bytes, in, size, size));
        CHECK(untouched(bytes, size));
    }
}

/* A large message is brought to the start of a line of the cache first. */
TEST(large_at_every_place_in_a_line_is_as_defined)
{
    enum { LARGE = 4096 + 64, PLACES = 64 };
    static uint8_t in[PLACES + LARGE];
    static uint8_t out[PLACES + LARGE + 1];
    for (size_t i = 0; i < sizeof in; i++) {
        in[i] = (uint8_t)(i * 11 >> 2);
    }
    for (size_t place = 0; place < PLACES; place++) {
        for (size_t size = 4095; size < LARGE; size += 13) {
            memset(out, 0xee, sizeof out);
            naru__mask(out + place, in, size, key, place);
            CHECK(as_defined(out + place, in, size, place));
            CHECK_EQ(out[place + size], 0xee);
            CHECK(place == 0 || out[place - 1] == 0xee);
            naru__mask(out + place, out + place, size, key, place);
            CHECK(memcmp(out + place, in, size) == 0);
        }
    }
}

TEST(pieces_with_their_phases_are_the_whole)
{
    uint8_t in[100];
    uint8_t whole[100];
    memset(in, 0x55, sizeof in);
    naru__mask(whole, in, sizeof in, key, 0);
    for (size_t cut = 0; cut <= sizeof in; cut++) {
        uint8_t pieces[100];
        naru__mask(pieces, in, cut, key, 0);
        naru__mask(pieces + cut, in + cut, sizeof in - cut, key, cut);
        CHECK_BYTES(((naru_span){pieces, sizeof pieces}), ((naru_span){whole, sizeof whole}));
    }
}

/* RFC 6455 5.7: the masked "Hello". */
TEST(the_example_of_the_rfc)
{
    uint8_t bytes[] = {'H', 'e', 'l', 'l', 'o'};
    naru__mask(bytes, bytes, sizeof bytes, key, 0);
    CHECK_SPAN(((naru_span){bytes, sizeof bytes}), "\x7f\x9f\x4d\x51\x58");
}

/* Each kernel, also those that this machine would not choose; copying and in place. */
TEST(every_kernel_is_as_defined)
{
    const naru__kernels *list[NARU__KERNELS_MAX];
    size_t count = naru__kernels_list(list);
    REQUIRE(count > 0 && count <= NARU__KERNELS_MAX);
    CHECK(list[count - 1] == &naru__kernels_portable);
    CHECK(naru__kernels_best() == list[0]);
    uint8_t in[ROOM];
    for (size_t i = 0; i < ROOM; i++) {
        in[i] = (uint8_t)(i * 11 + 3);
    }
    for (size_t k = 0; k < count; k++) {
        for (size_t size = NARU__MASK_KERNEL_BYTES_MIN; size < SIZE_MAX_TRIED; size++) {
            for (size_t phase = 0; phase < 4; phase++) {
                uint8_t out[ROOM];
                size_t shift = size * 5 % 33;
                memset(out, 0xee, sizeof out);
                list[k]->mask(out + shift, in + 7, size, naru__mask_word(key, phase));
                CHECK(as_defined(out + shift, in + 7, size, phase));
                CHECK(untouched(out, shift + size));
                list[k]->mask(out + shift, out + shift, size, naru__mask_word(key, phase));
                CHECK(memcmp(out + shift, in + 7, size) == 0);
                CHECK(untouched(out, shift + size));
            }
        }
    }
}

/* In memory of exactly its size, where a sanitizer sees a byte too far; and more than any block. */
TEST(large_is_as_defined)
{
    static const size_t sizes[] = {64, 65, 127, 129, 1000, 4096, 65537};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        uint8_t *in = malloc(sizes[s]);
        uint8_t *out = malloc(sizes[s]);
        REQUIRE(in && out);
        for (size_t i = 0; i < sizes[s]; i++) {
            in[i] = (uint8_t)(i * i >> 3);
        }
        naru__mask(out, in, sizes[s], key, s);
        CHECK(as_defined(out, in, sizes[s], s));
        naru__mask(out, out, sizes[s], key, s);
        CHECK(memcmp(out, in, sizes[s]) == 0);
        free(in);
        free(out);
    }
}

TEST_MAIN({"every size, phase and alignment is as defined", every_size_phase_and_alignment_is_as_defined},
          {"in place is the same", in_place_is_the_same}, {"every kernel is as defined", every_kernel_is_as_defined},
          {"large is as defined", large_is_as_defined},
          {"large at every place in a line is as defined", large_at_every_place_in_a_line_is_as_defined},
          {"pieces with their phases are the whole", pieces_with_their_phases_are_the_whole},
          {"the example of the RFC", the_example_of_the_rfc})
