/* libwebsockets as a peer, both roles: plays the case file that cases.py describes.
 *
 *   lws_peer server --cases FILE [--tls CERT KEY] [--deflate MODE]
 *   lws_peer client URL --cases FILE [--ca FILE] [--deflate MODE]
 *
 * Its rules: one lws_write for each WRITEABLE callback, LWS_PRE bytes of room before the payload, a received message
 * comes in pieces. It does not tell the code of a Close that answers our own: only the end is checked there. */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TESTS_MAX = 64, STEPS_MAX = 32, PARTS_MAX = 512, LINE_MAX_BYTES = 4096, PONG_BYTES_MAX = 125 };

typedef enum verb { ECHO, HELLO, FRAGMENTS, PING, CLOSE, AWAIT } verb;

typedef struct step {
    verb verb;
    bool text;
    bool ping;
    size_t bytes;
    int count;
    int code;
    char reason[128];
    size_t parts[PARTS_MAX];
    int parts_count;
} step;

typedef struct test {
    char name[64];
    char protocols[64];
    char select[32];
    step steps[STEPS_MAX];
    int steps_count;
} test;

typedef struct session {
    const test *test;
    int step;
    int sent;      /* messages, or fragments, of this step */
    int received;  /* messages of this step */
    bool ping_due; /* between two fragments */
    int pongs_due;
    bool over;
    uint8_t ping[PONG_BYTES_MAX];
    size_t ping_bytes;
    uint8_t *in;
    size_t in_bytes;
    size_t in_room;
    uint8_t *out; /* LWS_PRE bytes, then this step's message */
    size_t out_bytes;
    bool out_text;
} session;

static test tests[TESTS_MAX];
static int tests_count;
static int playing = -1; /* client: which test has a connection */
static bool next_due;
static bool client_role;
static bool deflate_wanted;
static char answered_protocol[32]; /* client: lws keeps the protocol that it was bound to before the answer */

static void fill(uint8_t *out, size_t size, bool text)
{
    static const char ferry[] = "naru 나루 é 𐍈 ferry ";
    size_t period = sizeof ferry - 1;
    for (size_t i = 0; i < size; i++) {
        out[i] = text ? (uint8_t)ferry[i % period] : (uint8_t)((i % 251) * 7 + 3);
    }
    size_t cut = size;
    while (text && cut > 0 && ((uint8_t)ferry[cut % period] & 0xc0) == 0x80) {
        cut--;
    }
    memset(out + cut, 'x', size - cut);
}

/* ---- the case file ---- */

static size_t sum_parts(step *step, char *sizes)
{
    size_t sum = 0;
    char *save = NULL;
    for (char *word = strtok_r(sizes, ",", &save); word && step->parts_count < PARTS_MAX;
         word = strtok_r(NULL, ",", &save)) {
        step->parts[step->parts_count] = strtoul(word, NULL, 10);
        sum += step->parts[step->parts_count++];
    }
    return sum;
}

static bool parse_step(step *step, const char *line)
{
    char kind[16] = "", sizes[LINE_MAX_BYTES] = "", ping[8] = "";
    *step = (struct step){.count = 1};
    if (sscanf(line, "echo %15s %zu", kind, &step->bytes) == 2 ||
        sscanf(line, "burst %15s %zu %d", kind, &step->bytes, &step->count) == 3) {
        step->verb = ECHO;
    } else if (sscanf(line, "hello %d", &step->count) == 1) {
        step->verb = HELLO;
    } else if (sscanf(line, "fragments %15s %4095s %7s", kind, sizes, ping) >= 2) {
        step->verb = FRAGMENTS;
        step->bytes = sum_parts(step, sizes);
        step->ping = ping[0] != '\0';
    } else if (sscanf(line, "ping %zu", &step->bytes) == 1) {
        step->verb = PING;
    } else if (sscanf(line, "await %d", &step->code) == 1) {
        step->verb = AWAIT;
    } else if (strncmp(line, "close", 5) == 0) {
        step->verb = CLOSE;
        sscanf(line, "close %d %127[^\n]", &step->code, step->reason);
    } else {
        return false;
    }
    step->text = strcmp(kind, "text") == 0 || step->verb == HELLO;
    return true;
}

