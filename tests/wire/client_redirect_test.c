/* Redirects as they are followed and as they are not, credentials that stay with their origin, cookies and Basic
 * authorization on the wire, URLs of unix sockets; and every allocation refused in turn. */
#include "wire/client_rig.h"

#include "unit/failing_allocator.h"
#include "wire/client_certificate.h"

static char directory[] = "/tmp/naru-redirect-XXXXXX";
static char certificate[64];
static char pin[45];

/* ---- two peers ---------------------------------------------------------------------------------------------- */

enum { HOPS_MAX = 16, REQUEST_BYTES = 4096 };

/* A server that answers each connection's request by its own script: `{here}` and `{there}` are the addresses of this
 * server and the other one, `{accept}` as in the rig. The last answer is given to all that follow. */
typedef struct hop_server {
    naru_loop *loop;
    naru__listener *listener;
    naru_tls *tls;
    char address[128];
    const struct hop_server *other;
    const char *answers[4];
    naru__stream *streams[HOPS_MAX];
    char requests[HOPS_MAX][REQUEST_BYTES];
    size_t count;
} hop_server;

typedef struct hop_place {
    const char *word;
    const char *text;
} hop_place;

static void hop_answer(hop_server *self, size_t index)
{
    char accept[29];
    const char *field = strstr(self->requests[index], "Sec-WebSocket-Key: ");
    char key[25] = "";
    snprintf(key, sizeof key, "%.24s", field ? field + 19 : "");
    naru__ws_accept(naru_span_of(key), accept);
    const hop_place places[] = {{"{accept}", accept}, {"{here}", self->address}, {"{there}", self->other->address}};
    size_t last = 0;
    while (last < 3 && self->answers[last + 1]) {
        last++;
    }
    for (const char *at = self->answers[index < last ? index : last]; *at;) {
        const char *text = NULL;
        size_t skip = 1;
        for (size_t i = 0; i < 3 && !text; i++) {
            skip = strlen(places[i].word);
            text = strncmp(at, places[i].word, skip) == 0 ? places[i].text : NULL;
        }
        naru_span piece = text ? naru_span_of(text) : (naru_span){(const uint8_t *)at, 1};
        CHECK_EQ(naru_buf_append(naru__stream_out(self->streams[index]), piece), NARU_OK);
        at += text ? skip : 1;
    }
    naru__stream_flush_later(self->streams[index]);
}

static size_t hop_index(const hop_server *self, const naru__stream *stream)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->streams[i] == stream) {
            return i;
        }
    }
    abort();
}

static void hop_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    hop_server *self = stream->owner;
    size_t index = hop_index(self, stream);
    char *request = self->requests[index];
    size_t used = strlen(request);
    if (strstr(request, "\r\n\r\n")) {
        return;
    }
    snprintf(request + used, REQUEST_BYTES - used, "%.*s", (int)size, (const char *)bytes);
    if (strstr(request, "\r\n\r\n")) {
        hop_answer(self, index);
    }
}

static void hop_end(naru__stream *stream, naru_status why)
{
    (void)why;
    hop_server *self = stream->owner;
    self->streams[hop_index(self, stream)] = NULL;
    naru__stream_close(stream);
}

static void hop_accepted(naru__listener *listener, int fd, void *user)
{
    static const naru__stream_handler handler = {.on_data = hop_data, .on_end = hop_end};
    (void)listener;
    hop_server *self = user;
    naru__stream *stream =
        self->count < HOPS_MAX ? naru__stream_accept(self->loop, fd, self->tls, &handler, self) : NULL;
    if (!stream) {
        close(fd);
        return;
    }
    self->streams[self->count++] = stream;
}

static bool hop_start(hop_server *self, naru_loop *loop, const hop_server *other, const char *address)
{
    self->loop = loop;
    self->other = other;
    return naru__listener_open(loop, address, false, 0, hop_accepted, self, &self->listener, self->address) == NARU_OK;
}

