/* Packets with bytes: gathered from texts and attachments, placeholders found, data written. */
#include "socketio/binary.h"

#include "unit/check.h"
#include "unit/failing_allocator.h"

#define PLACE(num) "{\"_placeholder\":true,\"num\":" num "}"

static naru_status text(naru__sio_intake *intake, const char *packet, naru__sio_message *message)
{
    return naru__sio_intake_text(intake, naru_span_of(packet), message, NULL);
}

static naru_status bytes(naru__sio_intake *intake, const char *attachment, naru__sio_message *message)
{
    return naru__sio_intake_bytes(intake, naru_span_of(attachment), message, NULL);
}

static naru_span bytes_at(const naru__sio_message *message, size_t index)
{
    naru_json value;
    naru_span found = {NULL, 0};
    CHECK(naru_json_at(message->packet.data, index, &value));
    CHECK(naru__sio_message_bytes(message, value, &found));
    return found;
}

TEST(attachments_follow_their_packet)
{
    naru__sio_intake intake;
    naru__sio_intake_init(&intake, NARU__SIO_AUTO, NULL, NULL);
    naru__sio_message message;
    char packet[] = "53-/chat,7[\"a\"," PLACE("2") "," PLACE("0") "," PLACE("1") "," PLACE("0") "]";
    CHECK_EQ(text(&intake, packet, &message), NARU_MORE);
    memset(packet, 'x', sizeof packet - 1); /* the text was copied */
    char first[] = "one";
    CHECK_EQ(bytes(&intake, first, &message), NARU_MORE);
    memset(first, 'x', sizeof first - 1);
    CHECK_EQ(bytes(&intake, "", &message), NARU_MORE);
    CHECK_EQ(bytes(&intake, "three", &message), NARU_OK);
    CHECK_EQ(message.packet.type, NARU__SIO_BINARY_EVENT);
    CHECK_SPAN(message.packet.nsp, "/chat");
    CHECK_EQ(message.packet.id, 7);
    CHECK_SPAN(bytes_at(&message, 1), "three");
    CHECK_SPAN(bytes_at(&message, 2), "one");
    CHECK_SPAN(bytes_at(&message, 3), "");
    CHECK_SPAN(bytes_at(&message, 4), "one");
    naru__sio_intake_rest(&intake);
    CHECK(intake.spans == NULL && intake.text.data == NULL && intake.bytes.data == NULL);
    CHECK_EQ(text(&intake, "2[\"next\"]", &message), NARU_OK);
    CHECK_EQ(intake.encoding, NARU__SIO_JSON);
    naru__sio_intake_deinit(&intake);
}

TEST(a_placeholder_in_a_plain_packet_is_an_object)
{
    naru__sio_intake intake;
    naru__sio_intake_init(&intake, NARU__SIO_JSON, NULL, NULL);
    naru__sio_message message;
    naru_json value;
    naru_span found;
    CHECK_EQ(text(&intake, "2[\"a\"," PLACE("0") "]", &message), NARU_OK);
    REQUIRE(naru_json_at(message.packet.data, 1, &value));
    CHECK(!naru__sio_message_bytes(&message, value, &found));
    naru__sio_intake_deinit(&intake);
}

TEST(order_is_kept)
{
    naru__sio_intake intake;
    naru__sio_message message;
    naru__sio_intake_init(&intake, NARU__SIO_AUTO, NULL, NULL);
    CHECK_EQ(bytes(&intake, "unannounced", &message), NARU_ERR_PROTOCOL);
    naru__sio_intake_deinit(&intake);

    naru__sio_intake_init(&intake, NARU__SIO_JSON, NULL, NULL);
    CHECK_EQ(text(&intake, "51-[\"a\"]", &message), NARU_MORE);
    CHECK_EQ(text(&intake, "2[\"a\"]", &message), NARU_ERR_PROTOCOL);
    naru__sio_intake_deinit(&intake);

    naru__sio_intake_init(&intake, NARU__SIO_JSON, NULL, NULL);
    CHECK_EQ(text(&intake, "51-[\"a\"]", &message), NARU_MORE);
    CHECK_EQ(bytes(&intake, "1", &message), NARU_OK);
    CHECK_EQ(bytes(&intake, "2", &message), NARU_ERR_PROTOCOL);
    naru__sio_intake_deinit(&intake);

    naru__sio_intake_init(&intake, NARU__SIO_MSGPACK, NULL, NULL);
    CHECK_EQ(text(&intake, "2[\"a\"]", &message), NARU_ERR_PROTOCOL);
    naru__sio_intake_deinit(&intake);
}

