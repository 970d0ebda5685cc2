"""The suite with naru as the client: a raw server plays every case against its own `naru echo --connect`, and its exit
status must say how it ended. Arguments choose cases: suite_client.py '6.*'."""
import base64
import socket
import sys
import time

from suite_play import Report, cases, play
from conn import Conn, accept_of
from frames import WireError
from program import NARU, Child
from suite_deflate import Agreement
from suite_words import FAIL

CLEAN, CLOSED, PROTOCOL = 0, 7, 9
EXIT_SECONDS = 5


def accept(listener, case):
    """Take the connection, check the request (6455 4.1), answer it."""
    sock, _ = listener.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    conn = Conn(sock, "server")
    head, rest = conn.read_head()
    if head is None:
        raise AssertionError(f"no request but {rest!r}")
    key = head.get("Sec-WebSocket-Key") or ""
    wrong = [name for name, good in (
        ("request line", head.first == f"GET /{case.name} HTTP/1.1"),
        ("Host", head.all("Host") == ["127.0.0.1:%d" % listener.getsockname()[1]]),
        ("Upgrade", (head.get("Upgrade") or "").lower() == "websocket"),
        ("Connection", "upgrade" in (head.get("Connection") or "").lower()),
        ("Sec-WebSocket-Version", head.all("Sec-WebSocket-Version") == ["13"]),
        ("Sec-WebSocket-Key", len(base64.b64decode(key, validate=True)) == 16),
        ("nothing behind the head", not conn.raw)) if not good]
    if wrong:
        raise AssertionError(f"request with wrong {', '.join(wrong)}: {head.first} {head.fields}")
    offered = head.get("Sec-WebSocket-Extensions")
    if bool(offered) != bool(case.deflate):
        raise AssertionError(f"extensions offered: {offered}")
    extension = f"Sec-WebSocket-Extensions: {case.deflate.answer}\r\n" if case.deflate else ""
    conn.send(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
               f"Sec-WebSocket-Accept: {accept_of(key)}\r\n{extension}\r\n").encode())
    conn.start(case.deflate.codec(Agreement.parse(case.deflate.answer), "server") if case.deflate else None)
    return conn


def wanted_status(case):
    last = case.actions[-1]
    if isinstance(last, FAIL):
        return PROTOCOL
    return CLEAN if last.wanted() in (-1, 1000, 1001) else CLOSED


def play_once(listener, case):
    port = listener.getsockname()[1]
    naru = Child([NARU, "echo", "--connect", f"ws://127.0.0.1:{port}/{case.name}", *(["--deflate"] if case.deflate else [])])
    try:
        difference = play(case, accept(listener, case))
    except (AssertionError, OSError, WireError) as error:
        difference = f"handshake: {error}"
    status = naru.wait(EXIT_SECONDS)
    if status != wanted_status(case):
        difference = f"{difference or ''}; naru's exit status is {status} instead of {wanted_status(case)}".lstrip("; ")
    if difference:
        difference += f"; naru said: {naru.stderr()[-300:].strip()}"
    naru.stop()
    return difference


def main():
    report = Report()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        for case in cases():
            started = time.monotonic()
            report.add(case, play_once(listener, case), time.monotonic() - started)
    return report.end()


sys.exit(main())