static void hop_stop(hop_server *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->streams[i]) {
            naru__stream_close(self->streams[i]);
        }
    }
    naru__listener_close(self->listener);
}

/* ---- one client between them -------------------------------------------------------------------------------- */

typedef struct course {
    rig client;
    hop_server here, there;
    bool veto;
    bool frees;
    bool closes;
} course;

static bool note_hop(naru_client *client, const naru_client_hop *hop, void *user)
{
    course *self = (course *)((char *)user - offsetof(course, client));
    CHECK_EQ(naru_client_state(client), NARU_CONNECTING);
    CHECK_BYTES(hop->from, naru_client_url(client));
    rig__note(self->client.events, "hop %u by %d%s", hop->number, hop->http_status,
              hop->drops_credentials ? " dropping" : "");
    if (self->frees) {
        naru_client_free(client);
        self->client.client = NULL;
    }
    if (self->closes) {
        CHECK_EQ(naru_client_close(client, 0, (naru_span){0}), NARU_OK);
    }
    return !self->veto;
}

static naru_client_handler hop_handler(void)
{
    naru_client_handler handler = rig_handler;
    handler.on_redirect = note_hop;
    return handler;
}

static bool course_start(course *self)
{
    self->client.loop = naru_loop_new(&(naru_loop_options){.log = rig__logged});
    return self->client.loop && hop_start(&self->here, self->client.loop, &self->there, "127.0.0.1:0") &&
           hop_start(&self->there, self->client.loop, &self->here, "127.0.0.1:0");
}

static void course_open(course *self, const char *pattern, const naru_client_options *options)
{
    naru_client_handler handler = hop_handler();
    const char *at = strstr(pattern, "{here}");
    snprintf(self->client.url, sizeof self->client.url, "%.*s%s%s", (int)(at - pattern), pattern, self->here.address,
             at + 6);
    CHECK_EQ(naru_client_open(self->client.loop, self->client.url, options, &handler, &self->client,
                              &self->client.client, NULL),
             NARU_OK);
}

static void course_stop(course *self)
{
    naru_client_free(self->client.client);
    hop_stop(&self->here);
    hop_stop(&self->there);
    naru_loop_free(self->client.loop);
}

#define MOVED(status, location)                                                                                        \
    "HTTP/1.1 " status " x\r\nLocation: " location "\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"

/* ---- where they lead ---------------------------------------------------------------------------------------- */

typedef struct lead_case {
    const char *location;
    const char *line; /* of the request that follows; NULL: it is not followed */
    bool there;
    const char *text;
} lead_case;

static const lead_case leads[] = {
    {"/b", "GET /b HTTP/1.1\r\n", false, ""},
    {"b?c=d", "GET /a/b?c=d HTTP/1.1\r\n", false, ""},
    {"../b", "GET /b HTTP/1.1\r\n", false, ""},
    {"?z", "GET /a/x?z HTTP/1.1\r\n", false, ""},
    {"", "GET /a/x?q HTTP/1.1\r\n", false, ""},
    {"#part", "GET /a/x?q HTTP/1.1\r\n", false, ""},
    {"/b#part", "GET /b HTTP/1.1\r\n", false, ""},
    {"ws://{there}/b", "GET /b HTTP/1.1\r\n", true, ""},
    {"http://{there}/b", "GET /b HTTP/1.1\r\n", true, ""},
    {"//{there}/b", "GET /b HTTP/1.1\r\n", true, ""},
    {"ws://evil:pass@{there}/b", "GET /b HTTP/1.1\r\n", true, ""},
    {"WS://{here}", "GET / HTTP/1.1\r\n", false, ""},
    {"/%zz \xc3\xbc", "GET /%zz%20%C3%BC HTTP/1.1\r\n", false, ""},
    {"ftp://{there}/", NULL, false, "a redirect to no place: "},
    {"ws+unix:/tmp/x:/", NULL, false, "a redirect to no place: "},
    {"unix:/tmp/x", NULL, false, "a redirect to no place: "},
    {"javascript:alert(1)", NULL, false, "a redirect to no place: "},
    {"ws://", NULL, false, "a redirect to no place: "},
    {"ws://h:99999/", NULL, false, "a redirect to no place: "},
    {"ws://127.0.0.1:25/", NULL, false, "port 25 is one that browsers refuse"},
};