TEST(attachment_bytes_are_limited)
{
    naru__sio_limits limits = {.attachment_bytes_max = 5};
    naru__sio_intake intake;
    naru__sio_message message;
    for (int over = 0; over < 2; over++) {
        naru__sio_intake_init(&intake, NARU__SIO_JSON, &limits, NULL);
        CHECK_EQ(text(&intake, "52-[\"a\"]", &message), NARU_MORE);
        CHECK_EQ(bytes(&intake, "123", &message), NARU_MORE);
        CHECK_EQ(bytes(&intake, over ? "456" : "45", &message), over ? NARU_ERR_TOO_BIG : NARU_OK);
        naru__sio_intake_deinit(&intake);
    }
}

TEST(the_first_message_tells_the_encoding)
{
    static const uint8_t packed[] = "\x83\xa4type\x02\xa3nsp\xa1/\xa4"
                                    "data\x92\xa1"
                                    "e\xc4\x02hi";
    naru__sio_intake intake;
    naru__sio_message message;
    naru__sio_intake_init(&intake, NARU__SIO_AUTO, NULL, NULL);
    CHECK_EQ(naru__sio_intake_bytes(&intake, (naru_span){packed, sizeof packed - 1}, &message, NULL), NARU_OK);
    CHECK_EQ(intake.encoding, NARU__SIO_MSGPACK);
    CHECK_EQ(message.packet.type, NARU__SIO_BINARY_EVENT);
    CHECK_SPAN(bytes_at(&message, 1), "hi");
    CHECK_EQ(text(&intake, "2[\"a\"]", &message), NARU_ERR_PROTOCOL);
    naru__sio_intake_deinit(&intake);
    naru__sio_intake_init(&intake, NARU__SIO_JSON, NULL, NULL);
    CHECK_EQ(naru__sio_intake_bytes(&intake, (naru_span){packed, sizeof packed - 1}, &message, NULL),
             NARU_ERR_PROTOCOL);
    naru__sio_intake_deinit(&intake);
}

TEST(gathering_survives_each_failing_allocation)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        naru__sio_intake intake;
        naru__sio_message message;
        naru__sio_intake_init(&intake, NARU__SIO_AUTO, NULL, &memory.allocator);
        naru_status status = text(&intake, "52-[\"a\"," PLACE("1") "]", &message);
        status = status == NARU_MORE ? bytes(&intake, "one", &message) : status;
        status = status == NARU_MORE ? bytes(&intake, "two", &message) : status;
        CHECK_EQ(status, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
        naru__sio_intake_deinit(&intake);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            break;
        }
    }
}

TEST(data_with_bytes_is_written)
{
    naru__sio_data data;
    naru__sio_data_init(&data, NULL);
    naru_json_write_array(&data.json);
    naru_json_write_string(&data.json, naru_span_of("e"));
    naru__sio_data_bytes(&data, naru_span_of("one"));
    naru__sio_data_bytes(&data, naru_span_of("two"));
    naru_json_write_array_end(&data.json);
    naru_json value;
    CHECK_EQ(naru__sio_data_finish(&data, &value), NARU_OK);
    CHECK_SPAN(value.text, "[\"e\"," PLACE("0") "," PLACE("1") "]");
    CHECK_EQ(data.attachments_count, 2);
    CHECK_SPAN(data.attachments[1], "two");
    naru__sio_data_deinit(&data);
}

TEST(eleven_attachments_are_too_many)
{
    for (uint32_t count = NARU__SIO_ATTACHMENTS_OUT_MAX; count <= NARU__SIO_ATTACHMENTS_OUT_MAX + 1; count++) {
        naru__sio_data data;
        naru__sio_data_init(&data, NULL);
        naru_json_write_array(&data.json);
        for (uint32_t i = 0; i < count; i++) {
            naru__sio_data_bytes(&data, naru_span_of("x"));
        }
        naru_json_write_array_end(&data.json);
        naru_json value;
        CHECK_EQ(naru__sio_data_finish(&data, &value),
                 count > NARU__SIO_ATTACHMENTS_OUT_MAX ? NARU_ERR_TOO_MANY : NARU_OK);
        naru__sio_data_deinit(&data);
    }
}

TEST_MAIN({"attachments follow their packet", attachments_follow_their_packet},
          {"a placeholder in a plain packet is an object", a_placeholder_in_a_plain_packet_is_an_object},
          {"order is kept", order_is_kept}, {"attachment bytes are limited", attachment_bytes_are_limited},
          {"the first message tells the encoding", the_first_message_tells_the_encoding},
          {"gathering survives each failing allocation", gathering_survives_each_failing_allocation},
          {"data with bytes is written", data_with_bytes_is_written},
          {"eleven attachments are too many", eleven_attachments_are_too_many})
