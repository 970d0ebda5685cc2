/* What an application may decide about Engine.IO sessions, and what it may ask of one: the options' callbacks, limits,
 * ends, back-pressure. What goes over the wire otherwise is held to in tests/interop/engineio.mjs. */
#include "wire/server_rig.h"

typedef struct site {
    rig rig;
    naru_eio_server *eio;
    naru_eio *session; /* the newest */
    naru_request *held;
    unsigned begun, ended, drained, errors, ids;
    naru_eio_close_reason reason;
    naru_eio_connection_error error;
    char said[64], agent[64], query[64];
} site;

static void on_connection(naru_eio *session, void *user)
{
    site *self = user;
    naru_span agent = {0};
    self->session = session;
    self->begun++;
    CHECK(naru_eio_head(session) != NULL);
    if (naru_eio_header(session, "user-agent", &agent)) {
        snprintf(self->agent, sizeof self->agent, "%.*s", (int)agent.size, (const char *)agent.data);
    }
}

static void on_message(naru_eio *session, naru_ws_kind kind, naru_span data, void *user)
{
    site *self = user;
    (void)kind;
    snprintf(self->said, sizeof self->said, "%.*s", (int)data.size, (const char *)data.data);
    if (strcmp(self->said, "close me") == 0) {
        naru_eio_close(session);
        naru_eio_close(session);
        CHECK(!naru_eio_is_open(session));
        CHECK_EQ(naru_eio_send(session, NARU_WS_TEXT, data, 0), NARU_ERR_STATE);
    } else if (strcmp(self->said, "abort me") == 0) {
        naru_eio_abort(session);
    }
}

static void on_drain(naru_eio *session, void *user)
{
    (void)session;
    ((site *)user)->drained++;
}

static void on_close(naru_eio *session, naru_eio_close_reason reason, const char *description, void *user)
{
    site *self = user;
    (void)description;
    CHECK_EQ(naru_eio_user(session) == user, true);
    self->ended++;
    self->reason = reason;
}

static const naru_eio_handler handler = {
    .on_connection = on_connection, .on_message = on_message, .on_drain = on_drain, .on_close = on_close};

static void note_error(naru_request *request, const naru_eio_connection_error *error, void *user)
{
    site *self = user;
    CHECK(naru_request_head(request) != NULL);
    self->errors++;
    self->error = *error;
    self->error.message = NULL;
}

static void site_open(site *self, naru_eio_options options)
{
    options.user = self;
    options.connection_error = note_error;
    memset(self, 0, sizeof *self);
    rig_open(&self->rig, NULL);
    CHECK_EQ(naru_eio_server_new(self->rig.server, &options, &handler, self, &self->eio), NARU_OK);
}

static void site_close(site *self)
{
    naru_eio_server_free(self->eio);
    CHECK_EQ(self->begun, self->ended);
    rig_close(&self->rig);
}

#define OPEN "GET /engine.io/?EIO=4&transport=polling&a=b%20c HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\n\r\n"

/* A request; its body in `text`. Answers the status. */
static int ask(site *self, const char *request, char *text, size_t text_bytes)
{
    peer p;
    answer a = peer_ask(&p, &self->rig, request);
    int status = a.status;
    if (text) {
        snprintf(text, text_bytes, "%s", a.body ? (const char *)a.body : "");
    }
    answer_free(&a);
    peer_close(&p);
    return status;
}

