"""Plays a case over a connection that stands, from either side, and collects what differed."""
import fnmatch
import itertools
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../wire"))
import suite_deflate
import suite_frames
import suite_limits
import suite_utf8
from conn import short
from frames import CLOSE, WireError, close_payload
from suite_words import E, END, FAIL, S

CLOSE_SECONDS = 3


def cases():
    """All, or those whose names match an argument (with * as in file names)."""
    chosen = sys.argv[1:]
    everything = itertools.chain(*(module.groups() for module in (suite_frames, suite_utf8, suite_limits, suite_deflate)))
    return [case for case in everything if not chosen or any(fnmatch.fnmatch(case.name, name) for name in chosen)]


class Difference(Exception):
    pass


def play(case, conn):
    """None when all went as the case says; else the first difference."""
    try:
        for action in case.actions:
            if isinstance(action, S):
                _send(conn, action)
            elif isinstance(action, E):
                _expect(conn, action.event(), case.seconds)
            elif isinstance(action, FAIL):
                _fail(conn, action.code)
            else:
                _end(conn, action)
        return None
    except (Difference, WireError, AssertionError, UnicodeDecodeError) as error:
        return f"{type(error).__name__ if not isinstance(error, Difference) else ''} {error}".strip()
    finally:
        conn.drop()


def _send(conn, action):
    data = b"".join(frame.to_bytes(conn) for frame in action.frames)
    if action.chop:
        conn.chop(data, action.chop)
    else:
        conn.send(data)


def _expect(conn, wanted, seconds):
    got = conn.event(seconds)
    if got != wanted:
        raise Difference(f"wanted {short(wanted)}, got {short(got)}")


def _over(conn):
    """Both Closes are through: the server ends the stream first (6455 7.1.1), and the client then ends its own side."""
    if conn.role == "server":
        conn.shut()
    got = conn.event(CLOSE_SECONDS)
    if got != ("eof",):
        raise Difference(f"wanted the end of the stream, got {short(got)}")


def _fail(conn, code):
    got = conn.event(CLOSE_SECONDS)
    if got[:2] != ("close", code):
        raise Difference(f"wanted Close {code}, got {short(got)}")
    conn.send_frame(CLOSE, close_payload(code))
    _over(conn)


def _end(conn, action):
    if not action.sent:
        conn.send_frame(CLOSE, close_payload(action.code))
    got = conn.event(CLOSE_SECONDS)
    wanted = None if action.wanted() == -1 else action.wanted()
    if got[:2] != ("close", wanted):
        raise Difference(f"wanted Close {wanted}, got {short(got)}")
    _over(conn)


class Report:
    def __init__(self):
        self.started, self.count, self.bad = time.monotonic(), 0, []
        self.slow = []

    def add(self, case, difference, took):
        self.count += 1
        self.slow.append((took, case.name))
        if difference:
            self.bad.append(case.name)
            print(f"FAIL {case.name:10} {case.title}: {difference}", flush=True)

    def end(self):
        slowest = ", ".join(f"{name} {took:.1f} s" for took, name in sorted(self.slow, reverse=True)[:5])
        print(f"{self.count} cases, {len(self.bad)} FAIL, {time.monotonic() - self.started:.1f} s; slowest: {slowest}")
        return 1 if self.bad or not self.count else 0
