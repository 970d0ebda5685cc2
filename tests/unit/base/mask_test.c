/* The mask against its definition, at every alignment, phase and size around the kernels' blocks. */
#include "base/mask.h"

#include "unit/check.h"

enum { SIZE_MAX_TRIED = 210, ROOM = 256 };

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

TEST_MAIN({"every size, phase and alignment is as defined", every_size_phase_and_alignment_is_as_defined},
          {"in place is the same", in_place_is_the_same},
          {"pieces with their phases are the whole", pieces_with_their_phases_are_the_whole},
          {"the example of the RFC", the_example_of_the_rfc})
