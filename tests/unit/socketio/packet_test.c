/* The grammar of Socket.IO packets: every rule from both sides, and back to text. */
#include "socketio/packet.h"

#include <stdlib.h>

#include "unit/check.h"
#include "unit/failing_allocator.h"

typedef struct row {
    const char *text;
    naru__sio_type type;
    uint32_t attachments;
    const char *nsp;
    int64_t id; /* -1: none */
    const char *data;
} row;

static const row good[] = {
    {"0", NARU__SIO_CONNECT, 0, "/", -1, ""},
    {"0{}", NARU__SIO_CONNECT, 0, "/", -1, "{}"},
    {"0{\"token\":\"1\"}", NARU__SIO_CONNECT, 0, "/", -1, "{\"token\":\"1\"}"},
    {"0/admin", NARU__SIO_CONNECT, 0, "/admin", -1, ""},
    {"0/admin,", NARU__SIO_CONNECT, 0, "/admin", -1, ""},
    {"0/admin,{\"a\":1}", NARU__SIO_CONNECT, 0, "/admin", -1, "{\"a\":1}"},
    {"0/nope?a=b,", NARU__SIO_CONNECT, 0, "/nope?a=b", -1, ""},
    {"1", NARU__SIO_DISCONNECT, 0, "/", -1, ""},
    {"1/admin,", NARU__SIO_DISCONNECT, 0, "/admin", -1, ""},
    {"2[\"hello\",1]", NARU__SIO_EVENT, 0, "/", -1, "[\"hello\",1]"},
    {"2[\"\"]", NARU__SIO_EVENT, 0, "/", -1, "[\"\"]"},
    {"2[0]", NARU__SIO_EVENT, 0, "/", -1, "[0]"},
    {"2[-1.5e3,{}]", NARU__SIO_EVENT, 0, "/", -1, "[-1.5e3,{}]"},
    {"2 [ \"a\" ] ", NARU__SIO_EVENT, 0, "/", -1, "[ \"a\" ]"},
    {"20[\"hello\"]", NARU__SIO_EVENT, 0, "/", 0, "[\"hello\"]"},
    {"2007[\"hello\"]", NARU__SIO_EVENT, 0, "/", 7, "[\"hello\"]"},
    {"2/chat,12[\"hello\"]", NARU__SIO_EVENT, 0, "/chat", 12, "[\"hello\"]"},
    {"29007199254740991[\"a\"]", NARU__SIO_EVENT, 0, "/", 9007199254740991, "[\"a\"]"},
    {"2[\"__proto__\",{\"__proto__\":1}]", NARU__SIO_EVENT, 0, "/", -1, "[\"__proto__\",{\"__proto__\":1}]"},
    {"2[\"Connect\"]", NARU__SIO_EVENT, 0, "/", -1, "[\"Connect\"]"},
    {"2[\"connection\"]", NARU__SIO_EVENT, 0, "/", -1, "[\"connection\"]"},
    {"2[\"a\",{\"_placeholder\":true,\"num\":9}]", NARU__SIO_EVENT, 0, "/", -1,
     "[\"a\",{\"_placeholder\":true,\"num\":9}]"},
    {"312[]", NARU__SIO_ACK, 0, "/", 12, "[]"},
    {"3/admin,12[\"x\"]", NARU__SIO_ACK, 0, "/admin", 12, "[\"x\"]"},
    {"4{\"message\":\"no\"}", NARU__SIO_CONNECT_ERROR, 0, "/", -1, "{\"message\":\"no\"}"},
    {"4/a,\"no\"", NARU__SIO_CONNECT_ERROR, 0, "/a", -1, "\"no\""},
    {"51-[\"b\",{\"_placeholder\":true,\"num\":0}]", NARU__SIO_BINARY_EVENT, 1, "/", -1,
     "[\"b\",{\"_placeholder\":true,\"num\":0}]"},
    {"510-/n,3[\"b\",{\"num\":9,\"_placeholder\":true}]", NARU__SIO_BINARY_EVENT, 10, "/n", 3,
     "[\"b\",{\"num\":9,\"_placeholder\":true}]"},
    {"501-[\"b\"]", NARU__SIO_BINARY_EVENT, 1, "/", -1, "[\"b\"]"},
    {"52-[\"b\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":1}]", NARU__SIO_BINARY_EVENT, 2, "/",
     -1, "[\"b\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":1}]"},
    {"51-[\"b\",{\"_placeholder\":false,\"num\":7},{\"_placeholder\":1}]", NARU__SIO_BINARY_EVENT, 1, "/", -1,
     "[\"b\",{\"_placeholder\":false,\"num\":7},{\"_placeholder\":1}]"},
    {"61-7[{\"_placeholder\":true,\"num\":0}]", NARU__SIO_BINARY_ACK, 1, "/", 7, "[{\"_placeholder\":true,\"num\":0}]"},
};