static void parse_line(const char *line)
{
    if (strncmp(line, "case ", 5) == 0 && tests_count < TESTS_MAX) {
        sscanf(line, "case %63s", tests[tests_count++].name);
        return;
    }
    test *test = &tests[tests_count - 1];
    if (strncmp(line, "protocols ", 10) == 0) {
        sscanf(line, "protocols %63s %31s", test->protocols, test->select);
        return;
    }
    if (test->steps_count == STEPS_MAX || !parse_step(&test->steps[test->steps_count], line)) {
        fprintf(stderr, "lws_peer: cannot read: %s\n", line);
        exit(2);
    }
    test->steps_count++;
}

static void read_cases(const char *path)
{
    static char line[LINE_MAX_BYTES];
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(2);
    }
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        parse_line(line);
    }
    fclose(file);
}

/* ---- playing ---- */

static const step *now(const session *session)
{
    return &session->test->steps[session->step];
}

static void verdict(session *session, const char *word, const char *detail)
{
    if (!session->over) {
        printf("case %s %s %s\n", session->test->name, word, detail);
        fflush(stdout);
    }
    session->over = true;
}

static void prepare_message(session *session)
{
    const step *step = now(session);
    size_t bytes = step->verb == HELLO ? 64 : step->bytes;
    free(session->out);
    session->out = malloc(LWS_PRE + bytes + 1);
    if (!session->out) {
        abort();
    }
    session->out_bytes = bytes;
    session->out_text = step->text;
    if (step->verb == HELLO) {
        session->out_bytes = (size_t)snprintf((char *)session->out + LWS_PRE, bytes,
                                              "hello. This is message number #%d", session->received + 1);
    } else {
        fill(session->out + LWS_PRE, bytes, step->text);
    }
}

static void begin_step(session *session, struct lws *wsi)
{
    session->sent = session->received = 0;
    if (now(session)->verb == AWAIT) {
        printf("await %s\n", session->test->name);
        fflush(stdout);
        return;
    }
    prepare_message(session);
    lws_callback_on_writable(wsi);
}

static void end_step(session *session, struct lws *wsi)
{
    session->step++;
    begin_step(session, wsi);
}

/* The client's lws masks what it is given in place, so each write is of a fresh copy. */
static bool write_copy(struct lws *wsi, const uint8_t *data, size_t size, int how)
{
    uint8_t *copy = malloc(LWS_PRE + size + 1);
    if (!copy) {
        abort();
    }
    memcpy(copy + LWS_PRE, data, size);
    int written = lws_write(wsi, copy + LWS_PRE, size, (enum lws_write_protocol)how);
    free(copy);
    return written >= (int)size;
}

static bool write_ping(session *session, struct lws *wsi, size_t size)
{
    session->ping_bytes = size;
    fill(session->ping, size, false);
    session->pongs_due++;
    return write_copy(wsi, session->ping, size, LWS_WRITE_PING);
}

static bool write_fragment(session *session, struct lws *wsi)
{
    const step *step = now(session);
    size_t at = 0;
    for (int i = 0; i < session->sent; i++) {
        at += step->parts[i];
    }
    bool last = session->sent == step->parts_count - 1;
    int how = session->sent > 0 ? LWS_WRITE_CONTINUATION : step->text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
    size_t size = step->parts[session->sent++];
    session->ping_due = step->ping && !last;
    if (!last) {
        lws_callback_on_writable(wsi);
    }
    return write_copy(wsi, session->out + LWS_PRE + at, size, how | (last ? 0 : LWS_WRITE_NO_FIN));
}

/* Answers what the callback answers: -1 closes. */
static int write_next(session *session, struct lws *wsi)
{
    const step *step = now(session);
    bool good = true;
    if (session->over) {
        return -1;
    }
    if (step->verb == CLOSE) {
        if (!step->code) {
            verdict(session, "unsupported", "a Close without a code");
            return -1;
        }
        lws_close_reason(wsi, (enum lws_close_status)step->code, (unsigned char *)step->reason, strlen(step->reason));
        return -1;
    }
    if (step->verb == PING) {
        good = write_ping(session, wsi, step->bytes);
    } else if (session->ping_due) {
        session->ping_due = false;
        good = write_ping(session, wsi, 12);
        lws_callback_on_writable(wsi);
    } else if (step->verb == FRAGMENTS && session->sent < step->parts_count) {
        good = write_fragment(session, wsi);
    } else if (step->verb == HELLO || (step->verb == ECHO && session->sent < step->count)) {
        session->sent++;
        good =
            write_copy(wsi, session->out + LWS_PRE, session->out_bytes, step->text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY);
        if (step->verb == ECHO && session->sent < step->count) {
            lws_callback_on_writable(wsi);
        }
    }
    if (!good) {
        verdict(session, "fail", "lws_write failed");
        return -1;
    }
    return 0;
}