static void run_lead(const lead_case *one, const char *status)
{
    course self = {.veto = false};
    char answer[400];
    snprintf(answer, sizeof answer, "HTTP/1.1 %s x\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status,
             one->location);
    self.here.answers[0] = answer;
    self.here.answers[1] = GOOD_ANSWER;
    self.there.answers[0] = GOOD_ANSWER;
    fprintf(stderr, "(%s by %s) ", one->location, status);
    REQUIRE(course_start(&self));
    course_open(&self, "ws://{here}/a/x?q", &(naru_client_options){.redirects_max = 3});
    if (one->line) {
        const hop_server *led = one->there ? &self.there : &self.here;
        CHECK(rig_wait(&self.client, self.client.events, "open"));
        size_t last = led->count - 1;
        CHECK_EQ(self.here.count + self.there.count, 2);
        CHECK(strncmp(led->requests[last], one->line, strlen(one->line)) == 0);
        char host[160];
        snprintf(host, sizeof host, "\r\nHost: %s\r\n", led->address);
        CHECK(strstr(led->requests[last], host) != NULL);
        CHECK(strstr(led->requests[last], "Authorization") == NULL);
        CHECK(memmem(naru_client_url(self.client.client).data, naru_client_url(self.client.client).size, "@", 1) ==
              NULL);
    } else {
        CHECK(rig_wait_closed(&self.client));
        CHECK_EQ(self.here.count + self.there.count, 1);
        CHECK(strstr(self.client.text, one->text) != NULL);
        fprintf(stderr, "%s\n", self.client.text);
    }
    course_stop(&self);
}

TEST(where_redirects_lead)
{
    static const char *const statuses[] = {"301", "302", "303", "307", "308"};
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        run_lead(&leads[i], "302");
    }
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        run_lead(&leads[0], statuses[i]);
    }
}

static void run_refusal(const char *answer, uint32_t redirects_max, const char *text)
{
    course self = {.veto = false};
    self.here.answers[0] = answer;
    REQUIRE(course_start(&self));
    course_open(&self, "ws://{here}/", &(naru_client_options){.redirects_max = redirects_max});
    CHECK(rig_wait_closed(&self.client));
    CHECK_STR(self.client.events, "error; close 1006");
    CHECK_EQ(self.client.status, NARU_ERR_REFUSED);
    CHECK(self.client.had_head);
    CHECK(strstr(self.client.text, text) != NULL);
    CHECK_EQ(self.here.count, 1);
    course_stop(&self);
}

TEST(what_is_no_redirect)
{
    run_refusal(MOVED("302", "/b"), 0, "the server answered 302 Found instead of 101; redirects are not followed");
    run_refusal(MOVED("300", "/b"), 5, "; it is no redirect to follow");
    run_refusal(MOVED("304", "/b"), 5, "; it is no redirect to follow");
    run_refusal(MOVED("305", "/b"), 5, "; it is no redirect to follow");
    run_refusal(MOVED("401", "/b"), 5, "the server answered 401 Unauthorized instead of 101");
    run_refusal("HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n", 5, "; it is no redirect to follow");
    run_refusal("HTTP/1.1 302 x\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", 5,
                "; it is no redirect to follow");
}

TEST(loops_end)
{
    course self = {.here.answers = {MOVED("302", "ws://{there}/")}, .there.answers = {MOVED("307", "ws://{there}/")}};
    REQUIRE(course_start(&self));
    course_open(&self, "ws://{here}/", &(naru_client_options){.redirects_max = 4});
    CHECK(rig_wait_closed(&self.client));
    CHECK_STR(self.client.events, "hop 1 by 302 dropping; hop 2 by 307 dropping; hop 3 by 302 dropping; "
                                  "hop 4 by 307 dropping; error; close 1006");
    CHECK_EQ(self.client.status, NARU_ERR_TOO_MANY);
    CHECK_EQ(self.client.phase, NARU_PHASE_HANDSHAKE);
    CHECK_EQ(self.client.http_status, 302);
    CHECK_EQ(self.client.redirects, 4);
    CHECK(self.client.had_head);
    CHECK_STR(self.client.text, "the server answered 302, which is one redirect too many");
    CHECK_EQ(self.here.count + self.there.count, 5);
    course_stop(&self);
}

