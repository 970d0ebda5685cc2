/* Whether another attempt is wise, and after which pause: one that grows with each attempt, of which all but the least
 * is drawn by lot, so that a server's clients do not all come back at once; and not before the server said.
 *
 * Source: RFC 6455 7.2.3 and 7.4.1, RFC 9110 10.2.3 and 15.5 to 15.6. */
#include "client/reconnect.h"
#include "http/date.h"

enum {
    DELAY_MIN_MS = 250,
    DELAY_MAX_MS = 30000,
    FACTOR_PERCENT = 200,
    STABLE_MS = 10000,
    RETRY_AFTER_MAX_MS = 300000,
    OFFLINE_BYTES = 1 << 20,
    OFFLINE_MESSAGES = 4096,
    GROWTHS_MAX = 1024 /* by then even the smallest factor has reached any limit, or never will */
};

static void set_default(uint32_t *value, uint32_t otherwise)
{
    *value = *value ? *value : otherwise;
}

naru_status naru__reconnect_options_fill(naru_reconnect_options *options)
{
    set_default(&options->delay_min_ms, DELAY_MIN_MS);
    if (!options->delay_max_ms) {
        options->delay_max_ms = options->delay_min_ms > DELAY_MAX_MS ? options->delay_min_ms : DELAY_MAX_MS;
    }
    set_default(&options->factor_percent, FACTOR_PERCENT);
    set_default(&options->stable_ms, STABLE_MS);
    set_default(&options->retry_after_max_ms, RETRY_AFTER_MAX_MS);
    set_default(&options->offline_messages_max, OFFLINE_MESSAGES);
    options->offline_bytes_max = options->offline_bytes_max ? options->offline_bytes_max : OFFLINE_BYTES;
    bool good = options->factor_percent >= 100 && options->delay_max_ms >= options->delay_min_ms &&
                options->offline_policy <= NARU_OFFLINE_NOTHING;
    return good ? NARU_OK : NARU_ERR_ARGUMENT;
}

uint32_t naru__reconnect_ceiling_ms(const naru_reconnect_options *options, uint32_t n)
{
    uint64_t ceiling = options->delay_min_ms;
    n = n < GROWTHS_MAX ? n : GROWTHS_MAX;
    for (uint32_t i = 0; i < n && ceiling < options->delay_max_ms; i++) {
        ceiling = ceiling * options->factor_percent / 100;
    }
    return ceiling < options->delay_max_ms ? (uint32_t)ceiling : options->delay_max_ms;
}

uint32_t naru__reconnect_draw_ms(const naru_reconnect_options *options, uint32_t n, uint64_t lot)
{
    uint64_t width = (uint64_t)naru__reconnect_ceiling_ms(options, n) - options->delay_min_ms + 1;
    return options->delay_min_ms + (uint32_t)(lot % width);
}

/* ---- what the server asks for ------------------------------------------------------------------------------- */

static bool read_seconds(naru_span value, uint64_t *seconds_out)
{
    uint64_t seconds = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return false;
        }
        seconds = seconds < UINT32_MAX ? seconds * 10 + (value.data[i] - '0') : seconds;
    }
    *seconds_out = seconds;
    return value.size > 0;
}

uint32_t naru__reconnect_retry_after_ms(naru_span value, int64_t now_s, uint32_t ms_max)
{
    uint64_t seconds = 0;
    int64_t date_s = 0;
    if (!read_seconds(value, &seconds)) {
        bool later = naru__date_read(value, &date_s) && date_s > now_s;
        seconds = later ? (uint64_t)(date_s - now_s) : 0;
    }
    return seconds > ms_max / 1000 ? ms_max : (uint32_t)seconds * 1000;
}

/* ---- whether ------------------------------------------------------------------------------------------------ */

static bool wise_after_close(uint16_t code)
{
    return code == 1001 || code == 1006 || (code >= 1011 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static bool wise_after_answer(int http_status)
{
    return http_status >= 500 || http_status == 408 || http_status == 425 || http_status == 429;
}

bool naru_reconnect_wise(const naru_reconnect_loss *loss)
{
    const naru_client_failure *failure = loss->failure;
    if (!failure) {
        return loss->close && wise_after_close(loss->close->code);
    }
    switch (failure->status) {
    case NARU_ERR_NAME:
    case NARU_ERR_CONNECT:
    case NARU_ERR_TIMEOUT:
    case NARU_ERR_CLOSED:
    case NARU_ERR_SYSTEM:
    case NARU_ERR_MEMORY:
        return true;
    case NARU_ERR_REFUSED:
        return wise_after_answer(failure->http_status);
    default:
        return false;
    }
}