static int of_session(site *self, const char *method, const char *body, char *text, size_t text_bytes)
{
    char request[512];
    naru_span id = naru_eio_id(self->session);
    snprintf(request, sizeof request,
             "%s /engine.io/?EIO=4&transport=polling&sid=%.*s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             method, (int)id.size, (const char *)id.data, strlen(body), body);
    return ask(self, request, text, text_bytes);
}

/* ---- accessors ------------------------------------------------------------------------------------------------ */

TEST(what_a_session_knows)
{
    static site self;
    static const char *const keep[] = {"user-agent"};
    char value[16];
    naru_span agent;
    site_open(&self, (naru_eio_options){.keep_headers = keep, .keep_headers_count = 1});
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    REQUIRE(self.session);
    CHECK_STR(self.agent, "test");
    CHECK(naru_eio_head(self.session) == NULL);
    CHECK(naru_eio_header(self.session, "User-Agent", &agent));
    CHECK_SPAN(agent, "test");
    CHECK(!naru_eio_header(self.session, "Host", &agent));
    CHECK_EQ(naru_eio_id(self.session).size, 20u);
    CHECK_EQ(naru_eio_query_value(self.session, "a", value, sizeof value), NARU_OK);
    CHECK_STR(value, "b c");
    CHECK_EQ(naru_eio_query_value(self.session, "b", value, sizeof value), NARU_ERR_REFUSED);
    CHECK_EQ(naru_eio_query_value(self.session, "transport", value, 4), NARU_ERR_TOO_BIG);
    CHECK_STR(naru_eio_transport_name(self.session), "polling");
    CHECK_EQ(naru_eio_revision(self.session), 4);
    CHECK(memcmp(naru_eio_address(self.session).data, "127.0.0.1:", 10) == 0);
    CHECK(!naru_eio_is_tls(self.session));
    CHECK(naru_eio_server_find(self.eio, naru_eio_id(self.session)) == self.session);
    CHECK(naru_eio_server_find(self.eio, naru_span_of("nobody")) == NULL);
    CHECK_EQ(naru_eio_server_sessions(self.eio), 1u);
    site_close(&self);
    CHECK_EQ(self.reason, NARU_EIO_SERVER_SHUTDOWN);
}

/* ---- decisions ------------------------------------------------------------------------------------------------ */

static void hold(naru_request *request, void *user)
{
    ((site *)user)->held = request;
}

TEST(a_handshake_is_allowed_later)
{
    static site self;
    peer p;
    site_open(&self, (naru_eio_options){.allow_request = hold});
    peer_open(&p, &self.rig);
    peer_send(&p, OPEN);
    RIG_UNTIL(&self.rig, self.held);
    CHECK_EQ(naru_eio_allow(self.eio, self.held, &self), NARU_OK);
    CHECK_EQ(self.begun, 0u); /* not inside the call */
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, 200);
    CHECK_EQ(self.begun, 1u);
    answer_free(&a);
    peer_send(&p, OPEN);
    self.held = NULL;
    RIG_UNTIL(&self.rig, self.held);
    CHECK_EQ(naru_eio_deny(self.eio, self.held, "no \"way\""), NARU_OK);
    a = peer_answer(&p, true);
    CHECK_EQ(a.status, 403);
    CHECK_STR((const char *)a.body, "{\"code\":4,\"message\":\"no \\\"way\\\"\"}");
    CHECK_EQ(self.error.code, NARU_EIO_FORBIDDEN);
    answer_free(&a);
    peer_close(&p);
    site_close(&self);
}

TEST(a_handshake_that_leaves_before_it_is_answered)
{
    static site self;
    peer p;
    site_open(&self, (naru_eio_options){.allow_request = hold});
    peer_open(&p, &self.rig);
    peer_send(&p, RIG_UPGRADE("/engine.io/?EIO=4&transport=websocket"));
    RIG_UNTIL(&self.rig, self.held);
    CHECK_EQ(naru_eio_allow(self.eio, self.held, &self), NARU_OK);
    peer_close(&p);
    RIG_UNTIL(&self.rig, self.ended == 1);
    CHECK_EQ(self.reason, NARU_EIO_TRANSPORT_CLOSE);
    site_close(&self);
}

static bool name_it(naru_request *request, char *out, size_t out_bytes, void *user)
{
    site *self = user;
    (void)request;
    return ++self->ids < 3 ? snprintf(out, out_bytes, "my-id-%u", self->ids) > 0 : false;
}

TEST(ids_of_the_applications_own)
{
    static site self;
    char text[256];
    site_open(&self, (naru_eio_options){.generate_id = name_it});
    CHECK_EQ(ask(&self, OPEN, text, sizeof text), 200);
    CHECK(strstr(text, "\"sid\":\"my-id-1\"") != NULL);
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    CHECK_EQ(ask(&self, OPEN, text, sizeof text), 400);
    CHECK_STR(text, "{\"code\":3,\"message\":\"Bad request\"}");
    CHECK_STR(self.error.context, "ID_GENERATION_ERROR");
    site_close(&self);
}

static bool keep_back(naru_request *request, void *user)
{
    ((site *)user)->held = request;
    return false;
}

TEST(a_request_is_kept_back)
{
    static site self;
    peer p;
    site_open(&self, (naru_eio_options){.use = keep_back});
    peer_open(&p, &self.rig);
    peer_send(&p, OPEN);
    RIG_UNTIL(&self.rig, self.held);
    naru_eio_server_handle(self.eio, self.held);
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, 200);
    answer_free(&a);
    peer_close(&p);
    site_close(&self);
}

static void add_fields(naru_eio *session, naru_request *request, void *user)
{
    (void)user;
    (void)naru_request_add_field(request, "X-Session", naru_span_of(session ? "yes" : "no"));
}

