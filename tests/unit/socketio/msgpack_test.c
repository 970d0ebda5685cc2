/* Packets in MessagePack: what comes in, as JSON with attachments; what goes out; limits; no memory. */
#include "socketio/msgpack.h"

#include <stdlib.h>

#include "socketio/iso_date.h"
#include "unit/check.h"
#include "unit/failing_allocator.h"

#define SPAN(literal)                                                                                                  \
    (naru_span)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                             \
    }
#define EVENT(count, values)                                                                                           \
    SPAN("\x83\xa4type\x02\xa3nsp\xa1/\xa4"                                                                            \
         "data" count values)
#define PLACE(num) "{\"_placeholder\":true,\"num\":" num "}"

typedef struct row {
    naru_span message;
    naru__sio_type type;
    uint32_t attachments;
    const char *data;
} row;

static const row good[] = {
    {SPAN("\x82\xa4type\0\xa3nsp\xa1/"), NARU__SIO_CONNECT, 0, ""},
    {SPAN("\x83\xa4type\0\xa4"
          "data\x81\xa5token\xa1"
          "1\xa3nsp\xa1/"),
     NARU__SIO_CONNECT, 0, "{\"token\":\"1\"}"},
    {SPAN("\x83\xa4type\0\xa4"
          "data\x82\xa3sid\xa1x\xa3pid\xd4\0\0\xa3nsp\xa1/"),
     NARU__SIO_CONNECT, 0, "{\"sid\":\"x\"}"},
    {SPAN("\x83\xa4type\0\xa4"
          "data\xd4\0\0\xa3nsp\xa1/"),
     NARU__SIO_CONNECT, 0, ""},
    {SPAN("\x82\xa4type\1\xa3nsp\xa1/"), NARU__SIO_DISCONNECT, 0, ""},
    {SPAN("\x84\xa4type\3\xa2id\x07\xa4"
          "data\x90\xa3nsp\xa1/"),
     NARU__SIO_ACK, 0, "[]"},
    {SPAN("\x84\xa4type\3\xa2id\xcd\x01\0\xa4"
          "data\x91\xc4\1x\xa3nsp\xa1/"),
     NARU__SIO_BINARY_ACK, 1, "[" PLACE("0") "]"},
    {SPAN("\x84\xa4type\2\xa2id\xd4\0\0\xa4"
          "data\x91\0\xa3nsp\xa1/"),
     NARU__SIO_EVENT, 0, "[0]"},
    {SPAN("\x84\xa4type\2\xa7options\x81\xa1x\xc4\1y\xa4"
          "data\x91\xa1"
          "e\xa3nsp\xa1/"),
     NARU__SIO_EVENT, 0, "[\"e\"]"},
    {SPAN("\xde\0\3\xa4type\2\xa4"
          "data\x91\xa1"
          "e\xa3nsp\xa1/"),
     NARU__SIO_EVENT, 0, "[\"e\"]"},
    {SPAN("\x83\xa4type\4\xa4"
          "data\xa2no\xa3nsp\xa1/"),
     NARU__SIO_CONNECT_ERROR, 0, "\"no\""},
    {EVENT("\x96", "\xa1"
                   "e\xc0\xc2\xc3\x7f\xe0"),
     NARU__SIO_EVENT, 0, "[\"e\",null,false,true,127,-32]"},
    {EVENT("\x95", "\xa1"
                   "e\xcc\xff\xcd\xff\xff\xce\xff\xff\xff\xff\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
     NARU__SIO_EVENT, 0, "[\"e\",255,65535,4294967295,18446744073709551615]"},
    {EVENT("\x95", "\xa1"
                   "e\xd0\x80\xd1\x80\0\xd2\x80\0\0\0\xd3\x80\0\0\0\0\0\0\0"),
     NARU__SIO_EVENT, 0, "[\"e\",-128,-32768,-2147483648,-9223372036854775808]"},
    {EVENT("\x93", "\xa1"
                   "e\xca\x3f\xc0\0\0\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"),
     NARU__SIO_EVENT, 0, "[\"e\",1.5,0.1]"},
    {EVENT("\x93", "\xa1"
                   "e\xcb\x7f\xf0\0\0\0\0\0\0\xca\x7f\xc0\0\0"),
     NARU__SIO_EVENT, 0, "[\"e\",null,null]"},
    {EVENT("\x94", "\xd9\1e\xda\0\1a\xdb\0\0\0\1b\xa0"), NARU__SIO_EVENT, 0, "[\"e\",\"a\",\"b\",\"\"]"},
    {EVENT("\x93", "\xa1"
                   "e\xdc\0\1\1\xdd\0\0\0\1\2"),
     NARU__SIO_EVENT, 0, "[\"e\",[1],[2]]"},
    {EVENT("\x93", "\xa1"
                   "e\xde\0\1\xa1"
                   "a\1\xdf\0\0\0\1\xa1"
                   "b\x80"),
     NARU__SIO_EVENT, 0, "[\"e\",{\"a\":1},{\"b\":{}}]"},
    {EVENT("\x92", "\xa1"
                   "e\xd4\0\0"),
     NARU__SIO_EVENT, 0, "[\"e\",null]"},
    {EVENT("\x92", "\xa1"
                   "e\x82\xa1"
                   "a\xd4\0\0\xa1"
                   "b\1"),
     NARU__SIO_EVENT, 0, "[\"e\",{\"b\":1}]"},
    {EVENT("\x92", "\xa1"
                   "e\xd7\0\0\0\0\0\0\0\0\1"),
     NARU__SIO_EVENT, 0, "[\"e\",\"1970-01-01T00:00:00.001Z\"]"},
    {EVENT("\x92", "\xa1"
                   "e\xd7\0\x7f\0\0\0\0\0\0\1"),
     NARU__SIO_EVENT, 0, "[\"e\",null]"},
    {EVENT("\x95", "\xa1"
                   "e\xc4\1x\xc5\0\1y\xc6\0\0\0\1z\xc7\1\0w"),
     NARU__SIO_BINARY_EVENT, 4, "[\"e\"," PLACE("0") "," PLACE("1") "," PLACE("2") "," PLACE("3") "]"},
    {EVENT("\x92", "\xa1"
                   "e\xa3\"\\\n"),
     NARU__SIO_EVENT, 0, "[\"e\",\"\\\"\\\\\\n\"]"},
    {EVENT("\x92", "\xa1"
                   "e\x82\xac_placeholder\xc3\xa3num\5"),
     NARU__SIO_EVENT, 0, "[\"e\"," PLACE("5") "]"},
};

typedef struct bad_row {
    naru_span message;
    naru_status status;
} bad_row;

static const bad_row bad[] = {
    {SPAN(""), NARU_ERR_PROTOCOL},
    {SPAN("\x80"), NARU_ERR_PROTOCOL},
    {SPAN("\x93"), NARU_ERR_PROTOCOL},
    {SPAN("\xc0"), NARU_ERR_PROTOCOL},
    {SPAN("\x81\xa4type\0"), NARU_ERR_PROTOCOL},
    {SPAN("\x82\xa4type\5\xa3nsp\xa1/"), NARU_ERR_PROTOCOL},
    {SPAN("\x82\xa4type\xff\xa3nsp\xa1/"), NARU_ERR_PROTOCOL},
    {SPAN("\x82\xa4type\xa1"
          "0\xa3nsp\xa1/"),
     NARU_ERR_PROTOCOL},
    {SPAN("\x82\xa4type\0\xa3nsp\1"), NARU_ERR_PROTOCOL},
    {SPAN("\x82\xa4type\0\xa3nsp\xa0"), NARU_ERR_PROTOCOL},
    {SPAN("\x82\xa4type\0\xa3nsp\xa1x"), NARU_ERR_PROTOCOL},
    {SPAN("\x82\xa4type\0\xa3nsp\xa2/\xff"), NARU_ERR_UTF8},
    {SPAN("\x82\xa4type\0\xa3nsp\xa1/\0"), NARU_ERR_PROTOCOL},
    {SPAN("\x83\xa4type\0\xa4"
          "data\xc0\xa3nsp\xa1/"),
     NARU_ERR_PROTOCOL},
    {SPAN("\x83\xa4type\1\xa4"
          "data\x80\xa3nsp\xa1/"),
     NARU_ERR_PROTOCOL},
    {SPAN("\x82\xa4type\2\xa3nsp\xa1/"), NARU_ERR_PROTOCOL},
    {SPAN("\x83\xa4type\3\xa4"
          "data\x90\xa3nsp\xa1/"),
     NARU_ERR_PROTOCOL},
    {SPAN("\x84\xa4type\2\xa2id\xff\xa4"
          "data\x91\xa1"
          "e\xa3nsp\xa1/"),
     NARU_ERR_PROTOCOL},
    {SPAN("\x84\xa4type\2\xa2id\xcf\0\x20\0\0\0\0\0\0\xa4"
          "data\x91\xa1"
          "e\xa3nsp\xa1/"),
     NARU_ERR_PROTOCOL},
    {SPAN("\x83\xa4type\0\xa4"
          "data\x81\xa1x\xc4\1y\xa3nsp\xa1/"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x90", ""), NARU_ERR_PROTOCOL},
    {EVENT("\x91", "\xc0"), NARU_ERR_PROTOCOL},
    {EVENT("\x91", "\xaa"
                   "disconnect"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xc1"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xd4\1\0"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xd5\0\0\0"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xd6\xff\0\0\0\0"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xd7\1\0\0\0\0\0\0\0\0"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xc7\1\1x"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xa2x"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xdb\xff\xff\xff\xffx"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xdd\xff\xff\xff\xff\1"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xdf\xff\xff\xff\xff\xa1"
                   "a\1"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\x81\1\1"),
     NARU_ERR_PROTOCOL},
    {EVENT("\x92", "\xa1"
                   "e\xa1\xff"),
     NARU_ERR_UTF8},
    {EVENT("\x92", "\xa1"
                   "e\x81\xa1\xff\1"),
     NARU_ERR_UTF8},
    {EVENT("\x9c", "\xa1"
                   "e\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0"),
     NARU_ERR_TOO_MANY},
    {EVENT("\x93", "\xa1"
                   "e\xc4\0\x82\xac_placeholder\xc3\xa3num\5"),
     NARU_ERR_PROTOCOL},
};

static naru_status read_exact(naru_span message, const naru__sio_limits *limits, naru_buf *text, naru_span *spans,
                              naru__sio_packet *packet)
{
    uint8_t *copy = malloc(message.size ? message.size : 1);
    memcpy(copy, message.data, message.size);
    naru_fault fault = {0};
    naru_status status = naru__sio_msgpack_read((naru_span){copy, message.size}, limits, text, spans, packet, &fault);
    CHECK_EQ(fault.status, status);
    packet->nsp = naru_span_of("/"); /* it lay in the copy */
    free(copy);
    return status;
}

TEST(good_packets)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        naru_buf text = {0};
        naru_span spans[10];
        naru__sio_packet packet = {0};
        naru_status status = read_exact(good[i].message, NULL, &text, spans, &packet);
        if (status != NARU_OK) {
            check__dump("refused ", good[i].message);
        }
        CHECK_EQ(status, NARU_OK);
        CHECK_EQ(packet.type, good[i].type);
        CHECK_EQ(packet.attachments, good[i].attachments);
        CHECK_BYTES(packet.data.text, naru_span_of(good[i].data));
        naru_buf_deinit(&text);
    }
}

TEST(bad_packets)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        naru_buf text = {0};
        naru_span spans[10];
        naru__sio_packet packet = {0};
        naru_status status = read_exact(bad[i].message, NULL, &text, spans, &packet);
        if (status != bad[i].status) {
            check__dump("message ", bad[i].message);
        }
        CHECK_EQ(status, bad[i].status);
        naru_buf_deinit(&text);
    }
}

