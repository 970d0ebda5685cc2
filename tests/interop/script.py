"""What every Python peer does: reads the command line and the case file, plays a case over a connection, says how it went.

A connection is an adapter of coroutines: send(kind, data), fragments(kind, parts, ping_between), ping(data) which ends with
its pong, close(code, reason), receive() -> ("text"|"binary", bytes) or ("close", code), and the attribute protocol. What
its library cannot do raises Unsupported. The grammar of a case file is told in cases.py.
"""
import argparse
import asyncio

TEXT = "naru 나루 é 𐍈 ferry ".encode()
BINARY = bytes((i * 7 + 3) & 255 for i in range(251))


class Difference(Exception):
    pass


class Unsupported(Exception):
    pass


class Case:
    def __init__(self, name):
        self.name, self.protocols, self.select, self.steps = name, [], "", []


def payload(kind, size):
    """`size` bytes that no shift or cut leaves equal to themselves; a text is cut at a character and filled up with x."""
    pattern = TEXT if kind == "text" else BINARY
    data = (pattern * (size // len(pattern) + 1))[:size]
    return data.decode("utf-8", "ignore").encode().ljust(size, b"x") if kind == "text" else data


def read_cases(path):
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.rstrip("\n").split(" ")
            if words[0] == "case":
                case = found[words[1]] = Case(words[1])
            elif words[0] == "protocols":
                case.protocols, case.select = words[1].split(","), words[2]
            else:
                case.steps.append(words)
    return found


def brief(item):
    return f"{item[0]} {item[1]}" if item[0] == "close" else f"{item[0]} of {len(item[1])} bytes {item[1][:24]!r}"


async def expect(conn, wanted):
    got = await conn.receive()
    if got != wanted:
        raise Difference(f"wanted {brief(wanted)}, got {brief(got)}")


async def echo(conn, kind, size):
    data = payload(kind, int(size))
    await conn.send(kind, data)
    await expect(conn, (kind, data))


async def fragments(conn, kind, sizes, ping=None):
    sizes = [int(size) for size in sizes.split(",")]
    data, parts, at = payload(kind, sum(sizes)), [], 0
    for size in sizes:
        parts.append(data[at:at + size])
        at += size
    await conn.fragments(kind, parts, ping == "ping")
    await expect(conn, (kind, data))


async def ping(conn, size):
    await conn.ping(payload("binary", int(size)))


async def burst(conn, kind, size, count):
    data = payload(kind, int(size))
    for _ in range(int(count)):
        await conn.send(kind, data)
    for _ in range(int(count)):
        await expect(conn, (kind, data))


async def hello(conn, count):
    for n in range(1, int(count) + 1):
        data = b"hello. This is message number #%d" % n
        await conn.send("text", data)
        await expect(conn, ("text", data))


async def close(conn, code=None, *reason):
    await conn.close(None if code is None else int(code), " ".join(reason))
    await expect(conn, ("close", 1005 if code is None else int(code)))


STEPS = {"echo": echo, "fragments": fragments, "ping": ping, "burst": burst, "hello": hello, "close": close}


async def play(conn, case):
    try:
        if (conn.protocol or "") != case.select:
            raise Difference(f'wanted protocol "{case.select}", got "{conn.protocol}"')
        for verb, *words in case.steps:
            if verb == "await":
                print("await", case.name, flush=True)
                await expect(conn, ("close", int(words[0])))
            else:
                await STEPS[verb](conn, *words)
        print("case", case.name, "ok", flush=True)
    except Unsupported as error:
        print("case", case.name, "unsupported", error, flush=True)
        await conn.close(1000, "")
    except Exception as error:  # whatever a library throws is a result
        print("case", case.name, "fail", f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("client", "server"))
    parser.add_argument("url", nargs="?")
    parser.add_argument("--cases", type=read_cases, required=True)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--ca")
    parser.add_argument("--deflate", default="off", choices=("off", "takeover", "no-takeover", "small-window"))
    return parser.parse_args()


async def play_all(options, connect):
    """connect(options, case) gives the adapter."""
    for case in options.cases.values():
        try:
            conn = await connect(options, case)
        except Exception as error:
            print("case", case.name, "fail", f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
            continue
        await play(conn, case)


def main(connect, serve):
    options = arguments()
    asyncio.run(serve(options) if options.role == "server" else play_all(options, connect))