/* The time is for the whole way. */
TEST(one_timeout_over_all)
{
    course self = {.here.answers = {MOVED("302", "ws://{there}/")}, .there.answers = {"HTTP/1.1 101 x\r\n"}};
    REQUIRE(course_start(&self));
    course_open(&self, "ws://{here}/", &(naru_client_options){.redirects_max = 4, .handshake_timeout_ms = 80});
    CHECK(rig_wait_closed(&self.client));
    CHECK_EQ(self.client.status, NARU_ERR_TIMEOUT);
    CHECK_EQ(self.client.redirects, 1);
    CHECK_STR(self.client.text, "timed out after 80 ms, waiting for the server's answer");
    course_stop(&self);
}

/* ---- the application's say ---------------------------------------------------------------------------------- */

TEST(the_application_may_say_no)
{
    course self = {.here.answers = {MOVED("302", "/b")}, .veto = true};
    REQUIRE(course_start(&self));
    course_open(&self, "ws://{here}/", &(naru_client_options){.redirects_max = 4});
    CHECK(rig_wait_closed(&self.client));
    CHECK_STR(self.client.events, "hop 1 by 302; error; close 1006");
    CHECK_EQ(self.client.status, NARU_ERR_REFUSED);
    CHECK_EQ(self.client.http_status, 302);
    CHECK_EQ(self.here.count, 1);
    course_stop(&self);
}

TEST(the_application_may_free_or_close)
{
    for (int i = 0; i < 4; i++) {
        course self = {.here.answers = {MOVED("302", "/b")}, .veto = i & 1, .frees = i < 2, .closes = i >= 2};
        REQUIRE(course_start(&self));
        course_open(&self, "ws://{here}/", &(naru_client_options){.redirects_max = 4});
        CHECK(rig_wait(&self.client, self.client.events, "hop 1 by 302"));
        rig_settle(&self.client);
        CHECK_STR(self.client.events, i < 2 ? "hop 1 by 302" : "hop 1 by 302; error; close 1006");
        CHECK_EQ(self.here.count, 1);
        course_stop(&self);
    }
}

TEST(nobody_needs_to_ask)
{
    course self = {.here.answers = {MOVED("302", "/b"), GOOD_ANSWER}};
    REQUIRE(course_start(&self));
    snprintf(self.client.url, sizeof self.client.url, "ws://%s/", self.here.address);
    REQUIRE(rig_open(&self.client, &(naru_client_options){.redirects_max = 1}) == NARU_OK);
    CHECK(rig_wait(&self.client, self.client.events, "open"));
    course_stop(&self);
}

/* ---- credentials -------------------------------------------------------------------------------------------- */

static const naru_http_field two_cookies[] = {
    {{(const uint8_t *)"id", 2}, {(const uint8_t *)"s3cret", 6}},
    {{(const uint8_t *)"b", 1}, {(const uint8_t *)"\"2\"", 3}},
};
static const naru_http_field given[] = {
    {{(const uint8_t *)"authorization", 13}, {(const uint8_t *)"Bearer s3cret", 13}},
    {{(const uint8_t *)"COOKIE", 6}, {(const uint8_t *)"id=s3cret", 9}},
    {{(const uint8_t *)"Proxy-Authorization", 19}, {(const uint8_t *)"Basic s3cret", 12}},
    {{(const uint8_t *)"X-Kept", 6}, {(const uint8_t *)"yes", 3}},
};

