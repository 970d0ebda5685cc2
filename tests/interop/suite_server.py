"""The suite with naru as the server: a raw client plays every case. Arguments choose cases: suite_server.py '6.*'."""
import sys
import time

from suite_play import Report, cases, play
from conn import Conn
from frames import WireError
from program import Echo
from suite_deflate import Agreement


def open_conn(address, case):
    if not case.deflate:
        conn = Conn.open(address)
        if conn.head.get("Sec-WebSocket-Extensions") is not None:
            raise AssertionError("an extension that was not offered")
        return conn
    conn = Conn.open(address, fields=[("Sec-WebSocket-Extensions", case.deflate.offer)])
    text = conn.head.get("Sec-WebSocket-Extensions") or ""
    answer = Agreement.parse(text)
    reason = "it was declined" if answer is None else case.deflate.legal(answer)
    if reason:
        raise AssertionError(f"offered {case.deflate.offer}, answered {text!r}: {reason}")
    conn.start(case.deflate.codec(answer, "client"))
    return conn


def main():
    report = Report()
    plain, deflate = Echo(), Echo("--deflate")
    for case in cases():
        started = time.monotonic()
        naru = deflate if case.deflate else plain
        try:
            difference = play(case, open_conn(naru.address, case))
        except (AssertionError, OSError, WireError) as error:
            difference = f"handshake: {error}"
        if not naru.alive():
            difference = f"naru ended with {naru.wait(1)}: {naru.stderr()[-2000:]}"
        report.add(case, difference, time.monotonic() - started)
        if not naru.alive():
            break
    ended = [naru.stop() for naru in (plain, deflate)]
    if ended != [0, 0]:
        print("FAIL naru ended with", ended)
        return 1
    return report.end()


sys.exit(main())
