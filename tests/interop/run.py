"""Plays the cases with one real peer, naru as the server or as the client, and prints what came of each.

    run.py PEER server|client

Every case has a deadline; what is listed in peers.py as different must be different. Exit 1 when anything else is.
"""
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../wire"))
import cases
from peers import PEERS
from program import NARU, Child, Echo, certificates

CASE_SECONDS = 20
EXIT_SECONDS = 10
CLEAN, CLOSED = 0, 7
LIMITS = ("--max-message", str(64 << 20))


class Table:
    def __init__(self, peer, role):
        self.peer, self.role, self.rows, self.bad = peer, role, [], 0

    def add(self, variant, case, verdict, detail):
        """verdict: ok, fail or unsupported, as the peer says; here it is held against what is expected."""
        lacks = self.peer.lacks_reason(self.role, variant, case)
        lax = self.peer.lax_reason(self.role, variant, case)
        expected = "unsupported" if lacks else "fail" if lax else "ok"
        word = "ok" if verdict == "ok" else verdict
        if verdict != expected:
            self.bad += 1
            word = "FAIL"
            detail = f"{verdict} {detail}" + (f" (expected {expected}: {lacks or lax})" if expected != "ok" else "")
        elif expected != "ok":
            word, detail = "lacks" if lacks else "lax", f"{lacks or lax}: {detail}"
        self.rows.append((variant, case, word, detail))
        print(f"{word:6} {variant:22} {case:22} {detail}".rstrip(), flush=True)

    def playable(self, variant, listed):
        """Without the cases that are never played, which are noted."""
        for name, _ in listed:
            reason = self.peer.never_reason(self.role, variant, name)
            if reason:
                self.rows.append((variant, name, "never", reason))
                print(f"{'never':6} {variant:22} {name:22} {reason}", flush=True)
        return [(name, steps) for name, steps in listed if not self.peer.never_reason(self.role, variant, name)]

    def end(self):
        good = sum(row[2] == "ok" for row in self.rows)
        print(f"{len(self.rows)} cases: {good} ok, {len(self.rows) - good - self.bad} as listed, {self.bad} FAIL")
        return 1 if self.bad or not self.rows else 0


def variants(peer, role):
    chosen = "chat.v2" if role == "server" else "chat.v1"
    yield "plain", list(cases.plain(chosen)), None
    yield "tls", list(cases.tls()), None
    for mode in peer.deflate:
        yield f"deflate {mode}", list(cases.deflate()), mode
    if role == "server":
        yield "away", list(cases.away()), None


def case_file(listed):
    file = tempfile.NamedTemporaryFile("w", suffix=".cases")
    cases.write(file.name, listed)
    return file


def collect(table, variant, child, names, on_await=None):
    """Read the peer's verdicts on these cases in order; silence past the deadline fails the rest."""
    for at, name in enumerate(names):
        line = child.line(CASE_SECONDS)
        if line == f"await {name}" and on_await:
            on_await()
            line = child.line(CASE_SECONDS)
        words = (line or "").split(" ", 3)
        if words[:2] != ["case", name]:
            table.add(variant, name, "fail", f"the peer said {line!r} within {CASE_SECONDS} s; {child.stderr()[-500:]}")
            for rest in names[at + 1:]:
                table.add(variant, rest, "fail", "not played")
            return
        table.add(variant, name, words[2], words[3] if len(words) > 3 else "")


def naru_serves(table, peer):
    ca, leaf, key = certificates()
    environment = {**os.environ, **peer.environment(ca)} if peer.environment else None
    for variant, listed, mode in variants(peer, "server"):
        arguments = list(LIMITS)
        scheme, extra = "ws", []
        if variant == "tls":
            arguments += ["--tls-cert", leaf, "--tls-key", key]
            scheme, extra = "wss", ["--ca", ca]
        if mode:
            arguments.append("--deflate")
            extra += ["--deflate", mode]
        listed = table.playable(variant, listed)
        naru = Echo(*arguments)
        host = "localhost" if variant == "tls" else "127.0.0.1"
        with case_file(listed) as file:
            url = f"{scheme}://{host}:{naru.port}"
            child = Child([*peer.command, "client", url, "--cases", file.name, *extra], env=environment)
            collect(table, variant, child, [name for name, _ in listed],
                    lambda naru=naru: naru.process.terminate())
            child.stop()
        status = naru.stop()
        if status != 0:
            table.add(variant, "naru's end", "fail", f"exit status {status} after SIGTERM; {naru.stderr()[-500:]}")


def offered(steps):
    return [part for step in steps if step.startswith("protocols ")
            for name in step.split(" ")[1].split(",") for part in ("--protocol", name)]


def naru_connects(table, peer):
    ca, leaf, key = certificates()
    for variant, listed, mode in variants(peer, "client"):
        tls = variant == "tls"
        listed = table.playable(variant, listed)
        with case_file(listed) as file:
            extra = (["--tls", leaf, key] if tls else []) + (["--deflate", mode] if mode else [])
            server = Child([*peer.command, "server", "--cases", file.name, *extra])
            line = server.line(CASE_SECONDS) or ""
            if not line.startswith("listening on "):
                table.add(variant, "start", "fail", f"{line!r}; {server.stderr()[-500:]}")
                server.stop()
                continue
            host = "localhost" if tls else "127.0.0.1"
            url = f"{'wss' if tls else 'ws'}://{host}:{line.rpartition(':')[2]}"
            extra = (["--ca", ca] if tls else []) + (["--deflate"] if mode else [])
            for name, steps in listed:
                naru_connects_once(table, variant, server, name, wanted_status(steps),
                                   [f"{url}/{name}", *LIMITS, *extra, *offered(steps)])
            server.stop()


def wanted_status(steps):
    """naru's exit status, by the code that the peer closes with."""
    words = steps[-1].split(" ")
    return CLEAN if len(words) == 1 or words[1] in ("1000", "1001") else CLOSED


def verdict_on(server, name):
    """The words of the peer's line on this case; lines on earlier ones, which came too late, are passed over."""
    end = time.monotonic() + CASE_SECONDS
    while True:
        line = server.line(max(0, end - time.monotonic()))
        words = (line or "").split(" ", 3)
        if line is None or words[:2] == ["case", name]:
            return words


def naru_connects_once(table, variant, server, name, wanted, arguments):
    naru = Child([NARU, "echo", "--connect", *arguments])
    words = verdict_on(server, name)
    verdict, detail = (words[2], words[3] if len(words) > 3 else "") if words[:2] == ["case", name] else \
        ("fail", f"the peer said nothing within {CASE_SECONDS} s; {server.stderr()[-300:]}")
    status = naru.wait(EXIT_SECONDS)
    if verdict == "ok" and status != wanted:
        verdict, detail = "fail", f"naru's exit status is {status} instead of {wanted}"
    if verdict == "fail":
        detail += f"; naru said: {naru.stderr()[-300:]}"
    naru.stop()
    table.add(variant, name, verdict, detail.replace("\n", " "))


def main():
    name, role = sys.argv[1:]
    peer, started = PEERS[name], time.monotonic()
    if role not in peer.roles:
        sys.exit(f"{name} does not play with naru as the {role}")
    table = Table(peer, role)
    (naru_serves if role == "server" else naru_connects)(table, peer)
    status = table.end()
    print(f"{time.monotonic() - started:.1f} s")
    return status


sys.exit(main())
