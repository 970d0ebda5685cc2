"""What is played over a connection, in the words that every peer understands.

A case file has one step a line:

    case NAME                      begins a case; the peer plays it on a connection to /NAME
    protocols A,B CHOSEN           what the client offers, what must be agreed on
    echo KIND BYTES                send one message (text or binary), wait for the same
    fragments KIND A,B,.. [ping]   one message in fragments of these sizes, a ping after each but the last
    ping BYTES                     wait for the pong with the same bytes
    burst KIND BYTES COUNT         send them all, then wait for them all
    hello COUNT                    "hello. This is message number #N", each after the echo of the one before
    close [CODE [REASON]]          close, and wait for the same code back
    await CODE                     wait until the other side closes with that code
"""
MIB = 1 << 20
KINDS = ("text", "binary")
SIZES = (0, 1, 125, 126, 127, 65535, 65536, 16 * MIB)


def _echoes():
    for kind in KINDS:
        for size in SIZES:
            yield f"{kind}-{size}", [f"echo {kind} {size}", "close 1000"]


def _closes():
    yield "close-without-code", ["echo text 5", "close"]
    for code in (1000, 3000, 4999):
        yield f"close-{code}", ["echo text 5", f"close {code}"]
    yield "close-reason", ["echo text 5", "close 3001 " + "r" * 123]
    yield "close-reason-utf8", ["echo text 5", "close 4000 나루 é"]
    yield "close-at-once", ["close 1000 nothing to say"]


def plain(chosen):
    """The whole list, for a connection without compression."""
    yield from _echoes()
    yield "sequence", [f"echo {kind} {size}" for size in (0, 65536, 1, 65535, 126, 125) for kind in KINDS] + ["close 1000"]
    for kind in KINDS:
        yield f"fragments-{kind}", [f"fragments {kind} 1,0,125,126,0,65536,65535,7,0", "close 1000"]
        yield f"fragments-{kind}-many", [f"fragments {kind} " + ",".join(["3"] * 500), "close 1000"]
    yield "fragments-ping", ["fragments text 10,20,30,40 ping", "echo text 5", "close 1000"]
    yield "ping-empty", ["ping 0", "ping 1", "close 1000"]
    yield "pings", ["ping 1", "ping 124", "ping 125", "echo text 5", "close 1000"]
    yield "burst", ["burst text 100 1000", "burst binary 0 50", "burst binary 5000 50", "close 1000"]
    yield "hello-1000", ["hello 1000", "close 1000"]
    yield "protocol", [f"protocols chat.v2,chat.v1 {chosen}", "echo text 5", "close 1000"]
    yield from _closes()


def tls():
    """What TLS can change: sizes around its records, many small messages, the end of the stream."""
    for kind, size in (("text", 0), ("text", 126), ("binary", 16383), ("binary", 16385), ("text", 65536), ("binary", 16 * MIB)):
        yield f"tls-{kind}-{size}", [f"echo {kind} {size}", "close 1000"]
    yield "tls-burst", ["burst text 100 1000", "burst binary 40000 20", "close 1000"]
    yield "tls-fragments", ["fragments binary 1,16384,16385,0,70000 ping", "close 1000"]
    yield "tls-hello-1000", ["hello 1000", "close 1000"]
    yield "tls-close-reason", ["close 3001 over TLS"]


def deflate():
    """What compression can change: its state from message to message, empty and fragmented messages, the threshold."""
    yield "deflate-empty", ["echo text 0", "echo text 5", "echo binary 0", "close 1000"]
    sizes = (1, 63, 64, 125, 126, 65535, 65536)
    yield "deflate-sizes", [f"echo {kind} {size}" for size in sizes for kind in KINDS] + ["close 1000"]
    yield "deflate-again", ["echo text 2000"] * 20 + ["close 1000"]
    yield "deflate-16-MiB", [f"echo binary {16 * MIB}", "echo text 65536", "close 1000"]
    yield "deflate-fragments", ["fragments text 1,125,70000,10 ping", "echo text 100", "close 1000"]
    yield "deflate-fragments-empty", ["fragments text 1,0,125,70000,0", "echo text 100", "close 1000"]
    yield "deflate-burst", ["burst text 300 300", "close 1000"]
    yield "deflate-hello", ["hello 200", "close 1000"]


def away():
    """The other side is told to stop meanwhile."""
    yield "going-away", ["echo text 5", "await 1001"]


def write(path, cases):
    with open(path, "w", encoding="utf-8") as file:
        for name, steps in cases:
            file.write("\n".join([f"case {name}", *steps]) + "\n")