/* The first origin sees them twice, the other one never; back at the first, they stay dropped. */
static void run_credentials(const char *pattern, const naru_client_options *options, const char *const *secrets)
{
    course self = {.here.answers = {MOVED("302", "ws://{here}/again"), MOVED("302", "ws://{there}/"), GOOD_ANSWER},
                   .there.answers = {MOVED("302", "/same"), MOVED("308", "ws://{there}/back")}};
    REQUIRE(course_start(&self));
    course_open(&self, pattern, options);
    CHECK(rig_wait(&self.client, self.client.events, "open"));
    CHECK_STR(self.client.events, "hop 1 by 302; hop 2 by 302 dropping; hop 3 by 302; hop 4 by 308 dropping; open");
    REQUIRE(self.here.count == 3 && self.there.count == 2);
    for (; *secrets; secrets++) {
        CHECK(strstr(self.here.requests[0], *secrets) != NULL);
        CHECK(strstr(self.here.requests[1], *secrets) != NULL);
    }
    const char *const clean[] = {self.there.requests[0], self.there.requests[1], self.here.requests[2]};
    for (size_t i = 0; i < 3; i++) {
        CHECK(strcasestr(clean[i], "authorization:") == NULL);
        CHECK(strcasestr(clean[i], "cookie:") == NULL);
        CHECK(strstr(clean[i], "s3cret") == NULL);
        CHECK(strstr(clean[i], "bWU6czNjcmV0") == NULL);
        CHECK(!options->fields_count || strstr(clean[i], "X-Kept: yes\r\n") != NULL);
        CHECK(strstr(clean[i], "Origin: http://o.example\r\n") != NULL);
    }
    course_stop(&self);
}

TEST(credentials_stay_with_their_origin)
{
    naru_client_options options = {.redirects_max = 9, .origin = "http://o.example"};
    run_credentials("ws://me:s3cret@{here}/", &options,
                    (const char *const[]){"\r\nAuthorization: Basic bWU6czNjcmV0\r\n", NULL});
    options.fields = given;
    options.fields_count = 4;
    run_credentials("ws://{here}/", &options,
                    (const char *const[]){"\r\nauthorization: Bearer s3cret\r\n", "\r\nCOOKIE: id=s3cret\r\n",
                                          "\r\nProxy-Authorization: Basic s3cret\r\n", "\r\nX-Kept: yes\r\n", NULL});
    options.fields_count = 0;
    options.user = "me";
    options.password = "s3cret";
    options.cookies = two_cookies;
    options.cookies_count = 2;
    run_credentials(
        "ws://you:other@{here}/", &options,
        (const char *const[]){"\r\nAuthorization: Basic bWU6czNjcmV0\r\n", "\r\nCookie: id=s3cret; b=\"2\"\r\n", NULL});
}

/* wss and ws of one host are two origins; the address stands for the first one only. */
TEST(from_wss_to_ws)
{
    naru_tls *server = NULL;
    naru_tls *client = NULL;
    CHECK_EQ(naru_tls_server_new(&(naru_tls_server_options){.certificate_file = certificate}, &server, NULL, 0),
             NARU_OK);
    CHECK_EQ(naru_tls_client_new(&(naru_tls_client_options){.ca_file = certificate}, &client, NULL, 0), NARU_OK);
    course self = {.here.answers = {MOVED("301", "ws://{there}/")}, .here.tls = server, .there.answers = {GOOD_ANSWER}};
    REQUIRE(course_start(&self));
    naru_client_options options = {
        .redirects_max = 1, .tls = client, .user = "me", .password = "s3cret", .address = self.here.address};
    naru_client_handler handler = hop_handler();
    CHECK_EQ(naru_client_open(self.client.loop, "wss://localhost/", &options, &handler, &self.client,
                              &self.client.client, NULL),
             NARU_OK);
    CHECK(rig_wait(&self.client, self.client.events, "open"));
    CHECK_STR(self.client.events, "hop 1 by 301 dropping; open");
    CHECK(strstr(self.here.requests[0], "bWU6czNjcmV0") != NULL);
    CHECK(self.there.count == 1 && strstr(self.there.requests[0], "bWU6czNjcmV0") == NULL);
    course_stop(&self);
    naru_tls_unref(server);
    naru_tls_unref(client);
}

