/* Defaults and ranges of what a session may be told. Source: <naru/ws.h>. */
#include <naru/ws.h>

enum {
    MESSAGE_BYTES = 1 << 20,
    FRAGMENTS = 1024,
    CONTROL_RATE = 100,
    MESSAGE_MS = 60000,
    PING_MS = 25000,
    PONG_MS = 10000,
    CLOSE_MS = 5000,
    BITS_MIN = 9,
    BITS_MAX = 15,
    LEVEL = 6,
    MEMORY_LEVEL = 8,
    LEVEL_MAX = 9,
    THRESHOLD = 64,
    IDLE_RELEASE_MS = 30000,
    CONTEXT_MIN = 256,
    CONTEXT_MAX = 32768,
    FRAME_SLACK = 1024
};

static void fill_u32(uint32_t *value, uint32_t otherwise)
{
    *value = *value != 0 ? *value : otherwise;
}
static void fill_u8(uint8_t *value, uint8_t otherwise)
{
    *value = *value != 0 ? *value : otherwise;
}

/* What a message that does not compress may grow to on the wire. */
static uint64_t frame_bytes(uint64_t message_bytes)
{
    uint64_t slack = message_bytes / 8 + FRAME_SLACK;
    return message_bytes > UINT64_MAX - slack ? UINT64_MAX : message_bytes + slack;
}

static void fill_deflate(naru_ws_deflate_options *deflate)
{
    fill_u8(&deflate->server_window_bits_max, BITS_MAX);
    fill_u8(&deflate->client_window_bits_max, BITS_MAX);
    fill_u8(&deflate->level, LEVEL);
    fill_u8(&deflate->memory_level, MEMORY_LEVEL);
    fill_u32(&deflate->threshold_bytes, THRESHOLD);
    fill_u32(&deflate->idle_release_ms, IDLE_RELEASE_MS);
}

static bool deflate_in_range(const naru_ws_deflate_options *deflate)
{
    uint32_t context = deflate->context_bytes_max;
    bool power = (context & (context - 1)) == 0;
    return power && (context == 0 || (context >= CONTEXT_MIN && context <= CONTEXT_MAX)) &&
           deflate->server_window_bits_max >= BITS_MIN && deflate->server_window_bits_max <= BITS_MAX &&
           deflate->client_window_bits_max >= BITS_MIN && deflate->client_window_bits_max <= BITS_MAX &&
           deflate->level <= LEVEL_MAX && deflate->memory_level <= LEVEL_MAX;
}

naru_status naru_ws_options_fill(naru_ws_options *options)
{
    naru_ws_options filled = *options;
    filled.message_bytes_max = filled.message_bytes_max != 0 ? filled.message_bytes_max : MESSAGE_BYTES;
    filled.frame_bytes_max =
        filled.frame_bytes_max != 0 ? filled.frame_bytes_max : frame_bytes(filled.message_bytes_max);
    fill_u32(&filled.fragments_max, FRAGMENTS);
    fill_u32(&filled.control_rate_max, CONTROL_RATE);
    fill_u32(&filled.message_timeout_ms, MESSAGE_MS);
    fill_u32(&filled.ping_interval_ms, PING_MS);
    fill_u32(&filled.pong_timeout_ms, PONG_MS);
    fill_u32(&filled.close_timeout_ms, CLOSE_MS);
    fill_deflate(&filled.deflate);
    if ((unsigned)filled.delivery > NARU_WS_FRAMES || !deflate_in_range(&filled.deflate)) {
        return NARU_ERR_ARGUMENT;
    }
    *options = filled;
    return NARU_OK;
}