TEST(cut_packets)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t size = 0; size < good[i].message.size; size++) {
            naru_buf text = {0};
            naru_span spans[10];
            naru__sio_packet packet = {0};
            CHECK_EQ(read_exact((naru_span){good[i].message.data, size}, NULL, &text, spans, &packet),
                     NARU_ERR_PROTOCOL);
            naru_buf_deinit(&text);
        }
    }
}

static naru_status read_limited(naru_span message, naru__sio_limits limits)
{
    naru_buf text = {0};
    naru_span spans[10];
    naru__sio_packet packet = {0};
    naru_status status = read_exact(message, &limits, &text, spans, &packet);
    naru_buf_deinit(&text);
    return status;
}

TEST(limits_are_kept)
{
    naru_span nested = EVENT("\x92", "\xa1"
                                     "e\x91\x91\1");
    CHECK_EQ(read_limited(nested, (naru__sio_limits){.json = {.depth_max = 3}}), NARU_OK);
    CHECK_EQ(read_limited(nested, (naru__sio_limits){.json = {.depth_max = 2}}), NARU_ERR_TOO_MANY);
    naru_span keys = EVENT("\x92", "\xa1"
                                   "e\x82\xa1"
                                   "a\1\xa1"
                                   "b\2");
    CHECK_EQ(read_limited(keys, (naru__sio_limits){.json = {.keys_max = 2}}), NARU_OK);
    CHECK_EQ(read_limited(keys, (naru__sio_limits){.json = {.keys_max = 1}}), NARU_ERR_TOO_MANY);
    CHECK_EQ(read_limited(keys, (naru__sio_limits){.json = {.bytes_max = 19}}), NARU_OK);
    CHECK_EQ(read_limited(keys, (naru__sio_limits){.json = {.bytes_max = 18}}), NARU_ERR_TOO_BIG);
    naru_span bytes = EVENT("\x93", "\xa1"
                                    "e\xc4\2xx\xc4\1x");
    CHECK_EQ(read_limited(bytes, (naru__sio_limits){.attachment_bytes_max = 3}), NARU_OK);
    CHECK_EQ(read_limited(bytes, (naru__sio_limits){.attachment_bytes_max = 2}), NARU_ERR_TOO_BIG);
    CHECK_EQ(read_limited(bytes, (naru__sio_limits){.attachments_max = 1}), NARU_ERR_TOO_MANY);
    CHECK_EQ(read_limited(SPAN("\x82\xa4type\0\xa3nsp\xa3/ab"), (naru__sio_limits){.namespace_bytes_max = 2}),
             NARU_ERR_TOO_BIG);
}