TEST(credentials_are_checked)
{
    static const naru_http_field cookie_field = {{(const uint8_t *)"Cookie", 6}, {(const uint8_t *)"a=b", 3}};
    static const naru_http_field bad_name = {{(const uint8_t *)"a b", 3}, {(const uint8_t *)"c", 1}};
    static const naru_http_field bad_values[] = {
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b;c=d", 5}},
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b\r\nX: y", 7}},
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b c", 3}},
        {{(const uint8_t *)"", 0}, {(const uint8_t *)"c", 1}},
    };
    naru_client_options bad[9] = {
        {.user = "a:b"},
        {.user = "a\n"},
        {.user = "a", .password = "\x7f"},
        {.password = "alone"},
        {.cookies = &bad_name, .cookies_count = 1},
        {.cookies = two_cookies, .cookies_count = 1, .fields = &cookie_field, .fields_count = 1},
        {.user = "a", .fields = given, .fields_count = 1},
    };
    rig self;
    rig_script script = {0};
    REQUIRE(rig_start(&self, &script));
    for (size_t i = 0; i < 7; i++) {
        CHECK_EQ(rig_open(&self, &bad[i]), NARU_ERR_ARGUMENT);
        CHECK(self.client == NULL);
    }
    for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++) {
        CHECK_EQ(rig_open(&self, &(naru_client_options){.cookies = &bad_values[i], .cookies_count = 1}),
                 NARU_ERR_ARGUMENT);
    }
    rig_stop(&self);
}

/* ---- ws+unix ------------------------------------------------------------------------------------------------ */

static void run_unix(const char *pattern, const char *line)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    char address[160];
    char url[300];
    snprintf(address, sizeof address, "unix:%s/a:socket", directory);
    REQUIRE(rig_start_at(&self, &script, address, NULL));
    const char *at = strstr(pattern, "{}");
    snprintf(url, sizeof url, "%.*s%s/a%%3Asocket%s", (int)(at - pattern), pattern, directory, at + 2);
    REQUIRE(naru_client_open(self.loop, url, NULL, &rig_handler, &self, &self.client, NULL) == NARU_OK);
    CHECK(rig_wait(&self, self.events, "open"));
    CHECK(memmem(self.request.data, self.request.end, line, strlen(line)) == (void *)self.request.data);
    CHECK(memmem(self.request.data, self.request.end, "\r\nHost: localhost\r\n", 19) != NULL);
    rig_stop(&self);
}

TEST(unix_urls)
{
    run_unix("ws+unix:{}:/b?c", "GET /b?c HTTP/1.1\r\n");
    run_unix("WS+UNIX://{}:/b", "GET /b HTTP/1.1\r\n");
    run_unix("ws+unix:{}", "GET / HTTP/1.1\r\n");
    run_unix("ws+unix:{}:", "GET / HTTP/1.1\r\n");
    run_unix("ws+unix:{}:?c", "GET /?c HTTP/1.1\r\n");
}

TEST(unix_urls_are_checked)
{
    static const char *const bad[] = {
        "ws+unix:",        "ws+unix:relative:/",        "ws+unix:/a:b", "ws+unix:/a%zz", "ws+unix:/a%00b:/",
        "ws+unix:/a:/b#c", "ws+unix:/a:@evil.example/", "wss+unix:/a:/"};
    rig self;
    rig_script script = {0};
    REQUIRE(rig_start(&self, &script));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *reason = "";
        CHECK_EQ(naru_client_open(self.loop, bad[i], NULL, NULL, NULL, &self.client, &reason), NARU_ERR_ARGUMENT);
        CHECK(reason[0] != '\0' && self.client == NULL);
    }
    const char *reason = "";
    CHECK_EQ(naru_client_open(self.loop, "ws+unix:/a:/", &(naru_client_options){.address = "unix:/b"}, NULL, NULL,
                              &self.client, &reason),
             NARU_ERR_ARGUMENT);
    CHECK_STR(reason, "a ws+unix URL and an address are two places to connect to");
    rig_stop(&self);
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

