/* Engine.IO's packets and payloads: what is read, what is refused, what is written; and with every allocation failing
 * in turn. */
#include "unit/check.h"
#include "unit/failing_allocator.h"

#include "socketio/engine_packet.h"

#define SPAN(literal) ((naru_span){(const uint8_t *)(literal), sizeof(literal) - 1})

/* The packets of a payload as "type:data|", bytes in angle brackets; then how it ended. */
static const char *walk(naru_span body, int revision, bool octets)
{
    static char text[512];
    size_t size = 0;
    naru_buf scratch = {0};
    naru__engine_payload payload;
    naru__engine_packet packet;
    naru_status status;
    naru__engine_payload_start(&payload, body, revision, octets);
    while ((status = naru__engine_payload_next(&payload, &scratch, &packet)) == NARU_OK) {
        size += (size_t)snprintf(text + size, sizeof text - size, packet.binary ? "%c<%.*s>|" : "%c:%.*s|", packet.type,
                                 (int)packet.data.size, (const char *)packet.data.data);
    }
    snprintf(text + size, sizeof text - size, "%s", status == NARU_END ? "end" : naru_status_name(status));
    naru_buf_deinit(&scratch);
    return text;
}

TEST(revision_4_payloads)
{
    CHECK_STR(walk(SPAN("4hello"), 4, false), "4:hello|end");
    CHECK_STR(walk(SPAN("4a\x1e"
                        "2\x1e"
                        "bYWJj"),
                   4, false),
              "4:a|2:|4<abc>|end");
    CHECK_STR(walk(SPAN("4"), 4, false), "4:|end");
    CHECK_STR(walk(SPAN("b"), 4, false), "4<>|end");
    CHECK_STR(walk(SPAN(""), 4, false), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("4a\x1e"), 4, false), "4:a|NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("7"), 4, false), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("6"), 4, false), "6:|end");
    CHECK_STR(walk(SPAN("bYWJ"), 4, false), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("4\xff"), 4, false), "NARU_ERR_PROTOCOL");
}

TEST(revision_3_payloads)
{
    CHECK_STR(walk(SPAN("6:4hello"), 3, false), "4:hello|end");
    CHECK_STR(walk(SPAN("2:4a1:26:b4YWJj"), 3, false), "4:a|2:|4<abc>|end");
    CHECK_STR(walk(SPAN("7:4w\xc3\xb6rld\xe2\x82\xac"), 3, false), "4:w\xc3\xb6rld\xe2\x82\xac|end");
    CHECK_STR(walk(SPAN("3:4\xf0\x9f\x98\x80"), 3, false), "4:\xf0\x9f\x98\x80|end");
    CHECK_STR(walk(SPAN("2:4\xf0\x9f\x98\x80"), 3, false), "NARU_ERR_PROTOCOL"); /* half a pair */
    CHECK_STR(walk(SPAN("0:1:6"), 3, false), "6:|end");
    CHECK_STR(walk(SPAN(""), 3, false), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("6:4hell"), 3, false), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN(":4"), 3, false), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("1"), 3, false), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("9999999999999999999:4"), 3, false), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("4:bYWJj"), 3, false), "NARU_ERR_PROTOCOL");
}

TEST(revision_3_octets)
{
    CHECK_STR(walk(SPAN("\0\6\xff"
                        "4hello\1\4\xff\4abc"),
                   3, true),
              "4:hello|4<abc>|end");
    CHECK_STR(walk(SPAN("\0\1\0\xff"
                        "4123456789"),
                   3, true),
              "4:123456789|end");
    CHECK_STR(walk(SPAN("\0\6\xff"
                        "4hell"),
                   3, true),
              "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("\2\1\xff"
                        "4"),
                   3, true),
              "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("\0\xff"), 3, true), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("\1\2\xff\3a"), 3, true), "NARU_ERR_PROTOCOL");
    CHECK_STR(walk(SPAN("\0"), 3, true), "NARU_ERR_PROTOCOL");
}

static naru__engine_message *message_of(const naru_allocator *allocator, bool binary, const char *text)
{
    uint8_t *to = NULL;
    naru__engine_message *message = naru__engine_message_new(allocator, binary, strlen(text), &to);
    if (message) {
        memcpy(to, text, strlen(text));
    }
    return message;
}