static int message_done(session *session, struct lws *wsi, bool text)
{
    const step *step = now(session);
    bool same = session->in_bytes == session->out_bytes && text == session->out_text &&
                memcmp(session->in, session->out + LWS_PRE, session->in_bytes) == 0;
    if (!same || step->verb > FRAGMENTS) {
        char detail[128];
        snprintf(detail, sizeof detail, "wanted %zu bytes of %s, got %zu of %s, step %d", session->out_bytes,
                 session->out_text ? "text" : "binary", session->in_bytes, text ? "text" : "binary", session->step + 1);
        verdict(session, "fail", detail);
        return -1;
    }
    session->in_bytes = 0;
    session->received++;
    if (session->received == step->count && session->pongs_due == 0) {
        end_step(session, wsi);
    } else if (step->verb == HELLO) {
        prepare_message(session);
        lws_callback_on_writable(wsi);
    }
    return 0;
}

static int piece(session *session, struct lws *wsi, const void *data, size_t size)
{
    size_t needed = session->in_bytes + size;
    if (needed + 1 > session->in_room) {
        session->in_room = needed * 2 + 1;
        session->in = realloc(session->in, session->in_room);
        if (!session->in) {
            abort();
        }
    }
    if (size > 0) {
        memcpy(session->in + session->in_bytes, data, size);
    }
    session->in_bytes = needed;
    bool last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
    return last ? message_done(session, wsi, !lws_frame_is_binary(wsi)) : 0;
}

static int pong(session *session, struct lws *wsi, const void *data, size_t size)
{
    if (session->pongs_due == 0 || size != session->ping_bytes || memcmp(data, session->ping, size) != 0) {
        verdict(session, "fail", "a pong that was not asked for, or with other bytes");
        return -1;
    }
    session->pongs_due--;
    const step *step = now(session);
    bool all = step->verb == PING || (step->verb == FRAGMENTS && session->received == 1);
    if (session->pongs_due == 0 && all) {
        end_step(session, wsi);
    }
    return 0;
}

static void peer_closes(session *session, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    int code = size >= 2 ? bytes[0] << 8 | bytes[1] : 1005;
    char detail[64];
    snprintf(detail, sizeof detail, "the other side closed with %d", code);
    bool wanted = now(session)->verb == AWAIT && now(session)->code == code;
    verdict(session, wanted ? "ok" : "fail", wanted ? "" : detail);
}

static void closed(session *session)
{
    if (session->test) {
        bool wanted = now(session)->verb == CLOSE;
        verdict(session, wanted ? "ok" : "fail", wanted ? "" : "the connection ended");
    }
    free(session->in);
    free(session->out);
    session->in = session->out = NULL;
    next_due = true;
}

static const test *find_test(struct lws *wsi)
{
    char path[80] = "";
    lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
    for (int i = 0; i < tests_count; i++) {
        if (strcmp(path + 1, tests[i].name) == 0) {
            return &tests[i];
        }
    }
    return NULL;
}

static int established(session *session, struct lws *wsi)
{
    session->test = client_role ? &tests[playing] : find_test(wsi);
    if (!session->test) {
        return -1;
    }
    const char *name = client_role ? answered_protocol : lws_get_protocol(wsi)->name;
    const char *none = client_role ? "" : "default";
    if (strcmp(session->test->select[0] ? session->test->select : none, name) != 0) {
        verdict(session, "fail", name);
        return -1;
    }
    begin_step(session, wsi);
    return 0;
}