static void run_with(failing_allocator *memory)
{
    course peers = {.here.answers = {MOVED("302", "/again"), MOVED("302", "http://a:b@{there}/c")},
                    .there.answers = {GOOD_ANSWER "\x81\x02hi"}};
    rig self = {0};
    naru_client_handler handler = rig_handler;
    char url[200];
    REQUIRE(course_start(&peers));
    self.loop = naru_loop_new(&(naru_loop_options){.allocator = &memory->allocator});
    if (self.loop) {
        naru_client_options options = {.redirects_max = 2,
                                       .user = "me",
                                       .cookies = two_cookies,
                                       .cookies_count = 2,
                                       .fields = given + 3,
                                       .fields_count = 1};
        snprintf(url, sizeof url, "ws://%s/", peers.here.address);
        naru_status status = naru_client_open(self.loop, url, &options, &handler, &self, &self.client, NULL);
        CHECK(status == NARU_OK || status == NARU_ERR_MEMORY);
        for (int i = 0; i < 5000 && status == NARU_OK && !self.closed && !strstr(self.events, "text hi"); i++) {
            (void)naru_loop_turn(self.loop, 1);
            (void)naru_loop_turn(peers.client.loop, 0);
        }
        CHECK(memory->failed || strcmp(self.events, "open; text hi") == 0);
        CHECK(status != NARU_OK || self.closed || strstr(self.events, "text hi"));
        naru_client_free(self.client);
        naru_loop_free(self.loop);
    }
    course_stop(&peers);
}

TEST(every_allocation_may_fail)
{
    bool failed = true;
    for (size_t n = 1; failed && n < 500; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        run_with(&memory);
        CHECK_EQ(memory.live_bytes, 0);
        failed = memory.failed;
    }
    CHECK(!failed);
}

TEST(every_allocation_of_a_unix_url_may_fail)
{
    bool failed = true;
    for (size_t n = 1; failed && n < 200; n++) {
        failing_allocator memory;
        naru_client *client = NULL;
        failing_allocator_init(&memory, n);
        naru_loop *loop = naru_loop_new(&(naru_loop_options){.allocator = &memory.allocator});
        if (loop) {
            naru_status status = naru_client_open(loop, "ws+unix:/no%3awhere:/b?c", NULL, NULL, NULL, &client, NULL);
            CHECK_EQ(status, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
            naru_client_free(client);
            naru_loop_free(loop);
        }
        CHECK_EQ(memory.live_bytes, 0);
        failed = memory.failed;
    }
    CHECK(!failed);
}

int main(int argc, char **argv)
{
    const check_test tests[] = {
        {"where redirects lead", where_redirects_lead},
        {"what is no redirect", what_is_no_redirect},
        {"loops end", loops_end},
        {"one timeout over all", one_timeout_over_all},
        {"the application may say no", the_application_may_say_no},
        {"the application may free or close", the_application_may_free_or_close},
        {"nobody needs to ask", nobody_needs_to_ask},
        {"credentials stay with their origin", credentials_stay_with_their_origin},
        {"from wss to ws", from_wss_to_ws},
        {"credentials are checked", credentials_are_checked},
        {"unix URLs", unix_urls},
        {"unix URLs are checked", unix_urls_are_checked},
        {"every allocation may fail", every_allocation_may_fail},
        {"every allocation of a unix URL may fail", every_allocation_of_a_unix_url_may_fail},
    };
    if (!mkdtemp(directory)) {
        return 2;
    }
    snprintf(certificate, sizeof certificate, "%s/good.pem", directory);
    certificate_write(certificate, "DNS:localhost,IP:127.0.0.1", pin);
    int status = check__main(tests, sizeof tests / sizeof tests[0], argc, argv);
    unlink(certificate);
    rmdir(directory);
    return status;
}
