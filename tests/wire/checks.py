"""Runs the tests of one raw_*.py file against one `naru echo`, with a control client that echoes all the while.

A test is a function that takes the server and asserts. After each, naru must be alive, its descriptors must be back where
they were, and its memory too, and the control client must not have waited long.
"""
import fnmatch
import sys
import threading
import time
import traceback

from conn import Conn
from frames import TEXT
from program import Echo

SETTLE_SECONDS = 3
MEMORY_SLACK = 3 << 20  # what the C library's allocator keeps of the largest test; it does not grow when all are repeated
CONTROL_SECONDS_MAX = 1.0


class Control:
    """One well-behaved client that sends and waits, and remembers its longest wait."""

    def __init__(self, address):
        self.conn = Conn.open(address)
        self.longest, self.count, self.error, self.ended = 0.0, 0, None, False
        self.waits = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.ended:
                started = time.monotonic()
                text = b"control %d" % self.count
                self.conn.send_frame(TEXT, text)
                event = self.conn.event(10)
                if event != ("text", text):
                    raise AssertionError(f"the control client got {event}")
                took = time.monotonic() - started
                self.waits.append(took)
                self.longest = max(self.longest, took)
                self.count += 1
                time.sleep(0.005)
        except Exception as error:
            self.error = error

    def start_over(self):
        self.longest, self.count, self.waits = 0.0, 0, []

    def wait_for_one(self):
        end = time.monotonic() + CONTROL_SECONDS_MAX
        while self.count == 0 and not self.error and time.monotonic() < end:
            time.sleep(0.002)

    def stop(self):
        self.ended = True
        self.thread.join(15)
        self.conn.close()


class Checks:
    def __init__(self):
        self.tests = []

    def __call__(self, function):
        self.tests.append(function)
        return function

    def main(self, *arguments):
        chosen = sys.argv[1:]
        naru = Echo(*arguments)
        naru.control = Control(naru.address)
        naru.control.wait_for_one()
        naru.baseline = naru.rss()
        bad = 0
        for test in self.tests:
            if not chosen or any(fnmatch.fnmatch(test.__name__, name) for name in chosen):
                bad += not self._run(test, naru)
            if not naru.alive():
                print(f"naru ended with {naru.wait(1)}: {naru.stderr()[-3000:]}")
                return 1
        naru.control.stop()
        memory = naru.rss()
        status = naru.stop()
        print(f"{len(self.tests)} tests, {bad} FAIL, naru's exit status {status}; memory {naru.baseline >> 10} KiB at the "
              f"beginning, {memory >> 10} KiB at the end")
        return 1 if bad or status != 0 else 0

    def _run(self, test, naru):
        naru.control.start_over()
        started, fds = time.monotonic(), naru.fds()
        problem = None
        try:
            test(naru)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}\n" + traceback.format_exc(limit=-3)
        took = time.monotonic() - started
        problem = problem or self._settled(naru, fds)
        control = naru.control
        control.wait_for_one()
        if not problem and (control.error or control.longest > CONTROL_SECONDS_MAX or control.count == 0):
            problem = f"the control client: {control.error or ''} {control.count} echoes, longest wait {control.longest:.3f} s"
        print(f"{'FAIL' if problem else 'ok':4} {test.__name__:62} {took:6.2f} s  control {control.longest * 1000:5.1f} ms"
              + (f"\n     {problem}" if problem else ""), flush=True)
        return not problem

    @staticmethod
    def _settled(naru, fds):
        """Memory is held against the very beginning, so that a little more with each test adds up and is seen."""
        end = time.monotonic() + SETTLE_SECONDS
        memory = naru.baseline
        limit = memory + memory // 20 + MEMORY_SLACK
        while naru.alive():
            open_now, used = naru.fds(), naru.rss()
            if open_now <= fds and used <= limit:
                return None
            if time.monotonic() > end:
                return f"afterwards: {open_now} descriptors instead of {fds}, memory {used >> 10} KiB instead of {memory >> 10} KiB"
            time.sleep(0.02)
        return None