static void check_write(const char *data, const naru_span *spans, uint32_t count, naru_span expected)
{
    naru__sio_packet packet = {.type = NARU__SIO_EVENT, .attachments = count, .data = {naru_span_of(data)}};
    naru_buf out = {0};
    CHECK_EQ(naru__sio_msgpack_write(&out, &packet, spans), NARU_OK);
    CHECK_BYTES(naru_buf_span(&out), expected);
    naru_buf_deinit(&out);
}

#define WRITTEN(values)                                                                                                \
    SPAN("\x83\xa4type\x02\xa4"                                                                                        \
         "data" values "\xa3nsp\xa1/")

TEST(written_bytes)
{
    naru_span spans[] = {naru_span_of("xx"), naru_span_of("")};
    check_write("[\"e\", null,true , false]", NULL, 0,
                WRITTEN("\x94\xa1"
                        "e\xc0\xc3\xc2"));
    check_write("[0,127,128,255,256,65535,65536,4294967295,4294967296]", NULL, 0,
                WRITTEN("\x99\0\x7f\xcc\x80\xcc\xff\xcd\1\0\xcd\xff\xff\xce\0\1\0\0\xce\xff\xff\xff\xff"
                        "\xcf\0\0\0\1\0\0\0\0"));
    check_write("[-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649]", NULL, 0,
                WRITTEN("\x99\xff\xe0\xd0\xdf\xd0\x80\xd1\xff\x7f\xd1\x80\0\xd2\xff\xff\x7f\xff\xd2\x80\0\0\0"
                        "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"));
    check_write("[1.5,18446744073709551615,1e400,-1e400]", NULL, 0,
                WRITTEN("\x94\xcb\x3f\xf8\0\0\0\0\0\0\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xcb\x7f\xf0\0\0\0\0\0\0"
                        "\xcb\xff\xf0\0\0\0\0\0\0"));
    check_write("[\"\\u00e9\\n\",{\"a\":{\"b\":[]},\"c\":{}}]", NULL, 0,
                WRITTEN("\x92\xa3\xc3\xa9\n\x82\xa1"
                        "a\x81\xa1"
                        "b\x90\xa1"
                        "c\x80"));
    check_write("[\"0123456789012345678901234567890\",\"01234567890123456789012345678901\"]", NULL, 0,
                WRITTEN("\x92\xbf"
                        "0123456789012345678901234567890\xd9\x20"
                        "01234567890123456789012345678901"));
    check_write("[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]", NULL, 0,
                WRITTEN("\xdc\0\x10\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"));
    check_write("[\"e\"," PLACE("1") ",{\"a\":{ \"num\" : 0 , \"_placeholder\":true}}]", spans, 2,
                WRITTEN("\x93\xa1"
                        "e\xc4\0\x81\xa1"
                        "a\xc4\2xx"));
    check_write("[\"e\"," PLACE("1") ",{\"num\":1}]", NULL, 0,
                WRITTEN("\x93\xa1"
                        "e\x82\xac_placeholder\xc3\xa3num\1\x81\xa3num\1"));
}

