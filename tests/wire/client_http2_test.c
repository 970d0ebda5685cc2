/* A client's WebSocket over HTTP/2, against naru's own server on the same loop: opened, refused, freed at odd moments,
 * and without memory.
 *
 * Not for: other people's servers (tests/interop/http2_test.mjs). Source: RFC 8441. */
#include "wire/client_certificate.h"
#include "wire/server_rig.h"

#include "unit/failing_allocator.h"
#include <naru/client.h>

static char directory[] = "/tmp/naru-tls-XXXXXX";
static char certificate[64];

typedef struct seen {
    naru_client *client;
    unsigned opened, messages, errors, closed;
    bool http2, free_it;
    int http_status;
    uint16_t code;
    char text[64];
} seen;

static void on_open(naru_client *client, void *user)
{
    seen *self = user;
    self->opened++;
    self->http2 = naru_client_is_http2(client);
    (void)naru_client_send(client, NARU_WS_TEXT, naru_span_of("hello"), 0);
}

static void on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    seen *self = user;
    (void)kind;
    self->messages++;
    snprintf(self->text, sizeof self->text, "%.*s", (int)data.size, (const char *)data.data);
    if (self->free_it) {
        naru_client_free(client);
        self->client = NULL;
    } else {
        (void)naru_client_close(client, 1000, (naru_span){NULL, 0});
    }
}

static void on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    seen *self = user;
    (void)client;
    self->errors++;
    self->http_status = failure->http_status;
}

static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    seen *self = user;
    (void)client;
    self->closed++;
    self->code = info->code;
}

static const naru_client_handler handler = {
    .on_open = on_open, .on_message = on_message, .on_error = on_error, .on_close = on_close};

/* A server with TLS, and a client of it under way. */
static void begin(rig *self, seen *what, naru_tls **tls, const char *path, bool http2, const naru_allocator *allocator)
{
    char bound[128] = "", url[160];
    naru_loop_options loop = {.allocator = allocator, .log = rig_log, .log_user = self};
    *self = (rig){.loop = naru_loop_new(&loop)};
    naru_tls_server_options server = {.certificate_file = certificate, .http2 = http2};
    naru_server_options options = {.handshake_timeout_ms = 500, .idle_timeout_ms = 500};
    if (!self->loop || naru_tls_server_new(&server, &tls[0], NULL, 0) != NARU_OK ||
        naru_tls_client_new(&(naru_tls_client_options){.ca_file = certificate}, &tls[1], NULL, 0) != NARU_OK ||
        naru_server_new(self->loop, &options, &self->server) != NARU_OK ||
        naru_server_listen(self->server, "127.0.0.1:0", &(naru_listen_options){.tls = tls[0]}, bound) != NARU_OK) {
        rig_die("cannot listen");
    }
    rig_route_echo(self, "/echo");
    snprintf(url, sizeof url, "wss://localhost:%s%s", strrchr(bound, ':') + 1, path);
    naru_client_options asked = {.tls = tls[1], .http2 = true, .address = bound, .handshake_timeout_ms = 2000};
    naru_status status = naru_client_open(self->loop, url, &asked, &handler, what, &what->client, NULL);
    CHECK(status == NARU_OK || allocator);
    what->closed += status != NARU_OK;
}

static void finish(rig *self, seen *what, naru_tls **tls)
{
    naru_client_free(what->client);
    rig_close(self);
    naru_tls_unref(tls[0]);
    naru_tls_unref(tls[1]);
}

static void run(seen *what, const char *path, bool http2)
{
    rig self;
    naru_tls *tls[2];
    begin(&self, what, tls, path, http2, NULL);
    RIG_UNTIL(&self, what->closed == 1 || (what->free_it && !what->client));
    if (what->free_it) {
        RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
    }
    finish(&self, what, tls);
}

TEST(opened_over_http2)
{
    seen what = {.client = NULL};
    run(&what, "/echo", true);
    CHECK_EQ(what.opened, 1);
    CHECK(what.http2);
    CHECK_STR(what.text, "hello");
    CHECK_EQ(what.errors, 0);
    CHECK_EQ(what.code, 1000);
}

TEST(a_server_without_it)
{
    seen what = {.client = NULL};
    run(&what, "/echo", false);
    CHECK_EQ(what.opened, 1);
    CHECK(!what.http2);
    CHECK_EQ(what.code, 1000);
}

TEST(refused)
{
    seen what = {.client = NULL};
    run(&what, "/nothing", true);
    CHECK_EQ(what.opened, 0);
    CHECK_EQ(what.errors, 1);
    CHECK_EQ(what.http_status, 404);
}

TEST(freed_in_its_own_callback)
{
    seen what = {.client = NULL, .free_it = true};
    run(&what, "/echo", true);
    CHECK_EQ(what.messages, 1);
    CHECK_EQ(what.closed, 0);
}

/* Freed after so many turns of the loop, whatever it was doing. */
TEST(freed_at_any_moment)
{
    for (unsigned turns = 0; turns < 60; turns++) {
        rig self;
        naru_tls *tls[2];
        seen what = {.client = NULL};
        begin(&self, &what, tls, "/echo", true, NULL);
        for (unsigned i = 0; i < turns; i++) {
            CHECK_EQ(naru_loop_turn(self.loop, 1), NARU_OK);
        }
        finish(&self, &what, tls);
    }
}

TEST(without_memory)
{
    bool failed = true;
    for (size_t n = 1; failed; n += 3) {
        failing_allocator memory;
        rig self;
        naru_tls *tls[2];
        seen what = {.client = NULL};
        failing_allocator_init(&memory, 0);
        begin(&self, &what, tls, "/echo", true, &memory.allocator);
        memory.fail_at = memory.calls + n;
        RIG_UNTIL(&self, what.closed == 1);
        failed = memory.failed;
        memory.fail_at = 0;
        finish(&self, &what, tls);
        CHECK_EQ(memory.live_bytes, 0);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {{"opened over HTTP/2", opened_over_http2},
                                       {"a server without it", a_server_without_it},
                                       {"refused", refused},
                                       {"freed in its own callback", freed_in_its_own_callback},
                                       {"freed at any moment", freed_at_any_moment},
                                       {"without memory", without_memory}};
    char pin[45];
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
