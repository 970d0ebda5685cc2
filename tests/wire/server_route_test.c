/* Routes by pattern: parameters, stars, subprotocols, and the order in which they are looked at. */
#include "wire/memory_rig.h"

/* Each route is known by its name, which the answer carries with the parameters that were asked for. */
static void on_named(naru_request *request, void *user)
{
    static const char *const names[] = {"id", "user", "*", "none"};
    char text[512];
    int size = snprintf(text, sizeof text, "%s", (const char *)user);
    for (size_t i = 0; i < 4; i++) {
        naru_span value;
        if (naru_request_param(request, names[i], &value)) {
            size += snprintf(text + size, sizeof text - (size_t)size, " %s=%.*s", names[i], (int)value.size,
                             (const char *)value.data);
        }
    }
    CHECK_EQ(naru_request_respond(request, 200, NULL, naru_span_of(text)), NARU_OK);
}

static char third[] = "third", plain[] = "x";

static void named(rig *self, const char *path)
{
    CHECK_EQ(naru_server_route_http(self->server, path, on_named, (void *)(uintptr_t)path), NARU_OK);
}

/* What is answered to GET of the path; static until the next call. */
static const char *got(rig *self, const char *path)
{
    static char text[512];
    char request[9000];
    peer p;
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    answer a = peer_ask(&p, self, request);
    if (a.status == 200) {
        snprintf(text, sizeof text, "%s", (const char *)a.body);
    } else {
        snprintf(text, sizeof text, "%d", a.status);
    }
    answer_free(&a);
    peer_close(&p);
    return text;
}

TEST(parameters_stand_for_one_segment)
{
    rig self;
    rig_open(&self, NULL);
    named(&self, "/rooms/{id}");
    named(&self, "/rooms/{id}/of/{user}");
    named(&self, "/files/{id}/*");
    CHECK_STR(got(&self, "/rooms/7"), "/rooms/{id} id=7");
    CHECK_STR(got(&self, "/rooms/a%20b%2e"), "/rooms/{id} id=a b.");
    CHECK_STR(got(&self, "/rooms/7/of/ann"), "/rooms/{id}/of/{user} id=7 user=ann");
    CHECK_STR(got(&self, "/files/x/y/z"), "/files/{id}/* id=x *=y/z");
    CHECK_STR(got(&self, "/files/x/"), "/files/{id}/* id=x *=");
    CHECK_STR(got(&self, "/files/x"), "404");
    CHECK_STR(got(&self, "/rooms/"), "404");
    CHECK_STR(got(&self, "/rooms"), "404");
    CHECK_STR(got(&self, "/rooms/7/"), "404");
    CHECK_STR(got(&self, "/rooms/7/of/"), "404");
    CHECK_STR(got(&self, "/rooms/a%2fb"), "404"); /* decoded first: two segments */
    CHECK_STR(got(&self, "/files//y"), "404");
    rig_close(&self);
}

TEST(literal_before_parameter_before_star)
{
    static const char *const paths[] = {"*", "/*", "/a/{id}", "/a/*", "/a/b", "/{id}/b/c", "/a/{id}/d", "/a/b/*"};
    for (int backwards = 0; backwards < 2; backwards++) {
        rig self;
        rig_open(&self, NULL);
        for (size_t i = 0; i < 8; i++) {
            named(&self, paths[backwards ? 7 - i : i]);
        }
        CHECK_STR(got(&self, "/a/b"), "/a/b");
        CHECK_STR(got(&self, "/a/x"), "/a/{id} id=x");
        CHECK_STR(got(&self, "/a/"), "/a/* *=");
        CHECK_STR(got(&self, "/a/x/y"), "/a/* *=x/y");
        CHECK_STR(got(&self, "/a/b/c"), "/a/b/* *=c"); /* literal from the left, although /{id}/b/c fits too */
        CHECK_STR(got(&self, "/z/b/c"), "/{id}/b/c id=z");
        CHECK_STR(got(&self, "/a/b/d"), "/a/b/* *=d");
        CHECK_STR(got(&self, "/a/c/d"), "/a/{id}/d id=c");
        CHECK_STR(got(&self, "/z"), "/* *=z");
        CHECK_STR(got(&self, "/"), "/* *=");
        rig_close(&self);
    }
}