typedef struct bad_row {
    const char *text;
    naru_status status;
    size_t offset; /* of data that is JSON and yet does not fit: where it begins */
} bad_row;

static const bad_row bad[] = {
    {"", NARU_ERR_PROTOCOL, 0},
    {"7", NARU_ERR_PROTOCOL, 0},
    {"a", NARU_ERR_PROTOCOL, 0},
    {"-1", NARU_ERR_PROTOCOL, 0},
    {" 2[\"a\"]", NARU_ERR_PROTOCOL, 0},
    /* CONNECT */
    {"0[1]", NARU_ERR_PROTOCOL, 1},
    {"0null", NARU_ERR_PROTOCOL, 1},
    {"0\"a\"", NARU_ERR_PROTOCOL, 1},
    {"01{}", NARU_ERR_PROTOCOL, 2},
    {"0{", NARU_ERR_PROTOCOL, 2},
    /* DISCONNECT */
    {"1{}", NARU_ERR_PROTOCOL, 1},
    {"1[]", NARU_ERR_PROTOCOL, 1},
    {"15", NARU_ERR_PROTOCOL, 2},
    /* EVENT */
    {"2", NARU_ERR_PROTOCOL, 1},
    {"2{}", NARU_ERR_PROTOCOL, 1},
    {"2[]", NARU_ERR_PROTOCOL, 1},
    {"2[null]", NARU_ERR_PROTOCOL, 1},
    {"2[true]", NARU_ERR_PROTOCOL, 1},
    {"2[{}]", NARU_ERR_PROTOCOL, 1},
    {"2[[\"a\"]]", NARU_ERR_PROTOCOL, 1},
    {"2\"hello\"", NARU_ERR_PROTOCOL, 1},
    {"2abc", NARU_ERR_PROTOCOL, 1},
    {"2[\"a\"", NARU_ERR_PROTOCOL, 5},
    {"2[\"a\"]x", NARU_ERR_PROTOCOL, 6},
    {"2[\"connect\"]", NARU_ERR_PROTOCOL, 1},
    {"2[\"connect_error\"]", NARU_ERR_PROTOCOL, 1},
    {"2[\"disconnect\"]", NARU_ERR_PROTOCOL, 1},
    {"2[\"disconnecting\"]", NARU_ERR_PROTOCOL, 1},
    {"2[\"newListener\"]", NARU_ERR_PROTOCOL, 1},
    {"2[\"removeListener\"]", NARU_ERR_PROTOCOL, 1},
    {"2[\"disc\\u006fnnect\"]", NARU_ERR_PROTOCOL, 1},
    {"2chat,[\"a\"]", NARU_ERR_PROTOCOL, 1},
    {"29007199254740992[\"a\"]", NARU_ERR_TOO_BIG, 16},
    {"299999999999999999999[\"a\"]", NARU_ERR_TOO_BIG, 16},
    /* ACK */
    {"3[]", NARU_ERR_PROTOCOL, 1},
    {"31", NARU_ERR_PROTOCOL, 2},
    {"31{}", NARU_ERR_PROTOCOL, 2},
    {"31null", NARU_ERR_PROTOCOL, 2},
    /* CONNECT_ERROR */
    {"4", NARU_ERR_PROTOCOL, 1},
    {"4[]", NARU_ERR_PROTOCOL, 1},
    {"4/,1{}", NARU_ERR_PROTOCOL, 4},
    /* attachments */
    {"5[\"b\"]", NARU_ERR_PROTOCOL, 1},
    {"5-[\"b\"]", NARU_ERR_PROTOCOL, 1},
    {"5", NARU_ERR_PROTOCOL, 1},
    {"51", NARU_ERR_PROTOCOL, 2},
    {"51[\"b\"]", NARU_ERR_PROTOCOL, 2},
    {"50-[\"b\"]", NARU_ERR_PROTOCOL, 2},
    {"5-1-[\"b\"]", NARU_ERR_PROTOCOL, 1},
    {"51.5-[\"b\"]", NARU_ERR_PROTOCOL, 2},
    {"5 1-[\"b\"]", NARU_ERR_PROTOCOL, 1},
    {"511-[\"b\"]", NARU_ERR_TOO_MANY, 3},
    {"599999999999999999999-[\"b\"]", NARU_ERR_TOO_MANY, 10},
    {"51-", NARU_ERR_PROTOCOL, 3},
    {"51-[\"connect\"]", NARU_ERR_PROTOCOL, 3},
    {"61-[]", NARU_ERR_PROTOCOL, 3},
    /* placeholders that name nothing */
    {"51-[\"b\",{\"_placeholder\":true}]", NARU_ERR_PROTOCOL, 3},
    {"51-[\"b\",{\"_placeholder\":true,\"num\":1}]", NARU_ERR_PROTOCOL, 3},
    {"51-[\"b\",{\"_placeholder\":true,\"num\":-1}]", NARU_ERR_PROTOCOL, 3},
    {"51-[\"b\",{\"_placeholder\":true,\"num\":0.5}]", NARU_ERR_PROTOCOL, 3},
    {"51-[\"b\",{\"_placeholder\":true,\"num\":\"0\"}]", NARU_ERR_PROTOCOL, 3},
    {"51-[\"b\",{\"_placeholder\":true,\"num\":\"splice\"}]", NARU_ERR_PROTOCOL, 3},
    {"51-[\"b\",{\"_placeholder\":true,\"num\":0,\"num\":1}]", NARU_ERR_PROTOCOL, 3},
    {"51-[\"b\",{\"\\u005fplaceholder\":true,\"num\":1}]", NARU_ERR_PROTOCOL, 3},
    {"51-[\"b\",[[{\"a\":{\"_placeholder\":true,\"num\":4294967296}}]]]", NARU_ERR_PROTOCOL, 3},
};