TEST(fields_of_the_applications_own)
{
    static site self;
    peer p;
    site_open(&self, (naru_eio_options){.headers = add_fields});
    answer a = peer_ask(&p, &self.rig, OPEN);
    CHECK_STR(answer_field(&a, "X-Session"), "yes");
    answer_free(&a);
    peer_send(&p, "GET /engine.io/?EIO=4 HTTP/1.1\r\nHost: a\r\n\r\n");
    a = peer_answer(&p, true);
    CHECK_STR(answer_field(&a, "X-Session"), "no");
    answer_free(&a);
    peer_close(&p);
    a = peer_ask(&p, &self.rig, RIG_UPGRADE("/engine.io/?EIO=4&transport=websocket"));
    CHECK_STR(answer_field(&a, "X-Session"), "yes");
    answer_free(&a);
    peer_close(&p);
    site_close(&self);
}

#define FROM(origin, more)                                                                                             \
    "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nOrigin: " origin "\r\n" more "\r\n"
#define UPGRADE_FROM(origin)                                                                                           \
    "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "Origin: " origin "\r\n\r\n"

static void expect_fields(site *self, const char *request, int status, const char *origin, const char *vary)
{
    peer p;
    answer a = peer_ask(&p, &self->rig, request);
    CHECK_EQ(a.status, status);
    CHECK_STR(answer_field(&a, "Access-Control-Allow-Origin"), origin);
    CHECK_STR(answer_field(&a, "Vary"), vary);
    CHECK_STR(answer_field(&a, "Access-Control-Allow-Credentials"), *vary ? "true" : "");
    answer_free(&a);
    peer_close(&p);
}

TEST(pages_of_other_origins)
{
    static site self;
    static const char *const origins[] = {"http://one.example", "http://two.example"};
    site_open(&self, (naru_eio_options){0});
    expect_fields(&self, FROM("http://one.example", ""), 200, "", "");
    CHECK_EQ(ask(&self, UPGRADE_FROM("http://one.example"), NULL, 0), 403);
    CHECK_EQ(ask(&self, UPGRADE_FROM("http://naru.test"), NULL, 0), 101);
    site_close(&self);
    site_open(
        &self,
        (naru_eio_options){
            .cors = {
                .origins = origins, .origins_count = 2, .credentials = true, .methods = "GET,POST", .max_age_s = 60}});
    expect_fields(&self, FROM("http://two.example", ""), 200, "http://two.example", "Origin");
    expect_fields(&self, FROM("http://three.example", ""), 200, "", "Origin");
    expect_fields(&self, "GET /engine.io/?EIO=4 HTTP/1.1\r\nHost: a\r\nOrigin: http://one.example\r\n\r\n", 400,
                  "http://one.example", "Origin");
    expect_fields(&self, "OPTIONS /engine.io/ HTTP/1.1\r\nHost: a\r\nOrigin: http://one.example\r\n\r\n", 204,
                  "http://one.example", "Origin, Access-Control-Request-Headers");
    CHECK_EQ(ask(&self, UPGRADE_FROM("http://two.example"), NULL, 0), 101);
    CHECK_EQ(ask(&self, UPGRADE_FROM("http://three.example"), NULL, 0), 403);
    site_close(&self);
}

/* ---- limits --------------------------------------------------------------------------------------------------- */

TEST(sessions_of_one_address)
{
    static site self;
    site_open(&self, (naru_eio_options){.address_polling_max = 2, .address_limits_loopback = true});
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 429);
    naru_eio_abort(self.session);
    RIG_UNTIL(&self.rig, self.ended == 1);
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    site_close(&self);
}

TEST(sessions_of_all)
{
    static site self;
    site_open(&self, (naru_eio_options){.sessions_max = 1});
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 503);
    site_close(&self);
}