TEST(a_later_route_replaces_the_same_pattern)
{
    rig self;
    rig_open(&self, NULL);
    named(&self, "/r/{id}");
    named(&self, "/r/{user}");
    CHECK_STR(got(&self, "/r/5"), "/r/{user} user=5");
    CHECK_EQ(naru_server_route_http(self.server, "/r/{id}", on_named, third), NARU_OK);
    CHECK_STR(got(&self, "/r/5"), "third id=5");
    rig_close(&self);
}

TEST(what_is_no_pattern)
{
    static const char *const bad[] = {"",       "x",      "{id}",         "/a/{}",      "/a/{1x}", "/a/x{id}",
                                      "/{id}x", "/{i-d}", "/{id}/b/{id}", "/a}",        "/{a",     "/{a}*",
                                      "/a*",    "**",     "/{id }",       "/a/{{id}}/b"};
    static const char *const good[] = {"/", "*", "/*", "/{id}", "/{id}/{user}/*", "/{_a1}", "//", "/a*b"};
    rig self;
    rig_open(&self, NULL);
    naru_ws_route route = {.handler = rig_echo};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(naru_server_route_ws(self.server, bad[i], &route, &self), NARU_ERR_ARGUMENT);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_EQ(naru_server_route_ws(self.server, good[i], &route, &self), NARU_OK);
    }
    char deep[300] = "";
    for (int i = 0; i < 64; i++) {
        snprintf(deep + 2 * i, sizeof deep - 2 * (size_t)i, "/a");
    }
    CHECK_EQ(naru_server_route_ws(self.server, deep, &route, &self), NARU_OK);
    snprintf(deep + 128, sizeof deep - 128, "/a");
    CHECK_EQ(naru_server_route_ws(self.server, deep, &route, &self), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_server_route_files(self.server, "/{id}/*", "/"), NARU_ERR_ARGUMENT);
    naru_ws_route empty = {.protocols_required = true};
    CHECK_EQ(naru_server_route_ws(self.server, "/p", &empty, &self), NARU_ERR_ARGUMENT);
    rig_close(&self);
}

/* ---- subprotocols --------------------------------------------------------------------------------------------- */

static int upgraded(rig *self, const char *path, const char *protocols, char *protocol_out)
{
    char request[1024];
    peer p;
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "%s\r\n", path, protocols);
    answer a = peer_ask(&p, self, request);
    snprintf(protocol_out, 64, "%.63s", answer_field(&a, "Sec-WebSocket-Protocol"));
    answer_free(&a);
    peer_close(&p);
    return a.status;
}

TEST(routes_by_subprotocol)
{
    static const char *const chat[] = {"chat.v2", "chat.v1", NULL}, *const game[] = {"game", NULL};
    rig self;
    char protocol[64];
    rig_open(&self, NULL);
    naru_ws_route route = {.handler = rig_echo, .protocols = chat, .protocols_required = true};
    CHECK_EQ(naru_server_route_ws(self.server, "/s", &route, &self), NARU_OK);
    route.protocols = game;
    CHECK_EQ(naru_server_route_ws(self.server, "/s", &route, &self), NARU_OK);
    CHECK_EQ(upgraded(&self, "/s", "Sec-WebSocket-Protocol: x, chat.v1\r\n", protocol), 101);
    CHECK_STR(protocol, "chat.v1");
    CHECK_EQ(upgraded(&self, "/s", "Sec-WebSocket-Protocol: game\r\nSec-WebSocket-Protocol: x\r\n", protocol), 101);
    CHECK_STR(protocol, "game");
    CHECK_EQ(upgraded(&self, "/s", "Sec-WebSocket-Protocol: game, chat.v2\r\n", protocol), 101);
    CHECK_STR(protocol, "chat.v2"); /* the route that was added first */
    CHECK_EQ(upgraded(&self, "/s", "Sec-WebSocket-Protocol: Game\r\n", protocol), 400);
    CHECK_EQ(upgraded(&self, "/s", "", protocol), 400);
    CHECK_EQ(upgraded(&self, "/t", "Sec-WebSocket-Protocol: game\r\n", protocol), 404);
    naru_ws_route rest = {.handler = rig_echo};
    CHECK_EQ(naru_server_route_ws(self.server, "/*", &rest, &self), NARU_OK); /* less special, so it comes after */
    CHECK_EQ(upgraded(&self, "/s", "Sec-WebSocket-Protocol: game\r\n", protocol), 101);
    CHECK_STR(protocol, "game");
    CHECK_EQ(upgraded(&self, "/s", "Sec-WebSocket-Protocol: other\r\n", protocol), 101);
    CHECK_STR(protocol, "");
    CHECK_EQ(naru_server_route_ws(self.server, "/s", &rest, &self), NARU_OK);
    CHECK_EQ(upgraded(&self, "/s", "Sec-WebSocket-Protocol: game\r\n", protocol), 101);
    CHECK_STR(protocol, "game");
    CHECK_STR(got(&self, "/s"), "426");
    rig_close(&self);
}