/* A text, bytes and a ping. */
static naru_status write_three(const naru_allocator *allocator, naru__engine_style style, naru_buf *out)
{
    naru__engine_message *text = message_of(allocator, false, "w\xc3\xb6\xf0\x9f\x98\x80");
    naru__engine_message *bytes = message_of(allocator, true, "abcd");
    naru_status status = text && bytes ? NARU_OK : NARU_ERR_MEMORY;
    status = status < 0 ? status : naru__engine_payload_add(out, text, &style);
    status = status < 0 ? status : naru__engine_payload_add(out, bytes, &style);
    status = status < 0 ? status : naru__engine_payload_add(out, naru__engine_control('2'), &style);
    naru__engine_message_unref(text);
    naru__engine_message_unref(bytes);
    return status;
}

TEST(payloads_are_written)
{
    naru_buf out = {0};
    CHECK_EQ(write_three(NULL, (naru__engine_style){.revision = 4}, &out), NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "4w\xc3\xb6\xf0\x9f\x98\x80\x1e"
                                    "bYWJjZA==\x1e"
                                    "2");
    naru_buf_deinit(&out);
    CHECK_EQ(write_three(NULL, (naru__engine_style){.revision = 3, .base64 = true}, &out), NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "5:4w\xc3\xb6\xf0\x9f\x98\x80"
                                    "10:b4YWJjZA==1:2");
    naru_buf_deinit(&out);
    CHECK_EQ(write_three(NULL, (naru__engine_style){.revision = 3, .octets = true}, &out), NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "\0\10\xff"
                                    "4w\xc3\xb6\xf0\x9f\x98\x80\1\5\xff\4abcd\0\1\xff"
                                    "2");
    naru_buf_deinit(&out);
}

TEST(no_memory_is_survived)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        naru_buf out;
        failing_allocator_init(&memory, n);
        naru_buf_init(&out, &memory.allocator);
        naru_status status = write_three(&memory.allocator, (naru__engine_style){.revision = 4}, &out);
        naru_buf_deinit(&out);
        CHECK_EQ(status, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            break;
        }
    }
}

TEST(frames_by_revision)
{
    naru__engine_message *bytes = message_of(NULL, true, "ab");
    naru__engine_message *text = message_of(NULL, false, "ab");
    CHECK_SPAN(naru__engine_message_frame(text, naru__engine_message_form(text, 4, true)), "4ab");
    CHECK_SPAN(naru__engine_message_frame(bytes, naru__engine_message_form(bytes, 4, false)), "ab");
    CHECK_SPAN(naru__engine_message_frame(bytes, naru__engine_message_form(bytes, 3, false)), "\4ab");
    CHECK_EQ(naru__engine_message_form(bytes, 4, true), NARU__ENGINE_FORM_BASE64);
    naru__engine_message_unref(bytes);
    naru__engine_message_unref(text);
}

TEST(jsonp)
{
    naru_buf out = {0};
    CHECK_EQ(naru__engine_jsonp_write(&out, SPAN("3"), SPAN("4\"a\\\n\x1e\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa<")),
             NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "___eio[3](\"4\\\"a\\\\\\n\\u001e\\u2028\\u2029\xe2\x80\xaa\\u003c\");");
    naru_buf_deinit(&out);
    CHECK_EQ(naru__engine_jsonp_read(SPAN("x=1&d=4a+b%5Cnc%5C%5Cnd%5Ce&y"), &out), NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "4a b\nc\\nd\\e");
    naru_buf_deinit(&out);
    CHECK_EQ(naru__engine_jsonp_read(SPAN("e=4"), &out), NARU_ERR_PROTOCOL);
    CHECK_EQ(naru__engine_jsonp_read(SPAN("d=%4"), &out), NARU_ERR_PROTOCOL);
    naru_buf_deinit(&out);
}

TEST_MAIN({"revision 4: payloads", revision_4_payloads}, {"revision 3: payloads", revision_3_payloads},
          {"revision 3: octets", revision_3_octets}, {"payloads are written", payloads_are_written},
          {"no memory is survived", no_memory_is_survived}, {"frames by revision", frames_by_revision},
          {"JSONP", jsonp})