TEST(what_cannot_be_written)
{
    naru_span spans[11] = {0};
    naru_buf out = {0};
    naru__sio_packet packet = {.type = NARU__SIO_EVENT, .attachments = 1, .data = {naru_span_of("[" PLACE("1") "]")}};
    CHECK_EQ(naru__sio_msgpack_write(&out, &packet, spans), NARU_ERR_ARGUMENT);
    packet.attachments = 11;
    CHECK_EQ(naru__sio_msgpack_write(&out, &packet, spans), NARU_ERR_ARGUMENT);
    packet.attachments = 2;
    packet.nsp = naru_span_of("x");
    CHECK_EQ(naru__sio_msgpack_write(&out, &packet, spans), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_buf_span(&out).size, 0);
    naru_buf_deinit(&out);
}

TEST(packets_without_data_and_with_an_id)
{
    naru_buf out = {0};
    naru__sio_packet packet = {.type = NARU__SIO_DISCONNECT, .nsp = naru_span_of("/a")};
    CHECK_EQ(naru__sio_msgpack_write(&out, &packet, NULL), NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "\x82\xa4type\x01\xa3nsp\xa2/a");
    naru_buf_deinit(&out);
    naru_span bytes = naru_span_of("x");
    packet = (naru__sio_packet){.type = NARU__SIO_BINARY_ACK,
                                .attachments = 1,
                                .has_id = true,
                                .id = 300,
                                .data = {naru_span_of("[" PLACE("0") "]")}};
    CHECK_EQ(naru__sio_msgpack_write(&out, &packet, &bytes), NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "\x84\xa4type\x03\xa4"
                                    "data\x91\xc4\x01x\xa3nsp\xa1/\xa2id\xcd\x01\x2c");
    naru_buf_deinit(&out);
}