static naru_status read_exact(const char *text, const naru__sio_limits *limits, naru__sio_packet *packet,
                              naru_fault *fault, uint8_t **copy)
{
    size_t size = strlen(text);
    *copy = malloc(size ? size : 1);
    memcpy(*copy, text, size);
    return naru__sio_packet_read((naru_span){*copy, size}, limits, packet, fault);
}

TEST(good_packets)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        naru__sio_packet packet;
        uint8_t *copy;
        naru_status status = read_exact(good[i].text, NULL, &packet, NULL, &copy);
        if (status != NARU_OK) {
            fprintf(stderr, "%s\n", good[i].text);
            CHECK_EQ(status, NARU_OK);
        } else {
            CHECK_EQ(packet.type, good[i].type);
            CHECK_EQ(packet.attachments, good[i].attachments);
            CHECK_BYTES(packet.nsp, naru_span_of(good[i].nsp));
            CHECK_EQ(packet.has_id, good[i].id >= 0);
            CHECK_EQ(packet.id, good[i].id >= 0 ? (uint64_t)good[i].id : 0);
            CHECK_BYTES(packet.data.text, naru_span_of(good[i].data));
        }
        free(copy);
    }
}

TEST(bad_packets)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        naru__sio_packet packet;
        naru_fault fault = {0};
        uint8_t *copy;
        naru_status status = read_exact(bad[i].text, NULL, &packet, &fault, &copy);
        if (status != bad[i].status || fault.offset != bad[i].offset) {
            fprintf(stderr, "%s\n", bad[i].text);
        }
        CHECK_EQ(status, bad[i].status);
        CHECK_EQ(fault.offset, bad[i].offset);
        CHECK(fault.text && fault.rule);
        free(copy);
    }
}

/* What was read is written as it was, apart from blanks, needless zeros and a needless comma. */
TEST(packets_are_written_as_they_are_read)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        naru__sio_packet packet;
        naru__sio_packet again;
        REQUIRE(naru__sio_packet_read(naru_span_of(good[i].text), NULL, &packet, NULL) == NARU_OK);
        naru_buf out = {0};
        CHECK_EQ(naru__sio_packet_write(&out, &packet), NARU_OK);
        CHECK_EQ(naru__sio_packet_read(naru_buf_span(&out), NULL, &again, NULL), NARU_OK);
        CHECK_EQ(again.type, packet.type);
        CHECK_EQ(again.attachments, packet.attachments);
        CHECK_EQ(again.id, packet.id);
        CHECK_EQ(again.has_id, packet.has_id);
        CHECK_BYTES(again.nsp, packet.nsp);
        CHECK_BYTES(again.data.text, packet.data.text);
        naru_buf_deinit(&out);
    }
}

static void check_write(const naru__sio_packet *packet, const char *expected)
{
    naru_buf out = {0};
    CHECK_EQ(naru__sio_packet_write(&out, packet), expected ? NARU_OK : NARU_ERR_ARGUMENT);
    CHECK_BYTES(naru_buf_span(&out), naru_span_of(expected));
    naru_buf_deinit(&out);
}