/* ---- many, and hostile ---------------------------------------------------------------------------------------- */

enum { MANY = 5000, DEPTH = 12 };

TEST(thousands_of_routes)
{
    static char paths[MANY][32];
    rig self;
    rig_open(&self, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(paths[i], sizeof paths[i], "/r/%d/{id}", i);
        named(&self, paths[i]);
    }
    for (int i = 0; i < MANY; i += 499) {
        char path[64], expected[64];
        snprintf(path, sizeof path, "/r/%d/x", i);
        snprintf(expected, sizeof expected, "/r/%d/{id} id=x", i);
        CHECK_STR(got(&self, path), expected);
    }
    CHECK_STR(got(&self, "/r/5000/x"), "404");
    rig_close(&self);
}

/* Each level may be taken two ways, and only the last segment tells that none was right. A match that went back and
 * forth over a path of 4000 segments would not end. */
TEST(no_path_makes_matching_slow)
{
    rig self;
    rig_open(&self, NULL);
    for (unsigned ways = 0; ways < 64; ways++) {
        char path[256];
        size_t size = 0;
        for (int level = 0; level < DEPTH; level++) {
            bool literal = level < 6 && (ways >> level & 1);
            size += (size_t)snprintf(path + size, sizeof path - size, literal ? "/a" : "/{p%d}", level);
        }
        snprintf(path + size, sizeof path - size, "/end");
        CHECK_EQ(naru_server_route_http(self.server, path, on_named, plain), NARU_OK);
    }
    char path[8001];
    for (int i = 0; i < 4000; i++) {
        path[2 * i] = '/';
        path[2 * i + 1] = 'a';
    }
    path[8000] = 0;
    uint64_t began = rig_now_ms();
    CHECK_STR(got(&self, path), "404");
    CHECK_STR(got(&self, "/a/a/a/a/a/a/a/a/a/a/a/a/not"), "404");
    CHECK_STR(got(&self, "/a/a/a/a/a/a/a/a/a/a/a/a/end"), "x");
    CHECK(rig_now_ms() - began < RIG_PATIENCE_MS / 2);
    rig_close(&self);
}

TEST(each_allocation_fails_once)
{
    static const char *const paths[] = {"/a/{id}/b", "/a/*", "*", "/x/y/z", "/{id}"};
    bool done = false;
    for (size_t i = 1; !done && i < 200; i++) {
        rig self = {0};
        rig_memory = (memory_rig){0};
        rig_open_on(&self, rig_memory_loop(&self), NULL);
        rig_memory.calls = 0;
        rig_memory.fail_at = i;
        unsigned failed = 0;
        for (size_t k = 0; k < 5; k++) {
            naru_status status = naru_server_route_http(self.server, paths[k], on_named, plain);
            CHECK(status == NARU_OK || status == NARU_ERR_MEMORY);
            failed += status != NARU_OK;
        }
        done = rig_memory.calls < i;
        CHECK(failed == !done);
        rig_memory.fail_at = 0;
        for (size_t k = 0; k < 5; k++) { /* what failed may be tried again */
            CHECK_EQ(naru_server_route_http(self.server, paths[k], on_named, plain), NARU_OK);
        }
        CHECK_STR(got(&self, "/a/5/b"), "x id=5");
        CHECK_STR(got(&self, "/x/y/z"), "x");
        rig_close(&self);
        CHECK_EQ(rig_memory.blocks, 0u);
    }
    CHECK(done);
}

TEST_MAIN({"parameters stand for one segment", parameters_stand_for_one_segment},
          {"literal before parameter before star", literal_before_parameter_before_star},
          {"a later route replaces the same pattern", a_later_route_replaces_the_same_pattern},
          {"what is no pattern", what_is_no_pattern}, {"routes by subprotocol", routes_by_subprotocol},
          {"thousands of routes", thousands_of_routes}, {"no path makes matching slow", no_path_makes_matching_slow},
          {"each allocation fails once", each_allocation_fails_once})