static naru_status read_and_write(const naru_allocator *allocator)
{
    naru_buf text;
    naru_buf out;
    naru_buf_init(&text, allocator);
    naru_buf_init(&out, allocator);
    naru_span spans[10];
    naru__sio_packet packet;
    naru_span message = EVENT("\x93", "\xa1"
                                      "e\xc4\2xx\x81\xd9\x28"
                                      "0123456789012345678901234567890123456\n89\xa0");
    naru_status status = naru__sio_msgpack_read(message, NULL, &text, spans, &packet, NULL);
    if (status == NARU_OK) {
        status = naru__sio_msgpack_write(&out, &packet, spans);
        CHECK_EQ(naru_buf_span(&out).size, status == NARU_OK ? message.size : 0);
    }
    naru_buf_deinit(&text);
    naru_buf_deinit(&out);
    return status;
}

TEST(each_allocation_may_fail)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        naru_status status = read_and_write(&memory.allocator);
        CHECK_EQ(status, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            break;
        }
    }
}

static void check_date(int64_t ms, const char *expected)
{
    char text[NARU__ISO_DATE_BYTES_MAX];
    size_t size = naru__iso_date_write(ms, text);
    CHECK_BYTES(((naru_span){(const uint8_t *)text, size}), naru_span_of(expected));
}

TEST(dates)
{
    check_date(0, "1970-01-01T00:00:00.000Z");
    check_date(-1, "1969-12-31T23:59:59.999Z");
    check_date(951782400000, "2000-02-29T00:00:00.000Z");
    check_date(951868800000, "2000-03-01T00:00:00.000Z");
    check_date(1709210096789, "2024-02-29T12:34:56.789Z");
    check_date(4107542400000, "2100-03-01T00:00:00.000Z");
    check_date(253402300799999, "9999-12-31T23:59:59.999Z");
    check_date(253402300800000, "+010000-01-01T00:00:00.000Z");
    check_date(-62167219200000, "0000-01-01T00:00:00.000Z");
    check_date(-62167219200001, "-000001-12-31T23:59:59.999Z");
    check_date(8640000000000000, "+275760-09-13T00:00:00.000Z");
    check_date(-8640000000000000, "-271821-04-20T00:00:00.000Z");
    check_date(8640000000000001, "");
    check_date(INT64_MIN, "");
}

TEST_MAIN({"good packets", good_packets}, {"bad packets", bad_packets}, {"cut packets", cut_packets},
          {"limits are kept", limits_are_kept}, {"written bytes", written_bytes},
          {"what cannot be written", what_cannot_be_written},
          {"packets without data and with an id", packets_without_data_and_with_an_id},
          {"each allocation may fail", each_allocation_may_fail}, {"dates", dates})