TEST(written_bytes)
{
    naru_json data = {naru_span_of("[\"a\"]")};
    check_write(&(naru__sio_packet){.type = NARU__SIO_CONNECT, .data = {naru_span_of("{\"sid\":\"x\"}")}},
                "0{\"sid\":\"x\"}");
    check_write(&(naru__sio_packet){.type = NARU__SIO_DISCONNECT, .nsp = naru_span_of("/admin")}, "1/admin,");
    check_write(&(naru__sio_packet){.type = NARU__SIO_EVENT, .nsp = naru_span_of("/"), .data = data}, "2[\"a\"]");
    check_write(&(naru__sio_packet){.type = NARU__SIO_EVENT, .has_id = true, .id = NARU__SIO_ID_MAX, .data = data},
                "29007199254740991[\"a\"]");
    check_write(
        &(naru__sio_packet){.type = NARU__SIO_EVENT, .attachments = 10, .nsp = naru_span_of("/n"), .data = data},
        "510-/n,[\"a\"]");
    check_write(&(naru__sio_packet){.type = NARU__SIO_ACK, .attachments = 1, .has_id = true, .data = data},
                "61-0[\"a\"]");
    check_write(&(naru__sio_packet){.type = NARU__SIO_EVENT, .attachments = 11, .data = data}, NULL);
    check_write(&(naru__sio_packet){.type = NARU__SIO_EVENT, .nsp = naru_span_of("/a,b"), .data = data}, NULL);
    check_write(&(naru__sio_packet){.type = NARU__SIO_EVENT, .nsp = naru_span_of("ab"), .data = data}, NULL);
}

TEST(protocol_4_splits_the_query)
{
    naru__sio_limits limits = {.query = true};
    naru__sio_packet packet;
    CHECK_EQ(naru__sio_packet_read(naru_span_of("0/admin?token=1,"), &limits, &packet, NULL), NARU_OK);
    CHECK_SPAN(packet.nsp, "/admin");
    CHECK_SPAN(packet.query, "token=1");
    CHECK_EQ(naru__sio_packet_read(naru_span_of("2/admin,[\"a\"]"), &limits, &packet, NULL), NARU_OK);
    CHECK_SPAN(packet.query, "");
}

TEST(limits_are_kept)
{
    naru__sio_limits limits = {.attachments_max = 12, .namespace_bytes_max = 4, .json = {.depth_max = 2}};
    naru__sio_packet packet;
    CHECK_EQ(naru__sio_packet_read(naru_span_of("512-[\"a\"]"), &limits, &packet, NULL), NARU_OK);
    CHECK_EQ(naru__sio_packet_read(naru_span_of("513-[\"a\"]"), &limits, &packet, NULL), NARU_ERR_TOO_MANY);
    CHECK_EQ(naru__sio_packet_read(naru_span_of("0/abc,"), &limits, &packet, NULL), NARU_OK);
    CHECK_EQ(naru__sio_packet_read(naru_span_of("0/abcd,"), &limits, &packet, NULL), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru__sio_packet_read(naru_span_of("2[\"a\",[]]"), &limits, &packet, NULL), NARU_OK);
    naru_fault fault = {0};
    CHECK_EQ(naru__sio_packet_read(naru_span_of("2[\"a\",[[]]]"), &limits, &packet, &fault), NARU_ERR_TOO_MANY);
    CHECK_EQ(fault.offset, 7);
    CHECK_EQ(naru__sio_packet_read(naru_span_of("0/a\xff,"), NULL, &packet, NULL), NARU_ERR_UTF8);
    CHECK_EQ(naru__sio_packet_read(naru_span_of("2[\"\xff\"]"), NULL, &packet, NULL), NARU_ERR_UTF8);
}

TEST(writing_survives_no_memory)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 1);
    naru_buf out;
    naru_buf_init(&out, &memory.allocator);
    CHECK_EQ(naru__sio_packet_write(&out, &(naru__sio_packet){.type = NARU__SIO_DISCONNECT}), NARU_ERR_MEMORY);
    CHECK_EQ(naru_buf_span(&out).size, 0);
    naru_buf_deinit(&out);
}

TEST_MAIN({"good packets", good_packets}, {"bad packets", bad_packets},
          {"packets are written as they are read", packets_are_written_as_they_are_read},
          {"written bytes", written_bytes}, {"protocol 4 splits the query", protocol_4_splits_the_query},
          {"limits are kept", limits_are_kept}, {"writing survives no memory", writing_survives_no_memory})