TEST(only_one_transport)
{
    static site self;
    char text[256];
    site_open(&self, (naru_eio_options){.transports = NARU_EIO_POLLING});
    CHECK_EQ(ask(&self, OPEN, text, sizeof text), 200);
    CHECK(strstr(text, "\"upgrades\":[]") != NULL);
    CHECK_EQ(ask(&self, RIG_UPGRADE("/engine.io/?EIO=4&transport=websocket"), NULL, 0), 400);
    CHECK_EQ(self.error.code, NARU_EIO_UNKNOWN_TRANSPORT);
    site_close(&self);
    site_open(&self, (naru_eio_options){0});
    CHECK_EQ(ask(&self, "GET /engine.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 0), 400);
    CHECK_EQ(self.error.code, NARU_EIO_UNSUPPORTED_PROTOCOL_VERSION);
    site_close(&self);
}

TEST(back_pressure_over_polling)
{
    static site self;
    char text[2048];
    static const char kilo[1001] = {0};
    naru_span data = {(const uint8_t *)kilo, 1000};
    site_open(&self, (naru_eio_options){.queue_bytes_max = 3000, .queue_high_bytes = 1500});
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    CHECK(!naru_eio_writable(self.session));
    CHECK_EQ(naru_eio_send(self.session, NARU_WS_BINARY, data, 0), NARU_OK);
    CHECK_EQ(naru_eio_send(self.session, NARU_WS_BINARY, data, 0), NARU_FULL);
    CHECK_EQ(naru_eio_send(self.session, NARU_WS_BINARY, data, 0), NARU_ERR_TOO_BIG);
    CHECK(naru_eio_queued_bytes(self.session) >= 2000);
    CHECK_EQ(of_session(&self, "GET", "", text, sizeof text), 200);
    CHECK_EQ(self.drained, 1u);
    CHECK_EQ(naru_eio_queued_bytes(self.session), 0u);
    CHECK_EQ(naru_eio_send(self.session, NARU_WS_TEXT, naru_span_of("\xff"), 0), NARU_ERR_UTF8);
    site_close(&self);
}

/* ---- ends ----------------------------------------------------------------------------------------------------- */

TEST(the_application_closes)
{
    static site self;
    char text[64];
    site_open(&self, (naru_eio_options){0});
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    char id[64];
    snprintf(id, sizeof id, "%.*s", (int)naru_eio_id(self.session).size, (const char *)naru_eio_id(self.session).data);
    CHECK_EQ(naru_eio_send(self.session, NARU_WS_TEXT, naru_span_of("bye"), 0), NARU_OK);
    CHECK_EQ(of_session(&self, "POST", "4close me", text, sizeof text), 200);
    CHECK_EQ(self.ended, 1u);
    CHECK_EQ(self.reason, NARU_EIO_FORCED_CLOSE);
    char request[256];
    snprintf(request, sizeof request, "GET /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n\r\n", id);
    CHECK_EQ(ask(&self, request, text, sizeof text), 200);
    CHECK_STR(text, "4bye"); /* a client that met the end in the same answer would lose the message */
    CHECK_EQ(ask(&self, request, text, sizeof text), 200);
    CHECK_STR(text, "6\x1e"
                    "1");
    CHECK_EQ(ask(&self, request, text, sizeof text), 400);
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    CHECK_EQ(of_session(&self, "POST", "4abort me", text, sizeof text), 200);
    CHECK_EQ(self.ended, 2u);
    site_close(&self);
}

TEST(the_application_closes_a_websocket)
{
    static site self;
    peer p;
    site_open(&self, (naru_eio_options){0});
    CHECK(peer_upgrade(&p, &self.rig, RIG_UPGRADE("/engine.io/?EIO=4&transport=websocket")));
    peer_text(&p, "4close me");
    RIG_UNTIL(&self.rig, self.ended == 1);
    CHECK_EQ(self.reason, NARU_EIO_FORCED_CLOSE);
    peer_wait_bytes(&p, 2 + 112 + 2);
    CHECK(p.size >= 2 && p.data[p.size - 2] == 0x88 && p.data[p.size - 1] == 0); /* a Close without a code */
    peer_close(&p);
    site_close(&self);
}

TEST(the_path_outlives_the_server_on_it)
{
    static site self;
    peer p, other;
    site_open(&self, (naru_eio_options){0});
    CHECK(peer_upgrade(&p, &self.rig, RIG_UPGRADE("/engine.io/?EIO=4&transport=websocket")));
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 200);
    char request[256];
    naru_span id = naru_eio_id(self.session);
    snprintf(request, sizeof request, "GET /engine.io/?EIO=4&transport=polling&sid=%.*s HTTP/1.1\r\nHost: a\r\n\r\n",
             (int)id.size, (const char *)id.data);
    peer_open(&other, &self.rig);
    peer_send(&other, request);
    RIG_UNTIL(&self.rig, naru_eio_writable(self.session));
    naru_eio_server_free(self.eio);
    self.eio = NULL;
    CHECK_EQ(self.ended, 2u);
    answer a = peer_answer(&other, true);
    CHECK_STR((const char *)a.body, "1");
    answer_free(&a);
    peer_wait_end(&p);
    CHECK_EQ(ask(&self, OPEN, NULL, 0), 404);
    peer_close(&p);
    peer_close(&other);
    site_close(&self);
}

TEST_MAIN({"what a session knows", what_a_session_knows},
          {"a handshake is allowed later", a_handshake_is_allowed_later},
          {"a handshake that leaves before it is answered", a_handshake_that_leaves_before_it_is_answered},
          {"ids of the application's own", ids_of_the_applications_own},
          {"a request is kept back", a_request_is_kept_back},
          {"fields of the application's own", fields_of_the_applications_own},
          {"pages of other origins", pages_of_other_origins}, {"sessions of one address", sessions_of_one_address},
          {"sessions of all", sessions_of_all}, {"only one transport", only_one_transport},
          {"back-pressure over polling", back_pressure_over_polling},
          {"the application closes", the_application_closes},
          {"the application closes a websocket", the_application_closes_a_websocket},
          {"the path outlives the server on it", the_path_outlives_the_server_on_it})
