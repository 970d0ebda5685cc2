/* The options' defaults and ranges. Not for: what ws/ checks of its own part. */
#include "conn/inside.h"

enum { QUEUE_BYTES_MAX = 1 << 20, QUEUE_HIGH_BYTES = 64 << 10, QUEUE_LOW_BYTES = 16 << 10 };

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A dropped message must not be missed by the peer's inflater, so none may lean on the one before it. */
static void forget_context(naru_ws_deflate_options *deflate)
{
    deflate->server_no_context_takeover = true;
    deflate->client_no_context_takeover = true;
}

naru_status naru__conn_options_fill(naru_conn_options *options)
{
    naru_conn_options filled = *options;
    if (filled.queue_policy > NARU_QUEUE_DROP_OLDEST) {
        return NARU_ERR_ARGUMENT;
    }
    if (filled.queue_policy == NARU_QUEUE_DROP_OLDEST && filled.ws.deflate.enabled) {
        forget_context(&filled.ws.deflate);
    }
    filled.timeout_code = filled.timeout_code ? filled.timeout_code : 1001;
    filled.age_jitter_ms = filled.age_jitter_ms ? filled.age_jitter_ms : filled.age_max_ms / 10;
    if (!naru_ws_close_code_valid(filled.timeout_code) || filled.age_jitter_ms > filled.age_max_ms) {
        return NARU_ERR_ARGUMENT;
    }
    if (filled.ws.on_frame && filled.ws.on_frame != naru__conn_on_frame) {
        return NARU_ERR_ARGUMENT;
    }
    filled.ws.on_frame = naru__conn_on_frame; /* heard by those whose handler wants it */
    naru_status status = naru_ws_options_fill(&filled.ws);
    if (status != NARU_OK) {
        return status;
    }
    filled.queue_bytes_max = filled.queue_bytes_max ? filled.queue_bytes_max : QUEUE_BYTES_MAX;
    if (!filled.queue_high_bytes) {
        filled.queue_high_bytes = smaller(QUEUE_HIGH_BYTES, filled.queue_bytes_max);
    }
    if (!filled.queue_low_bytes) {
        filled.queue_low_bytes = smaller(QUEUE_LOW_BYTES, filled.queue_high_bytes / 2);
    }
    if (filled.queue_high_bytes > filled.queue_bytes_max || filled.queue_low_bytes > filled.queue_high_bytes ||
        filled.queue_low_bytes > UINT32_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    *options = filled;
    return NARU_OK;
}