/* The server's answer names permessage-deflate exactly when it was asked for; keep what it says of the protocol. */
static int check_answer(struct lws *wsi)
{
    char extensions[256] = "";
    lws_hdr_copy(wsi, extensions, sizeof extensions, WSI_TOKEN_EXTENSIONS);
    answered_protocol[0] = '\0';
    lws_hdr_copy(wsi, answered_protocol, sizeof answered_protocol, WSI_TOKEN_PROTOCOL);
    bool agreed = strstr(extensions, "permessage-deflate") != NULL;
    return agreed == deflate_wanted ? 0 : -1;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
    session *session = user;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
        return check_answer(wsi);
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        return established(session, wsi);
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return write_next(session, wsi);
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return piece(session, wsi, in, size);
    case LWS_CALLBACK_RECEIVE_PONG:
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        return pong(session, wsi, in, size);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        peer_closes(session, in, size);
        return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLIENT_CLOSED:
        closed(session);
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        printf("case %s fail no connection: %.*s\n", tests[playing].name, (int)size, in ? (const char *)in : "");
        fflush(stdout);
        next_due = true;
        return 0;
    default:
        return 0;
    }
}

/* ---- both roles ---- */

static const struct lws_protocols server_protocols[] = {
    {"default", on_event, sizeof(session), 65536, 0, NULL, 0},
    {"chat.v1", on_event, sizeof(session), 65536, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};
static const struct lws_protocols client_protocols[] = {
    {"default", on_event, sizeof(session), 65536, 0, NULL, 0},
    {"chat.v1", on_event, sizeof(session), 65536, 0, NULL, 0},
    {"chat.v2", on_event, sizeof(session), 65536, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static const char *deflate_offer(const char *mode)
{
    return strcmp(mode, "no-takeover") == 0
               ? "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
               : "permessage-deflate; client_max_window_bits";
}

static void connect_next(struct lws_context *context, const char *host, int port, bool tls)
{
    struct lws_client_connect_info info = {.context = context};
    char path[80];
    playing++;
    snprintf(path, sizeof path, "/%s", tests[playing].name);
    info.address = host;
    info.host = host;
    info.port = port;
    info.path = path;
    info.ssl_connection = tls ? LCCSCF_USE_SSL : 0;
    info.protocol = tests[playing].protocols[0] ? tests[playing].protocols : NULL;
    info.local_protocol_name = info.protocol ? NULL : "default";
    lws_client_connect_via_info(&info);
}

int main(int argc, char **argv)
{
    struct lws_context_creation_info info = {.port = 0};
    const char *url = NULL, *mode = "off", *host = NULL;
    client_role = argc > 1 && strcmp(argv[1], "client") == 0;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--cases") == 0) {
            read_cases(argv[++i]);
        } else if (strcmp(argv[i], "--deflate") == 0) {
            mode = argv[++i];
        } else if (strcmp(argv[i], "--ca") == 0) {
            info.client_ssl_ca_filepath = argv[++i];
        } else if (strcmp(argv[i], "--tls") == 0) {
            info.ssl_cert_filepath = argv[++i];
            info.ssl_private_key_filepath = argv[++i];
        } else {
            url = argv[i];
        }
    }
    deflate_wanted = strcmp(mode, "off") != 0;
    struct lws_extension extensions[] = {
        {"permessage-deflate", lws_extension_callback_pm_deflate, deflate_offer(mode)},
        {NULL, NULL, NULL},
    };
    lws_set_log_level(LLL_ERR, NULL);
    info.iface = "lo";
    info.protocols = client_role ? client_protocols : server_protocols;
    info.extensions = deflate_wanted ? extensions : NULL;
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.port = client_role ? CONTEXT_PORT_NO_LISTEN : 0;
    struct lws_context *context = lws_create_context(&info);
    struct lws_vhost *vhost = context ? lws_create_vhost(context, &info) : NULL;
    if (!vhost) {
        fprintf(stderr, "lws_peer: no context\n");
        return 2;
    }
    char name[64] = "";
    int port = 0;
    bool tls = url && strncmp(url, "wss:", 4) == 0;
    if (client_role) {
        if (!url || sscanf(strstr(url, "//") ? strstr(url, "//") + 2 : url, "%63[^:]:%d", name, &port) != 2) {
            return 2;
        }
        host = name;
        next_due = true;
    } else {
        printf("listening on 127.0.0.1:%d\n", lws_get_vhost_listen_port(vhost));
        fflush(stdout);
    }
    while (lws_service(context, 0) >= 0) {
        if (client_role && next_due && playing + 1 == tests_count) {
            break;
        }
        if (client_role && next_due) {
            next_due = false;
            connect_next(context, host, port, tls);
        }
    }
    lws_context_destroy(context);
    return 0;
}
